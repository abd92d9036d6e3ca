"""A user's table of muscle responses, and which of its rows belongs to which recorded pulse.

The table has a line of names and a row for each response, separated by tabs, semicolons or commas.  ``mep_uv`` or ``mep_mv`` is
the peak-to-peak amplitude: the unit is part of the name, and a name without one is refused.  ``pulse`` (the pulse's number in
the session's file, from 1) or ``time_s`` say which pulse a row belongs to; without them the order does.  ``percent`` (% of the
stimulator's maximum) or ``didt_a_per_us`` may give the intensity.  Other columns are not read.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from meshes.errors import InputError
from targeting.navigation.records import MISSING, Record, read_text

AMPLITUDES = {"mep_uv": 1.0, "mep_mv": 1000.0}  # to µV
COLUMNS = (*AMPLITUDES, "pulse", "time_s", "percent", "didt_a_per_us")
EMPTY = (*MISSING, "na")
MOST_UV = 50_000.0  # a response of a muscle is at most some 15 mV
SAME_TIME_S = 0.25  # a pulse's own delays in two programs; pulses are seconds apart
THOUSANDS = re.compile(r"[-+]?[1-9]\d{0,2}(,\d{3})+$")


@dataclass(frozen=True, eq=False)
class EmgTable:
    """The rows of a table.

    Parameters
    ----------
    columns : mapping of str to (m,) float64
        Of :data:`COLUMNS` those that it has, and "mep_uv" always; NaN where a cell is empty.
    source : str
    """

    columns: Mapping[str, NDArray[np.float64]]
    source: str

    @property
    def mep_uv(self) -> NDArray[np.float64]:
        """Peak-to-peak amplitudes, (m,)."""
        return self.columns["mep_uv"]

    def __len__(self) -> int:
        return len(self.mep_uv)


def read_table(path: Path) -> EmgTable:
    """Read a table.

    Raises
    ------
    InputError
        If it cannot be read, has no amplitude with its unit, or a cell is no number, or could be one of two.
    """
    rows = _rows(read_text(path), str(path))
    names = [_plain(each) for each in rows[0]]
    if twice := {each for each in names if each in COLUMNS and names.count(each) > 1}:
        raise InputError(f"{path} has the column {sorted(twice)[0]} twice; leave one out")
    given = [each for each in AMPLITUDES if each in names]
    if len(given) != 1:
        if given:
            raise InputError(f"{path} has both mep_uv and mep_mv; leave one out")
        like = next((each for each in rows[0] if _plain(each).startswith(("mep", "response", "emg"))), None)
        why = f"the column {like!r} has no unit in its name" if like else "it has no amplitudes"
        raise InputError(f"{path}: {why}; name the peak-to-peak amplitude mep_uv or mep_mv")
    columns = {
        name: _numbers([row[i] for row in rows[1:]], name, str(path)) for i, name in enumerate(names) if name in COLUMNS
    }
    mep_uv = columns.pop(given[0]) * AMPLITUDES[given[0]]
    if (mep_uv < 0).any():
        raise InputError(f"{path}: {given[0]} has negative numbers; a peak-to-peak amplitude has none")
    if np.nanmax(mep_uv, initial=0.0) > MOST_UV:
        raise InputError(
            f"{path}: {given[0]} goes up to {np.nanmax(mep_uv) / 1000:.0f} mV, more than any muscle's; check the unit"
        )
    return EmgTable({**columns, "mep_uv": mep_uv}, str(path))


def rows_of_pulses(table: EmgTable, pulses: Sequence[Record], session: str) -> NDArray[np.int64]:
    """Which row of the table each pulse has, (n,); −1 for none.

    Parameters
    ----------
    table : EmgTable
    pulses : sequence of Record
        All that a coil gave, tracked or not, in their order.
    session : str
        Their file.

    Raises
    ------
    InputError
        If a row belongs to no pulse, a pulse has two, or which belongs to which cannot be told.
    """
    if "pulse" in table.columns:
        return _by_key(table.columns["pulse"], [each.row for each in pulses], table, session)
    times = np.array([each.time_s for each in pulses])
    if "time_s" in table.columns and np.isfinite(times).all():
        return _by_time(table.columns["time_s"], times, table, session)
    if len(table) != len(pulses):
        raise InputError(
            f"{table.source} has {len(table)} rows and {session} {len(pulses)} pulses, so which belongs to which is not "
            "known; add the column pulse (its number in the session's file) or time_s"
        )
    return np.arange(len(pulses))


def _by_key(keys: NDArray[np.float64], rows: Sequence[int], table: EmgTable, session: str) -> NDArray[np.int64]:
    found = {key: i for i, key in enumerate(keys)}
    if len(found) < len(keys) or not np.isfinite(keys).all():
        raise InputError(f"{table.source}: the column pulse names a pulse twice, or leaves one empty")
    if unknown := sorted(set(found) - set(rows)):
        raise InputError(
            f"{table.source} has a row for pulse {unknown[0]:g}, and {session} has no such pulse of a coil"
        )
    return np.array([found.get(row, -1) for row in rows])


def _by_time(
    rows_s: NDArray[np.float64], pulses_s: NDArray[np.float64], table: EmgTable, session: str
) -> NDArray[np.int64]:
    """Of all ways to set the two clocks by each other the one in which every row has a pulse of its own."""
    if not np.isfinite(rows_s).all():
        raise InputError(f"{table.source}: the column time_s has empty cells")
    found = []
    for start in pulses_s:
        off = np.abs(pulses_s[None] - (rows_s - rows_s[0] + start)[:, None])
        nearest = off.argmin(axis=1)
        if off.min(axis=1).max() <= SAME_TIME_S and len(set(nearest)) == len(rows_s):
            found.append(nearest)
    if len(found) != 1:
        many = "in several ways" if found else "in no way"
        raise InputError(
            f"the times of {table.source} fit those of {session} {many}, so which row belongs to which pulse is not known; "
            "add the column pulse (its number in the session's file)"
        )
    row = np.full(len(pulses_s), -1)
    row[found[0]] = np.arange(len(rows_s))
    return row


def _rows(text: str, source: str) -> list[list[str]]:
    head = text.splitlines()[0]
    separator = next((each for each in "\t;," if each in head), "\t")
    rows = [[cell.strip() for cell in row] for row in csv.reader(text.splitlines(), delimiter=separator)]
    rows = [row for row in rows if any(row)]
    if len(rows) < 2:
        raise InputError(f"{source} has no rows; give a table with a line of names and a row for each response")
    for number, row in enumerate(rows[1:], start=2):
        if len(row) != len(rows[0]):
            raise InputError(f"{source}: row {number} has {len(row)} cells and the line of names {len(rows[0])}")
    return rows


def _plain(name: str) -> str:
    """A column's name without its spelling: "MEP [µV]" is mep_uv."""
    return re.sub(r"[^a-z0-9]+", "_", name.lower().replace("µ", "u").replace("μ", "u").replace("%", "percent")).strip(
        "_"
    )


def _numbers(cells: Sequence[str], name: str, source: str) -> NDArray[np.float64]:
    """Cells as numbers; commas are decimal, if one of them can be nothing else."""
    with_comma = [each for each in cells if "," in each]
    if with_comma and all(THOUSANDS.match(each) for each in with_comma):
        raise InputError(
            f"{source}: {with_comma[0]!r} in {name} could be a thousand or a fraction; write numbers without commas"
        )
    out = []
    for cell in cells:
        try:
            out.append(np.nan if cell.lower() in EMPTY else float(cell.replace(",", ".")))
        except ValueError:
            raise InputError(f"{source}: {cell!r} in {name} is no number") from None
    values = np.array(out)
    if np.isinf(values).any():
        raise InputError(f"{source}: {name} holds an infinite number")
    return values
