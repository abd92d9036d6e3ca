"""The head with the coil on it, at the best placement, from the target's side and from above."""

from __future__ import annotations

import numpy as np
from matplotlib.colors import to_rgb
from numpy.typing import NDArray

from targeting.report import picture
from targeting.report.evidence import TmsEvidence
from targeting.scene.colors import COIL, INK, SKIN
from targeting.scene.raster.camera import View
from targeting.scene.raster.canvas import Canvas
from targeting.scene.raster.surface import compose, render

WIDTH, HEIGHT = 900, 770
CASING_OPACITY = 0.62  # the head shows through
HANDLE_MM = 95.0  # from the coil's centre to the tip of the arrow along the handle


def coil_picture(
    evidence: TmsEvidence, toward_viewer: NDArray[np.float64] | tuple[float, float, float]
) -> NDArray[np.uint8]:
    """Scalp, coil and target seen from one direction, (h, w, 3) uint8."""
    casing = evidence.casing_surface()
    pose = evidence.pose
    tip = pose.center_mm - HANDLE_MM * pose.away_from_handle_mm
    toward = np.asarray(toward_viewer, dtype=np.float64)
    seen = np.vstack([evidence.scalp.points_mm, casing.points_mm, tip])
    view = View.holding(seen, toward, (WIDTH, HEIGHT), margin_mm=10.0)

    skin = render(evidence.scalp, np.broadcast_to(to_rgb(SKIN), evidence.scalp.points_mm.shape), view)
    plastic = render(casing, np.broadcast_to(to_rgb(COIL), casing.points_mm.shape), view, gloss=0.25)
    canvas = Canvas(compose(view, (skin, 1.0), (plastic, CASING_OPACITY)), picture.STRIP)

    picture.target_ring(canvas, view, evidence, hidden_mm=evidence.depth_mm)
    center, end = view.project(pose.center_mm), view.project(tip)
    if np.hypot(*(end - center)[:2]) > 30:
        canvas.arrow(center, end, INK)
        past = (end - center)[:2] / np.hypot(*(end - center)[:2])
        canvas.words(end[:2] + np.array([66, 30]) * past, "handle", 28, INK, weight="bold")
    canvas.axes.plot([center[0]], [center[1]], marker="o", color=INK, markersize=8, markeredgecolor="white")

    picture.target_label(canvas, view, evidence)
    picture.compass(canvas, view)
    return canvas.rgb()


def side_direction(evidence: TmsEvidence) -> tuple[float, float, float]:
    """Toward a viewer who stands on the target's side."""
    return (-1.0, 0.0, 0.0) if evidence.target_mm[0] < 0 else (1.0, 0.0, 0.0)


ABOVE = (0.0, 0.0, 1.0)
