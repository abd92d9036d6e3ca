"""Who touches whom while the mesh is made: interface faces, connected pieces."""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from meshes.head import FACES

Array = NDArray[Any]

OUTWARD = FACES.astype(np.int64)  # the face opposite node i, seen from outside


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
