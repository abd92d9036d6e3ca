"""Where the 3D scene is looked at from: a camera that turns about the head's axis, so that the vertex stays up.

With azimuth a and elevation e the viewer stands toward (cos e sin a, −cos e cos a, sin e): a = 0 behind the head, 90° on
its right, 180° in front of it; e = 90° above, with the nose up on the screen.  The picture is orthographic: its right is
(cos a, sin a, 0), its up (−sin e sin a, sin e cos a, cos e).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from targeting.scene.raster.camera import View

SIDES = (("left", -90.0, 0.0), ("right", 90.0, 0.0), ("front", 180.0, 0.0), ("back", 0.0, 0.0), ("top", 0.0, 90.0))
OVERVIEW_DEG = (20.0, 40.0)  # lowest and highest elevation of the first view: the coil's handle and the face both show
TARGET_MM = 55.0  # half the width of the view on the target
MARGIN_MM = 12.0


@dataclass(frozen=True, eq=False)
class SolidView:
    """A named view.

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
        >>> from targeting.scene.web.views import SolidView
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
