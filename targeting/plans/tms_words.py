"""What a coil's plan says in plain text: its dose and output, how the coil is held and driven, why it cannot sit closer."""

from __future__ import annotations

import numpy as np

from targeting.dosing.motor_threshold import volts
from targeting.dosing.reach import coil_on
from targeting.dosing.record import PlanDosing
from targeting.dosing.words import share_words, target_words, threshold_words, why_words
from targeting.engines import by_engine
from targeting.plans.handling import PlanAngle, PlanPulse
from targeting.plans.tms import Placement, Plan, PlanCoil
from targeting.robustness.words import robustness_facts
from targeting.stimulators.pulse import NORMAL
from targeting.tms.placement import HELD_OFF_MM
from targeting.uncertainty.words import uncertainty_facts
from targeting.words.fact import Fact
from targeting.words.numbers import degrees, direction_words, number, point, sentence, three_digits, trimmed

NOT_DETERMINED = "the dose does not determine the angle; the muscle does"
ASSUMED = "assumed: the sign of the coil’s file is the first phase in the normal setting"


def pose_names(plan: Plan) -> list[str]:
    """What the plan's placements are called in the files that are written for navigators, the best first."""
    return [f"{plan.target.name}-{each.rank}" for each in plan.placements]


def coil_fact(coil: PlanCoil) -> Fact:
    """The coil, and up to which dI/dt it is driven, where that is known."""
    more = "" if coil.max_didt_a_per_s is None else f"up to {top_didt(coil.max_didt_a_per_s)}"
    return Fact("Coil", coil.name, more=more + (f" on a {coil.rated_on}" if more and coil.rated_on else ""))


def top_didt(didt_a_per_s: float) -> str:
    """The largest rate of change of a coil's current, as its maker gives it."""
    return f"{trimmed(didt_a_per_s / 1e6)} A/µs"


def placement_facts(placement: Placement, best: Placement) -> list[Fact]:
    """A placement among others: its dose, that as a share of the best one's, and the angle of its current."""
    return [
        Fact("Dose", three_digits(placement.dose_v_per_m), "V/m"),
        share_fact(placement.dose_v_per_m / best.dose_v_per_m if best.dose_v_per_m else 0.0),
        angle_fact(placement.angle_deg),
    ]


def share_fact(of_best: float) -> Fact:
    """A dose as a share of placement 1's."""
    return Fact("Of placement 1’s dose", number(100 * of_best), "%")


def angle_fact(angle_deg: float) -> Fact:
    """The angle of the induced current."""
    return Fact("Angle of the induced current", degrees(angle_deg))


def dose_fact(plan: Plan) -> Fact:
    """The dose of placement 1 at 1 A/µs."""
    return Fact("Dose", three_digits(plan.placements[0].dose_v_per_m), "V/m", plan.objective)


def rated_dose_fact(plan: Plan) -> Fact | None:
    """The dose at the coil's largest dI/dt; None where that is not known."""
    if plan.coil.max_didt_a_per_s is None:
        return None
    top = plan.coil.max_didt_a_per_s
    whose = f": {plan.coil.name} on a {plan.coil.rated_on}" if plan.coil.rated_on else ""
    dose = three_digits(plan.placements[0].dose_v_per_m * top / 1e6)
    return Fact("Dose at the coil’s rated maximum", dose, "V/m", f"at {top_didt(top)}{whose}")


def field_facts(plan: Plan) -> list[Fact]:
    """What a direct solve of placement 1 gives: the dose, and the field in the target."""
    best = plan.placements[0]
    facts = []
    if best.direct_dose_v_per_m is not None:
        name = f"Dose from a direct solve{by_engine(plan.search.direct_solves_by)}"
        off = 100 * (best.dose_v_per_m / best.direct_dose_v_per_m - 1) if best.direct_dose_v_per_m else 0.0
        more = f"the search differs by {number(off, 2)} %"
        facts.append(Fact(name, three_digits(best.direct_dose_v_per_m), "V/m", more))
    if best.direct_mean_e_v_per_m is not None:
        facts.append(Fact("Mean |E| in the target", three_digits(best.direct_mean_e_v_per_m), "V/m"))
    return [*facts, Fact("Largest |E| in the target", three_digits(best.max_e_v_per_m), "V/m")]


def peak_fact(plan: Plan) -> Fact:
    """The largest field in grey matter, and how far from the target it lies."""
    best = plan.placements[0]
    away = float(np.linalg.norm(np.subtract(best.peak_mm, plan.target.center_mm)))
    where = f"at {point(best.peak_mm)} mm, {number(away)} mm from the target’s centre"
    return Fact("Largest |E| in grey matter anywhere", three_digits(best.peak_e_v_per_m), "V/m", where)


def dose_facts(plan: Plan) -> list[Fact]:
    """The dose, what placement errors and conductivities make of it, and the field in and out of the target."""
    best = plan.placements[0]
    facts = [dose_fact(plan)]
    if plan.robustness is not None:
        facts += robustness_facts(plan.robustness, best.scalp_mm)
    if plan.uncertainty is not None:
        facts += uncertainty_facts(plan.uncertainty)
    facts += [*field_facts(plan), peak_fact(plan)]
    if best.dose_v_per_m > 0:
        facts.append(Fact("That peak over the dose", number(best.peak_e_v_per_m / best.dose_v_per_m, 2)))
    rated = rated_dose_fact(plan)
    return [*facts, rated] if rated else facts


def place_box(plan: Plan, near: str) -> Fact:
    """Where the coil's centre goes: beside an electrode position (``near``), or its coordinates where that is not known."""
    where = ", ".join(each.replace(" ", "\u00a0") for each in point(plan.placements[0].scalp_mm).split(", "))
    name = "Coil’s centre on the scalp"  # the spaces of `where` are hard: no line ends after an x
    if near:
        return Fact(name, near, more=f"{where} mm, in the frame of the image.")
    return Fact(name, where, "mm", "In the frame of the image.")


def output_box(dosing: PlanDosing | None) -> Fact:
    """The stimulator's output, and what the target gets by it."""
    name = "Stimulator output"
    if dosing is None:
        return Fact(name, "not known", more="No motor threshold was given (--rmt), so no % MSO.")
    if dosing.given_percent is None:
        whose = sentence(f"{threshold_words(dosing)}: {number(dosing.rmt_percent)} % MSO.")
        return Fact(name, "not asked for", more=f"{whose} A protocol would set it.")
    more = f"{share_words(dosing)}{why_words(dosing)}. {sentence(target_words(dosing))}."
    return Fact(name, f"{dosing.given_percent} %", "MSO", more)


def output_kind(dosing: PlanDosing | None) -> str:
    """The colour of that box: an output that is not known is open, one that a limit holds is amber."""
    if dosing is None or dosing.given_percent is None:
        return "open"
    return "" if dosing.clamp == "none" else "amber"


def dose_box(plan: Plan) -> Fact:
    """The dose for the header: at the stimulator's output, for published conductivities, at the coil's largest dI/dt."""
    more = []
    if plan.dosing is not None and plan.dosing.target_v_per_m is not None:
        more.append(f"{volts(plan.dosing.target_v_per_m)} at this output.")
    if plan.uncertainty is not None:
        low, high = plan.uncertainty.dose_low_v_per_m, plan.uncertainty.dose_high_v_per_m
        more.append(f"{three_digits(low)} to {three_digits(high)} for published conductivities.")
    rated, top = rated_dose_fact(plan), plan.coil.max_didt_a_per_s
    if rated is None or top is None:
        more.append("The coil’s maximum dI/dt is not known.")
    else:
        whose = coil_on(plan.coil.name, plan.coil.rated_on) or "the coil’s rated maximum"
        more.append(f"{rated.text} at {top_didt(top)}: {whose}.")
    return Fact("Dose in the target", dose_fact(plan).value, "V/m per A/µs", " ".join(more))


def handle_facts(plan: Plan) -> list[Fact]:
    """The handle's angle, what the dose says of it, the pulse and the current; empty for a plan of before 1.6."""
    facts = []
    if plan.angle is not None:
        clock = f"on a clock face seen from above, nose at 12: {plan.angle.clock}"
        facts += [
            Fact("Handle", plan.angle.words, more=clock),
            Fact("Why this angle", plan.angle.why, more=dose_over_angles(plan.angle)),
        ]
    if plan.pulse is not None:
        first = f"in the first phase {plan.pulse.first_runs}"
        facts += [
            Fact("Pulse and stimulator", pulse_words(plan.pulse), more=ASSUMED),
            Fact("Current in the brain", effective_current(plan.pulse), more=first),
        ]
    return facts


def handle_lines(plan: Plan) -> list[tuple[str, str]]:
    """The same for a terminal: a name and a statement each."""
    lines = []
    if plan.angle is not None:
        lines += [
            ("angle", f"{plan.angle.words} ({plan.angle.clock} on a clock face seen from above); {plan.angle.why}"),
            ("", dose_over_angles(plan.angle)),
        ]
    if plan.pulse is not None:
        lines.append(("pulse", f"{pulse_words(plan.pulse)}; the current runs {effective_current(plan.pulse)}"))
    return lines


def handle_words(plan: Plan) -> str:
    """How the handle is turned: its angle to the midline, or where it points for a plan of before 1.6."""
    return plan.angle.words if plan.angle is not None else f"handle pointing {handle_direction(plan.placements[0])}"


def handle_direction(placement: Placement) -> str:
    """Where the handle points, as "back and to the left"."""
    return direction_words([-row[1] for row in placement.pose[:3]])


def clock_words(plan: Plan) -> str:
    """Where the handle points on a clock face; empty for a plan of before 1.6."""
    return f"{plan.angle.clock} on a clock seen from above, nose at 12" if plan.angle is not None else ""


def dose_over_angles(angle: PlanAngle) -> str:
    """How far the dose depends on the angle."""
    low = f"over all angles at this place the dose stays above {number(100 * angle.lowest_share, 0)} % of its largest"
    return low if angle.determined else f"{low}: {NOT_DETERMINED}"


def pulse_words(pulse: PlanPulse) -> str:
    """The pulse, the stimulator it is of, and its current-direction setting.

    Examples
    --------
    >>> pulse = PlanPulse("biphasic", "reverse", True, "second", 1, "", None, True, "back", "forward")
    >>> pulse_words(pulse)
    'biphasic pulse, current direction set to reverse'
    """
    whose = f" of {pulse.stimulator}" if pulse.stimulator else ""
    if pulse.reversible is False:
        return f"{pulse.form} pulse{whose}, which has one current direction"
    return f"{pulse.form} pulse{whose}, current direction set to {pulse.current}"


def setting_words(pulse: PlanPulse | None) -> str:
    """The stimulator's setting in a few words, for a box; empty for a plan of before 1.6."""
    if pulse is None:
        return ""
    if pulse.reversible is False:
        return f"{pulse.form}, one current direction"
    return f"{pulse.form}, current {'normal' if pulse.current == NORMAL else 'REVERSE'}"


def effective_current(pulse: PlanPulse) -> str:
    """Which way the current runs in the effective phase, and whether the target wants it so."""
    agrees = {True: ", as the target wants it", False: ", against what the target wants", None: ""}[pulse.as_wanted]
    return f"{pulse.effective_runs} in the effective phase, the {pulse.effective_phase}{agrees}"


def is_held_off(placement: Placement) -> bool:
    """Whether some part of the casing keeps the middle of its face clearly farther from the scalp than was asked for."""
    return placement.closer_depth_mm is not None and placement.closer_depth_mm >= HELD_OFF_MM


def held_off_words(placement: Placement) -> str:
    """The closer pose that was refused: its dose, and where its casing would touch the head; "" where a plan does not say."""
    if placement.closer_depth_mm is None or placement.closer_dose_v_per_m is None or placement.closer_at_mm is None:
        return ""
    if not is_held_off(placement):
        return "nothing holds the coil off: the middle of its face is as near to the scalp as was asked for"
    where = ", ".join(number(x, 0) for x in placement.closer_at_mm)
    return (
        f"with the middle of its face as near to the scalp as was asked for, the coil would give "
        f"{three_digits(placement.closer_dose_v_per_m)} V/m ({_gain(placement)}), but that pose is refused: its casing "
        f"would be {number(placement.closer_depth_mm)} mm too near to the head, or in it, at ({where}) mm"
    )


def held_off_cell(placement: Placement) -> str:
    """The same for a cell of a table: how much too near, and the change of the dose."""
    if placement.closer_depth_mm is None or placement.closer_dose_v_per_m is None:
        return "not known"
    return f"{number(placement.closer_depth_mm)} ({_gain(placement)})"


def _gain(placement: Placement) -> str:
    """What the closer pose would change of the dose."""
    closer = placement.closer_dose_v_per_m or 0.0
    if placement.dose_v_per_m <= 0:
        return "from no dose"
    gain = 100 * (closer / placement.dose_v_per_m - 1)
    return f"{'+' if gain >= 0.05 else ''}{number(gain)} %"
