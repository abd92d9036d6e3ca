"""The hand knob: the bend of the central sulcus in the hand's part of the motor cortex.

Seen from above, the precentral gyrus bulges backwards there like an omega (or an epsilon), and the floor of the sulcus bends
round the bulge: "the middle knee of the central sulcus" (Yousry 1997, Brain 120:141, abstract).

*The floor* is the way through areas 4, 3a and 3b from the sulcus' medial to its lateral end that stays deepest: the shortest
path on the mid-cortical surface when a step of a given length costs the more the less deep it runs.  *The knob* is where, in
the hand's band, that line bulges backwards most: where it lies farthest behind the chord between the two points of it that are
``HALF_MM`` away along it, seen from above.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import dijkstra
from scipy.spatial import cKDTree

from atlases.areas import area_names, names_at_vertices
from atlases.fslr import group_cortex
from atlases.targets import HEMISPHERES, targets
from meshes.cortical_surface import Cortex, CorticalSurface, edges_of

SULCUS = ("4", "3a", "3b")  # the areas on the two walls of the central sulcus and on its floor
ENDS_MM = ((17.0, -29.0, 58.5), (47.0, -10.0, 28.0))  # of the floor on the group: from the midline, y and z in MNI152
DEEPER_MM = 3.0  # a step so much less deep costs e times as much
STEP_MM, SMOOTH_MM = 1.0, 2.0
HALF_MM = 10.0  # the knob is 14 mm wide (Yousry 1997)
LEAST_BEND_MM = 1.0  # less is a straight sulcus
HAND = "m1-hand"


@dataclass(frozen=True, eq=False)
class HandKnob:
    """The knob of one hemisphere.

    Parameters
    ----------
    floor_mm : (n, 3) float64
        The floor of the central sulcus from its medial to its lateral end, every millimetre.
    place : int
        Which point of it the knob is at.
    bend_mm : float
        How far it lies behind the chord there.
    depth_mm : float
        Sulcal depth there.
    """

    floor_mm: NDArray[np.float64]
    place: int
    bend_mm: float
    depth_mm: float

    @property
    def knob_mm(self) -> NDArray[np.float64]:
        """Where the floor bends, (3,)."""
        return self.floor_mm[self.place]

    def along_mm(self, point_mm: NDArray[np.float64]) -> float:
        """How far along the sulcus, positive outwards, the floor nearest to a point is from the knob."""
        near = int(np.linalg.norm(self.floor_mm - point_mm, axis=1).argmin())
        return (near - self.place) * STEP_MM


def hand_knob(cortex: Cortex, side: str) -> HandKnob | None:
    """The knob of a hemisphere whose folds are known.

    Parameters
    ----------
    cortex : Cortex
    side : {"left", "right"}

    Returns
    -------
    HandKnob or None
        None where the folds are not known, or the sulcus has no bend there.
    """
    hemisphere = HEMISPHERES[side]
    folds = cortex.folds.get(hemisphere)
    if folds is None:
        return None
    central, group = cortex.hemispheres[hemisphere], group_cortex(hemisphere)
    sulcus = np.isin(names_at_vertices(folds, hemisphere), SULCUS)
    way = _deepest_way(central, folds.depth_mm, sulcus, [_end(folds.fslr, sulcus, hemisphere, at) for at in ENDS_MM])
    if len(way) < 3:
        return None
    floor = _even(central.points_mm[way])
    nearest = way[cKDTree(central.points_mm[way]).query(floor)[1]]
    place = cKDTree(group.sphere).query(folds.fslr[nearest])[1]
    away, up = np.abs(group.central.points_mm[place, 0]), group.central.points_mm[place, 2]
    hand = targets()[HAND]
    assert hand.midline_mm is not None and hand.up_mm is not None
    bends = np.where((away >= hand.midline_mm[0]) & (up >= hand.up_mm[0]), _bend_mm(floor), -np.inf)
    at = int(bends.argmax())
    if bends[at] < LEAST_BEND_MM:
        return None
    return HandKnob(floor, at, float(bends[at]), float(folds.depth_mm[nearest[at]]))


def _end(
    fslr: NDArray[np.float64], sulcus: NDArray[np.bool_], hemisphere: str, at_mm: tuple[float, float, float]
) -> int:
    """The subject's vertex at one end of the floor: the group's, carried over."""
    group = group_cortex(hemisphere)
    points = group.central.points_mm * (np.sign(group.central.points_mm[:, :1].mean()), 1.0, 1.0)
    own = np.flatnonzero(np.isin(area_names(hemisphere), SULCUS))
    end = own[np.linalg.norm(points[own] - at_mm, axis=1).argmin()]
    rows = np.flatnonzero(sulcus)
    return int(rows[np.linalg.norm(fslr[rows] - group.sphere[end], axis=1).argmin()])


def _deepest_way(
    central: CorticalSurface, depth_mm: NDArray[np.float64], sulcus: NDArray[np.bool_], ends: list[int]
) -> NDArray[np.int64]:
    """The vertices of the way between two that stays deepest, in order; empty if there is none."""
    edges = edges_of(central.triangles)
    edges = edges[sulcus[edges].all(1)]
    length = np.linalg.norm(np.diff(central.points_mm[edges], axis=1)[:, 0], axis=1)
    deepest = float(depth_mm[sulcus].max())
    cost = length * np.exp((deepest - depth_mm[edges].mean(1)) / DEEPER_MM)
    n = len(central.points_mm)
    graph = coo_matrix((cost, tuple(edges.T)), shape=(n, n)).tocsr()
    _, before = dijkstra(graph, directed=False, indices=ends[0], return_predecessors=True)
    way = [ends[1]]
    while way[-1] != ends[0]:
        if before[way[-1]] < 0:
            return np.empty(0, np.int64)
        way.append(int(before[way[-1]]))
    return np.array(way[::-1], np.int64)


def _even(points_mm: NDArray[np.float64]) -> NDArray[np.float64]:
    """A line at even steps, smoothed."""
    along = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(points_mm, axis=0), axis=1))])
    steps = np.arange(0.0, along[-1], STEP_MM)
    even = np.stack([np.interp(steps, along, axis) for axis in points_mm.T], 1)
    return gaussian_filter1d(even, SMOOTH_MM / STEP_MM, axis=0, mode="nearest")


def _bend_mm(line_mm: NDArray[np.float64]) -> NDArray[np.float64]:
    """How far each point lies behind the chord round it, seen from above; -inf near the ends."""
    half = round(HALF_MM / STEP_MM)
    flat, bend = line_mm[:, :2], np.full(len(line_mm), -np.inf)
    if len(flat) <= 2 * half:
        return bend
    before, after, here = flat[: -2 * half], flat[2 * half :], flat[half:-half]
    chord = after - before
    back = np.stack([chord[:, 1], -chord[:, 0]], 1)
    back *= np.where(back[:, 1] > 0, -1.0, 1.0)[:, None] / np.maximum(np.linalg.norm(chord, axis=1), 1e-9)[:, None]
    bend[half:-half] = ((here - before) * back).sum(1)
    return bend
