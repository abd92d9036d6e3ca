"""Montages by name (``montages.toml``: 10-10 positions, shares of the current, electrodes, papers) or from a ``.csv`` file.

The named ones are for the left side; the right side is their mirror image, position by position.  :func:`placed` puts one
on a head whose positions are known.
"""

from __future__ import annotations

import csv
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from meshes.choices import one_of
from meshes.errors import InputError

if TYPE_CHECKING:
    from atlases.scalp_positions import ScalpPositions
    from targeting.tes.electrodes import Montage, Shape


SIDES = ("left", "right")
STANDARD = "m1-so"  # what every plan is compared with
NUMBERED = re.compile(r"(.*?)(\d+)")  # C3, PO10, and Cz without a number
SUM_SLACK = 1e-9
COLUMNS = ("name", "x_mm", "y_mm", "z_mm", "current_ma", "shape", "size_mm", "y_axis")


@dataclass(frozen=True)
class NamedMontage:
    """A montage as a trial describes it, on the left side of the head.

    Parameters
    ----------
    name, title : str
    shares : mapping
        10-10 position → part of the total current, positive into the head; they sum to zero, the anodes' to 1.
    shape : {"disc", "rectangle", "ring"}
        Of every electrode.
    size_mm : tuple of float
        (width, height), (diameter,) or (outer, inner).
    current_ma : float
        Total current: the sum of the anodes'.
    minutes : float
        Of a session.
    paper, checked, note : str
        Where it is from, which of it was re-read there, and what to know.
    angles_deg : mapping
        Position → turn of its electrode about its middle, counter-clockwise seen from outside; 0 where not given.
    published : bool
        Whether a trial or a model used it; False for what is proposed here.
    side : {"left", "right"}
        Which side of the head the target is on.

    Raises
    ------
    InputError
        If the shares do not sum to 1 and -1.
    """

    name: str
    title: str
    shares: Mapping[str, float]
    shape: Shape
    size_mm: tuple[float, ...]
    current_ma: float
    minutes: float
    paper: str
    checked: str
    note: str
    angles_deg: Mapping[str, float] = field(default_factory=dict)
    published: bool = True
    side: str = "left"

    def __post_init__(self) -> None:
        into = sum(share for share in self.shares.values() if share > 0)
        out = sum(share for share in self.shares.values() if share < 0)
        if abs(into - 1) > SUM_SLACK or abs(out + 1) > SUM_SLACK:
            raise InputError(
                f"montage {self.name}: the anodes' shares sum to {into:g}, the cathodes' to {out:g}: not 1, -1"
            )

    @property
    def currents_ma(self) -> dict[str, float]:
        """Position → current, mA, positive into the head."""
        return {name: share * self.current_ma for name, share in self.shares.items()}

    def on(self, side: str) -> NamedMontage:
        """The same montage for a target on the left or on the right.

        Raises
        ------
        InputError
            If ``side`` is neither.

        Examples
        --------
        >>> montages()["m1-so"].on("right").currents_ma
        {'C4': 2.0, 'Fp1': -2.0}
        """
        if one_of(side, SIDES, "side") == self.side:
            return self
        shares = {mirror(name): share for name, share in self.shares.items()}
        angles = {mirror(name): -angle for name, angle in self.angles_deg.items()}
        return replace(self, shares=shares, angles_deg=angles, side=side)


def mirror(position: str) -> str:
    """The position on the other side: odd numbers are left, even ones right; z and the fiducials' names likewise.

    Examples
    --------
    >>> [mirror(name) for name in ("C3", "Fp2", "Cz", "PO10", "T9", "LPA")]
    ['C4', 'Fp1', 'Cz', 'PO9', 'T10', 'RPA']
    """
    ears = {"LPA": "RPA", "RPA": "LPA"}
    found = NUMBERED.fullmatch(position)
    if found is None:
        return ears.get(position, position)
    letters, number = found[1], int(found[2])
    return f"{letters}{number + 1 if number % 2 else number - 1}"


@cache
def montages() -> Mapping[str, NamedMontage]:
    """The montages by name, for the left side.

    Examples
    --------
    >>> from targeting.tes.montages import montages
    >>> sorted(montages())
    ['bifrontal', 'dlpfc-so', 'hd-2x2', 'hd-4x1', 'hd-opi-4x1', 'hd-opi-ap', 'm1-so']
    """
    text = resources.files("targeting.tes").joinpath("montages.toml").read_text(encoding="utf-8")
    return {name: _montage(name, row) for name, row in tomllib.loads(text).items()}


def montage_named(name: str, side: str = "left") -> NamedMontage:
    """A montage by name, for a target on one side.

    Raises
    ------
    InputError
        If there is none of that name; the nearest names are told.

    Examples
    --------
    >>> from targeting.tes.montages import montage_named
    >>> sorted(montage_named("hd-4x1", "right").shares)
    ['C4', 'Cz', 'F4', 'P4', 'T8']
    """
    return montages()[one_of(name, montages(), "montage")].on(side)


def placed(montage: NamedMontage, positions: ScalpPositions) -> Montage:
    """A named montage on one head.

    Parameters
    ----------
    montage : NamedMontage
        Of the side that is meant.
    positions : ScalpPositions
        The head's 10-10 positions.

    Raises
    ------
    InputError
        If a position of the montage is not among them.
    """
    import numpy as np

    from targeting.tes.electrodes import Electrode, Montage

    def electrode(name: str) -> Electrode:
        angle = montage.angles_deg.get(name, 0.0)
        return Electrode(name, positions.point_mm(name), montage.shape, montage.size_mm, angle_deg=angle)

    currents_a = np.array(list(montage.currents_ma.values())) / 1e3
    return Montage(montage.name, tuple(electrode(name) for name in montage.shares), currents_a)


def _montage(name: str, row: dict[str, Any]) -> NamedMontage:
    return NamedMontage(name, **{**row, "size_mm": tuple(row["size_mm"])})


def read_montage(path: str | Path) -> Montage:
    """A montage from a ``.csv`` with the columns name, x_mm, y_mm, z_mm, current_ma, shape and size_mm.

    ``size_mm`` is one or two numbers with "x" between them; ``y_axis``, three numbers, may be left out; other columns are
    not read.

    Raises
    ------
    InputError
        If the file is missing or a row cannot be understood, or the currents are all zero or do not sum to zero.
    """
    import numpy as np

    from targeting.tes.electrodes import Electrode, Montage

    path = Path(path)
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}; check the path") from None
    except (UnicodeDecodeError, csv.Error):
        raise InputError(f"{path} is no table of text; give a montage as .csv") from None
    missing = [column for column in COLUMNS[:-1] if not rows or column not in rows[0]]
    if missing:
        raise InputError(f"{path} is no montage: it lacks {', '.join(missing)}; write it like a plan's montage.csv")
    electrodes, currents = [], []
    for number, row in enumerate(rows, 2):
        try:
            center = np.array([float(row[column]) for column in COLUMNS[1:4]])
            currents.append(float(row["current_ma"]) / 1e3)
            size = tuple(float(part) for part in row["size_mm"].split("x"))
            axis = [float(part) for part in (row.get("y_axis") or "").split()]
        except (ValueError, AttributeError, TypeError):
            raise InputError(
                f"{path.name}, line {number}: a number cannot be read; write it like a plan's montage.csv"
            ) from None
        toward = center + 100 * np.array(axis) if len(axis) == 3 else None
        shape = row["shape"].strip()
        electrodes.append(Electrode(row["name"].strip(), center, shape, size, toward_mm=toward))  # type: ignore[arg-type]
    if not np.any(currents):
        raise InputError(f"{path.name}: current_ma is 0 everywhere, so no current flows; give the currents in mA")
    return Montage(path.stem, tuple(electrodes), np.array(currents))
