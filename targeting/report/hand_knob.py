"""The hand knob as staff know it: the omega of the central sulcus on an axial slice, and the target beside it."""

from __future__ import annotations

import numpy as np
from matplotlib.collections import LineCollection
from numpy.typing import NDArray

from atlases.areas import names_at_vertices
from atlases.hand_knob import SULCUS
from atlases.targets import HEMISPHERES
from targeting.aim_certainty.record import PlanKnob
from targeting.report.evidence import Evidence
from targeting.report.figures import Figure
from targeting.report.slices import WIDTH, background, letters, scale_bar
from targeting.scene.colors import TARGET
from targeting.scene.directions import PLANES
from targeting.scene.raster.camera import View
from targeting.scene.raster.canvas import Canvas
from targeting.scene.raster.sections import level_lines
from targeting.words.numbers import number

WIDE_MM = 70.0
AROUND_MM = 22.0  # of the sulcus to either side of the knob
UP_MM = 7.0  # above the floor of the sulcus, where the walls show the bend
OMEGA, CORTEX = "#ffd166", "#9fb3c8"
NEAR_MM = 4.0  # a target's centre so far off the slice is said to lie off it


def knob_figures(evidence: Evidence) -> list[Figure]:
    """The slice through the knob; nothing where no knob was found or no folds are known."""
    certainty, field = evidence.plan.aim_certainty, evidence.on_cortex
    if certainty is None or certainty.knob is None or field is None:
        return []
    return [_figure(evidence, certainty.knob)]


def _figure(evidence: Evidence, knob: PlanKnob) -> Figure:
    target = evidence.plan.target
    z = knob.knob_mm[2] + UP_MM
    off = evidence.target_mm[2] - z
    where = (
        "in this slice"
        if abs(off) < NEAR_MM
        else f"{number(abs(off), 0)} mm {'above' if off > 0 else 'below'} this slice"
    )
    caption = (
        f"z = {number(z)} mm, {WIDE_MM:.0f} mm wide, seen from above: left (L) on the left. Yellow: the central sulcus at "
        "the hand knob, where the gyrus in front of it bulges backwards like an omega; the pink cross is the target’s centre, "
        f"{where}."
    )
    alt = (
        f"Axial slice at z = {number(z)} mm through the hand knob on the {target.side}: a yellow line outlines the two walls "
        f"of the central sulcus, which bend backwards like an omega; a pink cross marks the target, "
        f"{number(knob.away_mm)} mm from the bend on the floor of the sulcus."
    )
    return Figure(knob_picture(evidence, knob), "The hand knob", caption, alt)


def knob_picture(evidence: Evidence, knob: PlanKnob) -> NDArray[np.uint8]:
    """The axial slice above the knob's floor with the omega outlined and the target marked, (h, w, 3) uint8."""
    plane = next(each for each in PLANES if each.name == "axial")
    center = np.array([*knob.knob_mm[:2], knob.knob_mm[2] + UP_MM])
    view = View.looking_from(plane.toward_viewer, center, WIDE_MM, WIDTH, WIDTH)
    canvas = Canvas(np.repeat(background(evidence, view)[..., None], 3, axis=2))
    omega, rest = _walls(evidence, center)
    for lines, color, width in ((rest, CORTEX, 1.0), (omega, OMEGA, 4.0)):
        canvas.axes.add_collection(LineCollection(list(view.project(lines)[..., :2]), colors=color, linewidths=width))
    column, row, _ = view.project(evidence.target_mm)
    for color, width in (("black", 6.0), (TARGET, 3.5)):
        canvas.axes.plot([column], [row], marker="x", color=color, markersize=20, markeredgewidth=width)
    bend = view.project(center)
    out = -1.0 if evidence.plan.target.side == "left" else 1.0
    canvas.leader(bend[:2], (float(bend[0] - out * 150), float(bend[1] + 170)), "hand knob", OMEGA, 26)
    canvas.leader(np.array([column, row]), (float(column + out * 90), float(row - 120)), "target", TARGET, 26)
    letters(canvas, plane)
    scale_bar(canvas, view)
    return canvas.rgb()


def _walls(evidence: Evidence, center_mm: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Where the mid-cortical surface meets the slice, (s, 2, 3): the central sulcus near the knob, and the rest."""
    assert evidence.on_cortex is not None
    cortex, hemisphere = evidence.on_cortex.cortex, HEMISPHERES[evidence.plan.target.side]
    surface = cortex.hemispheres[hemisphere]
    sulcus = np.isin(names_at_vertices(cortex.folds[hemisphere], hemisphere), SULCUS)
    near = np.linalg.norm(surface.points_mm[:, :2] - center_mm[:2], axis=1) <= AROUND_MM
    chosen = (sulcus & near)[surface.triangles].all(1)
    cut = [
        level_lines(surface.points_mm, surface.triangles[which], surface.points_mm[:, 2], center_mm[2])
        for which in (chosen, ~chosen)
    ]
    return cut[0], cut[1]
