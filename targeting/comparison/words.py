"""How the compared coils stand against one another, in words: a sentence, a line and a verdict for each."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from targeting.comparison.record import ComparedCoil
from targeting.tms.placement import HELD_OFF_MM
from targeting.words.fact import Fact
from targeting.words.numbers import number, point, three_digits


def comparison_sentence(rows: Sequence[ComparedCoil]) -> str:
    """Which coils reach the target only through stronger fields elsewhere, and what each of them can give the target."""
    low, high = (f(each.peak_over_dose for each in rows) for f in (min, max))
    if low > 1:
        first = f"with every coil other grey matter gets more than the target, {low:.1f} to {high:.1f} times its dose"
    elif high > 1:
        focal = " and ".join(each.coil for each in rows if each.peak_over_dose <= 1)
        first = f"only with {focal} is the strongest field in the target"
    else:
        first = "with every coil the strongest field is in the target"
    shares = {each.coil: share for each in rows if (share := least_share(each)) is not None}
    second = ""
    if shares:
        best, *others = sorted(shares, key=lambda coil: -shares[coil])
        against = "".join(f", {coil} {_percent(shares[coil])} %" for coil in others)
        second = f"; of the field to match, the limits leave {best} {_percent(shares[best])} %{against}"
    given = {each.coil: each.given_fraction for each in rows if each.given_fraction is not None}
    if given:
        each_coil = ", ".join(f"{100 * share:.0f} % with {coil}" for coil, share in given.items())
        second = f"; of the field at threshold the target gets {each_coil}"
    return f"Each coil at its best pose: {first}{second}."


def least_share(row: ComparedCoil) -> float | None:
    """What the limits together leave of a field to match; None if one of them is not known, or none is to be matched."""
    shares = list(row.shares.values())
    known = [each for each in shares if each is not None]
    return min(known) if known and len(known) == len(shares) else None


def comparison_lines(rows: Sequence[ComparedCoil]) -> list[str]:
    """For a terminal: a line for each coil."""
    return [
        f"{each.coil}: dose {three_digits(each.direct_dose_v_per_m)} V/m, peak elsewhere "
        f"{three_digits(each.peak_e_v_per_m)} V/m "
        f"({number(each.peak_over_dose, 2)} times the dose) at {point(each.peak_mm)} mm; {each.verdict}"
        for each in rows
    ]


def comparison_rows(rows: Sequence[ComparedCoil], target_mm: Sequence[float]) -> list[list[str]]:
    """The page's table of coils, without units; ``target_mm`` is the target's centre.

    A row has the coil, its dose, the peak elsewhere, the peak over the dose, where the peak lies, how far that is from the
    target's centre, and the grey matter above the dose.
    """
    return [
        [
            each.coil,
            three_digits(each.direct_dose_v_per_m),
            three_digits(each.peak_e_v_per_m),
            number(each.peak_over_dose, 2),
            ", ".join(number(x) for x in each.peak_mm),
            number(float(np.linalg.norm(np.subtract(each.peak_mm, target_mm))), 0),
            number(each.above_mm3 / 1000, 2),
        ]
        for each in rows
    ]


def verdict_facts(rows: Sequence[ComparedCoil]) -> list[Fact]:
    """For each coil the verdict, its numbers, which named targets get more, and whether the casing is held off."""
    facts = []
    for each in rows:
        verdict, _, numbers = each.verdict.partition(": ")
        held = ""
        if each.middle_mm - each.distance_mm >= HELD_OFF_MM:
            held = f" Its casing holds the middle of its face {number(each.middle_mm)} mm off the scalp."
        more = f"{numbers}. In mean |E|, {stronger_words(each)}.{held}"
        facts.append(Fact(each.coil, f"{verdict[:1].upper()}{verdict[1:]}:", more=more))
    return facts


def stronger_words(row: ComparedCoil) -> str:
    """The named targets that get more than the target."""
    if row.stronger is None:
        return "which named targets get more is not known: the head could not be registered"
    if not row.stronger:
        return "no other named target of that side gets more"
    return "more than the target get " + ", ".join(
        f"{name} ({ratio:.1f} times)" for name, ratio in row.stronger.items()
    )


def _percent(share: float) -> str:
    return f"{int(100 * share)}" if share < 1 else f"{100 * share:.0f}"
