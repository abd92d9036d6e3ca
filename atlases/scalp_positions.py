"""Named positions on the scalp: the electrode caps of a SimNIBS head folder (``eeg_positions/*.csv``).

One position a row: ``Kind,x,y,z[,x2,y2,z2],name[,anything]``, millimetres, RAS of the subject's T1.  Kinds are
``Electrode``, ``ReferenceElectrode``, ``Fiducial`` (Nz, Iz, LPA, RPA) and ``Generic``.  The three further numbers of an
electrode are a second point, towards which a pad's own y axis points.  Names may be numbers, and the same name may stand
for an electrode and a fiducial (Iz).  A first row whose coordinates are words is a header, and its order of x, y and z
counts.  Rows of kind ``CoilPos`` are coil poses, not positions; they are left out.  (SimNIBS documentation,
``eeg_positions`` and ``csv`` files.)
"""

from __future__ import annotations

import csv
import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from meshes.choices import one_of
from meshes.errors import InputError
from meshes.whole_files import written_whole

log = logging.getLogger(__name__)


AXIS = re.compile(r"(?:(?:pos|position|coord|loc|ras)[ _-]?)?([xyzras])(?:[ _(\[]*(mm|cm|m|µm)[\])]*)?", re.IGNORECASE)
NAMES = ("name", "label", "labels", "electrode", "electrodes", "channel", "site", "names", "ch_name", "elec")
MM = {None: 1.0, "mm": 1.0, "cm": 10.0, "m": 1000.0, "µm": 0.001}
ANGLES = ("theta", "phi", "radius", "azimuth", "elevation", "inclination")
ELECTRODE, REFERENCE, FIDUCIAL, GENERIC = KINDS = ("Electrode", "ReferenceElectrode", "Fiducial", "Generic")
COIL = "CoilPos"
POINT = "mm:"  # what goes before a point's coordinates, where a name may stand
OLD_NAMES = {
    "t3": "T7",
    "t4": "T8",
    "t5": "P7",
    "t6": "P8",
}  # of the 10-20 system's first papers, for those of the 10-10
FARTHEST_MM = 1000.0  # further from the origin no coordinate in millimetres of a head can be


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


@dataclass(frozen=True, eq=False)
class ScalpPositions:
    """Positions on one subject's scalp.

    Parameters
    ----------
    names : tuple of str
        One for each position; "" where a file gives none.
    kinds : tuple of str
        Of :data:`KINDS`.
    points_mm : (n, 3) float64
        RAS mm of the subject's T1.
    toward_mm : (n, 3) float64, optional
        The point an electrode's y axis points to; NaN where there is none.

    Raises
    ------
    InputError
        If the lengths differ, a kind is unknown, or a coordinate is not finite.

    Examples
    --------
    >>> import numpy as np
    >>> from atlases.scalp_positions import ScalpPositions
    >>> cap = ScalpPositions(("C3", "Nz"), ("Electrode", "Fiducial"), np.array([[-68.0, -11, 61], [0, 83, -43]]))
    >>> cap.point_mm("c3").tolist()
    [-68.0, -11.0, 61.0]
    """

    names: tuple[str, ...]
    kinds: tuple[str, ...]
    points_mm: NDArray[np.float64]
    toward_mm: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 3)))

    def __post_init__(self) -> None:
        n = len(self.names)
        toward = self.toward_mm if len(self.toward_mm) else np.full((n, 3), np.nan)
        for name, value in (("points_mm", self.points_mm), ("toward_mm", toward)):
            value = np.array(value, dtype=np.float64).reshape(-1, 3)
            if len(value) != n or len(self.kinds) != n:
                raise InputError(
                    f"{n} names, {len(self.kinds)} kinds and {len(value)} {name}: give one of each a position"
                )
            value.flags.writeable = False
            object.__setattr__(self, name, value)
        if not np.isfinite(self.points_mm).all():
            raise InputError("scalp positions must be finite numbers of mm")
        for kind, toward in zip(self.kinds, self.toward_mm, strict=True):
            one_of(kind, KINDS, "kind of a scalp position")
            if kind not in (ELECTRODE, REFERENCE) and not np.isnan(toward).all():
                raise InputError(f"only electrodes have a second point, a {kind} has none")

    def point_mm(self, name: str) -> NDArray[np.float64]:
        """Where a position is, (3,); capitals do not matter, and an electrode goes before a fiducial of that name.

        T3, T4, T5 and T6 are T7, T8, P7 and P8; ``mm:x,y,z`` is that point itself.

        Raises
        ------
        InputError
            If there is none of that name; the nearest names are told.
        """
        if name.lower().startswith(POINT):
            point = _numbers(name[len(POINT) :].split(","))
            if point is None:
                raise InputError(f"a point on the scalp is {POINT}x,y,z in RAS mm of the T1, not {name!r}")
            return np.array(point)
        found = [i for i, each in enumerate(self.names) if each.lower() == name.lower()]
        if not found and name.lower() in OLD_NAMES:
            return self.point_mm(OLD_NAMES[name.lower()])
        if not found:
            one_of(name, [each for each in self.names if each], "scalp position")
        return self.points_mm[min(found, key=lambda i: self.kinds[i] not in (ELECTRODE, REFERENCE))]

    def of_kind(self, *kinds: str) -> ScalpPositions:
        """The positions of some kinds, in their order."""
        keep = [i for i, kind in enumerate(self.kinds) if kind in kinds]
        names, found = tuple(self.names[i] for i in keep), tuple(self.kinds[i] for i in keep)
        return ScalpPositions(names, found, self.points_mm[keep], self.toward_mm[keep])


def read_scalp_positions(path: str | Path) -> ScalpPositions:
    """Read a SimNIBS ``.csv`` of scalp positions.

    Raises
    ------
    InputError
        If the file is missing, no text, holds no position, or a row cannot be understood.
    """
    path = Path(path)
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = [
                (number, row) for number, row in enumerate(csv.reader(file), 1) if any(cell.strip() for cell in row)
            ]
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}; check the path") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} is not a .csv file of scalp positions (no text); check the file") from error
    of_axes, mm = [0, 1, 2], 1.0
    if rows and rows[0][1][0].strip() not in (*KINDS, COIL) and _numbers(rows[0][1][1:4]) is None:
        of_axes, mm = _axes_of([cell.strip() for cell in rows[0][1]], path.name)
        rows = rows[1:]
    names, kinds, points, towards = [], [], [], []
    left_out = 0
    for number, row in rows:
        kind, *cells = (cell.strip() for cell in row)
        if kind == COIL:
            left_out += 1
            continue
        point = _numbers([cells[i] for i in of_axes] if len(cells) > 2 else cells)
        point = point and [mm * value for value in point]
        if kind not in KINDS or point is None:
            raise InputError(
                f"{path.name}, line {number}: a row is Kind,x,y,z,name with Kind {', '.join(KINDS)} and mm; "
                f"not {','.join(row)[:60]!r}"
            )
        toward = _numbers(cells[3:6]) if kind in (ELECTRODE, REFERENCE) else None
        if toward is not None and (of_axes, mm) != ([0, 1, 2], 1.0):
            raise InputError(
                f"{path.name}, line {number}: with a second point the columns are x, y, z in mm; give them so"
            )
        rest = cells[3:] if toward is None else cells[6:]
        names.append(rest[0] if rest else "")
        kinds.append(kind)
        points.append(point)
        towards.append([np.nan] * 3 if toward is None else toward)
    if left_out:
        log.info("%s: left out %d coil positions", path.name, left_out)
    if not names:
        raise InputError(f"{path} holds no scalp positions; give a file like those in charm's eeg_positions folder")
    return ScalpPositions(tuple(names), tuple(kinds), np.array(points), np.array(towards))


def _axes_of(header: list[str], source: str) -> tuple[list[int], float]:
    """Where x, y and z stand behind the kind, and what makes mm of them, by the header; as usual where it does not say."""
    columns = columns_named(header, source)
    if columns is None:
        return [0, 1, 2], 1.0
    if sorted(columns[1]) != [1, 2, 3]:
        raise InputError(
            f"{source}: x, y and z stand behind the kind, before the name; its header has {','.join(header)}"
        )
    return [i - 1 for i in columns[1]], columns[2]


def write_scalp_positions(positions: ScalpPositions, path: str | Path) -> None:
    """Write positions as SimNIBS reads them; the file appears only when it is whole.

    Raises
    ------
    WriteError
        If the file cannot be written.
    """
    rows = zip(
        positions.kinds, positions.points_mm.tolist(), positions.toward_mm.tolist(), positions.names, strict=True
    )
    with written_whole(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        for kind, point, toward, name in rows:
            writer.writerow([kind, *point, *(toward if np.isfinite(toward).all() else ()), *([name] if name else [])])


def _numbers(cells: list[str]) -> list[float] | None:
    """Three finite numbers of a head's size, or None."""
    try:
        values = [float(cell) for cell in cells]
    except ValueError:
        return None
    return values if len(values) == 3 and all(abs(value) <= FARTHEST_MM for value in values) else None
