"""Where the dose stays near the best: the region on the scalp that a line is drawn round, and how far it reaches.

The region is that of the robustness: the coil moved along the scalp, its current kept in direction, as an operator moves
it.  In plans without it, it is that of the search, each place at its own best angle.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from targeting.report.evidence import PlanEvidence
from targeting.robustness.robustness import NEAR_BEST
from targeting.scene.raster.sections import level_lines
from targeting.scene.raster.surface import Surface

NEIGHBOURS = 4
PERCENT = f"{100 * NEAR_BEST:.0f} %"


def near_best_lines(evidence: PlanEvidence) -> NDArray[np.float64]:
    """The line on the scalp inside which the coil keeps 90 % of the best dose, as pieces (s, 2, 3), mm."""
    share = on_scalp(evidence.scalp, *_shares(evidence))
    return level_lines(evidence.scalp.points_mm, evidence.scalp.triangles, share, NEAR_BEST)


def nearest_loss_mm(evidence: PlanEvidence) -> float:
    """Moved by less than this in any direction, the coil keeps 90 % of the dose."""
    robust = evidence.plan.robustness
    if robust is not None:
        return robust.within_mm
    points, share = _shares(evidence)
    return first_low(np.linalg.norm(points - evidence.best.scalp_mm, axis=1), ~(share >= NEAR_BEST))


def farthest_reach_mm(evidence: PlanEvidence) -> float:
    """The farthest place that still has 90 % of the dose, from the best place, mm."""
    points, share = _shares(evidence)
    away = np.linalg.norm(points - evidence.best.scalp_mm, axis=1)
    return float(away[share >= NEAR_BEST].max(initial=0.0))


def on_scalp(scalp: Surface, points_mm: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Values at points of the scalp, taken to every point of its surface, (n,); NaN where no point is near.

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


def _shares(evidence: PlanEvidence) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Scalp points (P, 3) and the share of the best dose there, 0 where no coil can stand, (P,)."""
    if evidence.around_mm is not None and evidence.share_around is not None:
        return evidence.around_mm, np.nan_to_num(evidence.share_around)
    dose = evidence.best_dose_at_point_v_per_m / max(evidence.best.dose_v_per_m, 1e-30)
    return evidence.scalp_points_mm, np.where(np.isfinite(dose), dose, 0.0)
