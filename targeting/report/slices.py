"""The target on three planes through its centre, over the image the head was made from.

Left is left (neurological convention) in the axial and coronal planes, and L and R are printed.  The outlines are cut
from the mesh, so a person sees whether the head model follows the image.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.patches import Circle
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from meshes.tissue_codes import Tissue
from targeting.report.evidence import Evidence
from targeting.scene.colors import TARGET
from targeting.scene.directions import Plane
from targeting.scene.raster.camera import View
from targeting.scene.raster.canvas import Canvas
from targeting.scene.raster.sections import crossed, section_lines

MARGIN_MM = 10.0
CLOSE_MM = 70.0
WIDTH = 720  # pixels
MOST_LABELS = 32
# labels in a T1's greys: outside, white matter, grey matter, CSF, skull, scalp, eyes, compact and spongy bone, blood, muscle
LABEL_GREYS = (0, 205, 140, 40, 62, 104, 80, 52, 92, 70, 88)
CHECK = "#b8f15c"  # where the registration puts the point of a target that is a patch by the folds

# the brain's inner and outer surface, the skull's outer and the scalp; a charm head's mesh has compact and spongy bone
# and blood as tissues 7, 8 and 9
OUTLINES = (
    ((Tissue.WM,), "#ffd166", 0.7),
    ((Tissue.WM, Tissue.GM), "#ff9e4a", 1.0),
    ((Tissue.WM, Tissue.GM, Tissue.CSF, Tissue.SKULL, 7, 8, 9), "#6fd3c7", 1.0),
    (None, "#8fb8ff", 1.0),
)


def whole_view(evidence: Evidence, plane: Plane) -> View:
    """The plane through the target, framed on the whole head; the three planes have one scale."""
    low, high = evidence.head.points_mm.min(0), evidence.head.points_mm.max(0)
    center = (low + high) / 2
    center[plane.across] = evidence.target_mm[plane.across]
    return View.looking_from(plane.toward_viewer, center, float((high - low).max()) + 2 * MARGIN_MM, WIDTH, WIDTH)


def close_view(evidence: Evidence, plane: Plane) -> View:
    """The plane through the target, near it."""
    return View.looking_from(plane.toward_viewer, evidence.target_mm, CLOSE_MM, WIDTH, WIDTH)


@dataclass(frozen=True, eq=False)
class Outline:
    """Line pieces (s, 2, 3) in world mm, and how they are drawn."""

    lines_mm: NDArray[np.float64]
    color: str
    width: float

    def draw(self, canvas: Canvas, view: View, finer: float = 1.0) -> None:
        """Draw them, ``finer`` times as wide."""
        pieces = list(view.project(self.lines_mm)[..., :2])
        canvas.axes.add_collection(LineCollection(pieces, colors=self.color, linewidths=finer * self.width))


def outlines(evidence: Evidence, plane: Plane) -> list[Outline]:
    """The tissues' and the target's surfaces in the plane through the target."""
    position = float(evidence.target_mm[plane.across])
    target = section_lines(evidence.head.part(evidence.target_tets), plane.across, position)
    return [*tissue_outlines(evidence, plane, position), Outline(target, TARGET, 2.4)]


def tissue_outlines(evidence: Evidence, plane: Plane, position_mm: float) -> list[Outline]:
    """The tissues' surfaces in any plane across the same axis."""
    near = crossed(evidence.head, plane.across, position_mm)
    return [Outline(section_lines(near, plane.across, position_mm, t), c, w) for t, c, w in OUTLINES]


def outlined_picture(evidence: Evidence, plane: Plane, view: View, lines: list[Outline]) -> NDArray[np.uint8]:
    """Draw a plane of the image with outlines and letters.

    Parameters
    ----------
    evidence : Evidence
        With the image.
    plane : Plane
        For the letters at the edges.
    view : View
        Its centre says where the plane is.
    lines : list of Outline

    Returns
    -------
    (h, w, 3) uint8
    """
    canvas = _with_lines(evidence, view, lines, 1.0)
    letters(canvas, plane)
    return canvas.rgb()


def slice_picture(evidence: Evidence, plane: Plane, view: View, lines: list[Outline]) -> NDArray[np.uint8]:
    """Draw a plane of the image through the target, with cross hairs, the target's circle and a scale bar.

    Parameters
    ----------
    evidence : Evidence
        With the image and the target.
    plane : Plane
        For the letters at the edges.
    view : View
        :func:`whole_view` or :func:`close_view`.
    lines : list of Outline
        Of :func:`outlines`.

    Returns
    -------
    (h, w, 3) uint8
    """
    finer = 1.5 if view.mm_per_pixel * WIDTH <= CLOSE_MM else 1.0
    canvas = _with_lines(evidence, view, lines, finer)
    column, row, _ = view.project(evidence.target_mm)
    radius = evidence.plan.target.ring_mm / view.mm_per_pixel
    if evidence.plan.target.shape == "ball":
        canvas.axes.add_patch(
            Circle((column, row), radius, fill=False, edgecolor=TARGET, linewidth=1.6 * finer, linestyle=(0, (3, 2)))
        )
    for (x0, y0), (x1, y1) in (
        ((0, row), (column - 2.2 * radius, row)),
        ((column + 2.2 * radius, row), (view.width, row)),
        ((column, 0), (column, row - 2.2 * radius)),
        ((column, row + 2.2 * radius), (column, view.height)),
    ):
        if x1 > x0 or y1 > y0:
            for color, width in (("black", 2.4), ("white", 1.0)):
                canvas.axes.plot([x0, x1], [y0, y1], color=color, linewidth=width, alpha=0.75)
    patch = evidence.plan.target.patch
    if patch is not None and patch.by_warp_mm is not None:
        x, y, _ = view.project(np.array(patch.by_warp_mm))
        canvas.axes.plot([x], [y], marker="+", color=CHECK, markersize=11 * finer, markeredgewidth=1.8 * finer)
    letters(canvas, plane)
    scale_bar(canvas, view)
    return canvas.rgb()


def _with_lines(evidence: Evidence, view: View, lines: list[Outline], finer: float) -> Canvas:
    """The image in the plane of a view, with outlines."""
    canvas = Canvas(np.repeat(background(evidence, view)[..., None], 3, axis=2))
    for line in lines:
        line.draw(canvas, view, finer)
    return canvas


def shows_labels(evidence: Evidence) -> bool:
    """Whether the image behind the outlines is one of tissue labels: it has few values."""
    return len(np.unique(evidence.background[::4, ::4, ::4])) <= MOST_LABELS


def letters(canvas: Canvas, plane: Plane) -> None:
    """The plane's letters at the picture's edges."""
    canvas.edge_words(plane.letters, 30, (44, 30), ("white", "#c8d0d8"), halo="black")


def background(evidence: Evidence, view: View) -> NDArray[np.uint8]:
    """The image in the plane, in greys, (h, w) uint8."""
    columns, rows = np.meshgrid(np.arange(view.width) + 0.5, np.arange(view.height) + 0.5)
    x = (columns - view.width / 2) * view.mm_per_pixel
    y = (view.height / 2 - rows) * view.mm_per_pixel
    points = view.center_mm + x[..., None] * view.right + y[..., None] * view.up
    inverse = np.linalg.inv(evidence.background_affine_mm)
    voxels = points @ inverse[:3, :3].T + inverse[:3, 3]
    image = evidence.background
    order = 0 if shows_labels(evidence) else 1  # tissue labels must not be mixed
    values = map_coordinates(image, np.moveaxis(voxels, -1, 0), order=order, cval=0.0)
    if order == 0 and image.max() < len(LABEL_GREYS):
        return np.array(LABEL_GREYS, np.uint8)[np.round(np.nan_to_num(values)).astype(int)]
    seen = image[np.isfinite(image) & (image > 0)]
    top = float(np.percentile(seen[:: max(1, len(seen) // 200_000)], 99.5)) if len(seen) else 1.0
    return np.round(np.clip(np.nan_to_num(values) / max(top, 1e-30), 0, 1) * 255).astype(np.uint8)


def scale_bar(canvas: Canvas, view: View) -> None:
    """A bar of 10 or 50 mm in the lower right corner."""
    canvas.scale_bar(view, 50 if view.width * view.mm_per_pixel > CLOSE_MM else 10)
