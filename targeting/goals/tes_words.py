"""What else was asked of a montage (regions to spare, further targets, a map) and what came of it, in words.

``dose_v_per_m`` is the plan's dose in its target, ``standard`` the name of the standard montage ("the standard montage"
where none is compared).
"""

from __future__ import annotations

from targeting.goals.tes_record import PlanNetwork, PlanTesGoal, PlanTesPlace
from targeting.goals.words import place_title
from targeting.records.places import ALSO
from targeting.words.numbers import number, percent, three_digits


def tes_goal_lines(goal: PlanTesGoal | None, dose_v_per_m: float, standard: str) -> list[str]:
    """For a terminal: a line for what was asked, and one for each region, further target and map."""
    if goal is None:
        return []
    lines = [goal.words]
    if goal.best_dose_v_per_m:
        lines.append(f"the target gets {percent(dose_v_per_m / goal.best_dose_v_per_m)} of the most it can get alone")
    fields = ((place, _field(place, dose_v_per_m, standard)) for place in goal.places)
    lines += [f"{place.role}: {place_title(place)} gets {field}" for place, field in fields]
    if goal.network is not None:
        usual = goal.network.standard_agreement
        beside = "" if usual is None else f" ({standard}: {number(usual, 2)})"
        lines.append(
            f"map: agreement of the field with it {number(goal.network.agreement, 2)}{beside}; 1 is alike but for size"
        )
    return lines


def target_share_sentence(goal: PlanTesGoal, dose_v_per_m: float) -> str:
    """The target's share of the most it can get alone; empty without further targets."""
    if not goal.best_dose_v_per_m:
        return ""
    share = dose_v_per_m / goal.best_dose_v_per_m
    return f"The target itself gets {percent(share)} of the most it can get alone ({three_digits(goal.best_dose_v_per_m)} V/m)."


def place_rows(goal: PlanTesGoal, dose_v_per_m: float) -> list[list[str]]:
    """The page's table of regions and further targets.

    A row has the name, what was wanted, the field under this montage, its share, the field by the leadfield, and the field
    under the standard montage (V/m).
    """
    return [
        [
            place_title(place),
            "dose" if place.role == ALSO else "spared",
            three_digits(place.e_v_per_m),
            _share(place, dose_v_per_m),
            _or_dash(place.search_e_v_per_m),
            _or_dash(place.standard_e_v_per_m),
        ]
        for place in goal.places
    ]


def network_sentences(network: PlanNetwork, standard: str) -> str:
    """Where the map came from, and how the field agrees with it."""
    objective = usual = ""
    if network.wanted_v_per_m is not None:
        objective = f" Its largest value was to stand for {three_digits(network.wanted_v_per_m)} V/m."
    if network.standard_agreement is not None:
        usual = f"; that of {standard} has {number(network.standard_agreement, 2)}"
    return (
        f"The map {network.map} was given in {'MNI152' if network.space == 'mni' else 'the subject’s space'}; "
        f"{percent(network.near_grey)} of its strong voxels lie near this head’s grey matter.{objective} The field into the "
        f"cortex agrees with it by {number(network.agreement, 2)} (weighted cosine: 1 is alike but for size, 0 nothing in "
        f"common){usual}. The ring in the pictures lies where the map is largest; the map may reach elsewhere."
    )


def _field(place: PlanTesPlace, dose_v_per_m: float, standard: str) -> str:
    beside = "" if place.standard_e_v_per_m is None else f" ({standard}: {three_digits(place.standard_e_v_per_m)})"
    share, of = _share(place, dose_v_per_m), "the most it can get alone" if place.role == ALSO else "the target's dose"
    of_whole = "" if share == "–" else f", {share} of {of}"
    size = "" if place.role == ALSO else " (root mean square)"
    return f"{three_digits(place.e_v_per_m)} V/m{size}{of_whole}{beside}"


def _share(place: PlanTesPlace, dose_v_per_m: float) -> str:
    whole = place.best_e_v_per_m if place.role == ALSO else dose_v_per_m
    return "–" if whole is None or whole <= 0 else percent(place.e_v_per_m / whole)


def _or_dash(value: float | None) -> str:
    return "–" if value is None else three_digits(value)
