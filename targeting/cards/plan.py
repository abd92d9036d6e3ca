"""Cards of plans: what the report's header says, with the current's angle as a dial or the electrodes on the head."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from meshes.cards import Row, card
from targeting.cards.electrodes import cap_drawing, milliamperes, size_words
from targeting.cards.ink import INDUCED, arrow, svg, text
from targeting.records.warnings import DANGER, NOTE, WARNING, PlanWarning, of_kind

if TYPE_CHECKING:
    from targeting.plans.tes import TesPlan
    from targeting.plans.tms import Plan

MOST_WARNINGS = 5
MARKS = {DANGER: "✕ DANGER:", WARNING: "⚠", NOTE: "Note:"}


def plan_card(plan: Plan) -> str:
    """A coil's plan: what the report's header says, and the current's angle as a dial."""
    from targeting.dosing.words import output_words
    from targeting.words.numbers import number, point, three_digits

    best = plan.placements[0] if plan.placements else None
    facts: list[Row] = [*_who(plan), ("coil", plan.coil.name)]
    if best is not None:
        facts.append(("dose", f"{three_digits(best.dose_v_per_m)} V/m at 1 A/µs"))
        if plan.coil.max_didt_a_per_s is not None:
            top = plan.coil.max_didt_a_per_s / 1e6
            whose = f", on a {plan.coil.rated_on}" if plan.coil.rated_on else ""
            rated = f"{three_digits(best.dose_v_per_m * top)} V/m ({number(top)} A/µs{whose})"
            facts.append(("at the rated maximum", rated))
        if plan.dosing is not None:
            facts.append(("output", output_words(plan.dosing)))
        facts += [
            ("scalp point", f"{point(best.scalp_mm)} mm"),
            *_held(plan),
            ("casing to scalp", f"{number(best.distance_mm)} mm"),
            ("strongest in grey matter", f"{three_digits(best.peak_e_v_per_m)} V/m at {point(best.peak_mm)} mm"),
            ("placements", f"{len(plan.placements)} ranked"),
        ]
    facts.append(("made", plan.created or "not said"))
    sense = plan.coil.current_direction_y * plan.effective_sign
    picture = dial(best.angle_deg, _origin(best.angle_from), sense) if best is not None else ""
    return card(_headline(plan), facts, f"TMS plan for {plan.subject}", None, picture, _some(plan.warnings))


def _held(plan: Plan) -> list[Row]:
    """How the coil is turned and driven."""
    from targeting.report.turned import setting_words
    from targeting.words.numbers import direction_words, number

    best = plan.placements[0]
    current = ("induced current", f"{number(best.angle_deg, 0)}° from {_origin(best.angle_from)}")
    if plan.angle is None:
        return [current, ("handle points", direction_words(-np.array(best.pose)[:3, 1]))]
    return [("handle", plan.angle.words), ("stimulator", setting_words(plan.pulse)), current]


def tes_plan_card(plan: TesPlan) -> str:
    """A montage's plan: dose, comparison with the standard, safety, the currents, and where they sit on the head."""
    from targeting.words.numbers import number, three_digits

    dose = plan.dose
    facts: list[Row] = [
        *_who(plan),
        ("montage", f"{plan.montage_name}, {number(plan.total_current_ma, 2)} mA for {number(plan.minutes, 0)} min"),
        ("dose", f"{three_digits(dose.dose_v_per_m)} V/m"),
        ("focality", f"{three_digits(dose.focality)} (mean |E| in the target over that in grey matter)"),
    ]
    if plan.pole is not None:
        facts.append(("pole", plan.pole.words))
    if plan.standard is not None and plan.standard.dose_ratio is not None:
        facts.append(("against " + plan.standard.dose.montage, f"{number(plan.standard.dose_ratio, 2)} times its dose"))
    within = sum(item.within for item in plan.safety)
    facts.append(("safety", f"{within} of {len(plan.safety)} items within published limits"))
    rows = [[each.name, milliamperes(each.current_ma), size_words(each.shape, each.size_mm)] for each in plan.montage]
    marks = plan.landmarks
    fiducials = (marks.nasion_mm, marks.inion_mm, marks.left_ear_mm, marks.right_ear_mm)
    spots = [(each.name, each.scalp_mm, each.current_ma) for each in plan.montage]
    return card(
        _headline(plan),
        facts,
        f"{'HD-tDCS' if plan.kind == 'hd-tdcs' else 'tDCS'} plan for {plan.subject}",
        (("electrode", "current", "size"), rows),
        cap_drawing(spots, fiducials),
        _some(plan.warnings),
    )


def _headline(plan: Plan | TesPlan) -> str:
    return f"{plan.target.name} {plan.target.side}".strip()


def _who(plan: Plan | TesPlan) -> list[Row]:
    from targeting.report.who import sides_words

    return [*([("patient", plan.patient_id)] if plan.patient_id else []), ("sides", sides_words(plan))]


def _some(warnings: Sequence[PlanWarning]) -> list[Row]:
    """All dangers, and as many of the others as there is room for."""
    shown = max(MOST_WARNINGS, len(of_kind(warnings, DANGER)))
    more = len(warnings) - shown
    return [(MARKS[each.kind], each.text) for each in warnings[:shown]] + (
        [("", f"and {more} more")] if more > 0 else []
    )


def _origin(angle_from: str) -> str:
    """The first word of what an angle is measured from: "anterior" or "superior"."""
    return angle_from.split(" ")[0] if angle_from else "anterior"


def dial(angle_deg: float, origin: str, current_direction_y: int) -> str:
    """The induced current on the scalp seen from outside, the reference direction up, angles counter-clockwise."""
    turn = np.deg2rad(angle_deg)
    along = np.array([-np.sin(turn), -np.cos(turn)])  # the drawing's y runs down
    parts = ['<circle cx="0" cy="0" r="50" stroke-opacity=".5"/>', '<path d="M0 -50V-42" stroke-width="2"/>']
    parts.append(text(0, -56, "front" if origin == "anterior" else "up", 11))
    if current_direction_y:
        handle = -current_direction_y * along
        start, end = 8 * handle, 46 * handle
        parts.append(
            f'<path d="M{start[0]:.1f} {start[1]:.1f}L{end[0]:.1f} {end[1]:.1f}" stroke-width="9" stroke-opacity=".3" '
            'stroke-linecap="round"/>'
        )
    parts.append(arrow(-34 * along, 34 * along, INDUCED, 3))
    parts += [text(0, 66, "induced current", 11, INDUCED), text(0, 79, "seen from outside; bar: handle", 8)]
    words = f"the induced current runs at {angle_deg:.0f} degrees counter-clockwise from {origin}, seen from outside"
    return svg(150, 165, (-68, -70, 136, 152), parts, words)
