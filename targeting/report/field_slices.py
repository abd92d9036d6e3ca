"""The field over the image: |E| in white and grey matter on three planes through the target, its strong part opaque.

The colours are those of every other picture of the page (:mod:`targeting.scene.brain_field`).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.patheffects import withStroke
from numpy.typing import NDArray

from targeting.report.evidence import Evidence
from targeting.report.slices import WIDTH, Outline, background, letters, scale_bar
from targeting.scene.brain_field import BRAIN, THRESHOLD, contour, laid_over
from targeting.scene.directions import Plane
from targeting.scene.raster.camera import View
from targeting.scene.raster.canvas import Canvas

MARGIN_MM = 14.0
BORDER = "#2b2118"  # the brain's borders: seen on yellow and on red


def brain_view(evidence: Evidence, plane: Plane) -> View:
    """The plane through the target, framed on the brain; the three planes have one scale."""
    brain = evidence.head.points_mm[np.unique(evidence.head.boundary(BRAIN))]
    low, high = brain.min(0), brain.max(0)
    center = (low + high) / 2
    center[plane.across] = evidence.target_mm[plane.across]
    return View.looking_from(plane.toward_viewer, center, float((high - low).max()) + 2 * MARGIN_MM, WIDTH, WIDTH)


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
    strength = evidence.brain_field.in_plane(view)
    canvas = Canvas(laid_over(background(evidence, view), strength, evidence.scale_end_v_per_m))
    *borders, target = (lines[0], lines[1], lines[-1])
    for each in borders:
        replace(each, color=BORDER, width=0.8).draw(canvas, view)
    line = LineCollection(contour(strength, evidence.threshold_v_per_m), colors=THRESHOLD, linewidths=2.2)
    line.set_path_effects([withStroke(linewidth=4.0, foreground="black")])
    canvas.axes.add_collection(line)
    for each in (replace(target, color="white", width=4.4), target):
        each.draw(canvas, view)
    letters(canvas, plane)
    scale_bar(canvas, view)
    return canvas.rgb()
