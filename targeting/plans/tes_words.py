"""What a montage's plan says in plain text: its dose, how it compares with the standard montage, and how good it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from targeting.plans.tes import TesPlan
from targeting.records.montage import PlanElectrode, PlanOptimum
from targeting.records.pole import ANODE, CATHODE, MIXED, OF_CORTEX
from targeting.tes.montage_dose import MontageDose
from targeting.tes.montages import SIDES, STANDARD, montage_named
from targeting.words.fact import Fact
from targeting.words.numbers import (
    listed,
    milliamperes,
    number,
    point,
    sentence,
    size,
    three_digits,
    total_current,
    trimmed,
)

DOSE = "Dose in the target"  # the box of the page's header
KINDS = {"tdcs": "tDCS", "hd-tdcs": "HD-tDCS"}  # a plan's kind as it is written
PROVEN = 5e-4  # a gap below this is none


def electrode_words(name: str, current_ma: float) -> str:
    """An electrode's name and current.

    Examples
    --------
    >>> electrode_words("C3", 2.0), electrode_words("Fp2", -0.25)
    ('C3 +2 mA', 'Fp2 −0.25 mA')
    """
    return f"{name} {milliamperes(current_ma)}"


def montage_boxes(plan: TesPlan, field_direction: str) -> list[tuple[Fact, str]]:
    """What the page's header says: currents, time, dose and pole, each with the name of its colour ("" for none).

    ``field_direction`` is the way the mean field in the target runs, in words.
    """
    anodes = [each for each in plan.montage if each.current_ma > 0]
    cathodes = [each for each in plan.montage if each.current_ma < 0]
    session = session_fact(plan)
    dose = f"{dose_beside_standard(plan)} The field runs {field_direction}."
    boxes = [
        (Fact("Anodes: current into the head", _currents(anodes), more=_sizes(anodes)), ANODE),
        (Fact("Cathodes: current out of it", _currents(cathodes), more=_sizes(cathodes)), CATHODE),
        (replace(session, more=f"{session.more}."), ""),
        (Fact(DOSE, dose_fact(plan).value, "V/m", dose), ""),
    ]
    if plan.pole is not None:
        acting = {ANODE: "Anode", CATHODE: "Cathode", MIXED: "Neither clearly"}[plan.pole.acting]
        pole = Fact("Pole that acts on the target", acting, more=f"{sentence(plan.pole.words)}.")
        boxes.append((pole, plan.pole.acting if plan.pole.acting != MIXED else ""))
    return boxes


def session_fact(plan: TesPlan) -> Fact:
    """The total current, for how long, and the charge that is."""
    time = f"{total_current(plan.total_current_ma)}, {trimmed(plan.minutes)} min"
    return Fact("Current and time", time, more=f"{trimmed(plan.charge_c)} C in a session")


def current_fact(electrode: PlanElectrode) -> Fact:
    """An electrode's current, and its density under the electrode."""
    current, unit = milliamperes(electrode.current_ma).split()
    return Fact(electrode.name, current, unit, f"{three_digits(electrode.density_a_per_m2)} A/m²")


def electrode_rows(plan: TesPlan) -> list[list[str]]:
    """For each electrode its name, current (mA), shape with its size (mm), current density (A/m²) and scalp point (mm)."""
    return [
        [
            each.name,
            current_fact(each).value,
            f"{each.shape} {size(each.size_mm)}",
            three_digits(each.density_a_per_m2),
            ", ".join(number(x) for x in each.scalp_mm),
        ]
        for each in plan.montage
    ]


def dose_fact(plan: TesPlan) -> Fact:
    """The dose in the target at the plan's currents."""
    return Fact("Dose", three_digits(plan.dose.dose_v_per_m), "V/m", plan.objective)


def dose_facts(plan: TesPlan) -> list[Fact]:
    """The montage's numbers, each with its unit: dose, field in grey matter, brain and eyes, and what the optimum is worth."""
    dose = plan.dose
    away = float(np.linalg.norm(np.array(dose.peak_mm) - plan.target.center_mm))
    peak = f"exceeded in 0.1 % of it; the largest lies at {point(dose.peak_mm)} mm, {number(away)} mm from the target’s centre"
    facts = [dose_fact(plan)]
    if plan.pole is not None:
        of = "the cortex’s mean inward normal" if plan.pole.inward_of == OF_CORTEX else "the way from the nearest scalp"
        into = three_digits(plan.pole.normal_v_per_m)
        facts.append(Fact("Into the cortex in the target", into, "V/m", f"along {of}; negative: out of it"))
    facts += [
        target_fact(dose),
        Fact("Largest |E| in the target", three_digits(dose.max_e_v_per_m), "V/m"),
        Fact("Peak |E| in grey matter", three_digits(dose.peak_e_v_per_m), "V/m", peak),
        *safety_facts(plan),
    ]
    if plan.optimum is not None:
        held = listed(plan.optimum.binding) if plan.optimum.binding else "no limit"
        facts += [Fact("What was optimised", more=optimum_words(plan.optimum)), Fact("Held by", more=held)]
    return facts


def target_fact(dose: MontageDose) -> Fact:
    """The mean field in the target."""
    return Fact("Mean |E| in the target", three_digits(dose.mean_e_v_per_m), "V/m")


def safety_facts(plan: TesPlan) -> list[Fact]:
    """The field in the brain and in the eyes, where the head has eyes."""
    facts = [Fact("|E| in the brain", three_digits(plan.brain_e_v_per_m), "V/m", "exceeded in 0.1 %")]
    if plan.eye_e_v_per_m is not None:
        facts.append(Fact("|E| in the eyes", three_digits(plan.eye_e_v_per_m), "V/m", "exceeded in 1 %"))
    return facts


def standard_name(plan: TesPlan) -> str:
    """The name of the standard montage that the plan's is compared with."""
    return plan.standard.dose.montage if plan.standard is not None else "the standard montage"


def dose_words(dose: MontageDose) -> str:
    """A montage's effect in one line."""
    return (
        f"{three_digits(dose.dose_v_per_m)} V/m at {total_current(dose.total_current_ma)}; {target_fact(dose).phrase}, "
        f"in grey matter {three_digits(dose.grey_mean_e_v_per_m)} V/m (focality {number(dose.focality, 2)})"
    )


def standard_words(plan: TesPlan) -> str:
    """How the montage compares with the standard one, in sentences."""
    standard = plan.standard
    if standard is None:
        if is_standard(plan):
            return f"This is the standard montage itself ({STANDARD})."
        return "The standard montage does not fit on this head."
    focal, usual = (standard.focality_ratio - 1) * 100, standard.dose.montage
    focality = (
        f"{number(abs(focal), 0)} % {'more' if focal >= 0 else 'less'} focal (mean |E| in the target over mean |E| in "
        "grey matter)"
    )
    if standard.dose_ratio is None or standard.same_dose_ma is None:
        return f"Along this direction {usual} or this montage gives no dose. This montage is {focality} than {usual}."
    more = (standard.dose_ratio - 1) * 100
    dose = f"{number(abs(more), 0)} % {'more' if more >= 0 else 'less'} dose in the target"
    return (
        f"At the same total current this montage gives {dose} than {usual}, and is {focality}. It gives the dose of {usual} "
        f"at {total_current(standard.dose.total_current_ma)} with about {number(standard.same_dose_ma)} mA."
    )


def dose_beside_standard(plan: TesPlan) -> str:
    """The dose beside the standard montage's in a few words."""
    if is_standard(plan):
        return "The standard montage itself."
    if plan.standard is None or plan.standard.dose_ratio is None:
        return "In the mean over the target."
    return f"{number(plan.standard.dose_ratio, 2)} times that of {plan.standard.dose.montage} at the same current."


def is_standard(plan: TesPlan) -> bool:
    """Whether a plan's montage is the one that others are compared with, at any current."""
    if plan.standard is not None:
        return False
    shares = {each.name: each.current_ma / plan.total_current_ma for each in plan.montage}
    return any(
        set(shares) == set(usual.shares)
        and all(abs(shares[name] - share) < 1e-6 for name, share in usual.shares.items())
        for usual in (montage_named(STANDARD, side) for side in SIDES)
    )


def beside_standard(plan: TesPlan) -> list[tuple[str, str, str]]:
    """The numbers of the montage and of the standard one: what it is, here, there; empty where none is compared."""
    if plan.standard is None:
        return []
    ours, theirs = plan.dose, plan.standard.dose
    rows = [
        ("Total current", total_current(ours.total_current_ma), total_current(theirs.total_current_ma)),
        ("Dose in the target, V/m", three_digits(ours.dose_v_per_m), three_digits(theirs.dose_v_per_m)),
    ]
    if plan.pole is not None and plan.pole.standard_normal_v_per_m is not None:
        into = (plan.pole.normal_v_per_m, plan.pole.standard_normal_v_per_m)
        rows.append(("Into the cortex in the target (− out of it), V/m", three_digits(into[0]), three_digits(into[1])))
    return [
        *rows,
        ("Mean |E| in the target, V/m", three_digits(ours.mean_e_v_per_m), three_digits(theirs.mean_e_v_per_m)),
        (
            "Mean |E| in grey matter, V/m",
            three_digits(ours.grey_mean_e_v_per_m),
            three_digits(theirs.grey_mean_e_v_per_m),
        ),
        (
            "Peak |E| in grey matter (99.9 %), V/m",
            three_digits(ours.peak_e_v_per_m),
            three_digits(theirs.peak_e_v_per_m),
        ),
        ("Focality: target over grey matter", number(ours.focality, 2), number(theirs.focality, 2)),
        (
            "Grey matter elsewhere above the target’s mean, cm³",
            number(ours.stronger_cm3, 1),
            number(theirs.stronger_cm3, 1),
        ),
    ]


def optimum_words(optimum: PlanOptimum) -> str:
    """How good the montage is among all that the limits allow."""
    best = f"{optimum.objective}; on the leadfield of {optimum.candidates} positions "
    if optimum.gap is None:
        best += "no bound on better ones is known"
    elif optimum.gap < PROVEN:
        best += "no montage within the limits does better"
    else:
        best += f"no montage within the limits does better by more than {100 * optimum.gap:.2g} %"
    change = optimum.dose_v_per_m / optimum.unrounded_dose_v_per_m - 1 if optimum.unrounded_dose_v_per_m else 0.0
    rounding = (
        "nothing" if abs(change) < PROVEN else f"the dose by {'+' if change > 0 else '−'}{abs(100 * change):.2g} %"
    )
    return f"{best}; rounding the currents to 0.1 mA changed {rounding}"


def _currents(electrodes: Sequence[PlanElectrode]) -> str:
    return listed([electrode_words(each.name, each.current_ma) for each in electrodes])


def _sizes(electrodes: Sequence[PlanElectrode]) -> str:
    return sentence("; ".join(sorted({f"{each.shape}, {size(each.size_mm)} mm" for each in electrodes})))
