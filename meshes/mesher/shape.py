"""The quality of a tetrahedron: the smallest sine of its six dihedral angles, negative if it is inverted.

With face normals N_i, N_j (twice the area long) that meet in an edge of length l, sin θ = 6 V l / (|N_i| |N_j|).  The
sine is small for angles near 0° and near 180° alike, the two ways to be flat.
"""

from typing import Any

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from meshes.topology import Stars

Array = NDArray[Any]

TINY = 1e-30
NO_TET = 9.0  # quality of a dead tetrahedron: better than any
AIR = 1.0  # quality of a tetrahedron outside the head: it only has to keep ...
AIR_FLATTEST = 1e-3  # ... a positive volume


@njit(cache=True, inline="always")
def orientation(points: Array, a: int, b: int, c: int, d: int) -> float:
    """Six times the signed volume of abcd: positive if d lies where the normal of abc points.

    Parameters
    ----------
    points : (N, 3) float64
        Nodes, grid mm.
    a, b, c, d : int
        Nodes.
    """
    ax = points[a, 0]
    ay = points[a, 1]
    az = points[a, 2]
    ux = points[b, 0] - ax
    uy = points[b, 1] - ay
    uz = points[b, 2] - az
    vx = points[c, 0] - ax
    vy = points[c, 1] - ay
    vz = points[c, 2] - az
    wx = points[d, 0] - ax
    wy = points[d, 1] - ay
    wz = points[d, 2] - az
    return (uy * vz - uz * vy) * wx + (uz * vx - ux * vz) * wy + (ux * vy - uy * vx) * wz


@njit(cache=True)
def smallest_sine(points: Array, a: int, b: int, c: int, d: int) -> float:
    """Signed smallest sine of the dihedral angles of abcd.

    Parameters
    ----------
    points : (N, 3) float64
        Nodes, grid mm.
    a, b, c, d : int
        Nodes.
    """
    ax = points[a, 0]
    ay = points[a, 1]
    az = points[a, 2]
    ux = points[b, 0] - ax
    uy = points[b, 1] - ay
    uz = points[b, 2] - az
    vx = points[c, 0] - ax
    vy = points[c, 1] - ay
    vz = points[c, 2] - az
    wx = points[d, 0] - ax
    wy = points[d, 1] - ay
    wz = points[d, 2] - az
    # normals of the faces opposite d, c, b; their sum is that of the face opposite a
    dx = uy * vz - uz * vy
    dy = uz * vx - ux * vz
    dz = ux * vy - uy * vx
    cx = wy * uz - wz * uy
    cy = wz * ux - wx * uz
    cz = wx * uy - wy * ux
    bx = vy * wz - vz * wy
    by = vz * wx - vx * wz
    bz = vx * wy - vy * wx
    ex = bx + cx + dx
    ey = by + cy + dy
    ez = bz + cz + dz
    opposite_a = ex * ex + ey * ey + ez * ez + TINY
    opposite_b = bx * bx + by * by + bz * bz + TINY
    opposite_c = cx * cx + cy * cy + cz * cz + TINY
    opposite_d = dx * dx + dy * dy + dz * dz + TINY
    six_volumes = dx * wx + dy * wy + dz * wz
    uv2 = (ux - vx) ** 2 + (uy - vy) ** 2 + (uz - vz) ** 2
    uw2 = (ux - wx) ** 2 + (uy - wy) ** 2 + (uz - wz) ** 2
    vw2 = (vx - wx) ** 2 + (vy - wy) ** 2 + (vz - wz) ** 2
    smallest = (ux * ux + uy * uy + uz * uz) / (opposite_c * opposite_d)
    smallest = min(smallest, (vx * vx + vy * vy + vz * vz) / (opposite_b * opposite_d))
    smallest = min(smallest, (wx * wx + wy * wy + wz * wz) / (opposite_b * opposite_c))
    smallest = min(smallest, uv2 / (opposite_a * opposite_d))
    smallest = min(smallest, uw2 / (opposite_a * opposite_c))
    smallest = min(smallest, vw2 / (opposite_a * opposite_b))
    return six_volumes * np.sqrt(smallest)


@njit(cache=True)
def quality_of(points: Array, a: int, b: int, c: int, d: int, tissue: int) -> float:
    """Quality of abcd: its smallest sine, but any positive volume will do outside the head.

    Parameters
    ----------
    points : (N, 3) float64
        Nodes, grid mm.
    a, b, c, d : int
        Nodes.
    tissue : int
        0 is the outside.
    """
    sine = smallest_sine(points, a, b, c, d)
    if tissue == 0 and sine > AIR_FLATTEST:
        return AIR
    return sine


@njit(cache=True, parallel=True)
def qualities(points: Array, tets: Array, tissue: Array) -> Array:
    """Quality of every tetrahedron, (M,)."""
    quality = np.full(len(tets), NO_TET)
    for t in prange(len(tets)):
        if tets[t, 0] >= 0:
            quality[t] = quality_of(points, tets[t, 0], tets[t, 1], tets[t, 2], tets[t, 3], tissue[t])
    return quality


@njit(cache=True)
def star_quality(points: Array, tets: Array, tissue: Array, stars: Stars, node: int, enough: float) -> float:
    """Worst quality round a node; stops early once it is not above ``enough``.

    Parameters
    ----------
    points : (N, 3) float64
        Nodes, grid mm.
    tets : (M, 4) int
        Nodes of the tetrahedra.
    tissue : (M,) int8
        Of the tetrahedra.
    stars : Stars
        Tetrahedra round nodes.
    node : int
    enough : float
        The search ends at a quality that is not above this.
    """
    worst = NO_TET
    for e in range(stars.start[node], stars.start[node + 1]):
        t = stars.items[e]
        quality = quality_of(points, tets[t, 0], tets[t, 1], tets[t, 2], tets[t, 3], tissue[t])
        if quality < worst:
            worst = quality
            if worst <= enough:
                return worst
    return worst


def volumes(points: Array, tets: Array) -> Array:
    """Signed volumes (M,)."""
    a, b, c, d = (points[tets[:, i]] for i in range(4))
    return np.einsum("ij,ij->i", np.cross(b - a, c - a), d - a) / 6
