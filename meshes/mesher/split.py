"""Split edges that cross an interface without a node on it: both ends are far from the interface, on opposite sides.

Then neither end can be the interface's node (:mod:`meshes.mesher.settle`), and the edge is split where it crosses.
"""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from meshes.mesher.fields import Grid, values_at
from meshes.mesher.flips import EDGES, LARGEST_CHANGE, LONGEST_RING, edge_ring, replace
from meshes.mesher.layers import labels_of
from meshes.mesher.settle import best_on_sides, on_boundary, ways_of, which_are_off
from meshes.mesher.state import USED, Mesh, growable
from meshes.topology import elements_of_nodes

Array = NDArray[Any]

BISECTIONS = 20


@njit(cache=True)
def split_edge(mesh: Mesh, p: int, q: int, node: int, look_first: Array) -> bool:
    """Put ``node`` (already placed, in no tetrahedron yet) on the edge pq; both halves keep their tissue.

    The edge is looked for in the tetrahedra ``look_first`` (n,), then, as these may have been replaced, in all.

    Parameters
    ----------
    mesh : Mesh
        Changed in place.
    p, q : int
        Ends of the edge.
    node : int
    look_first : (n,) int
        Tetrahedra.
    """
    ring = np.empty(LONGEST_RING + 2, np.int64)
    ring_tets = np.empty(LONGEST_RING + 1, np.int64)
    for i in range(len(look_first) + mesh.counts[USED]):
        t = look_first[i] if i < len(look_first) else i - len(look_first)
        if mesh.tets[t, 0] < 0:
            continue
        for edge in range(6):
            a = mesh.tets[t, EDGES[edge, 0]]
            b = mesh.tets[t, EDGES[edge, 1]]
            if not ((a == p and b == q) or (a == q and b == p)):
                continue
            n = edge_ring(mesh, t, edge, ring, ring_tets)
            if n == 0:
                return False
            new = np.empty((LARGEST_CHANGE, 4), np.int64)
            new_tissue = np.empty(LARGEST_CHANGE, np.int8)
            for k in range(n):
                tet = ring_tets[k]
                for half in range(2):
                    for corner in range(4):
                        old = mesh.tets[tet, corner]
                        gone = p if half == 0 else q
                        new[2 * k + half, corner] = node if old == gone else old
                    new_tissue[2 * k + half] = mesh.tissue[tet]
            replace(mesh, ring_tets, n, new, new_tissue, 2 * n)
            return True
    return False


@njit(cache=True)
def crossing(grid: Grid, a: Array, b: Array, member: Array, out: Array) -> bool:
    """Where the segment ab crosses the boundary of a union, into ``out``; whether its ends are on opposite sides.

    Parameters
    ----------
    grid : Grid
        Tissue fields.
    a, b : (3,) float64
        Ends of the segment, grid mm.
    member : (7,) bool
        Tissues of the union.
    out : (3,) float64
        Overwritten.
    """
    scratch = np.empty(grid.fields.shape[3])
    values_at(grid, a[0], a[1], a[2], scratch)
    inner, outer = best_on_sides(scratch, member)
    inside_a = scratch[inner] > scratch[outer]
    values_at(grid, b[0], b[1], b[2], scratch)
    inner, outer = best_on_sides(scratch, member)
    if (scratch[inner] > scratch[outer]) == inside_a:
        return False
    low = 0.0
    high = 1.0
    for _ in range(BISECTIONS):
        middle = 0.5 * (low + high)
        for i in range(3):
            out[i] = a[i] + middle * (b[i] - a[i])
        values_at(grid, out[0], out[1], out[2], scratch)
        inner, outer = best_on_sides(scratch, member)
        if (scratch[inner] > scratch[outer]) == inside_a:
            low = middle
        else:
            high = middle
    return True


def far_edges(grid: Grid, points: Array, tets: Array, tissue: Array, limit_mm: float) -> tuple[Array, Array]:
    """Edges (n, 2) from nodes off their interface to nodes far off on its other side, and where they cross it (n, 3).

    Parameters
    ----------
    grid : Grid
        Tissue fields.
    points : (N, 3) float64
        Nodes, grid mm.
    tets : (M, 4) int
        Nodes of the tetrahedra.
    tissue : (M,) int8
        Of the tetrahedra.
    limit_mm : float
        Nodes nearer than this are not off.
    """
    labels = labels_of(tissue)
    stars = elements_of_nodes(tets, len(points))
    everything = np.arange(len(points))
    off = everything[which_are_off(grid, points, everything, stars, labels, limit_mm)]
    stars = [np.unique(tets[stars.items[stars.start[node] : stars.start[node + 1]]]) for node in off]
    near = np.unique(np.concatenate([*stars, off]))
    ways_near = ways_of(grid, points, near, labels.unions)
    edges: dict[tuple[int, int], Array] = {}
    for node, others in zip(off, stars, strict=True):
        way = ways_near[np.searchsorted(near, others)]
        own = ways_near[np.searchsorted(near, node)]
        for g, member in enumerate(labels.unions):
            if own[g] <= limit_mm or not on_boundary(stars, tissue, member, node):
                continue
            for other in others[way[:, g] > limit_mm]:
                place = np.empty(3)
                if crossing(grid, points[node], points[other], member, place):
                    edges.setdefault((min(node, other), max(node, other)), place)
    return np.array(list(edges), np.int64).reshape(-1, 2), np.array(list(edges.values())).reshape(-1, 3)


def split_far_edges(
    grid: Grid, points: Array, tets: Array, neighbours: Array, tissue: Array, limit_mm: float
) -> tuple[Mesh, int]:
    """The mesh with every such edge split, and how many there were.

    Parameters
    ----------
    grid : Grid
        Tissue fields.
    points : (N, 3) float64
        Nodes, grid mm.
    tets : (M, 4) int
        Nodes of the tetrahedra.
    neighbours : (M, 4) int
        The tetrahedron behind the face opposite each node, -1: none.
    tissue : (M,) int8
        Of the tetrahedra.
    limit_mm : float
        Nodes nearer than this are not off.
    """
    edges, places = far_edges(grid, points, tets, tissue, limit_mm)
    mesh = growable(np.concatenate([points, places]), tets, neighbours, tissue)
    stars = elements_of_nodes(tets, len(points))
    done = 0
    for i, (p, q) in enumerate(edges.tolist()):
        done += split_edge(mesh, p, q, len(points) + i, stars.items[stars.start[p] : stars.start[p + 1]])
    return mesh, done
