"""The goal block of ``plan.json``: what the search was for, where that is not the dose itself, and what others get."""

from __future__ import annotations

from dataclasses import dataclass

from targeting.records.json_records import require

AVOIDED, ALSO = "avoided", "also a target"
AGREEMENT = 0.1  # of the search's value with the direct solve's; measured 0.04 (targeting/tms/objective_making.py)


@dataclass(frozen=True)
class PlanPlace:
    """A region to spare or a further target; lists have one number for each placement, at 1 A/µs."""

    name: str
    role: str  # "avoided" or "also a target"
    side: str
    center_mm: list[float]
    radius_mm: float
    source: str
    e_v_per_m: list[float]  # avoided: volume-weighted mean of |E|; a target: size of the volume-weighted mean E vector
    direct_e_v_per_m: float  # the same at placement 1 from a direct solve
    best_e_v_per_m: float | None  # a further target's largest when the coil serves it alone


@dataclass(frozen=True)
class PlanGoal:
    """What placements are ranked by; lists have one number for each placement, at 1 A/µs."""

    name: str
    words: str
    unit: str
    score: list[float]  # falling: the value, its inverse where less is better, or what penalties leave of it
    value: list[float]
    direct_value: float  # of placement 1, from a direct solve and all grey matter
    penalty: float  # weight of avoided regions (and of the superficial field)
    avoid_cap: float | None  # largest share of the target's dose that an avoided region was to get
    least_share: float  # placements below this share of the largest dose were not considered
    best_dose_v_per_m: float | None  # with further targets: the target's largest dose when the coil serves it alone
    places: list[PlanPlace]


def check_goal(goal: PlanGoal, doses: int) -> None:
    """What the annotations cannot say; ``doses`` is the number of placements.

    Raises
    ------
    InputError
        If lists have the wrong length or the ranking does not fall.
    """
    for name in ("score", "value"):
        require(len(getattr(goal, name)) == doses, f"goal.{name} must have a number for each placement")
    require(goal.score == sorted(goal.score, reverse=True), "placements are not ranked by falling goal.score")
    for i, place in enumerate(goal.places):
        where = f"goal.places[{i}]"
        require(place.role in (AVOIDED, ALSO), f"{where}.role must be {AVOIDED!r} or {ALSO!r}, not {place.role!r}")
        require(len(place.center_mm) == 3, f"{where}.center_mm must be three numbers")
        require(len(place.e_v_per_m) == doses, f"{where}.e_v_per_m must have a number for each placement")
        require(min(place.e_v_per_m) >= 0, f"{where}: a field strength is negative")
        alone = place.best_e_v_per_m is not None
        require(alone == (place.role == ALSO), f"{where}.best_e_v_per_m belongs to further targets, and to all of them")


def goal_warnings(goal: PlanGoal, dose_v_per_m: float) -> list[str]:
    """What a person must know of placement 1, a line each."""
    found = []
    off = abs(goal.value[0] - goal.direct_value) / abs(goal.direct_value) if goal.direct_value else float("inf")
    if off > AGREEMENT:
        found.append(
            f"the search's {goal.name} of placement 1 is {goal.value[0]:.3g} {goal.unit} and the direct solve's "
            f"{goal.direct_value:.3g}: the ranking by it is uncertain"
        )
    for place in goal.places:
        share = place.e_v_per_m[0] / dose_v_per_m if dose_v_per_m else float("inf")
        if place.role == AVOIDED and goal.avoid_cap is not None and share > goal.avoid_cap:
            found.append(
                f"no placement holds the avoided {place.name} below {goal.avoid_cap:.0%} of the target's dose; "
                f"the best gives it {share:.0%}"
            )
        elif place.role == AVOIDED and share > 1:
            found.append(f"the avoided {place.name} gets more than the target: {share:.1f} times its dose")
    return found
