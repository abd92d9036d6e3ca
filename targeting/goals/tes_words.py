"""What else was asked of a montage, and what came of it: the report's section, and lines for the terminal."""

from __future__ import annotations

from html import escape

from targeting.goals.tes_record import PlanTesGoal, PlanTesPlace
from targeting.plans.tes import TesPlan
from targeting.records.places import ALSO
from targeting.words.numbers import number, three_digits


def tes_goal_lines(plan: TesPlan) -> list[str]:
    """A line for what was asked, and one for each region, further target and map."""
    goal = plan.goal
    if goal is None:
        return []
    lines = [goal.words]
    if goal.best_dose_v_per_m:
        lines.append(
            f"the target gets {plan.dose.dose_v_per_m / goal.best_dose_v_per_m:.0%} of the most it can get alone"
        )
    lines += [f"{place.role}: {_title(place)} gets {_words(place, plan)}" for place in goal.places]
    if goal.network is not None:
        usual = goal.network.standard_agreement
        beside = "" if usual is None else f" ({_usual(plan)}: {usual:.2f})"
        lines.append(
            f"map: agreement of the field with it {goal.network.agreement:.2f}{beside}; 1 is alike but for size"
        )
    return lines


def tes_goal_section(plan: TesPlan) -> str:
    """The report's section, or nothing."""
    goal = plan.goal
    if goal is None:
        return ""
    return (
        '<section aria-labelledby="goal">\n<h2 id="goal">What the montage was to do</h2>\n'
        f"<p>{escape(_sentence(goal.words))} {_how(goal, plan)}</p>\n{_table(goal, plan)}{_map(goal, plan)}</section>\n"
    )


def _table(goal: PlanTesGoal, plan: TesPlan) -> str:
    if not goal.places:
        return ""
    usual = escape(_usual(plan))
    heads = [
        "Place",
        "Wanted",
        "This montage<small>V/m</small>",
        "Share",
        "By the leadfield<small>V/m</small>",
        f"{usual}<small>V/m</small>",
    ]
    rows = "\n".join(
        f'<tr><th scope="row">{escape(_title(place))}</th><td>{"dose" if place.role == ALSO else "spared"}</td>'
        f"<td>{three_digits(place.e_v_per_m)}</td><td>{_share(place, plan)}</td>"
        f"<td>{_or_dash(place.search_e_v_per_m)}</td><td>{_or_dash(place.standard_e_v_per_m)}</td></tr>"
        for place in goal.places
    )
    title = "".join(f'<th scope="col">{each}</th>' for each in heads)
    standard_ma = "" if plan.standard is None else f" ({usual}: {number(plan.standard.dose.total_current_ma, 2)} mA)"
    return (
        '<div class="scroll" tabindex="0" role="region" aria-label="Table of other places">\n'
        f'<table class="ranking even"><thead><tr>{title}</tr></thead><tbody>\n{rows}\n</tbody></table></div>\n'
        f"<p>At {number(plan.total_current_ma, 2)} mA{standard_ma}. A spared region has its root mean square of |E|, as a "
        "share of the target’s dose; a further target its dose, as a share of the most it can get alone.</p>\n"
    )


def _how(goal: PlanTesGoal, plan: TesPlan) -> str:
    if not goal.best_dose_v_per_m:
        return ""
    share = plan.dose.dose_v_per_m / goal.best_dose_v_per_m
    return (
        f"The target itself gets {share:.0%} of the most it can get alone ({three_digits(goal.best_dose_v_per_m)} V/m)."
    )


def _map(goal: PlanTesGoal, plan: TesPlan) -> str:
    network = goal.network
    if network is None:
        return ""
    wanted = ""
    if network.wanted_v_per_m is not None:
        wanted = f" Its largest value was to stand for {three_digits(network.wanted_v_per_m)} V/m."
    usual = ""
    if network.standard_agreement is not None:
        usual = f"; that of {escape(_usual(plan))} has {number(network.standard_agreement, 2)}"
    return (
        f"<p>The map {escape(network.map)} was given in {'MNI152' if network.space == 'mni' else 'the subject’s space'}; "
        f"{network.near_grey:.0%} of its strong voxels lie near this head’s grey matter.{wanted} The field into the cortex "
        f"agrees with it by {number(network.agreement, 2)} (weighted cosine: 1 is alike but for size, 0 nothing in common)"
        f"{usual}. The ring in the pictures lies where the map is largest; the map may reach elsewhere.</p>\n"
    )


def _usual(plan: TesPlan) -> str:
    return plan.standard.dose.montage if plan.standard is not None else "the standard montage"


def _words(place: PlanTesPlace, plan: TesPlan) -> str:
    beside = "" if place.standard_e_v_per_m is None else f" ({_usual(plan)}: {three_digits(place.standard_e_v_per_m)})"
    share = _share(place, plan)
    of = "the most it can get alone" if place.role == ALSO else "the target's dose"
    told = "" if share == "–" else f", {share} of {of}"
    size = "" if place.role == ALSO else " (root mean square)"
    return f"{three_digits(place.e_v_per_m)} V/m{size}{told}{beside}"


def _share(place: PlanTesPlace, plan: TesPlan) -> str:
    whole = place.best_e_v_per_m if place.role == ALSO else plan.dose.dose_v_per_m
    return "–" if whole is None or whole <= 0 else f"{place.e_v_per_m / whole:.0%}"


def _or_dash(value: float | None) -> str:
    return "–" if value is None else three_digits(value)


def _title(place: PlanTesPlace) -> str:
    return place.name if " " in place.name or not place.side else f"{place.side} {place.name}"


def _sentence(words: str) -> str:
    return f"{words[:1].upper()}{words[1:]}."
