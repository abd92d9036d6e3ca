r"""Distributed targets: optimal currents for a map over the cortex (a network, a t-map).

*Least squares* (after Ruffini et al. 2014, NeuroImage 89:216): with weights w_k = |map_k| × volume and the wanted normal
field y_k = E₀ map_k / max|map|, the mean of (n_k·E_k − y_k)² over the map is a quadratic in the currents.  No current has
the error of the map itself; the value is the error relative to that (1 no better than nothing, 0 the map itself).
*Projection*: the most of Σ w_k sign(map_k) n_k·E_k, the field's weighted mean along the map, is linear: closed form.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from meshes.errors import InputError
from targeting.tes.optimise.intensity import caps_reached, maximum_intensity
from targeting.tes.optimise.limits import Cap, Limits
from targeting.tes.optimise.programme import MA_PER_A, InfeasibleError, Optimum, Programme, at_most, quadratic, settled
from targeting.tes.optimise.region import BLOCK, Region

if TYPE_CHECKING:
    from meshes.cortical_surface import CorticalSurface
    from targeting.tes.leadfield import Leadfield

LEAST_SHARE = 0.05  # of the map's largest size: points below carry too little weight to matter


@dataclass(frozen=True, eq=False)
class Network:
    """Points of a leadfield with what a map wants there.

    Parameters
    ----------
    region : Region
        The points, weighted by the map's size and their volume.
    map_values : (m,) float64
        The map at each, its largest size 1; positive along the normal (into the cortex).
    normals : (m, 3) float64
        Unit inward normals of the cortex.
    """

    region: Region
    map_values: NDArray[np.float64]
    normals: NDArray[np.float64]

    @classmethod
    def of_values(cls, leadfield: Leadfield, values: ArrayLike, normals: ArrayLike, name: str = "network") -> Network:
        """From the map's value (K,) and the inward normal (K, 3) at all points of a leadfield.

        The normals may be :func:`inward_normals`.  A value that is not finite, or a normal of length 0, leaves its point
        out.

        Parameters
        ----------
        leadfield : Leadfield
        values : (K,) float
            Of the map at all points of the leadfield.
        normals : (K, 3) float
            Inward normals of the cortex there; may be :func:`inward_normals`.
        name : str
            For messages.

        Raises
        ------
        InputError
            If the shapes do not fit or nothing of the map lies in the grey matter.
        """
        each, along = np.asarray(values, float), np.asarray(normals, float)
        count = len(leadfield.points_mm)
        if each.shape != (count,) or along.shape != (count, 3):
            raise InputError(f"a network needs a value and a normal at each of the leadfield's {count} points")
        length = np.linalg.norm(along, axis=1)
        each = np.where(np.isfinite(each) & (length > 0), each, 0.0)
        largest = np.abs(each).max(initial=0.0)
        if largest == 0:
            raise InputError(f"the map {name!r} is zero everywhere in the grey matter; is it in the subject's space?")
        points = np.flatnonzero(np.abs(each) > LEAST_SHARE * largest)
        map_values = each[points] / largest
        region = Region(points, np.abs(map_values) * leadfield.volume_mm3[points], name)
        return cls(region, map_values, along[points] / length[points, None])

    @classmethod
    def of_image(cls, leadfield: Leadfield, path: str | Path, normals: ArrayLike) -> Network:
        """From a NIfTI map in the subject's space, interpolated linearly; zero outside the image.

        Raises
        ------
        InputError
            If the image cannot be read or holds nothing in the grey matter.
        """
        return cls.of_values(leadfield, sampled(path, leadfield.points_mm), normals, Path(path).name)


def network_least_squares(
    leadfield: Leadfield,
    network: Network,
    peak_v_per_m: float,
    limits: Limits | None = None,
    avoid: Sequence[Cap] = (),
) -> Optimum:
    """The normal field nearest to a map whose largest value stands for ``peak_v_per_m``.

    Parameters
    ----------
    leadfield : Leadfield
    network : Network
    peak_v_per_m : float
        The field that the map's largest value stands for.
    limits : Limits, optional
    avoid : sequence of Cap
        Caps on the field elsewhere.

    Returns
    -------
    Optimum
        Its value is the weighted mean square error relative to that without current; its dose the weighted mean of the
        normal field along the map's sign, V/m.

    Raises
    ------
    InputError
        For an impossible peak or caps that leave nothing.
    """
    if not (np.isfinite(peak_v_per_m) and peak_v_per_m > 0):
        raise InputError(f"the field for the map's largest value must be above 0 V/m, not {peak_v_per_m:g}")
    limits = limits or Limits()
    region, weights = network.region, network.region.weights
    target = peak_v_per_m * network.map_values
    silence = float(weights @ target**2)
    form, pull = np.zeros((len(leadfield.names),) * 2), np.zeros(len(leadfield.names))
    for first in range(0, len(weights), BLOCK):
        part = slice(first, first + BLOCK)
        rows = leadfield.e_v_per_m_per_a[:, region.points[part]]
        normal = np.einsum("nkd,kd->nk", rows, network.normals[part], dtype=np.float64)
        form += (normal * weights[part]) @ normal.T
        pull += normal @ (weights[part] * target[part])
    slope = 2 * pull / silence / MA_PER_A

    def error(x: Any) -> Any:
        return quadratic(x, form / silence / MA_PER_A**2) - slope @ x + 1

    try:
        found = at_most(Programme(leadfield, limits, error, avoid=avoid))
    except InfeasibleError as failure:
        raise InputError(f"{region.name}: {failure}; allow more electrodes") from failure
    currents = settled(found.currents_a, limits)
    value = float(currents @ form @ currents - 2 * pull @ currents) / silence + 1
    binding = limits.reached(currents) + caps_reached(leadfield, currents, avoid)
    dose = float(_signed_row(leadfield, network) @ currents)
    return Optimum("network", tuple(leadfield.names), currents, dose, value, min(found.bound, value), binding)


def network_projection(
    leadfield: Leadfield, network: Network, limits: Limits | None = None, avoid: Sequence[Cap] = ()
) -> Optimum:
    """The most normal field along a map, weighted by its size; the value is that mean, V/m.

    Parameters
    ----------
    leadfield : Leadfield
    network : Network
    limits : Limits, optional
    avoid : sequence of Cap
        Caps on the field elsewhere.
    """
    along = np.sign(network.map_values)[:, None] * network.normals
    found = maximum_intensity(leadfield, network.region, along, limits, avoid)
    return Optimum(
        "network-projection", found.names, found.currents_a, found.dose_v_per_m, found.value, found.bound, found.binding
    )


def _signed_row(leadfield: Leadfield, network: Network) -> NDArray[np.float64]:
    return network.region.row(leadfield, np.sign(network.map_values)[:, None] * network.normals)


def inward_normals(surface: CorticalSurface, points_mm: NDArray[np.float64]) -> NDArray[np.float64]:
    """The inward unit normal of a cortical surface at the vertex nearest to each point, (n, 3).

    Parameters
    ----------
    surface : CorticalSurface
        The mid-cortical one of both sides (``Cortex.whole``).
    points_mm : (n, 3)
    """
    from scipy.spatial import cKDTree

    return -surface.normals[cKDTree(surface.points_mm).query(points_mm)[1]]


def sampled(path: str | Path, points_mm: NDArray[np.float64]) -> NDArray[np.float64]:
    """A NIfTI map's values at points in RAS mm, (n,), linearly interpolated; 0 outside and where it is not finite.

    Raises
    ------
    InputError
        If the file is missing, is no NIfTI, is not 3D, or its place in the world is not known.
    """
    from scipy.ndimage import map_coordinates

    from meshes.images import open_nifti
    from meshes.world import world_of

    image = open_nifti(path)
    values, to_voxels = image.volume(np.float64), np.linalg.inv(world_of(image).affine_mm)
    voxels = to_voxels[:3, :3] @ points_mm.T + to_voxels[:3, 3:]
    return map_coordinates(np.nan_to_num(values, posinf=0, neginf=0), voxels, order=1, mode="constant")
