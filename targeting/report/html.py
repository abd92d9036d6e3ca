"""``plan.html`` of a coil: what a plan says and shows, section by section.

The frame is :mod:`targeting.report.page`'s, the sections' order ``page.html``.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from targeting.comparison.words import comparison_section
from targeting.dosing.words import dosing_section
from targeting.goals.words import goal_section
from targeting.plans.tms import Plan
from targeting.report import figures, header, tables
from targeting.report.evidence import PlanEvidence
from targeting.report.head_check import head_check
from targeting.report.held_off import held_off_words
from targeting.report.methods import coil_methods
from targeting.report.page import Page, filled, html_of, write_page
from targeting.report.parts import esc, figure_blocks, guide_parts, notices, slices_legend
from targeting.report.reproduce import reproduce
from targeting.report.treatment import SHEET
from targeting.report.turned import ASSUMED, angle_table
from targeting.report.who import kicker, running, sides_of
from targeting.words.numbers import number, point, three_digits


def write_report(path: str | Path, evidence: PlanEvidence) -> None:
    """Write the report; an existing file is replaced only when the new one is complete.

    Parameters
    ----------
    path : path
        Usually ``plan.html``.
    evidence : PlanEvidence

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    write_page(path, page_of(evidence))


def page_of(evidence: PlanEvidence) -> str:
    """The whole page as text."""
    from targeting.report.solid import solid_policy, solid_section  # VTK takes a second to load

    plan = evidence.plan
    body = filled(
        "page.html",
        dosing=dosing_section(plan.dosing),
        goal=goal_section(plan),
        comparison=comparison_section(plan),
        slices=figure_blocks(figures.slices(evidence)),
        slices_legend=slices_legend(plan.target),
        coil_figures=figure_blocks(figures.coil(evidence)),
        cortex_figures=figure_blocks(figures.cortex(evidence)),
        dose_figures=figure_blocks(figures.dose(evidence)),
        angles=angle_table(plan.angle),
        count=str(min(5, len(plan.placements))),
        ranking=tables.ranking(plan.placements[:5], plan.target.side),
        held_off=_held_off(evidence),
        numbers=tables.numbers(evidence),
        navigator=tables.navigator(evidence),
        guide=_guide(evidence),
        head_check=head_check(evidence),
        methods=coil_methods(evidence),
        reproduce=reproduce(plan),
        provenance=tables.provenance(plan),
    )
    return html_of(
        Page(
            title=f"{esc(plan.subject)}: {esc(plan.target.name)} {esc(plan.target.side)}, TMS plan",
            running=running(plan),
            kicker=kicker("TMS plan", plan),
            headline=esc(plan.target.name),
            side=esc(plan.target.side),
            tool=f"{sides_of(plan)} · Coil: <strong>{esc(plan.coil.name)}</strong> · "
            f'<a href="{SHEET}">Treatment sheet to print</a>',
            facts=header.coil_boxes(evidence, header.trust_box(plan.warnings)),
            warnings=notices(plan.warnings),
            solid=solid_section(evidence),
            policy=solid_policy(),
            body=body,
        )
    )


def _held_off(evidence: PlanEvidence) -> str:
    words = held_off_words(evidence.best)
    return f"<p>Why the best is not better: {esc(words)}.</p>" if words else ""


def _guide(evidence: PlanEvidence) -> str:
    plan = evidence.plan
    dose, peak = evidence.best.dose_v_per_m, evidence.best.peak_e_v_per_m
    away = float(np.linalg.norm(np.array(evidence.best.peak_mm) - evidence.target_mm))
    parts = (
        (
            "Dose",
            f"The dose is the electric field that the coil induces in the target: {esc(plan.objective)}. It is given "
            "for a coil current that changes by 1 A/µs. Multiply it by the dI/dt that the stimulator delivers to get "
            f"the field in V/m: for example {three_digits(dose)} × 100 A/µs = {three_digits(100 * dose)} V/m.",
        ),
        (
            "Target and peak",
            "The strongest field is not always in the target: the cortex nearest to the coil gets more than anything "
            f"below it. Here the strongest field in grey matter, {three_digits(peak)} V/m, lies {number(away, 0)} mm "
            f"from the target’s centre, at {point(evidence.best.peak_mm)} mm. What lies there is stimulated too.",
        ),
        (
            "Angle and handle",
            _held(plan),
        ),
        (
            "Coordinates",
            f"All coordinates are millimetres in the frame of the image {esc(plan.frame.image)} (x to the right, y to "
            "the front, z up). They hold for that image and no other.",
        ),
        (
            "What is not in the model",
            f"Conductivities are the same in every head, {_directions(plan)}, and {_threshold(plan)}. "
            "Placements whose doses differ by a few per cent are equally good.",
        ),
    )
    return guide_parts(parts)


def _directions(plan: Plan) -> str:
    if plan.search.white_matter:
        return "tissues other than white matter conduct alike in all directions"
    return "tissues conduct alike in all directions"


def _threshold(plan: Plan) -> str:
    if plan.dosing is None:
        return "a person’s motor threshold is not known to the model"
    return "only the motor threshold ties the field to this person: whether the target answers to the same field is not known"


def _held(plan: Plan) -> str:
    """What the angle and the current's direction mean."""
    said = (
        "The handle’s angle is counted in the plane of the scalp from the midline: 0° points straight back, 45° back and "
        "halfway outwards. "
    )
    if plan.pulse is None:
        return said
    phase = plan.pulse.effective_phase
    return said + (
        f"Of a {esc(plan.pulse.form)} pulse the {phase} phase excites; all fields, directions and angles of the current on "
        f"this page are of that phase. In the first phase the current runs {esc(plan.pulse.first_runs)}, in the effective "
        f"one {esc(plan.pulse.effective_runs)}. It is {esc(ASSUMED)}. A threshold holds only for the pulse, the setting and "
        "the handle it was measured with."
    )
