"""The robustness block of ``plan.json``: what placement errors make of placement 1, and the pose that minds them least."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from targeting.records.json_records import require

if TYPE_CHECKING:
    from targeting.robustness.robustness import Robustness


@dataclass(frozen=True)
class PlanRobustness:
    """What placement errors make of placement 1, and the pose that minds them least; doses at 1 A/µs."""

    shift_mm: float  # errors: the coil shifted along the scalp by up to this, ...
    turn_deg: float  # ... turned by up to this ...
    tilt_deg: float  # ... and tilted by up to this, the casing kept at its distance
    worst_v_per_m: float  # the dose that 95 % of the errors exceed
    mean_v_per_m: float
    within_mm: float  # moved by less than this, its current kept in direction, the coil keeps 90 % of the dose
    turn_clockwise_deg: float  # turned by less than this, too; seen from outside the head
    turn_counter_clockwise_deg: float
    robust_pose: list[list[float]]  # coil → world, mm: the pose with the largest worst case
    robust_scalp_mm: list[float]
    robust_dose_v_per_m: float
    robust_worst_v_per_m: float


def plan_robustness(robust: Robustness) -> PlanRobustness:
    """The block of what the stage found."""
    return PlanRobustness(
        shift_mm=robust.error.shift_mm,
        turn_deg=robust.error.turn_deg,
        tilt_deg=robust.error.tilt_deg,
        worst_v_per_m=robust.worst_v_per_m,
        mean_v_per_m=robust.mean_v_per_m,
        within_mm=robust.within_mm,
        turn_clockwise_deg=-robust.turn_deg[0],
        turn_counter_clockwise_deg=robust.turn_deg[1],
        robust_pose=np.asarray(robust.robust_pose, dtype=np.float64).tolist(),
        robust_scalp_mm=np.asarray(robust.robust_scalp_mm, dtype=np.float64).tolist(),
        robust_dose_v_per_m=robust.robust_dose_v_per_m,
        robust_worst_v_per_m=robust.robust_worst_v_per_m,
    )


def check_robustness(robustness: PlanRobustness) -> None:
    """What the annotations cannot say.

    Raises
    ------
    InputError
        If a number is not possible.
    """
    require([len(row) for row in robustness.robust_pose] == [4] * 4, "robustness.robust_pose must be 4 × 4 numbers")
    require(len(robustness.robust_scalp_mm) == 3, "robustness.robust_scalp_mm must be three numbers")
    sizes = (robustness.within_mm, robustness.turn_clockwise_deg, robustness.turn_counter_clockwise_deg)
    require(min(sizes) >= 0, "robustness: within_mm or a turn is negative")
    require(
        robustness.robust_worst_v_per_m >= robustness.worst_v_per_m,
        "robustness: the robust pose's worst case must not be below the planned one's",
    )
