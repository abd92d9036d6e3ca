"""A surface as a picture: a z-buffer, smooth shading from above left, crevices darkened; a scale's colours can be kept.

A report must come out the same on a laptop and on a server without display, driver or GPU, where graphics libraries may
fail or hang.  Two hundred thousand triangles need none: the compiled loops below fill in a tenth of a second.

Crevices (sulci) are darkened by how far a pixel lies behind the mean of its surroundings: the depth picture minus its
blurred self ("unsharp masking the depth buffer", Luft, Colditz and Deussen 2006).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numba
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, map_coordinates

from targeting.scene.raster.camera import View

SUPERSAMPLING = 2
BEHIND_MM = 3.0  # a point of a surface that lies deeper than what is drawn there by more is hidden
CREVICE_MM = 3.0  # blur width, about half a sulcus
CREVICE_STRENGTH_PER_MM = 0.16


@dataclass(frozen=True, eq=False)
class Surface:
    """Triangles with only the points they use; ``nodes`` says which points of the mesh those are."""

    points_mm: NDArray[np.float64]
    triangles: NDArray[np.int32]
    nodes: NDArray[np.int64]

    @classmethod
    def of(cls, points_mm: NDArray[np.float64], triangles: NDArray[np.int32]) -> Surface:
        """The surface that some triangles of a larger mesh make."""
        nodes, compact = np.unique(triangles, return_inverse=True)
        return cls(points_mm[nodes], compact.reshape(-1, 3).astype(np.int32), nodes.astype(np.int64))

    @cached_property
    def normals(self) -> NDArray[np.float64]:
        """Area-weighted mean of the triangles' normals at each point, (n, 3)."""
        a, b, c = (self.points_mm[self.triangles[:, i]] for i in range(3))
        face = np.cross(b - a, c - a)
        sums = np.zeros_like(self.points_mm)
        for i in range(3):
            for axis in range(3):
                sums[:, axis] += np.bincount(self.triangles[:, i], face[:, axis], len(self.points_mm))
        return sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-12)


@dataclass(frozen=True, eq=False)
class DepthImage:
    """A surface seen from a view: ``rgb`` (h, w, 3) in 0..1, ``depth_mm`` (h, w) toward the viewer, -inf where nothing is."""

    rgb: NDArray[np.float32]
    depth_mm: NDArray[np.float32]

    @property
    def covered(self) -> NDArray[np.bool_]:
        """Which pixels show the surface, (h, w)."""
        return np.isfinite(self.depth_mm)

    def above_mm(self, view: View, point_mm: NDArray[np.float64]) -> float:
        """How far the surface lies before a point (3,), mm toward the viewer; -inf where there is no surface."""
        column, row, depth = view.finer(SUPERSAMPLING).project(point_mm)
        rows, columns = self.depth_mm.shape
        nearest = self.depth_mm[int(np.clip(row, 0, rows - 1)), int(np.clip(column, 0, columns - 1))]
        return float(nearest - depth)

    def shows(self, view: View, point_mm: NDArray[np.float64]) -> bool:
        """Whether a point of the surface, (3,), is not behind it."""
        return self.above_mm(view, point_mm) < BEHIND_MM


def render(
    surface: Surface,
    colors: NDArray[np.floating],
    view: View,
    crevices: bool = False,
    gloss: float = 0.0,
    kept: NDArray[np.floating] | None = None,
) -> DepthImage:
    """Draw a surface at :data:`SUPERSAMPLING` times the view's resolution.

    Parameters
    ----------
    surface : Surface
    colors : (n, 3) float
        Colour of each point, 0..1.
    view : View
    crevices : bool
        Darken what lies behind its surroundings.
    gloss : float
        Strength of the highlight, 0..1.
    kept : (n,) float, optional
        How far the colour of each point is kept from light and shade, 0..1: what is read from a colour bar is not to be
        darker because it faces away.
    """
    fine = view.finer(SUPERSAMPLING)
    owner, depth, corners = nearest_triangles(
        fine.project(surface.points_mm), surface.triangles, fine.height, fine.width
    )
    lit = _lit(surface, colors, view, gloss)
    if kept is not None:
        lit = (kept[:, None] * colors + (1 - kept[:, None]) * lit).astype(np.float32)
    rgb = mix_colors(owner, corners, surface.triangles, lit)
    if crevices:
        covered = owner >= 0
        dark = _crevice(depth, covered, CREVICE_MM / fine.mm_per_pixel)[covered][:, None]
        if kept is not None:
            shares = np.repeat(kept[:, None], 3, axis=1).astype(np.float32)
            dark = dark * (1 - mix_colors(owner, corners, surface.triangles, shares)[covered])
        rgb[covered] *= 1 - dark
    return DepthImage(rgb, depth)


def _lit(surface: Surface, colors: NDArray[np.floating], view: View, gloss: float) -> NDArray[np.float32]:
    """The colours of the points under a lamp above the viewer's left shoulder, (n, 3)."""
    normals = surface.normals * np.where(surface.normals @ view.toward_viewer < 0, -1.0, 1.0)[:, None]
    key = view.toward_viewer * 0.8 + view.up * 0.5 - view.right * 0.35
    key /= np.linalg.norm(key)
    light = 0.42 + 0.58 * ((1 + normals @ key) / 2) ** 1.5  # light wraps round: no harsh shadow
    half = key + view.toward_viewer
    half /= np.linalg.norm(half)
    highlight = gloss * np.clip(normals @ half, 0, 1) ** 24
    return np.clip(colors * light[:, None] + highlight[:, None], 0, 1).astype(np.float32)


def _crevice(depth: NDArray[np.float32], covered: NDArray[np.bool_], sigma: float) -> NDArray[np.float32]:
    """How much to darken each pixel, 0..0.6; blurred on a coarser grid, which a blur does not mind."""
    step = max(1, int(sigma / 5))
    seen = covered[::step, ::step]
    near = np.where(seen, depth[::step, ::step], np.float32(0))
    weight = gaussian_filter(seen.astype(np.float32), sigma / step, truncate=2.5)
    mean = gaussian_filter(near, sigma / step, truncate=2.5) / np.maximum(weight, 1e-6)
    rows, columns = (np.arange(n, dtype=np.float32) / step for n in depth.shape)
    surroundings = map_coordinates(mean, np.meshgrid(rows, columns, indexing="ij"), order=1, mode="nearest")
    behind = np.where(covered, surroundings - np.where(covered, depth, 0), 0)
    return np.clip(CREVICE_STRENGTH_PER_MM * behind, 0.0, 0.6).astype(np.float32)


def compose(view: View, *layers: tuple[DepthImage, float]) -> NDArray[np.uint8]:
    """Layers with opacities, nearer over farther pixel by pixel, on white, at the view's resolution, (h, w, 3) uint8.

    The first layer is the ground; each next one covers what is there where it is nearer than the first.
    """
    ground, _ = layers[0]
    rgb = ground.rgb.copy()
    for layer, opacity in layers[1:]:
        over = layer.covered & (layer.depth_mm > ground.depth_mm)
        rgb[over] = opacity * layer.rgb[over] + (1 - opacity) * rgb[over]
    k = SUPERSAMPLING
    small = rgb.reshape(view.height, k, view.width, k, 3).mean(axis=(1, 3))
    return np.round(small * 255).astype(np.uint8)


@numba.njit(cache=True)  # type: ignore[misc,unused-ignore]
def nearest_triangles(
    projected: NDArray[np.float64], triangles: NDArray[np.int32], height: int, width: int
) -> tuple[NDArray[np.int32], NDArray[np.float32], NDArray[np.float32]]:
    """The triangle nearest to the viewer in every pixel.

    Parameters
    ----------
    projected : (n, 3) float64
        Column, row (pixels) and depth (mm toward the viewer) of the points, from :meth:`View.project`.
    triangles : (k, 3) int32
    height, width : int
        Pixels.

    Returns
    -------
    owner : (height, width) int32
        Triangle, or -1 where there is none.
    depth : (height, width) float32
        Its depth, mm toward the viewer; -inf where there is none.
    corners : (height, width, 3) float32
        Barycentric coordinates in it.
    """
    owner = np.full((height, width), -1, np.int32)
    depth = np.full((height, width), -np.inf, np.float32)
    corners = np.zeros((height, width, 3), np.float32)
    for k in range(len(triangles)):
        ax, ay, az = projected[triangles[k, 0]]
        bx, by, bz = projected[triangles[k, 1]]
        cx, cy, cz = projected[triangles[k, 2]]
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if area == 0.0:
            continue
        first_column = max(0, int(np.ceil(min(ax, bx, cx) - 0.5)))
        last_column = min(width - 1, int(np.floor(max(ax, bx, cx) - 0.5)))
        first_row = max(0, int(np.ceil(min(ay, by, cy) - 0.5)))
        last_row = min(height - 1, int(np.floor(max(ay, by, cy) - 0.5)))
        for row in range(first_row, last_row + 1):
            y = row + 0.5
            for column in range(first_column, last_column + 1):
                x = column + 0.5
                u = ((bx - x) * (cy - y) - (by - y) * (cx - x)) / area
                v = ((cx - x) * (ay - y) - (cy - y) * (ax - x)) / area
                w = 1.0 - u - v
                if u < -1e-9 or v < -1e-9 or w < -1e-9:
                    continue
                z = u * az + v * bz + w * cz
                if z > depth[row, column]:
                    depth[row, column] = z
                    owner[row, column] = k
                    corners[row, column, 0] = u
                    corners[row, column, 1] = v
                    corners[row, column, 2] = w
    return owner, depth, corners


@numba.njit(cache=True)  # type: ignore[misc,unused-ignore]
def mix_colors(
    owner: NDArray[np.int32],
    corners: NDArray[np.float32],
    triangles: NDArray[np.int32],
    colors: NDArray[np.float32],
) -> NDArray[np.float32]:
    """Mix the colours of a triangle's corners over its pixels (Gouraud shading), on white.

    Parameters
    ----------
    owner : (height, width) int32
        Number of the triangle each pixel shows; below 0: none.
    corners : (height, width, 3) float32
        Barycentric weights of its corners at the pixel; they sum to 1.
    triangles : (k, 3) int32
        Points of each triangle.
    colors : (n, 3) float32
        RGB of each point, 0 to 1.

    Returns
    -------
    (height, width, 3) float32
    """
    height, width = owner.shape
    rgb = np.ones((height, width, 3), np.float32)
    for row in range(height):
        for column in range(width):
            k = owner[row, column]
            if k < 0:
                continue
            for channel in range(3):
                value = np.float32(0.0)
                for corner in range(3):
                    value += corners[row, column, corner] * colors[triangles[k, corner], channel]
                rgb[row, column, channel] = value
    return rgb
