"""What a coil's plan says of its dose, place, output and target, as facts (:class:`targeting.words.fact.Fact`)."""

from __future__ import annotations

from targeting.comparison.reach import coil_on
from targeting.dosing.motor_threshold import volts
from targeting.dosing.record import PlanDosing
from targeting.dosing.words import share_words, target_words, threshold_words, why_words
from targeting.engines import by_engine
from targeting.plans.tms import Plan, PlanCoil
from targeting.plans.tms_words import dose_fact, peak_fact, rated_dose_fact
from targeting.robustness.words import robustness_facts
from targeting.uncertainty.words import uncertainty_facts
from targeting.words.fact import Fact
from targeting.words.numbers import number, point, sentence, three_digits


def field_facts(plan: Plan) -> list[Fact]:
    """The dose, what placement errors and conductivities make of it, and the field in and out of the target."""
    best = plan.placements[0]
    facts = [dose_fact(plan)]
    if plan.robustness is not None:
        facts += robustness_facts(plan.robustness, best.scalp_mm)
    if plan.uncertainty is not None:
        facts += uncertainty_facts(plan.uncertainty)
    if best.direct_dose_v_per_m is not None:
        off = 100 * (best.dose_v_per_m / best.direct_dose_v_per_m - 1) if best.direct_dose_v_per_m else 0.0
        facts.append(
            Fact(
                f"Dose from a direct solve{by_engine(plan.search.direct_solves_by)}",
                three_digits(best.direct_dose_v_per_m),
                "V/m",
                f"the search differs by {number(off, 2)} %",
            )
        )
    if best.direct_mean_e_v_per_m is not None:
        facts.append(Fact("Mean |E| in the target", three_digits(best.direct_mean_e_v_per_m), "V/m"))
    facts += [Fact("Largest |E| in the target", three_digits(best.max_e_v_per_m), "V/m"), peak_fact(plan)]
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
    """The dose for the header: in the stimulator's setting, over published conductivities, at the coil's maximum."""
    dose, more = plan.placements[0].dose_v_per_m, []
    if plan.dosing is not None and plan.dosing.target_v_per_m is not None:
        more.append(f"{volts(plan.dosing.target_v_per_m)} at this output.")
    if plan.uncertainty is not None:
        low, high = plan.uncertainty.dose_low_v_per_m, plan.uncertainty.dose_high_v_per_m
        more.append(f"{three_digits(low)} to {three_digits(high)} for published conductivities.")
    more.append(_at_maximum(plan.coil, dose))
    return Fact("Dose in the target", three_digits(dose), "V/m per A/µs", " ".join(more))


def _at_maximum(coil: PlanCoil, dose_v_per_m: float) -> str:
    if coil.max_didt_a_per_s is None:
        return "The coil’s maximum dI/dt is not known."
    top = coil.max_didt_a_per_s / 1e6
    whose = coil_on(coil.name, coil.rated_on) or "the coil’s rated maximum"
    return f"{three_digits(dose_v_per_m * top)} V/m at {number(top, 0)} A/µs: {whose}."
