"""Parts that several pictures of a plan share: the target's ring and word, and the strip with the compass."""

from __future__ import annotations

import numpy as np
from matplotlib.patches import Circle
from numpy.typing import NDArray

from targeting.report.evidence import Evidence
from targeting.scene.colors import TARGET
from targeting.scene.raster.camera import View
from targeting.scene.raster.canvas import Canvas

STRIP = 130  # pixels under a picture, for its compass and colour bar
COMPASS = 46.0  # its radius, pixels


def compass(canvas: Canvas, view: View) -> None:
    """Draw a compass (left, right, front, back, up, down) at the left end of the strip."""
    canvas.compass(view, (COMPASS + 26, canvas.height - canvas.strip / 2), COMPASS)


def target_ring(canvas: Canvas, view: View, evidence: Evidence, hidden_mm: float) -> None:
    """Draw the target's outline: a full line where it is visible, a dashed one where it lies under what is drawn.

    Parameters
    ----------
    canvas : Canvas
    view : View
        Of the picture on the canvas.
    evidence : Evidence
        Whose target it is.
    hidden_mm : float
        How deep the target lies under the drawn surface, mm; 0 or less: it is visible.
    """
    column, row, _ = view.project(evidence.target_mm)
    radius = max(evidence.plan.target.ring_mm / view.mm_per_pixel, 6.0)
    style = "solid" if hidden_mm <= 0 else (0, (3, 2))
    for color, width in (("white", 5.0), (TARGET, 2.6)):
        canvas.axes.add_patch(
            Circle((column, row), radius, fill=False, edgecolor=color, linewidth=width, linestyle=style)
        )
    canvas.axes.plot([column], [row], marker="+", color=TARGET, markersize=9, markeredgewidth=2)


def target_beside(canvas: Canvas, view: View, evidence: Evidence, clear_of: NDArray[np.float64]) -> None:
    """Write the word "target" right beside the ring, on the side that is away from a point of the picture.

    Parameters
    ----------
    canvas : Canvas
    view : View
    evidence : Evidence
        Whose target it is.
    clear_of : (2,) float
        Pixels.
    """
    radius = max(evidence.plan.target.ring_mm / view.mm_per_pixel, 6.0)
    word_beside(canvas, view, view.project(evidence.target_mm)[:2], "target", TARGET, radius, clear_of)


def word_beside(
    canvas: Canvas,
    view: View,
    point: NDArray[np.float64],
    text: str,
    color: str,
    radius: float,
    clear_of: NDArray[np.float64],
) -> None:
    """Write a word beside a mark, away from another point: no line is needed that could cross something.

    Parameters
    ----------
    canvas : Canvas
    view : View
    point : (2,) float
        The mark, pixels.
    text, color : str
    radius : float
        Of the mark, pixels.
    clear_of : (2,) float
        Pixels; the word goes to the other side.
    """
    away = point - np.asarray(clear_of, np.float64)[:2]
    away = away / max(float(np.hypot(*away)), 1e-9)
    at = point + away * (np.array([8.0 * len(text) + 12.0, 28.0]) + radius)
    canvas.words(np.clip(at, [60, 24], [view.width - 60, view.height - 70]), text, 29, color, weight="bold")
