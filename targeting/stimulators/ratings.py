"""Stimulators: their pulse forms and current directions, and the largest dI/dt each drives a coil at, with sources.

A rating is the stimulator's: the same coil has another one on another stimulator, or with another form of the pulse.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Any

from meshes.choices import one_of
from meshes.errors import InputError
from targeting.stimulators.pulse import PULSES


@dataclass(frozen=True)
class Stimulator:
    """A stimulator.

    Parameters
    ----------
    name, title : str
    pulses : tuple of str
        Forms of the pulse it is sold with, of :data:`targeting.stimulators.pulse.PULSES`.
    reversible : bool or None
        Whether the current direction can be set to reverse; None: not known.
    source : str
        Where pulses and current direction are from.
    note : str
    """

    name: str
    title: str
    pulses: tuple[str, ...]
    reversible: bool | None
    source: str
    note: str = ""


@dataclass(frozen=True)
class Rating:
    """A coil on a stimulator at 100 % MSO.

    Parameters
    ----------
    stimulator : str
    coils : tuple of str
        The names the coil goes by.
    pulse : str
        Form of the pulse.
    max_didt_a_per_us : float
        At the start of the pulse.
    source : str
    displayed_a_per_us : float, optional
        What the stimulator's own display says, where that is known.
    unverified : bool
        Nobody measured this coil on this stimulator: ``source`` says what stands in for it.
    """

    stimulator: str
    coils: tuple[str, ...]
    pulse: str
    max_didt_a_per_us: float
    source: str
    displayed_a_per_us: float | None = None
    unverified: bool = False

    @property
    def max_didt_a_per_s(self) -> float:
        """The same in A/s."""
        return self.max_didt_a_per_us * 1e6


@cache
def _table() -> dict[str, Any]:
    return tomllib.loads(
        resources.files("targeting.stimulators").joinpath("stimulators.toml").read_text(encoding="utf-8")
    )


@cache
def stimulators() -> Mapping[str, Stimulator]:
    """The stimulators by name.

    Examples
    --------
    >>> from targeting.stimulators import stimulators
    >>> stimulators()["magpro-x100"].reversible, stimulators()["magpro-r30"].reversible
    (True, False)
    """
    rows = _table()["stimulator"].items()
    made = {name: Stimulator(name, **{"reversible": None, **row, "pulses": tuple(row["pulses"])}) for name, row in rows}
    return MappingProxyType(made)


@cache
def ratings() -> tuple[Rating, ...]:
    """The ratings.

    Examples
    --------
    >>> from targeting.stimulators import ratings
    >>> {each.pulse for each in ratings()}
    {'biphasic'}
    """
    return tuple(Rating(**{**row, "coils": tuple(row["coils"])}) for row in _table()["rating"])


def stimulator_rating(stimulator: str, coil: str, pulse: str = "biphasic") -> Rating:
    """The rating of a coil, by its name, on a stimulator; upper and lower case, "_" and blank are the same.

    Raises
    ------
    InputError
        If there is no such stimulator or pulse, if it has no such pulse, or no rating with this coil and pulse.

    Examples
    --------
    >>> from targeting.stimulators import stimulator_rating
    >>> stimulator_rating("magstim-rapid", "figure8-70mm").max_didt_a_per_s
    114730000.0
    """
    known = stimulators()[one_of(stimulator, stimulators(), "stimulator")]
    if one_of(pulse, PULSES, "pulse") not in known.pulses:
        raise InputError(f"{known.title} has no {pulse} pulse; it has {', '.join(known.pulses)}")
    rows = [each for each in ratings() if (each.stimulator, each.pulse) == (stimulator, pulse)]
    for row in rows:
        if _plain(coil) in map(_plain, row.coils):
            return row
    has = f"it has {', '.join(each.coils[0] for each in rows)}" if rows else "it has no coil with that pulse"
    raise InputError(
        f"the maximum dI/dt of coil {coil!r} on {stimulator}, {pulse}, is not in the table ({has}); leave out `stimulator`"
    )


def _plain(coil: str) -> str:
    return coil.lower().replace("_", " ")
