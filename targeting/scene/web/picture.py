"""The still of the 3D scene: what stands in the page before it is turned, on paper, and where there is no WebGL.

It is drawn by the report's own rasteriser, so it needs no graphics driver.
"""

from __future__ import annotations

import numpy as np
from matplotlib.colors import to_rgb
from numpy.typing import NDArray

from targeting.report.picture import ENDS
from targeting.scene.behind import PALE, is_behind
from targeting.scene.colors import paint
from targeting.scene.layer import Layer, Scene
from targeting.scene.raster.camera import View
from targeting.scene.raster.canvas import INK, QUIET, Canvas
from targeting.scene.raster.surface import Layer as Drawn
from targeting.scene.raster.surface import Surface, compose, render
from targeting.scene.web.views import SolidView

WIDTH, HEIGHT = 1200, 750
NEAR_MM = 1e6  # before everything
COMPASS_AT, COMPASS_SIZE = np.array([86.0, HEIGHT - 86.0]), 60.0  # pixels


def still(scene: Scene, view: SolidView) -> NDArray[np.uint8]:
    """The scene from one view, (h, w, 3) uint8: solid layers by depth, the see-through ones over them, then marks."""
    camera = view.camera(WIDTH, HEIGHT)
    shown = [layer for layer in scene.layers if layer.visible]
    solid = [layer for layer in shown if layer.opacity >= 1 and not layer.mark]
    veils = [layer for layer in shown if layer.opacity < 1 and not layer.mark]

    def drawn(layer: Layer) -> Drawn:
        mesh = layer.surface
        faces = mesh.regular_faces.astype(np.int32)
        surface = Surface(np.asarray(mesh.points, np.float64), faces, np.arange(mesh.n_points))
        seen = render(surface, painted(scene, layer) / 255.0, camera)
        ahead_mm = NEAR_MM if layer.mark else layer.ahead_mm
        return Drawn(seen.rgb, np.where(seen.covered, seen.depth_mm + np.float32(ahead_mm), seen.depth_mm))

    def strength(place_mm: NDArray[np.float64]) -> float:
        return PALE if is_behind(place_mm, scene.middle_mm, camera.toward_viewer) else 1.0

    ground = _nearest([drawn(layer) for layer in solid])
    over = sorted(((drawn(layer), layer.opacity) for layer in veils), key=lambda each: _depth(each[0]))
    marks = [layer for layer in shown if layer.mark]
    over += [(drawn(layer), layer.opacity * strength(np.array(layer.surface.center))) for layer in marks]
    canvas = Canvas(compose(camera, (ground, 1.0), *over))
    for layer in shown:
        if layer.label:
            column, row = camera.project(layer.words_mm + lift_mm(layer) * camera.up)[:2]
            inside = np.clip([column, row], [90, 24], [WIDTH - 90, HEIGHT - 24])
            canvas.words(inside, layer.label, 23, layer.color, weight="bold", alpha=strength(layer.words_mm))
    _compass(canvas, camera)
    canvas.words((WIDTH - 20, HEIGHT - 24), scene.title, 20, INK, ha="right")
    return canvas.rgb()


def painted(scene: Scene, layer: Layer) -> NDArray[np.uint8]:
    """The colour of every point of a layer, (n, 3) uint8."""
    if layer.scalars or "crevice" in layer.surface.point_data:
        return paint(layer.surface, layer.scalars, scene.top_v_per_m)
    one = np.round(255 * np.array(to_rgb(layer.color))).astype(np.uint8)
    return np.tile(one, (layer.surface.n_points, 1))


def lift_mm(layer: Layer) -> float:
    """How far above its place a layer's words stand, so that they do not cover what they name."""
    return 0.0 if layer.label_mm is not None else 0.55 * layer.surface.length


def _compass(canvas: Canvas, view: View) -> None:
    """Which way is left, right, front, back, up, down; letters give way to left and right, and far ones to near ones."""
    ends = [(letter, np.array(end, np.float64)) for letter, end in ENDS]
    ends.sort(key=lambda each: (each[0] not in "LR", -each[1] @ view.toward_viewer))
    taken: list[NDArray[np.float64]] = []
    for letter, end in ends:
        at = np.array([end @ view.right, -end @ view.up])
        if any(np.hypot(*(other - at)) < 0.4 for other in taken):
            continue
        taken.append(at)
        color = INK if letter in "LR" else QUIET
        x, y = COMPASS_AT + 0.7 * COMPASS_SIZE * at
        canvas.axes.plot([COMPASS_AT[0], x], [COMPASS_AT[1], y], color=QUIET, linewidth=1.6)
        canvas.words(COMPASS_AT + COMPASS_SIZE * at, letter, 30 if letter in "LR" else 23, color, weight="bold")


def _nearest(layers: list[Drawn]) -> Drawn:
    """Solid layers as one: at each pixel the nearest."""
    rgb, depth = layers[0].rgb.copy(), layers[0].depth_mm.copy()
    for layer in layers[1:]:
        over = layer.depth_mm > depth
        rgb[over], depth[over] = layer.rgb[over], layer.depth_mm[over]
    return Drawn(rgb, depth)


def _depth(layer: Drawn) -> float:
    """Mean depth toward the viewer: what is nearer is drawn later."""
    return float(layer.depth_mm[layer.covered].mean()) if layer.covered.any() else -np.inf
