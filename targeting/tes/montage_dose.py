"""The effect of a montage's field: dose in the target, field elsewhere, focality, and the way into the cortex.

Focality is the volume-weighted mean of |E| over the target divided by the one over all grey matter: 1 for a field that is
the same everywhere, and independent of the current.  Beside it stands the volume of other grey matter that sees more than the
target's mean.

*Which pole acts* depends on whether the field enters the cortex at the target, as under an anode, or leaves it.  The way
into the cortex is the area-weighted mean inward normal of the mid-cortical surface in the target.  Where walls that face
each other cancel (|mean| below ``CLEAR_SHARE`` of the area) or no surface is known, it is the way from the nearest scalp to
the target: what an electrode right over it drives.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from atlases.scalp import Scalp
from atlases.target import Target
from meshes.cortical_surface import Cortex
from meshes.head import HeadMesh
from meshes.tissue_codes import Tissue
from targeting.records.kinds import AtLeastZero, Point, Positive
from targeting.records.pole import OF_CORTEX, OF_SCALP
from targeting.tes.safety import exceeded_in
from targeting.tms.direction import CLEAR_SHARE

PEAK_SHARE = 0.001  # of the grey matter's volume that may exceed the "peak": single elements do not make it
MM3_PER_CM3 = 1000.0


@dataclass(frozen=True)
class MontageDose:
    """What a montage does at its currents, from the field of one solve."""

    montage: Annotated[str, "Name of the montage."]
    total_current_ma: Annotated[Positive, "Sum of the anodes' currents, mA."]
    dose_v_per_m: Annotated[float, "The dose in the target, V/m; what it is stands in `objective`."]
    mean_e_v_per_m: Annotated[AtLeastZero, "Volume-weighted mean of |E| over the target, V/m."]
    max_e_v_per_m: Annotated[AtLeastZero, "Largest |E| in the target, V/m."]
    grey_mean_e_v_per_m: Annotated[AtLeastZero, "Volume-weighted mean of |E| over all grey matter, V/m."]
    peak_e_v_per_m: Annotated[AtLeastZero, "|E| that 0.1 % of the grey matter's volume exceeds, V/m."]
    peak_mm: Annotated[Point, "Where the largest |E| in grey matter is, mm."]
    focality: Annotated[AtLeastZero, "Mean |E| in the target over mean |E| in grey matter."]
    stronger_cm3: Annotated[AtLeastZero, "Grey matter outside the target whose |E| exceeds the target's mean, cm³."]


def montage_dose(
    head: HeadMesh,
    target: Target,
    e_v_per_m: NDArray[np.floating],
    unit: NDArray[np.float64] | None,
    montage: str,
    total_current_ma: float,
) -> MontageDose:
    """Measure a field.

    Parameters
    ----------
    head : HeadMesh
    target : Target
    e_v_per_m : (M, 3) float
        Per tetrahedron, at the montage's currents.
    unit : (3,) float, (m, 3) float or None
        The direction the dose is a component along, one for all or one at each of the target's tetrahedra; None for the
        size of the mean vector.
    montage : str
        Its name.
    total_current_ma : float

    Raises
    ------
    InputError
        If the target holds no tetrahedron.
    """
    tets, weight = target.weights(head)
    e = np.asarray(e_v_per_m, np.float64)
    size = np.linalg.norm(e, axis=1)
    grey = np.flatnonzero(head.tissue == Tissue.GM)
    volumes = head.volumes_mm3[grey]
    in_target = float(weight @ size[tets])
    grey_mean = float(np.average(size[grey], weights=volumes))
    elsewhere = ~np.isin(grey, tets)
    return MontageDose(
        montage=montage,
        total_current_ma=total_current_ma,
        dose_v_per_m=dose_in(e[tets], weight, unit),
        mean_e_v_per_m=in_target,
        max_e_v_per_m=float(size[tets].max()),
        grey_mean_e_v_per_m=grey_mean,
        peak_e_v_per_m=exceeded_in(size[grey], volumes, PEAK_SHARE),
        peak_mm=head.centroids_mm[grey[np.argmax(size[grey])]].tolist(),
        focality=in_target / grey_mean,
        stronger_cm3=float(volumes[elsewhere & (size[grey] > in_target)].sum()) / MM3_PER_CM3,
    )


def dose_in(e_v_per_m: NDArray[np.float64], weight: NDArray[np.float64], unit: NDArray[np.float64] | None) -> float:
    """The dose of a field (m, 3) in a target's tetrahedra of weights (m,); ``unit`` as for :func:`montage_dose`.

    Examples
    --------
    >>> e, half = np.array([[1.0, 0, 0], [0, 1.0, 0]]), np.array([0.5, 0.5])
    >>> dose_in(e, half, np.array([1.0, 0, 0])), dose_in(e, half, e), round(dose_in(e, half, None), 3)
    (0.5, 1.0, 0.707)
    """
    if unit is None:
        return float(np.linalg.norm(weight @ e_v_per_m))
    return float(weight @ (e_v_per_m * unit).sum(1))


@dataclass(frozen=True, eq=False)
class Inward:
    """The way into the cortex at a target: ``unit`` (3,), and what it is ``of``, the "cortex" or the "scalp" over it."""

    unit: NDArray[np.float64]
    of: str


def inward_of(head: HeadMesh, target: Target, cortex: Cortex | None = None) -> Inward:
    """The way into the cortex at a target.

    Parameters
    ----------
    head : HeadMesh
    target : Target
    cortex : Cortex, optional
        The mid-cortical surfaces.
    """
    if cortex is not None:
        area_mm2 = cortex.whole.area_vectors_mm2[target.holds(cortex.whole.points_mm)]
        total = -area_mm2.sum(0)
        length = float(np.linalg.norm(total))
        if length > 0 and length >= CLEAR_SHARE * np.linalg.norm(area_mm2, axis=1).sum():
            return Inward(total / length, OF_CORTEX)
    feet_mm, _ = Scalp.of(head).feet(np.asarray(target.center_mm, dtype=np.float64)[None])
    way = np.asarray(target.center_mm) - feet_mm[0]
    return Inward(way / np.linalg.norm(way), OF_SCALP)
