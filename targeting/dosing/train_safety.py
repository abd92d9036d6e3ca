"""Check a protocol's trains against published limits (``train_safety.toml``), at an intensity in % of motor threshold.

The table is read, never interpolated: a frequency or an intensity between two entries counts as the stricter neighbour, a
frequency below the table as its lowest entry, what lies above it has no limit that is known to be safe.  Under its lowest
intensity the table says nothing, and of theta bursts it says nothing at all: that is "not covered", neither a limit kept
nor one exceeded, and what was published is said instead.  A limit with ">" in the publication is the longest that was
*tried*; a longer train is then unknown, not known to be unsafe, and is said to be so.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources

from meshes.errors import InputError
from targeting.dosing.protocols import Protocol

EXCEEDS, UNTESTED, MARGIN, NOT_COVERED = "exceeds", "untested", "margin", "not covered"
TRAINS, INTERVAL = ITEMS = ("trains", "interval")
SLACK = 1e-9  # 49 pulses at 10 Hz are 4.9 s, whatever the last bit says


@dataclass(frozen=True)
class Finding:
    """One remark.

    ``kind`` is "exceeds" (a limit), "untested" (beyond what was tried), "margin" (close to a limit) or "not covered" (the
    table says nothing of it); ``item`` is what it is about, the trains or the time between them.
    """

    kind: str
    text: str
    item: str = TRAINS


@dataclass(frozen=True)
class TrainTable:
    """Longest trains: ``seconds[i][j]`` at ``frequencies_hz[i]`` and ``intensities_percent_rmt[j]``.

    ``tested[i][j]`` where it is only the longest that was tried.  Then the rule for the time between trains, with the trains
    it was found on, and what is published on theta bursts.  ``read`` (what was read where) is never for a clinical page.
    """

    frequencies_hz: tuple[float, ...]
    intensities_percent_rmt: tuple[float, ...]
    seconds: tuple[tuple[float, ...], ...]
    tested: tuple[tuple[bool, ...], ...]
    source: str
    unverified: str
    read: str
    interval_source: str
    interval_frequency_hz: float
    interval_train_s: float
    safe_interval_s: float
    unsafe_interval_s: float
    unsafe_above_percent_rmt: float
    interval_tested_to_percent_rmt: float
    margin_share: float
    theta_source: str
    theta_words: str

    @property
    def lowest_percent_rmt(self) -> float:
        """The intensity the table starts at."""
        return self.intensities_percent_rmt[0]

    @property
    def checked(self) -> str:
        """What is unverified, for a page."""
        return f"unverified: {self.unverified}"


@cache
def train_table() -> TrainTable:
    """The table as published.

    Examples
    --------
    >>> from targeting.dosing.train_safety import train_table
    >>> train_table().seconds[2]
    (5.0, 5.0, 5.0, 4.2, 2.9)
    """
    read = tomllib.loads(resources.files("targeting.dosing").joinpath("train_safety.toml").read_text(encoding="utf-8"))
    rows, interval, theta = read["row"], read["interval"], read["theta_bursts"]
    return TrainTable(
        tuple(float(row["frequency_hz"]) for row in rows),
        tuple(float(each) for each in read["intensity_percent_rmt"]),
        tuple(tuple(float(each) for each in row["seconds"]) for row in rows),
        tuple(tuple(row["tested"]) for row in rows),
        read["source"],
        read["unverified"],
        read["read"],
        interval["source"],
        float(interval["frequency_hz"]),
        interval["train_s"],
        interval["safe_s"],
        interval["unsafe_s"],
        float(interval["unsafe_above_percent_rmt"]),
        float(interval["tested_to_percent_rmt"]),
        interval["margin_share"],
        theta["source"],
        theta["words"],
    )


def longest_train(frequency_hz: float, intensity_percent_rmt: float) -> tuple[float, bool, float, float] | None:
    """The limit that counts: seconds, whether it is only the longest tried, and the entry used (Hz, % RMT).

    Returns
    -------
    tuple or None
        None above the table, where no train is known to be safe, and under its lowest intensity, where it says nothing.

    Raises
    ------
    InputError
        If a value is not positive and finite.

    Examples
    --------
    >>> from targeting.dosing.train_safety import longest_train
    >>> longest_train(10, 120), longest_train(12, 111)
    ((4.2, False, 10.0, 120.0), (1.0, False, 20.0, 120.0))
    """
    for name, value in (("frequency", frequency_hz), ("intensity", intensity_percent_rmt)):
        if not 0 < value < float("inf"):
            raise InputError(f"a protocol's {name} is a positive number, not {value:g}")
    table = train_table()
    if _is_under(intensity_percent_rmt):
        return None
    i = next((i for i, each in enumerate(table.frequencies_hz) if frequency_hz <= each * (1 + SLACK)), None)
    intensities = table.intensities_percent_rmt
    j = next((j for j, each in enumerate(intensities) if intensity_percent_rmt <= each * (1 + SLACK)), None)
    if i is None or j is None:
        return None
    return table.seconds[i][j], table.tested[i][j], table.frequencies_hz[i], intensities[j]


def check_trains(protocol: Protocol, intensity_percent_rmt: float) -> list[Finding]:
    """What the tables say of a protocol at an intensity; an empty list: within all limits.

    Theta bursts, and any train under the table's lowest intensity, are one finding, "not covered"; the rule for the time
    between trains does not apply to them either: it was found at the motor threshold and above, on conventional trains.

    Parameters
    ----------
    protocol : Protocol
    intensity_percent_rmt : float
        Of the *motor* threshold.

    Raises
    ------
    InputError
        If the intensity is not positive and finite.

    Examples
    --------
    >>> from targeting.dosing import check_trains, protocol_named
    >>> [each.kind for each in check_trains(protocol_named("m1-pain-20hz"), 80)]
    ['not covered']
    """
    limit = longest_train(protocol.frequency_hz, intensity_percent_rmt)
    if protocol.burst_pulses > 1 or _is_under(intensity_percent_rmt):
        return [_not_covered(protocol, intensity_percent_rmt)]
    return [*_train(protocol, intensity_percent_rmt, limit), *_interval(protocol, intensity_percent_rmt)]


def _not_covered(protocol: Protocol, intensity_percent_rmt: float) -> Finding:
    table = train_table()
    used = f"published use: {protocol.published_use or 'none is given with the protocol'}"
    if protocol.burst_pulses > 1:
        return Finding(
            NOT_COVERED,
            f"theta bursts ({protocol.rhythm_words}) are not covered by the table ({_cite(table.source)}), which is of "
            f"conventional trains: {table.theta_words}; {used}",
        )
    return Finding(
        NOT_COVERED,
        f"{_trains(protocol, intensity_percent_rmt)} are not covered by the table ({_cite(table.source)}: it starts at "
        f"{table.lowest_percent_rmt:g} % of the motor threshold); {used}",
    )


def _train(
    protocol: Protocol, intensity_percent_rmt: float, limit: tuple[float, bool, float, float] | None
) -> list[Finding]:
    table, train_s = train_table(), protocol.train_s
    what, cite = _trains(protocol, intensity_percent_rmt), _cite(table.source)
    if limit is None:
        top = f"{table.frequencies_hz[-1]:g} Hz and {table.intensities_percent_rmt[-1]:g} %"
        text = f"{what} lie outside the safety table ({cite}), which ends at {top}: no duration is known to be safe"
        return [Finding(EXCEEDS, text)]
    seconds, tested, hz, percent = limit
    entry = f"{cite}: {hz:g} Hz, {percent:g} %"
    if not _is(hz, protocol.frequency_hz) or not _is(percent, intensity_percent_rmt):
        entry += ", the nearest stricter entry"
    if train_s > seconds * (1 + SLACK):
        if tested:
            text = f"{what} are longer than the {seconds:g} s that were tried without trouble ({entry}); longer was not"
            return [Finding(UNTESTED, text)]
        return [Finding(EXCEEDS, f"{what} exceed the longest safe train of {seconds:g} s ({entry})")]
    if not tested and train_s > table.margin_share * seconds * (1 + SLACK):
        text = f"{what} are within the limit of {seconds:g} s ({entry}) but not within the 25 % margin that "
        return [Finding(MARGIN, text + f"{_cite(table.interval_source)} advises")]
    return []


def _interval(protocol: Protocol, intensity_percent_rmt: float) -> list[Finding]:
    table, interval_s = train_table(), protocol.inter_train_s
    if protocol.trains == 1:
        return []
    found_on = f"{table.interval_frequency_hz:g} Hz in trains of {table.interval_train_s:g} s"
    source = f"({_cite(table.interval_source)}, at {found_on}{_stretch(protocol)})"
    if interval_s <= table.unsafe_interval_s and intensity_percent_rmt > table.unsafe_above_percent_rmt * (1 + SLACK):
        text = f"{interval_s:g} s between trains: {table.unsafe_interval_s:g} s or less was unsafe above "
        return [Finding(EXCEEDS, f"{text}{table.unsafe_above_percent_rmt:g} % of motor threshold {source}", INTERVAL)]
    if interval_s < table.safe_interval_s:
        text = f"{interval_s:g} s between trains are shorter than the {table.safe_interval_s:g} s found safe {source}"
        return [Finding(UNTESTED, text, INTERVAL)]
    if intensity_percent_rmt > table.interval_tested_to_percent_rmt * (1 + SLACK):
        text = (
            f"the time between trains was tried up to {table.interval_tested_to_percent_rmt:g} % of motor threshold "
            f"{source}, not at {intensity_percent_rmt:.0f} %"
        )
        return [Finding(UNTESTED, text, INTERVAL)]
    return []


def _stretch(protocol: Protocol) -> str:
    """That the rule for the time between trains is stretched, where it is: to other rhythms, or to longer trains."""
    table = train_table()
    same = _is(table.interval_frequency_hz, protocol.frequency_hz)
    if same and protocol.train_s <= table.interval_train_s * (1 + SLACK):
        return ""
    return f"; an extrapolation to {protocol.frequency_hz:g} Hz in trains of {protocol.train_s:g} s"


def _trains(protocol: Protocol, intensity_percent_rmt: float) -> str:
    return (
        f"trains of {protocol.train_s:g} s at {protocol.frequency_hz:g} Hz and {intensity_percent_rmt:.0f} % of motor "
        "threshold"
    )


def _cite(source: str) -> str:
    return source.split(",")[0]


def _is_under(intensity_percent_rmt: float) -> bool:
    return intensity_percent_rmt < train_table().lowest_percent_rmt * (1 - SLACK)


def _is(entry: float, asked: float) -> bool:
    return abs(entry - asked) <= SLACK * entry
