"""``placement_sheet.html``: a page to print, with which somebody with a tape measure puts the electrodes where they belong.

Distances are geodesics on the scalp (:mod:`atlases.scalp_tape`), in cm to the millimetre, as tapes are read.
"""

from __future__ import annotations

from pathlib import Path

from targeting.plans.tes import TesPlan
from targeting.records.montage import PlanElectrode
from targeting.report.page import Page, filled, html_of, write_page
from targeting.report.parts import esc, figure_blocks, notices, row, sentence
from targeting.report.tes import KINDS, cap_figures
from targeting.report.tes_evidence import TesEvidence
from targeting.report.who import kicker, running, sides_of
from targeting.tes.optimise.limits import off_grid
from targeting.words.numbers import number

MIDLINE_MM = 5.0  # nearer than this to the plane between the ears an electrode is on the midline
SHEET_CSS = """
.sheet td, .sheet th { font-size: 1rem; padding-left: .5rem; padding-right: .5rem; }
.sheet tbody tr > :first-child { padding-left: .5rem; }
@media (max-width: 520px) { .sheet td, .sheet th { font-size: .85rem; padding-left: .3rem; padding-right: .3rem; } }
.anode { color: var(--anode); font-weight: 650; }
.cathode { color: var(--cathode); font-weight: 650; }
ol.steps li { margin: .35em 0; max-width: 74ch; }
.figures.cap { grid-template-columns: repeat(var(--columns), 1fr); gap: 14px; }
.two-columns { display: grid; grid-template-columns: 1fr 1fr; gap: 0 28px; }
ul.checks { list-style: none; padding: 0; margin: 0; }
ul.checks li { margin: .35em 0; padding-left: 1.5em; text-indent: -1.5em; }
ul.checks li::before { content: "☐ "; display: inline-block; width: 1.5em; text-indent: 0; }
@media (max-width: 700px) { .figures.cap, .two-columns { grid-template-columns: 1fr; } }
.sign { display: grid; grid-template-columns: repeat(3, 1fr); gap: 24px; margin-top: 1.2rem; }
.sign span { border-top: 1px solid var(--ink); padding-top: .3rem; font-size: .9rem; color: var(--quiet); }
@media print {
  @page { size: A4; margin: 9mm 12mm; }
  html { font-size: 10px; }
  body { line-height: 1.35; }
  header .page { padding-bottom: 2px; }
  h1 { font-size: 2.2rem; }
  h2 { margin-bottom: .35rem; }
  p { margin-bottom: .4em; }
  section { padding: 6px 0 3px; margin-bottom: 2px; }
  .coil { margin-bottom: .2rem; }
  .sheet th, .sheet td { padding: .16rem .4rem; }
  .scroll { margin-bottom: .2rem; }
  .figures.cap { gap: 8px; }
  .figures.cap img { width: auto; max-width: 100%; max-height: 62mm; margin: 0 auto; }
  figcaption { margin-top: .1rem; }
  .steps li, ul.checks li { margin: .2em 0; }
  .sign { margin-top: 2.2rem; }
  footer { padding: 2px 0 0; }
  footer p { margin: 0; }
}
"""
UPRIGHT = 0.5  # a height that runs up the head by more than this is said to


def write_placement_sheet(path: str | Path, evidence: TesEvidence) -> None:
    """Write the sheet; an existing file is replaced only when the new one is complete.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    write_page(path, sheet_of(evidence))


def sheet_of(evidence: TesEvidence) -> str:
    """The whole sheet as text."""
    plan = evidence.plan
    marks, figures = plan.landmarks, cap_figures(evidence)
    body = filled(
        "tes_sheet.html",
        nasion_inion=centimetres(marks.nasion_to_inion_mm),
        ear_ear=centimetres(marks.ear_to_ear_mm),
        rows="\n".join(_row(plan, each) for each in plan.montage),
        figures=figure_blocks(figures),
        columns=str(len(figures)),
        steps="\n".join(f"<li>{step}</li>" for step in steps(plan)),
        checks=_checks(plan),
    )
    return html_of(
        Page(
            title=f"{esc(plan.subject)}: placement sheet",
            running=running(plan),
            kicker=kicker("Electrode placement sheet", plan),
            headline=esc(plan.target.name),
            side=esc(plan.target.side),
            tool=f"{sides_of(plan)} · {KINDS[plan.kind]}, montage {esc(plan.montage_name)}: "
            f"<strong>{number(plan.total_current_ma)} mA for {number(plan.minutes, 0)} min</strong>"
            + (f"; {esc(plan.pole.words)}" if plan.pole else ""),
            warnings=notices(plan.unaccepted) if plan.unaccepted else "",
            body=body,
            footer="<p><strong>For research use.</strong> Not a medical device and not a prescription. Use it only under "
            f"the supervision your study or clinic has arranged. Landmarks: {esc(marks.source)}. Distances follow the "
            "scalp of the model; hair and the tape’s width add some millimetres.</p>",
            css=SHEET_CSS,
        )
    )


def centimetres(mm: float) -> str:
    """A length as a tape shows it.

    Examples
    --------
    >>> centimetres(364.2)
    '36.4 cm'
    """
    return f"{number(mm / 10)} cm"


def side_of(plan: TesPlan, electrode: PlanElectrode) -> str:
    """Left, right or midline, by the plane halfway between the ears.

    The plane's normal is the line from ear to ear, so that a head that lies askew in the image does not change sides.
    """
    left, right = plan.landmarks.left_ear_mm, plan.landmarks.right_ear_mm
    across = [b - a for a, b in zip(left, right, strict=True)]
    length = sum(x * x for x in across) ** 0.5
    off = sum(
        (x - (a + b) / 2) * d / length for x, a, b, d in zip(electrode.scalp_mm, left, right, across, strict=True)
    )
    return "midline" if abs(off) < MIDLINE_MM else "left" if off < 0 else "right"


def steps(plan: TesPlan) -> list[str]:
    """What to do, in order."""
    ask = [
        "Find the four landmarks: the nasion (the dip between the eyes, above the nose), the inion (the bump at the back of "
        "the head, in the middle), and the points just in front of the upper edge of each ear’s opening.",
        "Measure the head as in the first table.",
        "Mark each electrode’s middle on the scalp with a skin pencil, and check it with the other two distances.",
        "Part the hair, wet sponges or fill gel as your device’s manual says, and lay every electrode with its middle on "
        "its mark, as the table says. Red leads go to anodes, blue ones to cathodes.",
        f"Check on the device: {number(plan.total_current_ma)} mA, {number(plan.minutes, 0)} minutes, and the current of "
        "every electrode. Stop if it hurts.",
    ]
    return ask


def lay_words(electrode: PlanElectrode) -> str:
    """Size and turn of an electrode.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> lay_words(SimpleNamespace(shape="rectangle", size_mm=[50, 70], y_axis=[0.1, 0.2, 0.97]))
    '5 × 7 cm, long side up and down the head'
    >>> lay_words(SimpleNamespace(shape="disc", size_mm=[12], y_axis=[0, 1, 0]))
    'disc of 1.2 cm'
    """
    size = " × ".join(f"{size / 10:g}" for size in electrode.size_mm)
    return f"{size} cm, {_turned(electrode)}" if electrode.shape == "rectangle" else f"{electrode.shape} of {size} cm"


def _checks(plan: TesPlan) -> str:
    """What is to be seen to at every session, as boxes to tick."""
    if not plan.session_checks:
        return ""
    lines = "".join(f"<li><b>{esc(sentence(each.title))}</b>: {esc(each.what)}.</li>" for each in plan.session_checks)
    return f'<div>\n<h2>To be seen to</h2>\n<ul class="checks">{lines}</ul>\n</div>'


def _turned(electrode: PlanElectrode) -> str:
    """Which way a pad's long side lies."""
    width, height = electrode.size_mm
    up = electrode.y_axis
    tall = height >= width
    if abs(up[2]) > UPRIGHT:
        return "long side up and down the head" if tall else "long side level"
    if abs(up[0]) > abs(up[1]):
        return "long side from ear to ear" if tall else "long side from front to back"
    return "long side from front to back" if tall else "long side from ear to ear"


def _milliamperes(electrode: PlanElectrode) -> str:
    """A current's size as a stimulator is set; of a montage that was given, with the digits it was given in."""
    return (
        f"{abs(electrode.current_ma):.1f}"
        if not off_grid([electrode.current_ma / 1e3])
        else f"{abs(electrode.current_ma):.4g}"
    )


def _row(plan: TesPlan, each: PlanElectrode) -> str:
    kind, word = ("anode", "red, +") if each.current_ma > 0 else ("cathode", "blue, −")
    current = f'<span class="{kind}">{word}{_milliamperes(each)} mA</span>'
    far = (each.from_nasion_mm, each.from_inion_mm, each.from_left_ear_mm, each.from_right_ear_mm)
    return row(esc(each.name), current, *(centimetres(mm) for mm in far), side_of(plan, each), lay_words(each))
