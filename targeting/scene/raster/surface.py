"""A surface and how it looks: smooth shading from above left, crevices darkened.

Crevices (sulci) are darkened by how far a pixel lies behind the mean of its surroundings: the depth picture minus its
blurred self ("unsharp masking the depth buffer", Luft, Colditz and Deussen 2006).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, map_coordinates

from targeting.scene.raster.camera import View
from targeting.scene.raster.zbuffer import nearest_triangles, paint

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
class Layer:
    """A rendered surface: ``rgb`` (h, w, 3) in 0..1, ``depth_mm`` (h, w) toward the viewer, -inf where nothing is."""

    rgb: NDArray[np.float32]
    depth_mm: NDArray[np.float32]

    @property
    def covered(self) -> NDArray[np.bool_]:
        """Where the surface is, (h, w)."""
        return np.isfinite(self.depth_mm)

    def shows(self, view: View, point_mm: NDArray[np.float64]) -> bool:
        """Whether a point of the surface, (3,), is not behind it, seen as the layer was drawn."""
        column, row, depth = view.finer(SUPERSAMPLING).project(point_mm)
        rows, columns = self.depth_mm.shape
        nearest = self.depth_mm[int(np.clip(row, 0, rows - 1)), int(np.clip(column, 0, columns - 1))]
        return bool(depth > nearest - BEHIND_MM)


def render(
    surface: Surface, colors: NDArray[np.floating], view: View, crevices: bool = False, gloss: float = 0.0
) -> Layer:
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
    """
    fine = view.finer(SUPERSAMPLING)
    owner, depth, corners = nearest_triangles(
        fine.project(surface.points_mm), surface.triangles, fine.height, fine.width
    )
    rgb = paint(owner, corners, surface.triangles, _lit(surface, colors, view, gloss))
    if crevices:
        covered = owner >= 0
        rgb[covered] *= 1 - _crevice(depth, covered, CREVICE_MM / fine.mm_per_pixel)[covered][:, None]
    return Layer(rgb, depth)


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


def compose(view: View, *layers: tuple[Layer, float]) -> NDArray[np.uint8]:
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
