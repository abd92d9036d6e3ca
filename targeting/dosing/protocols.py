"""Protocols: published rTMS sessions by name (``protocols.toml``), or one's own as a TOML file.

A file of one's own has the same fields at its top level, or as one table:

    frequency_hz = 10.0
    pulses_per_train = 50
    trains = 40
    inter_train_s = 25.0
    intensity_fraction_rmt = 0.9
    sessions = 10
    paper = "our ethics approval 12/2026"
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from meshes.choices import one_of
from meshes.errors import InputError

OPTIONAL = ("title", "checked", "note")
WHOLE = ("pulses_per_train", "trains", "sessions")
LIMITS = {  # beyond these it is a slip, not a protocol
    "frequency_hz": (0.05, 100.0),
    "pulses_per_train": (1, 10_000),
    "trains": (1, 10_000),
    "inter_train_s": (0.0, 3600.0),
    "intensity_fraction_rmt": (0.1, 1.5),
    "sessions": (1, 1000),
}


@dataclass(frozen=True)
class Protocol:
    """An rTMS session.

    Parameters
    ----------
    name, title : str
    frequency_hz : float
        Within a train.
    pulses_per_train, trains, sessions : int
    inter_train_s : float
        From the end of a train to the start of the next.
    intensity_fraction_rmt : float
        Of the resting motor threshold, 0.8 for 80 %.
    paper : str
        Where it is from.
    checked, note : str
        Which of the numbers were re-read there, and what to know.

    Raises
    ------
    InputError
        If a number is out of range.
    """

    name: str
    frequency_hz: float
    pulses_per_train: int
    trains: int
    inter_train_s: float
    intensity_fraction_rmt: float
    sessions: int
    paper: str
    title: str = ""
    checked: str = ""
    note: str = ""

    def __post_init__(self) -> None:
        for field, (low, high) in LIMITS.items():
            value = getattr(self, field)
            number = isinstance(value, int) if field in WHOLE else isinstance(value, int | float)
            if isinstance(value, bool) or not number or not low <= value <= high:
                kind = "a whole number" if field in WHOLE else "a number"
                raise InputError(f"protocol {self.name}: {field} is {kind} from {low:g} to {high:g}, not {value!r}")
        for field in ("paper", *OPTIONAL):
            if not isinstance(getattr(self, field), str):
                raise InputError(f"protocol {self.name}: {field} is text in quotes")
        if not self.paper.strip():
            raise InputError(f"protocol {self.name}: paper is empty; say where the protocol is from")

    @property
    def train_s(self) -> float:
        """Duration of a train, s: as many periods as pulses."""
        return self.pulses_per_train / self.frequency_hz

    @property
    def pulses(self) -> int:
        """Pulses in a session."""
        return self.pulses_per_train * self.trains

    @property
    def session_s(self) -> float:
        """Duration of a session, s."""
        return self.trains * self.train_s + (self.trains - 1) * self.inter_train_s


@cache
def protocols() -> Mapping[str, Protocol]:
    """The published protocols by name.

    Examples
    --------
    >>> from targeting.dosing import protocols
    >>> {name: each.pulses for name, each in protocols().items()}
    {'m1-pain-10hz': 3000, 'm1-pain-20hz': 1600, 'psi-10hz': 1500}
    """
    text = resources.files("targeting.dosing").joinpath("protocols.toml").read_text(encoding="utf-8")
    return {name: Protocol(name, **row) for name, row in tomllib.loads(text).items()}


def protocol_named(name: str | Path) -> Protocol:
    """A published protocol by name, or one's own from a ``.toml`` file.

    Raises
    ------
    InputError
        If there is none of that name, or the file is not a protocol.

    Examples
    --------
    >>> from targeting.dosing import protocol_named
    >>> protocol_named("m1-pain-10hz").session_s
    880.0
    """
    if isinstance(name, Path) or str(name).lower().endswith(".toml"):
        return _own(Path(name))
    return protocols()[one_of(str(name), protocols(), "protocol (or a FILE.toml of your own)")]


def _own(path: Path) -> Protocol:
    try:
        read: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"protocol {path} cannot be read ({error.strerror}); check the path") from None
    except ValueError as error:  # bad UTF-8 and bad TOML are ValueErrors
        raise InputError(f"{path} is not TOML ({' '.join(str(error).split())})") from None
    name = path.stem
    if len(read) == 1 and isinstance(next(iter(read.values())), dict):
        name, read = next(iter(read.items()))
    known = [each.name for each in fields(Protocol) if each.name != "name"]
    for field in read:
        one_of(field, known, f"field of protocol {path}")
    missing = [each for each in known if each not in read and each not in OPTIONAL]
    if missing:
        raise InputError(f"protocol {path} lacks {', '.join(missing)}")
    return Protocol(name, **read)
