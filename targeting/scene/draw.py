"""Drawing a scene into any plotter: off-screen, a window, a notebook.

Words, compass and bars are laid over it (:mod:`targeting.scene.overlay`).  Marks, as the target, are drawn over what lies
before them, so that they are never lost in the folds; they and words are pale where they are behind the head.  Outlines are
drawn a little nearer than they lie.  What has the colours of a scale is not lit: its colours are the scale's, whichever way
it faces.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from targeting.scene.colors import paint
from targeting.scene.directions import PALE, is_behind
from targeting.scene.layer import Layer, Scene
from targeting.scene.overlay import GROUND as BACKGROUND
from targeting.scene.overlay import LABEL, Overlay, color_bar, set_font

if TYPE_CHECKING:
    import pyvista as pv

COLORS_ARRAY = "rgb"  # the point array a painted surface is drawn with
GLOSS = {"coil": 0.25, "handle": 0.25, "scalp": 0.15}
DEPTH_UNITS = 65_000.0  # what VTK's shaders call the whole depth of a picture
GROUND = 0.75  # opacity of the pale ground of a layer's words
OBSERVER = "_target_words"  # where a renderer keeps the number of the observer that moves what lies over it
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
    _lay_over(scene, plotter)
    return actors


def draw_layer(scene: Scene, layer: Layer, plotter: pv.BasePlotter) -> pv.Actor:
    """Draw one layer, in place of the one of its name."""
    surface = layer.surface.copy(deep=False)
    painted = layer.painted
    if painted:
        surface.point_data[COLORS_ARRAY] = paint(surface, layer.scalars, scene.top_v_per_m)
    actor = plotter.add_mesh(
        surface,
        name=layer.name,
        color=None if painted else layer.color,
        scalars=COLORS_ARRAY if painted else None,
        rgb=painted,
        opacity=layer.opacity,
        lighting=not painted,
        ambient=0.0 if painted else 0.24,
        diffuse=1.0 if painted else 0.82,  # without lamps VTK gives a colour the sum of both
        specular=0.0 if painted else GLOSS.get(layer.name, 0.1),
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
    # of a see-through layer both sides would be seen, one through the other
    look.culling = "back" if layer.opacity < 1 or layer.mark else "none"


def set_visible(plotter: pv.BasePlotter, name: str, visible: bool) -> None:
    """Show or hide a layer and its label."""
    for each in (name, f"{name}{LABEL}"):
        if each in plotter.renderer.actors:
            plotter.renderer.actors[each].SetVisibility(visible)


def _lay_over(scene: Scene, plotter: pv.BasePlotter) -> None:
    """Words, compass and bars, which follow the camera at every picture."""
    renderer, middle_mm = plotter.renderer, scene.middle_mm
    over = Overlay(scene, plotter)

    def follow(*_: object) -> None:
        out = over.follow(getattr(renderer, LAYERS, {}))
        _by_place(renderer, middle_mm, -np.array(renderer.GetActiveCamera().GetDirectionOfProjection()), out)

    follow()
    observers = getattr(renderer, OBSERVER, None)
    if observers is not None:
        renderer.RemoveObserver(observers)
    setattr(renderer, OBSERVER, renderer.AddObserver("StartEvent", follow))


def _by_place(
    renderer: pv.Renderer, middle_mm: NDArray[np.float64], toward: NDArray[np.float64], out: set[str]
) -> None:
    """Make pale what is behind the head, hide the names of what is out of the picture, draw ahead what is to be ahead."""
    near, far = renderer.GetActiveCamera().GetClippingRange()
    for layer in getattr(renderer, LAYERS, {}).values():
        actor, label = renderer.actors.get(layer.name), renderer.actors.get(f"{layer.name}{LABEL}")
        if label is not None:
            share = 0.0 if layer.name in out else PALE if is_behind(layer.words_mm, middle_mm, toward) else 1.0
            label.prop.opacity, label.prop.background_opacity = share, share * GROUND
        if actor is not None and layer.mark:
            actor.prop.opacity = layer.opacity * (PALE if is_behind(layer.surface.center, middle_mm, toward) else 1.0)
        if actor is not None and layer.ahead_mm:
            units = -DEPTH_UNITS * np.clip(layer.drawn_ahead_mm / (far - near), -1.02, 1.02)
            actor.mapper.SetRelativeCoincidentTopologyPolygonOffsetParameters(0.0, units)


def _label(layer: Layer, plotter: pv.BasePlotter) -> None:
    """A layer's words, over everything."""
    import pyvista as pv

    text = pv.Text(layer.label, position=(0, 0))
    text.GetPositionCoordinate().SetCoordinateSystemToViewport()
    set_font(text.prop, bold=True)
    text.prop.color = layer.color
    text.prop.background_color, text.prop.background_opacity = BACKGROUND, GROUND
    text.prop.justification_horizontal, text.prop.justification_vertical = "center", "center"
    plotter.add_actor(text, name=f"{layer.name}{LABEL}", reset_camera=False, pickable=False, render=False)
    text.SetVisibility(layer.visible)
