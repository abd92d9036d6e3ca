"""What placements are ranked by, where it is not the dose, and what regions get: the report's section, and console lines."""

from __future__ import annotations

from html import escape

from targeting.goals.record import PlanGoal, PlanPlace
from targeting.plans.tms import Plan
from targeting.records.places import ALSO
from targeting.words.numbers import number, three_digits


def goal_lines(plan: Plan) -> list[str]:
    """Placement 1 in a line for the objective and one for each region."""
    goal = plan.goal
    if goal is None:
        return []
    told = f"{three_digits(goal.value[0])} {goal.unit}".strip()
    lines = [f"{goal.name} {told} (direct solve {three_digits(goal.direct_value)}): {goal.words}"]
    if goal.best_dose_v_per_m:
        share = plan.placements[0].dose_v_per_m / goal.best_dose_v_per_m
        lines.append(f"the target gets {share:.0%} of the most it can get alone")
    return [*lines, *(f"{place.role}: {_title(place)} gets {_share(goal, place, plan)}" for place in goal.places)]


def goal_section(plan: Plan) -> str:
    """The report's section, or nothing."""
    goal = plan.goal
    if goal is None:
        return ""
    unit = f"<small>{escape(goal.unit)}</small>" if goal.unit else ""
    heads = ["Rank", f"{escape(goal.name.capitalize())}{unit}", "Dose in the target<small>V/m</small>"]
    heads += [f"{escape(_title(place))}<small>{_kind(place)}, V/m</small>" for place in goal.places]
    rows = []
    for i, placement in enumerate(plan.placements[:5]):
        cells = [goal.value[i], placement.dose_v_per_m, *(place.e_v_per_m[i] for place in goal.places)]
        body = "".join(f"<td>{three_digits(each)}</td>" for each in cells)
        rows.append(f'<tr><th scope="row">{placement.rank}</th>{body}</tr>')
    title = "".join(f'<th scope="col">{each}</th>' for each in heads)
    return (
        '<section aria-labelledby="goal">\n<h2 id="goal">What the search was for</h2>\n'
        f"<p>Placements are ranked by this: {escape(goal.words)}. {_how(goal)}</p>\n"
        '<div class="scroll" tabindex="0" role="region" aria-label="Table of the objective">\n'
        f'<table class="ranking">\n<thead><tr>{title}</tr></thead>\n<tbody>\n'
        + "\n".join(rows)
        + "\n</tbody>\n</table>\n"
        f"</div>\n<p>At 1 A/µs. {_checked(goal, plan)}</p>\n</section>"
    )


def _how(goal: PlanGoal) -> str:
    """Penalties, cap and least dose, a sentence each."""
    said = []
    if any(place.role != ALSO for place in goal.places):
        said.append(
            f"The score is divided by 1 + {goal.penalty:g} times the avoided regions’ mean |E| as a share of the target’s "
            "dose."
        )
    if goal.avoid_cap is not None:
        said.append(f"None of them was to get more than {goal.avoid_cap:.0%} of the target’s dose.")
    if goal.best_dose_v_per_m is None:
        said.append(f"Poses with less than {goal.least_share:.0%} of the largest possible dose were not considered.")
    return " ".join(said)


def _checked(goal: PlanGoal, plan: Plan) -> str:
    """What the direct solve of placement 1 gives."""
    words = [f"A direct solve of placement 1 gives {three_digits(goal.direct_value)} {escape(goal.unit)}".rstrip()]
    words += [f"{escape(_title(each))} {three_digits(each.direct_e_v_per_m)} V/m" for each in goal.places]
    alone = [
        f"{escape(_title(each))} {three_digits(each.best_e_v_per_m)} V/m" for each in goal.places if each.best_e_v_per_m
    ]
    said = ", ".join(words) + "."
    if goal.best_dose_v_per_m:
        own = f"{escape(plan.target.name)} {three_digits(goal.best_dose_v_per_m)} V/m"
        said += f" Alone, each could get: {', '.join([own, *alone])}."
    return said


def _title(place: PlanPlace) -> str:
    return place.name if " " in place.name or not place.side else f"{place.side} {place.name}"


def _kind(place: PlanPlace) -> str:
    return "dose" if place.role == ALSO else "avoided, mean |E|"


def _share(goal: PlanGoal, place: PlanPlace, plan: Plan) -> str:
    e, dose = place.e_v_per_m[0], plan.placements[0].dose_v_per_m
    if place.best_e_v_per_m:
        return f"{three_digits(e)} V/m, {e / place.best_e_v_per_m:.0%} of the most it can get alone"
    return f"mean |E| {three_digits(e)} V/m" + (f", {number(100 * e / dose, 0)} % of the target's dose" if dose else "")
