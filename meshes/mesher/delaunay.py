"""Delaunay tetrahedralisation by insertion, and further points later without starting again.

The points go in in rounds of doubling size, each along a space-filling curve (a biased randomised insertion order,
Amenta, Choi & Rote 2003): the walk to the next point is then short and the cavities are small.

A point removes the tetrahedra whose circumsphere holds it and joins the walls of that cavity to itself (Bowyer 1981,
Watson 1981).  Arithmetic is plain double precision.  Where rounding would leave a wall that the new point does not see, the
cavity is grown over that wall, and if that fails the point is left out: the result is a valid tetrahedralisation always,
Delaunay up to rounding.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from meshes.mesher.shape import orientation
from meshes.mesher.state import OUTWARD
from meshes.space_order import morton_codes

Array = NDArray[Any]

LONGEST_WALK = 100_000
LARGEST_CAVITY = 4096
SMALLEST_VOLUME = 1e-9  # mm³ × 6; a wall nearer to the new point than this counts as not seen
HASH_SIZE = 32768  # a power of two, above twice the edges of the largest usual cavity
FIRST_ROUND = 1000  # points in the first insertion round, about
TETS_PER_POINT = 7.5  # places that are kept; well-spaced points need about 6.5


@njit(cache=True, inline="always")
def in_sphere(points: Array, a: int, b: int, c: int, d: int, p: int) -> float:
    """Positive if p lies inside the circumsphere of the positively oriented tetrahedron abcd.

    Parameters
    ----------
    points : (N, 3) float64
        Nodes, grid mm.
    a, b, c, d : int
        Nodes.
    p : int
        Nodes.
    """
    px = points[p, 0]
    py = points[p, 1]
    pz = points[p, 2]
    ax = points[a, 0] - px
    ay = points[a, 1] - py
    az = points[a, 2] - pz
    bx = points[b, 0] - px
    by = points[b, 1] - py
    bz = points[b, 2] - pz
    cx = points[c, 0] - px
    cy = points[c, 1] - py
    cz = points[c, 2] - pz
    dx = points[d, 0] - px
    dy = points[d, 1] - py
    dz = points[d, 2] - pz
    ab = ax * by - bx * ay
    bc = bx * cy - cx * by
    cd = cx * dy - dx * cy
    da = dx * ay - ax * dy
    ac = ax * cy - cx * ay
    bd = bx * dy - dx * by
    abc = az * bc - bz * ac + cz * ab
    bcd = bz * cd - cz * bd + dz * bc
    cda = cz * da + dz * ac + az * cd
    dab = dz * ab + az * bd + bz * da
    a2 = ax * ax + ay * ay + az * az
    b2 = bx * bx + by * by + bz * bz
    c2 = cx * cx + cy * cy + cz * cz
    d2 = dx * dx + dy * dy + dz * dz
    return (c2 * dab - d2 * abc) + (a2 * bcd - b2 * cda)


@njit(cache=True)
def locate(points: Array, tets: Array, neighbours: Array, start: int, p: int) -> int:
    """Tetrahedron that holds point p, walking from ``start`` through walls that p lies behind; -1 if the walk fails.

    Parameters
    ----------
    points : (N, 3) float64
        Nodes, grid mm.
    tets : (M, 4) int
        Nodes of the tetrahedra.
    neighbours : (M, 4) int
        The tetrahedron behind the face opposite each node, -1: none.
    start : int
        Tetrahedron where the walk begins.
    p : int
        The point.
    """
    t = start
    came = -1
    for step in range(LONGEST_WALK):
        following = -2
        for i in range(4):
            f = (i + step) & 3  # varying the first face keeps the walk out of cycles
            if came >= 0 and neighbours[t, f] == came:
                continue
            a = tets[t, OUTWARD[f, 0]]
            b = tets[t, OUTWARD[f, 1]]
            c = tets[t, OUTWARD[f, 2]]
            if orientation(points, a, b, c, p) > 0.0:
                following = neighbours[t, f]
                break
        if following == -2:
            return t
        if following < 0:
            return -1
        came = t
        t = following
    return -1


@njit(cache=True)
def cavity_of(
    points: Array,
    tets: Array,
    neighbours: Array,
    home: int,
    p: int,
    stamp: int,
    marks: Array,
    cavity: Array,
    walls: Array,
) -> tuple[int, int]:
    """Collect the cavity of p, starting at the tetrahedron that holds it.

    Returns the number of tetrahedra in ``cavity`` and of ``walls`` (tetrahedron × 4 + face); 0 walls if there is none
    that p sees in full.  ``marks[t] == stamp`` marks the tetrahedra of the cavity.

    Parameters
    ----------
    points : (N, 3) float64
        Nodes, grid mm.
    tets : (M, 4) int
        Nodes of the tetrahedra.
    neighbours : (M, 4) int
        The tetrahedron behind the face opposite each node, -1: none.
    home : int
        The tetrahedron that holds the point.
    p : int
        The point.
    stamp : int
        Of this insertion.
    marks : (M,) int32
        Last insertion that took each tetrahedron.
    cavity : (LARGEST_CAVITY + 1,) int64
        Overwritten.
    walls : (2 LARGEST_CAVITY,) int64
        Overwritten.
    """
    # all tetrahedra whose circumsphere holds p hang together over faces: a breadth-first walk finds them
    n = 1
    cavity[0] = home
    marks[home] = stamp
    done = 0
    while done < n:
        t = cavity[done]
        done += 1
        for f in range(4):
            u = neighbours[t, f]
            if u < 0 or marks[u] == stamp:
                continue
            if in_sphere(points, tets[u, 0], tets[u, 1], tets[u, 2], tets[u, 3], p) > 0.0:
                if n >= LARGEST_CAVITY:
                    return n, 0
                marks[u] = stamp
                cavity[n] = u
                n += 1
    # rounding: a wall that p does not see would turn a tetrahedron inside out, so the one behind it joins the cavity
    while True:
        n_walls = 0
        grown = False
        for i in range(n):
            t = cavity[i]
            for f in range(4):
                u = neighbours[t, f]
                if u >= 0 and marks[u] == stamp:
                    continue
                a = tets[t, OUTWARD[f, 0]]
                b = tets[t, OUTWARD[f, 1]]
                c = tets[t, OUTWARD[f, 2]]
                if orientation(points, a, b, c, p) > -SMALLEST_VOLUME:
                    if u < 0 or n >= LARGEST_CAVITY:
                        return n, 0
                    marks[u] = stamp
                    cavity[n] = u
                    n += 1
                    grown = True
                    break
                if n_walls >= len(walls):
                    return n, 0
                walls[n_walls] = t * 4 + f
                n_walls += 1
            if grown:
                break
        if not grown:
            return n, n_walls


@njit(cache=True)
def link_edge(
    neighbours: Array, keys: Array, slots: Array, stamps: Array, stamp: int, a: int, b: int, place: int, n_points: int
) -> None:
    """Meet the other new face over edge ab: the first to come waits in a hash table, the second links both.

    Parameters
    ----------
    neighbours : (M, 4) int
        The tetrahedron behind the face opposite each node, -1: none.
    keys : (HASH_SIZE,) int64
        The hash table: edges, ...
    slots : (HASH_SIZE,) int64
        ... the faces that wait at them, ...
    stamps : (HASH_SIZE,) int32
        ... and the insertion each belongs to.
    stamp : int
        Of this insertion.
    a, b : int
        The edge.
    place : int
        The new face: tetrahedron × 4 + face.
    n_points : int
    """
    key = np.int64(min(a, b)) * n_points + max(a, b)  # one number for each edge, whichever way it runs
    h = (key ^ (key >> 15) ^ (key >> 30)) & (HASH_SIZE - 1)
    while stamps[h] == stamp:  # a slot with an older stamp is empty: the table is never cleared
        if keys[h] == key:
            other = slots[h]
            neighbours[place >> 2, place & 3] = other >> 2
            neighbours[other >> 2, other & 3] = place >> 2
            return
        h = (h + 1) & (HASH_SIZE - 1)
    stamps[h] = stamp
    keys[h] = key
    slots[h] = place


@njit(cache=True)
def insert_points(
    points: Array,
    tets: Array,
    neighbours: Array,
    free: Array,
    used: int,
    n_free: int,
    last: int,
    which: Array,
    start: Array,
) -> tuple[int, int, int, int]:
    """Insert the points ``which``; ``start`` (same length) names a tetrahedron near each, or -1 for the youngest.

    Returns used, n_free, last, and how many points could not be inserted; the capacity of ``tets`` must suffice.

    Parameters
    ----------
    points : (N, 3) float64
        Nodes, grid mm.
    tets : (M, 4) int
        Nodes of the tetrahedra.
    neighbours : (M, 4) int
        The tetrahedron behind the face opposite each node, -1: none.
    free : (capacity,) int64
        Dead tetrahedra whose place may be used again.
    used : int
        Places that have been used, ...
    n_free : int
        ... and how many of these are free.
    last : int
        The youngest tetrahedron.
    which : (n,) int
        Points to insert, in this order.
    start : (n,) int
        A tetrahedron near each, or -1.
    """
    marks = np.zeros(len(tets), np.int32)
    cavity = np.empty(LARGEST_CAVITY + 1, np.int64)
    walls = np.empty(2 * LARGEST_CAVITY, np.int64)
    fresh = np.empty(2 * LARGEST_CAVITY, np.int64)
    keys = np.zeros(HASH_SIZE, np.int64)
    slots = np.zeros(HASH_SIZE, np.int64)
    stamps = np.zeros(HASH_SIZE, np.int32)
    left_out = 0
    for i in range(len(which)):
        p = which[i]
        stamp = i + 1
        begin = start[i]  # the walk is short from a neighbour in space
        if begin < 0 or tets[begin, 0] < 0:
            begin = last
        home = locate(points, tets, neighbours, begin, p)
        if home < 0:
            left_out += 1
            continue
        n_cavity, n_walls = cavity_of(points, tets, neighbours, home, p, stamp, marks, cavity, walls)
        # a cavity whose edges would crowd the hash table is left, like one that p does not see in full
        if n_walls == 0 or n_walls * 3 > HASH_SIZE or used + n_walls >= len(tets):
            left_out += 1
            continue
        for w in range(n_walls):
            if n_free > 0:
                n_free -= 1
                t = free[n_free]
            else:
                t = used
                used += 1
            fresh[w] = t
        for w in range(n_walls):
            t = fresh[w]
            old = walls[w] >> 2
            f = walls[w] & 3
            a = tets[old, OUTWARD[f, 0]]
            b = tets[old, OUTWARD[f, 1]]
            c = tets[old, OUTWARD[f, 2]]
            behind = neighbours[old, f]
            tets[t, 0] = a
            tets[t, 1] = c
            tets[t, 2] = b
            tets[t, 3] = p
            neighbours[t, 3] = behind
            if behind >= 0:
                for g in range(4):
                    if neighbours[behind, g] == old:
                        # two walls of one tetrahedron may share a neighbour: match the face too
                        w0 = tets[behind, g]
                        if w0 != a and w0 != b and w0 != c:
                            neighbours[behind, g] = t
                            break
            link_edge(neighbours, keys, slots, stamps, stamp, c, b, t * 4 + 0, len(points))
            link_edge(neighbours, keys, slots, stamps, stamp, a, b, t * 4 + 1, len(points))
            link_edge(neighbours, keys, slots, stamps, stamp, a, c, t * 4 + 2, len(points))
            last = t
        for k in range(n_cavity):
            tets[cavity[k], 0] = -1
            free[n_free] = cavity[k]
            n_free += 1
    return used, n_free, last, left_out


@dataclass
class Triangulation:
    """Tetrahedra with their neighbours; arrays have spare places, a dead tetrahedron has tets[t, 0] < 0.

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
        """Tetrahedra and neighbours without the unused places, dead ones included."""
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
    capacity = s.used - s.n_free + int(TETS_PER_POINT * len(which)) + 1000
    if capacity > len(s.tets):
        extra = np.full((capacity - len(s.tets), 4), -1, np.int32)
        s.tets = np.concatenate([s.tets, extra])
        s.neighbours = np.concatenate([s.neighbours, extra])
        s.free = np.concatenate([s.free, np.zeros(len(extra), np.int32)])
    used, n_free, last, _ = insert_points(
        s.points, s.tets, s.neighbours, s.free, s.used, s.n_free, s.last,
        np.asarray(which, np.int64), np.asarray(start, np.int64),
    )  # fmt: skip
    return Triangulation(s.points, s.tets, s.neighbours, s.free, used, n_free, last)
