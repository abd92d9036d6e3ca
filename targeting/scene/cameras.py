"""Cameras by name, each framing what is to be seen.

"left" looks at the person's left side from the left.  From the top the nose is up, so the person's left is on the left
of the picture; from the front it is on the right, as when one faces somebody.  "coil" looks along the coil's axis with
the handle below.  All are orthographic: a picture has one scale, as the 3D scene of a page has.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from meshes.choices import one_of
from meshes.errors import InputError
from targeting.scene.directions import FRONT, RIGHT, UP
from targeting.scene.layer import Scene

if TYPE_CHECKING:
    import pyvista as pv

CAMERAS = ("left", "right", "top", "front", "back", "target", "coil")
FROM = {  # where the camera stands as seen from the head, and what is up in the picture
    "left": (-RIGHT, UP),
    "right": (RIGHT, UP),
    "top": (UP, FRONT),
    "front": (FRONT, UP),
    "back": (-FRONT, UP),
}
AWAY_MM = 1000.0  # from what it looks at: outside of everything
MARGIN = 1.14
CLOSE_UP_MM = 62.0  # half the height of the "target" view


@dataclass(frozen=True, eq=False)
class Camera:
    """A camera of a scene: position and focal point in RAS mm, the direction up in the picture, half its height in mm."""

    position_mm: NDArray[np.float64]
    focus_mm: NDArray[np.float64]
    up: NDArray[np.float64]
    half_mm: float


def camera(scene: Scene, name: str, aspect: float = 4 / 3) -> Camera:
    """The camera of a scene by its name.

    Parameters
    ----------
    scene : Scene
    name : one of :data:`CAMERAS`
    aspect : float
        Width over height of the picture.

    Raises
    ------
    InputError
        If there is no such preset, or it is of the coil and the scene has none.

    Examples
    --------
    >>> import numpy as np
    >>> import pyvista as pv
    >>> from targeting.scene import Layer, Scene
    >>> scalp = Layer("scalp", pv.Sphere(radius=90.0), "#e0cdbb")
    >>> scene = Scene("ball", (scalp,), "V/m", 1.0, np.zeros(3), np.array([0.0, 0, 1]))
    >>> bool(camera(scene, "left").position_mm[0] < -90)
    True
    """
    one_of(name, CAMERAS, "camera")
    toward, up = direction(scene, name)
    right = np.cross(up, toward)
    if name == "target":
        return Camera(scene.target_mm + AWAY_MM * toward, scene.target_mm, up, CLOSE_UP_MM)
    shown = [layer for layer in scene.layers if layer.visible]
    labels = [layer.label_mm[None] for layer in shown if layer.label_mm is not None]
    points = np.concatenate([*(_outermost(layer.surface) for layer in shown), *labels])
    across, along, near = points @ right, points @ up, points @ toward
    focus = (across.min() + across.max()) / 2 * right + (along.min() + along.max()) / 2 * up + near.mean() * toward
    half = MARGIN * max(np.ptp(along) / 2, np.ptp(across) / 2 / aspect)
    return Camera(focus + AWAY_MM * toward, focus, up, float(half))


def direction(scene: Scene, name: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The directions of a camera by its name, as unit vectors: out of the picture towards the viewer, and up in it."""
    if name in FROM:
        return FROM[name]
    if name == "coil":
        if scene.coil_pose_mm is None:
            raise InputError("this scene has no coil to look along; take another camera, such as target")
        return -scene.coil_pose_mm[:3, 2], scene.coil_pose_mm[:3, 1]
    toward = scene.outward / np.linalg.norm(scene.outward)
    up = UP if abs(toward @ UP) < 0.9 else FRONT  # over the vertex the nose is up
    up = up - (up @ toward) * toward
    return toward, up / np.linalg.norm(up)


def look(plotter: pv.BasePlotter, scene: Scene, name: str) -> None:
    """Set the camera of a plotter's active renderer to a preset."""
    renderer = plotter.renderer
    width, height = renderer.GetSize()
    seen = camera(scene, name, width / height if width > 0 and height > 0 else 4 / 3)
    eye = renderer.camera
    eye.position, eye.focal_point, eye.up = seen.position_mm, seen.focus_mm, seen.up
    eye.parallel_projection, eye.parallel_scale = True, seen.half_mm
    renderer.camera_set = True
    renderer.reset_camera_clipping_range()


def _outermost(surface: pv.PolyData) -> NDArray[np.float64]:
    """Enough of a surface's points to frame it."""
    return np.asarray(surface.points[:: max(1, surface.n_points // 2000)], np.float64)
