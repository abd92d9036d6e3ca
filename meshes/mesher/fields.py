"""The tissue fields between the voxels: value, margin, and the way to the nearest interface.

A field is a quadratic B-spline with the voxel values as coefficients.  It is C1 and smooths by half a voxel (standard
deviation), which is what removes the voxel stairs.  With one-dimensional offset t ∈ [-½, ½] from the nearest voxel its
weights on the three voxels around are ½(½-t)², ¾-t², ½(½+t)².

The *margin* at a point is the largest minus the second largest field.  It is zero exactly on the interfaces, so one
Newton iteration x ← x - m ∇m / |∇m|² finds them without knowing which two tissues meet there; m / |∇m| is the
distance to first order.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

Array = NDArray[Any]


class Grid(NamedTuple):
    """Tissue fields on a regular grid; points in it are in mm from the centre of its first voxel.

    Attributes
    ----------
    fields : (nx, ny, nz, K) float32
        Membership of each voxel in each tissue, 0 to 1.
    spacing : (3,) float64
        Voxel size, mm.
    """

    fields: Array
    spacing: Array


FLAT = 1e-6  # gradient (1/mm) added where the fields are flat, so that a Newton step stays finite
CONVERGED_MM = 1e-3


@njit(cache=True, inline="always")
def nearest_voxel(position_mm: float, spacing_mm: float, count: int) -> tuple[int, float]:
    """Nearest voxel that has neighbours on both sides, and the offset from it in voxels, within ±½."""
    index = position_mm / spacing_mm
    voxel = min(max(int(np.rint(index)), 1), count - 2)
    return voxel, min(max(index - voxel, -0.5), 0.5)


@njit(cache=True, inline="always")
def spline_weights(t: float) -> tuple[float, float, float]:
    """Weights of the three voxels around."""
    return 0.5 * (0.5 - t) ** 2, 0.75 - t * t, 0.5 * (0.5 + t) ** 2


@njit(cache=True, inline="always")
def spline_slopes(t: float) -> tuple[float, float, float]:
    """Derivatives of the weights, per voxel."""
    return t - 0.5, -2.0 * t, t + 0.5


@njit(cache=True)
def values_at(grid: Grid, x: float, y: float, z: float, out: Array) -> None:
    """All fields at one point (grid mm), into ``out``.

    Parameters
    ----------
    grid : Grid
        Tissue fields.
    x, y, z : float
        Coordinates, grid mm.
    out : (K,) float64
        Overwritten.
    """
    i, tx = nearest_voxel(x, grid.spacing[0], grid.fields.shape[0])
    j, ty = nearest_voxel(y, grid.spacing[1], grid.fields.shape[1])
    k, tz = nearest_voxel(z, grid.spacing[2], grid.fields.shape[2])
    wx = spline_weights(tx)
    wy = spline_weights(ty)
    wz = spline_weights(tz)
    out[:] = 0.0
    for a in range(3):
        for b in range(3):
            wab = wx[a] * wy[b]
            for c in range(3):
                weight = wab * wz[c]
                for m in range(len(out)):
                    out[m] += weight * grid.fields[i + a - 1, j + b - 1, k + c - 1, m]


@njit(cache=True)
def top_two(values: Array) -> tuple[int, int]:
    """Tissues of the largest and the second largest value; of equals the lower code comes first."""
    first = 0
    for m in range(1, len(values)):
        if values[m] > values[first]:
            first = m
    second = 1 if first == 0 else 0
    for m in range(len(values)):
        if m != first and values[m] > values[second]:
            second = m
    return first, second


@njit(cache=True)
def pair_gradient(grid: Grid, x: float, y: float, z: float, plus: int, minus: int) -> tuple[float, float, float]:
    """Gradient (1/mm) of field ``plus`` minus field ``minus``.

    Parameters
    ----------
    grid : Grid
        Tissue fields.
    x, y, z : float
        Coordinates, grid mm.
    plus, minus : int
        Tissues.
    """
    i, tx = nearest_voxel(x, grid.spacing[0], grid.fields.shape[0])
    j, ty = nearest_voxel(y, grid.spacing[1], grid.fields.shape[1])
    k, tz = nearest_voxel(z, grid.spacing[2], grid.fields.shape[2])
    wx = spline_weights(tx)
    wy = spline_weights(ty)
    wz = spline_weights(tz)
    dx = spline_slopes(tx)
    dy = spline_slopes(ty)
    dz = spline_slopes(tz)
    gx = 0.0
    gy = 0.0
    gz = 0.0
    for a in range(3):
        for b in range(3):
            for c in range(3):
                voxel = grid.fields[i + a - 1, j + b - 1, k + c - 1]
                difference = np.float64(voxel[plus]) - np.float64(voxel[minus])
                gx += dx[a] * wy[b] * wz[c] * difference
                gy += wx[a] * dy[b] * wz[c] * difference
                gz += wx[a] * wy[b] * dz[c] * difference
    return gx / grid.spacing[0], gy / grid.spacing[1], gz / grid.spacing[2]


@njit(cache=True)
def margin_at(grid: Grid, x: float, y: float, z: float, scratch: Array) -> tuple[int, int, float, float, float, float]:
    """Best tissue, second tissue, margin, and the margin's gradient (1/mm) at one point.

    Parameters
    ----------
    grid : Grid
        Tissue fields.
    x, y, z : float
        Coordinates, grid mm.
    scratch : (K,) float64
        Overwritten.
    """
    values_at(grid, x, y, z, scratch)
    first, second = top_two(scratch)
    gx, gy, gz = pair_gradient(grid, x, y, z, first, second)
    return first, second, scratch[first] - scratch[second], gx, gy, gz


@njit(cache=True)
def to_interface(
    grid: Grid, x: float, y: float, z: float, steps: int, longest_mm: float, scratch: Array
) -> tuple[float, float, float, int, int, float, float, float, float]:
    """Newton steps to the zero set of the margin.

    Returns the point, best and second tissue there, the remaining first-order distance and the gradient.

    Parameters
    ----------
    grid : Grid
        Tissue fields.
    x, y, z : float
        Coordinates, grid mm.
    steps : int
        At most.
    longest_mm : float
        Of one step.
    scratch : (K,) float64
        Overwritten.
    """
    first, second, margin, gx, gy, gz = margin_at(grid, x, y, z, scratch)
    for _ in range(steps):
        slope2 = gx * gx + gy * gy + gz * gz + FLAT
        slope = np.sqrt(slope2)
        scale = margin / slope2
        if scale * slope > longest_mm:
            scale = longest_mm / slope
        x -= scale * gx
        y -= scale * gy
        z -= scale * gz
        first, second, margin, gx, gy, gz = margin_at(grid, x, y, z, scratch)
        if margin < CONVERGED_MM * slope:
            break
    distance = margin / (np.sqrt(gx * gx + gy * gy + gz * gz) + FLAT)
    return x, y, z, first, second, distance, gx, gy, gz


@njit(cache=True, parallel=True)
def project(grid: Grid, points: Array, steps: int, longest_mm: float) -> tuple[Array, Array, Array, Array, Array]:
    """Project points onto the nearest interface.

    Parameters
    ----------
    grid : Grid
    points : (n, 3) float64
        In the grid's mm.
    steps, longest_mm : int, float
        Newton steps at most, and the length one may have.

    Returns
    -------
    projected, normal : (n, 3)
        Points, and unit normals (towards the tissue that wins at the returned point).
    distance : (n,)
        First-order distance that remains, mm: large where Newton found no interface.
    pair : (n, 2) int8
        The two tissues that meet, lower code first.
    junction : (n,)
        First-order distance, mm, at which a third tissue would come level: small on lines where three tissues meet.
    """
    n = len(points)
    projected = np.empty((n, 3))
    normal = np.empty((n, 3))
    distance = np.empty(n)
    pair = np.empty((n, 2), np.int8)
    junction = np.empty(n)
    for p in prange(n):
        scratch = np.empty(grid.fields.shape[3])
        x, y, z, first, second, left, gx, gy, gz = to_interface(
            grid, points[p, 0], points[p, 1], points[p, 2], steps, longest_mm, scratch
        )
        slope = np.sqrt(gx * gx + gy * gy + gz * gz) + FLAT
        projected[p, 0] = x
        projected[p, 1] = y
        projected[p, 2] = z
        normal[p, 0] = gx / slope
        normal[p, 1] = gy / slope
        normal[p, 2] = gz / slope
        distance[p] = left
        pair[p, 0] = min(first, second)
        pair[p, 1] = max(first, second)
        third = -1.0
        for m in range(len(scratch)):
            if m != first and m != second and scratch[m] > third:
                third = scratch[m]
        junction[p] = (scratch[second] - third) / slope
    return projected, normal, distance, pair, junction


@njit(cache=True, parallel=True)
def tissue_at_points(grid: Grid, points: Array) -> Array:
    """Winning tissue at points (n, 3), as int8."""
    tissue = np.empty(len(points), np.int8)
    for p in prange(len(points)):
        scratch = np.empty(grid.fields.shape[3])
        values_at(grid, points[p, 0], points[p, 1], points[p, 2], scratch)
        tissue[p] = top_two(scratch)[0]
    return tissue


@njit(cache=True, parallel=True)
def tissue_of_voxels(fields: Array) -> Array:
    """Winning tissue of the spline at every voxel centre, (nx, ny, nz) int8."""
    tissue = np.empty(fields.shape[:3], np.int8)
    voxels = Grid(fields, np.ones(3))  # in steps of a voxel
    for i in prange(fields.shape[0]):
        scratch = np.empty(fields.shape[3])
        for j in range(fields.shape[1]):
            for k in range(fields.shape[2]):
                values_at(voxels, float(i), float(j), float(k), scratch)
                tissue[i, j, k] = top_two(scratch)[0]
    return tissue


CORNER_WEIGHT = 0.55  # four of the five sample points of a tetrahedron lie this far towards its corners
OTHER_WEIGHT = (1.0 - CORNER_WEIGHT) / 3
SURE = 0.9  # where the margin at the centre is above this (fields are memberships, 0 to 1), the centre decides alone


@njit(cache=True, parallel=True)
def tissue_of_tets(grid: Grid, points: Array, tets: Array) -> Array:
    """Tissue of each tetrahedron: the largest of the fields averaged over five points of it, (M,) int8."""
    tissue = np.zeros(len(tets), np.int8)
    for t in prange(len(tets)):
        if tets[t, 0] < 0:
            continue
        scratch = np.empty(grid.fields.shape[3])
        total = np.zeros(grid.fields.shape[3])
        for sample in range(5):
            x = 0.0
            y = 0.0
            z = 0.0
            for v in range(4):
                weight = 0.25 if sample == 0 else (CORNER_WEIGHT if v == sample - 1 else OTHER_WEIGHT)
                x += weight * points[tets[t, v], 0]
                y += weight * points[tets[t, v], 1]
                z += weight * points[tets[t, v], 2]
            values_at(grid, x, y, z, scratch)
            for m in range(len(total)):
                total[m] += scratch[m]
            if sample == 0:
                first, second = top_two(scratch)
                if scratch[first] - scratch[second] > SURE:
                    break
        tissue[t] = top_two(total)[0]
    return tissue
