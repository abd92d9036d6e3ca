"""Angles of the handle, for figures and tables: of the plan, over all angles of the current, and the range of 90 % dose."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from targeting.plans.handling import PlanAngle
from targeting.plans.tms import Plan
from targeting.words.numbers import number, sentence, three_digits

if TYPE_CHECKING:
    from targeting.report.evidence import PlanEvidence


def angle_rows(angle: PlanAngle | None) -> list[tuple[str, ...]]:
    """The dose at some angles of the handle: name, angle, dose, share; none for a plan that does not tell."""
    return [
        (
            sentence(each.name),
            signed_deg(each.handle_deg),
            three_digits(each.dose_v_per_m),
            number(100 * each.share, 0),
        )
        for each in (angle.rows if angle is not None else ())
    ]


def signed_deg(deg: float) -> str:
    """An angle of the handle with its sign.

    Examples
    --------
    >>> signed_deg(-12.4), signed_deg(45)
    ('−12°', '45°')
    """
    return f"{number(deg, 0)}°"


def handles_deg(evidence: PlanEvidence) -> NDArray[np.float64]:
    """The handle's angle to the midline for each of the evidence's angles of the current, (A,)."""
    from targeting.tms.orientation import handles_of_angles_deg

    plan = evidence.plan
    normal = -evidence.best_pose.direction_mm
    return handles_of_angles_deg(
        evidence.angles_deg, normal, plan.coil.current_direction_y * plan.effective_sign, plan.target.side
    )


def planned_handle_deg(evidence: PlanEvidence) -> float:
    """The handle's angle to the midline of placement 1."""
    from targeting.tms.orientation import handle_deg

    return handle_deg(evidence.best_pose.matrix_mm, evidence.plan.target.side)


def turn_range_deg(plan: Plan, handle_deg: float) -> tuple[float, float] | None:
    """Between which angles of the handle 90 % of the dose is kept; None where it is kept at all of them, or not known."""
    robust = plan.robustness
    if robust is None or min(robust.turn_clockwise_deg, robust.turn_counter_clockwise_deg) >= 180:
        return None
    inwards, outwards = robust.turn_counter_clockwise_deg, robust.turn_clockwise_deg
    if plan.target.side == "right":
        inwards, outwards = outwards, inwards
    return handle_deg - inwards, handle_deg + outwards
