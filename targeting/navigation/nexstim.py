"""The session text of Nexstim NBS (read only): a line for each pulse with the coil's place, its normal and its direction.

The table has three lines of headings, one above the other (``Coil`` / ``Loc.`` / ``x``); a line belongs to a pulse if it
begins with an ID such as ``1.2.3.``  Coordinates are Nexstim's own, millimetres from a corner of the MRI: **x to the left,
y up, z to the front** (:mod:`targeting.navigation.image_space` turns them into RAS mm by the subject's T1).

By its maker's words (T. Neuvonen of Nexstim, quoted in a published analysis script; NBS manual, table 11) the origin is at
the bottom of the coil, **the normal points away from the head** and **the direction is that of the stimulation**.  So z =
−normal, y = direction, x = y × z.  These coils have no handle in their plane: "away from the handle" is the direction of
the stimulation. ``EF max. Loc.`` lies under the coil; a file whose normal points to it is refused, and so is one whose axes
are not at right angles (some versions wrote numbers without their signs).  Decimal commas are read: NBS writes those of its
computer's language.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from meshes.errors import InputError
from targeting.navigation.navigators import Navigator
from targeting.navigation.records import NEXSTIM, PULSE, SHEAR_TOLERANCE, Record, Session, number, rigid_pose
from targeting.pose import Pose

ID = re.compile(r"\d+(\.\d+)*\.?")
COMMA = re.compile(r"(-?\d+),(\d+)")
SYSTEM = re.compile(r"^\s*Coordinate system:\s*(.+?)\s*$", re.MULTILINE)
PLACE, NORMAL, DIRECTION, HOTTEST = "Coil Loc.", "Coil Normal", "Coil Dir.", "EF max. Loc."
REMARK = "y of these poses is Nexstim's direction of the stimulation: its coils have no handle in their plane"


@dataclass(frozen=True)
class Columns:
    """The headings of a table, joined from top to bottom, one for each column."""

    names: tuple[str, ...]

    @classmethod
    def of(cls, lines: Sequence[str]) -> Columns:
        """Of the lines of headings; some exports begin each line with a tab of its own, which is no column."""
        read = [cls._joined([line.split("\t") for line in lines])]
        read.append(cls._joined([line.removeprefix("\t").split("\t") for line in lines]))
        whole = [each for each in read if all(each.at(name) is not None for name in (PLACE, NORMAL, DIRECTION))]
        return next((each for each in whole if each.names[0].startswith("ID")), (whole or read)[0])

    @classmethod
    def _joined(cls, lines: Sequence[Sequence[str]]) -> Columns:
        width = max(len(line) for line in lines)
        filled = [[*line, *[""] * (width - len(line))] for line in lines]
        return cls(tuple(" ".join(" ".join(column).split()) for column in zip(*filled, strict=True)))

    def at(self, start: str) -> int | None:
        """The first column whose heading starts so."""
        return next((i for i, name in enumerate(self.names) if name.lower().startswith(start.lower())), None)

    def all_at(self, part: str) -> list[int]:
        """The columns whose headings hold a word."""
        return [i for i, name in enumerate(self.names) if part.lower() in name.lower()]


def session_from_string(text: str, source: str = "Nexstim file") -> Session:
    """The pulses of a session, in Nexstim's own coordinates.

    Raises
    ------
    InputError
        If this is no session text, is in a coordinate system that is not the MRI's, is damaged, or its axes do not fit.
    """
    system = SYSTEM.search(text)
    if system and "MRI" not in system[1].upper():
        raise InputError(
            f"{source} is in Nexstim's coordinate system {system[1]!r}; export the session in that of the MRI"
        )
    records = list(_pulses(text, source))
    if not records:
        raise InputError(f"{source} holds no pulse; export the session of Nexstim with its stimuli")
    return Session(tuple(records), source, NEXSTIM, remarks=(REMARK,))


def _pulses(text: str, source: str) -> Iterator[Record]:
    headings: list[str] = []
    columns: Columns | None = None
    row = 0
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.removeprefix("\t").split("\t")]
        if not any(cells):
            continue
        if any(cell.startswith("Time") for cell in cells):
            headings, columns = [line], None
        elif headings and ID.fullmatch(cells[0]) and len(cells) > 1:
            if columns is None:
                columns = Columns.of(headings)
            row += 1
            yield _record(row, cells, columns, source)
        elif headings and columns is None:
            headings.append(line)


def _record(row: int, cells: list[str], columns: Columns, source: str) -> Record:
    name = cells[0]

    def value(start: str) -> float:
        at = columns.at(start)
        return _number(cells[at], name, source) if at is not None and at < len(cells) else float("nan")

    at_target = columns.at("Target ID")
    responses = tuple(_number(cells[i], name, source) for i in columns.all_at("amp") if i < len(cells))
    return Record(
        PULSE,
        row,
        name,
        _pose(cells, columns, name, source),
        target=cells[at_target] if at_target is not None and at_target < len(cells) else "",
        time_s=value("Time") / 1e3,
        amplitude_percent=value("First"),
        response_uv=responses[0] if responses else float("nan"),
        session=".".join(name.rstrip(".").split(".")[:2]),
        responses_uv=responses,
    )


def _pose(cells: list[str], columns: Columns, name: str, source: str) -> Pose | None:
    center, normal, direction = (_vector(cells, columns, each, name, source) for each in (PLACE, NORMAL, DIRECTION))
    if not np.isfinite([*center, *normal, *direction]).all() or not normal.any() or not direction.any():
        return None
    if abs(normal @ direction) > SHEAR_TOLERANCE:
        raise InputError(
            f"{source}: normal and direction of {name!r} are not at right angles ({normal @ direction:.2f}): numbers have "
            "lost their signs in this export; update NBS and export the session again"
        )
    if columns.at(HOTTEST) is not None:
        hottest = _vector(cells, columns, HOTTEST, name, source)
        if np.isfinite(hottest).all() and hottest.any() and (hottest - center) @ normal > 0:
            raise InputError(
                f"{source}: the normal of {name!r} points into the head; this version of Nexstim's export is not known"
            )
    matrix = np.eye(4)
    matrix[:3, :3] = np.column_stack([np.cross(direction, -normal), direction, -normal])
    matrix[:3, 3] = center
    return rigid_pose(matrix, name, source)


def _vector(cells: list[str], columns: Columns, start: str, name: str, source: str) -> NDArray[np.float64]:
    if (first := columns.at(start)) is None:
        raise InputError(f"{source} has no columns {start!r}; export the session of Nexstim with all columns")
    if len(cells) < first + 3:
        raise InputError(f"{source} is truncated in the row {name!r}; export it again")
    return np.array([_number(cell, name, source) for cell in cells[first : first + 3]])


def _number(cell: str, name: str, source: str) -> float:
    return float("nan") if cell in ("-", "N/A") else number(COMMA.sub(r"\1.\2", cell), name, source)


NEXSTIM_SESSION = Navigator(
    name="nexstim",
    title="Nexstim",
    suffix=".nbe",
    recognises=lambda text: (
        all(word in text for word in ("Coil", "Normal", "Dir.", "Time")) and not text.startswith("#")
    ),
    read=session_from_string,
    only_read="its programs document no import of targets",
)
