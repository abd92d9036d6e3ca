"""The robustness block of ``plan.json``: the dose under placement errors, and the pose least sensitive to them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from targeting.records.json_records import common_fields, plain, require
from targeting.records.kinds import AtLeastZero, Matrix, Point

if TYPE_CHECKING:
    from targeting.robustness.robustness import Robustness


@dataclass(frozen=True)
class PlanRobustness:
    """What placement errors do to the dose of placement 1, and the pose least sensitive to them; doses at 1 A/µs."""

    shift_mm: Annotated[AtLeastZero, "Errors tried: shifts along the scalp up to this, mm."]
    turn_deg: Annotated[AtLeastZero, "Errors tried: turns about the coil's axis up to this, degrees."]
    tilt_deg: Annotated[AtLeastZero, "Errors tried: tilts up to this, degrees; the casing keeps its distance."]
    worst_v_per_m: Annotated[float, "The dose of placement 1 that 95 % of the errors exceed, V/m."]
    mean_v_per_m: Annotated[float, "The mean dose of placement 1 over the errors, V/m."]
    within_mm: Annotated[
        AtLeastZero,
        "Moved by less than this along the scalp, its current kept in direction, the coil keeps 90 % of the dose, mm.",
    ]
    turn_clockwise_deg: Annotated[
        AtLeastZero,
        "Turned clockwise, seen from outside the head, by less than this the coil keeps 90 % of the dose, degrees.",
    ]
    turn_counter_clockwise_deg: Annotated[AtLeastZero, "The same counter-clockwise, degrees."]
    robust_pose: Annotated[
        Matrix,
        "Coil to world, RAS mm: the pose with the largest worst case, where the coil stands without an error.",
    ]
    robust_scalp_mm: Annotated[Point, "Scalp point under it, RAS mm."]
    robust_dose_v_per_m: Annotated[float, "Its dose where it should be, V/m."]
    robust_worst_v_per_m: Annotated[float, "The dose that 95 % of the errors exceed there, V/m."]

    def check(self, where: str) -> None:
        """Refuse a robust pose that is worse than the planned one."""
        better = self.robust_worst_v_per_m >= self.worst_v_per_m
        require(better, f"{where}: the robust pose's worst case must not be below the planned one's")


def plan_robustness(robust: Robustness) -> PlanRobustness:
    """Make the block of what the stage found."""
    clockwise, counter_clockwise = robust.turn_deg
    # turn_deg of the block is the error's, not the pair that the pose may be turned by
    found = common_fields(robust, PlanRobustness) | common_fields(robust.error, PlanRobustness)
    turns = {"turn_clockwise_deg": -clockwise, "turn_counter_clockwise_deg": counter_clockwise}
    return PlanRobustness(**plain(found | turns))
