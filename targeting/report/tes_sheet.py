"""``placement_sheet.html``: a page to print, with which somebody with a tape measure puts the electrodes where they belong.

Distances are geodesics on the scalp (:mod:`atlases.scalp_tape`), in cm to the millimetre, as tapes are read.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from targeting.plans.tes import TesPlan
from targeting.plans.tes_words import KINDS
from targeting.records.montage import PlanElectrode
from targeting.records.pole import ANODE, CATHODE
from targeting.report.evidence import TesEvidence
from targeting.report.header import running_texts, sides_of
from targeting.report.page import render_page, write_page
from targeting.report.tes import cap_figures
from targeting.tes.optimise.limits import off_grid
from targeting.words.numbers import number
from targeting.words.target import also_words

MIDLINE_MM = 5.0  # nearer than this to the plane between the ears an electrode is on the midline
UPRIGHT = 0.5  # a height that runs up the head by more than this is said to


@dataclass(frozen=True)
class SheetRow:
    """What the sheet says of one electrode."""

    name: str
    pole: str  # "anode" or "cathode"
    current: str  # its size as the stimulator is set, mA
    distances_mm: tuple[float, float, float, float]  # from nasion, inion, left and right ear, along the scalp
    side: str
    turn: str


def write_placement_sheet(path: str | Path, evidence: TesEvidence) -> None:
    """Write the sheet; an existing file is replaced only when the new one is complete.

    Raises
    ------
    WriteError
        If the file cannot be written.
    """
    write_page(path, sheet_of(evidence))


def sheet_of(evidence: TesEvidence) -> str:
    """The whole sheet as HTML."""
    plan = evidence.plan
    return render_page(
        "report/tes_sheet.html.jinja",
        plan=plan,
        also=also_words(plan.goal.places) if plan.goal else "",
        running=running_texts(plan),
        kind=KINDS[plan.kind],
        sides=sides_of(plan),
        marks=plan.landmarks,
        electrodes=[_row(plan, each) for each in plan.montage],
        centimetres=centimetres,
        figures=cap_figures(evidence),
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


def turn_words(electrode: PlanElectrode) -> str:
    """Size of an electrode, and which way a pad's long side lies.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> turn_words(SimpleNamespace(shape="rectangle", size_mm=[50, 70], y_axis=[0.1, 0.2, 0.97]))
    '5 × 7 cm, long side up and down the head'
    >>> turn_words(SimpleNamespace(shape="disc", size_mm=[12], y_axis=[0, 1, 0]))
    'disc of 1.2 cm'
    """
    size = " × ".join(f"{size / 10:g}" for size in electrode.size_mm)
    return (
        f"{size} cm, {_long_side(electrode)}" if electrode.shape == "rectangle" else f"{electrode.shape} of {size} cm"
    )


def _long_side(electrode: PlanElectrode) -> str:
    width, height = electrode.size_mm
    up = electrode.y_axis
    tall = height >= width
    if abs(up[2]) > UPRIGHT:
        return "long side up and down the head" if tall else "long side level"
    if abs(up[0]) > abs(up[1]):
        return "long side from ear to ear" if tall else "long side from front to back"
    return "long side from front to back" if tall else "long side from ear to ear"


def _row(plan: TesPlan, electrode: PlanElectrode) -> SheetRow:
    as_given = off_grid([electrode.current_ma / 1e3])  # a montage that was given keeps the digits it was given in
    size_ma = abs(electrode.current_ma)
    return SheetRow(
        name=electrode.name,
        pole=ANODE if electrode.current_ma > 0 else CATHODE,
        current=f"{size_ma:.4g}" if as_given else f"{size_ma:.1f}",
        distances_mm=(
            electrode.from_nasion_mm,
            electrode.from_inion_mm,
            electrode.from_left_ear_mm,
            electrode.from_right_ear_mm,
        ),
        side=side_of(plan, electrode),
        turn=turn_words(electrode),
    )
