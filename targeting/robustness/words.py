"""What errors of placement make of the dose, in words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from targeting.robustness.record import PlanRobustness
from targeting.words.fact import Fact
from targeting.words.numbers import number, three_digits

CLEAR_GAIN = 0.01  # a worst case better by less is no reason to place the coil elsewhere


def robustness_facts(robustness: PlanRobustness, scalp_mm: Sequence[float]) -> list[Fact]:
    """The worst case, how far the coil may move and turn for 90 % of the dose, and the pose least sensitive to errors.

    ``scalp_mm`` is the scalp point under placement 1.
    """
    errors = (
        f"{number(robustness.shift_mm, 0)} mm, {number(robustness.turn_deg, 0)}° and a tilt of "
        f"{number(robustness.tilt_deg, 0)}°"
    )
    return [
        Fact(
            "Dose when the coil is not quite there",
            f"at least {three_digits(robustness.worst_v_per_m)}",
            "V/m",
            f"in 95 % of placements off by up to {errors}; {three_digits(robustness.mean_v_per_m)} V/m on average",
        ),
        Fact(
            "90 % of the dose",
            f"within {number(robustness.within_mm)}",
            "mm",
            f"of the place at the same direction of the current; turned there, {turn_words(robustness)}",
        ),
        _steadiest(robustness, scalp_mm),
    ]


def robustness_line(robustness: PlanRobustness, scalp_mm: Sequence[float]) -> str:
    """The same in a line, for a terminal."""
    worst, region, steadiest = robustness_facts(robustness, scalp_mm)
    elsewhere = f"; steadiest pose {steadiest.text}" if steadier_elsewhere(robustness) else ""
    return f"{worst.text} {worst.more}; {region.name} {region.text} {region.more}{elsewhere}"


def turn_words(robustness: PlanRobustness) -> str:
    """How far the coil may be turned either way."""
    if min(robustness.turn_clockwise_deg, robustness.turn_counter_clockwise_deg) >= 180:
        return "at any angle"
    clockwise, counter = (number(x, 0) for x in (robustness.turn_clockwise_deg, robustness.turn_counter_clockwise_deg))
    return f"from {clockwise}° clockwise to {counter}° counter-clockwise seen from outside"


def steadier_elsewhere(robustness: PlanRobustness) -> bool:
    """Whether another pose than placement 1 has a clearly better worst case."""
    return robustness.robust_worst_v_per_m >= (1 + CLEAR_GAIN) * robustness.worst_v_per_m


def steadiest_away_mm(robustness: PlanRobustness, scalp_mm: Sequence[float]) -> float:
    """Distance from placement 1 to the steadiest pose, between the scalp points under the two."""
    return float(np.linalg.norm(np.subtract(robustness.robust_scalp_mm, scalp_mm)))


def _steadiest(robustness: PlanRobustness, scalp_mm: Sequence[float]) -> Fact:
    name = "Steadiest pose"
    if not steadier_elsewhere(robustness):
        gain = robustness.robust_worst_v_per_m / robustness.worst_v_per_m - 1 if robustness.worst_v_per_m > 0 else 0.0
        more = f"no other does better by more than {number(100 * gain)} % of its worst case"
        return Fact(name, "placement 1", more=more)
    return Fact(
        name,
        f"at ({', '.join(number(x) for x in robustness.robust_scalp_mm)})",
        "mm",
        f"{number(steadiest_away_mm(robustness, scalp_mm))} mm from placement 1: "
        f"{three_digits(robustness.robust_dose_v_per_m)} V/m, at worst "
        f"{three_digits(robustness.robust_worst_v_per_m)} V/m",
    )
