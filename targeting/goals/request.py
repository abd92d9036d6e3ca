"""ObjectiveRequest: what a search for a coil's pose is to make large, and which regions it is to spare."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from meshes.choices import one_of
from meshes.errors import InputError
from targeting.records.warnings import PlanWarning, note
from targeting.study.aim import Aim
from targeting.study.head_source import OwnWorld
from targeting.study.options import as_flags, flags_of
from targeting.study.regions import CAP_NEEDS_A_REGION, Regions, region_of
from targeting.study.request import Direction
from targeting.study.tms_request import TmsRequest
from targeting.tms.objective_names import DEFAULT, LINEAR, NAMED_OBJECTIVES, objective_names

WEIGHT, LEAST_SHARE = 1.0, 0.5  # the same as targeting.tms.objectives has; that module is slow to import


@dataclass(frozen=True)
class ObjectiveRequest:
    """What a search for a coil's pose is to make large; plain linear doses need no request (``of`` gives None)."""

    name: str
    avoid: tuple[Aim, ...] = ()
    also: tuple[Aim, ...] = ()
    weight: float = WEIGHT
    cap: float | None = None
    least_share: float = LEAST_SHARE

    @classmethod
    def of(cls, request: TmsRequest, side: str | None, own: OwnWorld | None = None) -> ObjectiveRequest | None:
        """The request, checked before anything is made; None for a linear dose of one target that avoids nothing.

        Parameters
        ----------
        request : TmsRequest
            Its direction decides the objective where that is the dose (:func:`linear_direction`).
        side : str or None
            Of the plan's target: that of regions named without one.
        own : OwnWorld, optional
            What a mask's place is held against.

        Raises
        ------
        InputError
            If a word is unknown, or options do not go together.
        """
        objective, _ = linear_direction(request.objective, request.direction)
        if request.also and objective != DEFAULT:
            raise InputError(f"`also` goes with the objective {DEFAULT}, not with {objective}")
        if request.penalty is not None and not request.avoid and objective != "depth":
            raise InputError("`penalty` is the weight of avoided regions: give `avoid=REGION`, or `objective=depth`")
        if request.avoid_cap is not None and not request.avoid:
            raise InputError(CAP_NEEDS_A_REGION)
        plain = objective in LINEAR and not request.avoid and not request.also
        if request.least_dose is not None and plain:
            raise InputError(f"`least_dose` is for objectives other than the dose itself; {objective} needs none")
        regions = tuple(region_of(each, side, "avoid", own) for each in request.avoid)
        others = tuple(region_of(each, side, "also", own) for each in request.also)
        weight = WEIGHT if request.penalty is None else request.penalty
        least = LEAST_SHARE if request.least_dose is None else request.least_dose
        return None if plain else cls(objective, regions, others, weight, request.avoid_cap, least)

    def check_beside(self, uncertainty: bool, hotspot_is_target: bool) -> None:
        """Refuse what a plan for this objective cannot say.

        Raises
        ------
        InputError
            If the spread over conductivities is asked for, or the plan's own pose is to be that of the motor threshold.
        """
        if uncertainty:
            raise InputError(f"`uncertainty` is of the dose's own best pose; leave it out with {self.words}")
        if hotspot_is_target:
            raise InputError(f"with {self.words} the plan's pose is not the hotspot's best: give `rmt_at_mm=x,y,z`")

    @property
    def words(self) -> str:
        """What was asked for, by the names of the options."""
        options = {f"`objective={self.name}`": self.name != DEFAULT, "`avoid`": self.avoid, "`also`": self.also}
        return ", ".join(option for option, given in options.items() if given)

    def notes(self) -> list[PlanWarning]:
        """What the rest of the plan does not know of it."""
        asked = as_flags(self.words, flags_of(TmsRequest))
        return [note(f"placements are ranked for {asked}; steadiness is of the target's dose alone")]

    @property
    def regions(self) -> Regions:
        """The avoided regions and further targets."""
        return Regions(self.avoid, self.also)

    @property
    def in_mni(self) -> bool:
        """Whether the registration is needed for a region or a further target."""
        return self.regions.in_mni

    @property
    def needs_cortex(self) -> bool:
        """Whether the cortex is needed for a region or a further target."""
        return self.regions.needs_cortex

    @property
    def files(self) -> dict[str, Path]:
        """Masks by the place they have in the request."""
        return self.regions.files

    @property
    def places(self) -> dict[str, Any]:
        """What regions and further targets are made from, for a stage's parameters."""
        return self.regions.parameters

    @property
    def numbers(self) -> dict[str, Any]:
        """How the score is put together, for a stage's parameters."""
        own = {"name": self.name, "weight": self.weight, "cap": self.cap, "least_share": self.least_share}
        plugin = NAMED_OBJECTIVES.origin(self.name)  # another version of it may be another objective
        return own | {"plugin": plugin} if plugin else own


def linear_direction(objective: str, direction: Direction) -> tuple[str, Direction]:
    """The objective's name and its direction, whichever of the two was given.

    Raises
    ------
    InputError
        If they contradict each other.

    Examples
    --------
    >>> linear_direction("dose", "normal"), linear_direction("normal", None), linear_direction("dose", (0.0, 1.0, 0.0))
    (('normal', 'normal'), ('normal', 'normal'), ('component', (0.0, 1.0, 0.0)))
    """
    one_of(objective, objective_names(), "objective")
    if direction is None:
        if objective == "component":
            raise InputError("the objective component needs its direction: give `direction=x,y,z`")
        return objective, "normal" if objective == "normal" else None
    own = "normal" if isinstance(direction, str) else "component"
    if objective not in (DEFAULT, own):
        raise InputError(f"`direction` does not go with the objective {objective}; leave out one of them")
    return own, direction
