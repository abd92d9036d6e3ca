"""How forgiving the plan is: the dose over positions (each at its best angle), and over angles at the best position."""

from __future__ import annotations

import numpy as np
from matplotlib import colormaps
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.ticker import MultipleLocator
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from targeting.report import scene
from targeting.report.canvas import COIL, DOTS_PER_INCH, INK, QUIET, Canvas
from targeting.report.evidence import PlanEvidence
from targeting.report.sections import level_lines
from targeting.report.surface import SUPERSAMPLING, compose, render

WIDTH, HEIGHT = 900, 770
COLORS = "viridis"
NEIGHBOURS = 4
NEARLY_BEST = 0.95  # the share of the best dose that the pictures draw a line at


def scalp_dose(evidence: PlanEvidence) -> NDArray[np.float64]:
    """The dose at every point of the scalp's surface, V/m at 1 A/µs, NaN where the search did not go, (n,).

    Inverse-distance mean of the nearest searched points; "did not go" is farther than 1.6 times their usual spacing.
    """
    tried = np.isfinite(evidence.best_dose_at_point_v_per_m)
    points, dose = evidence.scalp_points_mm[tried], evidence.best_dose_at_point_v_per_m[tried]
    tree = cKDTree(points)
    count = min(NEIGHBOURS, len(points))
    spacing = float(np.median(tree.query(points, k=[2])[0])) if len(points) > 1 else 3.0
    distance, index = (a.reshape(-1, count) for a in tree.query(evidence.scalp.points_mm, k=count))
    weight = 1 / (distance + 0.05 * spacing)
    mean = (weight * dose[index]).sum(1) / weight.sum(1)
    return np.where(distance[:, 0] <= 1.6 * max(spacing, 2.0), mean, np.nan)


def position_picture(evidence: PlanEvidence) -> NDArray[np.uint8]:
    """The scalp coloured by the dose a coil there gives, the best place marked, (h, w, 3) uint8."""
    dose = scalp_dose(evidence)
    searched = np.vstack([evidence.scalp_points_mm, evidence.best.scalp_mm])
    view = scene.frame_of(searched, scene.outward(evidence), WIDTH, HEIGHT, margin=24.0)
    best = max(evidence.best.dose_v_per_m, 1e-30)
    known = np.isfinite(dose)
    colors = np.broadcast_to(scene.SKIN, evidence.scalp.points_mm.shape).copy()
    colors[known] = colormaps[COLORS](np.clip(dose[known] / best, 0, 1))[:, :3]
    layer = render(evidence.scalp, colors, view)
    canvas = Canvas(compose(view, (layer, 1.0)), scene.STRIP)

    lines = view.project(level_lines(evidence.scalp.points_mm, evidence.scalp.triangles, dose, NEARLY_BEST * best))
    pixels = (lines.mean(axis=1)[:, :2] * SUPERSAMPLING).astype(int)
    inside = (pixels >= 0).all(1) & (pixels < np.array(layer.depth_mm.shape)[::-1]).all(1)
    lines, pixels = lines[inside], pixels[inside]
    seen = lines[..., 2].mean(1) > layer.depth_mm[pixels[:, 1], pixels[:, 0]] - 2.0
    canvas.axes.add_collection(LineCollection(lines[seen][..., :2], colors="white", linewidths=2.2))

    scene.target_ring(canvas, view, evidence, hidden_mm=evidence.depth_mm)
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
    scene.letters(canvas, view)
    scene.color_bar(canvas, best, COLORS, "dose in V/m at 1 A/µs")
    return canvas.rgb()


def angle_picture(evidence: PlanEvidence) -> NDArray[np.uint8]:
    """The dose against the angle at the best place, (h, w, 3) uint8."""
    angle, dose = _curve(evidence)
    top = float(max(np.nanmax(dose), evidence.best.dose_v_per_m))
    height = HEIGHT + scene.STRIP
    figure = Figure((WIDTH / DOTS_PER_INCH, height / DOTS_PER_INCH), dpi=DOTS_PER_INCH, facecolor="white")
    agg = FigureCanvasAgg(figure)
    axes = figure.add_axes((0.13, 0.14, 0.77, 0.78))
    axes.fill_between(
        angle, 0, dose, where=dose >= NEARLY_BEST * top, color=COIL, alpha=0.16, linewidth=0, interpolate=True
    )
    axes.plot(angle, dose, color=COIL, linewidth=3)
    axes.axhline(NEARLY_BEST * top, color=QUIET, linewidth=1.2, linestyle=(0, (4, 3)))
    axes.text(
        1.01, NEARLY_BEST * top, "95 %", fontsize=18, color=QUIET, va="center", transform=axes.get_yaxis_transform()
    )
    best_angle = _same_turn(evidence.best.angle_deg, angle)
    axes.plot([best_angle], [evidence.best.dose_v_per_m], "o", color=INK, markersize=14, markeredgecolor="white")
    axes.annotate(
        f"best {evidence.best.angle_deg:.0f}°".replace("-", "−"),
        (best_angle, evidence.best.dose_v_per_m),
        xytext=(0, 13),
        textcoords="offset points",
        ha="center",
        fontsize=21,
        fontweight="bold",
        color=INK,
        annotation_clip=False,
    )
    axes.set_xlim(angle[0], angle[-1])
    axes.set_ylim(min(0.0, 1.1 * float(np.nanmin(dose))), 1.18 * top)
    axes.xaxis.set_major_locator(MultipleLocator(90 if np.ptp(angle) > 200 else 45))
    axes.xaxis.set_major_formatter(lambda x, _: f"{x:.0f}°".replace("-", "−"))
    axes.tick_params(labelsize=18, colors=INK, length=5)
    axes.grid(color="#e4e8ec", linewidth=1)
    axes.set_axisbelow(True)
    for edge in ("top", "right"):
        axes.spines[edge].set_visible(False)
    axes.set_xlabel("angle of the induced current", fontsize=20, color=INK, labelpad=10)
    axes.set_title("dose in V/m at 1 A/µs", fontsize=20, color=INK, loc="left", pad=10)
    agg.draw()
    return np.array(agg.buffer_rgba())[..., :3].copy()


def _curve(evidence: PlanEvidence) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Angle and dose, rising, finely drawn, and closed if the angles go once round."""
    order = np.argsort(evidence.angles_deg)
    angle, dose = evidence.angles_deg[order], evidence.dose_by_angle_v_per_m[order]
    step = float(np.median(np.diff(angle))) if len(angle) > 1 else 1.0
    if abs(np.ptp(angle) + step - 360.0) < 0.5 * step:
        angle, dose = np.append(angle, angle[0] + 360.0), np.append(dose, dose[0])
    fine = np.linspace(angle[0], angle[-1], 1 + 8 * len(angle))
    return fine, np.interp(fine, angle, dose)


def _same_turn(angle_deg: float, angles_deg: NDArray[np.float64]) -> float:
    """The angle, by whole turns, where the axis of ``angles_deg`` has it."""
    return float(angles_deg[0] + (angle_deg - angles_deg[0]) % 360.0)


def angle_tolerance_deg(evidence: PlanEvidence) -> float:
    """How far the coil may be turned to either side before the dose falls below 95 % of the best, degrees."""
    away = (evidence.angles_deg - evidence.best.angle_deg + 180.0) % 360.0 - 180.0
    low = ~(evidence.dose_by_angle_v_per_m >= NEARLY_BEST * evidence.best.dose_v_per_m)
    return _first_low(np.abs(away), low)


def position_tolerance_mm(evidence: PlanEvidence) -> float:
    """How far the coil may be moved, in any direction, before the dose at the best angle falls below 95 %, mm."""
    away = np.linalg.norm(evidence.scalp_points_mm - evidence.best.scalp_mm, axis=1)
    low = ~(evidence.best_dose_at_point_v_per_m >= NEARLY_BEST * evidence.best.dose_v_per_m)  # NaN: no place for a coil
    return _first_low(away, low)


def _first_low(away: NDArray[np.float64], low: NDArray[np.bool_]) -> float:
    """The largest tried distance that is nearer than every low one (all of them if none is low)."""
    limit = away[low].min() if low.any() else np.inf
    kept = away[away < limit]
    return float(kept.max()) if len(kept) else 0.0
