"""Whether a protocol's trains are within published limits (``train_safety.toml``), at an intensity in % of motor threshold.

The table is read, never interpolated: a frequency or an intensity between two entries counts as the stricter neighbour,
one below the table as its lowest entry, one above it has no limit that is known to be safe.  A limit with ">" in the
publication is the longest that was *tried*; a longer train is then unknown, not known to be unsafe, and is said to be so.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources

from meshes.errors import InputError
from targeting.dosing.protocols import Protocol

EXCEEDS, UNTESTED, MARGIN = "exceeds", "untested", "margin"
SLACK = 1e-9  # 49 pulses at 10 Hz are 4.9 s, whatever the last bit says


@dataclass(frozen=True)
class Finding:
    """One remark: ``kind`` is "exceeds" (a limit), "untested" (beyond what was tried) or "margin" (close to a limit).

    ``item`` is what it is of: "trains" or "interval".
    """

    kind: str
    text: str
    item: str = "trains"


@dataclass(frozen=True)
class TrainTable:
    """Longest trains: ``seconds[i][j]`` at ``frequencies_hz[i]`` and ``intensities_percent_rmt[j]``.

    ``tested[i][j]`` where it is only the longest that was tried.  Then the rule for the time between trains.
    """

    frequencies_hz: tuple[float, ...]
    intensities_percent_rmt: tuple[float, ...]
    seconds: tuple[tuple[float, ...], ...]
    tested: tuple[tuple[bool, ...], ...]
    source: str
    checked: str
    interval_source: str
    safe_interval_s: float
    unsafe_interval_s: float
    interval_tested_to_percent_rmt: float
    margin_share: float


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
    rows, interval = read["row"], read["interval"]
    return TrainTable(
        tuple(float(row["frequency_hz"]) for row in rows),
        tuple(float(each) for each in read["intensity_percent_rmt"]),
        tuple(tuple(float(each) for each in row["seconds"]) for row in rows),
        tuple(tuple(row["tested"]) for row in rows),
        read["source"],
        read["checked"],
        interval["source"],
        interval["safe_s"],
        interval["unsafe_s"],
        interval["tested_to_percent_rmt"],
        interval["margin_share"],
    )


def longest_train(frequency_hz: float, intensity_percent_rmt: float) -> tuple[float, bool, float, float] | None:
    """The limit that counts: seconds, whether it is only the longest tried, and the entry used (Hz, % RMT).

    Returns
    -------
    tuple or None
        None above the table: no train is known to be safe there.

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
    i = next((i for i, each in enumerate(table.frequencies_hz) if frequency_hz <= each * (1 + SLACK)), None)
    intensities = table.intensities_percent_rmt
    j = next((j for j, each in enumerate(intensities) if intensity_percent_rmt <= each * (1 + SLACK)), None)
    if i is None or j is None:
        return None
    return table.seconds[i][j], table.tested[i][j], table.frequencies_hz[i], intensities[j]


def check_trains(protocol: Protocol, intensity_percent_rmt: float) -> list[Finding]:
    """What the tables say of a protocol at an intensity; an empty list: within all limits.

    Parameters
    ----------
    protocol : Protocol
    intensity_percent_rmt : float
        Of the *motor* threshold.

    Examples
    --------
    >>> from targeting.dosing import check_trains, protocol_named
    >>> [each.kind for each in check_trains(protocol_named("m1-pain-20hz"), 80)]
    ['exceeds']
    """
    return [*_train(protocol, intensity_percent_rmt), *_interval(protocol, intensity_percent_rmt)]


def _train(protocol: Protocol, intensity_percent_rmt: float) -> list[Finding]:
    table, train_s = train_table(), protocol.train_s
    what = (
        f"trains of {train_s:g} s at {protocol.frequency_hz:g} Hz and {intensity_percent_rmt:.0f} % of motor threshold"
    )
    limit = longest_train(protocol.frequency_hz, intensity_percent_rmt)
    cite = table.source.split(",")[0]
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
        return [Finding(MARGIN, text + f"{table.interval_source.split(',')[0]} advises")]
    return []


def _interval(protocol: Protocol, intensity_percent_rmt: float) -> list[Finding]:
    table, interval_s = train_table(), protocol.inter_train_s
    if protocol.trains == 1:
        return []
    cite = table.interval_source.split(",")[0]
    if interval_s <= table.unsafe_interval_s:
        text = f"{interval_s:g} s between trains: 1 s or less was unsafe above 100 % of motor threshold ({cite}, 20 Hz)"
        return [Finding(EXCEEDS, text, "interval")]
    if interval_s < table.safe_interval_s:
        text = f"{interval_s:g} s between trains are shorter than the {table.safe_interval_s:g} s found safe ({cite}, 20 Hz)"
        return [Finding(UNTESTED, text, "interval")]
    if intensity_percent_rmt > table.interval_tested_to_percent_rmt * (1 + SLACK):
        text = (
            f"the time between trains was tried up to {table.interval_tested_to_percent_rmt:g} % of motor threshold "
            f"({cite}), not at {intensity_percent_rmt:.0f} %"
        )
        return [Finding(UNTESTED, text, "interval")]
    return []


def _is(entry: float, asked: float) -> bool:
    return abs(entry - asked) <= SLACK * entry
