"""The cortex coloured by the field: its strength, its direction in the target, its component along the normal.

It is shown on the mid-cortical surface; without one, on the outside of the brain.
"""

from __future__ import annotations

import numpy as np
from matplotlib import colormaps
from numpy.typing import NDArray

from meshes import Tissue
from targeting.report import picture
from targeting.report.evidence import HeadEvidence
from targeting.scene.raster.camera import View
from targeting.scene.raster.canvas import INK, Canvas
from targeting.scene.raster.surface import SUPERSAMPLING, Layer, compose, render

WIDTH, HEIGHT = 900, 770
CLOSE_UP_MM = 80.0
ARROW_MM = 26.0
COLORS = "YlOrRd"
UNIT = "|E| in V/m"
NORMAL_COLORS = "RdBu_r"
NORMAL_UNIT = "E into the cortex, V/m"
TOP_PERCENTILE = 99.97  # of grey matter's volume: single elements must not set the scale


def top_of_scale(evidence: HeadEvidence) -> float:
    """|E| at the end of the colour bar, V/m: exceeded by 0.03 % of the grey matter's volume."""
    grey = np.flatnonzero(evidence.head.tissue == Tissue.GM)
    strength = np.linalg.norm(evidence.e_v_per_m[grey], axis=1)
    order = np.argsort(strength)
    share = np.cumsum(evidence.head.volumes_mm3[grey][order])
    top = strength[order][np.searchsorted(share, TOP_PERCENTILE / 100 * share[-1]).clip(max=len(order) - 1)]
    return max(float(top), 1e-30)


def overview_picture(evidence: HeadEvidence) -> NDArray[np.uint8]:
    """The whole cortex, seen from over the target, (h, w, 3) uint8."""
    view = picture.frame_of(evidence.cortex.points_mm, picture.outward(evidence), WIDTH, HEIGHT, margin=12.0)
    canvas, hidden = _cortex(evidence, view)
    picture.target_ring(canvas, view, evidence, hidden)
    picture.target_label(canvas, view, evidence)
    _peak(canvas, view, evidence)
    picture.letters(canvas, view)
    picture.color_bar(canvas, top_of_scale(evidence), COLORS, f"{UNIT} {evidence.conditions}")
    return canvas.rgb()


def close_up_picture(evidence: HeadEvidence) -> NDArray[np.uint8]:
    """The cortex round the target with the mean field vector in it, (h, w, 3) uint8."""
    view = View.looking_from(picture.outward(evidence), evidence.target_mm, CLOSE_UP_MM, WIDTH, HEIGHT)
    canvas, hidden = _cortex(evidence, view)
    picture.target_ring(canvas, view, evidence, hidden)
    direction = evidence.target_e_v_per_m / max(float(np.linalg.norm(evidence.target_e_v_per_m)), 1e-30)
    tail, tip = (view.project(evidence.target_mm + sign * ARROW_MM / 2 * direction) for sign in (-1, 1))
    if np.hypot(*(tip - tail)[:2]) > 20:
        canvas.arrow(tail, tip, INK, 11)
    picture.letters(canvas, view)
    picture.color_bar(canvas, top_of_scale(evidence), COLORS, f"{UNIT} {evidence.conditions}")
    length = 20 / view.mm_per_pixel
    canvas.axes.plot([30, 30 + length], [34, 34], color=INK, linewidth=4, solid_capstyle="butt")
    canvas.words((30 + length / 2, 60), "20 mm", 26)
    return canvas.rgb()


def normal_picture(evidence: HeadEvidence) -> NDArray[np.uint8] | None:
    """The same view as the close-up, coloured by E along the inward normal, (h, w, 3) uint8; None without a mid-surface."""
    if evidence.on_cortex is None:
        return None
    view = View.looking_from(picture.outward(evidence), evidence.target_mm, CLOSE_UP_MM, WIDTH, HEIGHT)
    top = top_of_scale(evidence)
    share = np.nan_to_num(evidence.on_cortex.normal_v_per_m) / top
    scale = colormaps[NORMAL_COLORS](np.clip(0.5 + share / 2, 0, 1))[:, :3]
    canvas, hidden = _painted(evidence, view, scale, np.abs(share))
    picture.target_ring(canvas, view, evidence, hidden)
    picture.letters(canvas, view)
    picture.color_bar(canvas, top, NORMAL_COLORS, f"{NORMAL_UNIT} {evidence.conditions}", bottom=-top)
    return canvas.rgb()


def _peak(canvas: Canvas, view: View, evidence: HeadEvidence) -> None:
    """Where |E| is largest in grey matter, unless that is in the target."""
    if evidence.peak_in_target:
        return
    at = view.project(evidence.peak_mm)
    side = 0.84 if at[0] > view.width / 2 else 0.16
    canvas.leader(at, (view.width * side, view.height - 30), "peak", INK, 29)
    canvas.axes.plot([at[0]], [at[1]], marker="D", color=INK, markersize=9, markeredgecolor="white")


def target_under_surface_mm(evidence: HeadEvidence) -> float:
    """How far under the cortex that the pictures show the target's centre lies, seen from over the target."""
    view = View.looking_from(picture.outward(evidence), evidence.target_mm, CLOSE_UP_MM, 64, 64)
    return _hidden_mm(render(evidence.cortex, np.ones((len(evidence.cortex.points_mm), 3)), view), evidence, view)


def _cortex(evidence: HeadEvidence, view: View) -> tuple[Canvas, float]:
    """The coloured surface on a canvas, and how far under it the target's centre lies, mm."""
    strength = np.nan_to_num(evidence.cortex_e_v_per_m) / top_of_scale(evidence)
    return _painted(evidence, view, colormaps[COLORS](np.clip(strength, 0, 1))[:, :3], strength)


def _painted(
    evidence: HeadEvidence, view: View, scale: NDArray[np.float64], strength: NDArray[np.float64]
) -> tuple[Canvas, float]:
    """The surface in the colours of a scale, (n, 3), where the field is strong; and how far under it the target lies, mm."""
    # weak fields fade into the colour of the cortex, so that the eye goes to the strong ones
    fade = np.clip(strength / 0.25, 0, 1)[:, None]
    layer = render(evidence.cortex, fade * scale + (1 - fade) * picture.GREY_MATTER, view, crevices=True)
    hidden = _hidden_mm(layer, evidence, view) - evidence.plan.target.ring_mm
    return Canvas(compose(view, (layer, 1.0)), picture.STRIP), hidden


def _hidden_mm(layer: Layer, evidence: HeadEvidence, view: View) -> float:
    column, row, depth = view.finer(SUPERSAMPLING).project(evidence.target_mm)
    rows, columns = layer.depth_mm.shape
    surface = layer.depth_mm[int(np.clip(row, 0, rows - 1)), int(np.clip(column, 0, columns - 1))]
    return float(surface - depth) if np.isfinite(surface) else 0.0
