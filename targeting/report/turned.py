"""How a coil is held and driven, in words and pictures of a report: the handle's angle, the clock, the pulse, the current."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from targeting.plans.angle import PlanAngle
from targeting.plans.tms import Plan
from targeting.plans.tms_words import dose_over_angles
from targeting.words.numbers import number, three_digits

if TYPE_CHECKING:
    from targeting.report.evidence import PlanEvidence


def angle_table(angle: PlanAngle | None) -> str:
    """The dose at some angles of the handle, as HTML; nothing for a plan that does not tell."""
    from targeting.report.parts import esc, row

    if angle is None:
        return ""
    rows = "\n".join(
        row(
            esc(each.name[:1].upper() + each.name[1:]),
            signed_deg(each.handle_deg),
            three_digits(each.dose_v_per_m),
            number(100 * each.share, 0),
        )
        for each in angle.rows
    )
    return (
        '<div class="scroll" tabindex="0" role="region" aria-label="The dose at some angles">'
        '<table class="ranking even slim"><thead><tr><th scope="col">Angle</th>'
        '<th scope="col">Handle to the midline<small>outwards positive</small></th>'
        '<th scope="col">Dose<small>V/m at 1 A/µs</small></th><th scope="col">Of the largest<small>%</small></th></tr></thead>'
        f"<tbody>{rows}</tbody></table></div><p>{esc(dose_over_angles(angle)[:1].upper() + dose_over_angles(angle)[1:])}.</p>"
    )


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
