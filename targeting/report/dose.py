"""How sensitive the dose is to the coil's placement: over positions (each at its best angle), and over angles.

The region in which the coil keeps 90 % of the best dose is that of the robustness: the coil moved along the scalp, its
current kept in direction, as an operator moves it.  In plans without it, it is that of the search, each place at its own
best angle.
"""

from __future__ import annotations

import numpy as np
from matplotlib import colormaps
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.ticker import MultipleLocator
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from targeting.report import picture
from targeting.report.evidence import TmsEvidence
from targeting.report.handle import handles_deg, planned_handle_deg, turn_range_deg
from targeting.robustness.robustness import NEAR_BEST
from targeting.robustness.words import steadier_elsewhere
from targeting.scene.colors import COIL, INK, QUIET, SKIN
from targeting.scene.raster.camera import View
from targeting.scene.raster.canvas import DOTS_PER_INCH, Canvas
from targeting.scene.raster.sections import level_lines
from targeting.scene.raster.surface import SUPERSAMPLING, Surface, compose, render

WIDTH, HEIGHT = 900, 770
DIAMOND = 27  # its size, points
COLORS = "viridis"
WORTH_SEEING = 0.3  # of the best dose: the whole scalp is searched, and shown is where a coil does something
SEEN_MM = 45.0  # from the best place: so that the region of 90 % and the ranks can be told apart
NEIGHBOURS = 4
PERCENT = f"{100 * NEAR_BEST:.0f} %"
STEADY = "#d9480f"  # the pose that minds placement errors least


def scalp_dose(evidence: TmsEvidence) -> NDArray[np.float64]:
    """The dose at every point of the scalp's surface, V/m at 1 A/µs, NaN where the search did not go, (n,)."""
    tried = np.isfinite(evidence.best_dose_at_point_v_per_m)
    return on_scalp(evidence.scalp, evidence.scalp_points_mm[tried], evidence.best_dose_at_point_v_per_m[tried])


def position_view(evidence: TmsEvidence) -> View:
    """The view along the coil's axis, wide enough for all places round the best with a notable dose."""
    good = evidence.best_dose_at_point_v_per_m >= WORTH_SEEING * evidence.best.dose_v_per_m
    good &= np.linalg.norm(evidence.scalp_points_mm - evidence.best.scalp_mm, axis=1) <= SEEN_MM
    searched = np.vstack([evidence.scalp_points_mm[good], evidence.best.scalp_mm])
    return View.holding(searched, evidence.outward, (WIDTH, HEIGHT), margin_mm=24.0)


def position_picture(evidence: TmsEvidence) -> NDArray[np.uint8]:
    """The scalp coloured by the dose a coil there gives, the region of 90 % and the best places marked, (h, w, 3) uint8."""
    dose, view = scalp_dose(evidence), position_view(evidence)
    best = max(evidence.best.dose_v_per_m, 1e-30)
    known = np.isfinite(dose)
    colors = np.broadcast_to(to_rgb(SKIN), evidence.scalp.points_mm.shape).copy()
    colors[known] = colormaps[COLORS](np.clip(dose[known] / best, 0, 1))[:, :3]
    layer = render(evidence.scalp, colors, view, kept=known.astype(float))
    canvas = Canvas(compose(view, (layer, 1.0)), picture.STRIP)

    lines = view.project(near_best_lines(evidence))
    pixels = (lines.mean(axis=1)[:, :2] * SUPERSAMPLING).astype(int)
    inside = (pixels >= 0).all(1) & (pixels < np.array(layer.depth_mm.shape)[::-1]).all(1)
    lines, pixels = lines[inside], pixels[inside]
    seen = lines[..., 2].mean(1) > layer.depth_mm[pixels[:, 1], pixels[:, 0]] - 2.0
    for color, width in ((INK, 5.0), ("white", 3.0)):
        canvas.axes.add_collection(LineCollection(lines[seen][..., :2], colors=color, linewidths=width))
    if seen.any():
        upper = lines[seen].reshape(-1, 3)
        canvas.words(upper[upper[:, 1].argmin(), :2] - [0, 20], PERCENT, 22, INK)

    picture.target_ring(canvas, view, evidence, hidden_mm=evidence.depth_mm)
    robust = evidence.plan.robustness
    if robust is not None and steadier_elsewhere(robust):
        _mark_steadiest(canvas, view, robust.robust_scalp_mm, evidence.best.scalp_mm)
    for placement in reversed(evidence.plan.placements[:5]):
        column, row, _ = view.project(placement.scalp_mm)
        first = placement.rank == 1
        canvas.axes.plot(
            [column],
            [row],
            marker="o",
            markersize=20 if first else 12,
            color=INK if first else "white",
            markeredgecolor="white" if first else INK,
            markeredgewidth=2,
        )
        canvas.words(
            (column, row),
            str(placement.rank),
            24 if first else 16,
            "white" if first else INK,
            halo=INK if first else "white",
            weight="bold",
        )
    picture.compass(canvas, view)
    canvas.scale_bar(view, 20)
    canvas.color_bar(0.0, best, COLORS, "dose in V/m at 1 A/µs", ticks=(0.0, best / 2, best))
    return canvas.rgb()


def _mark_steadiest(canvas: Canvas, view: View, scalp_mm: list[float], best_mm: list[float]) -> None:
    """A diamond round the place of the pose that minds placement errors least; it leaves space for a rank inside."""
    at, best = view.project(scalp_mm)[:2], view.project(best_mm)[:2]
    picture.word_beside(canvas, view, at, "steadiest", STEADY, DIAMOND, best)
    for color, width in (("white", 7.0), (STEADY, 4.0)):
        canvas.axes.plot(
            [at[0]],
            [at[1]],
            marker="D",
            markersize=DIAMOND,
            fillstyle="none",
            markeredgecolor=color,
            markeredgewidth=width,
        )


def angle_picture(evidence: TmsEvidence) -> NDArray[np.uint8]:
    """The dose against the angle at the best place, (h, w, 3) uint8."""
    angle, dose = _curve(evidence)
    top = float(max(np.nanmax(dose), evidence.best.dose_v_per_m))
    height = HEIGHT + picture.STRIP
    figure = Figure((WIDTH / DOTS_PER_INCH, height / DOTS_PER_INCH), dpi=DOTS_PER_INCH, facecolor="white")
    agg = FigureCanvasAgg(figure)
    axes = figure.add_axes((0.13, 0.14, 0.77, 0.78))
    here = planned_handle_deg(evidence)
    keeps = turn_range_deg(evidence.plan, here)
    for start in (-360.0, 0.0, 360.0) if keeps else ():  # a range may run over the end of the circle
        low, high = (bound + start for bound in keeps or (0.0, 0.0))
        axes.fill_between(angle, 0, dose, where=(angle >= low) & (angle <= high), color=COIL, alpha=0.16, linewidth=0)
    axes.plot(angle, dose, color=COIL, linewidth=3)
    axes.axhline(NEAR_BEST * top, color=QUIET, linewidth=1.2, linestyle=(0, (4, 3)))
    axes.text(
        1.01, NEAR_BEST * top, PERCENT, fontsize=18, color=QUIET, va="center", transform=axes.get_yaxis_transform()
    )
    axes.plot([here], [evidence.best.dose_v_per_m], "o", color=INK, markersize=14, markeredgecolor="white")
    axes.annotate(
        f"plan {here:.0f}°".replace("-", "−"),
        (here, evidence.best.dose_v_per_m),
        xytext=(0, 13),
        textcoords="offset points",
        ha="center",
        fontsize=21,
        fontweight="bold",
        color=INK,
        annotation_clip=False,
    )
    if evidence.plan.angle is not None and evidence.plan.angle.fold_deg is not None:
        fold = evidence.plan.angle.fold_deg
        axes.axvline(fold, color=QUIET, linewidth=2, linestyle=(0, (2, 2)))
        axes.text(fold, 0.03 * top, " across the fold", fontsize=18, color=QUIET, va="bottom", rotation=90)
    axes.set_xlim(angle[0], angle[-1])
    axes.set_ylim(min(0.0, 1.1 * float(np.nanmin(dose))), 1.18 * top)
    axes.xaxis.set_major_locator(MultipleLocator(90 if np.ptp(angle) > 200 else 45))
    axes.xaxis.set_major_formatter(lambda x, _: f"{x:.0f}°".replace("-", "−"))
    axes.tick_params(labelsize=18, colors=INK, length=5)
    axes.grid(color="#e4e8ec", linewidth=1)
    axes.set_axisbelow(True)
    for edge in ("top", "right"):
        axes.spines[edge].set_visible(False)
    axes.set_xlabel("angle of the handle to the midline, outwards positive", fontsize=20, color=INK, labelpad=10)
    axes.set_title("dose in V/m at 1 A/µs", fontsize=20, color=INK, loc="left", pad=10)
    agg.draw()
    return np.array(agg.buffer_rgba())[..., :3].copy()


def _curve(evidence: TmsEvidence) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The handle's angle to the midline and the dose, rising, finely drawn, and closed if the angles go once round."""
    handles = handles_deg(evidence)
    order = np.argsort(handles)
    angle, dose = handles[order], evidence.dose_by_angle_v_per_m[order]
    step = float(np.median(np.diff(angle))) if len(angle) > 1 else 1.0
    if abs(np.ptp(angle) + step - 360.0) < 0.5 * step:
        fine = np.linspace(-180.0, 180.0, 1 + 8 * len(angle))
        return fine, np.interp(fine, angle, dose, period=360.0)
    fine = np.linspace(angle[0], angle[-1], 1 + 8 * len(angle))
    return fine, np.interp(fine, angle, dose)


def angle_tolerance_deg(evidence: TmsEvidence) -> float:
    """How far the coil may be turned to either side before the dose falls below 90 % of the best, degrees."""
    away = (evidence.angles_deg - evidence.best.angle_deg + 180.0) % 360.0 - 180.0
    low = ~(evidence.dose_by_angle_v_per_m >= NEAR_BEST * evidence.best.dose_v_per_m)
    return first_low(np.abs(away), low)


def near_best_lines(evidence: TmsEvidence) -> NDArray[np.float64]:
    """The line on the scalp inside which the coil keeps 90 % of the best dose, as pieces (s, 2, 3), mm."""
    share = on_scalp(evidence.scalp, *_shares(evidence))
    return level_lines(evidence.scalp.points_mm, evidence.scalp.triangles, share, NEAR_BEST)


def nearest_loss_mm(evidence: TmsEvidence) -> float:
    """Moved by less than this in any direction, the coil keeps 90 % of the dose."""
    robust = evidence.plan.robustness
    if robust is not None:
        return robust.within_mm
    points, share = _shares(evidence)
    return first_low(np.linalg.norm(points - evidence.best.scalp_mm, axis=1), ~(share >= NEAR_BEST))


def farthest_reach_mm(evidence: TmsEvidence) -> float:
    """The farthest place that still has 90 % of the dose, from the best place, mm."""
    points, share = _shares(evidence)
    away = np.linalg.norm(points - evidence.best.scalp_mm, axis=1)
    return float(away[share >= NEAR_BEST].max(initial=0.0))


def on_scalp(scalp: Surface, points_mm: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Interpolate values at some points of the scalp to every point of its surface, (n,); NaN where no point is near.

    Inverse-distance mean of the nearest points; "near" is within 1.6 times their usual spacing.
    """
    tree = cKDTree(points_mm)
    count = min(NEIGHBOURS, len(points_mm))
    spacing = float(np.median(tree.query(points_mm, k=[2])[0])) if len(points_mm) > 1 else 3.0
    spacing = max(spacing, 0.1)  # of points that fall together
    distance, index = (a.reshape(-1, count) for a in tree.query(scalp.points_mm, k=count))
    weight = 1 / (distance + 0.05 * spacing)
    mean = (weight * values[index]).sum(1) / weight.sum(1)
    return np.where(distance[:, 0] <= 1.6 * max(spacing, 2.0), mean, np.nan)


def first_low(away: NDArray[np.float64], low: NDArray[np.bool_]) -> float:
    """The largest tried distance that is nearer than every low one (all of them if none is low)."""
    limit = away[low].min() if low.any() else np.inf
    kept = away[away < limit]
    return float(kept.max()) if len(kept) else 0.0


def _shares(evidence: TmsEvidence) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Scalp points (P, 3) and the share of the best dose there, 0 where no coil can stand, (P,)."""
    if evidence.around_mm is not None and evidence.share_around is not None:
        return evidence.around_mm, np.nan_to_num(evidence.share_around)
    dose = evidence.best_dose_at_point_v_per_m / max(evidence.best.dose_v_per_m, 1e-30)
    return evidence.scalp_points_mm, np.where(np.isfinite(dose), dose, 0.0)
