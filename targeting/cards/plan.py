"""Cards of plans: what the report's header says, with the current's angle as a dial or the electrodes on the head."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from meshes.cards import Row, card
from targeting.cards.electrodes import cap_drawing
from targeting.dosing.words import output_words
from targeting.plans import tes_words
from targeting.plans.tes import TesPlan
from targeting.plans.tms import Placement, Plan
from targeting.plans.tms_words import (
    angle_fact,
    dose_fact,
    handle_direction,
    peak_fact,
    rated_dose_fact,
    setting_words,
    top_didt,
)
from targeting.records.warnings import DANGER, NOTE, WARNING, PlanWarning, of_kind
from targeting.scene.ink import INDUCED, arrow, svg, text
from targeting.words.numbers import milliamperes, number, point, size
from targeting.words.target import name_and_side, sides_sentence

MOST_WARNINGS = 5
MARKS = {DANGER: "✕ DANGER:", WARNING: "⚠", NOTE: "Note:"}


def plan_card(plan: Plan) -> str:
    """A coil's plan: what the report's header says, and the current's angle as a dial."""
    facts: list[Row] = [*_who(plan), ("coil", plan.coil.name)]
    picture = ""
    if plan.placements:
        best = plan.placements[0]
        facts += _placement_rows(plan, best)
        sense = plan.coil.current_direction_y * plan.effective_sign
        picture = dial(best.angle_deg, _origin(best.angle_from), sense)
    facts.append(("made", plan.created or "not said"))
    title = name_and_side(plan.target, plan.goal.places if plan.goal else ())
    return card(title, facts, f"TMS plan for {plan.subject}", None, picture, _most(plan.warnings))


def _placement_rows(plan: Plan, best: Placement) -> list[Row]:
    """Dose, output, place and turn of placement 1."""
    rows = [("dose", f"{dose_fact(plan).text} at 1 A/µs")]
    rated, top = rated_dose_fact(plan), plan.coil.max_didt_a_per_s
    if rated is not None and top is not None:
        whose = f", on a {plan.coil.rated_on}" if plan.coil.rated_on else ""
        rows.append(("at the rated maximum", f"{rated.text} ({top_didt(top)}{whose})"))
    if plan.dosing is not None:
        rows.append(("output", output_words(plan.dosing)))
    return [
        *rows,
        ("scalp point", f"{point(best.scalp_mm)} mm"),
        *_turn_rows(plan, best),
        ("casing to scalp", f"{number(best.distance_mm)} mm"),
        ("strongest in grey matter", f"{peak_fact(plan).text} at {point(best.peak_mm)} mm"),
        ("placements", f"{len(plan.placements)} ranked"),
    ]


def _turn_rows(plan: Plan, best: Placement) -> list[Row]:
    """How the coil is turned and driven."""
    current = ("induced current", f"{angle_fact(best.angle_deg).text} from {_origin(best.angle_from)}")
    if plan.angle is None:
        return [current, ("handle points", handle_direction(best))]
    return [("handle", plan.angle.words), ("stimulator", setting_words(plan.pulse)), current]


def tes_plan_card(plan: TesPlan) -> str:
    """A montage's plan: dose, comparison with the standard, safety, the currents, and where they sit on the head."""
    dose = plan.dose
    facts: list[Row] = [
        *_who(plan),
        ("montage", f"{plan.montage_name}, {tes_words.session_fact(plan).text}"),
        ("dose", tes_words.dose_fact(plan).text),
        ("focality", f"{number(dose.focality, 2)} (mean |E| in the target over that in grey matter)"),
    ]
    if plan.pole is not None:
        facts.append(("pole", plan.pole.words))
    if plan.standard is not None and plan.standard.dose_ratio is not None:
        facts.append(("against " + plan.standard.dose.montage, f"{number(plan.standard.dose_ratio, 2)} times its dose"))
    within = sum(item.within for item in plan.safety)
    facts.append(("safety", f"{within} of {len(plan.safety)} items within published limits"))
    rows = [
        [each.name, milliamperes(each.current_ma), f"{each.shape} {size(each.size_mm)} mm"] for each in plan.montage
    ]
    marks = plan.landmarks
    fiducials = (marks.nasion_mm, marks.inion_mm, marks.left_ear_mm, marks.right_ear_mm)
    spots = [(each.name, each.scalp_mm, each.current_ma) for each in plan.montage]
    return card(
        name_and_side(plan.target, plan.goal.places if plan.goal else ()),
        facts,
        f"{tes_words.KINDS[plan.kind]} plan for {plan.subject}",
        (("electrode", "current", "size"), rows),
        cap_drawing(spots, fiducials),
        _most(plan.warnings),
    )


def _who(plan: Plan | TesPlan) -> list[Row]:
    sides = sides_sentence(plan.pain_side, plan.target.side, plan.modality)
    return [*([("patient", plan.patient_id)] if plan.patient_id else []), ("sides", sides)]


def _most(warnings: Sequence[PlanWarning]) -> list[Row]:
    """All dangers, and as many of the others as fit."""
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
