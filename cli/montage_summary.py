"""What ``target plan`` says of a montage's plan in a terminal."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from cli.plan_warnings import Line, unsafe_lines, warning_lines, who_lines

if TYPE_CHECKING:
    from targeting.plans.tes import TesPlan


def montage_lines(plan: TesPlan, folder: Path) -> list[Line]:
    """A montage's plan in a screenful: a name and a statement each (:func:`cli.tables.summary`)."""
    from targeting.goals.tes_words import tes_goal_lines
    from targeting.plans.tes_words import (
        dose_words,
        electrode_words,
        optimum_words,
        safety_facts,
        session_fact,
        standard_name,
        standard_words,
    )
    from targeting.words.target import target_line

    electrodes = ", ".join(electrode_words(each.name, each.current_ma) for each in plan.montage)
    session, standard = session_fact(plan), plan.standard
    safety = "; ".join(
        [f"{session.text}, {session.more}", *(f"{each.phrase} {each.more}" for each in safety_facts(plan))]
    )
    return [
        *unsafe_lines(plan),
        *who_lines(plan),
        ("target", target_line(plan.target)),
        ("montage", f"{plan.montage_name}: {electrodes}"),
        ("dose", dose_words(plan.dose)),
        *([("pole", plan.pole.words)] if plan.pole else []),
        *([("standard", f"{standard.dose.montage}: {dose_words(standard.dose)}")] if standard else []),
        ("" if standard else "standard", standard_words(plan)),
        *([("optimum", optimum_words(plan.optimum))] if plan.optimum else []),
        *(("goal", each) for each in tes_goal_lines(plan.goal, plan.dose.dose_v_per_m, standard_name(plan))),
        ("safety", safety),
        *warning_lines(plan.warnings),
        (
            "files",
            f"{folder / 'plan.html'} and, beside it, placement_sheet.html, plan.json, montage.csv and field files",
        ),
    ]
