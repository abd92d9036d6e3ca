"""What a user asks the search to be for, checked before anything is made.

A region to avoid, or a further target, is written as a target is: a name, ``mni:x,y,z``, ``ras:x,y,z`` or a NIfTI mask.
A name is on the plan's own side unless ``@left`` or ``@right`` follows; ``/12`` makes a ball of 12 mm radius:
``m1-face@right``, ``ras:-40,-20,50/12``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from atlases.aim import is_mask
from atlases.targets import SIDES, targets
from meshes.choices import one_of
from meshes.errors import InputError
from targeting.records.warnings import PlanWarning, note
from targeting.study.aim import Aim, Direction
from targeting.study.head_source import OwnWorld
from targeting.tms.objective_names import DEFAULT, LINEAR, NAMED_OBJECTIVES, objective_names

WEIGHT, LEAST_SHARE = 1.0, 0.5  # the same as targeting.tms.objectives has; that module is slow to import


@dataclass(frozen=True)
class ObjectiveRequest:
    """What the search is for; plain linear doses need no request (``of`` gives None)."""

    name: str
    avoid: tuple[Aim, ...] = ()
    also: tuple[Aim, ...] = ()
    weight: float = WEIGHT
    cap: float | None = None
    least_share: float = LEAST_SHARE

    @classmethod
    def of(
        cls,
        objective: str,
        avoid: Sequence[str],
        also: Sequence[str],
        side: str | None,
        weight: float | None = None,
        cap: float | None = None,
        least_share: float | None = None,
        own: OwnWorld | None = None,
    ) -> ObjectiveRequest | None:
        """The request, checked before anything is made; None for a linear dose of one target that avoids nothing.

        Raises
        ------
        InputError
            If a word is unknown, a number impossible, or options do not go together.
        """
        one_of(objective, objective_names(), "objective")
        if also and objective != DEFAULT:
            raise InputError(f"--also goes with the objective {DEFAULT}, not with {objective}")
        if weight is not None and not avoid and objective != "depth":
            raise InputError("--penalty is the weight of avoided regions: give --avoid REGION, or --objective depth")
        if cap is not None and not avoid:
            raise InputError("--avoid-cap holds avoided regions below a share of the dose: give --avoid REGION")
        plain = objective in LINEAR and not avoid and not also
        if least_share is not None and plain:
            raise InputError(f"--least-dose is for objectives other than the dose itself; {objective} needs none")
        numbers = (WEIGHT if weight is None else weight, cap, LEAST_SHARE if least_share is None else least_share)
        _check_numbers(*numbers)
        regions = tuple(region_of(each, side, "--avoid", own) for each in avoid)
        others = tuple(region_of(each, side, "--also", own) for each in also)
        return None if plain else cls(objective, regions, others, *numbers)

    def check_beside(self, uncertainty: bool, hotspot_is_target: bool) -> None:
        """Refuse what a plan for this objective cannot say.

        Raises
        ------
        InputError
            If the spread over conductivities is asked for, or the plan's own pose is to be that of the motor threshold.
        """
        if uncertainty:
            raise InputError(f"--uncertainty is of the dose's own best pose; leave it out with {self.words}")
        if hotspot_is_target:
            raise InputError(f"with {self.words} the plan's pose is not the hotspot's best: give --rmt-at x,y,z")

    @property
    def words(self) -> str:
        """What was asked for, as options."""
        options = {"--objective " + self.name: self.name != DEFAULT, "--avoid": self.avoid, "--also": self.also}
        return ", ".join(option for option, given in options.items() if given)

    def notes(self) -> list[PlanWarning]:
        """What the rest of the plan does not know of it."""
        return [note(f"placements are ranked for {self.words}; steadiness is of the target's dose alone")]

    @property
    def in_mni(self) -> bool:
        """Whether the registration is needed for a region or a further target."""
        return any(each.in_mni for each in (*self.avoid, *self.also))

    @property
    def files(self) -> dict[str, Path]:
        """Masks by the place they have in the request."""
        places = {"avoid": self.avoid, "also": self.also}
        return {f"{role}{i}": each.mask for role, aims in places.items() for i, each in enumerate(aims) if each.mask}

    @property
    def places(self) -> dict[str, Any]:
        """What regions and further targets are made from, for a stage's parameters."""
        return {role: [_recorded(each) for each in aims] for role, aims in (("avoid", self.avoid), ("also", self.also))}

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
            raise InputError("the objective component needs its direction: give --direction x,y,z")
        return objective, "normal" if objective == "normal" else None
    own = "normal" if isinstance(direction, str) else "component"
    if objective not in (DEFAULT, own):
        raise InputError(f"--direction does not go with the objective {objective}; leave out one of them")
    return own, direction


def region_of(text: str, side: str | None, option: str, own: OwnWorld | None = None) -> Aim:
    """The region that ``NAME[@side][/radius]``, ``mni:x,y,z[/radius]``, ``ras:x,y,z[/radius]`` or a mask means.

    Parameters
    ----------
    text : str
    side : str or None
        Of the plan's target: a name's, where it says none.
    option : str
        What to say in a complaint.
    own : OwnWorld, optional
        What a mask's place is held against.

    Raises
    ------
    InputError
        If it cannot be understood.

    Examples
    --------
    >>> region_of("m1-face@right/6", "left", "--avoid")
    Aim(name='m1-face', side='right', hotspot_mm=None, radius_mm=6.0, frame=None)
    """
    if is_mask(text):
        return Aim(text, None).checked(own)
    rest, slash, radius = text.partition("/")
    name, at, word = (each.strip() for each in rest.partition("@"))
    try:
        radius_mm = float(radius) if slash else None
    except ValueError:
        raise InputError(f"{option} {text}: a radius in mm follows the /, such as {rest}/10") from None
    if ":" in name:
        if at:
            raise InputError(f"{option} {text}: coordinates have the side of their x; leave out @{word}")
        return Aim(name, None, None, radius_mm).checked()
    aim = Aim(name, one_of(word, SIDES, "side") if at else side, None, radius_mm).checked()
    if aim.side is None:
        raise InputError(f"which side of {name}? write {option} {name}@left or {name}@right")
    return aim


def _recorded(aim: Aim) -> dict[str, Any]:
    return {
        **asdict(aim),
        "name": aim.recorded,
        "entry": aim.entry if aim.name in targets() else None,
    }


def _check_numbers(weight: float, cap: float | None, least_share: float) -> None:
    if not 0 <= weight <= 1000:
        raise InputError(f"--penalty must be between 0 and 1000, not {weight:g}")
    if cap is not None and not 0 < cap <= 100:
        raise InputError(f"--avoid-cap is a share of the target's dose, above 0 and at most 100, not {cap:g}")
    if not 0 <= least_share <= 0.9:
        raise InputError(f"--least-dose is a share of the largest dose, from 0 to 0.9, not {least_share:g}")
