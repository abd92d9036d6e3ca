"""Named views of a page's 3D scene, and its still picture: shown before it is turned, on paper, and without WebGL.

The camera turns about the head's axis, so that the vertex stays up.  The still is drawn by :mod:`targeting.scene.raster`,
so it needs no graphics driver.

With azimuth a and elevation e the viewer stands toward (cos e sin a, −cos e cos a, sin e): a = 0 behind the head, 90° on
its right, 180° in front of it; e = 90° above, with the nose up on the screen.  The picture is orthographic: its right is
(cos a, sin a, 0), its up (−sin e sin a, sin e cos a, cos e).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.colors import to_rgb
from numpy.typing import ArrayLike, NDArray

from targeting.scene.colors import INK, paint
from targeting.scene.directions import PALE, is_behind
from targeting.scene.layer import Layer, Scene
from targeting.scene.overlay import bar_length_mm
from targeting.scene.raster.camera import View
from targeting.scene.raster.canvas import Canvas
from targeting.scene.raster.surface import DepthImage, Surface, compose, render

SIDES = (("left", -90.0, 0.0), ("right", 90.0, 0.0), ("front", 180.0, 0.0), ("back", 0.0, 0.0), ("top", 0.0, 90.0))
OVERVIEW_DEG = (20.0, 40.0)  # lowest and highest elevation of the first view: the coil's handle and the face both show
TARGET_MM = 55.0  # half the width of the view on the target
MARGIN_MM = 12.0
WIDTH, HEIGHT = 1200, 750
NEAR_MM = 1e6  # before everything, or behind it
BAR_LEFT = 190  # of the scale bar, pixels: beside the compass
COMPASS_AT, COMPASS_SIZE = np.array([86.0, HEIGHT - 86.0]), 60.0  # pixels


@dataclass(frozen=True, eq=False)
class SolidView:
    """A direction from which a page's 3D scene is seen, by its name.

    Parameters
    ----------
    name : str
    azimuth_deg, elevation_deg : float
    center_mm : (3,) float
        World point in the middle of the picture.
    across_mm, along_mm : float
        Half the width and half the height that the picture must hold.
    """

    name: str
    azimuth_deg: float
    elevation_deg: float
    center_mm: NDArray[np.float64]
    across_mm: float
    along_mm: float

    @property
    def axes(self) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Unit vectors to the picture's right, to its top, and to the viewer.

        Examples
        --------
        >>> import numpy as np
        >>> from targeting.scene.web.picture import SolidView
        >>> left = SolidView("left", -90.0, 0.0, np.zeros(3), 1.0, 1.0)
        >>> [(np.round(axis).astype(int) + 0).tolist() for axis in left.axes]  # from the left the front is on the left
        [[0, -1, 0], [0, 0, 1], [-1, 0, 0]]
        """
        a, e = np.radians([self.azimuth_deg, self.elevation_deg])
        return (
            np.array([np.cos(a), np.sin(a), 0.0]),
            np.array([-np.sin(e) * np.sin(a), np.sin(e) * np.cos(a), np.cos(e)]),
            np.array([np.cos(e) * np.sin(a), -np.cos(e) * np.cos(a), np.sin(e)]),
        )

    def camera(self, width: int, height: int) -> View:
        """The same view as a picture of some size."""
        right, up, _ = self.axes
        per_pixel = 2 * max(self.across_mm / width, self.along_mm / height)
        return View(self.center_mm, right, up, float(per_pixel), width, height)


def views(points_mm: NDArray[np.floating], target_mm: ArrayLike, outward: ArrayLike) -> tuple[SolidView, ...]:
    """The first view, one from each side, and one close on the target.

    Parameters
    ----------
    points_mm : (n, 3) float
        All that is to be seen.
    target_mm : (3,) float
    outward : (3,) float
        Out of the head over the target.
    """
    target = np.array(target_mm, np.float64)
    azimuth, elevation = _angles(np.asarray(outward, np.float64), -90.0 if target[0] < 0 else 90.0)
    first = _holding("overview", azimuth, float(np.clip(elevation, *OVERVIEW_DEG)), points_mm)
    close = SolidView("target", azimuth, elevation, target, TARGET_MM, TARGET_MM)
    return first, *(_holding(name, a, e, points_mm) for name, a, e in SIDES), close


def _angles(toward: NDArray[np.float64], at_the_pole: float) -> tuple[float, float]:
    """Azimuth and elevation of a viewer's direction, degrees."""
    unit = toward / np.linalg.norm(toward)
    flat = float(np.hypot(unit[0], unit[1]))
    azimuth = float(np.degrees(np.arctan2(unit[0], -unit[1]))) if flat > 0.05 else at_the_pole
    return azimuth, float(np.degrees(np.arctan2(unit[2], flat)))


def _holding(name: str, azimuth_deg: float, elevation_deg: float, points_mm: NDArray[np.floating]) -> SolidView:
    axes = np.stack(SolidView(name, azimuth_deg, elevation_deg, np.zeros(3), 1.0, 1.0).axes)
    seen = np.asarray(points_mm, np.float64) @ axes.T
    low, high = seen.min(0), seen.max(0)
    across, along, _ = (high - low) / 2 + MARGIN_MM
    return SolidView(name, azimuth_deg, elevation_deg, (low + high) / 2 @ axes, float(across), float(along))


def still(scene: Scene, view: SolidView) -> NDArray[np.uint8]:
    """The scene from one view, (h, w, 3) uint8: solid layers by depth, the see-through ones over them, then marks."""
    camera = view.camera(WIDTH, HEIGHT)
    shown = [layer for layer in scene.layers if layer.visible]
    solid = [layer for layer in shown if layer.opacity >= 1 and not layer.mark]
    veils = [layer for layer in shown if layer.opacity < 1 and not layer.mark]

    def drawn(layer: Layer) -> DepthImage:
        mesh = layer.surface
        faces = mesh.regular_faces.astype(np.int32)
        surface = Surface(np.asarray(mesh.points, np.float64), faces, np.arange(mesh.n_points))
        kept = np.ones(mesh.n_points) if layer.painted else None
        seen = render(surface, painted(scene, layer) / 255.0, camera, kept=kept)
        ahead_mm = np.clip(layer.drawn_ahead_mm, -NEAR_MM, NEAR_MM)
        return DepthImage(seen.rgb, np.where(seen.covered, seen.depth_mm + np.float32(ahead_mm), seen.depth_mm))

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
            inside = np.clip([column, row], [90, 24], [WIDTH - 90, HEIGHT - 60])  # clear of the title
            canvas.words(inside, layer.label, 23, layer.color, weight="bold", alpha=strength(layer.words_mm))
    canvas.compass(camera, COMPASS_AT, COMPASS_SIZE)
    canvas.scale_bar(camera, bar_length_mm(WIDTH, camera.mm_per_pixel), BAR_LEFT)
    canvas.words((WIDTH - 20, HEIGHT - 24), scene.title, 20, INK, ha="right")
    return canvas.rgb()


def painted(scene: Scene, layer: Layer) -> NDArray[np.uint8]:
    """The colour of every point of a layer, (n, 3) uint8."""
    if layer.painted:
        return paint(layer.surface, layer.scalars, scene.top_v_per_m)
    one = np.round(255 * np.array(to_rgb(layer.color))).astype(np.uint8)
    return np.tile(one, (layer.surface.n_points, 1))


def lift_mm(layer: Layer) -> float:
    """How far above its place a layer's words stand, so that they do not cover what they name."""
    return 0.0 if layer.label_mm is not None else 0.55 * layer.surface.length


def _nearest(layers: list[DepthImage]) -> DepthImage:
    """Solid layers as one: at each pixel the nearest."""
    rgb, depth = layers[0].rgb.copy(), layers[0].depth_mm.copy()
    for layer in layers[1:]:
        over = layer.depth_mm > depth
        rgb[over], depth[over] = layer.rgb[over], layer.depth_mm[over]
    return DepthImage(rgb, depth)


def _depth(layer: DepthImage) -> float:
    """Mean depth toward the viewer: what is nearer is drawn later."""
    return float(layer.depth_mm[layer.covered].mean()) if layer.covered.any() else -np.inf
