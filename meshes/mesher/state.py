"""The mesh while it is being made: arrays that kernels change in place, its interface faces and connected pieces."""

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from meshes.head import FACES
from meshes.mesher.shape import NO_TET, qualities

Array = NDArray[Any]

SPARE = 1.25  # times the tetrahedra: places for those that flips add
USED, N_FREE = 0, 1
OUTWARD = FACES.astype(np.int64)  # the face opposite node i, seen from outside


class Mesh(NamedTuple):
    """Tetrahedra with neighbours, tissue and quality; a dead tetrahedron has tets[t, 0] < 0.

    Attributes
    ----------
    points : (N, 3) float64
    tets, neighbours : (capacity, 4) int32
        Nodes; the tetrahedron behind the face opposite each node (-1: none).
    tissue : (capacity,) int8
    quality : (capacity,) float64
        :func:`~meshes.mesher.shape.quality_of`.
    free : (capacity,) int64
        Dead tetrahedra whose place may be used again.
    counts : (2,) int64
        How many places have been used, and how many of these are free.
    """

    points: Array
    tets: Array
    neighbours: Array
    tissue: Array
    quality: Array
    free: Array
    counts: Array


def growable(points: Array, tets: Array, neighbours: Array, tissue: Array) -> Mesh:
    """A mesh that can be changed and grow, from compact arrays (all living).

    Parameters
    ----------
    points : (N, 3) float64
        Nodes, grid mm.
    tets : (M, 4) int
        Nodes of the tetrahedra.
    neighbours : (M, 4) int
        The tetrahedron behind the face opposite each node, -1: none.
    tissue : (M,) int8
        Of the tetrahedra.
    """
    used = len(tets)
    capacity = int(SPARE * used) + 1000
    all_tets = np.full((capacity, 4), -1, np.int32)
    all_neighbours = np.full((capacity, 4), -1, np.int32)
    all_tissue = np.zeros(capacity, np.int8)
    all_quality = np.full(capacity, NO_TET)
    all_tets[:used] = tets
    all_neighbours[:used] = neighbours
    all_tissue[:used] = tissue
    all_quality[:used] = qualities(points, tets, tissue)
    counts = np.array([used, 0], np.int64)
    free = np.zeros(capacity, np.int64)
    return Mesh(points.copy(), all_tets, all_neighbours, all_tissue, all_quality, free, counts)


@njit(cache=True)
def compact(tets: Array, neighbours: Array) -> tuple[Array, Array, Array]:
    """Living tetrahedra only: their old indices (M,), nodes (M, 4), renumbered neighbours (M, 4)."""
    new = np.full(len(tets), -1, np.int32)
    n = 0
    for t in range(len(tets)):
        if tets[t, 0] >= 0:
            new[t] = n
            n += 1
    alive = np.empty(n, np.int32)
    compact_tets = np.empty((n, 4), np.int32)
    compact_neighbours = np.empty((n, 4), np.int32)
    for t in range(len(tets)):
        if tets[t, 0] < 0:
            continue
        i = new[t]
        alive[i] = t
        for k in range(4):
            compact_tets[i, k] = tets[t, k]
            u = neighbours[t, k]
            compact_neighbours[i, k] = new[u] if u >= 0 else -1
    return alive, compact_tets, compact_neighbours


def compact_mesh(mesh: Mesh) -> tuple[Array, Array, Array, Array]:
    """Points, tetrahedra, neighbours and tissue of the living tetrahedra."""
    used = int(mesh.counts[USED])
    alive, tets, neighbours = compact(mesh.tets[:used], mesh.neighbours[:used])
    return mesh.points, tets, neighbours, mesh.tissue[alive]


@njit(cache=True)
def interface_faces(tets: Array, neighbours: Array, tissue: Array) -> tuple[Array, Array, Array]:
    """Faces between different tissues, each once.

    Returns the faces' nodes (n, 3) int32, and the tetrahedra on both sides (n,); the normal points from the first,
    which has the lower tissue code (0 is the outside), to the second.  Faces on the hull are left out.
    """
    n = 0
    for fill in range(2):
        if fill == 1:
            faces = np.empty((n, 3), np.int32)
            first = np.empty(n, np.int32)
            second = np.empty(n, np.int32)
            n = 0
        for t in range(len(tets)):
            if tets[t, 0] < 0:
                continue
            for f in range(4):
                u = neighbours[t, f]
                if u >= 0 and tissue[t] < tissue[u]:
                    if fill == 1:
                        for k in range(3):
                            faces[n, k] = tets[t, OUTWARD[f, k]]
                        first[n] = t
                        second[n] = u
                    n += 1
    return faces, first, second


@njit(cache=True)
def find_root(parent: Array, item: int) -> int:
    """Representative of an item's set, halving the path."""
    while parent[item] != item:
        parent[item] = parent[parent[item]]
        item = parent[item]
    return item


@njit(cache=True)
def pieces(tets: Array, neighbours: Array, tissue: Array) -> Array:
    """Face-connected piece of one tissue that each tetrahedron belongs to: the index of its first tetrahedron, (M,)."""
    parent = np.arange(len(tets))
    for t in range(len(tets)):
        if tets[t, 0] < 0:
            continue
        for f in range(4):
            u = neighbours[t, f]
            if u > t and tissue[u] == tissue[t]:
                a = find_root(parent, t)
                b = find_root(parent, u)
                if a < b:
                    parent[b] = a
                elif b < a:
                    parent[a] = b
    for t in range(len(tets)):
        parent[t] = find_root(parent, t)
    return parent
