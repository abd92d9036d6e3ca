"""The angle a coil is asked to have: across the fold, so many degrees to the midline, or whichever gives the largest dose."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from atlases.targets import targets
from meshes.choices import one_of
from meshes.errors import InputError

FREE, FOLD, MIDLINE, DIRECTION = "free", "fold", "midline", "direction"
FORMS = (FOLD, "midline:45", FREE)


@dataclass(frozen=True)
class AngleRequest:
    """What is asked of the coil's angle.

    Parameters
    ----------
    rule : {"fold", "midline", "free", "direction"}
        "direction": the dose is a component of the field, which decides.
    midline_deg : float, optional
        The handle's angle to the midline, positive outwards, with "midline".
    usual_deg : float, optional
        The target's published angle to the midline; None: it has none.
    """

    rule: str
    midline_deg: float | None = None
    usual_deg: float | None = None

    @classmethod
    def of(cls, angle: str | None, aim: str, direction: object = None) -> AngleRequest:
        """The request; without an ``angle`` the target's own rule: the fold where an angle is published, else free.

        Raises
        ------
        InputError
            If the angle is neither fold, midline:DEGREES nor free, or the degrees are not between −180 and 180.

        Examples
        --------
        >>> from targeting.tms.angle import AngleRequest
        >>> AngleRequest.of(None, "m1-hand").rule, AngleRequest.of(None, "psi").rule
        ('fold', 'free')
        >>> AngleRequest.of("midline:45", "dlpfc").midline_deg
        45.0
        """
        named = targets().get(aim)
        usual = None if named is None else named.handle_deg
        if angle is None:
            rule = DIRECTION if direction is not None else FREE if usual is None else FOLD
            return cls(rule, usual_deg=usual)
        word, colon, degrees = angle.strip().lower().partition(":")
        if word == MIDLINE and colon:
            return cls(MIDLINE, _degrees(degrees), usual)
        if word == MIDLINE:
            raise InputError("`angle=midline` needs its degrees, such as midline:45 (handle back and outwards)")
        if colon:
            raise InputError(f"`angle={word}` takes no number: give fold, midline:45 or free")
        return cls(one_of(word, FORMS, "angle"), usual_deg=usual)

    @property
    def parameters(self) -> dict[str, Any]:
        """What a stage depends on."""
        return {"angle": self.rule, "midline_deg": self.midline_deg, "usual_deg": self.usual_deg}


def _degrees(text: str) -> float:
    try:
        value = float(text.removesuffix("°").removesuffix("deg").replace("\N{MINUS SIGN}", "-"))
    except ValueError:
        value = float("nan")
    if not -180 < value <= 180:
        raise InputError(
            f"`angle=midline:{text}` is not a number of degrees above -180 and at most 180 (positive: handle outwards)"
        )
    return value
