"""``treatment_sheet.html``: one sheet of A4 with all that is needed at the chair, and room for what is noted there.

Whom and which side, the device, the output, the session, the place by tape (:mod:`atlases.scalp_tape`), the handle, what is
asked before (:mod:`targeting.report.screening`), and the record.  What a plan does not know is a blank, with the reason.
"""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from atlases.targets import targets
from targeting.dosing.protocols import field_words
from targeting.dosing.record import PlanDosing, protocol_of
from targeting.dosing.words import share_words, threshold_words, whose, why_words
from targeting.plans.tms import Plan
from targeting.records.places import PlanTape
from targeting.records.warnings import WARNING, of_kind
from targeting.report import screening
from targeting.report.evidence import PlanEvidence
from targeting.report.handle import clock_words, handle_drawing, handle_words
from targeting.report.page import Page, filled, html_of, write_page
from targeting.report.parts import esc, row, sentence
from targeting.report.place import HEIGHT, WIDTH, place_picture, seen_from
from targeting.report.who import running, sides_of
from targeting.scene.raster.canvas import png_data_uri
from targeting.words.numbers import number, point

SHEET = "treatment_sheet.html"
BLANK = '<span class="blank"></span>'
OPEN = '<p class="big">____ % <small>MSO</small></p>'
MOST_REASONS = 4  # that a sheet has room for
SIDE_EFFECTS = ("none", "headache", "neck pain", "scalp pain", "hearing", "faintness", "seizure")


def write_treatment_sheet(path: str | Path, evidence: PlanEvidence) -> None:
    """Write the sheet; an existing file is replaced only when the new one is complete.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    write_page(path, sheet_of(evidence))


def sheet_of(evidence: PlanEvidence) -> str:
    """The whole sheet as text."""
    plan = evidence.plan
    body = filled(
        "treatment.html",
        patient=esc(plan.patient_id) if plan.patient_id else BLANK,
        subject=esc(plan.subject),
        made=esc(plan.created[:10]) or "unknown",
        device=_device(plan),
        output=_output(plan.dosing),
        session=_session(plan.dosing),
        picture=_picture(evidence),
        tape=_tape(plan),
        drawing=handle_drawing(plan),
        handle=esc(sentence(handle_words(plan))),
        clock=esc(clock_words(plan)),
        rule=screening.RULE,
        questions="".join(
            f'<li>{esc(each)} <span class="boxes">{_box("no")}{_box("yes")}</span></li>' for each in screening.QUESTIONS
        ),
        ready="".join(_box(each) for each in screening.READY),
        effects="".join(_box(each) for each in SIDE_EFFECTS),
    )
    return html_of(
        Page(
            title=f"{esc(plan.subject)}: treatment sheet",
            running=running(plan),
            kicker=f"TMS treatment sheet{_title(plan)}",
            headline=esc(plan.target.name),
            side=esc(plan.target.side),
            tool=sides_of(plan),
            warnings=_stop(plan) + _mind(plan),
            body=body,
            footer="<p><strong>For research use.</strong> A calculation from a model of one head; not a medical device, not a "
            "prescription. The threshold of the day counts, not that of the plan. "
            f"{esc(screening.SOURCE)}</p>",
            css=resources.files("targeting.report").joinpath("treatment.css").read_text(encoding="utf-8"),
        )
    )


def _title(plan: Plan) -> str:
    """What a named target is, after a colon."""
    named = targets().get(plan.target.name)
    return f": {esc(named.title)}" if named else ""


def _stop(plan: Plan) -> str:
    """What forbids the plan's use, above all else."""
    if not plan.unaccepted:
        return ""
    reasons = "".join(f"<li>{esc(sentence(each.text))}</li>" for each in plan.unaccepted[:MOST_REASONS])
    if len(plan.unaccepted) > MOST_REASONS:
        reasons += '<li>More reasons stand in <a href="plan.html#warnings">plan.html</a>.</li>'
    return f'<section class="stop" aria-label="Do not use"><h2>✕ DO NOT USE</h2><ul>{reasons}</ul></section>'


def _mind(plan: Plan) -> str:
    """That there are warnings, and where."""
    n = len(of_kind(plan.warnings, WARNING))
    if not n:
        return ""
    many, them = ("1 warning stands", "it") if n == 1 else (f"{n} warnings stand", "them")
    return f'<p class="mind">! {many} in <a href="plan.html#warnings">plan.html</a>: read {them} first.</p>'


def _device(plan: Plan) -> str:
    pulse, dosing = plan.pulse, plan.dosing
    stimulator = (pulse.stimulator if pulse else "") or (dosing.stimulator if dosing else "")
    rows = [("Coil", esc(plan.coil.name)), ("Stimulator", esc(stimulator) or BLANK)]
    rows.append(("Pulse", esc(pulse.form) if pulse else BLANK))
    setting = ("one direction only" if pulse.reversible is False else pulse.current.upper()) if pulse else ""
    rows.append(("Current setting", esc(setting) or BLANK))
    if pulse and pulse.effective_runs:
        rows.append(("In the brain", f"{esc(pulse.effective_runs)} ({esc(pulse.effective_phase)} phase)"))
    return "".join(f"<dt>{name}</dt><dd>{value}</dd>" for name, value in rows)


def _output(dosing: PlanDosing | None) -> str:
    """The output the plan gives, as a whole number, and blanks for the day's."""
    if dosing is None:
        head = f'{OPEN}<p class="small">The plan knows no motor threshold, so no output.</p>'
    elif dosing.given_percent is None:
        head = (
            f'{OPEN}<p class="small">The plan has neither a protocol nor a field to match. '
            f"{esc(sentence(threshold_words(dosing)))}: {number(dosing.rmt_percent)} % MSO.</p>"
        )
    else:
        head = (
            f'<p class="big">{dosing.given_percent:.0f} % <small>MSO</small></p>'
            f'<p class="small">{esc(share_words(dosing) + why_words(dosing))}</p>'
        )
    return f'{head}<div class="today"><div>Today’s {_threshold(dosing)}{BLANK}</div><div>{_rule(dosing)}{BLANK}</div></div>'


def _threshold(dosing: PlanDosing | None) -> str:
    """Whose threshold is to be measured."""
    if dosing is not None and dosing.protocol is not None and dosing.protocol.muscle:
        return f"RMT, {esc(dosing.protocol.muscle)}"
    return f"RMT, {esc(dosing.muscle)}" if dosing is not None and dosing.muscle else "RMT, muscle: ________"


def _rule(dosing: PlanDosing | None) -> str:
    """How the day's output follows from the day's threshold."""
    if dosing is None or dosing.given_percent is None:
        return "Today’s output"
    if dosing.protocol is not None and dosing.asked == "protocol" and dosing.clamp == "none":
        return f"Today’s output, {number(dosing.protocol.intensity_fraction_rmt, 2)} × RMT"
    return f"Today’s output, {number(dosing.given_percent / dosing.rmt_percent, 2)} × RMT"


def _session(dosing: PlanDosing | None) -> str:
    if dosing is None or dosing.protocol is None:
        blank = "".join(
            f"<dt>{name}</dt><dd>{BLANK}</dd>" for name in ("Trains", "Pause", "Pulses", "Minutes", "Sessions")
        )
        return f'<p class="small">The plan names no protocol.</p><dl>{blank}</dl>'
    told = dosing.protocol
    protocol = protocol_of(told)
    trains = f"{protocol.trains} of {protocol.train_s:g} s, {protocol.rhythm_words}"
    rows = [
        ("Protocol", esc(told.name)),
        ("Trains", esc(trains)),
        ("Pause", f"{protocol.inter_train_s:g} s" if protocol.trains > 1 else "none"),
        ("Pulses", f"{protocol.pulses}"),
        ("Lasts", f"{protocol.session_s / 60:.1f} min"),
        ("Sessions", f"{told.sessions}" + (f", {esc(told.spacing)}" if told.spacing else "")),
        ("Intensity", f"{number(100 * told.intensity_fraction_rmt, 0)} % of the {esc(whose(told))}"),
    ]
    unverified = ", ".join(map(field_words, told.unverified))
    open_ = f'<p class="small">Unverified: {esc(unverified)}.</p>' if unverified else ""
    return "<dl>" + "".join(f"<dt>{name}</dt><dd>{value}</dd>" for name, value in rows) + f"</dl>{open_}"


def _picture(evidence: PlanEvidence) -> str:
    where, _ = seen_from(evidence)
    marks = ", with the 10-20 positions that show" if evidence.positions is not None else ""
    alt = (
        f"The head seen from {where}{marks}. A cross marks where the coil’s centre goes, at "
        f"{point(evidence.best.scalp_mm)} mm; a bar from it shows the handle."
    )
    uri = png_data_uri(place_picture(evidence))
    return f'<img src="{uri}" width="{WIDTH}" height="{HEIGHT}" alt="{esc(alt)}">'


def _tape(plan: Plan) -> str:
    spot = f'<p class="small">In the image: {point(plan.placements[0].scalp_mm)} mm.</p>'
    if plan.tape is None:
        return (
            '<p class="near">Not measured from landmarks</p><p class="small">This head is not registered, so nasion, inion and '
            f"ears are not known: place the coil with the navigator.</p>{spot}"
        )
    return f'<p class="near">{esc(sentence(plan.tape.near))}</p>{_lengths(plan.tape)}{spot}'


def _lengths(tape: PlanTape) -> str:
    far = {
        "nasion": tape.from_nasion_mm,
        "inion": tape.from_inion_mm,
        "left tragus": tape.from_left_ear_mm,
        "right tragus": tape.from_right_ear_mm,
    }
    marks = tape.landmarks
    exact = ", to about a centimetre" if marks.source.startswith("registration") else ""
    head = {"Nasion to inion": marks.nasion_to_inion_mm, "Tragus to tragus": marks.ear_to_ear_mm}
    rows = "".join(row(f"from {name}", f"{number(mm / 10)} cm") for name, mm in far.items())
    measures = "".join(row(name, f"{number(mm / 10)} cm", "______") for name, mm in head.items())
    return (
        f"<table><tbody>{rows}</tbody></table>"
        '<p class="small">Along the scalp. Draw arcs from the two nearest; the others are the check. First see that it is the '
        "right head (over the vertex; stop if more than 1 cm off):</p>"
        f"<table><tbody>{measures}</tbody></table>"
        f'<p class="small">Landmarks: {esc(marks.source)}{exact}.</p>'
    )


def _box(words: str) -> str:
    return f'<span class="tick"><span class="box"></span>{esc(words)}</span>'
