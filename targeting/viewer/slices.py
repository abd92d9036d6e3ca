"""Three planes through a place: what part of an image they show, and where a place is in the picture.

Neurological convention: left is left in the axial and coronal planes; the sagittal plane is seen from the left, so the
face looks to the left edge.  The planes are those of the world (RAS mm), whatever way the voxels lie.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from targeting.scene.directions import Plane
from targeting.viewer.plan_image import PlanImage

STEP_MM = 1.0
MARGIN_MM = 6.0
BRIGHT_PERCENTILE = 99.5


@dataclass(frozen=True, eq=False)
class Slicer:
    """An image ready to be cut.

    Parameters
    ----------
    image : PlanImage
    low_mm, high_mm : (3,) float64
        Corners of the box that is shown.
    white : float
        The voxel value that is drawn white.
    """

    image: PlanImage
    low_mm: NDArray[np.float64]
    high_mm: NDArray[np.float64]
    white: float

    @classmethod
    def of(cls, image: PlanImage) -> Slicer:
        """Framed on the head."""
        filled = np.argwhere(image.labels[::2, ::2, ::2] > 0) * 2
        ends = np.array([filled.min(0), filled.max(0)]) if len(filled) else np.array([[0, 0, 0], image.labels.shape])
        corners = np.array([[ends[a, 0], ends[b, 1], ends[c, 2]] for a in (0, 1) for b in (0, 1) for c in (0, 1)])
        world = corners @ image.affine_mm[:3, :3].T + image.affine_mm[:3, 3]
        seen = image.voxels[::2, ::2, ::2]
        seen = seen[np.isfinite(seen) & (seen > 0)]
        top = float(np.percentile(seen, BRIGHT_PERCENTILE)) if len(seen) else 1.0
        if image.are_labels:
            top = float(image.voxels.max())
        return cls(image, world.min(0) - MARGIN_MM, world.max(0) + MARGIN_MM, max(top, 1e-30))

    def size(self, plane: Plane) -> tuple[int, int]:
        """Width and height of a plane's picture, pixels of :data:`STEP_MM`."""
        extent = self.high_mm - self.low_mm
        (axis, _), (axis_up, _) = _axis(plane.right), _axis(plane.up)
        return int(extent[axis] / STEP_MM) + 1, int(extent[axis_up] / STEP_MM) + 1

    def pixel(self, plane: Plane, place_mm: NDArray[np.float64]) -> tuple[float, float]:
        """Column and row (from the top) of a place in a plane's picture."""
        width, height = self.size(plane)
        axis, sign = _axis(plane.right)
        column = (place_mm[axis] - self.low_mm[axis]) / STEP_MM
        axis_up, sign_up = _axis(plane.up)
        row = (place_mm[axis_up] - self.low_mm[axis_up]) / STEP_MM
        return (column if sign > 0 else width - 1 - column), (height - 1 - row if sign_up > 0 else row)

    def place(self, plane: Plane, column: float, row: float, through_mm: NDArray[np.float64]) -> NDArray[np.float64]:
        """The place at a pixel of the plane through ``through_mm``, (3,)."""
        width, height = self.size(plane)
        at = np.array(through_mm, np.float64)
        (axis, sign), (axis_up, sign_up) = _axis(plane.right), _axis(plane.up)
        at[axis] = self.low_mm[axis] + STEP_MM * (column if sign > 0 else width - 1 - column)
        at[axis_up] = self.low_mm[axis_up] + STEP_MM * (height - 1 - row if sign_up > 0 else row)
        return at

    def picture(self, plane: Plane, through_mm: NDArray[np.float64]) -> NDArray[np.uint8]:
        """The greys of the plane through a place, (height, width)."""
        from scipy.ndimage import map_coordinates

        width, height = self.size(plane)
        columns, rows = np.meshgrid(np.arange(width), np.arange(height))
        origin, one, down = (self.place(plane, *at, through_mm) for at in ((0, 0), (1, 0), (0, 1)))
        places = origin + columns[..., None] * (one - origin) + rows[..., None] * (down - origin)
        inverse = np.linalg.inv(self.image.affine_mm)
        voxel = np.moveaxis(places @ inverse[:3, :3].T + inverse[:3, 3], -1, 0)
        order = 0 if self.image.are_labels else 1
        value = map_coordinates(self.image.voxels, voxel, order=order, cval=0.0, prefilter=False)
        return np.round(255 * np.clip(np.nan_to_num(value) / self.white, 0, 1)).astype(np.uint8)


def _axis(direction: NDArray[np.float64]) -> tuple[int, int]:
    """Which world axis a unit vector runs along, and its sign."""
    axis = int(np.abs(direction).argmax())
    return axis, 1 if direction[axis] > 0 else -1
