"""The head with the coil on it, at the best placement: casing, handle and bridge, and the positions of the 10-20 system.

Handle and bridge are drawn so that the coil is recognised; only the casing is measured or published.
"""

from __future__ import annotations

import numpy as np
from matplotlib.colors import to_rgb
from numpy.typing import NDArray

from targeting.coils.coil import Casing
from targeting.report import picture
from targeting.report.evidence import TmsEvidence
from targeting.report.place import ABOVE, SIDES, TEN_TWENTY
from targeting.scene.colors import COIL, INK, QUIET, SKIN
from targeting.scene.raster.camera import View
from targeting.scene.raster.canvas import Canvas
from targeting.scene.raster.surface import SUPERSAMPLING, DepthImage, Surface, compose, render

WIDTH, HEIGHT = 900, 770
CASING_OPACITY = 0.55  # the head shows through
HANDLE_MM, HANDLE_RADIUS_MM = 95.0, 9.0  # from the casing's middle towards the hand, and how thick it is drawn
BRIDGE_RADIUS_MM = 7.0
MIDDLE_MM = 12.0  # of the casing to either side of x = 0
WAIST = 0.8  # a casing whose middle is narrower than this share of its wings has two of them
STEPS = 20  # round a rod


def coil_picture(
    evidence: TmsEvidence, toward_viewer: NDArray[np.float64] | tuple[float, float, float]
) -> NDArray[np.uint8]:
    """Scalp, coil and target seen from one direction, (h, w, 3) uint8."""
    casing, pose = evidence.casing_surface(), evidence.pose
    rods = [_in_world(rod, pose.matrix_mm) for rod in coil_rods(evidence.casing)]
    toward = np.asarray(toward_viewer, dtype=np.float64)
    seen = np.vstack([evidence.scalp.points_mm, casing.points_mm, *(rod.points_mm for rod in rods)])
    view = View.holding(seen, toward, (WIDTH, HEIGHT), margin_mm=22.0)

    skin = render(evidence.scalp, np.broadcast_to(to_rgb(SKIN), evidence.scalp.points_mm.shape), view)
    plastic = render(casing, np.broadcast_to(to_rgb(COIL), casing.points_mm.shape), view, gloss=0.25)
    drawn = [render(rod, np.broadcast_to(to_rgb(COIL), rod.points_mm.shape), view, gloss=0.25) for rod in rods]
    canvas = Canvas(
        compose(view, (skin, 1.0), (plastic, CASING_OPACITY), *((each, 1.0) for each in drawn)), picture.STRIP
    )
    _positions(canvas, view, evidence, skin, [plastic, *drawn])

    picture.target_ring(canvas, view, evidence, hidden_mm=evidence.depth_mm)
    center = view.project(pose.center_mm)[:2]
    tip = view.project(pose.center_mm - HANDLE_MM * pose.away_from_handle_mm)[:2]
    along = tip - center
    if np.hypot(*along) > 30:
        along = along / np.hypot(*along)
        canvas.words(_inside(view, tip + np.array([72, 36]) * along), "handle", 30, INK, weight="bold")
    picture.target_beside(canvas, view, evidence, tip)
    picture.compass(canvas, view)
    canvas.scale_bar(view, 50)
    return canvas.rgb()


def coil_rods(casing: Casing) -> list[Surface]:
    """The handle, and of a casing with two wings the bridge between them, as rods in the coil's frame."""
    points = casing.points_mm
    middle = points[np.abs(points[:, 0]) < MIDDLE_MM] if (np.abs(points[:, 0]) < MIDDLE_MM).any() else points
    height = float(middle[:, 2].mean())
    rods = [_rod(np.array([0.0, 0.0, height]), np.array([0.0, -HANDLE_MM, height]), HANDLE_RADIUS_MM)]
    body = points[points[:, 1] > -np.ptp(points[:, 1]) / 2]
    reach = np.array(
        [np.abs(body[body[:, 0] * sign > 0.3 * body[:, 0].max()][:, 1]).max(initial=0.0) for sign in (-1, 1)]
    )
    if np.abs(middle[:, 1]).max() < WAIST * reach.min():
        half = 0.45 * float(np.abs(points[:, 0]).max())
        wing = points[np.abs(np.abs(points[:, 0]) - half) < MIDDLE_MM]
        side = float(wing[:, 2].mean()) if len(wing) else height
        ends = [np.array([sign * half, 0.0, side]) for sign in (-1, 1)]
        rods += [_rod(np.array([0.0, 0.0, height]), end, BRIDGE_RADIUS_MM) for end in ends]
    return rods


def viewpoints(evidence: TmsEvidence) -> list[tuple[str, tuple[float, float, float]]]:
    """From where the coil is shown: the side that it faces most, front and back included, and above."""
    side = max(SIDES.items(), key=lambda each: float(np.dot(each[1], evidence.outward)))
    return [side, ("above", ABOVE)]


def _positions(canvas: Canvas, view: View, evidence: TmsEvidence, skin: DepthImage, over: list[DepthImage]) -> None:
    """The 10-20 positions that are seen, small, where nothing lies over them."""
    if evidence.positions is None:
        return
    for name in TEN_TWENTY:
        point = evidence.positions.point_mm(name)
        column, row = view.project(point)[:2]
        fine = int(row * SUPERSAMPLING), int(column * SUPERSAMPLING)
        if not skin.shows(view, point) or any(each.covered[fine] for each in over):
            continue
        canvas.axes.plot([column], [row], marker="o", color=QUIET, markersize=4)
        canvas.words((column, row + 17), name, 18, QUIET)


def _rod(start: NDArray[np.float64], end: NDArray[np.float64], radius_mm: float) -> Surface:
    """A round rod with closed ends."""
    along = (end - start) / np.linalg.norm(end - start)
    across = np.cross(along, [0.0, 0.0, 1.0] if abs(along[2]) < 0.9 else [1.0, 0.0, 0.0])
    across /= np.linalg.norm(across)
    turn = np.arange(STEPS) * 2 * np.pi / STEPS
    ring = radius_mm * (np.cos(turn)[:, None] * across + np.sin(turn)[:, None] * np.cross(along, across))
    points = np.vstack([start + ring, end + ring, start, end])
    k, following = np.arange(STEPS), (np.arange(STEPS) + 1) % STEPS
    walls = np.concatenate([np.c_[k, following, following + STEPS], np.c_[k, following + STEPS, k + STEPS]])
    first, last = np.full(STEPS, 2 * STEPS), np.full(STEPS, 2 * STEPS + 1)
    caps = np.concatenate([np.c_[first, following, k], np.c_[last, k + STEPS, following + STEPS]])
    return Surface(points, np.concatenate([walls, caps]).astype(np.int32), np.arange(len(points)))


def _in_world(rod: Surface, matrix_mm: NDArray[np.float64]) -> Surface:
    return Surface(rod.points_mm @ matrix_mm[:3, :3].T + matrix_mm[:3, 3], rod.triangles, rod.nodes)


def _inside(view: View, at: NDArray[np.float64]) -> NDArray[np.float64]:
    """A place for a word, moved into the picture."""
    return np.clip(at, [70.0, 24.0], [view.width - 70.0, view.height - 60.0])
