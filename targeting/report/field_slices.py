"""The field over the image: |E| in white and grey matter on three planes through the target, its strong part opaque.

The colours are those of every other picture of the page.  Where the field is weak the image shows through, so that no
colour is laid over anatomy that the field hardly reaches; from :data:`OPAQUE_FROM` on a colour is the scale's own, not mixed
with the grey below it, and can be read from the bar.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from matplotlib.patheffects import withStroke
from numpy.typing import NDArray

from meshes import HeadMesh, Tissue
from meshes.rasterise import tets_on_grid
from targeting.fem.cortical_field import tissue_at_nodes
from targeting.report.evidence import Evidence
from targeting.report.slices import WIDTH, Outline, background, letters, scale_bar
from targeting.scene.colors import FADED_BELOW, field_colors
from targeting.scene.directions import Plane
from targeting.scene.raster.camera import View
from targeting.scene.raster.canvas import Canvas

BRAIN = (Tissue.WM, Tissue.GM)
SEEN_FROM, OPAQUE_FROM = 0.12, FADED_BELOW  # of the scale's end: below the first nothing is drawn
MARGIN_MM = 14.0
BORDER = "#2b2118"  # the brain's borders: seen on yellow and on red
THRESHOLD = "#19e3ff"  # no colour of the scale, of the outlines or of the target


def brain_view(evidence: Evidence, plane: Plane) -> View:
    """The plane through the target, framed on the brain; the three planes have one scale."""
    brain = evidence.head.points_mm[np.unique(evidence.head.boundary(BRAIN))]
    low, high = brain.min(0), brain.max(0)
    center = (low + high) / 2
    center[plane.across] = evidence.target_mm[plane.across]
    return View.looking_from(plane.toward_viewer, center, float((high - low).max()) + 2 * MARGIN_MM, WIDTH, WIDTH)


def strength_in_plane(evidence: Evidence, view: View) -> NDArray[np.float64]:
    """|E| in the plane of a view, V/m, (h, w); NaN outside white and grey matter.

    A first-order field is constant in a tetrahedron.  For the eye it is made continuous within a tissue: the volume-weighted
    mean at each node over the tetrahedra of that tissue, linear between nodes.  The step between white and grey matter, whose
    conductivities differ, stays.
    """
    head, strength = evidence.head, np.linalg.norm(evidence.e_v_per_m, axis=1)
    depth = (head.points_mm - view.center_mm) @ view.toward_viewer
    reach = depth[head.tets]
    values = np.full(view.height * view.width, np.nan)
    to_world = np.eye(4)
    to_world[:3, :3] = np.c_[view.right, -view.up, view.toward_viewer] * view.mm_per_pixel
    corner = np.array([0.5 - view.width / 2, 0.5 - view.height / 2, 0.0])
    to_world[:3, 3] = view.center_mm + to_world[:3, :3] @ corner
    points = _pixels(view, to_world)
    for tissue in BRAIN:
        at_node = tissue_at_nodes(head, strength, tissue)
        crossed = np.flatnonzero((head.tissue == tissue) & (reach.min(1) <= 0) & (reach.max(1) >= 0))
        if not len(crossed):
            continue
        cut = HeadMesh(head.points_mm, head.tets[crossed], head.tissue[crossed])
        owner = tets_on_grid(cut, to_world, (view.width, view.height, 1))[..., 0].T.ravel()
        inside = np.flatnonzero(owner >= 0)
        nodes = cut.tets[owner[inside]]
        values[inside] = (_shares(cut, owner[inside], points[inside]) * at_node[nodes]).sum(1)
    return values.reshape(view.height, view.width)


def field_picture(evidence: Evidence, plane: Plane, view: View, lines: list[Outline]) -> NDArray[np.uint8]:
    """Draw |E| over the image in the plane of a view, (h, w, 3) uint8.

    Parameters
    ----------
    evidence : Evidence
        With the image, the field, its scale, and the field at threshold if that is known.
    plane : Plane
        For the letters at the edges.
    view : View
        :func:`brain_view`.
    lines : list of Outline
        Of :func:`targeting.report.slices.outlines`; drawn are the brain's and the target's.
    """
    strength = strength_in_plane(evidence, view)
    grey = np.repeat(background(evidence, view)[..., None], 3, axis=2)
    colors = 255 * field_colors(strength.ravel(), "magnE", evidence.scale_end_v_per_m).reshape(grey.shape)
    opacity = opacity_of(strength, evidence.scale_end_v_per_m)[..., None]
    canvas = Canvas(np.round(opacity * colors + (1 - opacity) * grey).astype(np.uint8))
    *borders, target = (lines[0], lines[1], lines[-1])
    for each in borders:
        replace(each, color=BORDER, width=0.8).draw(canvas, view)
    level = evidence.threshold_v_per_m
    if level is not None and np.nanmax(strength, initial=0.0) > level:
        columns, rows = np.arange(view.width) + 0.5, np.arange(view.height) + 0.5
        contour = canvas.axes.contour(
            columns, rows, np.ma.masked_invalid(strength), levels=[level], colors=THRESHOLD, linewidths=2.2
        )
        contour.set_path_effects([withStroke(linewidth=4.0, foreground="black")])
    for each in (replace(target, color="white", width=4.4), target):
        each.draw(canvas, view)
    letters(canvas, plane)
    scale_bar(canvas, view)
    return canvas.rgb()


def opacity_of(strength_v_per_m: NDArray[np.floating], top_v_per_m: float) -> NDArray[np.float64]:
    """How much of the image |E| covers, 0 to 1, and 0 where there is no field.

    Examples
    --------
    >>> opacity_of(np.array([0.0, 0.12, 0.25, 1.0, np.nan]), 1.0).tolist()
    [0.0, 0.0, 1.0, 1.0, 0.0]
    """
    share = np.nan_to_num(np.asarray(strength_v_per_m, np.float64)) / max(top_v_per_m, 1e-30)
    return np.clip((share - SEEN_FROM) / (OPAQUE_FROM - SEEN_FROM), 0.0, 1.0)


def _pixels(view: View, to_world: NDArray[np.float64]) -> NDArray[np.float64]:
    """World mm of the pixels' middles, row by row, (h w, 3)."""
    columns, rows = np.meshgrid(np.arange(view.width), np.arange(view.height))
    index = np.stack([columns.ravel(), rows.ravel(), np.zeros(columns.size)], axis=1)
    return np.asarray(index @ to_world[:3, :3].T + to_world[:3, 3], np.float64)


def _shares(cut: HeadMesh, owner: NDArray[np.integer], points_mm: NDArray[np.float64]) -> NDArray[np.float64]:
    """Barycentric coordinates of points in their tetrahedra, (k, 4)."""
    corners = cut.points_mm[cut.tets]
    inverse = np.linalg.inv(np.moveaxis(corners[:, 1:] - corners[:, :1], 1, 2))
    rest = np.einsum("kij,kj->ki", inverse[owner], points_mm - corners[owner, 0])
    return np.concatenate([1 - rest.sum(1, keepdims=True), rest], axis=1)
