"""A scene that changes in place: layers on and off, other values on the cortex, a coil that moves.

It holds no window: a plotter is given to it, off-screen or on.  Where a picture takes long (no graphics card), it is drawn
*quickly* while something moves: a quarter of the cortex' triangles, no smoothed edges, two lights of five and, unless the
camera turns, fewer pixels.  At rest every layer is as :mod:`targeting.scene` makes it, so what is exported is what is seen.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from targeting.coils.coil import Coil
from targeting.pose import Pose
from targeting.scene.cameras import look
from targeting.scene.colors import paint
from targeting.scene.draw import COLORS_ARRAY, draw, draw_layer, set_opacity, set_visible
from targeting.scene.layer import Layer, Scene
from targeting.scene.overlay import color_bar
from targeting.scene.parts import coil_layers
from targeting.viewer.slices import PlanImage
from targeting.viewer.surface_rays import Surface
from targeting.words.numbers import point, three_digits

if TYPE_CHECKING:
    import pyvista as pv

LIGHT_SHARE = 0.25  # of the cortex' triangles
SLOW_S = 0.03  # a picture that takes longer is drawn quickly while something moves
SMOOTH_EDGES = 4  # samples per pixel at rest
QUICK_LIGHTS = 2  # of five, the others only brighten
PICK_COLOR, PICK_RADIUS_MM = "#111418", 1.6
FEW_PIXELS = 160_000  # of a quick picture
NEAR_MM = 2.5  # the shown cortex speaks for places so near to it


@dataclass(frozen=True, eq=False)
class Light:
    """The cortex with fewer triangles: for each of its points the point of the shown one whose colour it takes."""

    surface: pv.PolyData
    point: NDArray[np.int64]

    @classmethod
    def of(cls, cortex: pv.PolyData) -> Light:
        """Make it from a cortex with all its triangles (half a second)."""
        from scipy.spatial import cKDTree

        bare = cortex.copy(deep=True)
        bare.clear_data()
        thin = bare.decimate(1 - LIGHT_SHARE)
        thin = thin.compute_normals(cell_normals=False, consistent_normals=False, auto_orient_normals=False)
        return cls(thin, cKDTree(cortex.points).query(thin.points)[1])


class PictureSize:
    """A picture of fewer pixels while something moves, shown as large as before.

    Without a graphics card the time of a picture goes with its pixels.  VTK draws into a frame of its own, which the Qt
    widget stretches over its area; so the frame may be smaller than the widget, and only those who turn pixels of the one
    into pixels of the other need to know (:attr:`share`).

    Parameters
    ----------
    window : vtkRenderWindow
    """

    def __init__(self, window: pv.RenderWindow) -> None:
        self._window = window
        self._shown = self._few = (0, 0)
        self._dots = 0  # an inch, of the shown picture

    @property
    def share(self) -> float:
        """A side of the drawn picture over that of the shown one: 1, or less while there are few pixels."""
        return self._few[0] / self._shown[0] if self._is_few else 1.0

    def set_few(self, few: bool) -> None:
        """At most 160 000 pixels from the next picture on, or all of them."""
        if few == self._is_few:
            return
        if few:
            width, height = self._window.GetSize()
            share = (FEW_PIXELS / (width * height)) ** 0.5
            if share >= 1:
                return
            self._dots = self._window.GetDPI()
            self._shown, self._few = (width, height), (max(1, round(share * width)), max(1, round(share * height)))
        self._window.SetSize(*(self._few if few else self._shown))
        self._window.SetDPI(round(self._dots * (self.share if few else 1)))  # the words keep their size, too

    @property
    def _is_few(self) -> bool:
        """Whether the size is still the one set here: a window that was resized has all its pixels again."""
        return self._few != self._shown and tuple(self._window.GetSize()) == self._few


class SceneView:
    """A scene in a plotter.

    Parameters
    ----------
    plotter : pyvista plotter
    scene : Scene
    paint : callable, optional
        What draws the picture; default: the plotter's ``render``, which in a Qt widget would draw it twice.
    """

    def __init__(self, plotter: Any, scene: Scene, paint: Callable[[], Any] | None = None) -> None:
        self.plotter = plotter
        self._paint = paint or plotter.render
        self.scene = scene
        self.threshold_v_per_m = 0.0
        self.light: Light | None = None
        self.full_s = 0.0  # what a picture at rest took last
        self.quick = True  # the first picture is to be there soon
        self.pictures = 0
        self.field = {name: np.array(scene.layer("cortex").surface.point_data[name]) for name in _fields_of(scene)}
        self.scalars = scene.layer("cortex").scalars
        self.plotter.render_window.SetMultiSamples(0)
        self._size = PictureSize(self.plotter.render_window)
        self.actors = draw(scene, plotter)
        self._cortex = _own(self.actors["cortex"], scene.layer("cortex").surface)
        self._thin: pv.PolyData | None = None
        self._thin_actor: Any = None
        self._shows_thin = False
        self._coil_layers = tuple(layer.name for layer in scene.layers if layer.group == "coil")
        self._drawn_pose = scene.coil_pose_mm

    # what is shown

    @property
    def values(self) -> NDArray[np.float32] | None:
        """The values that colour the cortex now, V/m; None where the field is not known."""
        return self.field.get(self.scalars)

    def set_visible(self, name: str, visible: bool) -> None:
        """Show or hide a layer; "coil" goes with its handle."""
        for each in self._coil_layers if name == "coil" else (name,):
            set_visible(self.plotter, each, visible)
            self.scene = self.scene.with_layer(replace(self.scene.layer(each), visible=visible))
        if name == "cortex":
            self._which_cortex()

    def set_opacity(self, name: str, opacity: float) -> None:
        """Set the opacity of a layer, 0 to 1."""
        self.scene = self.scene.with_layer(replace(self.scene.layer(name), opacity=opacity))
        set_opacity(self.plotter, self.scene.layer(name))

    def show_field(self, field: dict[str, NDArray[np.float32]], scalars: str | None = None, missing: str = "") -> None:
        """Show other values on the cortex ("magnE", "normalE", V/m per point); without, it is grey and ``missing`` says why."""
        before = self.scene.scalars, self.scene.missing
        repaint = bool(field or self.field) or scalars is not None
        self.field = field
        self.scalars = self.scalars if scalars is None else scalars
        self.scene = replace(self.scene, missing=missing)
        if repaint:
            self._recolour()
        if (self.scene.scalars, missing) != before:
            color_bar(self.scene, self.plotter)

    def set_top(self, top_v_per_m: float) -> None:
        """Set the end of the colour scale."""
        self.scene = replace(self.scene, top_v_per_m=float(top_v_per_m))
        self._recolour()
        color_bar(self.scene, self.plotter)

    def set_threshold(self, threshold_v_per_m: float) -> None:
        """Set the size of the field below which the cortex is grey."""
        self.threshold_v_per_m = float(threshold_v_per_m)
        self._recolour()

    def look(self, name: str) -> None:
        """Turn to a camera by its name."""
        look(self.plotter, self.scene, name)

    def mark(self, place_mm: NDArray[np.float64]) -> None:
        """Put a small ball at a place that was picked."""
        import pyvista as pv

        ball = pv.Sphere(radius=PICK_RADIUS_MM, center=place_mm, theta_resolution=12, phi_resolution=12)
        self.plotter.add_mesh(ball, color=PICK_COLOR, name="pick", pickable=False, reset_camera=False, render=False)

    # a coil that moves

    def set_quick(self, quick: bool, few_pixels: bool = False) -> None:
        """Draw quickly from now on, if it is needed, or as at rest.

        A camera that turns needs all pixels: VTK measures its turns in them.
        """
        quick = quick and self.full_s > SLOW_S
        self._size.set_few(quick and few_pixels)
        if quick != self.quick:
            self.quick = quick
            self.plotter.render_window.SetMultiSamples(0 if quick else SMOOTH_EDGES)
            for light in list(self.plotter.renderer.lights)[QUICK_LIGHTS:]:
                light.SetSwitch(not quick)
            self._which_cortex()

    def move_coil(self, pose: NDArray[np.float64]) -> None:
        """Draw the coil at a pose; cheap, for each step of a move."""
        assert self._drawn_pose is not None
        self._set_label("handle", False)
        matrix = pose @ np.linalg.inv(self._drawn_pose)
        for name in self._coil_layers:
            self.actors[name].user_matrix = matrix
        self.scene = replace(self.scene, coil_pose_mm=pose)

    def rest_coil(self, coil: Coil, pose: NDArray[np.float64]) -> None:
        """Draw the coil where it was put; the scene then has it there."""
        self.scene = replace(self.scene, coil_pose_mm=pose, outward=-pose[:3, 2])
        for layer in coil_layers(coil, Pose(pose)):
            old = self.scene.layer(layer.name)
            layer = replace(layer, visible=old.visible, opacity=old.opacity)
            self.scene = self.scene.with_layer(layer)
            self.actors[layer.name] = draw_layer(self.scene, layer, self.plotter)
        self._drawn_pose = pose

    def render(self) -> float:
        """Draw a picture; how long it took, seconds."""
        start = time.perf_counter()
        self._paint()
        took = time.perf_counter() - start
        self.pictures += 1
        if not self.quick:
            self.full_s = took
        return took

    def screenshot(self) -> NDArray[np.uint8]:
        """What is seen, drawn as at rest, (h, w, 3)."""
        self.set_quick(False)
        self.plotter.render()
        return np.asarray(self.plotter.screenshot(return_img=True))[..., :3]

    # rays

    def ray(self, x: float, y: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The ray from a point of the picture (pixels from the lower left corner) into the scene: start, direction."""
        renderer, share = self.plotter.renderer, self._size.share
        ends = []
        for depth in (0.0, 1.0):
            renderer.SetDisplayPoint(share * x, share * y, depth)
            renderer.DisplayToWorld()
            *place, w = renderer.GetWorldPoint()
            ends.append(np.array(place) / w)
        return ends[0], ends[1] - ends[0]

    def at(self, place_mm: NDArray[np.float64]) -> tuple[float, float]:
        """Where in the picture a place is, pixels from the lower left corner."""
        renderer = self.plotter.renderer
        renderer.SetWorldPoint(*place_mm, 1.0)
        renderer.WorldToDisplay()
        x, y, _ = renderer.GetDisplayPoint()
        return x / self._size.share, y / self._size.share

    def surface(self, name: str) -> Surface:
        """A layer's triangles, to be asked along rays; kept."""
        kept = self.__dict__.setdefault("_surfaces", {})
        mesh = self.scene.layer(name).surface
        points = mesh.GetPoints()  # the same when only values changed
        if name not in kept or kept[name][0] is not points:
            kept[name] = (points, Surface.of(mesh))
        return kept[name][1]

    # inside

    def _recolour(self) -> None:
        """Paint the cortex; the layer in the scene keeps the values, so that exports have them."""
        cortex = self.scene.layer("cortex")
        surface = cortex.surface.copy(deep=False)
        for name in _fields_of(self.scene):
            del surface.point_data[name]
        for name, value in self.field.items():
            surface.point_data[name] = value
        scalars = self.scalars if self.values is not None else ""
        self.scene = self.scene.with_layer(replace(cortex, surface=surface, scalars=scalars))
        self._paint_cortex()

    def _paint_cortex(self) -> None:
        """Colour the cortex that is seen: the thin one while something moves, or the whole one."""
        values = self.values
        if self._shows_thin:
            assert self.light is not None and self._thin is not None
            of_thin = None if values is None else values[self.light.point]
            self._thin.point_data[COLORS_ARRAY] = self._colours(self._thin, of_thin)
        else:
            self._cortex.point_data[COLORS_ARRAY] = self._colours(self._cortex, values)

    def _colours(self, surface: pv.PolyData, values: NDArray[np.floating] | None) -> NDArray[np.uint8]:
        """RGB of a surface's points with values, grey below the threshold."""
        canvas = surface.copy(deep=False)
        if values is not None:
            strong = np.abs(values) >= self.threshold_v_per_m
            canvas.point_data[self.scalars] = np.where(strong, values, np.nan)
        return paint(canvas, self.scalars if values is not None else "", self.scene.top_v_per_m)

    def _which_cortex(self) -> None:
        """The thin cortex, or the whole one."""
        layer = self.scene.layer("cortex")
        thin = self.quick and self.light is not None
        if thin:
            assert self.light is not None
            if self._thin is None:
                self._thin_actor, self._thin = self._drawn_thin(self.light, layer)
        if self._thin_actor is not None:
            self._thin_actor.prop.opacity = layer.opacity
            self._thin_actor.visibility = layer.visible and thin
        self._shows_thin = thin
        self.actors["cortex"].visibility = layer.visible and not thin
        self._paint_cortex()

    def _drawn_thin(self, light: Light, layer: Layer) -> tuple[Any, pv.PolyData]:
        surface = light.surface.copy()
        crevice = layer.surface.point_data.get("crevice", np.zeros(layer.surface.n_points, np.float32))
        surface.point_data["crevice"] = np.asarray(crevice)[light.point]
        actor = draw_layer(self.scene, Layer("quick cortex", surface, layer.color), self.plotter)
        return actor, _own(actor, surface)

    def _set_label(self, name: str, visible: bool) -> None:
        label = self.plotter.renderer.actors.get(f"{name} label")
        if label is not None:
            label.SetVisibility(visible)


def place_words(place_mm: NDArray[np.float64], view: SceneView, image: PlanImage | None) -> str:
    """What is at a picked place, in one line: "RAS x −38.2, y −21.4, z 57.0 mm · grey matter · |E| 1.12 V/m at 1 A/µs".

    Parameters
    ----------
    place_mm : (3,) float64
        RAS mm.
    view : SceneView
    image : PlanImage or None
        None: not read yet.
    """
    words = [f"RAS {point(place_mm)} mm"]
    if image is not None:
        words.append(image.tissue_at(place_mm))
    strength = magnitude_at(place_mm, view)
    if strength is not None:
        words.append(f"|E| {three_digits(strength)} {view.scene.unit}")
    elif view.field:
        words.append("|E| is known on the cortex only")
    else:
        words.append("|E| not known at this pose")
    return "   ·   ".join(words)


def magnitude_at(place_mm: NDArray[np.float64], view: SceneView) -> float | None:
    """|E| of the cortex nearest to a place, V/m; None where there is none near, or its field is not known."""
    if "magnE" not in view.field:
        return None
    points = np.asarray(view.scene.layer("cortex").surface.points)
    distance = np.linalg.norm(points - place_mm, axis=1)
    nearest = int(distance.argmin())
    value = float(view.field["magnE"][nearest])
    return value if distance[nearest] <= NEAR_MM and np.isfinite(value) else None


def _own(actor: Any, surface: pv.PolyData) -> pv.PolyData:
    """A surface whose colours can be changed, put in the place of what an actor draws."""
    own = surface.copy(deep=False)
    drawn = actor.mapper
    drawn.Update()
    own.point_data[COLORS_ARRAY] = np.array(_wrapped(drawn.GetInput()).point_data[COLORS_ARRAY])
    own.set_active_scalars(COLORS_ARRAY)
    drawn.SetInputDataObject(own)
    return own


def _wrapped(data: Any) -> Any:
    import pyvista as pv

    return pv.wrap(data)


def _fields_of(scene: Scene) -> list[str]:
    return [name for name in ("magnE", "normalE") if name in scene.layer("cortex").surface.point_data]
