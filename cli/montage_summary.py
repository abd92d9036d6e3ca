"""What ``target plan`` says of a montage's plan in a terminal."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from cli.plan_warnings import unsafe_lines, warning_lines, who_lines

if TYPE_CHECKING:
    from targeting.plans.tes import TesPlan


def tes_summary(plan: TesPlan, folder: Path) -> str:
    """A montage's plan in a screenful."""
    from targeting.aim_certainty.words import certainty_line
    from targeting.goals.tes_words import tes_goal_lines
    from targeting.plans.tes_words import dose_words, electrode_words, optimum_words, standard_name, standard_words
    from targeting.words.target import target_line

    lines = [
        *who_lines(plan),
        f"target     {target_line(plan.target)}",
        f"montage    {plan.montage_name}: {', '.join(electrode_words(each.name, each.current_ma) for each in plan.montage)}",
        f"dose       {dose_words(plan.dose)}",
        *([f"pole       {plan.pole.words}"] if plan.pole else []),
    ]
    if plan.aim_certainty is not None:
        lines.append(f"aim        {certainty_line(plan.aim_certainty)}")
    if plan.standard is not None:
        lines.append(f"standard   {plan.standard.dose.montage}: {dose_words(plan.standard.dose)}")
    lines.append(f"{'standard' if plan.standard is None else '':<11}{standard_words(plan)}")
    if plan.optimum is not None:
        lines.append(f"optimum    {optimum_words(plan.optimum)}")
    lines += [f"goal       {each}" for each in tes_goal_lines(plan.goal, plan.dose.dose_v_per_m, standard_name(plan))]
    eyes = "" if plan.eye_e_v_per_m is None else f", {plan.eye_e_v_per_m:.2g} V/m in the eyes"
    lines += [
        f"safety     {plan.total_current_ma:g} mA for {plan.minutes:g} min, {plan.charge_c:.2g} C; "
        f"{plan.brain_e_v_per_m:.2g} V/m in the brain{eyes}",
        *warning_lines(plan.warnings),
        f"files      {folder / 'plan.html'} and, beside it, placement_sheet.html, plan.json, montage.csv and field files",
    ]
    return "\n".join([*unsafe_lines(plan), *lines])
