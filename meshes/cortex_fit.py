"""Check that a given cortical surface belongs to this head: it must run inside this head's grey matter.

A folded cortex is everywhere near *some* grey matter, so reach is kept far below the size of the folds, and a surface that
fits better after a small shift, or mirrored, is told so.  Measured on two real heads (share of vertices more than 25 mm
from the midline that lie in grey matter or within half a millimetre of it): a head's own cortex 1.00, and 0.95 with random
errors of 1.6 mm; moved by 5 mm 0.73 to 0.77; another person's or a template's 0.83 at most; the head's own mirrored 0.88 at
most; a twentieth too large 0.90.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from meshes.cortical_surface import Cortex
from meshes.errors import InputError
from meshes.head import FACES, HeadMesh
from meshes.image_fit import cube_of_shifts
from meshes.tissue_codes import Tissue

REACH_MM = 0.5  # of a vertex from grey matter: a quarter of the cortex's thickness, far below its folds
LEAST_SHARE = 0.91
SIZES = (0.6, 1.5)  # of a hemisphere from front to back, over the grey matter's: other units are far beyond
SURE_SHARE = 0.97  # from here on no better place is looked for
LATERAL_MM = 25.0  # from the midline: nearer to it a hemisphere is closed through what is no cortex
FARTHEST_MM, STEP_MM = 15.0, 3.0  # of the shifts tried, round where it is and round where the middles meet
LEAST_SHIFT_MM, LEAST_GAIN = 1.5, 0.03  # a smaller shift, or one that gains less, is within a segmentation's error
EVEN = 0.003  # shares that differ by less are one
VERTICES, COARSE_VERTICES = 3000, 150  # looked at on each side
NEAREST = 8  # tetrahedra that are asked for each vertex


class GreyMatter:
    """A head's grey matter, to be asked how much of a surface lies in it."""

    def __init__(self, head: HeadMesh) -> None:
        tets = head.tets[head.tissue == Tissue.GM]
        corners = head.points_mm[tets]
        self.middles_mm = corners.mean(axis=1)
        a, b, c = (corners[:, FACES[:, i]] for i in range(3))
        normals = np.cross(b - a, c - a)
        self._normals = normals / np.maximum(np.linalg.norm(normals, axis=-1, keepdims=True), 1e-12)
        self._offsets_mm = np.einsum("tfi,tfi->tf", self._normals, a)
        farthest = np.linalg.norm(corners - self.middles_mm[:, None], axis=2).max(initial=0.0)
        self._reach_mm = float(farthest) + REACH_MM

    @cached_property
    def _tree(self) -> KDTree:
        return KDTree(self.middles_mm)

    def share(self, points_mm: NDArray[np.float64]) -> float:
        """The share of points, (n, 3), that lie in a tetrahedron or within ``REACH_MM`` of its faces' planes."""
        return float(self._shares(points_mm, np.zeros((1, 3)))[0])

    def better_place(self, points_mm: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        """The shift, (3,) mm, after which most of the points lie in grey matter, and that share."""
        coarse = points_mm[:: max(1, len(points_mm) // COARSE_VERTICES)]
        cube = cube_of_shifts(np.arange(-FARTHEST_MM, FARTHEST_MM + 1e-6, STEP_MM))
        to_middle = self._middle_of(points_mm) - points_mm.mean(axis=0)
        shifts = cube if np.linalg.norm(to_middle) < FARTHEST_MM else np.vstack([cube, cube + to_middle])
        fine = shifts[self._shares(coarse, shifts).argmax()] + cube_of_shifts(np.arange(-2.0, 2.1))
        shares = self._shares(points_mm[::3], fine)
        best = fine[shares >= shares.max() - EVEN].mean(
            axis=0
        )  # the middle of a plateau as wide as the cortex is thick
        return self.share(points_mm + best), best

    def _shares(self, points_mm: NDArray[np.float64], shifts_mm: NDArray[np.float64]) -> NDArray[np.float64]:
        """The share after each shift, (s,)."""
        found = []
        for some in np.array_split(shifts_mm, max(1, len(points_mm) * len(shifts_mm) // 50_000)):
            moved = (points_mm + some[:, None]).reshape(-1, 3)
            k = min(NEAREST, len(self.middles_mm))
            near = self._tree.query(moved, k=k, distance_upper_bound=self._reach_mm)[1].reshape(len(moved), -1)
            some_near = np.flatnonzero(near[:, 0] < len(self.middles_mm))
            tets, points = near[some_near], moved[some_near]
            tets = np.where(tets < len(self.middles_mm), tets, tets[:, :1])
            beyond_mm = np.einsum("pkfi,pi->pkf", self._normals[tets], points) - self._offsets_mm[tets]
            within = np.zeros(len(moved), bool)
            within[some_near] = beyond_mm.max(axis=2).min(axis=1) <= REACH_MM
            found.append(within.reshape(len(some), -1).mean(axis=1))
        return np.concatenate(found)

    def _middle_of(self, points_mm: NDArray[np.float64]) -> NDArray[np.float64]:
        """Middle of the grey matter of the hemisphere that the points would be: left or right of the head's middle."""
        across = self.middles_mm[:, 0] - np.median(self.middles_mm[:, 0])
        left = points_mm[:, 0].mean() < np.median(self.middles_mm[:, 0])
        lateral = self.middles_mm[(across < -LATERAL_MM) if left else (across > LATERAL_MM)]
        return np.asarray((lateral if len(lateral) else self.middles_mm).mean(axis=0))


def check_fit(cortex: Cortex, head: HeadMesh, where: str) -> None:
    """Refuse surfaces that are not those of a head.

    Parameters
    ----------
    cortex : Cortex
        Surfaces halfway through the grey matter.
    head : HeadMesh
    where : str
        The folder they came from, for the message.

    Raises
    ------
    InputError
        If they are in another place, mirrored, or another head's.
    """
    grey = GreyMatter(head)
    hemispheres = {side: surface.points_mm for side, surface in cortex.hemispheres.items()}
    midline_mm = float(np.percentile(hemispheres["lh"][:, 0], 98) + np.percentile(hemispheres["rh"][:, 0], 2)) / 2
    lateral = {side: _lateral(points, midline_mm) for side, points in hemispheres.items()}
    for side, points in lateral.items():
        size = float(np.ptp(points[:, 1]) / np.ptp(grey.middles_mm[:, 1]))
        if not SIZES[0] <= size <= SIZES[1]:
            raise InputError(
                f"{side} in {where} is {np.ptp(points[:, 1]):.3g} mm long, {size:.2g} times this head's grey matter; "
                "give surfaces in millimetres made from the same T1"
            )
        share = grey.share(points)
        if share >= SURE_SHARE:
            continue
        fits, shift_mm = grey.better_place(points)
        if fits >= LEAST_SHARE and fits > share + LEAST_GAIN and np.linalg.norm(shift_mm) >= LEAST_SHIFT_MM:
            raise InputError(
                f"{side} in {where} lies about {np.linalg.norm(shift_mm):.0f} mm from this head's grey matter: it is of "
                "another session or another frame; give surfaces made from this head's own T1"
            )
        if share >= LEAST_SHARE:
            continue
        other = lateral["rh" if side == "lh" else "lh"]
        mirrored, _ = grey.better_place(np.array([2 * midline_mm, 0, 0]) + other * [-1, 1, 1])
        if mirrored >= LEAST_SHARE:
            raise InputError(f"the cortex in {where} is mirrored: its left and right are exchanged; make it again")
        raise InputError(
            f"only {share:.0%} of {side} in {where} lies in this head's grey matter: it is not this head's cortex; "
            "give surfaces made from the same T1"
        )


def _lateral(points_mm: NDArray[np.float64], midline_mm: float) -> NDArray[np.float64]:
    """Some vertices of a hemisphere away from the midline; of a surface that has none there, any."""
    far = points_mm[np.abs(points_mm[:, 0] - midline_mm) > LATERAL_MM]
    chosen = far if len(far) > len(points_mm) / 10 else points_mm
    return chosen[:: max(1, len(chosen) // VERTICES)]
