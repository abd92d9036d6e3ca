"""Connectivity of tetrahedra and triangles: the elements round a node, shared faces, connected pieces, manifolds.

A closed surface is a manifold where every edge belongs to exactly two of its faces and the faces around every node form
one fan (a single ring); its Euler number is nodes − edges + faces, 2 for a sphere.  Everything here is exact: node
numbers are compared, never coordinates.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from meshes.head import FACES

_FACES = FACES.copy()


@dataclass(frozen=True)
class SurfaceTopology:
    """How a triangle surface closes.

    ``bad_edges`` belong to other than two faces; ``bad_nodes`` join several fans of faces; ``euler`` is V − E + F.
    """

    faces: int
    bad_edges: int
    bad_nodes: int
    euler: int

    @property
    def manifold(self) -> bool:
        """Whether the surface is a closed manifold."""
        return self.bad_edges == 0 and self.bad_nodes == 0


@dataclass(frozen=True, eq=False)
class FaceTable:
    """Every face of a tetrahedral mesh once.

    Parameters
    ----------
    nodes : (F, 3) int32
        Its nodes, the normal pointing out of ``first``.
    first, second : (F,) int32
        The tetrahedra on its two sides; ``second`` is −1 where there is none.
    crowded : int
        Faces that more than two tetrahedra claim (0 in a sound mesh); they are not in the table.
    """

    nodes: NDArray[np.int32]
    first: NDArray[np.int32]
    second: NDArray[np.int32]
    crowded: int


class Stars(NamedTuple):
    """The elements round every node: ``items[start[v]:start[v + 1]]`` are those of node v, ascending.

    Attributes
    ----------
    start : (N + 1,) int64
    items : (start[-1],) int32
    """

    start: NDArray
    items: NDArray


@njit(cache=True)
def elements_of_nodes(elements: NDArray, n_nodes: int) -> Stars:
    """The elements round every node.

    Parameters
    ----------
    elements : (M, k) integers
        Nodes of triangles or tetrahedra; those whose first node is negative are left out.
    n_nodes : int

    Examples
    --------
    >>> start, items = elements_of_nodes(np.array([[0, 1, 2], [2, 1, 3]]), 4)
    >>> start.tolist(), items.tolist()
    ([0, 1, 3, 5, 6], [0, 0, 1, 0, 1, 1])
    """
    start = np.zeros(n_nodes + 1, np.int64)
    for e in range(len(elements)):
        if elements[e, 0] >= 0:
            for i in range(elements.shape[1]):
                start[elements[e, i] + 1] += 1
    for v in range(n_nodes):
        start[v + 1] += start[v]
    items = np.empty(start[n_nodes], np.int32)
    fill = start[:-1].copy()
    for e in range(len(elements)):
        if elements[e, 0] >= 0:
            for i in range(elements.shape[1]):
                node = elements[e, i]
                items[fill[node]] = e
                fill[node] += 1
    return Stars(start, items)


@njit(cache=True)
def _sorted3(a: int, b: int, c: int) -> tuple[int, int, int]:
    if a > b:
        a, b = b, a
    if b > c:
        b, c = c, b
    if a > b:
        a, b = b, a
    return a, b, c


@njit(cache=True)
def _bucket_faces(tets: NDArray, n_points: int) -> tuple[NDArray, NDArray, NDArray]:
    """Faces grouped by their lowest node: (start of each group, face ids 4·tet + side, the other two nodes as a key)."""
    start = np.zeros(n_points + 1, np.int64)
    for t in range(len(tets)):
        for f in range(4):
            a, _, _ = _sorted3(tets[t, _FACES[f, 0]], tets[t, _FACES[f, 1]], tets[t, _FACES[f, 2]])
            start[a + 1] += 1
    for v in range(n_points):
        start[v + 1] += start[v]
    fill = start[:-1].copy()
    face, key = np.empty(4 * len(tets), np.int64), np.empty(4 * len(tets), np.int64)
    for t in range(len(tets)):
        for f in range(4):
            a, b, c = _sorted3(tets[t, _FACES[f, 0]], tets[t, _FACES[f, 1]], tets[t, _FACES[f, 2]])
            i = fill[a]
            fill[a] += 1
            face[i], key[i] = 4 * t + f, np.int64(b) * n_points + c
    return start, face, key


@njit(cache=True, parallel=True)
def _match(start: NDArray, face: NDArray, key: NDArray) -> NDArray:
    """The same face seen from the other tetrahedron: its id, −1 where there is none, −2 where there are several."""
    twin = np.empty(len(face), np.int64)
    for v in prange(len(start) - 1):
        first, n = start[v], start[v + 1] - start[v]
        other = np.full(n, -1, np.int64)
        for i in range(n):
            for j in range(i + 1, n):
                if key[first + i] == key[first + j]:
                    other[i] = j if other[i] == -1 else -2
                    other[j] = i if other[j] == -1 else -2
        for i in range(n):
            twin[face[first + i]] = face[first + other[i]] if other[i] >= 0 else other[i]
    return twin


def lone_faces(tets: NDArray[np.int32], n_points: int) -> NDArray[np.int32]:
    """Faces that belong to just one of the tetrahedra, (K, 3), normals outward, in the tetrahedra's order.

    Examples
    --------
    >>> len(lone_faces(np.array([[0, 1, 2, 3], [1, 2, 3, 4]], np.int32), 5))
    6
    """
    twin = _match(*_bucket_faces(np.ascontiguousarray(tets), n_points))
    face = np.flatnonzero(twin == -1)
    return np.take_along_axis(tets[face // 4], FACES[face % 4], axis=1)


def face_table(tets: NDArray[np.int32], n_points: int) -> FaceTable:
    """Every face of the tetrahedra, (M, 4), with the tetrahedra on its sides.

    Examples
    --------
    >>> table = face_table(np.array([[0, 1, 2, 3], [1, 2, 3, 4]], np.int32), 5)
    >>> len(table.nodes), int((table.second >= 0).sum()), table.crowded
    (7, 1, 0)
    """
    twin = _match(*_bucket_faces(np.ascontiguousarray(tets), n_points))
    face = np.flatnonzero((twin == -1) | (twin > np.arange(len(twin))))
    first, side = face // 4, face % 4
    nodes = np.take_along_axis(tets[first], FACES[side], axis=1)
    second = np.where(twin[face] >= 0, twin[face] // 4, -1)
    in_crowd = np.flatnonzero(twin == -2)
    crowd = np.sort(np.take_along_axis(tets[in_crowd // 4], FACES[in_crowd % 4], axis=1), axis=1)
    return FaceTable(
        nodes.astype(np.int32), first.astype(np.int32), second.astype(np.int32), len(np.unique(crowd, axis=0))
    )


@njit(cache=True)
def _root(parent: NDArray, i: int) -> int:
    while parent[i] != i:
        parent[i] = parent[parent[i]]
        i = parent[i]
    return i


@njit(cache=True)
def _join(parent: NDArray, pairs: NDArray) -> None:
    """Union-find: join each pair; the lowest member of a set is its root."""
    for p in range(len(pairs)):
        a, b = _root(parent, pairs[p, 0]), _root(parent, pairs[p, 1])
        if a < b:
            parent[b] = a
        elif b < a:
            parent[a] = b
    for i in range(len(parent)):
        parent[i] = _root(parent, i)


def connected(pairs: NDArray[np.integer], n: int) -> NDArray[np.int64]:
    """Sets of 0…n−1 that the pairs, (k, 2), join: the lowest member of each one's set, (n,)."""
    parent = np.arange(n)
    _join(parent, np.ascontiguousarray(pairs, np.int64))
    return parent


def tissue_pieces(tissue: NDArray[np.integer], faces: FaceTable) -> NDArray[np.int64]:
    """Face-connected pieces of one tissue: for every tetrahedron the first tetrahedron of its piece, (M,)."""
    same = (faces.second >= 0) & (tissue[faces.first] == tissue[faces.second])
    return connected(np.c_[faces.first[same], faces.second[same]], len(tissue))


def surface_topology(triangles: NDArray[np.integer]) -> SurfaceTopology:
    """Manifoldness and Euler number of a triangle surface, (K, 3) nodes.

    Examples
    --------
    >>> surface_topology(FACES)  # a tetrahedron's boundary
    SurfaceTopology(faces=4, bad_edges=0, bad_nodes=0, euler=2)
    """
    triangles = np.asarray(triangles, np.int64).reshape(-1, 3)
    if not len(triangles):
        return SurfaceTopology(0, 0, 0, 0)
    used, corner_node = np.unique(triangles, return_inverse=True)
    local = corner_node.reshape(-1, 3)
    n = len(used)
    # half-edges as (corner at the lower node, corner at the higher node), those of one edge together
    corner = np.arange(3 * len(local)).reshape(-1, 3)
    a, b = local[:, [0, 1, 2]].ravel(), local[:, [1, 2, 0]].ravel()
    at_a, at_b = corner[:, [0, 1, 2]].ravel(), corner[:, [1, 2, 0]].ravel()
    low = np.where(a < b, at_a, at_b)
    high = np.where(a < b, at_b, at_a)
    key = np.minimum(a, b) * n + np.maximum(a, b)
    order = np.argsort(key, kind="stable")
    key, low, high = key[order], low[order], high[order]
    new = np.r_[True, key[1:] != key[:-1]]
    per_edge = np.diff(np.r_[np.flatnonzero(new), len(key)])
    again = np.flatnonzero(~new)
    pairs = np.concatenate([np.c_[low[again - 1], low[again]], np.c_[high[again - 1], high[again]]])
    fan = connected(pairs, 3 * len(local))
    fans_of_node = np.bincount(corner_node.ravel()[fan == np.arange(len(fan))], minlength=n)
    return SurfaceTopology(
        faces=len(local),
        bad_edges=int((per_edge != 2).sum()),
        bad_nodes=int((fans_of_node > 1).sum()),
        euler=n - len(per_edge) + len(local),
    )
