"""Other tetrahedra in the same cavity: replace some tetrahedra and mend the neighbours."""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from meshes.mesher.shape import NO_TET, quality_of
from meshes.mesher.state import N_FREE, USED, Mesh
from meshes.mesher.topology import OUTWARD

Array = NDArray[Any]

LARGEST_CHANGE = 36  # walls a cavity can have


@njit(cache=True)
def replace(mesh: Mesh, old: Array, n_old: int, new: Array, new_tissue: Array, n_new: int) -> None:
    """Put the tetrahedra ``new`` in place of ``old`` (the same cavity) and mend the neighbours."""
    tets, neighbours, counts = mesh.tets, mesh.neighbours, mesh.counts
    wall = np.empty((LARGEST_CHANGE, 3), np.int64)
    behind = np.empty(LARGEST_CHANGE, np.int64)
    place = np.empty(LARGEST_CHANGE, np.int64)
    n_walls = 0
    for i in range(n_old):
        t = old[i]
        for f in range(4):
            u = neighbours[t, f]
            inside = False
            for j in range(n_old):
                if old[j] == u:
                    inside = True
            if inside:
                continue
            for j in range(3):
                wall[n_walls, j] = tets[t, OUTWARD[f, j]]
            behind[n_walls] = u
            n_walls += 1
    for i in range(n_new):
        if i < n_old:
            place[i] = old[i]
        elif counts[N_FREE] > 0:
            counts[N_FREE] -= 1
            place[i] = mesh.free[counts[N_FREE]]
        else:
            place[i] = counts[USED]
            counts[USED] += 1
    for i in range(n_new, n_old):
        tets[old[i], 0] = -1
        mesh.quality[old[i]] = NO_TET
        mesh.free[counts[N_FREE]] = old[i]
        counts[N_FREE] += 1
    for i in range(n_new):
        t = place[i]
        for j in range(4):
            tets[t, j] = new[i, j]
            neighbours[t, j] = -1
        mesh.tissue[t] = new_tissue[i]
        mesh.quality[t] = quality_of(mesh.points, new[i, 0], new[i, 1], new[i, 2], new[i, 3], new_tissue[i])
    for i in range(n_new):
        t = place[i]
        for f in range(4):
            if neighbours[t, f] >= 0:
                continue
            a = tets[t, OUTWARD[f, 0]]
            b = tets[t, OUTWARD[f, 1]]
            c = tets[t, OUTWARD[f, 2]]
            outer = False
            for w in range(n_walls):
                if same_nodes(wall[w], a, b, c):
                    outer = True
                    u = behind[w]
                    neighbours[t, f] = u
                    if u >= 0:
                        neighbours[u, face_with(tets[u], a, b, c)] = t
                    break
            if outer:
                continue
            for j in range(n_new):
                u = place[j]
                if u == t:
                    continue
                g = face_with(tets[u], a, b, c)
                if g >= 0:
                    neighbours[t, f] = u
                    neighbours[u, g] = t
                    break


@njit(cache=True, inline="always")
def same_nodes(wall: Array, a: int, b: int, c: int) -> bool:
    """Whether a wall has the nodes a, b, c in any order."""
    has_a = wall[0] == a or wall[1] == a or wall[2] == a
    has_b = wall[0] == b or wall[1] == b or wall[2] == b
    has_c = wall[0] == c or wall[1] == c or wall[2] == c
    return has_a and has_b and has_c


@njit(cache=True, inline="always")
def face_with(tet: Array, a: int, b: int, c: int) -> int:
    """Number of the face abc of a tetrahedron, -1 if it has none."""
    matches = 0
    other = -1
    for k in range(4):
        if tet[k] == a or tet[k] == b or tet[k] == c:
            matches += 1
        else:
            other = k
    return other if matches == 3 else -1
