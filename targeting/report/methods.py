"""Methods text fit for a paper: a paragraph made from the plan itself, with the works it rests on.

Nothing is said that the plan does not hold: what it does not know is left out.  Coil, protocol and safety limits are
cited as their own tables cite them.
"""

from __future__ import annotations

from targeting.dosing.record import BY_PROTOCOL, PlanDosing, protocol_of
from targeting.plans.tes import TesPlan
from targeting.plans.tms import Plan
from targeting.report.citations import Citations
from targeting.report.evidence import PlanEvidence
from targeting.report.methods_head import (
    conductivity_sentences,
    engine_sentence,
    head_sentences,
    solver_sentence,
    target_sentence,
    thousands,
    versions_sentence,
)
from targeting.report.parts import esc
from targeting.report.tes_cap import current_label
from targeting.report.tes_evidence import TesEvidence
from targeting.tms.search import ANGLE_STEP_DEG, STEP_MM
from targeting.words.numbers import listed, measured_from, number, three_digits

PAD_WORDS = {"tdcs": "a pair of pads", "hd-tdcs": "small electrodes"}


def coil_methods(evidence: PlanEvidence) -> str:
    """The report's section for a coil's plan."""
    return section(*coil_text(evidence))


def montage_methods(evidence: TesEvidence) -> str:
    """The report's section for a montage."""
    return section(*montage_text(evidence))


def section(text: str, works: list[str]) -> str:
    """The text with its list of works and a button that copies both."""
    items = "".join(f"<li>{esc(work)}</li>" for work in works)
    return (
        '<section aria-labelledby="methods" class="paper">\n<h2 id="methods">Methods, for a paper</h2>\n'
        f'<div id="methods-text">\n<p>{esc(text)}</p>\n<h3>References</h3>\n<ol>{items}</ol>\n</div>\n'
        '<button type="button" hidden data-does="copy" data-of="methods-text">Copy text and references</button>\n</section>'
    )


def coil_text(evidence: PlanEvidence) -> tuple[str, list[str]]:
    """The paragraph of a coil's plan, and the works it cites in their order."""
    plan, cite = evidence.plan, Citations()
    sentences = [
        *head_sentences(evidence, cite),
        *conductivity_sentences(evidence, cite),
        solver_sentence(plan, cite),
        target_sentence(evidence, cite),
        *_coil(plan, cite),
        *_search(plan, cite),
        _dose(plan),
        engine_sentence(plan, cite),
        *_steadiness(plan),
        *_uncertainty(plan, cite),
        *_dosing(plan, cite),
        _compared(plan),
        versions_sentence(plan),
    ]
    return " ".join(filter(None, sentences)), cite.works


def montage_text(evidence: TesEvidence) -> tuple[str, list[str]]:
    """The paragraph of a montage, and the works it cites in their order."""
    plan, cite = evidence.plan, Citations()
    sentences = [
        *head_sentences(evidence, cite),
        *conductivity_sentences(evidence, cite),
        solver_sentence(plan, cite),
        target_sentence(evidence, cite),
        *_electrodes(plan, cite),
        _chosen(plan, cite),
        _montage_dose(plan),
        _standard(plan),
        f"What was asked beside the target: {plan.goal.words}." if plan.goal else "",
        *_safety(plan, cite),
        versions_sentence(plan),
    ]
    return " ".join(filter(None, sentences)), cite.works


def _coil(plan: Plan, cite: Citations) -> list[str]:
    said = f"The coil was {plan.coil.name}" + (f" {cite.of(plan.coil.source)}" if plan.coil.source else "")
    hair = plan.search.hair_mm
    return [said + ("." if hair is None else f", its casing {hair:g} mm or more from the scalp.")]


def _search(plan: Plan, cite: Citations) -> list[str]:
    tried = plan.search.poses_tried
    if tried is None:
        return []
    said = (
        f"Of {thousands(tried)} poses, scalp points {STEP_MM:g} mm and angles {ANGLE_STEP_DEG:g}° apart and finer round "
        f"the best, each was evaluated by reciprocity {cite('gomez2021')}"
    )
    tilt, extra = plan.search.tilt_deg or 0, plan.search.extra_mm or 0
    if tilt or extra:
        said += f", with tilts of up to {tilt:g}° and up to {extra:g} mm of extra distance"
    best = plan.placements[0]
    place = (
        f"The best had its centre over the scalp at ({', '.join(number(x) for x in best.scalp_mm)}) mm, the induced current "
        f"at {number(best.angle_deg, 0)}° from {measured_from(best.angle_from)}."
    )
    if plan.angle is not None and plan.pulse is not None:
        place += (
            f" The handle was held {plan.angle.words} ({plan.angle.why}). Fields and directions are of the effective phase of "
            f"a {plan.pulse.form} pulse, the {plan.pulse.effective_phase}, with the stimulator's current direction set to "
            f"{plan.pulse.current}."
        )
    if plan.goal is not None:
        return [f"{said}.", f"Poses were ranked by {plan.goal.name}: {plan.goal.words}.", place]
    return [f"{said}, and ranked by the dose.", place]


def _dose(plan: Plan) -> str:
    best = plan.placements[0]
    said = f"The dose is the {plan.objective}, for a coil current that changes by 1 A/µs: {three_digits(best.dose_v_per_m)} V/m"
    if best.direct_dose_v_per_m is None:
        return said + "."
    return said + f" ({three_digits(best.direct_dose_v_per_m)} V/m by a direct solve of that pose)."


def _steadiness(plan: Plan) -> list[str]:
    robust = plan.robustness
    if robust is None:
        return []
    return [
        f"Under placement errors of up to {robust.shift_mm:g} mm, {robust.turn_deg:g}° of turn and {robust.tilt_deg:g}° of "
        f"tilt, 95 % of the doses are above {three_digits(robust.worst_v_per_m)} V/m."
    ]


def _uncertainty(plan: Plan, cite: Citations) -> list[str]:
    spread = plan.uncertainty
    if spread is None:
        return []
    return [
        f"With conductivities drawn from published ranges ({spread.distribution}, {thousands(spread.draws)} draws, "
        f"{cite('saturnino2019')}) the dose lies between {three_digits(spread.dose_low_v_per_m)} and "
        f"{three_digits(spread.dose_high_v_per_m)} V/m (5th to 95th percentile)."
    ]


def _dosing(plan: Plan, cite: Citations) -> list[str]:
    dosing = plan.dosing
    if dosing is None:
        return []
    threshold = f"a resting motor threshold of {number(dosing.rmt_percent)} %"
    if dosing.muscle:
        threshold += f" ({dosing.muscle})"
    if dosing.given_percent is None or dosing.given_fraction is None:
        return [
            f"At {threshold} the target would get {number(100 * dosing.at_threshold_fraction, 0)} % of the field that the "
            "motor hotspot gets; no stimulator output was set."
        ]
    sentences = [
        f"The stimulator’s output was set to {dosing.given_percent} % of its maximum, {_why(dosing)}; the target then gets "
        f"{number(100 * dosing.given_fraction, 0)} % of the field that the motor hotspot gets at {threshold}"
        + (f" ({three_digits(dosing.target_v_per_m)} V/m)." if dosing.target_v_per_m is not None else ".")
    ]
    if dosing.protocol is not None:
        each = dosing.protocol
        sentences.append(
            f"The protocol was {each.name} {cite.of(each.paper)}: {protocol_of(each).session_words}, {each.sessions} sessions."
        )
    return sentences


def _why(dosing: PlanDosing) -> str:
    """By what an output is what it is."""
    if dosing.asked == BY_PROTOCOL and dosing.protocol is not None:
        return f"the protocol’s {number(100 * dosing.protocol.intensity_fraction_rmt, 0)} % of the motor threshold"
    wanted = f"for {number(100 * (dosing.match_field or 1.0), 0)} % of the field at threshold"
    return wanted if dosing.clamp == "none" else f"{wanted} as far as limits allowed it"


def _compared(plan: Plan) -> str:
    others = [each.coil for each in plan.comparison[1:]]
    return f"The coil was compared with {listed(others)}, each at its own best pose." if others else ""


def _electrodes(plan: TesPlan, cite: Citations) -> list[str]:
    shapes = sorted({f"{each.shape} {' × '.join(f'{x:g}' for x in each.size_mm)} mm" for each in plan.montage})
    currents = listed([current_label(each.name, each.current_ma) for each in plan.montage])
    return [
        f"Stimulation was by {PAD_WORDS.get(plan.kind, 'electrodes')} ({'; '.join(shapes)}) at positions of the 10-10 "
        f"system {cite('oostenveld2001')}, measured on the head model from landmarks ({plan.landmarks.source}).",
        f"The montage was {currents}, for {number(plan.minutes, 0)} min; positive currents flow into the head.",
        f"Its field was calculated with complete electrodes {cite('somersalo1992')}.",
    ]


def _chosen(plan: TesPlan, cite: Citations) -> str:
    optimum = plan.optimum
    if optimum is None:
        return f"The montage, {plan.montage_name}, was given."
    held = f"; the limits that held were {listed(optimum.binding)}" if optimum.binding else ""
    return (
        f"It was chosen by optimisation on a leadfield of {optimum.candidates} positions (for the approach, "
        f"{cite('dmochowski2011')}): {optimum.objective}{held}."
    )


def _montage_dose(plan: TesPlan) -> str:
    dose = plan.dose
    return (
        f"The dose is the {plan.objective}: {three_digits(dose.dose_v_per_m)} V/m at {number(plan.total_current_ma, 2)} mA "
        f"(mean |E| {three_digits(dose.mean_e_v_per_m)} V/m in the target, {three_digits(dose.grey_mean_e_v_per_m)} V/m in all "
        "grey matter)."
    )


def _standard(plan: TesPlan) -> str:
    if plan.standard is None:
        return ""
    theirs = plan.standard.dose
    return (
        f"For comparison, {theirs.montage} gives {three_digits(theirs.dose_v_per_m)} V/m at "
        f"{number(theirs.total_current_ma, 2)} mA on the same head."
    )


def _safety(plan: TesPlan, cite: Citations) -> list[str]:
    if not plan.safety:
        return []
    marks = cite.of(*dict.fromkeys(item.source for item in plan.safety))
    beyond = [item.title for item in plan.safety if not item.within]
    if not beyond:
        return [f"Current, charge, duration and current densities were within published limits {marks}."]
    return [f"Published limits {marks} were exceeded in: {listed(beyond)}."]
