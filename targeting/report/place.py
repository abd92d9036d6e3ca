"""The scalp with the point the coil's centre goes to, among the positions of the 10-20 system."""

from __future__ import annotations

import numpy as np
from matplotlib.colors import to_rgb
from numpy.typing import NDArray

from targeting.report.evidence import TmsEvidence
from targeting.scene.colors import COIL, INK, QUIET, SKIN
from targeting.scene.directions import PLAIN, edge_letters
from targeting.scene.raster.camera import View
from targeting.scene.raster.canvas import Canvas
from targeting.scene.raster.surface import compose, render

WIDTH, HEIGHT = 620, 620
TEN_TWENTY = (
    "Fpz", "Fp1", "Fp2", "F7", "F3", "Fz", "F4", "F8", "T7", "C3", "Cz", "C4", "T8", "P7", "P3", "Pz", "P4", "P8",
    "O1", "Oz", "O2",
)  # fmt: skip
FROM_ABOVE = 0.45  # a point whose scalp faces up by more than this is shown from above
ABOVE = (0.0, 0.0, 1.0)
SIDES = {
    "the left": (-1.0, 0.0, 0.0),
    "the right": (1.0, 0.0, 0.0),
    "the front": (0.0, 1.0, 0.0),
    "behind": (0.0, -1.0, 0.0),
}


def seen_from(evidence: TmsEvidence) -> tuple[str, tuple[float, float, float]]:
    """The side that shows the point best, in words, and the direction toward its viewer."""
    facing = evidence.outward
    if facing[2] > FROM_ABOVE:
        return "above", ABOVE
    return max(SIDES.items(), key=lambda side: float(np.dot(side[1], facing)))


def place_picture(evidence: TmsEvidence) -> NDArray[np.uint8]:
    """The scalp, 10-20 positions and the point, (h, w, 3) uint8."""
    _, toward = seen_from(evidence)
    view = View.holding(evidence.scalp.points_mm, toward, (WIDTH, HEIGHT), margin_mm=22.0)
    skin = render(evidence.scalp, np.broadcast_to(to_rgb(SKIN), evidence.scalp.points_mm.shape), view)
    canvas = Canvas(compose(view, (skin, 1.0)))
    at = view.project(evidence.best.scalp_mm)
    if evidence.positions is not None:
        for name in TEN_TWENTY:
            point = evidence.positions.point_mm(name)
            spot = view.project(point)
            if skin.shows(view, point):
                canvas.axes.plot([spot[0]], [spot[1]], marker="o", color=QUIET, markersize=5)
                if np.hypot(*(spot - at)[:2]) > 30:
                    canvas.words(spot[:2] + np.array([0, 20]), name, 21, QUIET)
    tip = view.project(np.array(evidence.best.scalp_mm) - 42.0 * evidence.pose.away_from_handle_mm)
    if np.hypot(*(tip - at)[:2]) > 25:
        canvas.axes.plot([at[0], tip[0]], [at[1], tip[1]], color=COIL, linewidth=7, alpha=0.75, solid_capstyle="round")
    canvas.axes.plot([at[0]], [at[1]], marker="o", color="white", markersize=20)
    canvas.axes.plot([at[0]], [at[1]], marker="o", color=COIL, markersize=16)
    canvas.axes.plot([at[0]], [at[1]], marker="+", color="white", markersize=12, markeredgewidth=2.5)
    words = [PLAIN.get(edge[0], edge[0]) for edge in edge_letters(view.toward_viewer, view.up)]
    canvas.edge_words(words, 22, (40, 24), (INK, QUIET))
    return canvas.rgb()
