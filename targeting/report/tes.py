"""The report of a montage, ``plan.html``: what its plan says and shows, section by section.

The frame is :mod:`targeting.report.page`'s, the sections' order ``tes_page.html``.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from targeting.goals.tes_words import tes_goal_section
from targeting.plans.tes import TesPlan
from targeting.records.montage import PlanOptimum
from targeting.records.pole import OF_CORTEX, PlanPole
from targeting.report import cortex as cortex_room
from targeting.report import figures, header, tes_cap
from targeting.report.figures import Figure
from targeting.report.head_check import head_check
from targeting.report.methods import montage_methods
from targeting.report.page import Page, filled, html_of, write_page
from targeting.report.parts import (
    esc,
    figure_blocks,
    guide_parts,
    notices,
    number_rows,
    row,
    slices_legend,
)
from targeting.report.reproduce import reproduce
from targeting.report.tables import image_of, provenance_tables
from targeting.report.tes_evidence import TesEvidence
from targeting.report.tes_safety import safety_rows, safety_sources, session_checks
from targeting.report.who import kicker, running, sides_of
from targeting.tes.montage_dose import MontageDose
from targeting.tes.montages import SIDES, STANDARD, montage_named
from targeting.words.numbers import direction_words, listed, number, point, three_digits
from targeting.words.target import ringed

PROVEN = 5e-4  # a gap below this is none
KINDS = {"tdcs": "tDCS", "hd-tdcs": "HD-tDCS"}


def write_tes_report(path: str | Path, evidence: TesEvidence) -> None:
    """Write the report of a montage; an existing file is replaced only when the new one is complete.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    write_page(path, page_of(evidence))


def page_of(evidence: TesEvidence) -> str:
    """The whole page as text."""
    from targeting.report.solid import solid_policy, solid_section  # VTK takes a second to load

    plan = evidence.plan
    kind = KINDS[plan.kind]
    body = filled(
        "tes_page.html",
        cap_figures=figure_blocks(cap_figures(evidence)),
        electrodes=_electrodes(plan),
        slices=figure_blocks(figures.slices(evidence)),
        slices_legend=slices_legend(plan.target),
        cortex_figures=figure_blocks(cortex_figures(evidence)),
        goal=tes_goal_section(plan),
        standard=_standard_section(plan),
        safety=safety_rows(plan),
        safety_sources=safety_sources(plan) + session_checks(plan),
        conditions=f"at {number(plan.total_current_ma, 2)} mA",
        numbers=_numbers(evidence),
        guide=_guide(plan),
        head_check=head_check(evidence),
        methods=montage_methods(evidence),
        reproduce=reproduce(plan),
        provenance=image_of(plan) + provenance_tables(plan),
    )
    trust = header.trust_box(plan.warnings)
    runs = direction_words(evidence.target_e_v_per_m)
    return html_of(
        Page(
            title=f"{esc(plan.subject)}: {esc(plan.target.name)} {esc(plan.target.side)}, {kind} plan",
            running=running(plan),
            kicker=kicker(f"{kind} plan", plan),
            headline=esc(plan.target.name),
            side=esc(plan.target.side),
            tool=f"{sides_of(plan)} · Montage: <strong>{esc(plan.montage_name)}</strong>",
            facts=header.montage_boxes(plan, runs, dose_beside_standard(plan), trust),
            warnings=notices(plan.warnings),
            solid=solid_section(evidence),
            policy=solid_policy(),
            body=body,
        )
    )


def cap_figures(evidence: TesEvidence) -> list[Figure]:
    """The head with its electrodes from the sides that show all of them."""
    all_of_them = listed([tes_cap.current_label(each.name, each.current_ma) for each in evidence.plan.montage])
    return [
        Figure(
            tes_cap.cap_picture(evidence, side),
            f"From {side.name}",
            "Red: anodes, current into the head; blue: cathodes. "
            + (
                f"The ring is {ringed(evidence.plan.target)} under the scalp."
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
    top = three_digits(cortex_room.top_of_scale(evidence))
    where = "halfway through the grey matter" if evidence.on_cortex is not None else "on the outside of the brain"
    away = float(np.linalg.norm(evidence.peak_mm - evidence.target_mm))
    conditions = evidence.conditions
    pictures = [
        Figure(
            cortex_room.overview_picture(evidence),
            "Strength of the field on the cortex",
            f"|E| {conditions} {where}, seen from over the target (ring). The largest |E| lies {number(away, 0)} mm from "
            f"the target’s centre. The scale ends at {top} V/m, which only 0.03 % of the grey matter exceeds.",
            f"The cortex ({where}) coloured by the strength of the electric field from pale (none) to dark red ({top} "
            f"V/m and more, {conditions}). A pink ring marks the target.",
        ),
        Figure(
            cortex_room.close_up_picture(evidence),
            "The field in the target",
            f"The arrow is the mean field in the target, which runs {field}.",
            f"Close view of the cortex round the target. An arrow shows the mean field: {field}.",
        ),
    ]
    normal = cortex_room.normal_picture(evidence)
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


def standard_words(plan: TesPlan) -> str:
    """How the montage compares with the standard one, in sentences."""
    standard = plan.standard
    if standard is None:
        if is_standard(plan):
            return f"This is the standard montage itself ({STANDARD})."
        return "The standard montage does not fit on this head."
    focal = (standard.focality_ratio - 1) * 100
    focality = (
        f"{number(abs(focal), 0)} % {'more' if focal >= 0 else 'less'} focal (mean |E| in the target over mean |E| in "
    )
    focality += "grey matter)"
    usual = esc(standard.dose.montage)
    if standard.dose_ratio is None or standard.same_dose_ma is None:
        return f"Along this direction {usual} or this montage gives no dose. This montage is {focality} than {usual}."
    more = (standard.dose_ratio - 1) * 100
    dose = f"{number(abs(more), 0)} % {'more' if more >= 0 else 'less'} dose in the target"
    return (
        f"At the same total current this montage gives {dose} than {usual}, and is {focality}. It gives the dose of {usual} "
        f"at {number(standard.dose.total_current_ma, 2)} mA with about {number(standard.same_dose_ma)} mA."
    )


def is_standard(plan: TesPlan) -> bool:
    """Whether a plan's montage is the one that others are compared with, at any current."""
    shares = {each.name: each.current_ma / plan.total_current_ma for each in plan.montage}
    if plan.standard is not None:
        return False
    return any(
        set(shares) == set(usual.shares)
        and all(abs(shares[name] - share) < 1e-6 for name, share in usual.shares.items())
        for usual in (montage_named(STANDARD, side) for side in SIDES)
    )


def dose_beside_standard(plan: TesPlan) -> str:
    """The dose beside the standard montage's in a few words."""
    if is_standard(plan):
        return "The standard montage itself."
    if plan.standard is None or plan.standard.dose_ratio is None:
        return "In the mean over the target."
    return f"{number(plan.standard.dose_ratio, 2)} times that of {esc(plan.standard.dose.montage)} at the same current."


def optimum_words(plan: TesPlan) -> str:
    """How good the montage is among all that the limits allow; empty for one that was given."""
    optimum = plan.optimum
    if optimum is None:
        return ""
    best = f"{optimum.objective}; on the leadfield of {optimum.candidates} positions "
    if optimum.gap is None:
        best += "no bound on better ones is known"
    elif optimum.gap < PROVEN:
        best += "no montage within the limits does better"
    else:
        best += f"no montage within the limits does better by more than {100 * optimum.gap:.2g} %"
    return f"{best}; {_rounding_words(optimum)}"


def _rounding_words(optimum: PlanOptimum) -> str:
    """What whole tenths of a milliampere changed."""
    change = optimum.dose_v_per_m / optimum.unrounded_dose_v_per_m - 1 if optimum.unrounded_dose_v_per_m else 0.0
    if abs(change) < PROVEN:
        return "rounding the currents to 0.1 mA changed nothing"
    return f"rounding the currents to 0.1 mA changed the dose by {'+' if change > 0 else '−'}{abs(100 * change):.2g} %"


def _electrodes(plan: TesPlan) -> str:
    return "\n".join(
        row(
            esc(each.name),
            f"{'+' if each.current_ma > 0 else ''}{number(each.current_ma, 3)}",
            f"{each.shape} {' × '.join(f'{size:g}' for size in each.size_mm)}",
            three_digits(each.density_a_per_m2),
            ", ".join(number(x) for x in each.scalp_mm),
        )
        for each in plan.montage
    )


def _standard_section(plan: TesPlan) -> str:
    words = f"<p>{standard_words(plan)}</p>"
    if plan.standard is None:
        return words
    ours, theirs = plan.dose, plan.standard.dose
    into = ""
    if plan.pole is not None and plan.pole.standard_normal_v_per_m is not None:
        sides = (plan.pole.normal_v_per_m, plan.pole.standard_normal_v_per_m)
        into = row("Into the cortex in the target (− out of it), V/m", *(three_digits(x) for x in sides))

    def both(name: str, value: str, digits: int | None = None) -> str:
        a, b = getattr(ours, value), getattr(theirs, value)
        return row(name, *(three_digits(x) if digits is None else number(x, digits) for x in (a, b)))

    rows = "\n".join(
        (
            both("Total current, mA", "total_current_ma", digits=2),
            both("Dose in the target, V/m", "dose_v_per_m"),
            into,
            both("Mean |E| in the target, V/m", "mean_e_v_per_m"),
            both("Mean |E| in grey matter, V/m", "grey_mean_e_v_per_m"),
            both("Peak |E| in grey matter (99.9 %), V/m", "peak_e_v_per_m"),
            both("Focality: target over grey matter", "focality", digits=2),
            both("Grey matter elsewhere above the target’s mean, cm³", "stronger_cm3", digits=1),
        )
    )
    return (
        f'{words}<div class="scroll" tabindex="0" role="region" aria-label="This montage and the standard one">'
        '<table class="ranking even slim"><thead><tr><th scope="col"></th><th scope="col">This montage</th>'
        f'<th scope="col">{esc(theirs.montage)}</th></tr></thead><tbody>{rows}</tbody></table></div>'
    )


def _numbers(evidence: TesEvidence) -> str:
    plan, dose, target = evidence.plan, evidence.plan.dose, evidence.plan.target
    away = float(np.linalg.norm(np.array(dose.peak_mm) - target.center_mm))
    rows = [
        ("Dose", f"<b>{three_digits(dose.dose_v_per_m)} V/m</b> <span>{esc(plan.objective)}</span>"),
        ("Mean |E| in the target", f"<b>{three_digits(dose.mean_e_v_per_m)} V/m</b>"),
        ("Largest |E| in the target", f"<b>{three_digits(dose.max_e_v_per_m)} V/m</b>"),
        (
            "Peak |E| in grey matter",
            f"<b>{three_digits(dose.peak_e_v_per_m)} V/m</b> <span>exceeded in 0.1 % of it; the largest lies at "
            f"{point(dose.peak_mm)} mm, {number(away)} mm from the target’s centre</span>",
        ),
        ("|E| in the brain", f"<b>{three_digits(plan.brain_e_v_per_m)} V/m</b> <span>exceeded in 0.1 %</span>"),
    ]
    if plan.pole is not None:
        rows.insert(1, ("Into the cortex in the target", _into(plan.pole)))
    if plan.eye_e_v_per_m is not None:
        rows.append(("|E| in the eyes", f"<b>{three_digits(plan.eye_e_v_per_m)} V/m</b> <span>exceeded in 1 %</span>"))
    if plan.optimum is not None:
        rows.append(("What was optimised", f"<span>{esc(optimum_words(plan))}</span>"))
        rows.append(
            ("Held by", f"<span>{esc(listed(plan.optimum.binding) if plan.optimum.binding else 'no limit')}</span>")
        )
    moved = "as asked for" if target.snapped_mm == 0 else f"moved {number(target.snapped_mm)} mm to reach grey matter"
    rows += [
        ("Target’s centre", f"<b>{point(target.center_mm)} mm</b> <span>{moved}</span>"),
        ("Where the target comes from", esc(target.source)),
    ]
    return number_rows(rows)


def _into(pole: PlanPole) -> str:
    of = "the cortex’s mean inward normal" if pole.inward_of == OF_CORTEX else "the way from the nearest scalp"
    return f"<b>{three_digits(pole.normal_v_per_m)} V/m</b> <span>along {of}; negative: out of it</span>"


def _guide(plan: TesPlan) -> str:
    parts = (
        (
            "Dose",
            f"The dose is the electric field in the target: {esc(plan.objective)}, at the currents above. Twice the "
            "current gives twice the dose.",
        ),
        (
            "Anode and cathode",
            "Positive current flows into the head under an anode and out of it under a cathode. Swapping the two reverses "
            "the field. The pole that acts on a target is told by the field there, not by the electrode nearest to it: where "
            "the field enters the cortex the anode acts.",
        ),
        (
            "Focality",
            "Mean |E| in the target over mean |E| in all grey matter. Pads reach much of the brain: cortex elsewhere "
            f"({number(plan.dose.stronger_cm3, 0)} cm³ of it here) can see a stronger field than the target.",
        ),
        (
            "Coordinates",
            f"All coordinates are millimetres in the frame of the image {esc(plan.frame.image)} (x to the right, y to the "
            "front, z up). They hold for that image and no other.",
        ),
        (
            "What is not in the model",
            "Conductivities are the same in every head, and the skull’s alone, between 0.003 and 0.020 S/m, can change the "
            "dose from half to 1.35 times (M1-SO on Colin27: 0.094 to 0.258 V/m for 0.191). Hair and wet skin are not "
            "modelled, and what a field of this size does to a person’s cortex is known from groups only.",
        ),
    )
    return guide_parts(parts)


def dose_words(dose: MontageDose) -> str:
    """A montage's effect in one line."""
    return (
        f"{dose.dose_v_per_m:.3g} V/m at {dose.total_current_ma:g} mA; mean |E| {dose.mean_e_v_per_m:.3g} in the target, "
        f"{dose.grey_mean_e_v_per_m:.3g} in grey matter (focality {dose.focality:.2f})"
    )
