"""``plan.html`` of a coil: what its plan says and shows, section by section (``tms.html.jinja``)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from targeting.navigation.navigators import navigator_of_file, own_writers
from targeting.plans.tms import Placement
from targeting.plans.tms_words import (
    ASSUMED,
    angle_fact,
    dose_box,
    dose_facts,
    dose_over_angles,
    handle_direction,
    handle_facts,
    handle_words,
    held_off_cell,
    held_off_words,
    output_box,
    output_kind,
    place_box,
    placement_facts,
    setting_words,
)
from targeting.report import figures
from targeting.report.beside_dose import beside_dose, beside_facts, beside_words, surface_words, with_more
from targeting.report.evidence import TmsEvidence
from targeting.report.features import (
    areas_section,
    certainty_section,
    comparison_section,
    dosing_section,
    goal_section,
)
from targeting.report.folds import crossing_words
from targeting.report.hand_knob import knob_figures
from targeting.report.handle import angle_rows, handle_drawing
from targeting.report.head_check import head_check
from targeting.report.header import running_texts, sides_of, trust_box
from targeting.report.methods import coil_methods
from targeting.report.page import render_page, write_page
from targeting.report.provenance import provenance
from targeting.report.treatment import SHEET
from targeting.report.volumes import STRETCHED
from targeting.scene.color_bar import ColorBar
from targeting.tms.orientation import handle_deg
from targeting.words.fact import Fact
from targeting.words.numbers import direction_words, measured_from, number
from targeting.words.target import also_words, center_fact

SHOWN = 5  # placements


def write_report(path: str | Path, evidence: TmsEvidence) -> None:
    """Write the report; an existing file is replaced only when the new one is complete.

    Parameters
    ----------
    path : path
        Usually ``plan.html``.
    evidence : TmsEvidence

    Raises
    ------
    WriteError
        If the file cannot be written.
    """
    write_page(path, page_of(evidence))


def page_of(evidence: TmsEvidence) -> str:
    """The whole page as HTML."""
    from targeting.scene.web.section import policy, section_of  # VTK takes a second to load

    plan, best, beside = evidence.plan, evidence.best, beside_dose(evidence)
    return render_page(
        "report/tms.html.jinja",
        policy(),
        plan=plan,
        also=also_words(plan.goal.places) if plan.goal else "",
        best=best,
        running=running_texts(plan),
        sides=sides_of(plan),
        sheet=SHEET,
        trust=trust_box(plan.warnings),
        place=place_box(plan, evidence.near),
        current_angle=angle_fact(best.angle_deg),
        measured_from=measured_from(best.angle_from),
        handle_points=handle_direction(best),
        setting=setting_words(plan.pulse),
        output=output_box(plan.dosing),
        output_kind=output_kind(plan.dosing),
        dose=with_more(dose_box(plan), beside_words(beside)),
        scene=section_of(evidence.scene),
        dosing=dosing_section(plan.dosing),
        slices=figures.slices(evidence),
        slice_keys=figures.slice_keys(plan.target),
        field_slices=figures.field_slices(evidence),
        field_keys=figures.field_keys(evidence),
        bar=ColorBar.of("magnE", evidence.scale_end_v_per_m, f"V/m {evidence.conditions}"),
        conditions=evidence.conditions,
        certainty=certainty_section(plan, knob_figures(evidence)),
        coil_figures=figures.coil(evidence),
        drawing=handle_drawing(plan),
        handle=handle_words(plan),
        cortex_figures=figures.cortex(evidence),
        goal=goal_section(plan),
        comparison=comparison_section(plan),
        areas=areas_section(evidence.by_area, evidence.conditions, plan.dosing),
        dose_figures=figures.dose(evidence),
        angles=angle_rows(plan.angle),
        over_angles=dose_over_angles(plan.angle) if plan.angle else "",
        ranking=ranking(plan.placements[:SHOWN], plan.target.side),
        held_off=held_off_words(best),
        facts=number_facts(evidence),
        depth_mm=evidence.depth_mm,
        files=[(name, navigator_of_file(name)) for name in evidence.navigator_files],
        navigators=other_navigators(),
        stretched=plan.frame.image == STRETCHED,
        of_mesh=plan.frame.image.lower().endswith((".msh", ".vtu")),
        peak_away_mm=float(np.linalg.norm(np.array(best.peak_mm) - evidence.target_mm)),
        assumed=ASSUMED,
        head_check=head_check(evidence),
        methods=coil_methods(evidence),
        provenance=provenance(plan),
    )


def other_navigators() -> list[Fact]:
    """How the files are loaded that a plan is not written for anyway."""
    return [Fact(each.title, more=each.how) for each in own_writers() if not each.with_every_plan]


def ranking(placements: Sequence[Placement], side: str) -> list[tuple[str | int, ...]]:
    """Rows of the best placements; ``side`` is the target's, which says where the handle's outwards is."""
    best = placements[0]
    return [
        (
            each.rank,
            *(fact.value for fact in placement_facts(each, best)[:2]),  # the page tells the handle's angle
            number(float(np.linalg.norm(np.array(each.scalp_mm) - best.scalp_mm))),
            number(handle_deg(np.array(each.pose), side), 0),
            ", ".join(number(x) for x in each.scalp_mm),
            number(each.distance_mm),
            held_off_cell(each),
        )
        for each in placements
    ]


def number_facts(evidence: TmsEvidence) -> list[Fact]:
    """The plan's numbers with their units, but the target's size."""
    plan = evidence.plan
    return [
        *dose_facts(plan),
        *beside_facts(beside_dose(evidence), surface_words(evidence)),
        *handle_facts(plan),
        Fact(
            "Mean field in the target runs",
            direction_words(evidence.target_e_v_per_m),
            more=crossing_words(evidence),
        ),
        center_fact(plan.target),
    ]
