"""What the pictures in space have in common: the target's ring, the coil's handle, and which way is front."""

from __future__ import annotations

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.patches import Circle
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from targeting.report.evidence import HeadEvidence
from targeting.scene.raster.camera import View
from targeting.scene.raster.canvas import INK, MARK, QUIET, Canvas

STRIP = 130  # pixels under a picture, for its letters and colour bar
SKIN = np.array([0.93, 0.89, 0.85])
GREY_MATTER = np.array([0.92, 0.91, 0.90])

# world axis ends and their letters
ENDS = (
    ("R", (1, 0, 0)),
    ("L", (-1, 0, 0)),
    ("A", (0, 1, 0)),
    ("P", (0, -1, 0)),
    ("S", (0, 0, 1)),
    ("I", (0, 0, -1)),
)


def letters(canvas: Canvas, view: View) -> None:
    """A small cross in the strip's left end: which way is left, right, front, back, up, down."""
    size = 0.24 * canvas.strip
    middle = np.array([size + 42, canvas.height - canvas.strip / 2])
    ends = [(letter, np.array([np.dot(end, view.right), -np.dot(end, view.up)])) for letter, end in ENDS]
    taken: list[NDArray[np.float64]] = []
    for letter, direction in sorted(ends, key=lambda end: -np.linalg.norm(end[1])):
        length = np.linalg.norm(direction)
        # what points at the viewer says little, and letters must not lie on one another
        if length < 0.35 or any(np.linalg.norm(size * direction - other) < 26 for other in taken):
            continue
        taken.append(size * direction)
        tip = middle + size * direction
        canvas.axes.plot([middle[0], tip[0]], [middle[1], tip[1]], color=QUIET, linewidth=1.6)
        big = letter in "LR"
        canvas.words(tip + 16 * direction / length, letter, 30 if big else 25, INK if big else QUIET, weight="bold")


def target_ring(canvas: Canvas, view: View, evidence: HeadEvidence, hidden_mm: float) -> None:
    """The target's outline as seen from here: full where it shows, dashed where it lies under what is drawn."""
    column, row, _ = view.project(evidence.target_mm)
    radius = max(evidence.plan.target.ring_mm / view.mm_per_pixel, 6.0)
    style = "solid" if hidden_mm <= 0 else (0, (3, 2))
    for color, width in (("white", 5.0), (MARK, 2.6)):
        canvas.axes.add_patch(
            Circle((column, row), radius, fill=False, edgecolor=color, linewidth=width, linestyle=style)
        )
    canvas.axes.plot([column], [row], marker="+", color=MARK, markersize=9, markeredgewidth=2)


def target_label(canvas: Canvas, view: View, evidence: HeadEvidence) -> None:
    """The word "target" at the upper edge, on the emptier side, with a line to the target."""
    point = view.project(evidence.target_mm)
    side = 0.84 if point[0] < view.width / 2 else 0.16
    canvas.leader(point, (view.width * side, 36), "target", MARK, 29)


def outward(evidence: HeadEvidence) -> NDArray[np.float64]:
    """The direction that the field is looked at from: out of the head."""
    return evidence.outward


def frame_of(
    points_mm: NDArray[np.float64], toward: NDArray[np.float64], width: int, height: int, margin: float
) -> View:
    """The view from a direction that holds all points, with a margin in mm."""
    probe = View.looking_from(toward, (0, 0, 0), 1.0, 1, 1)
    across, along = points_mm @ probe.right, points_mm @ probe.up
    center = (
        probe.right * (across.min() + across.max()) / 2
        + probe.up * (along.min() + along.max()) / 2
        + probe.toward_viewer * (points_mm @ probe.toward_viewer).mean()
    )
    span = max(np.ptp(across) + 2 * margin, (np.ptp(along) + 2 * margin) * width / height)
    return View.looking_from(toward, center, float(span), width, height)


def color_bar(canvas: Canvas, top: float, colors: str, text: str, bottom: float = 0.0) -> None:
    """A colour bar with its unit, in the strip's right end."""
    width, height = 0.5 * canvas.width, 22
    left, upper = canvas.width - width - 40, canvas.height - canvas.strip + 58
    box = (left / canvas.width, 1 - (upper + height) / canvas.height, width / canvas.width, height / canvas.height)
    bar = canvas.figure.colorbar(
        ScalarMappable(Normalize(bottom, top), colors), cax=canvas.figure.add_axes(box), orientation="horizontal"
    )
    bar.set_ticks(MaxNLocator(4, steps=[1, 2, 2.5, 5, 10]))
    bar.ax.tick_params(labelsize=17, colors=INK, length=4)
    bar.outline.set_linewidth(0.6)  # type: ignore[operator,unused-ignore]
    canvas.words((left + width / 2, upper - 24), text, 26)
