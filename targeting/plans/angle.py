"""The angle block of ``plan.json``: how the coil is turned, in the clinic's words, and what other angles would give.

Angles of the handle are counted in the scalp's tangent plane from the midline, that is from straight back (up where the scalp
faces forward, down where it faces backward), and are positive when the handle turns outwards, away from the midline.
"""

from __future__ import annotations

from dataclasses import dataclass

from targeting.records.json_records import require


@dataclass(frozen=True)
class AngleDose:
    """The dose at one angle of the coil at the place of placement 1."""

    name: str  # "as planned", "45° to the midline", "across the fold" or "largest dose"
    handle_deg: float  # to the midline, positive outwards, in (-180, 180]
    dose_v_per_m: float  # at 1 A/µs
    share: float  # of the largest dose over all angles there


@dataclass(frozen=True)
class PlanAngle:
    """How placement 1 is turned."""

    rule: str  # "fold", "midline:45" (degrees), "free" or "direction"
    why: str  # how the angle came about, in words
    handle_deg: float  # to the midline, positive outwards, in (-180, 180]
    words: str  # "45° to the midline, handle back and to the left"
    clock: str  # where the handle points on a clock face seen from above, nose at 12: "7:30"
    fold_deg: float | None  # the handle's angle with the current straight across the fold; None: no clear wall
    rows: list[AngleDose]
    lowest_share: float  # the smallest dose over all angles there, of the largest
    determined: bool  # whether the dose varies by 10 % or more over all angles there


def check_angle(angle: PlanAngle) -> None:
    """What the annotations cannot say.

    Raises
    ------
    InputError
        If an angle or a share is not possible.
    """
    for name, deg in (("handle_deg", angle.handle_deg), *((each.name, each.handle_deg) for each in angle.rows)):
        require(-180 < deg <= 180, f"angle: {name} of {deg:g} degrees is not above -180 and at most 180")
    require(0 <= angle.lowest_share <= 1, "angle.lowest_share must be between 0 and 1")
