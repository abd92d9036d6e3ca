"""Add nodes where the mesh does not follow an interface yet: Delaunay refinement by the distance of faces and nodes.

Two places ask for a node: the middle of an interface face that lies far off the interface (the surface curves away
under the face), and the foot point of an interface node that lies far off (an edge crosses a bit of interface with no
node on it).
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from meshes.mesher.delaunay import Triangulation, insert
from meshes.mesher.density import Density
from meshes.mesher.fields import Grid, project, tissue_of_tets
from meshes.mesher.points import poisson_disk
from meshes.mesher.sizing import nearest_value
from meshes.mesher.state import interface_faces

Array = NDArray[Any]

NODE_OFF_MM = 0.30  # an interface node farther off than this gets a neighbour on the interface
CONVERGED_MM = 0.05
NEWTON_STEPS, NEWTON_MM = 6, 0.5


def relabel(triangulation: Triangulation, tissue: Array, grid: Grid, old_tets: Array) -> Array:
    """Tissue of every place of the triangulation, computed only where the tetrahedron is not that of ``old_tets``.

    Parameters
    ----------
    triangulation : Triangulation
    tissue : (M,) int8
        Before.
    grid : Grid
        Tissue fields.
    old_tets : (M, 4) int32
        Before.
    """
    tets = triangulation.tets[: triangulation.used]
    label = np.zeros(len(tets), np.int8)
    label[: len(tissue)] = tissue
    same = np.zeros(len(tets), bool)
    same[: len(old_tets)] = (tets[: len(old_tets)] == old_tets).all(axis=1)
    new = np.flatnonzero(~same & (tets[:, 0] >= 0))
    label[new] = tissue_of_tets(grid, triangulation.points, tets[new])
    label[tets[:, 0] < 0] = 0
    return label


def missing_nodes(
    triangulation: Triangulation,
    tissue: Array,
    grid: Grid,
    size: Array,
    density: Density,
) -> tuple[Array, Array]:
    """Nodes to insert (n, 3), and a tetrahedron near each (n,).

    Parameters
    ----------
    triangulation : Triangulation
    tissue : (M,) int8
        Of the tetrahedra.
    grid : Grid
        Tissue fields.
    size : (nx, ny, nz) float32
        The size field, mm.
    density : Density
    """
    points = triangulation.points
    used = triangulation.used
    faces, first, _ = interface_faces(triangulation.tets[:used], triangulation.neighbours[:used], tissue)
    middle = points[faces].mean(axis=1)
    foot, _, left, _, _ = project(grid, middle, NEWTON_STEPS, NEWTON_MM)
    off = np.linalg.norm(foot - middle, axis=1)
    wanted = (off > density.face_off_mm) & (left < CONVERGED_MM)
    node, where = np.unique(faces, return_index=True)
    here = points[node]
    back, _, back_left, _, _ = project(grid, here, NEWTON_STEPS, NEWTON_MM)
    node_off = np.linalg.norm(back - here, axis=1)
    astray = (node_off > NODE_OFF_MM) & (back_left < CONVERGED_MM)
    new = np.concatenate([back[astray], foot[wanted]])
    near = np.concatenate([first[where[astray] // 3], first[wanted]])
    urgency = np.concatenate([node_off[astray] + 10.0, off[wanted]])
    if not len(new):
        return new, near
    extent = (np.array(size.shape) - 1) * grid.spacing
    inside = np.all((new > 0) & (new < extent), axis=1)
    new, near, urgency = new[inside], near[inside], urgency[inside]
    gap = density.face_gap * nearest_value(size, grid.spacing, new).astype(np.float64)
    distance, _ = cKDTree(points).query(new, workers=2)
    clear = distance > gap
    new, near, urgency, gap = new[clear], near[clear], urgency[clear], gap[clear]
    if not len(new):
        return new, near
    order = np.argsort(-urgency, kind="stable")
    keep = poisson_disk(new, 1.4 * gap, order, extent, 1.5)
    chosen = order[keep[order]]
    return new[chosen], near[chosen]


def refine(
    triangulation: Triangulation, tissue: Array, grid: Grid, size: Array, density: Density
) -> tuple[Triangulation, Array, int]:
    """One round: insert the missing nodes, label the new tetrahedra; returns both and the number of nodes.

    Parameters
    ----------
    triangulation : Triangulation
    tissue : (M,) int8
        Of the tetrahedra.
    grid : Grid
        Tissue fields.
    size : (nx, ny, nz) float32
        The size field, mm.
    density : Density
    """
    new, near = missing_nodes(triangulation, tissue, grid, size, density)
    if not len(new):
        return triangulation, tissue, 0
    old_tets = triangulation.tets[: triangulation.used].copy()
    which = len(triangulation.points) + np.arange(len(new))
    triangulation.points = np.concatenate([triangulation.points, new])
    triangulation = insert(triangulation, which, near)
    return triangulation, relabel(triangulation, tissue, grid, old_tets), len(new)
