"""Regions to avoid and further targets, as a user writes them: a name, an area, a point or a mask, with side and radius.

A name is on the plan's own side unless ``@left`` or ``@right`` follows; ``/12`` makes a ball of 12 mm radius:
``m1-face@right``, ``area:FEF@right``, ``ras:-40,-20,50/12``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from atlases.aim import is_mask
from atlases.area_aim import LabelAim, by_folds
from atlases.targets import SIDES, targets
from meshes.choices import one_of
from meshes.errors import InputError
from targeting.study.aim import Aim
from targeting.study.head_source import OwnWorld
from targeting.study.tms_request import CAP_LIMITS

CAP_NEEDS_A_REGION = "`avoid_cap` holds avoided regions below a share of the dose: give `avoid=REGION`"


@dataclass(frozen=True)
class Regions:
    """Regions to avoid and further targets, as aims."""

    avoid: tuple[Aim, ...] = ()
    also: tuple[Aim, ...] = ()

    @classmethod
    def of(
        cls, avoid: Sequence[str], also: Sequence[str], side: str | None, own: OwnWorld | None = None
    ) -> Regions | None:
        """From the user's words; None for neither.

        Parameters
        ----------
        avoid, also : sequence of str
        side : str or None
            Of the plan's own target: a name's, where it says none.
        own : OwnWorld, optional
            What a mask's place is held against.

        Raises
        ------
        InputError
            If a word cannot be understood, or a place comes twice.
        """
        if not avoid and not also:
            return None
        for words, name in ((avoid, "avoid"), (also, "also")):
            if len(set(words)) < len(words):
                raise InputError(f"`{name}` names a place twice: leave one out")
        return cls(
            tuple(region_of(each, side, "avoid", own) for each in avoid),
            tuple(region_of(each, side, "also", own) for each in also),
        )

    @property
    def in_mni(self) -> bool:
        """Whether the registration is needed for one of them."""
        return any(each.in_mni for each in (*self.avoid, *self.also))

    @property
    def needs_cortex(self) -> bool:
        """Whether the cortex is needed for one of them."""
        return any(each.needs_cortex for each in (*self.avoid, *self.also))

    @property
    def files(self) -> dict[str, Path]:
        """Masks and files of labels by the place they have in the request."""
        places = {"avoid": self.avoid, "also": self.also}
        aims = [(f"{role}{i}", each) for role, aims in places.items() for i, each in enumerate(aims)]
        return {place: path for place, each in aims for path in each.files.values()}

    @property
    def parameters(self) -> dict[str, Any]:
        """What they are made from, for a stage."""
        return {role: [_recorded(each) for each in aims] for role, aims in (("avoid", self.avoid), ("also", self.also))}


def region_of(text: str, side: str | None, name: str, own: OwnWorld | None = None) -> Aim:
    """The region that ``NAME[@side][/radius]``, ``mni:x,y,z[/radius]``, ``ras:x,y,z[/radius]`` or a mask means.

    ``area:NAME[@side]`` and ``FILE:LABEL[@side]`` have their own extent, ``fslr:VERTEX[@side][/radius]`` is a ball.

    Parameters
    ----------
    text : str
    side : str or None
        Of the plan's target: a name's, where it says none.
    name : str
        Of the option, for a refusal.
    own : OwnWorld, optional
        What a mask's place is held against.

    Raises
    ------
    InputError
        If it cannot be understood.

    Examples
    --------
    >>> region_of("m1-face@right/6", "left", "avoid")
    Aim(name='m1-face', side='right', hotspot_mm=None, radius_mm=6.0, frame=None)
    """
    if is_mask(text):
        return Aim(text, None).checked(own)
    if LabelAim.of(text.rpartition("@")[0] or text):  # its path may have a /
        place, at, word = text.rpartition("@") if text.endswith(tuple(f"@{each}" for each in SIDES)) else (text, "", "")
        return Aim(place, word if at else side).checked()
    rest, slash, radius = text.partition("/")
    place, at, word = (each.strip() for each in rest.partition("@"))
    try:
        radius_mm = float(radius) if slash else None
    except ValueError:
        raise InputError(f"`{name}={text}`: a radius in mm follows the /, such as {rest}/10") from None
    if ":" in place and not by_folds(place):
        if at:
            raise InputError(f"`{name}={text}`: coordinates have the side of their x; leave out @{word}")
        return Aim(place, None, None, radius_mm).checked()
    side = one_of(word, SIDES, "side") if at else side
    if side is None and (by_folds(place) or place in targets()):
        raise InputError(f"which side of {place}? write `{name}={place}@left` or {place}@right")
    return Aim(place, side, None, radius_mm).checked()


def check_cap(cap: float | None, avoid: Sequence[str]) -> None:
    """Refuse a cap on avoided regions that is out of its limits, or without a region.

    Raises
    ------
    InputError
        In one line.
    """
    if cap is None:
        return
    if not avoid:
        raise InputError(CAP_NEEDS_A_REGION)
    CAP_LIMITS.check(cap, "avoid_cap")


def _recorded(aim: Aim) -> dict[str, Any]:
    return {
        **asdict(aim),
        "name": aim.recorded,
        "entry": aim.entry if aim.name in targets() else None,
    }
