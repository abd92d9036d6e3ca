"""Stimulators: the largest dI/dt each drives a coil at (``stimulators.toml``), with its source."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources

from meshes.choices import one_of
from meshes.errors import InputError


@dataclass(frozen=True)
class Rating:
    """A coil on a stimulator at 100 % MSO.

    ``coils`` are the names the coil goes by; ``displayed_a_per_us`` is what the stimulator's own display says, where it
    differs from the measured value.
    """

    stimulator: str
    coils: tuple[str, ...]
    max_didt_a_per_us: float
    source: str
    displayed_a_per_us: float | None = None

    @property
    def max_didt_a_per_s(self) -> float:
        """The same in A/s."""
        return self.max_didt_a_per_us * 1e6


@cache
def ratings() -> tuple[Rating, ...]:
    """The table.

    Examples
    --------
    >>> from targeting.dosing import ratings
    >>> sorted({each.stimulator for each in ratings()})
    ['magpro-x100', 'magstim-rapid']
    """
    text = resources.files("targeting.dosing").joinpath("stimulators.toml").read_text(encoding="utf-8")
    return tuple(Rating(**{**row, "coils": tuple(row["coils"])}) for row in tomllib.loads(text)["rating"])


def stimulator_rating(stimulator: str, coil: str) -> Rating:
    """The rating of a coil, by its name, on a stimulator.

    Raises
    ------
    InputError
        If the stimulator is not in the table, or not with this coil.

    Examples
    --------
    >>> from targeting.dosing import stimulator_rating
    >>> stimulator_rating("magstim-rapid", "figure8-70mm").max_didt_a_per_s
    114730000.0
    """
    rows = [each for each in ratings() if each.stimulator == stimulator]
    if not rows:
        one_of(stimulator, dict.fromkeys(each.stimulator for each in ratings()), "stimulator")
    for row in rows:
        if coil.lower() in (each.lower() for each in row.coils):
            return row
    known = ", ".join(each.coils[0] for each in rows)
    raise InputError(
        f"the maximum dI/dt of coil {coil!r} on {stimulator} is not in the table (it has {known}); leave out --stimulator"
    )
