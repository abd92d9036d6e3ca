"""The dosing block of ``plan.json``: what a motor threshold means for the target, the output asked for, and its limits."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from targeting.dosing import Protocol
from targeting.dosing.motor_threshold import HOLDS, MAX_OUTPUT_PERCENT, MAX_PERCENT_OF_RMT, NOT_HELD, volts
from targeting.dosing.train_safety import EXCEEDS, NOT_COVERED
from targeting.records.json_records import require
from targeting.records.warnings import PlanWarning, danger, note, warning

NOTHING, BY_PROTOCOL, BY_FIELD = ASKED = ("", "protocol", "match-field")
MUSCLES = ("hand", "leg", "face", "")


@dataclass(frozen=True)
class PlanFinding:
    """What a published safety table says of a protocol's trains at the output given."""

    kind: str  # "exceeds", "untested", "margin" or "not covered"
    item: str  # "trains" or "interval"
    text: str


@dataclass(frozen=True)
class PlanProtocol:
    """The rTMS session the plan was asked for."""

    name: str
    frequency_hz: float
    pulses_per_train: int
    trains: int
    inter_train_s: float
    burst_pulses: int
    burst_hz: float | None
    sessions: int
    spacing: str
    intensity_fraction_rmt: float
    muscle: str  # whose motor threshold that is of; "": a plan of before 1.6
    pulse: str
    target: str  # what the protocol stimulates
    on_its_target: bool  # whether that is the plan's target
    own_percent: float  # % MSO by the protocol's own rule, a fixed share of the motor threshold ...
    own_fraction: float  # ... and the share of the field at threshold that the target gets by it
    population: str
    result: str
    evidence: str
    published_use: str
    paper: str
    unverified: list[str]  # fields nobody could re-read in the paper
    note: str
    findings: list[PlanFinding]  # what the safety tables say of it at the output given; empty: within all limits


@dataclass(frozen=True)
class PlanDosing:
    """Stimulator output for placement 1; fields are sizes of the volume-weighted mean E vector, from the dose map.

    What is of an output is None where none was asked for.
    """

    rmt_percent: float
    muscle: str  # whose motor threshold it is; "": a plan of before 1.6
    muscle_ratio: float | None  # threshold of the protocol's muscle over it, on the user's word
    hotspot_mm: list[float]
    hotspot_radius_mm: float
    hotspot_side: str
    target_side: str
    hotspot_source: str
    hotspot_pose: list[list[float]]  # where the field at the hotspot is taken
    hotspot_e_v_per_m: float  # at 1 A/µs
    target_e_v_per_m: float  # at 1 A/µs
    at_threshold_fraction: float  # share of the field at threshold that the target gets at 100 % of the threshold ...
    at_threshold_v_per_m: float | None  # ... and that in V/m
    asked: str  # of ASKED: what the output is by
    match_field: float | None  # the share of the field at threshold asked for the target
    asked_percent: float | None
    given_percent: int | None
    clamp: str  # of HOLDS: what held the output
    held_by: str  # the same in words; "" if nothing did
    limits_percent: dict[str, float]  # of an output that matches a field: limit → % MSO
    percent_of_rmt: float | None  # of the threshold that was measured
    given_fraction: float | None
    stimulator: str
    max_didt_a_per_s: float | None
    max_didt_source: str
    max_didt_of: str  # coil and stimulator that maximum is of: "figure8-70mm on a Magstim Rapid"
    didt_a_per_s: float | None
    threshold_v_per_m: float | None  # field at the hotspot at threshold
    target_v_per_m: float | None  # field at the target at the output given
    peak_fraction: (
        float | None
    )  # largest |E| in grey matter at the output given, over the field at the hotspot at threshold
    stronger: dict[str, float]  # named targets of the same side with more |E| than the target → how many times
    protocol: PlanProtocol | None

    @property
    def ratio(self) -> float:
        """Threshold of the protocol's muscle over the measured one."""
        return 1.0 if self.muscle_ratio is None else self.muscle_ratio

    @property
    def percent_of_own_rmt(self) -> float | None:
        """The output given, % of the motor threshold of the protocol's muscle."""
        return None if self.percent_of_rmt is None else self.percent_of_rmt / self.ratio

    @property
    def percent_of_smaller_rmt(self) -> float | None:
        """The output given, % of the smaller of the two thresholds: what limits count in."""
        return None if self.percent_of_rmt is None else self.percent_of_rmt / min(1.0, self.ratio)


def check_dosing(dosing: PlanDosing) -> None:
    """What the annotations cannot say.

    Raises
    ------
    InputError
        If a number is not possible.
    """
    for name in ("hotspot_side", "target_side"):
        require(getattr(dosing, name) in ("left", "right", ""), f"dosing.{name} must be left, right or ''")
    require(
        dosing.muscle in MUSCLES, f"dosing.muscle must be one of {', '.join(MUSCLES[:-1])} or '', not {dosing.muscle!r}"
    )
    require(len(dosing.hotspot_mm) == 3, "dosing.hotspot_mm must be three numbers")
    require([len(row) for row in dosing.hotspot_pose] == [4] * 4, "dosing.hotspot_pose must be 4 × 4 numbers")
    require(dosing.clamp in HOLDS, f"dosing.clamp must be one of {', '.join(HOLDS)}, not {dosing.clamp!r}")
    require(dosing.asked in ASKED, f"dosing.asked must be protocol, match-field or '', not {dosing.asked!r}")
    for name in ("rmt_percent", "hotspot_radius_mm", "hotspot_e_v_per_m", "target_e_v_per_m", "at_threshold_fraction"):
        require(getattr(dosing, name) > 0, f"dosing.{name} must be positive")
    require(dosing.rmt_percent <= 100, "dosing: a motor threshold is above 100 %")
    of_output = ("asked_percent", "given_percent", "percent_of_rmt", "given_fraction", "peak_fraction")
    for name in of_output:
        told = getattr(dosing, name) is not None
        require(told == (dosing.asked != NOTHING), f"dosing.{name} must be null if and only if no output was asked for")
    require(
        (dosing.match_field is not None) == (dosing.asked == BY_FIELD),
        "dosing.match_field goes with asked: match-field",
    )
    if dosing.given_percent is not None and dosing.asked_percent is not None:
        require(0 <= dosing.given_percent <= 100, "dosing.given_percent must be 0 to 100")
        require(dosing.given_percent <= dosing.asked_percent + 1e-6, "dosing: more output is given than was asked for")


def protocol_of(told: PlanProtocol) -> Protocol:
    """The session the plan tells of."""
    return Protocol(
        name=told.name,
        frequency_hz=told.frequency_hz,
        pulses_per_train=told.pulses_per_train,
        trains=told.trains,
        inter_train_s=told.inter_train_s,
        intensity_fraction_rmt=told.intensity_fraction_rmt,
        sessions=told.sessions,
        paper=told.paper,
        burst_pulses=told.burst_pulses,
        burst_hz=told.burst_hz,
        muscle=told.muscle or "hand",
        target=told.target,
        published_use=told.published_use,
    )


def given_words(fraction: float, v_per_m: float | None, how: str) -> str:
    """What the target gets, in words: whether that is threshold, ``how`` (by which intensity), and how much it is.

    Examples
    --------
    >>> from targeting.dosing.record import given_words
    >>> given_words(0.162, 9.72, "as in the trials")
    'subthreshold in the target, as in the trials: 9.7 V/m, 16 % of the field at threshold'
    """
    level = "subthreshold" if fraction < 1 else "at or above threshold"
    size = "" if v_per_m is None else f"{volts(v_per_m)}, "
    return f"{level} in the target, {how}: {size}{100 * fraction:.0f} % of the field at threshold"


def by_protocol_words(protocol: PlanProtocol) -> str:
    """By which intensity the target gets what it gets."""
    return "as in the trials" if protocol.on_its_target else "at the protocol's intensity"


def dosing_warnings(dosing: PlanDosing, accepted: Collection[str] = ()) -> list[PlanWarning]:
    """What a person must know of the output before using it; ``accepted``: items of dangers a user accepts."""
    found = [*_limit_dangers(dosing, accepted), *_findings(dosing, accepted), *_held(dosing)]
    protocol = dosing.protocol
    if dosing.muscle_ratio is not None and protocol is not None:
        taken = dosing.rmt_percent * dosing.muscle_ratio
        found.append(
            warning(
                f"the {protocol.muscle}'s motor threshold is taken as {taken:.1f} % MSO, {dosing.muscle_ratio:g} times the "
                f"{dosing.muscle}'s: measure it if you can"
            )
        )
    if dosing.given_percent == 0:
        found.append(warning("the output asked for is less than 1 % MSO, and is rounded down to nothing"))
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
    if dosing.asked == NOTHING:
        found.append(note("no output asked for: give --protocol or --match-field"))
    if dosing.asked == BY_PROTOCOL and protocol is not None and dosing.given_fraction is not None:
        how = by_protocol_words(protocol)
        found.append(
            note(f"protocol {protocol.name}: {given_words(dosing.given_fraction, dosing.target_v_per_m, how)}")
        )
    return found


def _limit_dangers(dosing: PlanDosing, accepted: Collection[str]) -> list[PlanWarning]:
    """A protocol's own output beyond what the stimulator has, or beyond 120 % of the threshold."""
    found: list[PlanWarning] = []
    percent = dosing.percent_of_smaller_rmt
    if dosing.asked_percent is None or percent is None or dosing.protocol is None or dosing.asked != BY_PROTOCOL:
        return found
    name = dosing.protocol.name
    if dosing.clamp != NOT_HELD:
        text = (
            f"protocol {name} takes {dosing.asked_percent:.1f} % MSO and the stimulator ends at {MAX_OUTPUT_PERCENT:.0f}: "
            "its intensity cannot be set"
        )
        found.append(danger(text, "mso-100", accepted))
    if percent > MAX_PERCENT_OF_RMT * (1 + 1e-9):
        text = f"protocol {name} takes {percent:.0f} % of the motor threshold, above {MAX_PERCENT_OF_RMT:.0f} %"
        found.append(danger(text, "rmt-120", accepted))
    return found


def _findings(dosing: PlanDosing, accepted: Collection[str]) -> list[PlanWarning]:
    found = []
    for each in dosing.protocol.findings if dosing.protocol is not None else []:
        text = f"protocol {dosing.protocol.name}: {each.text}" if dosing.protocol is not None else each.text
        if each.kind == EXCEEDS:
            found.append(danger(text, each.item, accepted))
        else:
            found.append(note(text) if each.kind == NOT_COVERED else warning(text))
    return found


def _held(dosing: PlanDosing) -> list[PlanWarning]:
    """What an output that was to match a field falls short of."""
    asked, share, fraction = dosing.asked_percent, dosing.match_field, dosing.given_fraction
    if dosing.clamp == NOT_HELD or asked is None or share is None or fraction is None:
        return []
    size = ""
    if dosing.target_v_per_m is not None and dosing.threshold_v_per_m is not None:
        size = f" ({volts(dosing.target_v_per_m)} of {volts(dosing.threshold_v_per_m)})"
    return [
        warning(
            f"the target would need {asked:.1f} % MSO for {100 * share:.0f} % of the field at motor threshold; held at "
            f"{dosing.given_percent} % MSO by {dosing.held_by}, where it gets {100 * fraction:.0f} % of it{size}"
        )
    ]
