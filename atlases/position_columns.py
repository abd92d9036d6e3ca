"""Which column of a table of positions is which, by its header: the order of columns is nothing to be sure of."""

from __future__ import annotations

import re
from collections.abc import Sequence

from meshes.errors import InputError

AXIS = re.compile(r"(?:(?:pos|position|coord|loc|ras)[ _-]?)?([xyzras])(?:[ _(\[]*(mm|cm|m|µm)[\])]*)?", re.IGNORECASE)
NAMES = ("name", "label", "labels", "electrode", "electrodes", "channel", "site", "names", "ch_name", "elec")
MM = {None: 1.0, "mm": 1.0, "cm": 10.0, "m": 1000.0, "µm": 0.001}
ANGLES = ("theta", "phi", "radius", "azimuth", "elevation", "inclination")


def columns_named(header: Sequence[str], source: str) -> tuple[int, list[int], float] | None:
    """Columns of name, x, y and z, and what makes mm of the numbers; None where the header names no x, y and z.

    R, A and S are x, y and z; a unit may stand behind the axis.

    Raises
    ------
    InputError
        If the header names angles, an axis twice, or two units.

    Examples
    --------
    >>> columns_named(["name", "z", "y", "x"], "cap.csv"), columns_named(["X (cm)", "Y (cm)", "Z (cm)", "label"], "cap.csv")
    ((0, [3, 2, 1], 1.0), (3, [0, 1, 2], 10.0))
    """
    words = [cell.strip().lower() for cell in header]
    if set(words) & set(ANGLES):
        raise InputError(f"{source} has angles ({', '.join(words)}), which are on no head: give x, y and z in RAS mm")
    matches = {i: match for i, word in enumerate(words) if (match := AXIS.fullmatch(word))}
    for letters in ("xyz", "ras"):
        axes = [[i for i, match in matches.items() if match[1] == letter] for letter in letters]
        if all(axes):
            break
    else:
        return None
    if any(len(columns) > 1 for columns in axes):
        raise InputError(f"{source}: its header names an axis twice ({', '.join(words)})")
    found = [columns[0] for columns in axes]
    units = {matches[i][2] for i in found}
    if len(units) > 1:
        raise InputError(f"{source}: its columns have different units ({', '.join(words)})")
    others = [i for i in range(len(words)) if i not in found]
    if not others:
        raise InputError(f"{source}: its header has no column for names ({', '.join(words)})")
    named = next((i for i in others if words[i] in NAMES), others[0])
    return named, found, MM[units.pop()]
