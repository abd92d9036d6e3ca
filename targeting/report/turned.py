"""How a coil is held and driven, in words and pictures of a report: the handle's angle, the clock, the pulse, the current."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from targeting.plans.handling import PlanAngle, PlanPulse
from targeting.plans.tms import Plan
from targeting.stimulators.pulse import NORMAL
from targeting.words.numbers import Fact, number, three_digits

if TYPE_CHECKING:
    from targeting.report.evidence import PlanEvidence

NOT_DETERMINED = "the dose does not determine the angle; the muscle does"
ASSUMED = "assumed: the sign of the coil’s file is the first phase in the normal setting"


def angle_facts(plan: Plan) -> list[Fact]:
    """The handle's angle, what the dose says of it, the pulse and the current; none of a plan that does not tell."""
    found = []
    if plan.angle is not None:
        found.append(
            Fact("Handle", plan.angle.words, f"on a clock face seen from above, nose at 12: {plan.angle.clock}")
        )
        found.append(Fact("Why this angle", plan.angle.why, dose_over_angles(plan.angle)))
    if plan.pulse is not None:
        found.append(Fact("Pulse and stimulator", drive_words(plan.pulse), ASSUMED))
        found.append(Fact("Current in the brain", effective_words(plan.pulse), first_words(plan.pulse)))
    return found


def dose_over_angles(angle: PlanAngle) -> str:
    """How far the dose depends on the angle."""
    low = f"over all angles at this place the dose stays above {number(100 * angle.lowest_share, 0)} % of its largest"
    return low if angle.determined else f"{low}: {NOT_DETERMINED}"


def drive_words(pulse: PlanPulse) -> str:
    """The pulse, whose, and the setting.

    Examples
    --------
    >>> pulse = PlanPulse("biphasic", "reverse", True, "second", 1, "", None, True, "back", "forward")
    >>> drive_words(pulse)
    'biphasic pulse, current direction set to reverse'
    """
    whose = f" of {pulse.stimulator}" if pulse.stimulator else ""
    if pulse.reversible is False:
        return f"{pulse.form} pulse{whose}, which has one current direction"
    return f"{pulse.form} pulse{whose}, current direction set to {pulse.current}"


def effective_words(pulse: PlanPulse) -> str:
    """Which way the current runs when it counts, and whether it is the way that is wanted."""
    wanted = {True: ", as the target wants it", False: ", against what the target wants", None: ""}[pulse.as_wanted]
    return f"{pulse.effective_runs} in the effective phase, the {pulse.effective_phase}{wanted}"


def first_words(pulse: PlanPulse) -> str:
    """Which way it runs in the first phase."""
    return f"in the first phase {pulse.first_runs}"


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


def terminal_lines(plan: Plan) -> list[str]:
    """The angle and the pulse for a terminal."""
    found = []
    if plan.angle is not None:
        found.append(
            f"angle      {plan.angle.words} ({plan.angle.clock} on a clock face seen from above); {plan.angle.why}"
        )
        found.append(f"           {dose_over_angles(plan.angle)}")
    if plan.pulse is not None:
        found.append(f"pulse      {drive_words(plan.pulse)}; the current runs {effective_words(plan.pulse)}")
    return found


def setting_words(pulse: PlanPulse | None) -> str:
    """The stimulator's setting in a word or two, for a box."""
    if pulse is None:
        return ""
    if pulse.reversible is False:
        return f"{pulse.form}, one current direction"
    return f"{pulse.form}, current {'normal' if pulse.current == NORMAL else 'REVERSE'}"
