"""Move every node towards the centre of its surroundings, between two tetrahedralisations (one step of centroidal
relaxation).

Interior nodes go to the centre of mass of their star, weighted by volume over size⁴ so that the grading survives;
nodes on interfaces to the centre of their interface faces, weighted by area over size³, and back onto the interface.
"""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from meshes.mesher.fields import Grid, project
from meshes.mesher.shape import orientation
from meshes.mesher.sizing import nearest_value

Array = NDArray[Any]

TANGENTIAL_STEP = 0.8  # of the way to the centre of the faces
CONVERGED_MM = 0.05
LONGEST_SLIDE_MM = 1.0
JUNCTION_MM = 0.3  # nodes nearer than this to a third tissue only go back to the interface


@njit(cache=True)
def star_centres(points: Array, tets: Array, tissue: Array, size: Array) -> tuple[Array, Array]:
    """Weighted centres of the nodes' stars (N, 3), and which nodes have no air around them (N,).

    Parameters
    ----------
    points : (N, 3) float64
        Nodes, grid mm.
    tets : (M, 4) int
        Nodes of the tetrahedra.
    tissue : (M,) int8
        Of the tetrahedra.
    size : (M,) float64
        Wanted edge of each tetrahedron, mm.
    """
    total = np.zeros(len(points))
    centre = np.zeros((len(points), 3))
    inside = np.ones(len(points), np.bool_)
    for t in range(len(tets)):
        if tissue[t] == 0:
            for v in range(4):
                inside[tets[t, v]] = False
            continue
        weight = abs(orientation(points, tets[t, 0], tets[t, 1], tets[t, 2], tets[t, 3])) / size[t] ** 4
        for i in range(3):
            middle = 0.25 * (
                points[tets[t, 0], i] + points[tets[t, 1], i] + points[tets[t, 2], i] + points[tets[t, 3], i]
            )
            for v in range(4):
                centre[tets[t, v], i] += weight * middle
        for v in range(4):
            total[tets[t, v]] += weight
    for v in range(len(points)):
        if total[v] > 0:
            for i in range(3):
                centre[v, i] /= total[v]
        else:
            inside[v] = False
    return centre, inside


@njit(cache=True)
def face_centres(points: Array, faces: Array, size: Array) -> tuple[Array, Array]:
    """Weighted centres of the interface faces round each node (N, 3), and the total weights (N,)."""
    total = np.zeros(len(points))
    centre = np.zeros((len(points), 3))
    for f in range(len(faces)):
        a = points[faces[f, 0]]
        b = points[faces[f, 1]]
        c = points[faces[f, 2]]
        nx = (b[1] - a[1]) * (c[2] - a[2]) - (b[2] - a[2]) * (c[1] - a[1])
        ny = (b[2] - a[2]) * (c[0] - a[0]) - (b[0] - a[0]) * (c[2] - a[2])
        nz = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
        weight = np.sqrt(nx * nx + ny * ny + nz * nz) / size[f] ** 3
        for v in range(3):
            total[faces[f, v]] += weight
            for i in range(3):
                centre[faces[f, v], i] += weight * (a[i] + b[i] + c[i]) / 3
    for v in range(len(points)):
        if total[v] > 0:
            for i in range(3):
                centre[v, i] /= total[v]
    return centre, total


def relax(grid: Grid, size_grid: Array, points: Array, tets: Array, tissue: Array, faces: Array) -> Array:
    """One step; returns the new points (N, 3).

    Parameters
    ----------
    grid : Grid
    size_grid : (nx, ny, nz) float32
        The size field on the same voxels.
    points, tets, tissue : arrays
        The mesh with its air, compact.
    faces : (F, 3)
        Interface faces.
    """
    middle = points[tets].mean(axis=1)
    centre, inside = star_centres(
        points, tets, tissue, nearest_value(size_grid, grid.spacing, middle).astype(np.float64)
    )
    middle = points[faces].mean(axis=1)
    slide, weight = face_centres(points, faces, nearest_value(size_grid, grid.spacing, middle).astype(np.float64))
    on_interface = weight > 0
    moved = points.copy()
    bulk = inside & ~on_interface
    moved[bulk] = centre[bulk]
    node = np.flatnonzero(on_interface)
    here = points[node]
    there, _, left, pair, junction = project(grid, here + TANGENTIAL_STEP * (slide[node] - here), 5, 0.4)
    back, _, back_left, back_pair, _ = project(grid, here, 4, 0.4)
    way = np.linalg.norm(there - here, axis=1)
    ok = (left < CONVERGED_MM) & (way < LONGEST_SLIDE_MM) & (pair == back_pair).all(axis=1) & (junction > JUNCTION_MM)
    moved[node[ok]] = there[ok]
    ok_back = ~ok & (back_left < CONVERGED_MM) & (np.linalg.norm(back - here, axis=1) < 0.9 * LONGEST_SLIDE_MM)
    moved[node[ok_back]] = back[ok_back]
    return moved
