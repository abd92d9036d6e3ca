"""Flips: other tetrahedra between the same nodes (Freitag & Ollivier-Gooch 1997; Shewchuk 2002, "Two discrete
optimization algorithms for the topological improvement of tetrahedral meshes").

Edge removal.  The n tetrahedra round an edge ab are replaced by the two fans a and b make with a triangulation of the
ring of n nodes.  The best triangulation, the one with the largest worst quality, is found by dynamic programming over
sub-rings: D(i, e) = max over k of min(D(i, k), D(k, e), quality of the two tetrahedra on triangle i k e).  An
interface edge (two tissues round it) splits the ring at the two nodes p, q where the tissue changes; pq becomes the
new interface edge, allowed if its middle lies near enough to the interface.

2-3 flip.  The face between two tetrahedra is replaced by the edge between their far nodes.
"""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from meshes.mesher.fields import FLAT, Grid, margin_at
from meshes.mesher.shape import NO_TET, quality_of
from meshes.mesher.state import N_FREE, OUTWARD, USED, Mesh

Array = NDArray[Any]

LARGEST_CHANGE = 36  # walls a cavity can have
LONGEST_RING = 8
GAIN = 1e-4  # a flip has to improve the worst quality by this
HOPELESS = -9.0
# corners of the edge, then the other two, such that (a, b, c, d) is positively oriented
EDGES = np.array([[0, 1, 2, 3], [0, 2, 3, 1], [0, 3, 1, 2], [1, 2, 0, 3], [1, 3, 2, 0], [2, 3, 0, 1]])
# the face opposite node i seen from inside, then i: positively oriented
INWARD = np.array([[1, 3, 2], [0, 2, 3], [0, 3, 1], [0, 1, 2]])


@njit(cache=True)
def replace(mesh: Mesh, old: Array, n_old: int, new: Array, new_tissue: Array, n_new: int) -> None:
    """Put the tetrahedra ``new`` in place of ``old`` (the same cavity) and mend the neighbours.

    Parameters
    ----------
    mesh : Mesh
        Changed in place.
    old : (n,) int64
        Tetrahedra to replace.
    n_old : int
        How many entries of ``old`` count.
    new : (n, 4) int64
        Nodes of the new ones.
    new_tissue : (n,) int8
        Their tissues.
    n_new : int
        How many entries of ``new`` count.
    """
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
    """Whether a wall has the nodes a, b, c in any order.

    Parameters
    ----------
    wall : (3,) int
        Nodes of the wall.
    a, b, c : int
        Nodes.
    """
    has_a = wall[0] == a or wall[1] == a or wall[2] == a
    has_b = wall[0] == b or wall[1] == b or wall[2] == b
    has_c = wall[0] == c or wall[1] == c or wall[2] == c
    return has_a and has_b and has_c


@njit(cache=True, inline="always")
def face_with(tet: Array, a: int, b: int, c: int) -> int:
    """Number of the face abc of a tetrahedron, -1 if it has none.

    Parameters
    ----------
    tet : (4,) int
        Nodes of the tetrahedron.
    a, b, c : int
        Nodes.
    """
    matches = 0
    other = -1
    for k in range(4):
        if tet[k] == a or tet[k] == b or tet[k] == c:
            matches += 1
        else:
            other = k
    return other if matches == 3 else -1


@njit(cache=True)
def edge_ring(mesh: Mesh, t: int, edge: int, ring: Array, ring_tets: Array) -> int:
    """Walk round an edge of tetrahedron t.

    ``ring_tets[i]`` holds the edge and the ring nodes i and i + 1 (cyclic).  Returns the length of the ring, 0 if it is
    open or longer than ``LONGEST_RING``.

    Parameters
    ----------
    mesh : Mesh
        Changed in place.
    t : int
        The tetrahedron.
    edge : int
        Row of ``EDGES``.
    ring : (LONGEST_RING + 2,) int64
        Overwritten: the nodes round the edge.
    ring_tets : (LONGEST_RING + 1,) int64
        Overwritten: the tetrahedra round it.
    """
    # from tetrahedron to tetrahedron over the face opposite the ring's last node but one, until t comes again
    a = mesh.tets[t, EDGES[edge, 0]]
    b = mesh.tets[t, EDGES[edge, 1]]
    ring[0] = mesh.tets[t, EDGES[edge, 2]]
    ring[1] = mesh.tets[t, EDGES[edge, 3]]
    ring_tets[0] = t
    n = 1
    here = t
    leave = ring[0]
    while True:
        face = 0
        for k in range(4):
            if mesh.tets[here, k] == leave:
                face = k
        following = mesh.neighbours[here, face]
        if following < 0:
            return 0
        if following == t:
            return n if n >= 3 else 0
        if n >= LONGEST_RING:
            return 0
        shared = ring[n]
        fresh = -1
        for k in range(4):
            node = mesh.tets[following, k]
            if node != a and node != b and node != shared:
                fresh = node
        ring_tets[n] = following
        n += 1
        ring[n] = fresh
        leave = shared
        here = following


@njit(cache=True)
def best_fan(
    mesh: Mesh, ring: Array, first: int, last: int, a: int, b: int, tissue: int, beat: float, value: Array, apex: Array
) -> float:
    """Dynamic programme over the sub-ring first..last; fills ``value`` and ``apex``, returns the best worst quality.

    Parameters
    ----------
    mesh : Mesh
        Changed in place.
    ring : (n,) int64
        Nodes round the edge.
    first, last : int
        The sub-ring.
    a, b : int
        Ends of the edge.
    tissue : int
        Of the new tetrahedra.
    beat : float
        Quality that a fan must pass.
    value : (n, n) float64
        Overwritten: best worst quality of each sub-ring, ...
    apex : (n, n) int64
        ... and the node that gives it.
    """
    for i in range(first, last):
        value[i, i + 1] = NO_TET
    for length in range(2, last - first + 1):
        for i in range(first, last - length + 1):
            e = i + length
            best = HOPELESS
            best_apex = i + 1
            for k in range(i + 1, e):
                worst = min(value[i, k], value[k, e])
                if worst <= best or worst <= beat:  # qualities cost most: none is computed for a fan that cannot win
                    continue
                worst = min(worst, quality_of(mesh.points, ring[i], ring[k], ring[e], b, tissue))
                if worst <= best or worst <= beat:
                    continue
                worst = min(worst, quality_of(mesh.points, ring[k], ring[i], ring[e], a, tissue))
                if worst > best:
                    best = worst
                    best_apex = k
            value[i, e] = best
            apex[i, e] = best_apex
    return value[first, last]


@njit(cache=True)
def take_fan(
    ring: Array, first: int, last: int, a: int, b: int, tissue: int, apex: Array, new: Array, new_tissue: Array, n: int
) -> int:
    """Append the tetrahedra of the fan that :func:`best_fan` found; returns how many there are now.

    Parameters
    ----------
    ring : (n,) int64
        Nodes round the edge.
    first, last : int
        The sub-ring.
    a, b : int
        Ends of the edge.
    tissue : int
        Of the new tetrahedra.
    apex : (n, n) int64
        From :func:`best_fan`.
    new : (k, 4) int64
        Nodes of the new tetrahedra, appended to.
    new_tissue : (k,) int8
        Their tissues.
    n : int
        How many there are already.
    """
    # the apex of each sub-ring splits it in two: a stack instead of recursion, which numba compiles poorly
    stack = np.empty((2 * LONGEST_RING, 2), np.int64)
    stack[0, 0] = first
    stack[0, 1] = last
    top = 1
    while top > 0:
        top -= 1
        i = stack[top, 0]
        e = stack[top, 1]
        if e - i < 2:
            continue
        k = apex[i, e]
        new[n, 0] = ring[i]
        new[n, 1] = ring[k]
        new[n, 2] = ring[e]
        new[n, 3] = b
        new[n + 1, 0] = ring[k]
        new[n + 1, 1] = ring[i]
        new[n + 1, 2] = ring[e]
        new[n + 1, 3] = a
        new_tissue[n] = tissue
        new_tissue[n + 1] = tissue
        n += 2
        stack[top, 0] = i
        stack[top, 1] = k
        stack[top + 1, 0] = k
        stack[top + 1, 1] = e
        top += 2
    return n


@njit(cache=True)
def near_interface(
    mesh: Mesh, grid: Grid, p: int, q: int, one: int, other: int, tolerance_mm: float, scratch: Array
) -> bool:
    """Whether the middle of pq lies on the interface of two tissues within a tolerance.

    Parameters
    ----------
    mesh : Mesh
        Changed in place.
    grid : Grid
        Tissue fields.
    p, q : int
        Nodes.
    one, other : int
        Tissues.
    tolerance_mm : float
        Allowed distance from the interface.
    scratch : (K,) float64
        Overwritten.
    """
    x = 0.5 * (mesh.points[p, 0] + mesh.points[q, 0])
    y = 0.5 * (mesh.points[p, 1] + mesh.points[q, 1])
    z = 0.5 * (mesh.points[p, 2] + mesh.points[q, 2])
    first, second, margin, gx, gy, gz = margin_at(grid, x, y, z, scratch)
    if margin > tolerance_mm * (np.sqrt(gx * gx + gy * gy + gz * gz) + FLAT):
        return False
    return (first == one and second == other) or (first == other and second == one)


@njit(cache=True)
def edge_inside(mesh: Mesh, t: int, p: int, q: int) -> bool:
    """Whether all tetrahedra round the edge pq of tetrahedron t have its tissue.

    Parameters
    ----------
    mesh : Mesh
        Changed in place.
    t : int
        The tetrahedron.
    p, q : int
        Nodes.
    """
    ring = np.empty(LONGEST_RING + 2, np.int64)
    ring_tets = np.empty(LONGEST_RING + 1, np.int64)
    for edge in range(6):
        a = mesh.tets[t, EDGES[edge, 0]]
        b = mesh.tets[t, EDGES[edge, 1]]
        if (a == p and b == q) or (a == q and b == p):
            n = edge_ring(mesh, t, edge, ring, ring_tets)
            for k in range(n):
                if mesh.tissue[ring_tets[k]] != mesh.tissue[t]:
                    return False
            return n > 0
    return False


@njit(cache=True)
def remove_edge(
    mesh: Mesh,
    grid: Grid,
    t: int,
    edge: int,
    tolerance_mm: float,
    value: Array,
    apex: Array,
    scratch: Array,
) -> bool:
    """Remove one edge of tetrahedron t if that raises the worst quality round it.

    Parameters
    ----------
    mesh : Mesh
        Changed in place.
    grid : Grid
        Tissue fields.
    t : int
        The tetrahedron.
    edge : int
        Row of ``EDGES``.
    tolerance_mm : float
        Allowed distance from the interface.
    value : (n, n) float64
        Scratch of :func:`best_fan`.
    apex : (n, n) int64
        The same.
    scratch : (K,) float64
        Overwritten.
    """
    ring = np.empty(LONGEST_RING + 2, np.int64)
    turned = np.empty(LONGEST_RING + 2, np.int64)
    ring_tets = np.empty(LONGEST_RING + 1, np.int64)
    n = edge_ring(mesh, t, edge, ring, ring_tets)
    if n == 0:
        return False
    a = mesh.tets[t, EDGES[edge, 0]]
    b = mesh.tets[t, EDGES[edge, 1]]
    ring[n] = ring[0]
    worst = NO_TET
    changes = 0
    first_change = 0
    second_change = 0
    for k in range(n):
        worst = min(worst, mesh.quality[ring_tets[k]])
        if mesh.tissue[ring_tets[k]] != mesh.tissue[ring_tets[k - 1 if k > 0 else n - 1]]:
            if changes == 0:
                first_change = k
            elif changes == 1:
                second_change = k
            changes += 1
    if changes != 0 and changes != 2:  # three or more tissues meet at the edge: it is a junction and stays
        return False
    for k in range(n + 1):
        turned[k] = ring[(k + first_change) % n]
    beat = worst + GAIN
    one = mesh.tissue[ring_tets[first_change]]
    new = np.empty((LARGEST_CHANGE, 4), np.int64)
    new_tissue = np.empty(LARGEST_CHANGE, np.int8)
    if changes == 0:
        if best_fan(mesh, turned, 0, n - 1, a, b, one, beat, value, apex) <= beat:
            return False
        n_new = take_fan(turned, 0, n - 1, a, b, one, apex, new, new_tissue, 0)
    else:
        other = mesh.tissue[ring_tets[second_change]]
        split = second_change - first_change
        # a tissue with one tetrahedron round ab loses it: only if pq is inside that tissue does the surface stay whole
        if split == 1 and not edge_inside(mesh, ring_tets[first_change], turned[0], turned[1]):
            return False
        if n - split == 1 and not edge_inside(mesh, ring_tets[second_change], turned[0], turned[split]):
            return False
        if not near_interface(mesh, grid, turned[0], turned[split], one, other, tolerance_mm, scratch):
            return False
        if best_fan(mesh, turned, 0, split, a, b, one, beat, value, apex) <= beat:
            return False
        if best_fan(mesh, turned, split, n, a, b, other, beat, value, apex) <= beat:
            return False
        n_new = take_fan(turned, 0, split, a, b, one, apex, new, new_tissue, 0)
        n_new = take_fan(turned, split, n, a, b, other, apex, new, new_tissue, n_new)
    replace(mesh, ring_tets, n, new, new_tissue, n_new)
    return True


@njit(cache=True)
def flip_face(mesh: Mesh, t: int, f: int) -> bool:
    """2-3 flip over face f of tetrahedron t, if both sides are one tissue and the worst quality rises."""
    u = mesh.neighbours[t, f]
    if u < 0 or mesh.tissue[u] != mesh.tissue[t]:
        return False
    x = mesh.tets[t, INWARD[f, 0]]
    y = mesh.tets[t, INWARD[f, 1]]
    z = mesh.tets[t, INWARD[f, 2]]
    p = mesh.tets[t, f]
    q = mesh.tets[u, face_with(mesh.tets[u], x, y, z)]
    tissue = mesh.tissue[t]
    beat = min(mesh.quality[t], mesh.quality[u]) + GAIN
    if quality_of(mesh.points, x, y, q, p, tissue) <= beat:
        return False
    if quality_of(mesh.points, y, z, q, p, tissue) <= beat:
        return False
    if quality_of(mesh.points, z, x, q, p, tissue) <= beat:
        return False
    old = np.array([t, u])
    new = np.array([[x, y, q, p], [y, z, q, p], [z, x, q, p]])
    new_tissue = np.array([tissue, tissue, tissue], np.int8)
    replace(mesh, old, 2, new, new_tissue, 3)
    return True


@njit(cache=True)
def flip_bad(mesh: Mesh, grid: Grid, goal: float, tolerance_mm: float) -> tuple[int, int]:
    """Edge removal, else 2-3 flips, for every tetrahedron worse than ``goal``; returns how many of each were done.

    ``tolerance_mm``: how far the middle of a new interface edge may lie off the interface.

    Parameters
    ----------
    mesh : Mesh
        Changed in place.
    grid : Grid
        Tissue fields.
    goal : float
        Quality below which tetrahedra are worked on.
    tolerance_mm : float
        How far the middle of a new interface edge may lie off the interface.
    """
    value = np.empty((LONGEST_RING + 2, LONGEST_RING + 2))
    apex = np.empty((LONGEST_RING + 2, LONGEST_RING + 2), np.int64)
    scratch = np.empty(grid.fields.shape[3])
    removed = 0
    flipped = 0
    t = -1
    while t + 1 < mesh.counts[USED]:
        t += 1
        if mesh.tets[t, 0] < 0 or mesh.quality[t] >= goal:
            continue
        if mesh.counts[USED] + LARGEST_CHANGE >= len(mesh.tets):  # no spare places left
            break
        hit = False
        for edge in range(6):
            if remove_edge(mesh, grid, t, edge, tolerance_mm, value, apex, scratch):
                removed += 1
                hit = True
                break
        if hit:
            continue
        for f in range(4):
            if flip_face(mesh, t, f):
                flipped += 1
                break
    return removed, flipped
