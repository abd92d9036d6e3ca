"""The goal block of ``plan.json``: what the search was for, where that is not the dose itself, and what others get."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from targeting.records.json_records import require
from targeting.records.kinds import AtLeastZero
from targeting.records.places import ALSO, AVOIDED, PlanRegion

AGREEMENT = 0.1  # of the search's value with the direct solve's; measured 0.04 (targeting/tms/objective_making.py)


@dataclass(frozen=True)
class PlanPlace(PlanRegion):
    """What a coil's placements do at a region; lists have one number for each placement, at 1 A/µs."""

    e_v_per_m: Annotated[
        list[AtLeastZero],
        Meta(min_length=1),
        "Avoided: volume-weighted mean of |E|; a target: size of the volume-weighted mean E vector; V/m.",
    ]
    direct_e_v_per_m: Annotated[AtLeastZero, "The same at placement 1 from a direct forward solve, V/m."]
    best_e_v_per_m: Annotated[
        float | None,
        "The most a further target can get when the coil serves it alone, V/m; null for an avoided region.",
    ]


@dataclass(frozen=True)
class PlanGoal:
    """What placements are ranked by; lists have one number for each placement, at 1 A/µs."""

    name: Annotated[str, "Name of the objective."]
    words: Annotated[str, "What its value is."]
    unit: Annotated[str, "Unit of the value; empty for a ratio."]
    score: Annotated[
        list[float],
        Meta(min_length=1),
        "What the ranking falls by: the value, its inverse where less is better, or what penalties leave of it; "
        "negative where a cap is exceeded.",
    ]
    value: Annotated[list[float], Meta(min_length=1), "The objective's value."]
    direct_value: Annotated[float, "The value of placement 1 from a direct forward solve and all grey matter."]
    penalty: Annotated[
        AtLeastZero,
        "Weight of avoided regions (and of the superficial field, for depth): the score is divided by 1 + weight "
        "times their share of the target's dose.",
    ]
    avoid_cap: Annotated[float | None, "Share of the target's dose that no avoided region was to exceed; null without."]
    least_share: Annotated[AtLeastZero, "Poses below this share of the largest dose were not considered."]
    best_dose_v_per_m: Annotated[
        float | None,
        "The target's largest dose when the coil serves it alone, V/m; null without further targets.",
    ]
    places: Annotated[list[PlanPlace], "Avoided regions and further targets."]

    def check(self, where: str) -> None:
        """Refuse lists of another length than the ranking's, and a ranking that does not fall."""
        placements = len(self.score)
        require(len(self.value) == placements, f"{where}.value must have a number for each placement")
        require(self.score == sorted(self.score, reverse=True), f"placements are not ranked by falling {where}.score")
        for i, place in enumerate(self.places):
            at = f"{where}.places[{i}]"
            require(len(place.e_v_per_m) == placements, f"{at}.e_v_per_m must have a number for each placement")
            alone = place.best_e_v_per_m is not None
            require(
                alone == (place.role == ALSO), f"{at}.best_e_v_per_m belongs to further targets, and to all of them"
            )


def goal_warnings(goal: PlanGoal, dose_v_per_m: float) -> list[str]:
    """Warnings about placement 1, a line each."""
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
