"""A small picture of a head's check: the head model's outlines over the image in three planes, many of which fit on one sheet.

Left is on the left in the axial and the coronal plane; the sagittal one is seen from the left, and cuts the left hemisphere.
Outlines are cut from the mesh, so that whoever sees them beside the image's borders sees what the fields were solved in.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.collections import LineCollection
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from meshes.head import HeadMesh
from meshes.images import open_nifti
from meshes.rasterise import labels_on_grid
from meshes.tissue_codes import Tissue
from meshes.whole_files import written_whole
from targeting.report.slices import LABEL_GREYS, MOST_LABELS, OUTLINES
from targeting.scene.directions import PLANES, Plane
from targeting.scene.raster.camera import View
from targeting.scene.raster.canvas import Canvas
from targeting.scene.raster.sections import crossed, section_lines
from targeting.study.head_stages import MESH_FILE, FrameImage
from targeting.subject import Subject

PIXELS = 210  # of a plane
SHARES = {"axial": 0.58, "coronal": 0.5, "sagittal": 0.36}  # of the brain's extent, where it is cut
ROUND_BRAIN_MM = 32.0  # that is shown of the head
LINE_WIDTH = 0.7  # of those in the report's large pictures
COLORS = 128  # of the file: greys, the lines' and what lies between
WHITE = 190  # of the image's brightest: lines are read on white matter, too


def write_thumbnail(subject: Subject, path: Path) -> None:
    """Draw the head of a subject: an axial, a coronal and a sagittal slice of the brain, beside one another.

    Parameters
    ----------
    subject : Subject
        With its head.
    path : Path
        Of a PNG.
    """
    from PIL import Image

    head = HeadMesh.read(subject.folder / MESH_FILE)
    image, affine_mm = _image_of(subject, head)
    planes = [_slice(head, image, affine_mm, plane) for plane in PLANES]
    small = Image.fromarray(np.concatenate(planes, axis=1)).quantize(COLORS, dither=Image.Dither.NONE)
    with written_whole(path) as temporary:
        small.save(temporary, format="png", optimize=True)


def _slice(
    head: HeadMesh, image: NDArray[np.floating], affine_mm: NDArray[np.float64], plane: Plane
) -> NDArray[np.uint8]:
    view = _view_of(head, plane)
    canvas = Canvas(np.repeat(_greys(image, affine_mm, view)[..., None], 3, axis=2))
    position_mm = float(view.center_mm[plane.across])
    near = crossed(head, plane.across, position_mm)
    for tissues, color, width in OUTLINES:
        lines_mm = section_lines(near, plane.across, position_mm, tissues)
        pieces = list(view.project(lines_mm)[..., :2])
        canvas.axes.add_collection(LineCollection(pieces, colors=color, linewidths=LINE_WIDTH * width))
    canvas.edge_words(plane.letters, 11, (17, 11), ("white", "#c8d0d8"), halo="black")
    return canvas.rgb()


def _view_of(head: HeadMesh, plane: Plane) -> View:
    """Round the brain; the three planes of a head have one scale."""
    inside = np.isin(head.tissue, (Tissue.WM, Tissue.GM))
    points_mm = head.points_mm[np.unique(head.tets[inside] if inside.any() else head.tets)]
    low, high = points_mm.min(0), points_mm.max(0)
    center_mm = (low + high) / 2
    center_mm[plane.across] = (low + SHARES[plane.name] * (high - low))[plane.across]
    span_mm = float((high - low).max()) + 2 * ROUND_BRAIN_MM
    return View.looking_from(plane.toward_viewer, center_mm, span_mm, PIXELS, PIXELS)


def _greys(image: NDArray[np.floating], affine_mm: NDArray[np.float64], view: View) -> NDArray[np.uint8]:
    """The image in the plane of a view; tissue labels as greys like those of a T1."""
    rows, columns = np.mgrid[: view.height, : view.width] + 0.5
    across, along = (columns - view.width / 2) * view.mm_per_pixel, (view.height / 2 - rows) * view.mm_per_pixel
    places_mm = view.center_mm + across[..., None] * view.right + along[..., None] * view.up
    inverse = np.linalg.inv(affine_mm)
    voxels = np.moveaxis(places_mm @ inverse[:3, :3].T + inverse[:3, 3], -1, 0)
    if len(np.unique(image[::4, ::4, ::4])) <= MOST_LABELS and image.max() < len(LABEL_GREYS):
        labels = map_coordinates(image, voxels, order=0, cval=0)
        return np.array(LABEL_GREYS, np.uint8)[np.round(labels).astype(int)]
    seen = image[np.isfinite(image) & (image > 0)]
    top = float(np.percentile(seen[:: max(1, len(seen) // 200_000)], 99.5)) if len(seen) else 1.0
    values = np.nan_to_num(map_coordinates(image, voxels, order=1, cval=0.0))
    return np.round(np.clip(values / max(top, 1e-30), 0, 1) * WHITE).astype(np.uint8)


def _image_of(subject: Subject, head: HeadMesh) -> tuple[NDArray[np.floating], NDArray[np.float64]]:
    """The image whose millimetres the mesh is in, and its affine; without one the mesh's own tissues."""
    frame = FrameImage.kept_in(subject.folder)
    affine_mm = np.array(frame.affine_mm)
    if frame.copy and (subject.folder / frame.copy).is_file():
        return open_nifti(subject.folder / frame.copy).volume(), affine_mm
    return labels_on_grid(head, affine_mm, frame.shape).astype(np.float32), affine_mm
