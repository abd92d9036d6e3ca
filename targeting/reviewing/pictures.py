"""Pictures of a review: pulse by pulse over time, the pulses on the scalp beside the plan, and the course with its log."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.spatial import ConvexHull

from targeting.live.coil_dose import LiveDose
from targeting.pose import Pose
from targeting.report.picture import STRIP, compass
from targeting.report.place import ABOVE, SIDES
from targeting.reviewing.recorded import GIVEN, IMPOSSIBLE, OFF, UNTRACKED
from targeting.reviewing.review import Review
from targeting.reviewing.summary import ENOUGH, TOO_MUCH, median_angle_deg
from targeting.scene.colors import COIL, INK, QUIET, SKIN
from targeting.scene.raster.camera import View
from targeting.scene.raster.canvas import DOTS_PER_INCH, Canvas
from targeting.scene.raster.surface import SUPERSAMPLING, DepthImage, Surface, compose, render

WIDTH, HEIGHT = 900, 770
WIDE, ROW = 1500, 230  # of the timeline: its width, and the height of each of its rows, pixels
COLORS, TOP = "viridis", 1.2  # of the dose, as a share of the planned one
LOST, PLANNED, MEDIAN = "#b42318", "#1d5c39", "#d9480f"
HANDLE_MM = 95.0
LIFT_MM = 3.0  # a dot lies this far out of the scalp, so that rough scalp does not hide it
MOST_LINES = 300  # runs of pulses whose medians make the line
ON_CLOSE_UP_MM = 60.0
LETTERS = 15
MOST_AXES = 6  # sessions whose times are told


def timeline_picture(review: Review) -> NDArray[np.uint8]:
    """Dose, distance and turn of every pulse over the sessions, side by side, (h, w, 3) uint8."""
    pulses, sessions = review.pulses, review.sessions
    given = pulses.state == GIVEN
    rows = [
        (words, values, max(least, _most(values[given])))
        for words, values, least in (
            ("dose, % of planned", 100 * review.share, 100 * TOP),
            ("off the planned place, mm", pulses.distance_mm, 10.0),
            ("handle turned, degrees", np.abs(pulses.handle_deg), 20.0),
        )
    ]
    timed = all(each.minutes is not None for each in sessions)
    figure, draw = _figure(WIDE, (ROW + 20) * len(rows) + 100)
    grid = figure.add_gridspec(
        len(rows), len(sessions), left=0.065, right=0.985, top=0.955, bottom=0.12, hspace=0.3, wspace=0.05
    )
    for column, session in enumerate(sessions):
        here = pulses.session == session.number
        x = pulses.time_s / 60 - np.nanmin(pulses.time_s[here & given]) / 60 if timed else pulses.row.astype(np.float64)
        for row, (words, values, top) in enumerate(rows):
            axes: Any = figure.add_subplot(grid[row, column])
            y = np.minimum(values, top)
            axes.plot(x[here & given], y[here & given], ".", color=COIL, markersize=3, alpha=0.35)
            _line(axes, x[here & given], y[here & given])
            if row == 0:
                lost = here & np.isin(pulses.state, (UNTRACKED, IMPOSSIBLE, OFF))
                axes.plot(x[lost], np.full(lost.sum(), 0.03 * top), "|", color=LOST, markersize=11)
                _band(axes)
            axes.set_ylim(0, 1.04 * top)
            axes.tick_params(labelleft=column == 0, labelbottom=row == len(rows) - 1)
            _quiet(axes)
            if column == 0:
                _title(axes, words)
            if len(sessions) > MOST_AXES:
                axes.set_xticks([])
        if len(sessions) > 1:
            axes.set_xlabel(f"{session.number}", fontsize=LETTERS, color=INK)
    unit = "minutes" if timed else "pulses"
    under = unit if len(sessions) == 1 else "session" if len(sessions) > MOST_AXES else f"{unit} in each session"
    figure.text(0.52, 0.012, under, fontsize=LETTERS, color=INK, ha="center")
    return draw()


def close_up_picture(review: Review, live: LiveDose) -> NDArray[np.uint8]:
    """The scalp seen along the planned coil's axis: pulses coloured by dose, planned place and handle, the median handle."""
    planned = Pose(np.array(live.plan.placements[0].pose))
    there = review.pulses.state == GIVEN
    places = review.pulses.center_mm[there & (review.pulses.distance_mm <= ON_CLOSE_UP_MM)]
    around = planned.center_mm + 18 * np.array([planned.matrix_mm[:3, i] * sign for i in (0, 1) for sign in (-1, 1)])
    view = View.holding(np.vstack([places, around]), -planned.direction_mm, (WIDTH, HEIGHT), margin_mm=12.0)
    canvas, skin = _scalp(live, view)
    _dots(canvas, view, review, live, skin)
    _handles(canvas, view, review, planned, 20.0, 22)
    compass(canvas, view)
    canvas.scale_bar(view, 20)
    _bar(canvas)
    return canvas.rgb()


def head_picture(review: Review, live: LiveDose) -> NDArray[np.uint8]:
    """The head from the side that the planned coil faces most: pulses coloured by dose, the plan's coil."""
    planned = Pose(np.array(live.plan.placements[0].pose))
    views = {**SIDES, "above": ABOVE}
    toward = max(views.values(), key=lambda each: float(-planned.direction_mm @ np.array(each)))
    tip = planned.center_mm - HANDLE_MM * planned.away_from_handle_mm
    view = View.holding(np.vstack([live.scalp.points_mm, tip]), toward, (WIDTH, HEIGHT), margin_mm=16.0)
    canvas, skin = _scalp(live, view)
    _coil(canvas, view, live, planned)
    _dots(canvas, view, review, live, skin, 5)
    _handles(canvas, view, review, planned, HANDLE_MM, 12)
    compass(canvas, view)
    canvas.scale_bar(view, 50)
    _bar(canvas)
    return canvas.rgb()


def course_picture(review: Review) -> NDArray[np.uint8]:
    """Session by session: what the target got, and what the log says of threshold and pain."""
    numbers = [each.number for each in review.sessions]
    got = [
        100 * (each.verdict.in_all if each.verdict.answer == "more" else each.verdict.low) for each in review.sessions
    ]
    so_far = np.cumsum([each.summary.got for each in review.sessions])
    logged = {each.number: review.logged(each) for each in review.sessions}
    for line in review.log:
        if line.session is not None and line.session not in logged:
            logged[line.session] = [line]
    rows: list[tuple[str, list[int], list[float]]] = [("dose, % of planned", numbers, got)]
    for words, name in (("motor threshold, % MSO", "rmt_percent"), ("pain, 0 to 10", "nrs")):
        points = [(k, getattr(line, name)) for k, lines in logged.items() for line in lines]
        known = sorted((k, value) for k, value in points if value is not None)
        if known:
            rows.append((words, [k for k, _ in known], [value for _, value in known]))
    height = ROW * len(rows) + 160
    figure, draw = _figure(WIDE, height)
    grid = figure.add_gridspec(
        len(rows), 1, left=0.065, right=0.985, top=1 - 40 / height, bottom=110 / height, hspace=0.3
    )
    last = max(max(x) for _, x, _ in rows)
    for row, (words, x, y) in enumerate(rows):
        axes: Any = figure.add_subplot(grid[row, 0])
        if row == 0:
            axes.bar(x, y, width=0.6, color=COIL, alpha=0.75)
            axes.bar(
                x,
                [100 * (each.verdict.high - each.verdict.low) for each in review.sessions],
                0.6,
                y,
                color=COIL,
                alpha=0.3,
            )
            _band(axes)
            axes.set_ylim(0, max(120.0, 1.05 * max(y)))
        else:
            axes.plot(x, y, "o-", color=INK, markersize=9, linewidth=1.5)
            axes.set_ylim((0, 10.5) if words.startswith("pain") else (0, 105))
        _title(axes, words)
        axes.set_xlim(0.4, last + 0.6)
        _quiet(axes)
        axes.set_xticks(range(1, last + 1) if last <= 40 else range(1, last + 1, 5))
        axes.tick_params(labelbottom=False)
    worth = {number: f"{number}\n{round(total):,}" for number, total in zip(numbers, so_far, strict=True)}
    axes.set_xticklabels([worth.get(int(at), f"{int(at)}\n–") for at in axes.get_xticks()])
    axes.tick_params(labelbottom=True)
    figure.text(
        0.52, 0.015, "session, and pulses’ worth of the planned dose so far", fontsize=LETTERS, color=INK, ha="center"
    )
    return draw()


def _figure(width: int, height: int) -> tuple[Figure, Any]:
    """An empty white figure, and what turns it into pixels."""
    figure = Figure((width / DOTS_PER_INCH, height / DOTS_PER_INCH), dpi=DOTS_PER_INCH, facecolor="white")
    agg = FigureCanvasAgg(figure)

    def draw() -> NDArray[np.uint8]:
        agg.draw()
        return np.array(agg.buffer_rgba())[..., :3].copy()

    return figure, draw


def _band(axes: Any) -> None:
    """What counts as the planned dose."""
    axes.axhspan(100 * ENOUGH, 100 * TOO_MUCH, color=PLANNED, alpha=0.12, linewidth=0)
    axes.axhline(100, color=PLANNED, linewidth=1)


def _title(axes: Any, words: str) -> None:
    axes.text(0, 1.04, words, transform=axes.transAxes, fontsize=LETTERS, color=INK, fontweight="bold")


def _quiet(axes: Any) -> None:
    axes.tick_params(labelsize=LETTERS, colors=INK, length=4)
    axes.grid(color="#e4e8ec", linewidth=1)
    axes.set_axisbelow(True)
    for edge in ("top", "right"):
        axes.spines[edge].set_visible(False)


def _line(axes: Any, x: NDArray[np.float64], y: NDArray[np.float64]) -> None:
    """Medians of runs of pulses, in their order."""
    order = np.argsort(x, kind="stable")
    order = order[np.isfinite(y[order])]
    if len(order):
        runs = np.array_split(order, min(MOST_LINES, max(1, len(order) // 10)))
        axes.plot([np.median(x[run]) for run in runs], [np.median(y[run]) for run in runs], color=INK, linewidth=1.6)


def _most(values: NDArray[np.float64]) -> float:
    """A top that a few strays do not set."""
    known = values[np.isfinite(values)]
    return 1.1 * float(np.quantile(known, 0.995)) if len(known) else 0.0


def _scalp(live: LiveDose, view: View) -> tuple[Canvas, DepthImage]:
    surface = Surface(live.scalp.points_mm, live.scalp.triangles, np.arange(len(live.scalp.points_mm)))
    skin = render(surface, np.broadcast_to(to_rgb(SKIN), surface.points_mm.shape), view)
    return Canvas(compose(view, (skin, 1.0)), STRIP), skin


def _coil(canvas: Canvas, view: View, live: LiveDose, planned: Pose) -> None:
    """The outline of the planned coil's casing."""
    casing = live.coil.casing.points_mm @ planned.matrix_mm[:3, :3].T + planned.center_mm
    flat = view.project(casing)[:, :2]
    hull = flat[ConvexHull(flat).vertices]
    ring = np.vstack([hull, hull[:1]]).T
    for color, width in (("white", 5.0), (COIL, 2.4)):
        canvas.axes.plot(*ring, color=color, linewidth=width, linestyle=(0, (5, 2)))


def _handles(canvas: Canvas, view: View, review: Review, planned: Pose, length_mm: float, cross: float) -> None:
    """Where the planned handle points and where the pulses' does, and the planned place."""
    handle = np.radians(median_angle_deg(review.pulses.handle_deg[review.pulses.state == GIVEN]) or 0.0)
    x, y = planned.matrix_mm[:3, 0], planned.matrix_mm[:3, 1]
    center = np.median(review.pulses.center_mm[review.pulses.state == GIVEN], axis=0)
    rays = ((center, np.cos(handle) * y + np.sin(handle) * x, MEDIAN), (planned.center_mm, y, COIL))
    for start, away, color in rays:
        line = view.project(np.stack([start, start - length_mm * away]))[:, :2]
        for ink, width in (("white", 7.0), (color, 4.0)):
            canvas.axes.plot(*line.T, color=ink, linewidth=width, solid_capstyle="round")
    at = view.project(planned.center_mm)[:2]
    for color, width, size in (("white", 6.0, cross + 2), (COIL, 3.2, cross)):
        canvas.axes.plot([at[0]], [at[1]], marker="+", color=color, markersize=size, markeredgewidth=width)


def _dots(canvas: Canvas, view: View, review: Review, live: LiveDose, skin: DepthImage, size: float = 7) -> None:
    """The pulses where the coil's axis meets the scalp, coloured by dose, the weakest on top; those behind are left out."""
    pulses = review.pulses
    there = np.flatnonzero(pulses.state == GIVEN)
    share = review.share[there]
    order = np.argsort(-np.nan_to_num(share, nan=2.0), kind="stable")
    there, share = there[order], share[order]
    normals = live.scalp.normals[live.scalp.nearest(pulses.center_mm[there])]
    at = view.project(pulses.center_mm[there] + LIFT_MM * normals)
    pixel = np.clip((at[:, :2] * SUPERSAMPLING).astype(int), 0, np.array(skin.depth_mm.shape)[::-1] - 1)
    seen = at[:, 2] >= skin.depth_mm[pixel[:, 1], pixel[:, 0]]
    colors = np.where(
        np.isfinite(share)[:, None], colormaps[COLORS](np.clip(np.nan_to_num(share) / TOP, 0, 1)), [0.5, 0.5, 0.5, 1.0]
    )
    canvas.axes.scatter(at[seen, 0], at[seen, 1], s=size**2, c=colors[seen], edgecolors=QUIET, linewidths=0.35)


def _bar(canvas: Canvas) -> None:
    canvas.color_bar(0.0, 100 * TOP, COLORS, "dose, % of the planned", ticks=(0.0, 100.0))
