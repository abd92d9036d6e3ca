"""The pulse block of ``plan.json``: the pulse's form, the stimulator's current setting, and which way the current runs.

A coil file states the field of a rising coil current.  That this is the *first phase* of the pulse in the stimulator's
*normal* setting is an assumption, and the plan says so.  Every field and angle of a plan is that of the **effective
phase**: of a biphasic pulse the second, of a monophasic one the first.
"""

from __future__ import annotations

from dataclasses import dataclass

from targeting.records.json_records import require
from targeting.stimulators.pulse import CURRENTS, FIRST, NORMAL, PULSES, REVERSE, SECOND


@dataclass(frozen=True)
class PlanPulse:
    """How the stimulator drives the coil of placement 1, and what that makes of the current in the brain."""

    form: str  # "monophasic", "biphasic" or "half-sine"
    current: str  # current-direction setting of the stimulator the plan is for: "normal" or "reverse"
    chosen: bool  # the plan chose the setting; false: it was given, or the stimulator has no other
    effective_phase: str  # "first" or "second"
    effective_sign: int  # sign of dI/dt in the effective phase, in the sense of the coil's file: 1 or -1
    stimulator: str  # name of the stimulator, "" if none was given
    reversible: bool | None  # whether that stimulator has such a setting; None: not known
    as_wanted: bool | None  # whether the effective current runs as the target wants; None: it wants no direction
    first_runs: str  # which way the current runs in the brain in the first phase, in words
    effective_runs: str  # ... and in the effective phase


def check_pulse(pulse: PlanPulse) -> None:
    """What the annotations cannot say.

    Raises
    ------
    InputError
        If a word or a sign is not possible.
    """
    require(pulse.form in PULSES, f"pulse.form: unknown form {pulse.form!r}")
    require(pulse.current in CURRENTS, f"pulse.current must be normal or reverse, not {pulse.current!r}")
    require(pulse.effective_phase in (FIRST, SECOND), "pulse.effective_phase must be first or second")
    require(pulse.effective_sign in (-1, 1), "pulse.effective_sign must be 1 or -1")


def pulse_warnings(pulse: PlanPulse) -> list[str]:
    """What must be known before the coil is driven: a current that runs the wrong way, a setting that nobody checked."""
    if pulse.as_wanted is False:
        why = (
            "this stimulator has no reverse setting"
            if pulse.reversible is False
            else f"set the stimulator to {REVERSE if pulse.current == NORMAL else NORMAL}"
        )
        return [
            f"in the effective ({pulse.effective_phase}) phase of a {pulse.form} pulse the current runs "
            f"{pulse.effective_runs}, against the direction the target wants: {why}; the motor threshold will be higher "
            "than in the other direction"
        ]
    if pulse.current == REVERSE and pulse.reversible is None:
        return [
            "the plan is for the stimulator's current direction set to reverse; on a stimulator without that setting the "
            "effective current runs the other way"
        ]
    return []
