"""Parts that several pictures of a plan share: the target's ring and word, and the strip with the compass."""

from __future__ import annotations

from matplotlib.patches import Circle

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


def target_label(canvas: Canvas, view: View, evidence: Evidence) -> None:
    """Write the word "target" at the upper edge, on the emptier side, with a line to the target."""
    point = view.project(evidence.target_mm)
    side = 0.84 if point[0] < view.width / 2 else 0.16
    canvas.leader(point, (view.width * side, 36), "target", TARGET, 29)
