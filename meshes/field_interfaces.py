"""The interfaces between tissues by the tissue fields themselves: their area, and the distance of points from them.

The boundary of a group of tissues is the zero set of its margin, largest field inside − largest field outside the
group; that of any two tissues, of largest − second largest field (:mod:`meshes.mesher.fields` reads the fields between
the voxels).

*Area*: marching cubes of the margin on a regular grid, 0.5 mm unless said otherwise.

*Distance*: the length of a Newton walk x ← x − m g / |g|² onto the zero set (g the margin's gradient).  The way to the
nearest point of a surface is perpendicular to it.  A walk longer than 0.5 mm that is not, or one that does not arrive,
is checked on rays in 64 directions for the nearest point where the tissue (or the side) changes; the shorter counts.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from meshes.mesher.fields import FLAT, Grid, nearest_voxel, pair_gradient, project, spline_weights, top_two, values_at
from meshes.tetrahedralise import framed
from meshes.tissues import Tissues

Array = NDArray[Any]

WALK_STEPS, WALK_STEP_MM = 10, 0.4
ARRIVED_MM = 0.02  # what a walk may leave
LONG_MM = 0.5  # longer walks must be perpendicular to the interface ...
STRAIGHT = 0.94  # ... by this cosine (20°)
RAYS, RAY_STEP_MM, RAY_END_MM = 64, 0.15, 4.0  # a point that is farther off counts as 4 mm off
BISECTIONS = 6


@njit(cache=True, parallel=True)
def triangle_areas_mm2(points_mm: Array, triangles: Array) -> Array:
    """Areas of triangles, nodes (K, 3) of points (N, 3) → (K,)."""
    areas = np.empty(len(triangles))
    for t in prange(len(triangles)):
        square = 0.0
        for axis in range(3):
            j, k = (axis + 1) % 3, (axis + 2) % 3
            uj = float(points_mm[triangles[t, 1], j]) - points_mm[triangles[t, 0], j]
            uk = float(points_mm[triangles[t, 1], k]) - points_mm[triangles[t, 0], k]
            vj = float(points_mm[triangles[t, 2], j]) - points_mm[triangles[t, 0], j]
            vk = float(points_mm[triangles[t, 2], k]) - points_mm[triangles[t, 0], k]
            square += (uj * vk - uk * vj) ** 2
        areas[t] = 0.5 * np.sqrt(square)
    return areas


@dataclass(frozen=True, eq=False)
class FieldInterfaces:
    """Tissue fields framed by air (the head may reach the image's border), in grid mm: voxel index × voxel edge.

    Parameters
    ----------
    grid : Grid
    to_grid_mm : (4, 4) float64
        World mm → grid mm.
    """

    grid: Grid
    to_grid_mm: NDArray[np.float64]

    @classmethod
    def of(cls, tissues: Tissues) -> FieldInterfaces:
        """The interfaces of a head's tissue fields."""
        grid, first_voxel = framed(tissues)
        matrix = np.linalg.inv(np.asarray(tissues.affine_mm, np.float64))
        matrix[:3, 3] -= first_voxel
        matrix[:3] *= grid.spacing[:, None]
        return cls(grid, matrix)

    def area_mm2(self, group: Iterable[int], step_mm: float = 0.5) -> float:
        """Area of the boundary of a group of tissues by marching cubes, mm²; 0 where the fields have none."""
        import pyvista as pv

        margin = self._margin_grid(group, step_mm)
        if margin is None:
            return 0.0
        # the axes are handed over in reverse, which spares a copy and leaves areas as they are
        image = pv.ImageData(dimensions=margin.shape[::-1], spacing=(step_mm,) * 3)
        image["margin"] = margin.ravel()
        surface = image.contour([0.0], scalars="margin", method="flying_edges", compute_normals=False)
        triangles = surface.faces.reshape(-1, 4)[:, 1:]
        return float(triangle_areas_mm2(surface.points, triangles).sum())

    def distance_to_any_mm(self, points_mm: Array) -> NDArray[np.float64]:
        """Distance of points, (n, 3) world mm, from the nearest interface of any two tissues, (n,)."""
        points, order = self._enter(points_mm)
        end, normal, left, _, _ = project(self.grid, points, WALK_STEPS, WALK_STEP_MM)
        # every channel a side of its own
        side = np.arange(self.grid.fields.shape[3])
        return self._shortest(points, end, normal, left, side, order)

    def distance_to_group_mm(self, points_mm: Array, group: Iterable[int]) -> NDArray[np.float64]:
        """Distance of points, (n, 3) world mm, from the boundary of a group of tissues, (n,)."""
        points, order = self._enter(points_mm)
        inside = self._inside(group)
        end, normal, left = _project_group(self.grid, points, inside, WALK_STEPS, WALK_STEP_MM)
        return self._shortest(points, end, normal, left, inside.astype(np.int64), order)

    def _inside(self, group: Iterable[int]) -> NDArray[np.bool_]:
        return np.isin(np.arange(self.grid.fields.shape[3]), list(group))

    def _enter(self, points_mm: Array) -> tuple[Array, Array]:
        """Points in grid mm, ordered in blocks of 4 mm so that neighbours are read together, and that order."""
        points = np.asarray(points_mm, float) @ self.to_grid_mm[:3, :3].T + self.to_grid_mm[:3, 3]
        block = (points / 4.0).astype(np.int64)
        order = np.lexsort((block[:, 2], block[:, 1], block[:, 0]))
        return points[order], order

    def _shortest(
        self, points: Array, end: Array, normal: Array, left: Array, side: Array, order: Array
    ) -> NDArray[np.float64]:
        walk = np.linalg.norm(end - points, axis=1)
        straight = np.abs(np.einsum("ij,ij->i", end - points, normal)) > STRAIGHT * walk
        arrived = left < ARRIVED_MM
        doubtful = np.flatnonzero(~arrived | ((walk > LONG_MM) & ~straight))
        limit = np.where(arrived, np.minimum(walk, RAY_END_MM), RAY_END_MM)[doubtful]
        walk[doubtful] = _nearest_change(self.grid, points[doubtful], limit, side, _directions(RAYS))
        distance = np.empty(len(points))
        distance[order] = walk
        return distance

    def _margin_grid(self, group: Iterable[int], step_mm: float) -> NDArray[np.float32] | None:
        """The group's margin on a regular grid around its boundary; None where there is no boundary.

        The spline is evaluated only where the margin's sign is in doubt: a channel that beats every channel of the
        other side at all voxels around beats them in every convex combination of those, which is what the spline is.
        """
        inside = self._inside(group)
        # a grid point's spline reaches one voxel from its nearest; its neighbours on the grid must be certain as well
        radius = 1 + np.ceil(step_mm / self.grid.spacing).astype(int)
        sure = _all_around(_sure_winners(self.grid.fields, inside), radius)
        doubt = sure == 0
        if not doubt.any():
            return None
        low, high = np.empty(3, int), np.empty(3, int)
        for axis in range(3):
            where = np.flatnonzero(doubt.any(axis=tuple(a for a in range(3) if a != axis)))
            edge = self.grid.spacing[axis]
            low[axis] = max(
                int((where[0] - 1) * edge / step_mm), 0
            )  # multiples of the step: no grid depends on its size
            high[axis] = int(min(where[-1] + 1, doubt.shape[axis] - 1) * edge / step_mm + 1e-9)
        bits = int((inside.astype(int) << np.arange(len(inside))).sum())
        return _margin_where_in_doubt(self.grid, inside, bits, sure, low * step_mm, step_mm, high - low + 1)


def _directions(n: int) -> NDArray[np.float64]:
    """Nearly even unit vectors (a Fibonacci spiral), (n, 3)."""
    i = np.arange(n) + 0.5
    z, phi = 1 - 2 * i / n, np.pi * (1 + 5**0.5) * i
    r = np.sqrt(1 - z**2)
    return np.c_[r * np.cos(phi), r * np.sin(phi), z]


@njit(cache=True)
def _best_each_side(value: Array, inside: Array) -> tuple[int, int]:
    """Largest channel of the group, largest of the others."""
    first = second = -1
    for m in range(len(value)):
        if inside[m]:
            if first < 0 or value[m] > value[first]:
                first = m
        elif second < 0 or value[m] > value[second]:
            second = m
    return first, second


@njit(cache=True, parallel=True)
def _project_group(
    grid: Grid, points: Array, inside: Array, steps: int, longest_mm: float
) -> tuple[Array, Array, Array]:
    """Newton walks onto the boundary of a group: ends and normals (n, 3), first-order distances that remain (n,)."""
    end, normal, left = points.copy(), np.zeros((len(points), 3)), np.zeros(len(points))
    for p in prange(len(points)):
        value = np.empty(grid.fields.shape[3])
        for step in range(steps + 1):
            values_at(grid, end[p, 0], end[p, 1], end[p, 2], value)
            first, second = _best_each_side(value, inside)
            gx, gy, gz = pair_gradient(grid, end[p, 0], end[p, 1], end[p, 2], first, second)
            margin = value[first] - value[second]
            slope2 = gx * gx + gy * gy + gz * gz + FLAT
            slope = np.sqrt(slope2)
            left[p] = abs(margin) / slope
            normal[p, 0], normal[p, 1], normal[p, 2] = gx / slope, gy / slope, gz / slope
            if left[p] < 1e-3 or step == steps:
                break
            scale = margin / slope2
            if left[p] > longest_mm:
                scale *= longest_mm / left[p]
            end[p, 0] -= scale * gx
            end[p, 1] -= scale * gy
            end[p, 2] -= scale * gz
    return end, normal, left


@njit(cache=True)
def _side_at(grid: Grid, x: float, y: float, z: float, side: Array, value: Array) -> int:
    values_at(grid, x, y, z, value)
    return side[top_two(value)[0]]


@njit(cache=True, parallel=True)
def _nearest_change(grid: Grid, points: Array, limit_mm: Array, side: Array, directions: Array) -> Array:
    """Smallest radius, up to each point's limit, at which the side of the winning tissue changes on a ray."""
    out = limit_mm.copy()
    for p in prange(len(points)):
        value = np.empty(grid.fields.shape[3])
        px, py, pz = points[p, 0], points[p, 1], points[p, 2]
        here = _side_at(grid, px, py, pz, side, value)
        radius, found = 0.0, False
        while not found and radius < out[p]:
            radius += RAY_STEP_MM
            for d in range(len(directions)):
                dx, dy, dz = directions[d, 0], directions[d, 1], directions[d, 2]
                there = _side_at(grid, px + radius * dx, py + radius * dy, pz + radius * dz, side, value)
                if there != here:
                    found = True
                    low, high = radius - RAY_STEP_MM, radius
                    for _ in range(BISECTIONS):
                        r = 0.5 * (low + high)
                        if _side_at(grid, px + r * dx, py + r * dy, pz + r * dz, side, value) == here:
                            low = r
                        else:
                            high = r
                    out[p] = min(out[p], high)
    return out


@njit(cache=True, parallel=True)
def _sure_winners(fields: Array, inside: Array) -> Array:
    """Per voxel a bit for every channel that beats all channels of the other side there."""
    nx, ny, nz, n = fields.shape
    out = np.zeros((nx, ny, nz), np.uint8)
    for i in prange(nx):
        for j in range(ny):
            for k in range(nz):
                best_in, best_out = _best_each_side(fields[i, j, k], inside)
                for m in range(n):
                    rival = best_out if inside[m] else best_in
                    if fields[i, j, k, m] > fields[i, j, k, rival]:
                        out[i, j, k] |= np.uint8(1 << m)
    return out


def _all_around(bits: NDArray[np.uint8], radius: Array) -> NDArray[np.uint8]:
    """Bits that every voxel of the box ±radius around a voxel has."""
    for axis, r in enumerate(radius):
        padded = np.pad(bits, [(r, r) if a == axis else (0, 0) for a in range(3)], mode="edge")
        around = bits.copy()
        for shift in range(2 * r + 1):
            around &= padded.take(range(shift, shift + bits.shape[axis]), axis)
        bits = around
    return bits


@njit(cache=True, parallel=True)
def _margin_where_in_doubt(
    grid: Grid,
    inside: Array,
    inside_bits: int,
    sure: Array,
    origin: Array,
    step_mm: float,
    shape: Array,
) -> Array:
    """The margin, or ±1 where its sign is sure.

    A row of grid points along z shares the spline's sums over x and y: they are made once for each voxel it passes.
    """
    nz, channels = grid.fields.shape[2], grid.fields.shape[3]
    out = np.empty((shape[0], shape[1], shape[2]), np.float32)
    for i in prange(shape[0]):
        value, row, known = np.empty(channels), np.empty((nz, channels)), np.empty(nz, np.bool_)
        x = origin[0] + i * step_mm
        u = min(int(np.rint(x / grid.spacing[0])), grid.fields.shape[0] - 1)
        a0, tx = nearest_voxel(x, grid.spacing[0], grid.fields.shape[0])
        wx = spline_weights(tx)
        for j in range(shape[1]):
            y = origin[1] + j * step_mm
            v = min(int(np.rint(y / grid.spacing[1])), grid.fields.shape[1] - 1)
            b0, ty = nearest_voxel(y, grid.spacing[1], grid.fields.shape[1])
            wy = spline_weights(ty)
            known[:] = False
            for k in range(shape[2]):
                z = origin[2] + k * step_mm
                w = min(int(np.rint(z / grid.spacing[2])), nz - 1)
                if sure[u, v, w] != 0:
                    out[i, j, k] = 1.0 if sure[u, v, w] & inside_bits else -1.0
                    continue
                c0, tz = nearest_voxel(z, grid.spacing[2], nz)
                wz = spline_weights(tz)
                value[:] = 0.0
                for c in range(3):
                    layer = c0 + c - 1
                    if not known[layer]:
                        known[layer] = True
                        row[layer] = 0.0
                        for a in range(3):
                            for b in range(3):
                                for m in range(channels):
                                    row[layer, m] += wx[a] * wy[b] * grid.fields[a0 + a - 1, b0 + b - 1, layer, m]
                    for m in range(channels):
                        value[m] += wz[c] * row[layer, m]
                first, second = _best_each_side(value, inside)
                out[i, j, k] = value[first] - value[second]
    return out
