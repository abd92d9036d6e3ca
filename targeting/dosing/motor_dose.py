"""What a motor threshold means for the target: the fields there, the stimulator's output asked for, and what limits it.

The fields at hotspot and target are the same quantity, the size of the mean E vector from a dose map, whatever the search
ranked by.
"""

from __future__ import annotations

from atlases.target import Target
from targeting.coils.coil import Coil
from targeting.dosing import Output, check_trains, fields_at_threshold, matched_output, protocol_output
from targeting.dosing.hotspot import Hotspot, e_per_a_per_us
from targeting.dosing.motor_threshold import MAX_OUTPUT_PERCENT, NOT_HELD, OutputLimit, ThresholdFields
from targeting.dosing.reach import Threshold, coil_on, output_limits
from targeting.dosing.record import BY_FIELD, BY_PROTOCOL, NOTHING, PlanDosing, PlanFinding, PlanProtocol
from targeting.dosing.request import DoseRequest
from targeting.stimulators import stimulator_rating
from targeting.tms import TmsSearch
from targeting.tms.confirmation import Confirmation

FULL_OUTPUT = "the stimulator's full output"


def dosing_of(
    request: DoseRequest,
    hotspot: Hotspot,
    target: Target,
    search: TmsSearch,
    confirmation: Confirmation,
    coil: Coil,
    own: bool,
) -> PlanDosing:
    """The block of the plan; ``own``: the hotspot is the target, and its threshold is of the plan's pose.

    Parameters
    ----------
    request : DoseRequest
        The threshold, and what output is asked for.
    hotspot : Hotspot
    target : Target
    search : TmsSearch
    confirmation : Confirmation
    coil : Coil
    own : bool
        The hotspot is the target, and its threshold is of the plan's own pose.
    """
    rating = stimulator_rating(request.stimulator, coil.name) if request.stimulator else None
    top = rating.max_didt_a_per_s if rating else coil.max_didt_a_per_s
    e_target = e_per_a_per_us(search)
    fields = fields_at_threshold(request.rmt_percent, hotspot.e_v_per_m, e_target, top)
    peak = float(confirmation.peak_e_v_per_m[0])
    limits = _limits(request, fields, None if own else peak)
    output = _output(request, fields, limits)
    given = None if output is None else output.given_percent
    held = "" if output is None else next((each.words for each in limits if each.name == output.held_by), "")
    return PlanDosing(
        rmt_percent=request.rmt_percent,
        muscle=request.muscle,
        muscle_ratio=request.muscle_ratio,
        hotspot_mm=hotspot.center_mm,
        hotspot_radius_mm=hotspot.radius_mm,
        hotspot_side=hotspot.side,
        target_side=target.side,
        hotspot_source=hotspot.source,
        hotspot_pose=hotspot.pose,
        hotspot_e_v_per_m=hotspot.e_v_per_m,
        target_e_v_per_m=e_target,
        at_threshold_fraction=fields.at_threshold_fraction,
        at_threshold_v_per_m=fields.target_v_per_m(request.rmt_percent),
        asked=_asked(request),
        match_field=request.match_field,
        asked_percent=None if output is None else output.asked_percent,
        given_percent=given,
        clamp=NOT_HELD if output is None else output.held_by,
        held_by=held,
        limits_percent={
            each.name: each.percent_of_rmt / 100 * request.rmt_percent
            for each in limits
            if each.percent_of_rmt is not None and request.match_field is not None
        },
        percent_of_rmt=None if given is None else 100 * given / request.rmt_percent,
        given_fraction=None if given is None else fields.fraction(given),
        stimulator=request.stimulator or "",
        max_didt_a_per_s=top,
        max_didt_source=rating.source if rating else coil.rating_source,
        max_didt_of="" if top is None else coil_on(coil.name, request.stimulator or coil.rated_on),
        didt_a_per_s=None if given is None else fields.didt_a_per_s(given),
        threshold_v_per_m=fields.threshold_v_per_m,
        target_v_per_m=None if given is None else fields.target_v_per_m(given),
        peak_fraction=None if given is None else peak * given / (request.rmt_percent * hotspot.e_v_per_m),
        stronger={},
        protocol=_protocol(request, target.name, given, fields),
    )


def _asked(request: DoseRequest) -> str:
    """What the output is by: a field to match comes before a protocol, whose intensity then is a limit."""
    if request.match_field is not None:
        return BY_FIELD
    return NOTHING if request.protocol is None else BY_PROTOCOL


def _limits(request: DoseRequest, fields: ThresholdFields, peak_v_per_m: float | None) -> tuple[OutputLimit, ...]:
    """What holds an output that matches a field."""
    ratio = 1.0 if request.muscle_ratio is None else request.muscle_ratio
    threshold = Threshold(request.match_field or 1.0, fields.threshold_v_per_m, request.protocol, ratio)
    full = 100 * MAX_OUTPUT_PERCENT / request.rmt_percent
    return output_limits(threshold, full, FULL_OUTPUT, fields.e_hotspot_v_per_m, peak_v_per_m)


def _output(request: DoseRequest, fields: ThresholdFields, limits: tuple[OutputLimit, ...]) -> Output | None:
    """The output asked for and given; None if none was asked for."""
    if request.match_field is not None:
        return matched_output(fields, request.match_field, limits)
    if request.protocol is None:
        return None
    return protocol_output(request.protocol, request.rmt_percent, request.muscle_ratio or 1.0)


def _protocol(request: DoseRequest, target: str, given: int | None, fields: ThresholdFields) -> PlanProtocol | None:
    protocol = request.protocol
    if protocol is None or given is None:
        return None
    own, ratio = protocol.intensity_fraction_rmt, request.muscle_ratio or 1.0
    own_percent = own * request.rmt_percent * ratio
    smaller = 100 * given / (request.rmt_percent * min(1.0, ratio))  # of two thresholds: the stricter percent
    findings = check_trains(protocol, smaller) if given else []
    return PlanProtocol(
        name=protocol.name,
        frequency_hz=protocol.frequency_hz,
        pulses_per_train=protocol.pulses_per_train,
        trains=protocol.trains,
        inter_train_s=protocol.inter_train_s,
        burst_pulses=protocol.burst_pulses,
        burst_hz=protocol.burst_hz,
        sessions=protocol.sessions,
        spacing=protocol.spacing,
        intensity_fraction_rmt=own,
        muscle=protocol.muscle,
        pulse=protocol.pulse,
        target=protocol.target,
        on_its_target=protocol.target == target,
        own_percent=own_percent,
        own_fraction=fields.fraction(own_percent),
        population=protocol.population,
        result=protocol.result,
        evidence=protocol.evidence,
        published_use=protocol.published_use,
        paper=protocol.paper,
        unverified=list(protocol.unverified),
        note=protocol.note,
        findings=[PlanFinding(each.kind, each.item, each.text) for each in findings],
    )
