"""The uncertainty block of ``plan.json``: how the dose of placement 1 varies over published conductivities."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from msgspec import Meta

from targeting.records.json_records import require
from targeting.records.kinds import AtLeastZero, Positive

if TYPE_CHECKING:
    from targeting.uncertainty import DoseSpread


@dataclass(frozen=True)
class PlanUncertainty:
    """What published ranges of conductivity make of placement 1; doses at 1 A/µs."""

    dose_low_v_per_m: Annotated[float, "5th percentile of the dose, V/m."]
    dose_median_v_per_m: Annotated[float, "Median of the dose, V/m."]
    dose_high_v_per_m: Annotated[float, "95th percentile of the dose, V/m."]
    best_pose_shift_mm: Annotated[
        AtLeastZero,
        "95 % of the draws have their best pose within this distance of the planned one, mm.",
    ]
    best_pose_turn_deg: Annotated[
        AtLeastZero,
        "95 % of the draws have their best pose within this turn of the planned one about its axis, degrees.",
    ]
    dose_lost_share: Annotated[
        AtLeastZero,
        "95 % of the draws lose no more than this share of their own best dose by keeping the planned pose.",
    ]
    shares: Annotated[
        dict[str, float],
        "Main effect of each tissue: the share of the dose's variance that goes when its conductivity is known.",
    ]
    ranges_s_per_m: Annotated[
        dict[str, Annotated[list[Positive], Meta(min_length=2, max_length=2)]],
        "Lowest and highest conductivity of each tissue that varied, S/m.",
    ]
    distribution: Annotated[str, "How conductivities were drawn from the ranges, in words."]
    sources: Annotated[list[str], "Where the ranges are from."]
    draws: Annotated[int, "How many were drawn."]

    def check(self, where: str) -> None:
        """Refuse percentiles and ranges that fall."""
        interval = [self.dose_low_v_per_m, self.dose_median_v_per_m, self.dose_high_v_per_m]
        require(interval == sorted(interval), f"{where}: the doses low, median and high must not fall")
        for tissue, (low, high) in self.ranges_s_per_m.items():
            require(low <= high, f"{where}.ranges_s_per_m.{tissue} must have the smaller number first")


def plan_uncertainty(spread: DoseSpread) -> PlanUncertainty:
    """Make the block of the stage's result."""
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
