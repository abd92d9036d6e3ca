"""The cortex coloured by the field: its strength, its direction in the target, its component along the normal.

It is shown on the mid-cortical surface; without one, on the outside of the brain.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from targeting.report import picture
from targeting.report.evidence import Evidence
from targeting.scene.colors import INK, WORDS, color_scale, field_colors, limits, strength
from targeting.scene.directions import is_behind
from targeting.scene.raster.camera import View
from targeting.scene.raster.canvas import Canvas
from targeting.scene.raster.surface import DepthImage, compose, render

WIDTH, HEIGHT = 900, 770
CLOSE_UP_MM = 80.0
ARROW_MM = 26.0


def overview_picture(evidence: Evidence) -> NDArray[np.uint8]:
    """The whole cortex, seen from over the target, (h, w, 3) uint8."""
    view = View.holding(evidence.cortex.points_mm, evidence.outward, (WIDTH, HEIGHT), margin_mm=12.0)
    canvas, hidden = _cortex(evidence, view, "magnE", evidence.cortex_e_v_per_m)
    picture.target_ring(canvas, view, evidence, hidden)
    target = view.project(evidence.target_mm)[:2]
    peak = view.project(evidence.peak_mm)[:2] if peak_shown(evidence) else target - np.array([1.0, 0.0])
    if peak_shown(evidence):
        canvas.axes.plot([peak[0]], [peak[1]], marker="D", color=INK, markersize=9, markeredgecolor="white")
        picture.word_beside(canvas, view, peak, "peak", INK, 9, target)
    picture.target_beside(canvas, view, evidence, peak)
    canvas.scale_bar(view, 50)
    picture.compass(canvas, view)
    _bar(canvas, evidence, "magnE")
    return canvas.rgb()


def close_up_picture(evidence: Evidence) -> NDArray[np.uint8]:
    """The cortex round the target with the mean field vector in it, (h, w, 3) uint8."""
    view = View.looking_from(evidence.outward, evidence.target_mm, CLOSE_UP_MM, WIDTH, HEIGHT)
    canvas, hidden = _cortex(evidence, view, "magnE", evidence.cortex_e_v_per_m)
    picture.target_ring(canvas, view, evidence, hidden)
    direction = evidence.target_e_v_per_m / max(float(np.linalg.norm(evidence.target_e_v_per_m)), 1e-30)
    tail, tip = (view.project(evidence.target_mm + sign * ARROW_MM / 2 * direction) for sign in (-1, 1))
    if np.hypot(*(tip - tail)[:2]) > 20:
        canvas.arrow(tail, tip, INK, 11)
    picture.compass(canvas, view)
    _bar(canvas, evidence, "magnE")
    canvas.scale_bar(view, 20)
    return canvas.rgb()


def normal_picture(evidence: Evidence) -> NDArray[np.uint8] | None:
    """The same view as the close-up, coloured by E along the inward normal, (h, w, 3) uint8; None without a mid-surface."""
    if evidence.on_cortex is None:
        return None
    view = View.looking_from(evidence.outward, evidence.target_mm, CLOSE_UP_MM, WIDTH, HEIGHT)
    canvas, hidden = _cortex(evidence, view, "normalE", evidence.on_cortex.normal_v_per_m)
    picture.target_ring(canvas, view, evidence, hidden)
    canvas.scale_bar(view, 20)
    picture.compass(canvas, view)
    _bar(canvas, evidence, "normalE")
    return canvas.rgb()


def peak_shown(evidence: Evidence) -> bool:
    """Whether the place of the largest |E| is marked: it is not the target's, and not on the far side of the head."""
    middle = evidence.cortex.points_mm.mean(axis=0)
    return not evidence.peak_in_target and not is_behind(evidence.peak_mm, middle, evidence.outward)


def target_under_surface_mm(evidence: Evidence) -> float:
    """How far under the cortex that the pictures show the target's centre lies, seen from over the target."""
    view = View.looking_from(evidence.outward, evidence.target_mm, CLOSE_UP_MM, 64, 64)
    return _hidden_mm(render(evidence.cortex, np.ones((len(evidence.cortex.points_mm), 3)), view), evidence, view)


def _cortex(evidence: Evidence, view: View, scalars: str, values_v_per_m: NDArray[np.floating]) -> tuple[Canvas, float]:
    """The cortex in a field's colours on a canvas, and how far under it the target's ring lies, mm."""
    colors = field_colors(values_v_per_m, scalars, evidence.scale_end_v_per_m)
    kept = strength(values_v_per_m, evidence.scale_end_v_per_m)
    seen = render(evidence.cortex, colors, view, crevices=True, kept=kept)
    hidden = _hidden_mm(seen, evidence, view) - evidence.plan.target.ring_mm
    return Canvas(compose(view, (seen, 1.0)), picture.STRIP), hidden


def _bar(canvas: Canvas, evidence: Evidence, scalars: str) -> None:
    low, high = limits(scalars, evidence.scale_end_v_per_m)
    words = f"{WORDS[scalars]} in V/m {evidence.conditions}"
    canvas.color_bar(low, high, color_scale(scalars), words, ticks=(low, (low + high) / 2, high))


def _hidden_mm(depth_image: DepthImage, evidence: Evidence, view: View) -> float:
    above = depth_image.above_mm(view, evidence.target_mm)
    return above if np.isfinite(above) else 0.0
