"""The goal block of a montage's ``plan.json``: what it was to do beside serving its target, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from targeting.records.json_records import require
from targeting.records.kinds import OneOf, Positive, Share
from targeting.records.places import ALSO, AVOIDED, PlanRegion

SPACES = ("subject", "mni")
OVER_CAP = (
    1.05  # of the cap: what the complete electrode model may add to the leadfield's share before a warning is due
)


@dataclass(frozen=True)
class PlanTesPlace(PlanRegion):
    """What a montage does at a region, at the plan's currents."""

    e_v_per_m: Annotated[
        float,
        "From a direct solve, V/m. Avoided: volume-weighted root mean square of |E|; a further target: its dose, "
        "as `dose_v_per_m` of the plan.",
    ]
    search_e_v_per_m: Annotated[
        float | None,
        "The same by the leadfield of the search; null for a montage that was given.",
    ]
    standard_e_v_per_m: Annotated[
        float | None,
        "The same under the standard montage at its own current; null where that does not fit.",
    ]
    best_e_v_per_m: Annotated[
        float | None,
        "A further target's dose if the current served it alone, by the leadfield; null for an avoided region and "
        "for a montage that was given.",
    ]


@dataclass(frozen=True)
class PlanNetwork:
    """A map that is the target."""

    map: Annotated[str, "File name of the map."]
    space: Annotated[str, OneOf(*SPACES), "Whether it was given in the subject's space or in MNI152."]
    wanted_v_per_m: Annotated[
        float | None,
        "The field that the map's largest value was to stand for, V/m; null where the most field along the map was"
        " sought.",
    ]
    agreement: Annotated[
        float,
        "Weighted cosine of the map and the direct solve's component into the cortex: 1 if they are alike but for "
        "size, 0 if they have nothing in common.",
    ]
    standard_agreement: Annotated[float | None, "The same of the standard montage; null where that does not fit."]
    near_grey: Annotated[Share, "Share of the map's strong voxels that lie near this head's grey matter."]


@dataclass(frozen=True)
class PlanTesGoal:
    """What else was asked of a montage."""

    words: Annotated[str, "What was asked, in words."]
    avoid_cap: Annotated[
        Positive | None,
        "Share of the target's dose that the root mean square of |E| in no avoided region was to pass; null where "
        "none was held.",
    ]
    best_dose_v_per_m: Annotated[
        float | None,
        "With further targets: the target's dose if the current served it alone, by the leadfield, V/m; null "
        "otherwise.",
    ]
    places: Annotated[list[PlanTesPlace], "Avoided regions and further targets, at the currents of the plan."]
    network: Annotated[PlanNetwork | None, "The map that is the target; null if none is."]

    def check(self, where: str) -> None:
        """Refuse a goal of nothing, and a size below zero."""
        for i, place in enumerate(self.places):
            require(place.role == ALSO or place.e_v_per_m >= 0, f"{where}.places[{i}]: a field strength is negative")
        require(bool(self.places) or self.network is not None, f"{where} has neither places nor a network")


def tes_goal_warnings(goal: PlanTesGoal, dose_v_per_m: float) -> list[str]:
    """Warnings about the montage's goal, a line each."""
    found = []
    for place in goal.places:
        share = place.e_v_per_m / dose_v_per_m if dose_v_per_m > 0 else float("inf")
        if place.role == AVOIDED and goal.avoid_cap is not None and share > OVER_CAP * goal.avoid_cap:
            found.append(
                f"the avoided {place.name} gets {share:.0%} of the target's dose (root mean square), more than the cap of "
                f"{goal.avoid_cap:.0%}"
            )
        elif place.role == AVOIDED and share > 1:
            found.append(f"the avoided {place.name} gets more than the target: {share:.1f} times its dose")
        elif place.role == ALSO and place.e_v_per_m <= 0:
            found.append(f"the further target {place.name} gets no dose along its direction")
    return found
