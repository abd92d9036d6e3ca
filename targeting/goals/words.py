"""What a coil's placements are ranked by where it is not the dose, and what other regions get, in words."""

from __future__ import annotations

from collections.abc import Sequence

from targeting.goals.record import PlanGoal, PlanPlace
from targeting.goals.tes_record import PlanTesPlace
from targeting.records.places import ALSO
from targeting.words.numbers import percent, three_digits

MOST_ROWS = 5  # placements in the page's table


def goal_lines(goal: PlanGoal | None, dose_v_per_m: float) -> list[str]:
    """For a terminal: a line for the objective and one for each region; ``dose_v_per_m`` is placement 1's."""
    if goal is None:
        return []
    value = f"{three_digits(goal.value[0])} {goal.unit}".strip()
    lines = [f"{goal.name} {value} (direct solve {three_digits(goal.direct_value)}): {goal.words}"]
    if goal.best_dose_v_per_m:
        lines.append(f"the target gets {percent(dose_v_per_m / goal.best_dose_v_per_m)} of the most it can get alone")
    return [*lines, *(f"{each.role}: {place_title(each)} gets {_field(each, dose_v_per_m)}" for each in goal.places)]


def goal_headings(goal: PlanGoal) -> list[tuple[str, str]]:
    """The columns of the page's table of placements: what each has, and its unit."""
    columns = [("Rank", ""), (goal.name.capitalize(), goal.unit), ("Dose in the target", "V/m")]
    of = {True: "dose, V/m", False: "avoided, mean |E|, V/m"}
    return columns + [(place_title(place), of[place.role == ALSO]) for place in goal.places]


def goal_rows(goal: PlanGoal, doses_v_per_m: Sequence[float]) -> list[list[str]]:
    """The rows of that table but for the rank, for the first placements; ``doses_v_per_m`` has all placements'."""
    return [
        [three_digits(each) for each in (goal.value[i], dose, *(place.e_v_per_m[i] for place in goal.places))]
        for i, dose in enumerate(doses_v_per_m[:MOST_ROWS])
    ]


def ranking_sentences(goal: PlanGoal) -> str:
    """Penalties, cap and least dose, a sentence each."""
    sentences = []
    if any(place.role != ALSO for place in goal.places):
        sentences.append(
            f"The score is divided by 1 + {goal.penalty:g} times the avoided regions’ mean |E| as a share of the target’s "
            "dose."
        )
    if goal.avoid_cap is not None:
        sentences.append(f"None of them was to get more than {percent(goal.avoid_cap)} of the target’s dose.")
    if goal.best_dose_v_per_m is None:
        sentences.append(
            f"Poses with less than {percent(goal.least_share)} of the largest possible dose were not considered."
        )
    return " ".join(sentences)


def direct_sentences(goal: PlanGoal, target: str) -> str:
    """What a direct solve of placement 1 gives, and what each place could get alone; ``target`` is the target's name."""
    values = [f"A direct solve of placement 1 gives {three_digits(goal.direct_value)} {goal.unit}".rstrip()]
    values += [f"{place_title(each)} {three_digits(each.direct_e_v_per_m)} V/m" for each in goal.places]
    sentences = ", ".join(values) + "."
    if goal.best_dose_v_per_m:
        best = [(target, goal.best_dose_v_per_m)]
        best += [(place_title(each), each.best_e_v_per_m) for each in goal.places if each.best_e_v_per_m]
        alone = ", ".join(f"{name} {three_digits(e_v_per_m)} V/m" for name, e_v_per_m in best)
        sentences += f" Alone, each could get: {alone}."
    return sentences


def place_title(place: PlanPlace | PlanTesPlace) -> str:
    """A region's name with its side, but as it is where the name is a phrase."""
    return place.name if " " in place.name or not place.side else f"{place.side} {place.name}"


def _field(place: PlanPlace, dose_v_per_m: float) -> str:
    e_v_per_m = place.e_v_per_m[0]
    if place.best_e_v_per_m:
        return (
            f"{three_digits(e_v_per_m)} V/m, {percent(e_v_per_m / place.best_e_v_per_m)} of the most it can get alone"
        )
    share = f", {percent(e_v_per_m / dose_v_per_m)} of the target's dose" if dose_v_per_m else ""
    return f"mean |E| {three_digits(e_v_per_m)} V/m{share}"
