"""Drawing a scene into any plotter: off-screen, a window, a notebook.

Left and right stand at the picture's edges and follow the camera, as do front, back, top and bottom; a line says where
one looks from.  Marks, as the target, are drawn over what lies before them, so that they are never lost in the folds;
they and words are pale where they are behind the head.  Outlines are drawn a little nearer than they lie.
"""

from __future__ import annotations

from textwrap import fill
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from targeting.scene.colors import INK, STEPS, WORDS, color_scale, limits, paint
from targeting.scene.directions import PALE, edge_letters, is_behind, seen_from
from targeting.scene.layer import Layer, Scene

if TYPE_CHECKING:
    import pyvista as pv

BACKGROUND = "white"
COLORS_ARRAY = "rgb"  # the point array a painted surface is drawn with
GLOSS = {"cortex": 0.12, "coil": 0.25, "handle": 0.25, "scalp": 0.15}
EDGES = {"left": (0.012, 0.5), "right": (0.988, 0.5), "top": (0.5, 0.985), "bottom": (0.5, 0.012)}
WORD = {"L": "LEFT", "R": "RIGHT"}
DEPTH_UNITS = 65_000.0  # what VTK's shaders call the whole depth of a picture
GROUND = 0.75  # opacity of the pale ground of a layer's words
LABEL = " label"  # ends the name of a label's actor
COLOR_BAR, BAR_WORDS = "color bar", "color bar words"  # actors' names
BAR_LEFT, BAR_WIDTH = 0.58, 0.37
POINTS_PER_INCH = 72
OBSERVER = "_target_words"  # where a renderer keeps the number of the observer that moves its letters
LAYERS = "_target_layers"  # where it keeps the layers as they were drawn last, by name


def draw(scene: Scene, plotter: pv.BasePlotter) -> dict[str, pv.Actor]:
    """Draw a scene into a plotter's active renderer.

    Parameters
    ----------
    scene : Scene
    plotter : pyvista.Plotter, pyvistaqt.QtInteractor ...
        What it shows already stays; layers of the same names are replaced.

    Returns
    -------
    dict
        Layer → actor, those of hidden layers too.  A layer's label is the plotter's actor "<layer> label".
    """
    plotter.set_background(BACKGROUND)
    actors = {layer.name: draw_layer(scene, layer, plotter) for layer in scene.layers}
    color_bar(scene, plotter)
    words(scene, plotter)
    return actors


def draw_layer(scene: Scene, layer: Layer, plotter: pv.BasePlotter) -> pv.Actor:
    """Draw one layer, in place of the one of its name."""
    surface = layer.surface.copy(deep=False)
    painted = bool(layer.scalars) or "crevice" in surface.point_data
    if painted:
        surface.point_data[COLORS_ARRAY] = paint(surface, layer.scalars, scene.top_v_per_m)
    actor = plotter.add_mesh(
        surface,
        name=layer.name,
        color=None if painted else layer.color,
        scalars=COLORS_ARRAY if painted else None,
        rgb=painted,
        opacity=layer.opacity,
        ambient=0.24,
        diffuse=0.82,
        specular=GLOSS.get(layer.name, 0.1),
        specular_power=18,
        show_scalar_bar=False,
        reset_camera=False,
        render=False,
        pickable=True,
    )
    actor.prop.interpolation = "Phong"  # by the normals the surface has
    actor.visibility = layer.visible
    set_opacity(plotter, layer)
    if layer.ahead_mm:
        actor.mapper.SetResolveCoincidentTopologyToPolygonOffset()
    if layer.label:
        _label(layer, plotter)
    return actor


def set_opacity(plotter: pv.BasePlotter, layer: Layer) -> None:
    """Give a drawn layer the opacity that it now has."""
    renderer = plotter.renderer
    if not hasattr(renderer, LAYERS):
        setattr(renderer, LAYERS, {})
    getattr(renderer, LAYERS)[layer.name] = layer
    look = renderer.actors[layer.name].prop
    look.opacity = layer.opacity
    # else its far side would show through its near one
    look.culling = "back" if layer.opacity < 1 or layer.mark else "none"


def set_visible(plotter: pv.BasePlotter, name: str, visible: bool) -> None:
    """Show or hide a layer and its label."""
    for each in (name, f"{name}{LABEL}"):
        if each in plotter.renderer.actors:
            plotter.renderer.actors[each].SetVisibility(visible)


def color_bar(scene: Scene, plotter: pv.BasePlotter) -> None:
    """Draw the colour bar with its unit in the lower right corner, or none if nothing is coloured."""
    import pyvista as pv
    from vtkmodules.vtkRenderingAnnotation import vtkScalarBarActor

    for name in (COLOR_BAR, BAR_WORDS):
        if name in plotter.renderer.actors:
            plotter.remove_actor(name, render=False)
    if not scene.scalars:
        return
    table = pv.LookupTable(
        color_scale(scene.scalars), n_values=STEPS, scalar_range=limits(scene.scalars, scene.top_v_per_m)
    )
    bar = vtkScalarBarActor()
    bar.SetLookupTable(table)
    bar.SetOrientationToHorizontal()
    bar.SetNumberOfLabels(3)
    bar.SetLabelFormat("%.3g")
    bar.SetMaximumNumberOfColors(STEPS)
    bar.UnconstrainedFontSizeOn()
    bar.GetPositionCoordinate().SetCoordinateSystemToNormalizedViewport()
    bar.SetPosition(BAR_LEFT, 0.055)
    bar.SetPosition2(BAR_WIDTH, 0.065)
    bar.SetBarRatio(0.4)
    bar.SetTextPositionToSucceedScalarBar()
    bar.DrawBackgroundOn()
    bar.GetBackgroundProperty().SetColor(*pv.Color(BACKGROUND).float_rgb)
    bar.GetBackgroundProperty().SetOpacity(0.65)
    numbers = bar.GetLabelTextProperty()
    numbers.SetColor(*pv.Color(INK).float_rgb)
    numbers.SetFontFamilyToArial()
    for off in (numbers.ItalicOff, numbers.ShadowOff, numbers.BoldOff):
        off()
    plotter.add_actor(bar, name=COLOR_BAR, reset_camera=False, pickable=False, render=False)
    # VTK would lay a title of its own over the numbers
    text = _text((0.988, 0.012), "right", "bottom")
    text.input = f"{WORDS[scene.scalars]}, {scene.unit}"
    plotter.add_actor(text, name=BAR_WORDS, reset_camera=False, pickable=False, render=False)


def words(scene: Scene, plotter: pv.BasePlotter) -> None:
    """Write the title with "seen from …", and letters at the picture's edges; they follow the camera at every render."""
    renderer, middle_mm = plotter.renderer, scene.middle_mm
    texts = {}
    for place, (x, y) in {**EDGES, "title": (0.012, 0.985)}.items():
        across = {"top": "center", "bottom": "center", "right": "right"}.get(place, "left")
        along = {"left": "center", "right": "center", "top": "top", "title": "top"}.get(place, "bottom")
        text = _text((x, y), across, along)
        text.prop.bold = place != "title"
        plotter.add_actor(text, name=f"words {place}", reset_camera=False, pickable=False, render=False)
        texts[place] = text

    def follow(*_: object) -> None:
        eye = renderer.GetActiveCamera()
        toward = -np.array(eye.GetDirectionOfProjection())
        scale = renderer.GetRenderWindow().GetDPI() / POINTS_PER_INCH  # VTK's font sizes are points
        width, height = (pixels / scale for pixels in renderer.GetSize())
        size = int(np.clip(0.03 * min(width, height), 11, 34))
        for edge, letters in zip(EDGES, edge_letters(toward, np.array(eye.GetViewUp())), strict=True):
            texts[edge].input = "\n".join(WORD.get(letter, letter) for letter in letters)
            texts[edge].prop.font_size = size
        small = max(10, int(0.62 * size))
        lines = fill(scene.title, max(16, int(0.42 * width / (0.55 * small))))  # clear of the letter at the top
        texts["title"].input, texts["title"].prop.font_size = f"{lines}\n{seen_from(toward)}", small
        for name, actor in renderer.actors.items():
            if name.endswith(LABEL):
                actor.prop.font_size = max(10, int(0.72 * size))
            elif name == COLOR_BAR:
                actor.GetLabelTextProperty().SetFontSize(small)
            elif name == BAR_WORDS:
                actor.prop.font_size = small
        _by_place(renderer, middle_mm, toward)

    follow()
    observers = getattr(renderer, OBSERVER, None)
    if observers is not None:
        renderer.RemoveObserver(observers)
    setattr(renderer, OBSERVER, renderer.AddObserver("StartEvent", follow))


def _by_place(renderer: pv.Renderer, middle_mm: NDArray[np.float64], toward: NDArray[np.float64]) -> None:
    """Make pale what is behind the head, and draw ahead what is to be ahead.

    A depth z in front of the camera is drawn at f / (f − n) · (1 − n / z), n and f being the nearest and the farthest: a
    millimetre there is f n / ((f − n) z²).
    """
    eye = renderer.GetActiveCamera()
    near, far = eye.GetClippingRange()
    depth_per_mm = far * near / ((far - near) * eye.GetDistance() ** 2)
    for layer in getattr(renderer, LAYERS, {}).values():
        actor, label = renderer.actors.get(layer.name), renderer.actors.get(f"{layer.name}{LABEL}")
        if label is not None:
            share = PALE if is_behind(layer.words_mm, middle_mm, toward) else 1.0
            label.prop.opacity, label.prop.background_opacity = share, share * GROUND
        if actor is not None and layer.mark:
            actor.prop.opacity = layer.opacity * (PALE if is_behind(layer.surface.center, middle_mm, toward) else 1.0)
        if actor is not None and layer.ahead_mm:
            units = -DEPTH_UNITS * min(layer.ahead_mm * depth_per_mm, 1.02)
            actor.mapper.SetRelativeCoincidentTopologyPolygonOffsetParameters(0.0, units)


def _text(place: tuple[float, float], across: str, along: str) -> pv.Text:
    """Words at a place in the picture, as shares of its width and height, on a pale ground."""
    import pyvista as pv

    text = pv.Text("", position=(0, 0))
    text.GetPositionCoordinate().SetCoordinateSystemToNormalizedViewport()
    text.SetPosition(*place)
    text.prop.color = INK
    text.prop.background_color, text.prop.background_opacity = BACKGROUND, 0.65
    text.prop.justification_horizontal, text.prop.justification_vertical = across, along
    return text


def _label(layer: Layer, plotter: pv.BasePlotter) -> None:
    """A layer's words, over everything, centred at a place in the world."""
    import pyvista as pv

    text = pv.Text(layer.label, position=(0, 0))
    place = text.GetPositionCoordinate()
    place.SetCoordinateSystemToWorld()
    place.SetValue(*(float(x) for x in layer.words_mm))
    text.prop.color, text.prop.bold = layer.color, True
    text.prop.background_color, text.prop.background_opacity = BACKGROUND, GROUND
    text.prop.justification_horizontal, text.prop.justification_vertical = "center", "center"
    plotter.add_actor(text, name=f"{layer.name}{LABEL}", reset_camera=False, pickable=False, render=False)
    text.SetVisibility(layer.visible)
