"""Why a placement is not better, in words: the same pose with the casing's middle nearer, and what refuses it."""

from __future__ import annotations

from targeting.plans.tms import Placement
from targeting.words.numbers import number, three_digits

CLEAR_MM = 0.5  # a casing held off by less sits as it was asked to


def is_held_off(placement: Placement) -> bool:
    """Whether some part of the casing keeps its middle clearly farther off than was asked for."""
    return placement.closer_depth_mm is not None and placement.closer_depth_mm >= CLEAR_MM


def held_off_words(placement: Placement) -> str:
    """The better pose that was refused, and why; "" where a plan does not say."""
    if placement.closer_depth_mm is None or placement.closer_dose_v_per_m is None or placement.closer_at_mm is None:
        return ""
    if not is_held_off(placement):
        return "nothing holds the coil off: the middle of its face is as near to the scalp as was asked for"
    where = ", ".join(number(x, 0) for x in placement.closer_at_mm)
    return (
        f"with the middle of its face as near to the scalp as was asked for, the coil would give "
        f"{three_digits(placement.closer_dose_v_per_m)} V/m ({_gain(placement)}), but that pose is refused: its casing "
        f"would be {number(placement.closer_depth_mm)} mm too near to the head, or in it, at ({where}) mm"
    )


def held_off_cell(placement: Placement) -> str:
    """The same for a cell of a table."""
    if placement.closer_depth_mm is None or placement.closer_dose_v_per_m is None:
        return "not known"
    return f"{number(placement.closer_depth_mm)} ({_gain(placement)})"


def _gain(placement: Placement) -> str:
    closer = placement.closer_dose_v_per_m or 0.0
    if placement.dose_v_per_m <= 0:
        return "from no dose"
    gain = 100 * (closer / placement.dose_v_per_m - 1)
    return f"{'+' if gain >= 0.05 else ''}{number(gain)} %"
