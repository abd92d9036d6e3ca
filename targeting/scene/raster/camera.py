"""View: an orthographic camera, so that a picture has one scale and left and right can be told from it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, eq=False)
class View:
    """An orthographic camera: from where it looks, and the scale of its picture.

    Parameters
    ----------
    center_mm : (3,) float64
        World point in the middle of the picture.
    right, up : (3,) float64
        Unit world vectors along the picture's x, and against its rows.
    mm_per_pixel : float
    width, height : int
        Pixels.

    Examples
    --------
    From above with the nose up, left is on the left:

    >>> from targeting.scene.raster.camera import View
    >>> view = View.looking_from([0, 0, 1], [0, 0, 0], span_mm=200, width=100, height=100)
    >>> view.project([[-50, 0, 0]])[0].tolist()
    [25.0, 50.0, 0.0]
    """

    center_mm: NDArray[np.float64]
    right: NDArray[np.float64]
    up: NDArray[np.float64]
    mm_per_pixel: float
    width: int
    height: int

    @classmethod
    def looking_from(
        cls, toward_viewer: ArrayLike, center_mm: ArrayLike, span_mm: float, width: int, height: int
    ) -> View:
        """The view from a direction, upright: the vertex up, or the nose if the viewer is near the vertex.

        Parameters
        ----------
        toward_viewer : (3,) float
            From the scene to the viewer, of any length.
        center_mm : (3,) float
            The place in the middle of the picture, RAS mm.
        span_mm : float
            Width of the picture, mm.
        width, height : int
            Pixels.
        """
        toward = _unit(toward_viewer)
        hint = np.array([0.0, 1.0, 0.0]) if abs(toward[2]) > 0.8 else np.array([0.0, 0.0, 1.0])
        up = _unit(hint - (hint @ toward) * toward)
        right = _unit(np.cross(up, toward))
        return cls(np.array(center_mm, dtype=np.float64), right, up, span_mm / width, width, height)

    @classmethod
    def holding(
        cls, points_mm: NDArray[np.floating], toward_viewer: ArrayLike, size: tuple[int, int], margin_mm: float
    ) -> View:
        """The view from a direction that holds all points.

        Parameters
        ----------
        points_mm : (n, 3) float
        toward_viewer : (3,) float
        size : (int, int)
            Width and height, pixels.
        margin_mm : float
            Left free at the edges.
        """
        width, height = size
        probe = cls.looking_from(toward_viewer, (0, 0, 0), 1.0, 1, 1)
        across, along = points_mm @ probe.right, points_mm @ probe.up
        center = (
            probe.right * (across.min() + across.max()) / 2
            + probe.up * (along.min() + along.max()) / 2
            + probe.toward_viewer * (points_mm @ probe.toward_viewer).mean()
        )
        span = max(np.ptp(across) + 2 * margin_mm, (np.ptp(along) + 2 * margin_mm) * width / height)
        return cls.looking_from(toward_viewer, center, float(span), width, height)

    @property
    def toward_viewer(self) -> NDArray[np.float64]:
        """Unit world vector from the scene to the viewer."""
        return _unit(np.cross(self.right, self.up))

    def project(self, points_mm: ArrayLike) -> NDArray[np.float64]:
        """Column and row in pixels (from the upper left corner) and depth in mm toward the viewer, (n, 3)."""
        away = np.asarray(points_mm, dtype=np.float64) - self.center_mm
        column = self.width / 2 + away @ self.right / self.mm_per_pixel
        row = self.height / 2 - away @ self.up / self.mm_per_pixel
        return np.stack([column, row, away @ self.toward_viewer], axis=-1)

    def finer(self, factor: int) -> View:
        """The same view with ``factor`` times the pixels along each side."""
        return replace(
            self,
            mm_per_pixel=self.mm_per_pixel / factor,
            width=self.width * factor,
            height=self.height * factor,
        )


def _unit(vector: ArrayLike) -> NDArray[np.float64]:
    array = np.asarray(vector, dtype=np.float64)
    return np.asarray(array / np.linalg.norm(array), dtype=np.float64)
