r"""The stimulator's output: a protocol's own, which nothing raises, or one that matches the field at motor threshold.

A protocol's intensity is a share of the motor threshold of *its* muscle.  Where another muscle's threshold was measured the
user may state how many times as large the protocol's muscle's is; limits then count in percent of the smaller of the two.

An output that matches a field, f · RMT · e_h / e_t (:mod:`~targeting.dosing.motor_threshold`), is held at the smallest of

* the protocol's intensity, if there is a protocol;
* 120 % of the motor threshold;
* the stimulator's full output;
* the largest intensity at which the safety table allows the protocol's trains;
* what keeps the largest \|E\| anywhere in grey matter at that same share of the field at threshold, p · e_peak ≤ f · RMT · e_h.
  Where the target *is* the hotspot, at the threshold's own pose, every place gets f of what it got at threshold, and this
  limit is met.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from targeting.dosing.motor_threshold import FLOAT_NOISE, MAX_OUTPUT_PERCENT, ThresholdFields, whole_percent
from targeting.dosing.protocols import Protocol

NOT_HELD, BY_PROTOCOL, BY_THRESHOLD, BY_STIMULATOR, BY_TRAINS, BY_PEAK = HOLDS = (
    "none",
    "protocol",
    "motor threshold",
    "stimulator",
    "trains",
    "peak",
)


@dataclass(frozen=True)
class OutputLimit:
    """A limit in % of the measured motor threshold with the coil in question.

    ``percent_of_rmt`` is None where it is not known, and ``words`` then say why.
    """

    name: str
    percent_of_rmt: float | None
    words: str


@dataclass(frozen=True)
class Output:
    """An output asked for and the one given, a whole number, % MSO; ``held_by``: of :data:`HOLDS`."""

    asked_percent: float
    given_percent: int
    held_by: str = NOT_HELD


def protocol_output(protocol: Protocol, rmt_percent: float, muscle_ratio: float = 1.0) -> Output:
    """A protocol's own output: its share of the motor threshold, rounded down, and never above the stimulator's full output.

    Parameters
    ----------
    protocol : Protocol
    rmt_percent : float
        Motor threshold that was measured, % MSO.
    muscle_ratio : float
        Threshold of the protocol's muscle over it.

    Examples
    --------
    >>> from targeting.dosing import protocol_named
    >>> from targeting.dosing.output import protocol_output
    >>> protocol_output(protocol_named("m1-pain-10hz"), 52).given_percent
    41
    """
    asked = protocol.intensity_fraction_rmt * rmt_percent * muscle_ratio
    if asked > MAX_OUTPUT_PERCENT + FLOAT_NOISE:
        return Output(asked, whole_percent(MAX_OUTPUT_PERCENT), BY_STIMULATOR)
    return Output(asked, whole_percent(asked))


def matched_output(fields: ThresholdFields, fraction: float, limits: Sequence[OutputLimit]) -> Output:
    """The output at which the target gets a fraction of the field at threshold, held at the smallest limit."""
    asked = fields.output_percent(fraction)
    known = [
        (each.percent_of_rmt / 100 * fields.rmt_percent, each) for each in limits if each.percent_of_rmt is not None
    ]
    smallest, limit = min(known, key=lambda each: each[0])
    held = asked > smallest * (1 + FLOAT_NOISE)
    return Output(asked, whole_percent(min(asked, smallest)), limit.name if held else NOT_HELD)
