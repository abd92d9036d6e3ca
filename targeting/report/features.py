"""Sections of a page about one feature each, made from the template in the feature's package.

A section is empty where the plan does not have the feature.
"""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from atlases.areas import MMP_SOURCE
from atlases.fslr import TERMS
from targeting.aim_certainty.words import certainty_facts
from targeting.comparison.words import comparison_rows, comparison_sentence, verdict_facts
from targeting.dosing.record import PlanDosing
from targeting.dosing.words import dosing_facts, threshold_words
from targeting.field_by_area.files import TABLE
from targeting.field_by_area.table import AreaField
from targeting.field_by_area.words import SHOWN, about, area_row, headings, sides_known, threshold_sentence
from targeting.goals.tes_words import network_sentences, place_rows, target_share_sentence
from targeting.goals.words import direct_sentences, goal_headings, goal_rows, ranking_sentences
from targeting.plans.tes import TesPlan
from targeting.plans.tes_words import standard_name
from targeting.plans.tms import Plan
from targeting.report.figures import Figure
from targeting.words.target import patch_facts
from targeting.words.templates import render


def dosing_section(dosing: PlanDosing | None) -> Markup:
    """The section about stimulator output."""
    if dosing is None:
        return Markup()
    return render(
        "dosing/page.html.jinja",
        threshold=threshold_words(dosing),
        rmt_percent=dosing.rmt_percent,
        facts=dosing_facts(dosing),
    )


def certainty_section(plan: Plan | TesPlan, figures: Sequence[Figure] = ()) -> Markup:
    """How sure the aim is; ``figures`` show the hand knob."""
    certainty = plan.aim_certainty
    facts = [*patch_facts(plan.target), *(certainty_facts(certainty, plan.target.name) if certainty else [])]
    if not facts:
        return Markup()
    tool = "the coil is held" if isinstance(plan, Plan) else "the electrodes are placed"
    return render("aim_certainty/page.html.jinja", tool=tool, facts=facts, figures=figures)


def comparison_section(plan: Plan) -> Markup:
    """The section that compares coils."""
    if not plan.comparison:
        return Markup()
    return render(
        "comparison/page.html.jinja",
        sentence=comparison_sentence(plan.comparison),
        rows=comparison_rows(plan.comparison, plan.target.center_mm),
        verdicts=verdict_facts(plan.comparison),
    )


def goal_section(plan: Plan) -> Markup:
    """The section about an objective other than the dose."""
    goal, doses = plan.goal, [each.dose_v_per_m for each in plan.placements]
    if goal is None:
        return Markup()
    return render(
        "goals/page.html.jinja",
        objective=goal.words,
        ranking=ranking_sentences(goal),
        headings=goal_headings(goal),
        rows=[[placement.rank, *row] for placement, row in zip(plan.placements, goal_rows(goal, doses), strict=False)],
        direct=direct_sentences(goal, plan.target.name),
    )


def tes_goal_section(plan: TesPlan) -> Markup:
    """The section about a montage's avoided regions, further targets and map."""
    goal, dose, usual = plan.goal, plan.dose.dose_v_per_m, standard_name(plan)
    if goal is None:
        return Markup()
    return render(
        "goals/tes_page.html.jinja",
        objective=goal.words,
        target_share=target_share_sentence(goal, dose),
        rows=place_rows(goal, dose),
        total_ma=plan.total_current_ma,
        standard=usual,
        standard_ma=None if plan.standard is None else plan.standard.dose.total_current_ma,
        network="" if goal.network is None else network_sentences(goal.network, usual),
    )


def areas_section(rows: Sequence[AreaField], conditions: str, dosing: PlanDosing | None = None) -> Markup:
    """What the field is in each area of the cortex; empty where no areas are known.

    Parameters
    ----------
    rows : sequence of AreaField
    conditions : str
        What the field is for, put after its unit: "at 1 A/µs".
    dosing : PlanDosing, optional
        With the threshold that areas are held against.
    """
    if not rows:
        return Markup()
    return render(
        "field_by_area/page.html.jinja",
        headings=headings(rows),
        rows=[(about(each), area_row(each), ",".join(f"{x:.1f}" for x in each.peak_mm)) for each in rows],
        shown=SHOWN,
        conditions=conditions,
        table=TABLE,
        sides=sides_known(rows),
        threshold=threshold_sentence(dosing),
        source=MMP_SOURCE,
        terms=TERMS,
    )
