"""Plan a coil by a map of a muscle: its hotspot, the threshold it found there, and the angle that the muscle prefers.

The map's place becomes the target where the plan's target is that muscle's M1, else the place where the threshold was found.
Its threshold, as % of the output at the best pose, is taken where no measured one is given, and that is said: published limits
are in percent of a threshold that was measured.  One that was measured is held against the map's.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from meshes.errors import InputError
from targeting.coils.coil import fingerprint
from targeting.coils.files import ChosenCoil
from targeting.dosing.request import DEFAULT_MUSCLE
from targeting.records.warnings import PlanWarning, note, warning
from targeting.study.head_source import HeadSource
from targeting.study.measured_hotspot import MeasuredHotspot, hotspot_for
from targeting.study.request import Point
from targeting.study.tms_request import TmsRequest
from targeting.subject import Subject


def with_mapped_hotspot(
    request: TmsRequest, subject: Subject, source: HeadSource
) -> tuple[TmsRequest, Point | None, list[PlanWarning]]:
    """The request with what a map tells in place of the map, the target's hotspot, and what is to be said of it.

    Parameters
    ----------
    request : TmsRequest
    subject : Subject
    source : HeadSource
        Of the plan's head.

    Raises
    ------
    InputError
        If the map is of another head, coil or muscle, found no hotspot, or its hotspot is given twice.
    """
    given = request.hotspot_mm
    if not isinstance(given, str | Path):
        return request, given, []
    path = Path(given)
    found = hotspot_for(path, subject, source)
    _check_coil(found, request, path.name)
    if request.rmt_muscle not in (None, found.muscle):
        raise InputError(
            f"{path.name} is a map of the {found.muscle} and `rmt_muscle` is the {request.rmt_muscle}: leave it out"
        )
    its_target = request.aim == found.target
    if request.rmt_at_mm is not None or (its_target and request.rmt_pose is not None):
        raise InputError(f"{path.name} says where the threshold was found: leave out `rmt_at_mm` and `rmt_pose`")
    request, said = _with_threshold(request, found, path.name)
    if request.rmt_percent is not None:
        muscle = None if found.muscle == DEFAULT_MUSCLE else found.muscle
        at = None if its_target else found.point_mm
        request = replace(request, rmt_muscle=muscle, rmt_at_mm=at)
    if request.angle is None and its_target and found.handle_deg is not None:
        request = replace(request, angle=f"midline:{found.handle_deg:.0f}")
        said.append(note(f"the angle, {request.angle}, is the one that the muscle prefers by {path.name}"))
    hotspot = found.point_mm if its_target else None
    if hotspot is None and request.rmt_percent is None:
        raise InputError(
            f"{path.name} is a map of the {found.muscle} that tells no threshold, and the target is {request.aim}: give "
            "`rmt_percent=PERCENT`, or leave out `hotspot_mm`"
        )
    where = (
        f"hotspot of the {found.muscle} by {path.name}: {found.pulses} pulses, R² {found.r2:.2f}, 95 % within "
        f"{found.radius_mm:.0f} mm"
    )
    return replace(request, hotspot_mm=hotspot), hotspot, [note(where), *said]


def _check_coil(found: MeasuredHotspot, request: TmsRequest, name: str) -> None:
    coil = ChosenCoil.of(request.coil).coil
    if fingerprint(coil) != found.coil_sha256:
        point = ",".join(f"{each:g}" for each in found.point_mm)
        raise InputError(
            f"{name} was made with the coil {found.coil}, and this plan is of {coil.name}: its threshold is of that coil; plan "
            f"with it, or take the place alone: `hotspot_mm={point}`"
        )


def _with_threshold(request: TmsRequest, found: MeasuredHotspot, name: str) -> tuple[TmsRequest, list[PlanWarning]]:
    """The request with a threshold, where there is one, and what is to be said of it."""
    rmt = found.rmt_percent
    if request.rmt_percent is not None:
        if rmt is not None and not rmt.low <= request.rmt_percent <= rmt.high:
            return request, [
                warning(
                    f"the motor threshold that was measured is {request.rmt_percent:g} % MSO, and {name} expects {rmt.words} "
                    "at the best pose: check the stimulator, the muscle and the pose it was measured at"
                )
            ]
        return request, []
    if rmt is None:
        return request, []
    said = warning(
        f"the motor threshold, {rmt.words} % MSO at the best pose, is estimated from {name}: measure it if you can"
    )
    return replace(request, rmt_percent=round(rmt.value, 1)), [said]
