"""The goal block of a montage's ``plan.json``: what it was to do beside serving its target, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass

from targeting.goals.record import ALSO, AVOIDED
from targeting.records.json_records import require

SPACES = ("subject", "mni")
OVER_CAP = 1.05  # of the cap: what the complete electrode model may add to the leadfield's share before it is told


@dataclass(frozen=True)
class PlanTesPlace:
    """A region to spare or a further target, at the plan's currents."""

    name: str
    role: str  # "avoided" or "also a target"
    side: str
    center_mm: list[float]
    radius_mm: float
    source: str
    e_v_per_m: float  # direct solve; avoided: root mean square of |E|; a target: its dose, as dose_v_per_m
    search_e_v_per_m: float | None  # the same by the leadfield; None for a montage that was given
    standard_e_v_per_m: float | None  # the same under the standard montage at its own current
    best_e_v_per_m: float | None  # a further target's dose if the montage served it alone; None if not known


@dataclass(frozen=True)
class PlanNetwork:
    """A map that is the target."""

    map: str  # file name
    space: str  # of SPACES
    wanted_v_per_m: float | None  # the field that the map's largest value was to stand for
    agreement: float  # weighted cosine of the map and the direct solve's inward component; 1: alike but for size
    standard_agreement: float | None  # of the standard montage
    near_grey: float  # share of the map's strong voxels near this head's grey matter


@dataclass(frozen=True)
class PlanTesGoal:
    """What else was asked of a montage."""

    words: str
    avoid_cap: float | None  # share of the dose that no avoided region was to pass; None without
    best_dose_v_per_m: float | None  # with further targets: the target's dose if it were served alone
    places: list[PlanTesPlace]
    network: PlanNetwork | None


def check_tes_goal(goal: PlanTesGoal) -> None:
    """What the annotations cannot say.

    Raises
    ------
    InputError
        If a role or a space is unknown, or a number impossible.
    """
    for i, place in enumerate(goal.places):
        where = f"goal.places[{i}]"
        require(place.role in (AVOIDED, ALSO), f"{where}.role must be {AVOIDED!r} or {ALSO!r}, not {place.role!r}")
        require(len(place.center_mm) == 3, f"{where}.center_mm must be three numbers")
        require(place.role == ALSO or place.e_v_per_m >= 0, f"{where}: a field strength is negative")
    if goal.network is not None:
        require(goal.network.space in SPACES, f"goal.network.space must be one of {', '.join(SPACES)}")
    require(bool(goal.places) or goal.network is not None, "goal has neither places nor a network")


def tes_goal_warnings(goal: PlanTesGoal, dose_v_per_m: float) -> list[str]:
    """What a person must know, a line each."""
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
