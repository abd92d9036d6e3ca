"""The areas of a target and the field in each area, in words and as rows of the page's table."""

from __future__ import annotations

from collections.abc import Sequence

from atlases.areas import aliases_of, areas
from targeting.dosing.record import PlanDosing
from targeting.field_by_area.table import LEAST_SHARE, AreaField, threshold_of
from targeting.words.numbers import number, three_digits

MOST_NAMED = 4  # areas of a target
DECIMALS = 3  # of a mean that may be next to nothing
SHOWN = 15  # rows of the page's table before anybody asks for more
HEADINGS = (
    ("Area", ""),
    ("Side", ""),
    ("Mean |E|", "V/m"),
    ("95 % below", "V/m"),
    ("Peak |E|", "V/m"),
    ("Into the cortex", "mean, V/m"),
    ("Along the normal", "mean size, V/m"),
    ("Size", "cm²"),
)
ABOVE = ("Above threshold", "cm²")


def target_sentence(found: Sequence[tuple[str, str, float]]) -> str:
    """Where a target lies, without its end; "" where that is not known.

    Examples
    --------
    >>> target_sentence([("left", "4", 0.71), ("left", "3a", 0.2), ("left", "6d", 0.01)])
    'the target lies in area 4 (left; 71 % of it) and 3a (20 %)'
    >>> target_sentence([])
    ''
    """
    named = [each for each in found if each[2] >= LEAST_SHARE][:MOST_NAMED] or list(found[:1])
    if not named:
        return ""
    first = named[0][0]
    words = [f"{named[0][1]} ({first}; {100 * named[0][2]:.0f} % of it)"]
    for side, name, share in named[1:]:
        words.append(f"{name} ({100 * share:.0f} %)" if side == first else f"{name} ({side}; {100 * share:.0f} %)")
    listed = ", ".join(words[:-1]) + " and " + words[-1] if len(words) > 1 else words[0]
    borrowed = [areas()[name].borrowed for _, name, _ in named if areas()[name].borrowed]
    return f"the target lies in area {listed}" + "".join(f"; {each}" for each in borrowed[:1])


def headings(rows: Sequence[AreaField]) -> list[tuple[str, str]]:
    """What each column has, and its unit."""
    return [*HEADINGS, ABOVE] if rows and rows[0].above_cm2 is not None else list(HEADINGS)


def area_row(each: AreaField) -> list[tuple[str, float | str]]:
    """The cells of an area, each as it is shown and as it is sorted by; the first is its name with title and aliases."""
    cells: list[tuple[str, float | str]] = [(each.name, each.name), (each.side, each.side)]
    cells += [(three_digits(value), value) for value in (each.mean_v_per_m, each.p95_v_per_m, each.peak_v_per_m)]
    cells += [(number(value, DECIMALS), value) for value in (each.normal_v_per_m, each.normal_size_v_per_m)]
    cells.append((number(each.area_cm2), each.area_cm2))
    if each.above_cm2 is not None:
        cells.append((number(each.above_cm2), each.above_cm2))
    return cells


def about(each: AreaField) -> str:
    """An area's title, with the aliases it is part of."""
    also = aliases_of(each.name)
    return each.title + (f" [{', '.join(also)}]" if also else "")


def sides_known(rows: Sequence[AreaField]) -> str:
    """A sentence where only one hemisphere has areas; else nothing."""
    sides = sorted({each.side for each in rows})
    if len(sides) != 1:
        return ""
    return f"They are of the {sides[0]} hemisphere alone: the other one’s folds are not known."


def threshold_sentence(dosing: PlanDosing | None) -> str:
    """What counts as above threshold, and at which output; nothing where no threshold was given."""
    threshold = threshold_of(dosing)
    if dosing is None or threshold is None:
        return ""
    output = "at the motor threshold" if dosing.percent_of_rmt is None else "at this plan’s output"
    return (
        f"Above threshold is where, {output}, |E| exceeds the mean field that the motor hotspot has at the motor threshold; "
        f"in this table that is {three_digits(threshold)} V/m."
    )
