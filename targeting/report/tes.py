"""``plan.html`` of a montage: its figures, and what fills its template ``tes.html.jinja``."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from targeting.plans.tes_words import (
    DOSE,
    KINDS,
    beside_standard,
    dose_facts,
    electrode_rows,
    electrode_words,
    montage_boxes,
    standard_words,
)
from targeting.report import cortex as cortex_pictures
from targeting.report import figures, tes_cap
from targeting.report.beside_dose import beside_dose, beside_facts, beside_words, surface_words, with_more
from targeting.report.evidence import TesEvidence
from targeting.report.features import areas_section, certainty_section, tes_goal_section
from targeting.report.figures import Figure
from targeting.report.hand_knob import knob_figures
from targeting.report.head_check import head_check
from targeting.report.header import running_texts, sides_of, trust_box
from targeting.report.methods import montage_methods
from targeting.report.page import render_page, write_page
from targeting.report.provenance import provenance, unverified
from targeting.scene.color_bar import ColorBar
from targeting.words.fact import Fact
from targeting.words.numbers import direction_words, listed, number
from targeting.words.target import also_words, center_fact, ring_meaning


def write_tes_report(path: str | Path, evidence: TesEvidence) -> None:
    """Write the report of a montage; an existing file is replaced only when the new one is complete.

    Raises
    ------
    WriteError
        If the file cannot be written.
    """
    write_page(path, page_of(evidence))


def page_of(evidence: TesEvidence) -> str:
    """The whole page as HTML."""
    from targeting.scene.web.section import policy, section_of  # VTK takes a second to load

    plan = evidence.plan
    return render_page(
        "report/tes.html.jinja",
        scene_policy=policy(),
        plan=plan,
        also=also_words(plan.goal.places) if plan.goal else "",
        kind=KINDS[plan.kind],
        running=running_texts(plan),
        sides=sides_of(plan),
        boxes=boxes_of(evidence),
        trust=trust_box(plan.warnings),
        scene=section_of(evidence.scene),
        cap_figures=cap_figures(evidence),
        electrodes=electrode_rows(plan),
        slices=figures.slices(evidence),
        slice_keys=figures.slice_keys(plan.target),
        field_slices=figures.field_slices(evidence),
        field_keys=figures.field_keys(evidence),
        bar=ColorBar.of("magnE", evidence.scale_end_v_per_m, f"V/m {evidence.conditions}"),
        conditions=evidence.conditions,
        certainty=certainty_section(plan, knob_figures(evidence)),
        cortex_figures=cortex_figures(evidence),
        goal=tes_goal_section(plan),
        areas=areas_section(evidence.by_area, evidence.conditions),
        standard=standard_words(plan),
        beside_standard=beside_standard(plan),
        unverified=unverified,
        numbers=[
            *dose_facts(plan),
            *beside_facts(beside_dose(evidence), surface_words(evidence)),
            center_fact(plan.target),
        ],
        head_check=head_check(evidence),
        methods=montage_methods(evidence),
        provenance=provenance(plan),
    )


def boxes_of(evidence: TesEvidence) -> list[tuple[Fact, str]]:
    """What the header says, the field beside the dose with it."""
    boxes = montage_boxes(evidence.plan, direction_words(evidence.target_e_v_per_m))
    beside = beside_words(beside_dose(evidence))
    return [(with_more(fact, beside) if fact.name == DOSE else fact, color) for fact, color in boxes]


def cap_figures(evidence: TesEvidence) -> list[Figure]:
    """The head with its electrodes from the sides that show all of them."""
    all_of_them = listed([electrode_words(each.name, each.current_ma) for each in evidence.plan.montage])
    return [
        Figure(
            tes_cap.cap_picture(evidence, side),
            f"From {side.name}",
            "Red: anodes, current into the head; blue: cathodes. "
            + (
                f"The ring is {ring_meaning(evidence.plan.target)} under the scalp."
                if tes_cap.shows_target(evidence, side)
                else "The target lies on the far side of the head."
            ),
            f"The head seen from {side.name} with its electrodes: {all_of_them}.",
        )
        for side in tes_cap.sides(evidence)
    ]


def cortex_figures(evidence: TesEvidence) -> list[Figure]:
    """|E| on the cortex, whole and close, and its component into the cortex."""
    field = direction_words(evidence.target_e_v_per_m)
    top, scale = figures.scale_words(evidence)
    where = "halfway through the grey matter" if evidence.on_cortex is not None else "on the outside of the brain"
    away = float(np.linalg.norm(evidence.peak_mm - evidence.target_mm))
    conditions = evidence.conditions
    shown = evidence.peak_in_target or cortex_pictures.peak_shown(evidence)
    peak = "" if shown else ", out of sight"
    pictures = [
        Figure(
            cortex_pictures.overview_picture(evidence),
            "Strength of the field on the cortex",
            f"|E| {conditions} {where}, seen from over the target (ring). The largest |E| lies {number(away, 0)} mm from "
            f"the target’s centre{peak}. {scale}",
            f"The cortex ({where}) coloured by the strength of the electric field from pale (none) to dark red ({top} "
            f"V/m and more, {conditions}). A pink ring marks the target.",
        ),
        Figure(
            cortex_pictures.close_up_picture(evidence),
            "The field in the target",
            f"The arrow is the mean field in the target, which runs {field}.",
            f"Close view of the cortex round the target. An arrow shows the mean field: {field}.",
        ),
    ]
    normal = cortex_pictures.normal_picture(evidence)
    if normal is not None:
        pictures.append(
            Figure(
                normal,
                "Into and out of the cortex",
                "The field’s component along the cortex’s normal: red where it points into the cortex (as under an "
                "anode), blue where it points out.",
                f"The same close view, red where the field points into the cortex and blue where out of it, {conditions}.",
            )
        )
    return pictures
