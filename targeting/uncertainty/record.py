"""The uncertainty block of ``plan.json``: what published ranges of conductivity make of placement 1."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from targeting.records.json_records import require

if TYPE_CHECKING:
    from targeting.uncertainty import DoseSpread


@dataclass(frozen=True)
class PlanUncertainty:
    """What published ranges of conductivity make of placement 1; doses at 1 A/µs."""

    dose_low_v_per_m: float  # 5th percentile
    dose_median_v_per_m: float
    dose_high_v_per_m: float  # 95th percentile
    best_pose_shift_mm: float  # 95 % of the draws have their best pose within this distance ...
    best_pose_turn_deg: float  # ... and this turn of the planned one ...
    dose_lost_share: float  # ... and lose no more of their dose than this by keeping the planned one
    shares: dict[str, float]  # tissue → main effect on the dose's variance
    ranges_s_per_m: dict[str, list[float]]
    distribution: str
    sources: list[str]
    draws: int


def plan_uncertainty(spread: DoseSpread) -> PlanUncertainty:
    """The block of what the stage found."""
    low, median, high = spread.dose_v_per_m
    return PlanUncertainty(
        dose_low_v_per_m=low,
        dose_median_v_per_m=median,
        dose_high_v_per_m=high,
        best_pose_shift_mm=spread.shift_mm,
        best_pose_turn_deg=spread.turn_deg,
        dose_lost_share=spread.lost_share,
        shares=dict(spread.shares),
        ranges_s_per_m={each.tissue: [each.low_s_per_m, each.high_s_per_m] for each in spread.ranges},
        distribution=spread.distribution,
        sources=sorted({each.source for each in spread.ranges}),
        draws=spread.draws,
    )


def check_uncertainty(uncertainty: PlanUncertainty) -> None:
    """What the annotations cannot say.

    Raises
    ------
    InputError
        If a number is not possible.
    """
    interval = [uncertainty.dose_low_v_per_m, uncertainty.dose_median_v_per_m, uncertainty.dose_high_v_per_m]
    require(interval == sorted(interval), "uncertainty: the doses low, median and high must not fall")
    sizes = (uncertainty.best_pose_shift_mm, uncertainty.best_pose_turn_deg, uncertainty.dose_lost_share)
    require(min(sizes) >= 0, "uncertainty: a shift, a turn or a lost share is negative")
    for tissue, limits in uncertainty.ranges_s_per_m.items():
        require(
            len(limits) == 2 and 0 < limits[0] <= limits[1],
            f"uncertainty.ranges_s_per_m.{tissue} must be two positive numbers, the smaller one first",
        )
