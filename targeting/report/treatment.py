"""``treatment_sheet.html``: one sheet of A4 with all that is needed at the chair, and space for what is noted there.

It says whom and which side, the device, the output, the session, the place by tape (:mod:`atlases.scalp_tape`), the handle,
what to ask before, and has lines for the record.  What a plan does not know is a blank, with the reason.

The questions, in this project's words, follow the questionnaire of the IFCN's experts (Rossi 2009, with two questions changed
in Rossi 2011), whose screening Rossi 2021 leaves valid.  By its letter a yes does not by itself exclude a person: who is
responsible weighs risk and benefit.
"""

from __future__ import annotations

from pathlib import Path

from atlases.targets import targets
from targeting.dosing.protocols import field_words
from targeting.dosing.record import PlanDosing, protocol_of
from targeting.dosing.words import protocol_threshold, share_words, threshold_words, why_words
from targeting.plans.tms import Plan
from targeting.plans.tms_words import clock_words, handle_words
from targeting.records.places import PlanTape
from targeting.records.warnings import WARNING, of_kind
from targeting.report.evidence import TmsEvidence
from targeting.report.figures import Figure
from targeting.report.handle import handle_drawing
from targeting.report.header import running_texts, sides_of
from targeting.report.page import render_page, write_page
from targeting.report.place import place_picture, seen_from
from targeting.words.fact import Fact
from targeting.words.numbers import number, point, sentence
from targeting.words.target import also_words

SHEET = "treatment_sheet.html"
LINE = "________"  # to write a number on
MOST_REASONS = 4  # that a sheet has space for
SIDE_EFFECTS = ("none", "headache", "neck pain", "scalp pain", "hearing", "faintness", "seizure")
SOURCE = (
    "Questions after the screening questionnaire of Rossi 2011 (Clin Neurophysiol 122:1686), which Rossi 2021 (Clin "
    "Neurophysiol 132:269) leaves valid, in our words; sleep, alcohol and hearing protection are added."
)
RULE = "A yes does not exclude by itself: the physician in charge weighs it before the session."
QUESTIONS = (
    "Metal in head, neck or spine: clip, coil, plate, shunt, splinter?",
    "Cochlear implant?",
    "Stimulator implanted: brain, spinal cord, vagus nerve?",
    "Pacemaker, defibrillator, or leads in the heart?",
    "Implanted drug pump?",
    "Epilepsy, or ever a seizure?",
    "Ever fainted? When and why?",
    "Head injury with loss of consciousness, or head surgery?",
    "Hearing loss, or ringing in the ears?",
    "Pregnant, or possibly so?",
    "Medicines, new or changed: any that lower the seizure threshold?",
    "Short sleep, alcohol or other drugs since yesterday?",
    "Trouble with earlier TMS or MRI?",
)
READY = ("Hearing protection on: patient", "Hearing protection on: operator", "What to do in a seizure is known")
Rows = list[tuple[str, str]]  # names and values; an empty value is a blank on paper


def write_treatment_sheet(path: str | Path, evidence: TmsEvidence) -> None:
    """Write the sheet; an existing file is replaced only when the new one is complete.

    Raises
    ------
    WriteError
        If the file cannot be written.
    """
    write_page(path, sheet_of(evidence))


def sheet_of(evidence: TmsEvidence) -> str:
    """The whole sheet as HTML."""
    plan = evidence.plan
    named = targets().get(plan.target.name)
    protocol = plan.dosing.protocol if plan.dosing else None
    return render_page(
        "report/treatment.html.jinja",
        plan=plan,
        also=also_words(plan.goal.places) if plan.goal else "",
        running=running_texts(plan),
        sides=sides_of(plan),
        target_title=named.title if named else "",
        dangers=plan.unaccepted,
        most_reasons=MOST_REASONS,
        warnings=len(of_kind(plan.warnings, WARNING)),
        device=device_rows(plan),
        output=output_fact(plan.dosing),
        threshold=_threshold(plan.dosing),
        daily_rule=_rule(plan.dosing),
        session=session_rows(plan.dosing),
        unverified=", ".join(map(field_words, protocol.unverified)) if protocol else "",
        picture=_picture(evidence),
        arcs=arc_rows(plan.tape) if plan.tape else [],
        measures=measure_rows(plan.tape) if plan.tape else [],
        drawing=handle_drawing(plan),
        handle=handle_words(plan),
        clock=clock_words(plan),
        rule=RULE,
        questions=QUESTIONS,
        ready=READY,
        source=SOURCE,
        side_effects=SIDE_EFFECTS,
    )


def device_rows(plan: Plan) -> Rows:
    """Coil, stimulator, pulse and the current's direction."""
    pulse, dosing = plan.pulse, plan.dosing
    stimulator = (pulse.stimulator if pulse else "") or (dosing.stimulator if dosing else "")
    setting = ("one direction only" if pulse.reversible is False else pulse.current.upper()) if pulse else ""
    rows = [
        ("Coil", plan.coil.name),
        ("Stimulator", stimulator),
        ("Pulse", pulse.form if pulse else ""),
        ("Current setting", setting),
    ]
    if pulse and pulse.effective_runs:
        rows.append(("In the brain", f"{pulse.effective_runs} ({pulse.effective_phase} phase)"))
    return rows


def output_fact(dosing: PlanDosing | None) -> Fact:
    """The output the plan gives, as a whole number; a line to write on where it gives none."""
    if dosing is None:
        return Fact("Output", "____ %", "MSO", "The plan knows no motor threshold, so no output.")
    if dosing.given_percent is None:
        threshold = f"{sentence(threshold_words(dosing))}: {number(dosing.rmt_percent)} % MSO."
        return Fact("Output", "____ %", "MSO", f"The plan has neither a protocol nor a field to match. {threshold}")
    return Fact("Output", f"{dosing.given_percent:.0f} %", "MSO", share_words(dosing) + why_words(dosing))


def _threshold(dosing: PlanDosing | None) -> str:
    """Whose threshold is to be measured."""
    protocol = dosing.protocol if dosing else None
    muscle = (protocol.muscle if protocol else "") or (dosing.muscle if dosing else "")
    return f"RMT, {muscle}" if muscle else f"RMT, muscle: {LINE}"


def _rule(dosing: PlanDosing | None) -> str:
    """How the day's output follows from the day's threshold."""
    if dosing is None or dosing.given_percent is None:
        return ""
    if dosing.protocol is not None and dosing.asked == "protocol" and dosing.clamp == "none":
        return f", {number(dosing.protocol.intensity_fraction_rmt, 2)} × RMT"
    return f", {number(dosing.given_percent / dosing.rmt_percent, 2)} × RMT"


def session_rows(dosing: PlanDosing | None) -> Rows:
    """The protocol: trains, pulses, length, sessions, intensity; nothing for a plan without one."""
    if dosing is None or dosing.protocol is None:
        return []
    stated = dosing.protocol
    protocol = protocol_of(stated)
    return [
        ("Protocol", stated.name),
        ("Trains", f"{protocol.trains} of {protocol.train_s:g} s, {protocol.rhythm_words}"),
        ("Pause", f"{protocol.inter_train_s:g} s" if protocol.trains > 1 else "none"),
        ("Pulses", f"{protocol.pulses}"),
        ("Lasts", f"{protocol.session_s / 60:.1f} min"),
        ("Sessions", f"{stated.sessions}" + (f", {stated.spacing}" if stated.spacing else "")),
        ("Intensity", f"{number(100 * stated.intensity_fraction_rmt, 0)} % of the {protocol_threshold(stated)}"),
    ]


def arc_rows(tape: PlanTape) -> Rows:
    """How far the coil's centre lies from each landmark, along the scalp."""
    far = {
        "nasion": tape.from_nasion_mm,
        "inion": tape.from_inion_mm,
        "left tragus": tape.from_left_ear_mm,
        "right tragus": tape.from_right_ear_mm,
    }
    return [(f"from {name}", _centimetres(mm)) for name, mm in far.items()]


def measure_rows(tape: PlanTape) -> list[tuple[str, str, str]]:
    """The head's two measures, with a line for what is found."""
    marks = tape.landmarks
    head = {"Nasion to inion": marks.nasion_to_inion_mm, "Tragus to tragus": marks.ear_to_ear_mm}
    return [(name, _centimetres(mm), "______") for name, mm in head.items()]


def _picture(evidence: TmsEvidence) -> Figure:
    where, _ = seen_from(evidence)
    marks = ", with the 10-20 positions that show" if evidence.positions is not None else ""
    alt = (
        f"The head seen from {where}{marks}. A cross marks where the coil’s centre goes, at "
        f"{point(evidence.best.scalp_mm)} mm; a bar from it shows the handle."
    )
    return Figure(place_picture(evidence), "Where the coil’s centre goes", "", alt)


def _centimetres(mm: float) -> str:
    return f"{number(mm / 10)} cm"
