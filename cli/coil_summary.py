"""What ``target plan`` says of a coil's plan in a terminal."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from cli.plan_warnings import Line, unsafe_lines, warning_lines, who_lines

if TYPE_CHECKING:
    from targeting.plans.tms import Plan


def coil_lines(plan: Plan, folder: Path) -> list[Line]:
    """The plan in a screenful: a name and a statement each (:func:`cli.tables.summary`)."""
    from targeting.comparison.words import comparison_lines
    from targeting.dosing.words import dosing_line
    from targeting.goals.words import goal_lines
    from targeting.plans.tms_words import (
        angle_fact,
        coil_fact,
        dose_fact,
        field_facts,
        handle_direction,
        handle_lines,
        held_off_words,
        is_held_off,
        peak_fact,
    )
    from targeting.robustness.words import robustness_line
    from targeting.uncertainty.words import uncertainty_line
    from targeting.words.numbers import number, point
    from targeting.words.target import target_line

    best, coil, peak = plan.placements[0], coil_fact(plan.coil), peak_fact(plan)
    place = (
        f"{point(best.scalp_mm)} mm on the scalp, casing {number(best.distance_mm)} mm from it; handle pointing "
        f"{handle_direction(best)}; {angle_fact(best.angle_deg).phrase}"
    )
    dose = "; ".join([f"{dose_fact(plan).text} at 1 A/µs", *(fact.phrase for fact in field_facts(plan))])
    return [
        *unsafe_lines(plan),
        *who_lines(plan),
        ("target", target_line(plan.target)),
        ("coil", ", ".join(filter(None, [coil.value, coil.more]))),
        ("placement", place),
        *handle_lines(plan),
        *([("refused", held_off_words(best))] if is_held_off(best) else []),
        ("dose", dose),
        *(("goal", each) for each in goal_lines(plan.goal, best.dose_v_per_m)),
        *([("steadiness", robustness_line(plan.robustness, best.scalp_mm))] if plan.robustness else []),
        *([("spread", uncertainty_line(plan.uncertainty))] if plan.uncertainty else []),
        *([("output", dosing_line(plan.dosing))] if plan.dosing else []),
        ("peak", f"{peak.phrase} {peak.more}"),
        *(("compared", each) for each in comparison_lines(plan.comparison)),
        *warning_lines(plan.warnings),
        (
            "files",
            f"{folder / 'plan.html'} and, beside it, treatment_sheet.html, plan.json, Brainsight, Localite and field files",
        ),
    ]
