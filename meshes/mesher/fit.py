"""Fit faces to the interface: nodes move a little off it so that the faces lie on it on average.

A flat face with its nodes on a curved interface lies inside it everywhere; the body loses volume and area (for edge h
and radius R by h²/8R on average).  So each node moves by the u that minimises, over the interface faces round it,

    Σ area · (d_f + n_f · u)² + λ Σ area · |u|²,

where d_f is the face's mean signed distance from the interface of its two tissues and n_f its normal.  The mean is over
four points of the face that integrate quadratic functions exactly up to the damping of the small system.  Where three
tissues meet the normals differ and the same equations place the node on the line.  Moves that would make the worst
tetrahedron round the node worse than a floor are shortened, then dropped.
"""

from typing import Any

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from meshes.mesher.fields import FLAT, Grid, pair_gradient, values_at
from meshes.mesher.improve import refresh
from meshes.mesher.shape import star_quality
from meshes.mesher.state import USED, Mesh, interface_faces
from meshes.topology import Stars, elements_of_nodes

Array = NDArray[Any]

# three points half-way from the centre to the corners (weight ¼ each) and the centre (¼): mean of |x|² right to 1 %
DAMPING = 0.15  # λ
FARTHEST_OFF_MM = 0.30  # a node never moves farther than this off the interface
LONGEST_MOVE_MM = 0.15
UNTRUSTED_MM = 1.5  # distances above this come from flat fields or another interface
PARTS = (1.0, 0.5, 0.25)


@njit(cache=True)
def pair_distance(grid: Grid, x: float, y: float, z: float, one: int, other: int, scratch: Array) -> float:
    """First-order signed distance (mm) from the interface of two tissues, positive on the side of ``one``.

    Parameters
    ----------
    grid : Grid
        Tissue fields.
    x, y, z : float
        Coordinates, grid mm.
    one, other : int
        Tissues.
    scratch : (K,) float64
        Overwritten.
    """
    values_at(grid, x, y, z, scratch)
    gx, gy, gz = pair_gradient(grid, x, y, z, one, other)
    return (scratch[one] - scratch[other]) / (np.sqrt(gx * gx + gy * gy + gz * gz) + FLAT)


@njit(cache=True, parallel=True)
def face_distances(grid: Grid, points: Array, faces: Array, one: Array, other: Array) -> tuple[Array, Array]:
    """Mean signed distance (n,) and normal times area (n, 3) of faces between tissues ``one`` and ``other``.

    Parameters
    ----------
    grid : Grid
        Tissue fields.
    points : (N, 3) float64
        Nodes, grid mm.
    faces : (n, 3) int
        Nodes.
    one, other : (n,) int
        Tissue on each side of a face.
    """
    distance = np.empty(len(faces))
    normal = np.empty((len(faces), 3))
    for f in prange(len(faces)):
        scratch = np.empty(grid.fields.shape[3])
        a = points[faces[f, 0]]
        b = points[faces[f, 1]]
        c = points[faces[f, 2]]
        normal[f, 0] = 0.5 * ((b[1] - a[1]) * (c[2] - a[2]) - (b[2] - a[2]) * (c[1] - a[1]))
        normal[f, 1] = 0.5 * ((b[2] - a[2]) * (c[0] - a[0]) - (b[0] - a[0]) * (c[2] - a[2]))
        normal[f, 2] = 0.5 * ((b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]))
        mx = (a[0] + b[0] + c[0]) / 3
        my = (a[1] + b[1] + c[1]) / 3
        mz = (a[2] + b[2] + c[2]) / 3
        total = pair_distance(grid, mx, my, mz, one[f], other[f], scratch)
        trusted = abs(total) < UNTRUSTED_MM
        for v in range(3):
            corner = points[faces[f, v]]
            x = 0.5 * (mx + corner[0])
            y = 0.5 * (my + corner[1])
            z = 0.5 * (mz + corner[2])
            part = pair_distance(grid, x, y, z, one[f], other[f], scratch)
            trusted = trusted and abs(part) < UNTRUSTED_MM
            total += part
        distance[f] = 0.25 * total if trusted else 0.0
    return distance, normal


@njit(cache=True)
def solve3(m: Array, r: Array, out: Array) -> None:
    """Solve the symmetric 3 × 3 system m x = r by Cramer's rule, into ``out``."""
    c00 = m[1, 1] * m[2, 2] - m[1, 2] * m[2, 1]
    c01 = m[1, 2] * m[2, 0] - m[1, 0] * m[2, 2]
    c02 = m[1, 0] * m[2, 1] - m[1, 1] * m[2, 0]
    c11 = m[0, 0] * m[2, 2] - m[0, 2] * m[2, 0]
    c12 = m[0, 1] * m[2, 0] - m[0, 0] * m[2, 1]
    c22 = m[0, 0] * m[1, 1] - m[0, 1] * m[1, 0]
    determinant = m[0, 0] * c00 + m[0, 1] * c01 + m[0, 2] * c02
    out[0] = (c00 * r[0] + c01 * r[1] + c02 * r[2]) / determinant
    out[1] = (c01 * r[0] + c11 * r[1] + c12 * r[2]) / determinant
    out[2] = (c02 * r[0] + c12 * r[1] + c22 * r[2]) / determinant


@njit(cache=True)
def node_moves(n_points: int, faces: Array, distance: Array, normal: Array) -> Array:
    """The u of each node, (N, 3); zero off the interfaces.

    Parameters
    ----------
    n_points : int
    faces : (n, 3) int
        Nodes.
    distance : (n,) float64
        Mean signed distance of each face, mm.
    normal : (n, 3) float64
        Normal times area, mm².
    """
    matrix = np.zeros((n_points, 3, 3))
    right = np.zeros((n_points, 3))
    for f in range(len(faces)):
        area = np.sqrt(normal[f, 0] ** 2 + normal[f, 1] ** 2 + normal[f, 2] ** 2) + 1e-30
        for v in range(3):
            node = faces[f, v]
            for i in range(3):
                # the normal points from one to other: a face on one's side (distance > 0) moves along it
                right[node, i] += distance[f] * normal[f, i]
                for j in range(3):
                    matrix[node, i, j] += normal[f, i] * normal[f, j] / area
                matrix[node, i, i] += DAMPING * area
    move = np.zeros((n_points, 3))
    for v in range(n_points):
        if matrix[v, 0, 0] > 0:
            solve3(matrix[v], right[v], move[v])
            length = np.sqrt(move[v, 0] ** 2 + move[v, 1] ** 2 + move[v, 2] ** 2)
            if length > LONGEST_MOVE_MM:
                for i in range(3):
                    move[v, i] *= LONGEST_MOVE_MM / length
    return move


@njit(cache=True)
def off_interface(mesh: Mesh, grid: Grid, stars: Stars, node: int, scratch: Array) -> float:
    """Distance (mm) of an interface node from the nearest crossing of two of its own tissues.

    Parameters
    ----------
    mesh : Mesh
        Changed in place.
    grid : Grid
        Tissue fields.
    stars : Stars
        Tetrahedra round nodes.
    node : int
    scratch : (K,) float64
        Overwritten.
    """
    x = mesh.points[node]
    values_at(grid, x[0], x[1], x[2], scratch)
    first = -1
    second = -1
    for e in range(stars.start[node], stars.start[node + 1]):
        code = mesh.tissue[stars.items[e]]
        if code in (first, second):
            continue
        if first < 0 or scratch[code] > scratch[first]:
            second = first
            first = code
        elif second < 0 or scratch[code] > scratch[second]:
            second = code
    gx, gy, gz = pair_gradient(grid, x[0], x[1], x[2], first, second)
    return (scratch[first] - scratch[second]) / (np.sqrt(gx * gx + gy * gy + gz * gz) + FLAT)


@njit(cache=True)
def apply_moves(mesh: Mesh, grid: Grid, stars: Stars, move: Array, floor: float) -> int:
    """Make the moves, one node after the other, as far as quality and distance allow; returns how many were made.

    Parameters
    ----------
    mesh : Mesh
        Changed in place.
    grid : Grid
        Tissue fields.
    stars : Stars
        Tetrahedra round nodes.
    move : (N, 3) float64
        mm.
    floor : float
        Smallest quality that a move may leave, unless it was worse.
    """
    scratch = np.empty(grid.fields.shape[3])
    before = np.empty(3)
    made = 0
    for node in range(len(mesh.points)):
        if move[node, 0] == 0.0 and move[node, 1] == 0.0 and move[node, 2] == 0.0:
            continue
        for i in range(3):
            before[i] = mesh.points[node, i]
        worst = star_quality(mesh.points, mesh.tets, mesh.tissue, stars, node, -9.0)
        off = off_interface(mesh, grid, stars, node, scratch)
        moved = False
        for part in PARTS:
            for i in range(3):
                mesh.points[node, i] = before[i] + part * move[node, i]
            good = star_quality(mesh.points, mesh.tets, mesh.tissue, stars, node, min(worst, floor)) > min(worst, floor)
            if good:
                now = off_interface(mesh, grid, stars, node, scratch)
                good = now < FARTHEST_OFF_MM or now < off
            if good:
                moved = True
                break
        if moved:
            made += 1
            refresh(mesh, stars, node)
        else:
            for i in range(3):
                mesh.points[node, i] = before[i]
    return made


def fit(mesh: Mesh, grid: Grid, sweeps: int, floor: float) -> float:
    """Move interface nodes in ``sweeps`` rounds; returns the last mean |distance| of the faces, mm (area-weighted).

    ``floor``: no star's worst quality (smallest sine) may fall below this, or below what it was.

    Parameters
    ----------
    mesh : Mesh
        Changed in place.
    grid : Grid
        Tissue fields.
    sweeps : int
    floor : float
        Smallest quality that a move may leave, unless it was worse.
    """
    used = int(mesh.counts[USED])
    stars = elements_of_nodes(mesh.tets[:used], len(mesh.points))
    faces, first, second = interface_faces(mesh.tets[:used], mesh.neighbours[:used], mesh.tissue[:used])
    one, other = mesh.tissue[first], mesh.tissue[second]
    mean = 0.0
    for _ in range(sweeps):
        distance, normal = face_distances(grid, mesh.points, faces, one, other)
        area = np.linalg.norm(normal, axis=1)
        mean = float((np.abs(distance) * area).sum() / area.sum())
        apply_moves(mesh, grid, stars, node_moves(len(mesh.points), faces, distance, normal), floor)
    return mean
