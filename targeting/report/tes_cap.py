"""The head with its electrodes and their currents, from as many sides as it takes to see all of them.

Anodes (current into the head) are red, cathodes blue, the more saturated the larger the current.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.colors import to_rgb
from numpy.typing import NDArray

from targeting.plans.tes_words import electrode_words
from targeting.report import picture
from targeting.report.evidence import TesEvidence
from targeting.scene.colors import ANODE, CATHODE, INK, SKIN
from targeting.scene.raster.camera import View
from targeting.scene.raster.canvas import Canvas
from targeting.scene.raster.surface import DepthImage, compose, render

WIDTH, HEIGHT = 900, 770
PALEST = 0.35  # of the colour that the smallest current keeps
SEEN = 0.5  # an electrode is seen where it faces the viewer by more than this (cosine)
FAR_SIDE = -0.3  # a target whose nearest scalp faces away from the viewer by more than this is not drawn
CLEAR_PIXELS = 110.0
BESIDE_PIXELS = 14.0  # from an electrode's edge to its words, outward in the picture
WORD_SIZE, LETTER_PIXELS, LINE_PIXELS = 27, 20.0, 40.0  # of the words at electrodes, with some space round them


@dataclass(frozen=True)
class Side:
    """A side to look from."""

    name: str
    toward_viewer: tuple[float, float, float]


ABOVE = Side("above", (0.0, 0.0, 1.0))
SIDES = (
    Side("the left", (-1.0, 0.0, 0.0)),
    Side("the right", (1.0, 0.0, 0.0)),
    Side("the front", (0.0, 1.0, 0.0)),
    Side("behind", (0.0, -1.0, 0.0)),
)


def sides(evidence: TesEvidence) -> list[Side]:
    """From above, and from the sides that it takes to see every electrode, first the side that the most of them face."""
    chosen = [ABOVE]
    hidden = {name for name, facing in evidence.facing.items() if facing[2] <= SEEN}
    while True:
        best = max(
            SIDES, key=lambda side: sum(_facing(evidence, name, side) for name in _seen(evidence, side) & hidden)
        )
        found = _seen(evidence, best) & hidden
        if not found:
            break
        chosen.append(best)
        hidden -= found
    if len(chosen) == 1:  # all on top: the target's side shows how far down they reach
        chosen.append(SIDES[0] if evidence.target_mm[0] < 0 else SIDES[1])
    return chosen


def cap_picture(evidence: TesEvidence, side: Side) -> NDArray[np.uint8]:
    """Scalp and electrodes with their names and currents, seen from one side, (h, w, 3) uint8."""
    view = View.holding(evidence.scalp.points_mm, side.toward_viewer, (WIDTH, HEIGHT), margin_mm=30.0)
    skin = render(evidence.scalp, np.broadcast_to(to_rgb(SKIN), evidence.scalp.points_mm.shape), view)
    layers: list[tuple[DepthImage, float]] = [(skin, 1.0)]
    most = max(abs(each.current_ma) for each in evidence.plan.montage)
    for each in evidence.plan.montage:
        patch = evidence.patch(each.name)
        color = electrode_color(each.current_ma, most)
        layers.append((render(patch, np.broadcast_to(color, patch.points_mm.shape), view), 0.92))
    canvas = Canvas(compose(view, *layers), picture.STRIP)
    if shows_target(evidence, side):
        picture.target_ring(canvas, view, evidence, hidden_mm=evidence.depth_mm)
    middle, ring = np.array([view.width, view.height]) / 2, view.project(evidence.target_mm)[:2]
    shown = [
        each
        for each in evidence.plan.montage
        if each.name in _seen(evidence, side) or skin.shows(view, np.array(each.scalp_mm))
    ]
    words = [electrode_words(each.name, each.current_ma) for each in shown]
    widths = LETTER_PIXELS * np.array([len(text) for text in words])
    stations = []
    for each, width in zip(shown, widths, strict=True):
        at = view.project(each.scalp_mm)[:2]
        out = at - middle
        out = out / max(float(np.linalg.norm(out)), 1.0)
        corners = np.array([view.project(corner)[:2] for corner in evidence.patch(each.name).points_mm]) - at
        half = np.array([width, LINE_PIXELS]) / 2
        reach = float((corners @ out).max()) + float(np.abs(out) @ half) + BESIDE_PIXELS
        label = at + out * reach
        if shows_target(evidence, side) and np.linalg.norm(label - ring) < CLEAR_PIXELS:
            label = at - out * reach  # words on the target's ring: to the other side
        margin = half + np.array([10.0, 20.0])
        stations.append(np.clip(label, margin, [view.width, view.height] - margin))
    clear = apart(np.array(stations).reshape(-1, 2), widths, view.height)
    for each, text, (x, y) in zip(shown, words, clear, strict=True):
        ink = ANODE if each.current_ma > 0 else CATHODE
        canvas.leader(view.project(each.scalp_mm), (float(x), float(y)), text, ink, WORD_SIZE)
    picture.compass(canvas, view)
    canvas.scale_bar(view, 50)
    x = canvas.width - 420
    for k, (ink, text) in enumerate(((ANODE, "anode: current into the head"), (CATHODE, "cathode: out of it"))):
        y = canvas.height - canvas.strip + 44 + 44 * k
        canvas.axes.plot([x], [y], marker="s", color=ink, markersize=15)
        canvas.words((x + 24, y), text, 24, INK, ha="left")
    return canvas.rgb()


def apart(centers: NDArray[np.float64], widths: NDArray[np.float64], height: float) -> NDArray[np.float64]:
    """Words moved up and down in a picture until none lies over another.

    Parameters
    ----------
    centers : (n, 2) float64
        Their middles, pixels.
    widths : (n,) float64
        Their lengths, pixels; each is ``LINE_PIXELS`` high.
    height : float
        Of the picture, pixels.

    Examples
    --------
    >>> apart(np.array([[100.0, 50.0], [120.0, 60.0], [400.0, 55.0]]), np.full(3, 150.0), 770).tolist()
    [[100.0, 35.0], [120.0, 75.0], [400.0, 55.0]]
    """
    placed = np.array(centers, np.float64)
    for _ in range(50 * len(placed)):
        clear = True
        for i in range(len(placed)):
            for j in range(i):
                beside = abs(placed[i, 0] - placed[j, 0]) >= (widths[i] + widths[j]) / 2
                short = LINE_PIXELS - abs(placed[i, 1] - placed[j, 1])
                if not beside and short > 1e-6:
                    upper, lower = (i, j) if placed[i, 1] < placed[j, 1] else (j, i)
                    placed[upper, 1] -= short / 2
                    placed[lower, 1] += short / 2
                    clear = False
        placed[:, 1] = placed[:, 1].clip(LINE_PIXELS / 2, height - LINE_PIXELS / 2)
        if clear:
            break
    return placed


def electrode_color(current_ma: float, most_ma: float) -> NDArray[np.float64]:
    """Red for an anode, blue for a cathode, paler for less current, (3,) 0..1."""
    share = PALEST + (1 - PALEST) * abs(current_ma) / most_ma
    full = np.array(to_rgb(ANODE if current_ma > 0 else CATHODE))
    return np.asarray(share * full + (1 - share) * np.array(to_rgb(SKIN)), dtype=np.float64)


def shows_target(evidence: TesEvidence, side: Side) -> bool:
    """Whether the target lies on the side of the head that is looked at."""
    return bool(evidence.outward @ np.array(side.toward_viewer) > FAR_SIDE)


def _facing(evidence: TesEvidence, name: str, side: Side) -> float:
    return float(evidence.facing[name] @ np.array(side.toward_viewer))


def _seen(evidence: TesEvidence, side: Side) -> set[str]:
    return {name for name in evidence.facing if _facing(evidence, name, side) > SEEN}
