r"""Place a coil on a head: tangential to the scalp, turned by an angle, its casing a given distance away.

At a scalp point with outward normal n the coil's axes are z = −n and y in the tangent plane.  The angle is that of the
**induced current in the brain** (coil files differ in sign: ``Coil.current_direction_y``), measured from the sagittal
direction, which is anterior (RAS +y) laid into the tangent plane; where the scalp faces forward or backward so that
anterior has no direction in the plane, superior (RAS +z) is used.  Positive angles turn counter-clockwise as seen from
outside the head, looking at the scalp.

The coil is then pushed along n until the smallest distance of any casing point to the scalp is the one asked for.  It
comes from outside, as a hand brings it: what it meets first (a wing, the brow, an ear) holds it off.

A coil whose wings reach down beside the head (an angled or double-cone coil, one bent to a head) would so rest on one wing
wherever the head is not round.  A hand rocks it about its handle until both wings rest: it is turned about its own y axis,
by up to ``MAX_ROCK_DEG``, until its halves x < 0 and x > 0 are equally far from the scalp.
"""

from __future__ import annotations

from itertools import pairwise

import numba
import numpy as np
from numpy.typing import NDArray

from atlases.scalp import Scalp, read_distance
from targeting.coils.coil import Coil

ANGLE_FROM = "anterior laid into the scalp's tangent plane, counter-clockwise seen from outside, to the induced current"
ANGLE_FROM_SUPERIOR = ANGLE_FROM.replace("anterior", "superior")
MIN_PROJECTION = 0.5  # below 30° between the normal and anterior the direction is ill-defined
DISTANCE_TOLERANCE_MM = 0.02
PUSHES = 12
LUMP_MM = 25.0  # of the cells that a casing's points are sorted into
SLACK_STEPS = 3.0  # of the distance grid: between two places it may change by so much more than they lie apart
APPROACH_MM = 3.0  # how far outside its last place a coil starts that is turned on the spot
WINGS_MM = 10.0  # a casing that reaches this far past its centre's face has wings
MAX_ROCK_DEG = 20.0
ROCKS = 30
HELD_OFF_MM = 0.5  # a casing whose middle is held off the scalp by less sits as it was asked to


def reference_directions(normals: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Unit tangents that angles are measured from, (n, 3), and where they are superior instead of anterior, (n,)."""
    anterior, superior = np.array([0.0, 1.0, 0.0]), np.array([0.0, 0.0, 1.0])
    forward = anterior - normals * normals[:, 1:2]
    upward = superior - normals * normals[:, 2:3]
    use_superior = np.linalg.norm(forward, axis=1) < MIN_PROJECTION
    tangent = np.where(use_superior[:, None], upward, forward)
    return tangent / np.linalg.norm(tangent, axis=1, keepdims=True), use_superior


def rotations(normals: NDArray[np.float64], angles_deg: NDArray[np.floating], current_direction_y: int) -> NDArray:
    """Coil axes for every normal and every angle (a,), or each normal's own (n, a): (n, a, 3, 3), columns x, y, z.

    ``current_direction_y`` −1 turns the handle round so that the *current* keeps the angle.
    """
    tangent, _ = reference_directions(normals)
    left = np.cross(normals, tangent)  # counter-clockwise from the reference, seen from outside
    angle = np.radians(np.atleast_2d(angles_deg))[..., None]
    current = np.cos(angle) * tangent[:, None] + np.sin(angle) * left[:, None]
    y = -current if current_direction_y < 0 else current
    z = np.broadcast_to(-normals[:, None], y.shape)
    return np.stack([np.cross(y, z), y, z], axis=-1)


def current_angle_deg(matrix_mm: NDArray[np.float64], current_direction_y: int) -> tuple[float, str]:
    """The angle of a pose's induced current, in (−180, 180], and what it is measured from."""
    normal = -matrix_mm[:3, 2]
    tangent, use_superior = reference_directions(normal[None])
    current = matrix_mm[:3, 1] * (-1 if current_direction_y < 0 else 1)
    angle = np.degrees(np.arctan2(current @ np.cross(normal, tangent[0]), current @ tangent[0]))
    return float(180.0 if angle <= -180 else angle), ANGLE_FROM_SUPERIOR if use_superior[0] else ANGLE_FROM


def carry(y: NDArray[np.float64], z: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    """A unit vector y ⟂ z taken along by the smallest rotation of z onto each other axis (n, 3): (n, 3)."""
    share = (others @ y) / (1 + others @ z)
    return y - share[:, None] * (z + others)


def turn(axis: int, angle: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rotations by ``angle`` (n,), radians, about the coil's own axis 0, 1 or 2, (n, 3, 3)."""
    out = np.tile(np.eye(3), (len(angle), 1, 1))
    i, j = (axis + 1) % 3, (axis + 2) % 3
    out[:, i, i] = out[:, j, j] = np.cos(angle)
    out[:, j, i] = np.sin(angle)
    out[:, i, j] = -np.sin(angle)
    return out


def place(
    scalp: Scalp,
    coil: Coil,
    points_mm: NDArray[np.float64],
    angles_deg: NDArray[np.floating],
    distance_mm: float,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Poses at every scalp point and angle (a,), or each point's own (n, a), the casing ``distance_mm`` off the scalp.

    Parameters
    ----------
    scalp : Scalp
    coil : Coil
    points_mm : (n, 3)
        On the scalp.
    angles_deg : (a,) or (n, a)
        Of the current.
    distance_mm : float
        From the casing to the scalp.

    Returns
    -------
    poses : (n, a, 4, 4)
        Coil → world, mm.
    distance : (n, a)
        The casing's distance reached; it differs from the one asked where no push reaches it (then no pose is allowed).
    """
    normals = scalp.patch_normals(points_mm)
    axes = rotations(normals, angles_deg, coil.current_direction_y)
    return settled(scalp, coil, points_mm, normals, axes, distance_mm)


def settled(
    scalp: Scalp,
    coil: Coil,
    points_mm: NDArray[np.float64],
    normals: NDArray[np.float64],
    axes: NDArray[np.float64],
    distance_mm: float,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """As a hand sets the coil down: pushed out, one with wings rocked until both rest; as :func:`push_out` else.

    Parameters
    ----------
    scalp : Scalp
    coil : Coil
    points_mm : (n, 3)
        On the scalp.
    normals : (n, 3) float64
        Outward unit normals of the scalp.
    axes : (n, a, 3, 3) float64
        Axes of the coil, as columns.
    distance_mm : float
        From the casing to the scalp.
    """
    return (rest if has_wings(coil) else push_out)(scalp, coil, points_mm, normals, axes, distance_mm)


def has_wings(coil: Coil) -> bool:
    """Whether the casing reaches past the face over its centre, down beside a head."""
    points = coil.casing.points_mm
    center = np.linalg.norm(points[:, :2], axis=1)
    return bool(points[:, 2].max() - points[center <= center.min() + WINGS_MM, 2].max() > WINGS_MM)


def push_out(
    scalp: Scalp,
    coil: Coil,
    points_mm: NDArray[np.float64],
    normals: NDArray[np.float64],
    axes: NDArray[np.float64],
    distance_mm: float,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Poses of given axes (n, a, 3, 3) moved from scalp points along their normals (n, 3); returns as :func:`place`.

    Parameters
    ----------
    scalp : Scalp
    coil : Coil
    points_mm : (n, 3)
        On the scalp.
    normals : (n, 3) float64
        Outward unit normals of the scalp.
    axes : (n, a, 3, 3) float64
        Axes of the coil, as columns.
    distance_mm : float
        From the casing to the scalp.
    """
    grid = scalp.distance
    return _push_out(
        grid.mm, grid.origin_mm, grid.step_mm, _lumps(coil.casing.points_mm), points_mm, normals, axes, distance_mm
    )


def rest(
    scalp: Scalp,
    coil: Coil,
    points_mm: NDArray[np.float64],
    normals: NDArray[np.float64],
    axes: NDArray[np.float64],
    distance_mm: float,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """As :func:`push_out`, the coil also rocked about its handle until both its halves rest.

    Parameters
    ----------
    scalp : Scalp
    coil : Coil
    points_mm : (n, 3)
        On the scalp.
    normals : (n, 3) float64
        Outward unit normals of the scalp.
    axes : (n, a, 3, 3) float64
        Axes of the coil, as columns.
    distance_mm : float
        From the casing to the scalp.
    """
    grid = scalp.distance
    return _rest(
        grid.mm, grid.origin_mm, grid.step_mm, _lumps(coil.casing.points_mm), points_mm, normals, axes, distance_mm
    )


Lumps = tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]


def _lumps(casing_mm: NDArray[np.float64]) -> Lumps:
    """A casing's points (n, 3) sorted into cells: points, where each cell begins (c + 1,), its middle (c, 3) and radius (c,).

    A cell whose middle is farther from the scalp than the nearest point so far by more than its radius is not looked into.
    No cell holds points of both halves of the casing; those nearest to the head come first.
    """
    cell = np.floor(casing_mm / LUMP_MM)
    _, of = np.unique(cell, axis=0, return_inverse=True)
    of = of.ravel()
    nearest = np.full(of.max() + 1, -np.inf)
    np.maximum.at(nearest, of, casing_mm[:, 2])
    rank = np.empty(len(nearest), np.int64)
    rank[np.argsort(-nearest, kind="stable")] = np.arange(len(nearest))
    order = np.argsort(rank[of], kind="stable")
    points, start = casing_mm[order], np.concatenate([[0], np.cumsum(np.bincount(rank[of]))])
    middles = np.stack([(points[a:b].min(0) + points[a:b].max(0)) / 2 for a, b in pairwise(start)])
    radii = [np.linalg.norm(points[a:b] - m, axis=1).max() for (a, b), m in zip(pairwise(start), middles, strict=True)]
    return np.ascontiguousarray(points), start, middles, np.array(radii)


@numba.njit(cache=True, inline="always")
def _distance_of(
    grid: NDArray, origin_mm: NDArray, step_mm: float, p: NDArray, axes: NDArray, center: NDArray
) -> float:
    x = center[0] + axes[0, 0] * p[0] + axes[0, 1] * p[1] + axes[0, 2] * p[2]
    y = center[1] + axes[1, 0] * p[0] + axes[1, 1] * p[1] + axes[1, 2] * p[2]
    z = center[2] + axes[2, 0] * p[0] + axes[2, 1] * p[1] + axes[2, 2] * p[2]
    return read_distance(grid, origin_mm, step_mm, x, y, z)


@numba.njit(cache=True)
def _smallest(
    grid: NDArray, origin_mm: NDArray, step_mm: float, casing: Lumps, axes: NDArray, center: NDArray
) -> float:
    points, start, middles, radii = casing
    best = np.inf
    for c in range(len(middles)):
        least = _distance_of(grid, origin_mm, step_mm, middles[c], axes, center) - radii[c] - SLACK_STEPS * step_mm
        if least < best:
            for k in range(start[c], start[c + 1]):
                best = min(best, _distance_of(grid, origin_mm, step_mm, points[k], axes, center))
    return best


@numba.njit(cache=True, parallel=True)
def _push_out(
    grid: NDArray,
    origin_mm: NDArray,
    step_mm: float,
    casing: Lumps,
    points_mm: NDArray,
    normals: NDArray,
    axes: NDArray,
    distance_mm: float,
) -> tuple[NDArray, NDArray]:
    n_points, n_angles = axes.shape[0], axes.shape[1]
    poses = np.zeros((n_points, n_angles, 4, 4))
    reached = np.empty((n_points, n_angles))
    for n in numba.prange(n_points):
        offset = distance_mm
        for a in range(n_angles):
            gap = 0.0
            for _ in range(PUSHES):
                gap = _smallest(grid, origin_mm, step_mm, casing, axes[n, a], points_mm[n] + offset * normals[n])
                if abs(gap - distance_mm) < DISTANCE_TOLERANCE_MM:
                    break
                offset += distance_mm - gap
            poses[n, a, :3, :3] = axes[n, a]
            poses[n, a, :3, 3] = points_mm[n] + offset * normals[n]
            poses[n, a, 3, 3] = 1.0
            reached[n, a] = gap
            offset = offset + APPROACH_MM if abs(gap - distance_mm) < DISTANCE_TOLERANCE_MM else distance_mm
    return poses, reached


@numba.njit(cache=True)
def _halves(
    grid: NDArray, origin_mm: NDArray, step_mm: float, casing: Lumps, axes: NDArray, center: NDArray, out: NDArray
) -> None:
    """Smallest distance of the casing's halves x < 0 and x ≥ 0 and the x of those points: out (4,)."""
    points, start, middles, radii = casing
    out[0] = out[2] = np.inf
    for c in range(len(middles)):
        side = 0 if points[start[c], 0] < 0 else 2
        least = _distance_of(grid, origin_mm, step_mm, middles[c], axes, center) - radii[c] - SLACK_STEPS * step_mm
        if least < out[side]:
            for k in range(start[c], start[c + 1]):
                mm = _distance_of(grid, origin_mm, step_mm, points[k], axes, center)
                if mm < out[side]:
                    out[side], out[side + 1] = mm, points[k, 0]


@numba.njit(cache=True, parallel=True)
def _rest(
    grid: NDArray,
    origin_mm: NDArray,
    step_mm: float,
    casing: Lumps,
    points_mm: NDArray,
    normals: NDArray,
    axes: NDArray,
    distance_mm: float,
) -> tuple[NDArray, NDArray]:
    n_points, n_angles = axes.shape[0], axes.shape[1]
    poses = np.zeros((n_points, n_angles, 4, 4))
    reached = np.empty((n_points, n_angles))
    limit = np.radians(MAX_ROCK_DEG)
    for n in numba.prange(n_points):
        offset, rock = distance_mm, 0.0
        half = np.empty(4)
        rocked = np.empty((3, 3))
        for a in range(n_angles):
            gap = 0.0
            for _ in range(ROCKS):
                c, s = np.cos(rock), np.sin(rock)
                for i in range(3):  # a positive rock lifts the half x > 0 off the head
                    rocked[i, 0] = c * axes[n, a, i, 0] - s * axes[n, a, i, 2]
                    rocked[i, 1] = axes[n, a, i, 1]
                    rocked[i, 2] = s * axes[n, a, i, 0] + c * axes[n, a, i, 2]
                _halves(grid, origin_mm, step_mm, casing, rocked, points_mm[n] + offset * normals[n], half)
                gap = min(half[0], half[2])
                uneven = half[0] - half[2]
                turned = min(max(rock + 0.7 * uneven / max(half[3] - half[1], 20.0), -limit), limit)
                at_rest = abs(uneven) < 5 * DISTANCE_TOLERANCE_MM or turned == rock
                if at_rest and abs(gap - distance_mm) < DISTANCE_TOLERANCE_MM:
                    break
                if not at_rest:
                    rock = turned
                offset += distance_mm - gap
            poses[n, a, :3, :3] = rocked
            poses[n, a, :3, 3] = points_mm[n] + offset * normals[n]
            poses[n, a, 3, 3] = 1.0
            reached[n, a] = gap
            if abs(gap - distance_mm) < DISTANCE_TOLERANCE_MM:
                offset += APPROACH_MM
            else:
                offset, rock = distance_mm, 0.0
    return poses, reached


def allowed(distance_mm: NDArray, hair_mm: float | NDArray) -> NDArray[np.bool_]:
    """Whether poses reached the distance asked for; one that did not is no pose."""
    return np.abs(distance_mm - hair_mm) <= 2 * DISTANCE_TOLERANCE_MM


def casing_distance_mm(scalp: Scalp, coil: Coil, matrix_mm: NDArray[np.float64]) -> float:
    """The smallest distance of the casing to the scalp for one pose; negative if it enters the head."""
    return float(scalp.signed_distance_mm(coil.casing.points_mm @ matrix_mm[:3, :3].T + matrix_mm[:3, 3]).min())
