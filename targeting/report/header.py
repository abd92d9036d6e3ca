"""The header that a busy person reads in five seconds: whom and what for, where, how strongly, and whether to trust it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from targeting.dosing.motor_threshold import volts
from targeting.dosing.reach import coil_on
from targeting.dosing.record import PlanDosing
from targeting.dosing.words import share_words, target_words, threshold_words, why_words
from targeting.plans.tes import TesPlan
from targeting.records.montage import PlanElectrode
from targeting.records.pole import ANODE, CATHODE, MIXED
from targeting.records.warnings import DANGER, WARNING, PlanWarning, of_kind
from targeting.report.evidence import PlanEvidence
from targeting.report.parts import esc, sentence
from targeting.report.tes_cap import current_label
from targeting.report.turned import setting_words
from targeting.words.numbers import direction_words, listed, measured_from, number, point, three_digits

LONGEST = 110  # letters of a warning that the header shows; the whole of it stands below


class Box(NamedTuple):
    """One box of the header: what it is, its value and what goes with it, in HTML; ``kind`` is "" or a colour's name."""

    name: str
    value: str
    more: str
    kind: str = ""


def boxes(facts: Sequence[Box]) -> str:
    """The boxes, as a list of definitions."""
    items = "\n".join(
        f'<div class="fact {box.kind}"><dt>{box.name}</dt><dd class="value">{box.value}</dd>'
        f'<dd class="more">{box.more}</dd></div>'
        for box in facts
    )
    return f'<dl class="facts">\n{items}\n</dl>'


def trust_box(told: Sequence[PlanWarning]) -> Box:
    """How many dangers or warnings there are, and the worst of them; notes do not count.

    Examples
    --------
    >>> from targeting.records.warnings import danger, note, warning
    >>> few = [warning("the neck is cut"), warning("no maximum"), note("left assumed")]
    >>> trust_box(few[2:]).value, trust_box(few).value
    ('✓ No warnings', '! 2 warnings')
    >>> trust_box([danger("the coil reaches 2 mm into the head"), *few]).value
    '✕ Do not use yet'
    """
    dangers, warnings = of_kind(told, DANGER), of_kind(told, WARNING)
    if dangers:
        more = f"{_short(dangers[0].text)} <a href='#warnings'>{_count(len(dangers), 'reason')} below</a>"
        return Box("Warnings", "✕ Do not use yet", more, "red")
    if warnings:
        return Box("Warnings", f"! {_count(len(warnings), 'warning')}", _short(warnings[0].text), "amber")
    return Box("Warnings", "✓ No warnings", "Neither the plan nor the head model raises one.", "calm")


def coil_boxes(evidence: PlanEvidence, trust: Box) -> str:
    """Of a coil's plan: where, how turned, how strongly, what the target gets, and warnings."""
    plan, best = evidence.plan, evidence.best
    whole = ", ".join(
        each.replace(" ", "\u00a0") for each in point(best.scalp_mm).split(", ")
    )  # no line ends after an x
    where = Box("Coil’s centre on the scalp", f"{whole} <small>mm</small>", "In the frame of the image.")
    if evidence.near:
        where = Box("Coil’s centre on the scalp", esc(evidence.near), f"{whole} mm, in the frame of the image.")
    turned = _turned(evidence)
    return boxes(_with_trust((where, turned, _output(plan.dosing), _dose(evidence)), trust))


def _turned(evidence: PlanEvidence) -> Box:
    plan, best = evidence.plan, evidence.best
    if plan.angle is None:  # a plan of before 1.6
        handle = direction_words(-evidence.best_pose.away_from_handle_mm)
        more = f"Handle points <b>{handle}</b>. Measured from {esc(measured_from(best.angle_from))}."
        return Box("Angle of the induced current", f"{number(best.angle_deg, 0)}°", more)
    angle, held = plan.angle.words.split(", ", 1)
    more = f"<b>{esc(sentence(held))}</b>; {esc(plan.angle.clock)} on a clock face seen from above, nose at 12."
    kind = ""
    if plan.pulse is not None:
        more += f" Stimulator: <b>{esc(setting_words(plan.pulse))}</b>."
        kind = "amber" if plan.pulse.as_wanted is False else ""
    return Box("Handle", f"{esc(angle)}", more, kind)


def montage_boxes(plan: TesPlan, field_words: str, beside_standard: str, trust: Box) -> str:
    """Of a montage: the electrodes with their currents, for how long, what the target gets, and warnings."""
    anodes = [each for each in plan.montage if each.current_ma > 0]
    cathodes = [each for each in plan.montage if each.current_ma < 0]
    facts = (
        Box("Anodes: current into the head", _currents(anodes), _sizes(anodes), "anode"),
        Box("Cathodes: current out of it", _currents(cathodes), _sizes(cathodes), "cathode"),
        Box(
            "Current and time",
            f"{plan.total_current_ma:.3g} mA, {number(plan.minutes, 0)} min",
            f"{number(plan.charge_c, 1)} C in a session.",
        ),
        Box(
            "Dose in the target",
            f"{three_digits(plan.dose.dose_v_per_m)} <small>V/m</small>",
            f"{beside_standard} The field runs {field_words}.",
        ),
        *([pole_box(plan)] if plan.pole else []),
    )
    return boxes(_with_trust(facts, trust))


def pole_box(plan: TesPlan) -> Box:
    """Which pole acts on the target of a plan that says so."""
    assert plan.pole is not None
    value = {ANODE: "Anode", CATHODE: "Cathode", MIXED: "Neither clearly"}[plan.pole.acting]
    kind = plan.pole.acting if plan.pole.acting != MIXED else ""
    return Box("Pole that acts on the target", value, f"{esc(sentence(plan.pole.words))}.", kind)


def _with_trust(facts: Sequence[Box], trust: Box) -> tuple[Box, ...]:
    """Warnings come last, but what forbids the plan's use comes first."""
    return (trust, *facts) if trust.kind == "red" else (*facts, trust)


def _output(dosing: PlanDosing | None) -> Box:
    if dosing is None:
        return Box("Stimulator output", "not known", "No motor threshold was given (--rmt), so no % MSO.", "open")
    if dosing.given_percent is None:
        whose = f"{esc(threshold_words(dosing))}: {number(dosing.rmt_percent)} % MSO."
        return Box("Stimulator output", "not asked for", f"{sentence(whose)} A protocol would set it.", "open")
    return Box(
        "Stimulator output",
        f"{dosing.given_percent} % <small>MSO</small>",
        f"{esc(share_words(dosing) + why_words(dosing))}. {esc(sentence(target_words(dosing)))}.",
        "" if dosing.clamp == "none" else "amber",
    )


def _dose(evidence: PlanEvidence) -> Box:
    plan, best = evidence.plan, evidence.best
    more = []
    if plan.dosing is not None and plan.dosing.target_v_per_m is not None:
        more.append(f"{esc(volts(plan.dosing.target_v_per_m))} at this output.")
    if plan.uncertainty is not None:
        low, high = plan.uncertainty.dose_low_v_per_m, plan.uncertainty.dose_high_v_per_m
        more.append(f"{three_digits(low)} to {three_digits(high)} for published conductivities.")
    if plan.coil.max_didt_a_per_s is None:
        more.append("The coil’s maximum dI/dt is not known.")
    else:
        top = plan.coil.max_didt_a_per_s / 1e6
        whose = coil_on(plan.coil.name, plan.coil.rated_on) or "the coil’s rated maximum"
        more.append(f"{three_digits(best.dose_v_per_m * top)} V/m at {number(top, 0)} A/µs: {esc(whose)}.")
    value = f"{three_digits(best.dose_v_per_m)} <small>V/m per A/µs</small>"
    return Box("Dose in the target", value, " ".join(more))


def _currents(electrodes: Sequence[PlanElectrode]) -> str:
    return esc(listed([current_label(each.name, each.current_ma) for each in electrodes]))


def _sizes(electrodes: Sequence[PlanElectrode]) -> str:
    shapes = {f"{each.shape}, {' × '.join(f'{size:g}' for size in each.size_mm)} mm" for each in electrodes}
    return esc(sentence("; ".join(sorted(shapes))))


def _short(line: str) -> str:
    line = sentence(line)
    if len(line) <= LONGEST:
        return esc(line)
    return esc(line[:LONGEST].rsplit(" ", 1)[0].rstrip(",;:(")) + " …"


def _count(n: int, what: str) -> str:
    return f"{n} {what}{'' if n == 1 else 's'}"
