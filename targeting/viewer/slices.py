"""The image a plan was made on (the T1 or, without one, the tissues), and slices through it.

Slices are planes of the world (RAS mm), whatever way the voxels lie; which way they are seen says
:data:`targeting.scene.directions.PLANES`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from meshes.head import HeadMesh
from meshes.rasterise import labels_on_grid
from meshes.tissue_codes import TISSUE_NAMES, Tissue
from targeting.report.slices import LABEL_GREYS
from targeting.scene.directions import Plane
from targeting.scene.raster.camera import View
from targeting.study.head_stages import HEAD_FILE, MESH_FILE, FrameImage, Segmentation
from targeting.subject import Subject

STEP_MM = 1.0
MARGIN_MM = 6.0
BRIGHT_PERCENTILE = 99.5


@dataclass(frozen=True, eq=False)
class PlanImage:
    """The voxels of an image, in the plan's coordinates.

    Parameters
    ----------
    voxels : (nx, ny, nz) float32
    affine_mm : (4, 4) float64
        Voxel index → RAS mm.
    labels : (nx, ny, nz) uint8
        Tissue codes on the same grid.
    words : str
        What the voxels are: "T1", "labels" or "tissues".
    """

    voxels: NDArray[np.float32]
    affine_mm: NDArray[np.float64]
    labels: NDArray[np.uint8]
    words: str

    @classmethod
    def of(cls, subject: Subject) -> PlanImage:
        """Read the image from a planned subject's folder (a second or two).

        Raises
        ------
        InputError
            If the folder has lost its image's description.
        """
        frame = FrameImage.kept_in(subject.folder)
        about = json.loads((subject.folder / HEAD_FILE).read_text(encoding="utf-8"))
        segmentation = Segmentation(subject.folder, about["way"], frame, ())
        tissues = segmentation.tissues
        labels = _rasterised(subject.folder, segmentation) if tissues is None else np.asarray(tissues.labels, np.uint8)
        affine = segmentation.affine_mm
        if tissues is not None and not np.allclose(tissues.affine_mm, affine):
            labels = _on_grid(labels, tissues.affine_mm, affine, frame.shape)
        voxels = None if frame.copy is None else segmentation.background()
        words = "tissues" if voxels is None or frame.copy is None else frame.copy.split(".")[0]
        return cls(labels.astype(np.float32) if voxels is None else voxels, affine, labels, words)

    @property
    def are_labels(self) -> bool:
        """Whether the voxels are codes, which must not be mixed."""
        return self.words != "T1"

    def tissue_at(self, place_mm: NDArray[np.float64]) -> str:
        """The tissue's name; "outside" beyond the head."""
        inverse = np.linalg.inv(self.affine_mm)
        i, j, k = np.round(inverse[:3, :3] @ place_mm + inverse[:3, 3]).astype(int)
        inside = all(0 <= x < n for x, n in zip((i, j, k), self.labels.shape, strict=True))
        code = int(self.labels[i, j, k]) if inside else 0
        if code == Tissue.OUTSIDE:
            return "outside"
        return TISSUE_NAMES.get(Tissue(code), f"tissue {code}") if code in set(Tissue) else f"tissue {code}"


@dataclass(frozen=True, eq=False)
class Slicer:
    """Cuts slices through an image.

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
        """A slicer whose slices show the whole head."""
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
        """The place that a pixel of a slice shows.

        Parameters
        ----------
        plane : Plane
        column, row : float
            Pixels from the upper left corner.
        through_mm : (3,) float
            A place in the slice, RAS mm.

        Returns
        -------
        (3,) float64
            RAS mm.
        """
        width, height = self.size(plane)
        at = np.array(through_mm, np.float64)
        (axis, sign), (axis_up, sign_up) = _axis(plane.right), _axis(plane.up)
        at[axis] = self.low_mm[axis] + STEP_MM * (column if sign > 0 else width - 1 - column)
        at[axis_up] = self.low_mm[axis_up] + STEP_MM * (height - 1 - row if sign_up > 0 else row)
        return at

    def view(self, plane: Plane, through_mm: NDArray[np.float64]) -> View:
        """The plane through a place as the view whose pixels are those of :meth:`picture`."""
        width, height = self.size(plane)
        middle = self.place(plane, (width - 1) / 2, (height - 1) / 2, through_mm)
        return View(middle, plane.right, plane.up, STEP_MM, width, height)

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
        if self.image.are_labels and self.white < len(LABEL_GREYS):
            return np.array(LABEL_GREYS, np.uint8)[np.round(value).astype(int)]
        return np.round(255 * np.clip(np.nan_to_num(value) / self.white, 0, 1)).astype(np.uint8)


def _axis(direction: NDArray[np.float64]) -> tuple[int, int]:
    """Which world axis a unit vector runs along, and its sign."""
    axis = int(np.abs(direction).argmax())
    return axis, 1 if direction[axis] > 0 else -1


def _rasterised(folder: Path, segmentation: Segmentation) -> NDArray[np.uint8]:
    mesh = HeadMesh.read(folder / MESH_FILE)
    return np.asarray(labels_on_grid(mesh, segmentation.affine_mm, segmentation.frame.shape), np.uint8)


def _on_grid(
    labels: NDArray[np.uint8],
    affine: NDArray[np.float64],
    grid_affine: NDArray[np.float64],
    shape: tuple[int, int, int],
) -> NDArray[np.uint8]:
    from scipy.ndimage import affine_transform

    step = np.linalg.inv(affine) @ grid_affine
    return np.asarray(affine_transform(labels, step[:3, :3], step[:3, 3], output_shape=shape, order=0), np.uint8)
