"""The dosing block of ``plan.json``: the stimulator output from a motor threshold, and what limits and tables say of it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from targeting.dosing.motor_threshold import BY_STIMULATOR, BY_THRESHOLD, NOT_HELD, ThresholdDose
from targeting.dosing.protocols import Protocol
from targeting.dosing.train_safety import EXCEEDS, check_trains
from targeting.plans.json_records import require
from targeting.plans.warnings import PlanWarning, danger, warning

CLAMPS = (NOT_HELD, BY_STIMULATOR, BY_THRESHOLD)


@dataclass(frozen=True)
class PlanProtocol:
    """The rTMS session the plan was asked for."""

    name: str
    frequency_hz: float
    pulses_per_train: int
    trains: int
    inter_train_s: float
    sessions: int
    intensity_fraction_rmt: float
    own_percent: float  # % MSO by the protocol's own rule, a fixed share of the motor threshold ...
    own_fraction: float  # ... and the share of the field at threshold that the target gets by it
    paper: str
    checked: str
    note: str
    findings: list[str]  # what the safety tables say of it at the output given; empty: within all limits


@dataclass(frozen=True)
class PlanDosing:
    """Stimulator output for placement 1; fields are sizes of the volume-weighted mean E vector, from the dose map."""

    rmt_percent: float
    hotspot_mm: list[float]
    hotspot_radius_mm: float
    hotspot_side: str
    target_side: str
    hotspot_source: str
    hotspot_pose: list[list[float]]  # where the field at the hotspot is taken
    hotspot_e_v_per_m: float  # at 1 A/µs
    target_e_v_per_m: float  # at 1 A/µs
    fraction: float
    asked_percent: float
    given_percent: float
    clamp: str  # "none", "stimulator" or "motor threshold"
    percent_of_rmt: float
    given_fraction: float
    stimulator: str
    max_didt_a_per_s: float | None
    max_didt_source: str
    didt_a_per_s: float | None
    threshold_v_per_m: float | None  # field at the hotspot at threshold
    target_v_per_m: float | None  # field at the target at the output given
    peak_fraction: float  # largest |E| in grey matter at the output given, over the field at the hotspot at threshold
    stronger: dict[str, float]  # named targets of the same side with more |E| than the target → how many times
    protocol: PlanProtocol | None


def check_dosing(dosing: PlanDosing) -> None:
    """What the annotations cannot say.

    Raises
    ------
    InputError
        If a number is not possible.
    """
    for name in ("hotspot_side", "target_side"):
        require(getattr(dosing, name) in ("left", "right", ""), f"dosing.{name} must be left, right or ''")
    require(len(dosing.hotspot_mm) == 3, "dosing.hotspot_mm must be three numbers")
    require([len(row) for row in dosing.hotspot_pose] == [4] * 4, "dosing.hotspot_pose must be 4 × 4 numbers")
    require(dosing.clamp in CLAMPS, f"dosing.clamp must be one of {', '.join(CLAMPS)}, not {dosing.clamp!r}")
    positive = ("rmt_percent", "hotspot_radius_mm", "hotspot_e_v_per_m", "target_e_v_per_m", "fraction")
    for name in (*positive, "asked_percent", "given_percent"):
        require(getattr(dosing, name) > 0, f"dosing.{name} must be positive")
    require(dosing.given_percent <= dosing.asked_percent, "dosing: more output is given than was asked for")
    require(min(dosing.rmt_percent, dosing.given_percent) <= 100, "dosing: an output is above 100 %")


def dose_of(dosing: PlanDosing) -> ThresholdDose:
    """The calculation the block holds the result of."""
    return ThresholdDose(
        dosing.rmt_percent,
        dosing.fraction,
        dosing.hotspot_e_v_per_m,
        dosing.target_e_v_per_m,
        dosing.max_didt_a_per_s,
    )


def protocol_of(told: PlanProtocol) -> Protocol:
    """The protocol that the block tells of."""
    return Protocol(
        name=told.name,
        frequency_hz=told.frequency_hz,
        pulses_per_train=told.pulses_per_train,
        trains=told.trains,
        inter_train_s=told.inter_train_s,
        intensity_fraction_rmt=told.intensity_fraction_rmt,
        sessions=told.sessions,
        paper=told.paper,
    )


def dosing_warnings(dosing: PlanDosing, accepted: Collection[str] = ()) -> list[PlanWarning]:
    """What a person must know of the output before using it; ``accepted`` are items of ``TMS_RISKS``."""
    found = [warning(each) for each in dose_of(dosing).warnings()]
    if dosing.protocol is not None:
        for each in check_trains(protocol_of(dosing.protocol), dosing.percent_of_rmt):
            text = f"protocol {dosing.protocol.name}: {each.text}"
            found.append(danger(text, each.item, accepted) if each.kind == EXCEEDS else warning(text))
    if dosing.hotspot_side != dosing.target_side:
        found.append(
            warning(
                f"the motor threshold is of the {dosing.hotspot_side} hemisphere and the target is on the "
                f"{dosing.target_side}: thresholds differ between sides; measure it on the target's side if you can"
            )
        )
    if dosing.max_didt_a_per_s is None:
        found.append(
            warning("the coil states no maximum dI/dt: the output in % MSO stands, fields in V/m cannot be stated")
        )
    return found
