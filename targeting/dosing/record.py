"""The dosing block of ``plan.json``: what a motor threshold means for the target, the output asked for, and its limits."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from targeting.dosing import Protocol
from targeting.dosing.motor_threshold import HOLDS, MAX_OUTPUT_PERCENT, MAX_PERCENT_OF_RMT, NOT_HELD, volts
from targeting.dosing.train_safety import EXCEEDS, NOT_COVERED
from targeting.records.json_records import common_fields, require
from targeting.records.kinds import AtLeastZero, Count, Matrix, OneOf, Point, Positive, Side
from targeting.records.warnings import PlanWarning, danger, note, warning

NOTHING, BY_PROTOCOL, BY_FIELD = ASKED = ("", "protocol", "match-field")
MUSCLES = ("hand", "leg", "face", "")


@dataclass(frozen=True)
class PlanFinding:
    """What a published safety table says of a protocol's trains at the output given."""

    kind: Annotated[
        str,
        OneOf("exceeds", "untested", "margin", "not covered"),
        "Beyond a limit, beyond what was tried, close to a limit, or not covered by the table.",
    ]
    item: Annotated[str, OneOf("trains", "interval"), "What it is about: the trains, or the time between them."]
    text: Annotated[str, "The same in words."]


@dataclass(frozen=True)
class PlanProtocol:
    """The rTMS session that was requested."""

    name: Annotated[str, "Its name, or its file's."]
    frequency_hz: Annotated[Positive, "Pulses a second within a train, or bursts a second, Hz."]
    pulses_per_train: Annotated[Count, "Pulses in a train."]
    trains: Annotated[Count, "Trains in a session."]
    inter_train_s: Annotated[AtLeastZero, "From the end of a train to the start of the next, s."]
    burst_pulses: Annotated[Count, "Pulses in a burst; 1: no bursts."]
    burst_hz: Annotated[Positive | None, "Pulses a second within a burst, Hz; null without bursts."]
    sessions: Annotated[Count, "Sessions."]
    spacing: Annotated[str, "How the sessions follow one another."]
    intensity_fraction_rmt: Annotated[Positive, "The protocol's own intensity, as a share of the motor threshold."]
    muscle: Annotated[str, OneOf(*MUSCLES), "Whose motor threshold that is of; empty in plans of before 1.6."]
    pulse: Annotated[str, "Form of the pulse."]
    target: Annotated[str, "What the protocol stimulates."]
    on_its_target: Annotated[bool, "Whether that is the plan's target."]
    own_percent: Annotated[Positive, "That intensity as stimulator output, % of the maximum."]
    own_fraction: Annotated[
        AtLeastZero,
        "The share of the field at motor threshold that the target gets at that output.",
    ]
    population: Annotated[str, "Who was treated."]
    result: Annotated[str, "What was found."]
    evidence: Annotated[str, "Grade of this use in Lefaucheur 2020."]
    published_use: Annotated[str, "Who used it, at what intensity, with what adverse events."]
    paper: Annotated[str, "The publication it is from."]
    unverified: Annotated[list[str], "Fields that nobody could re-read in the paper."]
    note: Annotated[str, "What to know."]
    findings: Annotated[
        list[PlanFinding],
        "What published safety tables say of its trains at the output given, in percent of the smaller of the two "
        "thresholds; empty if all is within them.",
    ]


@dataclass(frozen=True)
class PlanDosing:
    """Stimulator output for placement 1; fields are sizes of the volume-weighted mean E vector, from the dose map.

    What is of an output is None where none was asked for.
    """

    rmt_percent: Annotated[
        float,
        Meta(le=100, gt=0),
        "Resting motor threshold that was measured, % of the maximum stimulator output.",
    ]
    muscle: Annotated[str, OneOf(*MUSCLES), "Whose motor threshold it is; empty in plans of before 1.6."]
    muscle_ratio: Annotated[
        Positive | None,
        "Threshold of the protocol's muscle over the measured one, on the user's word; null where they are one "
        "muscle's.",
    ]
    hotspot_mm: Annotated[Point, "Motor hotspot in the cortex, mm."]
    hotspot_radius_mm: Annotated[Positive, "Radius of the ball of grey matter its field is averaged over, mm."]
    hotspot_side: Annotated[Side, "Hemisphere of the hotspot."]
    target_side: Annotated[Side, "Hemisphere of the target."]
    hotspot_source: Annotated[str, "Where the hotspot and the coil pose at it come from."]
    hotspot_pose: Annotated[Matrix, "Coil to world, mm: the pose the field at the hotspot is of."]
    hotspot_e_v_per_m: Annotated[Positive, "Size of the volume-weighted mean E vector over the hotspot at 1 A/µs, V/m."]
    target_e_v_per_m: Annotated[Positive, "The same over the target at placement 1, V/m."]
    at_threshold_fraction: Annotated[
        Positive,
        "Share of the field at threshold that the target gets at 100 % of the measured motor threshold.",
    ]
    at_threshold_v_per_m: Annotated[float | None, "That in V/m; null if not known."]
    asked: Annotated[
        str,
        OneOf(*ASKED),
        "What the output is by: a protocol's own intensity, a field to match, or empty: none was asked for.",
    ]
    match_field: Annotated[
        Positive | None,
        "Share of the field at motor threshold that was asked for the target; null where no field is to be matched.",
    ]
    asked_percent: Annotated[
        Positive | None,
        "Stimulator output for what was asked, % of the maximum, not rounded; may be more than there is; null "
        "where no output was asked for.",
    ]
    given_percent: Annotated[
        Annotated[int, Meta(ge=0, le=100)] | None,
        "Stimulator output, whole % of the maximum, rounded down; null where none was asked for.",
    ]
    clamp: Annotated[
        str,
        OneOf(*HOLDS),
        "What held the output: nothing, the protocol's intensity, 120 % of the motor threshold, the stimulator's "
        "maximum, the safety table's word on the trains, or the strongest field in grey matter.",
    ]
    held_by: Annotated[str, "The same in words; empty if nothing did."]
    limits_percent: Annotated[
        dict[str, AtLeastZero],
        "Limits on an output that matches a field, % of the maximum, not rounded; empty where no field is to be "
        "matched.",
    ]
    percent_of_rmt: Annotated[
        AtLeastZero | None,
        "The output given, % of the motor threshold that was measured; null without an output.",
    ]
    given_fraction: Annotated[
        AtLeastZero | None,
        "Share of the field at motor threshold that the target gets by it; null without an output.",
    ]
    stimulator: Annotated[str, "The stimulator, if one was named."]
    max_didt_a_per_s: Annotated[float | None, "dI/dt at full output, A/s; null if not known."]
    max_didt_source: Annotated[str, "Where that is from."]
    max_didt_of: Annotated[str, "Coil and stimulator that maximum is of; empty if not known."]
    didt_a_per_s: Annotated[float | None, "dI/dt of the output given, A/s; null if not known."]
    threshold_v_per_m: Annotated[float | None, "Field at the hotspot at motor threshold, V/m; null if not known."]
    target_v_per_m: Annotated[float | None, "Field at the target at the output given, V/m; null if not known."]
    peak_fraction: Annotated[
        AtLeastZero | None,
        "Largest |E| in grey matter at the output given, over the mean field at the hotspot at motor threshold; "
        "null without an output.",
    ]
    stronger: Annotated[
        dict[str, float],
        "Named targets of the same side whose mean |E| is above the target's, and how many times.",
    ]
    protocol: Annotated[PlanProtocol | None, "The rTMS session; null if none was asked for."]

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

    def check(self, where: str) -> None:
        """Refuse an output that was not asked for, and one larger than was asked for."""
        for name in ("asked_percent", "given_percent", "percent_of_rmt", "given_fraction", "peak_fraction"):
            stated = getattr(self, name) is not None
            require(
                stated == (self.asked != NOTHING), f"{where}.{name} must be null if and only if no output was asked for"
            )
        by_field = self.match_field is not None
        require(by_field == (self.asked == BY_FIELD), f"{where}.match_field goes with asked: match-field")
        if self.given_percent is not None and self.asked_percent is not None:
            more = self.given_percent > self.asked_percent + 1e-6
            require(not more, f"{where}: more output is given than was asked for")


def protocol_of(record: PlanProtocol) -> Protocol:
    """Make the protocol of a plan; words that plans of before 1.6 leave empty are a protocol's usual ones."""
    stated = {name: value for name, value in common_fields(record, Protocol).items() if value != ""}
    return Protocol(**{"paper": "", **stated})


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
