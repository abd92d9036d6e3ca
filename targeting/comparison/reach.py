r"""Check whether a coil can give a target the wanted field, within the limits on its output.

Fields grow with dI/dt, so every limit leaves the target some share of the field asked for; below 1 it is out of reach.  It
is a verdict on *matching* a field and none on a protocol, which is of a share of the threshold, whatever the target gets.
With e_t the size of the mean E vector over the target at 1 A/µs:

* Without a motor threshold the field to match is :data:`MOTOR_THRESHOLD_V_PER_M`, and the one limit is the largest dI/dt,
  which leaves e_t · dI/dt_max / 60.
* With one it is the fraction f of E_RMT, the field e_h at the motor hotspot at threshold.  E_RMT is taken to be the
  cortex's, whichever coil makes it: the field predicts the threshold with another coil to 1.3 % of the stimulator's
  output, plain scaling to 6.1 % (doi 10.1002/hbm.70550).  In percent of the threshold *with the coil in question* the
  target needs n = 100 f e_h / e_t, and each limit (:func:`output_limits`) leaves limit / n.

Full output is 100 · 100 / RMT percent of the threshold for the coil the threshold was found with, whatever its dI/dt, and
100 · dI/dt_max · e_h / E_RMT for another coil, whose dI/dt_max, like that of the first, must then be known.
"""

from __future__ import annotations

from dataclasses import dataclass

from meshes.errors import InputError
from targeting.dosing.motor_threshold import (
    BY_PEAK,
    BY_PROTOCOL,
    BY_STIMULATOR,
    BY_THRESHOLD,
    BY_TRAINS,
    MAX_PERCENT_OF_RMT,
    OutputLimit,
    volts,
)
from targeting.dosing.protocols import Protocol
from targeting.dosing.train_safety import EXCEEDS, NOT_COVERED, check_trains, train_table
from targeting.stimulators.ratings import stimulators

# the mean cortical field at motor threshold that dosing papers take as reference (literature: about 60 to 120 V/m)
MOTOR_THRESHOLD_V_PER_M = 60.0
WITHIN, OUT, UNKNOWN, NOT_ASKED = REACHES = ("within reach", "out of reach", "not known", "not asked")
ROUNDING = 1e-9
UNDER = 1e-6  # how far under the table "below its lowest intensity" is: more than a rounding


@dataclass(frozen=True)
class Limit:
    """A limit on the output: ``share`` is what it leaves of the field asked for; None if that is not known.

    ``words`` say where the limit lies, or why that is not known.
    """

    name: str
    share: float | None
    words: str


@dataclass(frozen=True)
class Reach:
    """What the field asked for takes, and what the limits leave of it.

    Parameters
    ----------
    asked : str
        The field asked for, in words.
    needed_didt_a_per_s, needed_percent_of_rmt : float or None
        What it takes; None where it is not known.
    limits : tuple of Limit
    """

    asked: str
    needed_didt_a_per_s: float | None
    needed_percent_of_rmt: float | None
    limits: tuple[Limit, ...]

    @property
    def binding(self) -> Limit | None:
        """The known limit that leaves least."""
        known = [each for each in self.limits if each.share is not None]
        return min(known, key=lambda each: each.share or 0.0) if known else None

    @property
    def verdict(self) -> str:
        """:data:`OUT` if a known limit forbids it, else :data:`UNKNOWN` if a limit is not known, else :data:`WITHIN`."""
        least = self.binding
        if least is not None and least.share is not None and least.share < 1 - ROUNDING:
            return OUT
        return UNKNOWN if any(each.share is None for each in self.limits) else WITHIN

    @property
    def words(self) -> str:
        """The verdict with its numbers, in a line."""
        least = self.binding
        if self.verdict == OUT and least is not None and least.share is not None:
            percent = int(100 * least.share + ROUNDING)  # 99.9 % is not all of it
            return f"matching {self.asked} is {OUT}: {least.words} gives the target {percent} % of it"
        if self.verdict == UNKNOWN:
            why = next(each.words for each in self.limits if each.share is None)
            return f"whether {self.asked} can be matched is {UNKNOWN}: {why}; it takes {self._needed}"
        assert least is not None and least.share is not None
        more = f"{least.words} would give {least.share:.1f} times as much"
        return f"matching {self.asked} is {WITHIN}: it takes {self._needed}; {more}"

    @property
    def _needed(self) -> str:
        didt, percent = self.needed_didt_a_per_s, self.needed_percent_of_rmt
        said = [] if didt is None else [f"{didt / 1e6:.0f} A/µs"]
        return ", ".join([*said, *([] if percent is None else [f"{percent:.0f} % of the motor threshold"])])


@dataclass(frozen=True)
class Threshold:
    """A person's motor threshold as it bears on any coil.

    Parameters
    ----------
    fraction : float
        Of the field at threshold, asked for the target.
    e_rmt_v_per_m : float or None
        Field at the hotspot at threshold; None if the dI/dt of the coil it was found with is not known.
    protocol : Protocol, optional
        Its intensity and its trains are limits.
    muscle_ratio : float
        Threshold of the protocol's muscle over the one that was measured.
    """

    fraction: float
    e_rmt_v_per_m: float | None
    protocol: Protocol | None = None
    muscle_ratio: float = 1.0


def full_output_percent(
    e_rmt_v_per_m: float | None, e_hotspot_v_per_m: float, max_didt_a_per_s: float | None
) -> float | None:
    """Full output in percent of the threshold with a coil that the threshold was *not* found with; None: not known."""
    if e_rmt_v_per_m is None or max_didt_a_per_s is None:
        return None
    return 100 * max_didt_a_per_s / 1e6 * e_hotspot_v_per_m / e_rmt_v_per_m


def reach_by_rating(e_target_v_per_m: float, max_didt_a_per_s: float | None, rating_of: str = "") -> Reach:
    """Reach where no motor threshold is known: of 60 V/m at the coil's largest dI/dt.

    Parameters
    ----------
    e_target_v_per_m : float
        Size of the mean E vector over the target at 1 A/µs.
    max_didt_a_per_s : float or None
    rating_of : str
        Coil and stimulator it is of (:func:`coil_on`).

    Raises
    ------
    InputError
        If there is no field in the target.

    Examples
    --------
    >>> from targeting.comparison.reach import reach_by_rating
    >>> reach_by_rating(0.5, 100e6).words
    'matching the field at motor threshold (taken as 60 V/m) is out of reach: 100 A/µs (its rated maximum) gives the \
target 83 % of it'
    """
    _check_field("target", e_target_v_per_m)
    needed = MOTOR_THRESHOLD_V_PER_M / e_target_v_per_m * 1e6
    limit = Limit(BY_STIMULATOR, None, NO_RATING)
    if max_didt_a_per_s is not None:
        limit = Limit(BY_STIMULATOR, max_didt_a_per_s / needed, rated_words(max_didt_a_per_s, rating_of))
    asked = f"the field at motor threshold (taken as {MOTOR_THRESHOLD_V_PER_M:.0f} V/m)"
    return Reach(asked, needed, None, (limit,))


NO_RATING = "no maximum dI/dt of this coil is known"


def coil_on(coil: str, stimulator: str) -> str:
    """Whose a rating is: a coil's on a stimulator, by the stimulator's title or its name in the table; "" if not known.

    Examples
    --------
    >>> from targeting.comparison.reach import coil_on
    >>> coil_on("figure8-70mm", "magstim-rapid"), coil_on("figure8-70mm", "Magstim Rapid"), coil_on("figure8-70mm", "")
    ('figure8-70mm on a Magstim Rapid', 'figure8-70mm on a Magstim Rapid', '')
    """
    if not stimulator:
        return ""
    known = stimulators().get(stimulator)
    return f"{coil} on a {known.title if known else stimulator}"


def rated_words(max_didt_a_per_s: float, rating_of: str = "") -> str:
    """A largest dI/dt in words, and whose it is."""
    return f"{max_didt_a_per_s / 1e6:.0f} A/µs ({rating_of or 'its rated maximum'})"


def reach_from_threshold(
    threshold: Threshold,
    e_target_v_per_m: float,
    e_hotspot_v_per_m: float,
    peak_v_per_m: float | None,
    full_output: float | None,
    full_output_words: str,
) -> Reach:
    r"""Reach with a motor threshold.

    Parameters
    ----------
    threshold : Threshold
    e_target_v_per_m, e_hotspot_v_per_m : float
        Sizes of the mean E vectors with the coil in question at 1 A/µs, each at its own pose.
    peak_v_per_m : float or None
        Largest \|E\| in grey matter with the coil at the target, at 1 A/µs; None where the target is the hotspot.
    full_output : float or None
        The stimulator's full output in percent of the motor threshold with this coil.
    full_output_words : str
        The same in words, or why it is not known.

    Raises
    ------
    InputError
        If there is no field at the target or the hotspot.

    Examples
    --------
    >>> from targeting.comparison.reach import Threshold, reach_from_threshold
    >>> reach_from_threshold(Threshold(0.8, 60.0), 0.9, 1.0, None, 200.0, "full output").verdict
    'within reach'
    """
    _check_field("target", e_target_v_per_m)
    _check_field("hotspot", e_hotspot_v_per_m)
    needed = 100 * threshold.fraction * e_hotspot_v_per_m / e_target_v_per_m
    limits = output_limits(threshold, full_output, full_output_words, e_hotspot_v_per_m, peak_v_per_m)
    shares = tuple(
        Limit(each.name, None if each.percent_of_rmt is None else each.percent_of_rmt / needed, each.words)
        for each in limits
    )
    e_rmt, asked = threshold.e_rmt_v_per_m, f"{100 * threshold.fraction:.0f} % of the field at motor threshold"
    didt = None
    if e_rmt is not None:
        asked += f" ({volts(threshold.fraction * e_rmt)})"
        didt = threshold.fraction * e_rmt / e_target_v_per_m * 1e6
    return Reach(asked, didt, needed, shares)


def output_limits(
    threshold: Threshold,
    full_output: float | None,
    full_output_words: str,
    e_hotspot_v_per_m: float,
    peak_v_per_m: float | None,
) -> tuple[OutputLimit, ...]:
    """All that holds an output which matches a field (:mod:`~targeting.dosing.motor_threshold`).

    Parameters
    ----------
    threshold : Threshold
    full_output : float or None
        The stimulator's full output, % MSO.
    full_output_words : str
        For the limit it makes.
    e_hotspot_v_per_m : float
        At the hotspot, per A/µs.
    peak_v_per_m : float or None
        Largest in grey matter, per A/µs.
    """
    protocol, ratio = threshold.protocol, threshold.muscle_ratio
    smaller = min(1.0, ratio)  # of two thresholds
    limits = []
    if protocol is not None:
        own = 100 * protocol.intensity_fraction_rmt
        words = f"the protocol's intensity ({own:.0f} % of the {protocol.muscle}'s motor threshold)"
        limits.append(OutputLimit(BY_PROTOCOL, own * ratio, words))
    words = f"{MAX_PERCENT_OF_RMT:.0f} % of the motor threshold"
    limits.append(OutputLimit(BY_THRESHOLD, MAX_PERCENT_OF_RMT * smaller, words))
    limits.append(OutputLimit(BY_STIMULATOR, full_output, full_output_words))
    if protocol is not None and (top := safe_percent_of_rmt(protocol)) is not None:
        limits.append(OutputLimit(BY_TRAINS, top * smaller, trains_words(protocol)))
    if peak_v_per_m is not None:
        words = "the limit on the strongest field in grey matter (no more than the target is to get)"
        limits.append(OutputLimit(BY_PEAK, 100 * threshold.fraction * e_hotspot_v_per_m / peak_v_per_m, words))
    return tuple(limits)


def safe_percent_of_rmt(protocol: Protocol) -> float | None:
    """The most at which nothing of a protocol exceeds the safety table, % of motor threshold, to hold an output at.

    Where the trains are too long even for the table's lowest intensity, the table forbids them from there on and says
    nothing below: the answer is then a millionth *under* that intensity, so that ``percent <= answer`` is false of the
    intensity itself and true below it.

    Returns
    -------
    float or None
        None where the table says nothing of such trains at any intensity: theta bursts.

    Examples
    --------
    >>> from targeting.dosing import protocol_named
    >>> from targeting.comparison.reach import safe_percent_of_rmt
    >>> safe_percent_of_rmt(protocol_named("psi-10hz")), safe_percent_of_rmt(protocol_named("itbs"))
    (110.0, None)
    >>> 89.9 < safe_percent_of_rmt(protocol_named("m1-pain-20hz")) < 90
    True
    """
    table = train_table()
    if any(each.kind == NOT_COVERED for each in check_trains(protocol, table.lowest_percent_rmt)):
        return None
    for percent in sorted(table.intensities_percent_rmt, reverse=True):
        if not any(each.kind == EXCEEDS for each in check_trains(protocol, percent)):
            return percent
    return table.lowest_percent_rmt * (1 - UNDER)


def trains_words(protocol: Protocol) -> str:
    """The cap of :func:`safe_percent_of_rmt` in words.

    Examples
    --------
    >>> from targeting.dosing import protocol_named
    >>> from targeting.comparison.reach import trains_words
    >>> trains_words(protocol_named("m1-pain-20hz"))
    "the safety table's limit on the trains of m1-pain-20hz (less than 90 % of the motor threshold)"
    """
    top, lowest = safe_percent_of_rmt(protocol), train_table().lowest_percent_rmt
    if top is None:
        return f"the safety table does not cover the trains of {protocol.name}"
    most = f"less than {lowest:.0f}" if top < lowest else f"{top:.0f}"
    return f"the safety table's limit on the trains of {protocol.name} ({most} % of the motor threshold)"


def _check_field(where: str, e_v_per_m: float) -> None:
    if not 0 < e_v_per_m < float("inf"):
        raise InputError(f"there is no field at the {where} ({e_v_per_m:g} V/m at 1 A/µs), so its reach is not known")
