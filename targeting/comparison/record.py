"""The comparison block of ``plan.json``: what other coils would do for the same target, and whether any can reach it.

The best pose of each coil is found by the same search on the same dose map and solved directly.  For a deep target no
coil is good, so a plan says how far each is from it: the dose, the strongest field elsewhere in grey matter and its ratio
to the dose, and what else gets more than the target.  Where a field is to be matched, it says what the limits on the output
leave of it; where a protocol is given, what the target gets at the protocol's intensity, which is no verdict on it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from meshes.errors import InputError
from targeting.dosing.reach import (
    NO_RATING,
    NOT_ASKED,
    REACHES,
    Reach,
    Threshold,
    coil_on,
    full_output_percent,
    rated_words,
    reach_by_rating,
    reach_from_threshold,
)
from targeting.dosing.record import BY_FIELD, PlanDosing, by_protocol_words, given_words, protocol_of
from targeting.records.json_records import common_fields
from targeting.records.kinds import AtLeastZero, Matrix, OneOf, Point, Positive
from targeting.stimulators import stimulator_rating


@dataclass(frozen=True)
class CoilOnTarget:
    """What one coil does at its best pose, at 1 A/µs; a direct solve unless said otherwise.

    ``e_target_v_per_m`` and ``e_hotspot_v_per_m`` are sizes of mean E vectors by the dose maps, as the dosing takes them;
    the latter is None if there is no hotspot other than the target.  ``peak_e_v_per_m`` is outside the target,
    ``highest_e_v_per_m`` anywhere.  ``above_mm3`` is the grey matter outside the target
    with a larger |E| than the dose, ``stronger`` the named targets of the same side with a larger mean |E| than the target
    (how many times; None if the head could not be registered).
    """

    coil: str
    max_didt_a_per_s: float | None
    pose: list[list[float]]
    scalp_mm: list[float]
    distance_mm: float
    middle_mm: float
    dose_v_per_m: float  # by the search
    direct_dose_v_per_m: float
    peak_e_v_per_m: float  # largest |E| in grey matter outside the target
    peak_mm: list[float]
    above_mm3: float
    stronger: dict[str, float] | None
    e_target_v_per_m: float
    highest_e_v_per_m: float  # largest |E| in grey matter
    e_hotspot_v_per_m: float | None = None
    rated_on: str = ""  # the stimulator of max_didt_a_per_s


@dataclass(frozen=True)
class ComparedCoil:
    """A row of the plan's comparison; doses and fields at 1 A/µs, of a direct solve unless said otherwise."""

    coil: Annotated[str, "Name of the coil."]
    pose: Annotated[Matrix, "Coil to world, mm: its best pose."]
    scalp_mm: Annotated[Point, "Scalp point under the coil centre, mm."]
    distance_mm: Annotated[float, "Smallest distance from the casing to the scalp, mm."]
    middle_mm: Annotated[
        AtLeastZero,
        "From the middle of the casing's face to the scalp under it, mm; more than distance_mm where the casing's "
        "shape holds it off.",
    ]
    dose_v_per_m: Annotated[float, "The dose by the search, V/m."]
    direct_dose_v_per_m: Annotated[float, "The dose by a direct forward solve, V/m."]
    peak_e_v_per_m: Annotated[AtLeastZero, "Largest |E| in grey matter outside the target, V/m."]
    peak_mm: Annotated[Point, "Where that peak is, mm."]
    peak_over_dose: Annotated[AtLeastZero, "That peak over the dose."]
    above_mm3: Annotated[AtLeastZero, "Grey matter outside the target in which |E| is larger than the dose, mm³."]
    stronger: Annotated[
        dict[str, float] | None,
        "Named targets of the same side whose mean |E| is above the target's, and how many times; null if the head"
        " could not be registered.",
    ]
    max_didt_a_per_s: Annotated[Positive | None, "Largest rated dI/dt of the coil, A/s; null if not known."]
    needed_didt_a_per_s: Annotated[
        float | None,
        "dI/dt that gives the target the field to match, A/s; null if not known, or if no field is to be matched.",
    ]
    needed_percent_of_rmt: Annotated[
        float | None,
        "The same in % of the motor threshold with this coil; null without one.",
    ]
    shares: Annotated[
        dict[str, float | None],
        "What each limit (stimulator, motor threshold, protocol, trains, peak) leaves of a field to match; below 1"
        " it is out of reach; null where the limit is not known.",
    ]
    given_fraction: Annotated[
        AtLeastZero | None,
        "Share of the field at motor threshold that the target gets at the protocol's intensity, without a "
        "protocol at the motor threshold; null where a field is to be matched.",
    ]
    given_v_per_m: Annotated[AtLeastZero | None, "That in V/m; null if not known."]
    reach: Annotated[
        str,
        OneOf(*REACHES),
        "Whether the field to match can be given to the target; not asked where none is.",
    ]
    verdict: Annotated[str, "The reach, or what the target gets, in words, with its numbers."]


def compare(coils: Sequence[CoilOnTarget], dosing: PlanDosing | None) -> list[ComparedCoil]:
    """The rows of the plan; the first coil is the plan's own, with which a motor threshold was found.

    Raises
    ------
    InputError
        If there is no field at the target.
    """
    return [_row(each, dosing, own=rank == 0) for rank, each in enumerate(coils)]


def reach_of(coil: CoilOnTarget, dosing: PlanDosing | None, own: bool) -> Reach:
    """What the limits leave of a field to match; ``own``: the motor threshold, if there is one, was found with the coil."""
    if dosing is None or dosing.match_field is None:
        return reach_by_rating(coil.e_target_v_per_m, coil.max_didt_a_per_s, coil_on(coil.coil, coil.rated_on))
    protocol = None if dosing.protocol is None else protocol_of(dosing.protocol)
    threshold = Threshold(dosing.match_field, dosing.threshold_v_per_m, protocol, dosing.ratio)
    percent, words = _full_output(coil, dosing, own)
    peak = None if coil.e_hotspot_v_per_m is None else coil.highest_e_v_per_m
    return reach_from_threshold(threshold, coil.e_target_v_per_m, _hotspot(coil), peak, percent, words)


def _hotspot(coil: CoilOnTarget) -> float:
    return coil.e_target_v_per_m if coil.e_hotspot_v_per_m is None else coil.e_hotspot_v_per_m


def _full_output(coil: CoilOnTarget, dosing: PlanDosing, own: bool) -> tuple[float | None, str]:
    """Full output in % of the motor threshold with the coil, and what that is or why it is not known, in words."""
    top, words = _full_didt(coil, dosing)
    if own:  # whatever its dI/dt
        return 1e4 / dosing.rmt_percent, words if top else "the stimulator's full output"
    percent = full_output_percent(dosing.threshold_v_per_m, _hotspot(coil), top)
    if percent is None and top is not None:
        words = "no maximum dI/dt of the coil is known that the motor threshold was found with"
    return percent, words


def _full_didt(coil: CoilOnTarget, dosing: PlanDosing) -> tuple[float | None, str]:
    """dI/dt at full output, in words too; with a stimulator named, only what its table says of this coil counts."""
    if not dosing.stimulator:
        top = coil.max_didt_a_per_s
        return top, NO_RATING if top is None else rated_words(top, coil_on(coil.coil, coil.rated_on))
    try:
        top = stimulator_rating(dosing.stimulator, coil.coil).max_didt_a_per_s
    except InputError:
        return None, f"the maximum dI/dt of this coil on {dosing.stimulator} is not in the table"
    return top, rated_words(top, coil_on(coil.coil, dosing.stimulator))


def _given(coil: CoilOnTarget, dosing: PlanDosing, own: bool) -> tuple[float, float | None, str]:
    """What the target gets at the protocol's intensity, or at threshold: of the field at threshold, in V/m, in words.

    The plan's own coil is told of at its whole % MSO, another at the same percent of the threshold *it* would have, or at
    its full output if that is less.
    """
    protocol, e_rmt = dosing.protocol, dosing.threshold_v_per_m
    percent, how = 100.0, "at the motor threshold"
    if protocol is not None:
        percent, how = 100 * protocol.intensity_fraction_rmt * dosing.ratio, by_protocol_words(protocol)
        if own and dosing.percent_of_rmt is not None:
            percent = dosing.percent_of_rmt
    full, words = _full_output(coil, dosing, own)
    if full is not None and full < percent * (1 - 1e-9):
        percent, how = full, f"at full output, {words}, which is less than {how}"
    fraction = percent / 100 * coil.e_target_v_per_m / _hotspot(coil)
    return fraction, None if e_rmt is None else fraction * e_rmt, how


def _row(coil: CoilOnTarget, dosing: PlanDosing | None, own: bool) -> ComparedCoil:
    reach = given = None
    if dosing is None or dosing.asked == BY_FIELD:
        reach = reach_of(coil, dosing, own)
        verdict = reach.words
    else:
        fraction, v_per_m, how = given = _given(coil, dosing, own)
        verdict = given_words(fraction, v_per_m, how)
    return ComparedCoil(
        **common_fields(coil, ComparedCoil),
        peak_over_dose=coil.peak_e_v_per_m / abs(coil.direct_dose_v_per_m),
        needed_didt_a_per_s=reach.needed_didt_a_per_s if reach else None,
        needed_percent_of_rmt=reach.needed_percent_of_rmt if reach else None,
        shares={each.name: each.share for each in reach.limits} if reach else {},
        given_fraction=given[0] if given else None,
        given_v_per_m=given[1] if given else None,
        reach=reach.verdict if reach else NOT_ASKED,
        verdict=verdict,
    )
