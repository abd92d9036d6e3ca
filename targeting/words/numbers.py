"""Numbers and directions in words that a reader of the report understands."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

ENDS = (("to the right", "to the left"), ("forward", "back"), ("up", "down"))
CLEARLY, SLIGHTLY = 0.4, 0.17  # components of a unit vector: 24° and 10° off the plane across the axis


def direction_words(direction: ArrayLike) -> str:
    """A world direction (RAS) in words, the largest component first.

    Examples
    --------
    >>> from targeting.words.numbers import direction_words
    >>> direction_words([-0.6, -0.75, 0.27])
    'back and to the left, slightly up'
    """
    unit = np.asarray(direction, dtype=np.float64)
    unit = unit / np.linalg.norm(unit)
    order = np.argsort(-np.abs(unit), kind="stable")
    name = {i: ENDS[i][0] if unit[i] > 0 else ENDS[i][1] for i in order}
    clear = [name[i] for i in order if abs(unit[i]) >= CLEARLY]
    slight = [f"slightly {name[i]}" for i in order if SLIGHTLY <= abs(unit[i]) < CLEARLY]
    return ", ".join([listed(clear), *slight])


def listed(names: Sequence[str]) -> str:
    """a, b and c."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def measured_from(angle_from: str) -> str:
    """What a plan's angles are counted from, without what goes without saying in a report.

    Examples
    --------
    >>> from targeting.words.numbers import measured_from
    >>> measured_from("anterior laid into the scalp's tangent plane, counter-clockwise, to the induced current")
    'anterior, counter-clockwise'
    """
    return angle_from.replace(" laid into the scalp's tangent plane", "").removesuffix(", to the induced current")


def number(value: float, decimals: int = 1) -> str:
    """A number with a true minus sign.

    Examples
    --------
    >>> from targeting.words.numbers import number
    >>> number(-37.04), number(-0.01)
    ('−37.0', '0.0')
    """
    text = f"{value:.{decimals}f}"
    if float(text) == 0:
        text = text.lstrip("-")
    return text.replace("-", "−")


def length_words(mm: float) -> str:
    """A length as a scale bar has it.

    Examples
    --------
    >>> length_words(50), length_words(5)
    ('5 cm', '5 mm')
    """
    return f"{mm / 10:g} cm" if mm >= 10 else f"{mm:g} mm"


def three_digits(value: float) -> str:
    """A number with three significant digits, not as a power of ten unless it is tiny or huge.

    Examples
    --------
    >>> from targeting.words.numbers import three_digits
    >>> three_digits(1.41642), three_digits(213.4), three_digits(0.0923)
    ('1.42', '213', '0.0923')
    """
    size = abs(value)
    if size == 0 or not 1e-4 <= size < 1e6:
        return f"{value:.3g}".replace("-", "−")
    return number(value, max(0, 2 - int(np.floor(np.log10(size)))))


def trimmed(value: float) -> str:
    """A number with at most three significant digits: a rating or a setting, with no zeros at its end.

    Examples
    --------
    >>> trimmed(84.0), trimmed(66.94), trimmed(2.40), trimmed(120)
    ('84', '66.9', '2.4', '120')
    """
    digits = three_digits(value)
    return digits.rstrip("0").rstrip(".") if "." in digits else digits


def degrees(angle_deg: float) -> str:
    """An angle in whole degrees.

    Examples
    --------
    >>> degrees(-23.17), degrees(-0.2), degrees(45)
    ('−23°', '0°', '45°')
    """
    return f"{number(angle_deg, 0)}°"


def percent(part: float, decimals: int = 0) -> str:
    """A part of one in percent.

    Examples
    --------
    >>> percent(0.624), percent(0.9876, 1)
    ('62 %', '98.8 %')
    """
    return f"{number(100 * part, decimals)} %"


def point(point_mm: ArrayLike) -> str:
    """World coordinates in mm."""
    x, y, z = np.asarray(point_mm, dtype=np.float64)
    return f"x {number(x)}, y {number(y)}, z {number(z)}"


def total_current(current_ma: float) -> str:
    """A current without a sign: of a whole montage, or of a pair.

    Examples
    --------
    >>> total_current(2.0), total_current(1.25)
    ('2 mA', '1.25 mA')
    """
    return f"{number(current_ma, 3).rstrip('0').rstrip('.')} mA"


def milliamperes(current_ma: float) -> str:
    """A current with its sign; positive flows into the head.

    Examples
    --------
    >>> milliamperes(2.0), milliamperes(-0.25)
    ('+2 mA', '−0.25 mA')
    """
    return f"{'+' if current_ma > 0 else '−' if current_ma < 0 else ''}{total_current(abs(current_ma))}"


def size(size_mm: Sequence[float]) -> str:
    """Lengths of an electrode, as "50 × 70"."""
    return " × ".join(f"{each:g}" for each in size_mm)


def duration(seconds: float) -> str:
    """Seconds, or minutes and seconds."""
    return f"{seconds:.1f} s" if seconds < 100 else f"{int(seconds // 60)} min {int(seconds % 60):02d} s"


def sentence(line: str) -> str:
    """A line with a capital.

    Examples
    --------
    >>> from targeting.words.numbers import sentence
    >>> sentence("the casing is 4 mm from the scalp")
    'The casing is 4 mm from the scalp'
    """
    return line[:1].upper() + line[1:]


def when(created: str) -> str:
    """A time as plans hold it (ISO 8601), as a reader writes it.

    Examples
    --------
    >>> from targeting.words.numbers import when
    >>> when("2026-01-02T03:04:05+00:00")
    '2026-01-02 03:04:05 UTC'
    """
    return created.replace("T", " ").replace("+00:00", " UTC").replace("Z", " UTC")
