"""rTMS protocols: published ones by name (``protocols.toml``), or a user's own from a TOML file.

A file of one's own has the same fields at its top level, or as one table:

    frequency_hz = 10.0
    pulses_per_train = 50
    trains = 40
    inter_train_s = 25.0
    intensity_fraction_rmt = 0.9
    sessions = 10
    paper = "our ethics approval 12/2026"

Theta bursts have ``burst_pulses`` and ``burst_hz`` within a burst too; ``frequency_hz`` is then bursts a second, and
``pulses_per_train`` still counts pulses.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from functools import cache
from importlib import resources
from pathlib import Path
from types import MappingProxyType
from typing import Any

from meshes.choices import one_of
from meshes.errors import InputError
from targeting.stimulators.pulse import PULSES

MUSCLES = ("hand", "leg", "face")
EVIDENCE = {  # Lefaucheur 2020, Clin Neurophysiol 131:474, doi 10.1016/j.clinph.2019.11.002
    "A": "definite efficacy",
    "B": "probable efficacy",
    "C": "possible efficacy",
    "none": "not graded",
}
WORDS = {"muscle": MUSCLES, "pulse": PULSES, "evidence": tuple(EVIDENCE)}
TEXTS = ("paper", "title", "population", "target", "result", "spacing", "published_use", "note", "read")
WHOLE = ("pulses_per_train", "trains", "sessions", "burst_pulses")
LIMITS = {  # beyond these it is a slip, not a protocol
    "frequency_hz": (0.05, 100.0),
    "pulses_per_train": (1, 10_000),
    "trains": (1, 10_000),
    "inter_train_s": (0.0, 3600.0),
    "intensity_fraction_rmt": (0.1, 1.5),
    "sessions": (1, 1000),
    "burst_pulses": (1, 20),
}
BURST_HZ = (1.0, 1000.0)
SLACK = 1e-9


@dataclass(frozen=True)
class Protocol:
    """An rTMS session.

    Parameters
    ----------
    name : str
    frequency_hz : float
        Within a train: pulses a second, or bursts a second.
    pulses_per_train, trains, sessions : int
        Pulses count one by one, in bursts too.
    inter_train_s : float
        From the end of a train to the start of the next.
    intensity_fraction_rmt : float
        Of the resting motor threshold of ``muscle``, 0.8 for 80 %.
    paper : str
        Where it is from.
    title : str
    burst_pulses : int
        Pulses a burst; 1: no bursts.
    burst_hz : float or None
        Pulses a second within a burst; None without bursts.
    muscle : str
        Whose threshold it is: "hand", "leg" or "face".
    pulse : str
        Form of the pulse.
    population, target, result, spacing : str
        Who was treated, where (a named target or free words), what was found ("positive: ...", "negative: ..."), and how
        the sessions follow one another.
    evidence : str
        Grade of this use in Lefaucheur 2020: "A", "B", "C" or "none".
    published_use : str
        Who used it, at what intensity, with what adverse events.
    note : str
    unverified : tuple of str
        Names of the fields that nobody re-read in the source.
    read : str
        What was read where; for the developer, never for a clinical page.

    Raises
    ------
    InputError
        If a number is out of range, a word is not one of those above, or bursts do not fit.
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
    burst_pulses: int = 1
    burst_hz: float | None = None
    muscle: str = "hand"
    pulse: str = "biphasic"
    population: str = ""
    target: str = ""
    result: str = ""
    evidence: str = "none"
    spacing: str = ""
    published_use: str = ""
    note: str = ""
    unverified: tuple[str, ...] = ()
    read: str = ""

    def __post_init__(self) -> None:
        for field, (low, high) in LIMITS.items():
            _check_number(self.name, field, getattr(self, field), low, high)
        for field in (*TEXTS, *WORDS):
            if not isinstance(getattr(self, field), str):
                raise InputError(f"protocol {self.name}: {field} is text in quotes")
        if not self.paper.strip():
            raise InputError(f"protocol {self.name}: paper is empty; say where the protocol is from")
        for field, words in WORDS.items():
            one_of(getattr(self, field), words, f"{field} of protocol {self.name}")
        self._check_bursts()
        if not isinstance(self.unverified, list | tuple) or not all(isinstance(each, str) for each in self.unverified):
            raise InputError(f"protocol {self.name}: unverified is a list of field names")
        for field in self.unverified:
            one_of(field, [each.name for each in fields(self)], f"field in unverified of protocol {self.name}")
        object.__setattr__(self, "unverified", tuple(self.unverified))

    def _check_bursts(self) -> None:
        if self.burst_pulses == 1:
            if self.burst_hz is not None:
                raise InputError(f"protocol {self.name}: burst_hz goes with burst_pulses of 2 or more")
            return
        if self.burst_hz is None:
            raise InputError(f"protocol {self.name}: burst_pulses needs burst_hz, the pulses a second within a burst")
        _check_number(self.name, "burst_hz", self.burst_hz, *BURST_HZ)
        if self.pulses_per_train % self.burst_pulses:
            raise InputError(
                f"protocol {self.name}: pulses_per_train must be whole bursts of {self.burst_pulses} pulses"
            )
        if self.burst_pulses / self.burst_hz > (1 + SLACK) / self.frequency_hz:
            raise InputError(
                f"protocol {self.name}: {self.burst_pulses} pulses at {self.burst_hz:g} Hz are longer than the time between "
                f"bursts at {self.frequency_hz:g} a second; frequency_hz is bursts a second"
            )

    @property
    def train_s(self) -> float:
        """Duration of a train, s: as many periods as pulses, or as bursts."""
        return self.pulses_per_train / self.burst_pulses / self.frequency_hz

    @property
    def pulses(self) -> int:
        """Pulses in a session."""
        return self.pulses_per_train * self.trains

    @property
    def session_s(self) -> float:
        """Duration of a session, s: its trains and the pauses between them, none after the last."""
        return self.trains * self.train_s + (self.trains - 1) * self.inter_train_s

    @property
    def rhythm_words(self) -> str:
        """The rhythm within a train in words: "10 Hz", or "bursts of 3 pulses at 50 Hz, 5 bursts a second"."""
        if self.burst_pulses == 1:
            return f"{self.frequency_hz:g} Hz"
        return f"bursts of {self.burst_pulses} pulses at {self.burst_hz:g} Hz, {self.frequency_hz:g} bursts a second"

    @property
    def session_words(self) -> str:
        """A session in words: trains, their length, rhythm and pause.

        Examples
        --------
        >>> from targeting.dosing import protocol_named
        >>> protocol_named("m1-pain-10hz").session_words
        '30 trains of 10 s, 10 Hz, 20 s between them'
        >>> protocol_named("ctbs").session_words
        '1 train of 40 s, bursts of 3 pulses at 30 Hz, 5 bursts a second'
        """
        trains = f"{self.trains} train{'s' if self.trains > 1 else ''} of {self.train_s:g} s, {self.rhythm_words}"
        return trains + (f", {self.inter_train_s:g} s between them" if self.trains > 1 else "")

    @property
    def checked(self) -> str:
        """What is unverified, in a line for a page: "unverified: trains, pause between trains"; "" if nothing is."""
        return f"unverified: {', '.join(map(field_words, self.unverified))}" if self.unverified else ""


def field_words(field: str) -> str:
    """A field of :class:`Protocol` in the clinic's words.

    Examples
    --------
    >>> from targeting.dosing.protocols import field_words
    >>> field_words("inter_train_s"), field_words("trains")
    ('pause between trains', 'trains')
    """
    return {
        "frequency_hz": "frequency",
        "pulses_per_train": "pulses a train",
        "inter_train_s": "pause between trains",
        "intensity_fraction_rmt": "intensity",
        "burst_pulses": "pulses a burst",
        "burst_hz": "frequency within a burst",
        "muscle": "muscle of the threshold",
        "pulse": "form of the pulse",
        "published_use": "published use",
    }.get(field, field)


@cache
def protocols() -> Mapping[str, Protocol]:
    """The published protocols by name.

    Examples
    --------
    >>> from targeting.dosing import protocols
    >>> {name: protocols()[name].pulses for name in ("m1-pain-10hz", "m1-pain-20hz", "itbs")}
    {'m1-pain-10hz': 3000, 'm1-pain-20hz': 1600, 'itbs': 600}
    """
    text = resources.files("targeting.dosing").joinpath("protocols.toml").read_text(encoding="utf-8")
    return MappingProxyType({name: Protocol(name, **row) for name, row in tomllib.loads(text).items()})


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
    except (ValueError, RecursionError) as error:  # bad UTF-8 and bad TOML are ValueErrors
        raise InputError(f"{path} is not TOML ({' '.join(str(error).split())})") from None
    name = path.stem
    if len(read) == 1 and isinstance(next(iter(read.values())), dict):
        name, read = next(iter(read.items()))
    known = [each for each in fields(Protocol) if each.name != "name"]
    for field in read:
        one_of(field, [each.name for each in known], f"field of protocol {path}")
    missing = [each.name for each in known if each.name not in read and each.default is MISSING]
    if missing:
        raise InputError(f"protocol {path} lacks {', '.join(missing)}")
    return Protocol(name, **read)


def _check_number(name: str, field: str, value: object, low: float, high: float) -> None:
    number = isinstance(value, int) if field in WHOLE else isinstance(value, int | float)
    if isinstance(value, bool) or not number or not low <= value <= high:  # type: ignore[operator]
        kind = "a whole number" if field in WHOLE else "a number"
        raise InputError(f"protocol {name}: {field} is {kind} from {low:g} to {high:g}, not {value!r}")
