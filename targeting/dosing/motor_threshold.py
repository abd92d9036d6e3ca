r"""Compute a stimulator's output: from the field at the motor threshold to the percentage that gives the target a share of it.

With e_h and e_t the fields at the motor hotspot and at the target per dI/dt (V/m at 1 A/µs), each at its own coil pose, and
a dI/dt that is proportional to the output p (% of the maximum stimulator output, MSO), dI/dt = p/100 · dI/dt_max, the
field at the hotspot at threshold is

    E_RMT = RMT/100 · dI/dt_max · e_h,

and the target has the fraction f of it at

    p = f · RMT · e_h / e_t.

dI/dt_max cancels: p needs no rating, the V/m do.  RMT is always the motor threshold that was *measured*, never "threshold
of the target": published safety limits are in its percent.  An output is a whole number of % MSO and never rounded up.

This is field-based dosing; Numssen 2024 (doi 10.1162/imag_a_00106) discusses what it assumes: one coil, one stimulator,
one pulse shape, and a target whose neurons answer to the same field as the muscle's do, which is not known of most targets.

*Limits.*  The output is a protocol's own, which nothing raises, or one that matches the field at motor threshold.  A
protocol's intensity is a share of the motor threshold of *its* muscle.  Where another muscle's threshold was measured the
user may state how many times as large the protocol's muscle's is; limits then count in percent of the smaller of the two.

An output that matches a field, f · RMT · e_h / e_t, is held at the smallest of

* the protocol's intensity, if there is a protocol;
* 120 % of the motor threshold;
* the stimulator's full output;
* the largest intensity at which the safety table allows the protocol's trains;
* what keeps the largest \|E\| anywhere in grey matter at that same share of the field at threshold, p · e_peak ≤ f · RMT · e_h.
  Where the target *is* the hotspot, at the threshold's own pose, every place gets f of what it got at threshold, and this
  limit is met.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from meshes.errors import InputError
from targeting.dosing.protocols import Protocol

MAX_OUTPUT_PERCENT = 100.0
MAX_PERCENT_OF_RMT = 120.0  # published train limits get short above it, and end at 130
FLOAT_NOISE = 1e-9  # 0.8 · 50 is 40, whatever the last bit says
NOT_HELD, BY_PROTOCOL, BY_THRESHOLD, BY_STIMULATOR, BY_TRAINS, BY_PEAK = HOLDS = (
    "none",
    "protocol",
    "motor threshold",
    "stimulator",
    "trains",
    "peak",
)


@dataclass(frozen=True)
class ThresholdFields:
    """The fields at the motor hotspot and at the target, scaled by a motor threshold.

    Parameters
    ----------
    rmt_percent : float
        Motor threshold, % MSO.
    e_hotspot_v_per_m, e_target_v_per_m : float
        Fields at 1 A/µs, each at its own coil pose.
    max_didt_a_per_s : float or None
        dI/dt at 100 % MSO; without it the fields in V/m are not known, the shares are.
    """

    rmt_percent: float
    e_hotspot_v_per_m: float
    e_target_v_per_m: float
    max_didt_a_per_s: float | None = None

    @property
    def threshold_v_per_m(self) -> float | None:
        """Field at the hotspot at motor threshold."""
        return self._field(self.rmt_percent, self.e_hotspot_v_per_m)

    @property
    def at_threshold_fraction(self) -> float:
        """The share of the field at threshold that the target gets at 100 % of the motor threshold."""
        return self.e_target_v_per_m / self.e_hotspot_v_per_m

    def output_percent(self, fraction: float) -> float:
        """Output at which the target gets a fraction of the field at threshold, % MSO; may be more than there is."""
        return fraction * self.rmt_percent / self.at_threshold_fraction

    def fraction(self, percent: float) -> float:
        """The share of the field at threshold that the target gets at an output."""
        return percent / self.rmt_percent * self.at_threshold_fraction

    def target_v_per_m(self, percent: float) -> float | None:
        """Field at the target at an output."""
        return self._field(percent, self.e_target_v_per_m)

    def didt_a_per_s(self, percent: float) -> float | None:
        """dI/dt of an output."""
        return None if self.max_didt_a_per_s is None else percent / 100 * self.max_didt_a_per_s

    def _field(self, percent: float, e_v_per_m: float) -> float | None:
        didt = self.didt_a_per_s(percent)
        return None if didt is None else didt / 1e6 * e_v_per_m


def fields_at_threshold(
    rmt_percent: float, e_hotspot_v_per_m: float, e_target_v_per_m: float, max_didt_a_per_s: float | None = None
) -> ThresholdFields:
    """The fields that a motor threshold stands for.

    Parameters
    ----------
    rmt_percent : float
        Resting motor threshold, % MSO, 1 to 100.
    e_hotspot_v_per_m, e_target_v_per_m : float
        Fields at 1 A/µs.
    max_didt_a_per_s : float, optional
        dI/dt at 100 % MSO, A/s (not A/µs).

    Raises
    ------
    InputError
        If one of them is impossible; a rating below 1 A/µs is taken for a mistaken unit.

    Examples
    --------
    >>> from targeting.dosing import fields_at_threshold
    >>> fields = fields_at_threshold(50, 1.2, 0.8, max_didt_a_per_s=100e6)
    >>> fields.threshold_v_per_m, round(fields.output_percent(0.8), 9), round(fields.target_v_per_m(60), 9)
    (60.0, 60.0, 48.0)
    """
    check_threshold(rmt_percent)
    for name, value in (("hotspot", e_hotspot_v_per_m), ("target", e_target_v_per_m)):
        if not 0 < value < float("inf"):
            raise InputError(f"there is no field at the {name} ({value:g} V/m at 1 A/µs), so no output can be stated")
    if max_didt_a_per_s is not None and not 1e6 <= max_didt_a_per_s <= 1e9:
        raise InputError(f"a stimulator's maximum dI/dt is 1e6 to 1e9 A/s (1 to 1000 A/µs), not {max_didt_a_per_s:g}")
    return ThresholdFields(rmt_percent, e_hotspot_v_per_m, e_target_v_per_m, max_didt_a_per_s)


def check_threshold(rmt_percent: float) -> None:
    """Raise InputError if a motor threshold is not one."""
    if not 1 <= rmt_percent <= 100:
        raise InputError(f"a motor threshold is between 1 and 100 % of the stimulator's output, not {rmt_percent:g}")


def check_match(fraction: float) -> None:
    """Raise InputError if a share of the field at threshold is not one."""
    if not 0 < fraction <= 2:
        near = f"; write {fraction:g} % as {fraction / 100:g}" if 2 < fraction <= 200 else ""
        raise InputError(
            f"`match_field` takes a share of the field at threshold above 0 and at most 2, not {fraction:g}{near}"
        )


def whole_percent(percent: float) -> int:
    """The largest whole number of percent that is not above ``percent``.

    Examples
    --------
    >>> from targeting.dosing.motor_threshold import whole_percent
    >>> whole_percent(0.8 * 52), whole_percent(100 * 0.29)
    (41, 29)
    """
    return math.floor(percent + FLOAT_NOISE)


def volts(e_v_per_m: float) -> str:
    """A field in the cortex in words: no more digits than it is worth.

    Examples
    --------
    >>> from targeting.dosing.motor_threshold import volts
    >>> volts(62.34), volts(8.77)
    ('62 V/m', '8.8 V/m')
    """
    return f"{e_v_per_m:.0f} V/m" if e_v_per_m >= 9.95 else f"{e_v_per_m:.1f} V/m"


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
    >>> from targeting.dosing.motor_threshold import protocol_output
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
