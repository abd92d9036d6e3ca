"""Scenes side by side: linked cameras, one colour scale, and in what they are not alike.

One scale is honest only where the fields are of one kind:

- of coils at 1 A/µs each: V/m at 1 A/µs, so that a weaker coil looks weaker;
- of montages at the currents they are planned with: V/m, which is what the person gets;
- of a coil and a montage: 1 A/µs is no dose, and V/m of both mean nothing together.  Each field is then shown in percent
  of its own mean |E| over its target: where else is as much as there?

One camera turns all pictures where their targets are seen together; else each looks at its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from meshes.errors import InputError
from meshes.whole_files import written_whole
from targeting.plans.tes import TesPlan
from targeting.plans.tms import Plan
from targeting.scene.cameras import look
from targeting.scene.colors import INK, rounded_up
from targeting.scene.draw import draw
from targeting.scene.export import off_screen, png_path
from targeting.scene.layer import SCALARS, Scene

if TYPE_CHECKING:
    import pyvista as pv

SIZE = (1800, 820)
TOGETHER_MM = 30.0  # targets so near to each other are seen by one close-up
MOST = 4  # scenes beside each other that can still be read
PERCENT = "% of the target's mean |E|"
EACH_CURRENT = "V/m at each one's current"


def on_one_scale(scenes: Sequence[Scene]) -> tuple[Scene, ...]:
    """The scenes with one unit and one end of the scale.

    Raises
    ------
    InputError
        If there are fewer than two or more than :data:`MOST`, or a field of another kind has no target value to be
        measured by.

    Examples
    --------
    >>> import numpy as np
    >>> import pyvista as pv
    >>> from targeting.scene import Layer, Scene
    >>> scalp = Layer("scalp", pv.Sphere(radius=90.0), "#e0cdbb")
    >>> one = Scene("one", (scalp,), "V/m at 1 A/µs", 1.5, np.zeros(3), np.array([0.0, 0, 1]))
    >>> other = Scene("other", (scalp,), "V/m at 1 A/µs", 1.2, np.zeros(3), np.array([0.0, 0, 1]))
    >>> [(scene.unit, scene.top_v_per_m) for scene in on_one_scale([one, other])]
    [('V/m at 1 A/µs', 1.5), ('V/m at 1 A/µs', 1.5)]
    """
    if not 2 <= len(scenes) <= MOST:
        raise InputError(f"two to {MOST} scenes can be shown side by side, not {len(scenes)}")
    units = {scene.unit for scene in scenes}
    if len(units) == 1:
        unit = units.pop()
    elif all(each.endswith(" mA") for each in units):
        unit = EACH_CURRENT
        scenes = [replace(scene, title=f"{scene.title}, {_conditions(scene)}") for scene in scenes]
    else:
        unit = PERCENT
        scenes = [_in_percent(scene) for scene in scenes]
    top = max(scene.top_v_per_m for scene in scenes)
    return tuple(replace(scene, unit=unit, top_v_per_m=top) for scene in scenes)


def told_apart(scenes: Sequence[Scene], plans: Sequence[Plan | TesPlan]) -> list[Scene]:
    """The scenes, each with a line for what its plan does not have in common with the first one's.

    Parameters
    ----------
    scenes : sequence of Scene
    plans : sequence of Plan or TesPlan
        One for each scene.
    """
    first = facts_of(plans[0])
    told = []
    for scene, plan in zip(scenes, plans, strict=True):
        unlike = [
            (INK, f"≠ {name} {value} (first: {first[name]})".replace("  ", " "))
            for name, value in facts_of(plan).items()
            if value != first[name]
        ]
        told.append(replace(scene, legend=(*scene.legend, *unlike)))
    return told


def facts_of(plan: Plan | TesPlan) -> dict[str, str]:
    """What plans that are compared should have in common, or what is compared in them."""
    target = plan.target
    source = f"coil: {plan.coil.name}" if isinstance(plan, Plan) else f"montage: {plan.montage_name}"
    return {
        "person:": plan.subject,
        "target:": f"{target.side} {target.name}".strip(),
        "": source,
    }


def seen_together(scenes: Sequence[Scene]) -> bool:
    """Whether one camera shows the targets of all."""
    return all(np.linalg.norm(scene.target_mm - scenes[0].target_mm) <= TOGETHER_MM for scene in scenes)


def draw_beside(scenes: Sequence[Scene], plotter: pv.BasePlotter, camera: str = "target") -> None:
    """Draw scenes into a plotter of shape (1, n), the first one's camera for all whose targets are seen together.

    Parameters
    ----------
    scenes : sequence of Scene
        On one scale (:func:`on_one_scale`).
    plotter : pyvista.Plotter, pyvistaqt.QtInteractor
        Made with ``shape=(1, len(scenes))``.
    camera : one of :data:`targeting.scene.cameras.CAMERAS`
    """
    for column, scene in enumerate(scenes):
        plotter.subplot(0, column)
        draw(scene, plotter)
    look_beside(scenes, plotter, camera)
    if seen_together(scenes):
        plotter.link_views()
    plotter.subplot(0, 0)


def look_beside(scenes: Sequence[Scene], plotter: pv.BasePlotter, camera: str) -> None:
    """Turn all pictures to a camera by its name: the first scene's, or where that does not show all targets each one's own."""
    together = seen_together(scenes)
    for column, scene in enumerate(scenes):
        plotter.subplot(0, column)
        own = camera if camera != "coil" or scene.coil_pose_mm is not None else "target"
        look(plotter, scenes[0] if together else scene, camera if together else own)
    plotter.subplot(0, 0)


def picture_beside(scenes: Sequence[Scene], camera: str = "target", size: tuple[int, int] = SIZE) -> np.ndarray:
    """The scenes side by side on one scale, (h, w, 3) uint8; no window is opened."""
    shown = on_one_scale(scenes)
    plotter = off_screen(size, len(shown))
    try:
        draw_beside(shown, plotter, camera)
        return np.asarray(plotter.screenshot(return_img=True))[..., :3]
    finally:
        plotter.close()


def screenshot_beside(
    scenes: Sequence[Scene], path: str | Path, camera: str = "target", size: tuple[int, int] = SIZE
) -> Path:
    """Write a picture of scenes side by side.

    Parameters
    ----------
    scenes : sequence of Scene
    path : path
        Its name ends in ``.png``.
    camera : one of :data:`targeting.scene.cameras.CAMERAS`
        The same for all.
    size : (int, int)
        Width and height of the whole picture, pixels.

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    InputError
        As :func:`on_one_scale`; or the camera is unknown.
    WriteError
        If the file cannot be written.
    """
    from matplotlib.image import imsave

    path = png_path(path)
    image = picture_beside(scenes, camera, size)
    with written_whole(path) as temporary:
        imsave(temporary, image, format="png")
    return path


def _conditions(scene: Scene) -> str:
    """What a field is for: the "2 mA" of "V/m at 2 mA"."""
    return scene.unit.rpartition(" at ")[2]


def _in_percent(scene: Scene) -> Scene:
    """The field in percent of its mean over the target."""
    whole = scene.target_e_v_per_m
    if not whole:
        raise InputError(
            f"{scene.title!r} has no field value at its target, so it cannot be compared with a field of another kind"
        )
    layers = []
    for layer in scene.layers:
        if layer.scalars:
            surface = layer.surface.copy()
            for name in SCALARS:
                if name in surface.point_data:
                    surface.point_data[name] = np.asarray(surface.point_data[name]) * np.float32(100 / whole)
            layer = replace(layer, surface=surface)
        layers.append(layer)
    top = rounded_up(scene.top_v_per_m * 100 / whole)
    return replace(
        scene, layers=tuple(layers), top_v_per_m=top, title=f"{scene.title}, {scene.unit.partition(' at ')[2]}"
    )
