"""What ``target plan`` says of a coil's plan in a terminal."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from cli.plan_warnings import unsafe_lines, warning_lines, who_lines

if TYPE_CHECKING:
    from targeting.dosing.record import PlanDosing
    from targeting.plans.tms import Plan, PlanCoil


def coil_summary(plan: Plan, folder: Path) -> str:
    """The plan in a screenful."""
    from targeting.aim_certainty.words import certainty_line
    from targeting.comparison.words import comparison_lines
    from targeting.engines import by_engine
    from targeting.goals.words import goal_lines
    from targeting.plans.tms_words import handle_direction, handle_lines, held_off_words, is_held_off
    from targeting.robustness.words import robustness_line
    from targeting.uncertainty.words import uncertainty_line
    from targeting.words.target import target_line

    best = plan.placements[0]
    rated = plan.coil.max_didt_a_per_s
    lines = [
        *unsafe_lines(plan),
        *who_lines(plan),
        f"target     {target_line(plan.target)}",
        f"coil       {plan.coil.name}" + (f", up to {rated / 1e6:.0f} A/µs{_on(plan.coil)}" if rated else ""),
        f"placement  scalp {_point(best.scalp_mm)} mm, casing {best.distance_mm:.1f} mm from it; "
        f"handle pointing {handle_direction(best)}; current angle {best.angle_deg:.0f}°",
        *handle_lines(plan),
        *([f"refused    {held_off_words(best)}"] if is_held_off(best) else []),
        f"dose       {best.dose_v_per_m:.3g} V/m at 1 A/µs "
        f"(direct solve{by_engine(plan.search.direct_solves_by)} {best.direct_dose_v_per_m:.3g}); "
        f"mean |E| {best.direct_mean_e_v_per_m:.3g}, highest in the target {best.max_e_v_per_m:.3g}",
        *(f"goal       {each}" for each in goal_lines(plan.goal, best.dose_v_per_m)),
        *([f"aim        {certainty_line(plan.aim_certainty)}"] if plan.aim_certainty else []),
        *([f"steadiness {robustness_line(plan.robustness, best.scalp_mm)}"] if plan.robustness else []),
        *([f"spread     {uncertainty_line(plan.uncertainty)}"] if plan.uncertainty else []),
        *_output(plan.dosing),
        f"peak       {best.peak_e_v_per_m:.3g} V/m in grey matter at {_point(best.peak_mm)} mm",
        *(f"compared   {each}" for each in comparison_lines(plan.comparison)),
        *warning_lines(plan.warnings),
        f"files      {folder / 'plan.html'} and, beside it, treatment_sheet.html, plan.json, Brainsight, Localite and field "
        "files",
    ]
    return "\n".join(lines)


def _on(coil: PlanCoil) -> str:
    return f" on a {coil.rated_on}" if coil.rated_on else ""


def _output(dosing: PlanDosing | None) -> list[str]:
    if dosing is None:
        return []
    from targeting.dosing.words import dosing_line

    return [f"output     {dosing_line(dosing)}"]


def _point(point_mm: list[float]) -> str:
    return "(" + ", ".join(f"{x:.1f}" for x in point_mm) + ")"
