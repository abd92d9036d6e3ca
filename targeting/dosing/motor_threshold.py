r"""The stimulator output that gives the target the field that the motor hotspot has at motor threshold.

With e_h and e_t the fields at the hotspot and at the target per dI/dt (V/m at 1 A/µs), each at its own coil pose, and a
dI/dt that is proportional to the output p (% of the maximum stimulator output, MSO), dI/dt = p/100 · dI/dt_max, the
field at the hotspot at threshold is

    E_RMT = RMT/100 · dI/dt_max · e_h,

and the target has the fraction f of it at

    p = f · RMT · e_h / e_t.

dI/dt_max cancels: p needs no rating of the coil, the V/m do.  The output is held at the smaller of 100 % MSO and 120 % of
RMT.  RMT is always the motor threshold, never "threshold of the target": published safety limits are in its percent.

This is field-based dosing; Numssen 2024 (doi 10.1162/imag_a_00106) discusses what it assumes: one coil, one stimulator,
one pulse shape, and a target whose neurons answer to the same field as the hand's do, which is not known of most targets.
"""

from __future__ import annotations

from dataclasses import dataclass

from meshes.errors import InputError

MAX_OUTPUT_PERCENT = 100.0
MAX_PERCENT_OF_RMT = 120.0  # published train limits get short above it, and end at 130
NOT_HELD, BY_STIMULATOR, BY_THRESHOLD = "none", "stimulator", "motor threshold"


@dataclass(frozen=True)
class ThresholdDose:
    """What was asked for, what is given, and the fields.

    Parameters
    ----------
    rmt_percent : float
        Motor threshold, % MSO.
    fraction : float
        Of the field at threshold, asked for the target.
    e_hotspot_v_per_m, e_target_v_per_m : float
        Fields at 1 A/µs, each at its own coil pose.
    max_didt_a_per_s : float or None
        dI/dt at 100 % MSO; without it the fields in V/m are not known, the outputs are.
    """

    rmt_percent: float
    fraction: float
    e_hotspot_v_per_m: float
    e_target_v_per_m: float
    max_didt_a_per_s: float | None = None

    @property
    def asked_percent(self) -> float:
        """Output for the fraction asked for, % MSO; may be more than there is."""
        return self.fraction * self.rmt_percent * self.e_hotspot_v_per_m / self.e_target_v_per_m

    @property
    def limit_percent(self) -> float:
        """The highest output allowed here, % MSO."""
        return min(MAX_OUTPUT_PERCENT, MAX_PERCENT_OF_RMT / 100 * self.rmt_percent)

    @property
    def given_percent(self) -> float:
        """Output after clamping, % MSO."""
        return min(self.asked_percent, self.limit_percent)

    @property
    def clamp(self) -> str:
        """Which limit held the output: "none", "stimulator" or "motor threshold"."""
        if self.asked_percent <= self.limit_percent * (1 + 1e-12):
            return NOT_HELD
        return BY_STIMULATOR if self.limit_percent == MAX_OUTPUT_PERCENT else BY_THRESHOLD

    @property
    def given_fraction(self) -> float:
        """The share of the field at threshold that the target gets."""
        return self.fraction * self.given_percent / self.asked_percent

    @property
    def percent_of_rmt(self) -> float:
        """The output given, % of the motor threshold."""
        return 100 * self.given_percent / self.rmt_percent

    @property
    def didt_a_per_s(self) -> float | None:
        """dI/dt of the output given."""
        return None if self.max_didt_a_per_s is None else self.given_percent / 100 * self.max_didt_a_per_s

    @property
    def threshold_v_per_m(self) -> float | None:
        """Field at the hotspot at motor threshold."""
        return self._field(self.rmt_percent, self.e_hotspot_v_per_m)

    @property
    def target_v_per_m(self) -> float | None:
        """Field at the target at the output given."""
        return self._field(self.given_percent, self.e_target_v_per_m)

    def _field(self, percent: float, e_v_per_m: float) -> float | None:
        didt = self.max_didt_a_per_s
        return None if didt is None else percent / 100 * didt / 1e6 * e_v_per_m

    def warnings(self) -> list[str]:
        """A line if the output was clamped: what was asked, which limit holds it, what the target then gets."""
        if self.clamp == NOT_HELD:
            return []
        limit = {
            BY_STIMULATOR: f"{MAX_OUTPUT_PERCENT:.0f} % of the stimulator's maximum",
            BY_THRESHOLD: f"{MAX_PERCENT_OF_RMT:.0f} % of the motor threshold",
        }[self.clamp]
        volts = ""
        if self.target_v_per_m is not None and self.threshold_v_per_m is not None:
            volts = f" ({self.target_v_per_m:.0f} of {self.threshold_v_per_m:.0f} V/m)"
        return [
            f"the target would need {self.asked_percent:.1f} % MSO for {100 * self.fraction:.0f} % of the field at motor "
            f"threshold; held at {self.given_percent:.1f} % MSO ({limit}), where it gets "
            f"{100 * self.given_fraction:.0f} % of it{volts}"
        ]


def check_request(rmt_percent: float, fraction: float | None) -> None:
    """Raise InputError if a motor threshold or a fraction is not one."""
    if not 1 <= rmt_percent <= 100:
        raise InputError(f"a motor threshold is between 1 and 100 % of the stimulator's output, not {rmt_percent:g}")
    if fraction is not None and not 0 < fraction <= 2:
        near = f"; write {fraction:g} % as {fraction / 100:g}" if 2 < fraction <= 200 else ""
        raise InputError(f"a dose fraction of the field at threshold is above 0 and at most 2, not {fraction:g}{near}")


def dose_from_threshold(
    rmt_percent: float,
    e_hotspot_v_per_m: float,
    e_target_v_per_m: float,
    fraction: float = 1.0,
    max_didt_a_per_s: float | None = None,
) -> ThresholdDose:
    """The output for a target, from a motor threshold.

    Parameters
    ----------
    rmt_percent : float
        Resting motor threshold, % MSO, 1 to 100.
    e_hotspot_v_per_m, e_target_v_per_m : float
        Fields at 1 A/µs.
    fraction : float
        Of the field at threshold, 0.9 for 90 %.
    max_didt_a_per_s : float, optional
        dI/dt at 100 % MSO, A/s (not A/µs).

    Raises
    ------
    InputError
        If one of them is impossible; a rating below 1 A/µs is taken for a mistaken unit.

    Examples
    --------
    >>> from targeting.dosing import dose_from_threshold
    >>> dose = dose_from_threshold(50, 1.2, 0.8, fraction=0.8, max_didt_a_per_s=100e6)
    >>> dose.asked_percent, dose.clamp, dose.threshold_v_per_m, round(dose.target_v_per_m, 6)
    (60.0, 'none', 60.0, 48.0)
    >>> dose_from_threshold(50, 1.2, 0.8).clamp
    'motor threshold'
    """
    check_request(rmt_percent, fraction)
    for name, value in (("hotspot", e_hotspot_v_per_m), ("target", e_target_v_per_m)):
        if not 0 < value < float("inf"):
            raise InputError(f"there is no field at the {name} ({value:g} V/m at 1 A/µs), so no output can be stated")
    if max_didt_a_per_s is not None and not 1e6 <= max_didt_a_per_s <= 1e9:
        raise InputError(f"a stimulator's maximum dI/dt is 1e6 to 1e9 A/s (1 to 1000 A/µs), not {max_didt_a_per_s:g}")
    return ThresholdDose(rmt_percent, fraction, e_hotspot_v_per_m, e_target_v_per_m, max_didt_a_per_s)
