"""The 10-10 and 10-5 positions of a head, measured over its scalp from the four fiducials.

The rule (Jasper 1958; Chatrian 1985; Oostenveld & Praamstra 2001, Clin. Neurophysiol. 112:713; Jurcak 2007, NeuroImage
34:1600): Cz halves the line nasion–inion and the line from ear to ear.  The line nasion–Cz–inion is divided every 5 %
(Fpz at 10 %, Oz at 90 %), the line LPA–Cz–RPA alike (T7 at 10 %, C3 at 30 %).  On each side, the line Fpz–T7–Oz is
divided, before T7 and behind it, every 5 % of the whole (Fp1 at 10 %, F7 at 30 %, T7 at 50 %, O1 at 90 %), and so is the
low line nasion–LPA–inion (F9 at 30 %, T9 the pre-auricular point).  A row of the cap is the line from its place on the
left circumference through its place on the midline to the right one, each half divided in eight; 9h lies between 7 and 9.

Lines are tapes pulled over the scalp (:mod:`atlases.scalp_tape`).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from atlases.fiducials import Fiducials
from atlases.scalp import Scalp
from atlases.scalp_positions import ELECTRODE, FIDUCIAL, ScalpPositions
from atlases.scalp_tape import ScalpCurve, on_scalp, scalp_curve

STEPS = 20  # of 5 % from nasion to inion
# names of the rows by their step along the midline: in the middle of the head (up to 5), and at its side (7 and below)
ROWS = {
    3: ("AFp", "AFp"),
    4: ("AF", "AF"),
    5: ("AFF", "AFF"),
    6: ("F", "F"),
    7: ("FFC", "FFT"),
    8: ("FC", "FT"),
    9: ("FCC", "FTT"),
    10: ("C", "T"),
    11: ("CCP", "TTP"),
    12: ("CP", "TP"),
    13: ("CPP", "TPP"),
    14: ("P", "P"),
    15: ("PPO", "PPO"),
    16: ("PO", "PO"),
    17: ("POO", "POO"),
}
FRONT, BACK = 2, 18  # Fpz and Oz
COLUMNS = ("1h", "1", "3h", "3", "5h", "5", "7h", "7", "9h", "9")  # eighths of the half row, from the midline
UPPER = 8  # columns down to 7
SIDE = 6  # from this column on a row has its lateral name
SETTLED_MM = 0.02
TEN_TEN: tuple[str, ...] = (
    *("Fp1", "Fpz", "Fp2", "AF7", "AF3", "AFz", "AF4", "AF8"),
    *(f"{row}{i}" for row in ("F",) for i in (9, 7, 5, 3, 1, "z", 2, 4, 6, 8, 10)),
    *("FT9", "FT7", "FC5", "FC3", "FC1", "FCz", "FC2", "FC4", "FC6", "FT8", "FT10"),
    *("T9", "T7", "C5", "C3", "C1", "Cz", "C2", "C4", "C6", "T8", "T10"),
    *("TP9", "TP7", "CP5", "CP3", "CP1", "CPz", "CP2", "CP4", "CP6", "TP8", "TP10"),
    *(f"P{i}" for i in (9, 7, 5, 3, 1, "z", 2, 4, 6, 8, 10)),
    *("PO9", "PO7", "PO3", "POz", "PO4", "PO8", "PO10", "O1", "Oz", "O2", "Iz"),
)
TEN_FIVE: tuple[str, ...] = (
    *("Fpz", "Oz", "Iz", "Fp1h", "Fp1", "O1", "O1h", "Fp2h", "Fp2", "O2", "O2h"),
    *(f"{row}z" for row, _ in ROWS.values()),
    *(
        f"{names[c >= SIDE]}{number}{column[1:] if len(column) > 1 else ''}"
        for names in ROWS.values()
        for c, column in enumerate(COLUMNS)
        for number in (int(column[0]), int(column[0]) + 1)
    ),
)


def ten_ten(scalp: Scalp, fiducials: Fiducials) -> ScalpPositions:
    """The 74 positions of the 10-10 system on a scalp, and the fiducials.

    Raises
    ------
    InputError
        If the scalp cannot be measured from these fiducials.
    """
    return chosen(ten_five(scalp, fiducials), TEN_TEN)


def ten_five(scalp: Scalp, fiducials: Fiducials) -> ScalpPositions:
    """All positions of the 10-5 system on a scalp (over 300, those of the 10-10 system among them), and the fiducials.

    Raises
    ------
    InputError
        If the scalp cannot be measured from these fiducials.
    """
    at = fiducials.onto(scalp)
    midline, coronal = _crossing(scalp, at)
    middle = on_scalp(scalp, midline.at(midline.length_mm * np.arange(STEPS + 1) / STEPS))
    found: dict[str, NDArray[np.float64]] = {"Fpz": middle[FRONT], "Oz": middle[BACK], "Iz": at.inion_mm}
    ends = on_scalp(scalp, coronal.at(coronal.length_mm * np.array([0.1, 0.9])))
    sides = [_circumference(scalp, middle[FRONT], end, middle[BACK]) for end in ends]
    for right, side in enumerate(sides):
        for step, name in ((1, "Fp1h"), (2, "Fp1"), (18, "O1"), (19, "O1h")):
            found[mirrored(name) if right else name] = side[step]
    low = [_circumference(scalp, at.nasion_mm, end, at.inion_mm) for end in (at.lpa_mm, at.rpa_mm)]
    for step, prefixes in ROWS.items():
        if step == STEPS // 2:
            found |= _row(scalp, coronal, 0.1 * coronal.length_mm, prefixes)
        else:
            left, right = sides[0][step], sides[1][step]
            found |= _row(scalp, scalp_curve(scalp, left, middle[step], right), 0.0, prefixes)
        ninth = prefixes[1] + "9"
        for is_right, (side, below) in enumerate(zip(sides, low, strict=True)):
            between = on_scalp(scalp, (below[step] + side[step])[None] / 2)[0]
            for name, point in ((ninth + "h", between), (ninth, below[step])):
                found[mirrored(name) if is_right else name] = point
    marks = {"Nz": at.nasion_mm, "LPA": at.lpa_mm, "RPA": at.rpa_mm}
    kinds = (*[ELECTRODE] * len(found), *[FIDUCIAL] * len(marks))
    return ScalpPositions((*found, *marks), kinds, np.stack([*found.values(), *marks.values()]))


def chosen(positions: ScalpPositions, names: Sequence[str]) -> ScalpPositions:
    """The named electrodes, in that order, and the fiducials."""
    marks = positions.of_kind(FIDUCIAL)
    points = np.stack([positions.point_mm(name) for name in names])
    return ScalpPositions(
        (*names, *marks.names), (*[ELECTRODE] * len(names), *marks.kinds), np.concatenate([points, marks.points_mm])
    )


def mirrored(name: str) -> str:
    """The name of a left position on the right: odd numbers go up by one.

    Examples
    --------
    >>> mirrored("FTT7h"), mirrored("C3")
    ('FTT8h', 'C4')
    """
    stem = name.rstrip("0123456789h")
    number = name[len(stem) :].rstrip("h")
    return f"{stem}{int(number) + 1}{'h' if name.endswith('h') else ''}"


def _crossing(scalp: Scalp, at: Fiducials) -> tuple[ScalpCurve, ScalpCurve]:
    """The lines nasion–Cz–inion and LPA–Cz–RPA whose middles are the same point of the scalp."""
    up = np.cross(at.rpa_mm - at.lpa_mm, at.nasion_mm - at.inion_mm)
    center = at.points_mm.mean(0)
    vertex = on_scalp(scalp, center + 120.0 * up / np.linalg.norm(up))[0]
    for _ in range(30):
        midline = scalp_curve(scalp, at.nasion_mm, vertex, at.inion_mm)
        coronal = scalp_curve(scalp, at.lpa_mm, vertex, at.rpa_mm)
        middles = [curve.at(curve.length_mm / 2)[0] for curve in (midline, coronal)]
        before, vertex = vertex, on_scalp(scalp, np.mean(middles, axis=0))[0]
        if np.linalg.norm(vertex - before) < SETTLED_MM:
            break
    return midline, coronal


def _circumference(scalp: Scalp, front: NDArray, side: NDArray, back: NDArray) -> NDArray[np.float64]:
    """Points every 5 % from Fpz over T7 (or T8) to Oz, (21, 3)."""
    curve = scalp_curve(scalp, front, side, back)
    half = STEPS // 2
    before = curve.middle_mm * np.arange(half) / half
    after = curve.middle_mm + (curve.length_mm - curve.middle_mm) * np.arange(half + 1) / half
    return on_scalp(scalp, curve.at(np.concatenate([before, after])))


def _row(scalp: Scalp, row: ScalpCurve, first: float, prefixes: tuple[str, str]) -> dict[str, NDArray[np.float64]]:
    """The upper positions of one row by name, from its line and how far along that the left 7 lies."""
    found: dict[str, NDArray[np.float64]] = {}
    halves = row.middle_mm - first, row.length_mm - first - row.middle_mm
    places = [row.middle_mm]
    for sign, half in zip((-1, 1), halves, strict=True):
        places += [row.middle_mm + sign * half * (c + 1) / 8 for c in range(UPPER)]
    points = on_scalp(scalp, row.at(places))
    found[prefixes[0] + "z"] = points[0]
    for c in range(UPPER):
        name = prefixes[c >= SIDE] + COLUMNS[c]
        found[name], found[mirrored(name)] = points[1 + c], points[1 + UPPER + c]
    return found
