"""Delaunay tetrahedralisation by insertion, and further points later without starting again.

The points go in in rounds of doubling size, each along a space-filling curve (a biased randomised insertion order,
Amenta, Choi & Rote 2003): the walk to the next point is then short and the cavities are small.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meshes.mesher.bowyer_watson import insert_points
from meshes.mesher.shape import orientation
from meshes.space_order import morton_codes

Array = NDArray[Any]

FIRST_ROUND = 1000  # points in the first insertion round, about
TETS_PER_POINT = 7.5  # room that is kept; well-spaced points need about 6.5


@dataclass
class Triangulation:
    """Tetrahedra with their neighbours; arrays have spare room, a dead tetrahedron has tets[t, 0] < 0.

    Attributes
    ----------
    points : (n, 3) float64
    tets, neighbours : (capacity, 4) int32
        Nodes, and the tetrahedron behind the face opposite each node (-1: none).
    free : (capacity,) int32
        Dead tetrahedra whose place may be used again.
    used, n_free, last : int
        How many places have been used, how many of these are free, and the youngest tetrahedron.
    """

    points: Array
    tets: Array
    neighbours: Array
    free: Array
    used: int = 0
    n_free: int = 0
    last: int = 0

    def alive(self) -> Array:
        """Indices of the living tetrahedra."""
        return np.flatnonzero(self.tets[: self.used, 0] >= 0)

    def parts(self) -> tuple[Array, Array]:
        """Tetrahedra and neighbours without the unused room, dead ones included."""
        return self.tets[: self.used], self.neighbours[: self.used]


def insertion_order(points: Array, rng: np.random.Generator) -> Array:
    """Order of insertion: random rounds of doubling size, each along a Morton curve; a permutation of the points."""
    rounds = max(1, int(np.log2(max(len(points), 1) / FIRST_ROUND)) + 1)
    back = np.minimum(np.floor(-np.log2(1.0 - rng.random(len(points)))), rounds - 1)
    return np.lexsort((morton_codes(points), -back))


def box_triangulation(points: Array, capacity: int) -> Triangulation:
    """Six tetrahedra that fill the box whose corners are the last eight points (x fastest, then y, then z)."""
    corner = len(points) - 8
    paths = [(1, 3), (3, 2), (2, 6), (6, 4), (4, 5), (5, 1)]  # round the diagonal 0 → 7
    tets = np.full((capacity, 4), -1, np.int32)
    neighbours = np.full((capacity, 4), -1, np.int32)
    for t, (a, b) in enumerate(paths):
        tets[t] = corner + np.array([0, a, b, 7])
    for t in range(6):
        if orientation(points, *tets[t]) < 0:
            tets[t] = tets[t, [0, 2, 1, 3]]
    for t in range(6):
        for f in range(4):
            wall = set(np.delete(tets[t], f).tolist())
            for u in range(6):
                if u != t and wall <= set(tets[u].tolist()):
                    neighbours[t, f] = u
    return Triangulation(points, tets, neighbours, np.zeros(capacity, np.int32), used=6)


def delaunay(points: Array, order: Array) -> Triangulation:
    """Delaunay tetrahedralisation of points (n, 3) whose last eight are the corners of a box around the others.

    Parameters
    ----------
    points : (n, 3) float64
        Points; the corners in the order x fastest, then y, then z.
    order : (n - 8,) int
        Order of insertion (:func:`insertion_order`).
    """
    triangulation = box_triangulation(points, int(TETS_PER_POINT * len(points)) + 1000)
    return insert(triangulation, order, np.full(len(order), -1))


def insert(triangulation: Triangulation, which: Array, start: Array) -> Triangulation:
    """Insert points ``which`` of ``triangulation.points``, each looked for from a tetrahedron ``start`` (-1: any)."""
    s = triangulation
    room = s.used - s.n_free + int(TETS_PER_POINT * len(which)) + 1000
    if room > len(s.tets):
        extra = np.full((room - len(s.tets), 4), -1, np.int32)
        s.tets = np.concatenate([s.tets, extra])
        s.neighbours = np.concatenate([s.neighbours, extra])
        s.free = np.concatenate([s.free, np.zeros(len(extra), np.int32)])
    used, n_free, last, _ = insert_points(
        s.points, s.tets, s.neighbours, s.free, s.used, s.n_free, s.last,
        np.asarray(which, np.int64), np.asarray(start, np.int64),
    )  # fmt: skip
    return Triangulation(s.points, s.tets, s.neighbours, s.free, used, n_free, last)
