"""Stage "dosing", when a motor threshold is given: the stimulator's output for the target, its limits, its protocol.

The fields at hotspot and target are the same quantity, the size of the mean E vector from a dose map, whatever the search
ranked by: the hotspot's of stage "hotspot", the target's of the plan's first placement.
"""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from targeting.coils.fingerprint import fingerprint
from targeting.dosing import check_trains, dose_from_threshold, stimulator_rating
from targeting.dosing.train_safety import train_table
from targeting.plans.dosing import PlanDosing, PlanProtocol, check_dosing
from targeting.requests.dose import DoseRequest
from targeting.stages.confirm import Confirmed
from targeting.stages.hotspot import Hotspot, e_per_a_per_us, own_hotspot
from targeting.stages.stronger_targets import stronger_targets
from targeting.subject import Done, Stage

if TYPE_CHECKING:
    from atlases.aim import AimedTarget
    from atlases.registration import MniWarp
    from meshes.head import HeadMesh
    from targeting.coils.coil import Coil
    from targeting.tms import TmsSearch

NAME, FILE = "dosing", "motor_dose.json"


def dosing_stage(
    request: DoseRequest,
    meshed: Done[HeadMesh],
    aimed: Done[AimedTarget],
    registered: Done[MniWarp] | None,
    searched: Done[TmsSearch],
    confirmed: Done[Confirmed],
    hotspot: Done[Hotspot] | None,
    coil: Coil,
    coil_file: Path | None,
) -> Stage[PlanDosing]:
    """Stage "dosing": the stimulator's output; ``hotspot`` None means that the target is the hotspot."""

    def make(room: Path) -> PlanDosing:
        target = aimed.value.target
        spot = hotspot.value if hotspot else own_hotspot(aimed.value, searched.value)
        made = dosing_of(request, spot, target.side, searched.value, confirmed.value, coil)
        if registered is not None:
            made = _with_stronger(made, meshed.value, aimed.value, registered.value, confirmed.value)
        check_dosing(made)
        text = json.dumps(asdict(made), indent=1, allow_nan=False)
        (room / FILE).write_text(text + "\n", encoding="utf-8")
        return made

    def load(folder: Path) -> PlanDosing:
        read = json.loads((folder / FILE).read_text(encoding="utf-8"))
        protocol = read.pop("protocol")
        return PlanDosing(protocol=PlanProtocol(**protocol) if protocol else None, **read)

    rating = stimulator_rating(request.stimulator, coil.name) if request.stimulator else None
    parameters: dict[str, Any] = {
        "rmt_percent": request.rmt_percent,
        "fraction": request.fraction_used,
        "protocol": asdict(request.protocol) if request.protocol else None,
        "trains": asdict(train_table()) if request.protocol else None,
        "rating": asdict(rating) if rating else None,
        "coil_sha256": fingerprint(coil),
    }
    after: list[Done[Any]] = [meshed, aimed, searched, confirmed, *(each for each in (hotspot, registered) if each)]
    files = {"coil": coil_file} if coil_file else {}
    return Stage(NAME, 1, make, load, files=files, parameters=parameters, after=after)


def dosing_of(
    request: DoseRequest, spot: Hotspot, target_side: str, searched: TmsSearch, confirmed: Confirmed, coil: Coil
) -> PlanDosing:
    """The block of the plan."""
    rating = stimulator_rating(request.stimulator, coil.name) if request.stimulator else None
    top = rating.max_didt_a_per_s if rating else coil.max_didt_a_per_s
    dose = dose_from_threshold(
        request.rmt_percent, spot.e_v_per_m, e_per_a_per_us(searched), request.fraction_used, top
    )
    peak = float(confirmed.peak_e_v_per_m[0])
    return PlanDosing(
        rmt_percent=dose.rmt_percent,
        hotspot_mm=spot.center_mm,
        hotspot_radius_mm=spot.radius_mm,
        hotspot_side=spot.side,
        target_side=target_side,
        hotspot_source=spot.source,
        hotspot_pose=spot.pose,
        hotspot_e_v_per_m=dose.e_hotspot_v_per_m,
        target_e_v_per_m=dose.e_target_v_per_m,
        fraction=dose.fraction,
        asked_percent=dose.asked_percent,
        given_percent=dose.given_percent,
        clamp=dose.clamp,
        percent_of_rmt=dose.percent_of_rmt,
        given_fraction=dose.given_fraction,
        stimulator=request.stimulator or "",
        max_didt_a_per_s=top,
        max_didt_source=rating.source if rating else ("" if top is None else f"the coil's rating: {coil.name}"),
        didt_a_per_s=dose.didt_a_per_s,
        threshold_v_per_m=dose.threshold_v_per_m,
        target_v_per_m=dose.target_v_per_m,
        peak_fraction=peak * dose.given_percent / (dose.rmt_percent * dose.e_hotspot_v_per_m),
        stronger={},
        protocol=_protocol(request, dose.percent_of_rmt, dose.e_target_v_per_m / dose.e_hotspot_v_per_m),
    )


def _protocol(request: DoseRequest, percent_of_rmt: float, target_share: float) -> PlanProtocol | None:
    protocol = request.protocol
    if protocol is None:
        return None
    own = protocol.intensity_fraction_rmt
    return PlanProtocol(
        name=protocol.name,
        frequency_hz=protocol.frequency_hz,
        pulses_per_train=protocol.pulses_per_train,
        trains=protocol.trains,
        inter_train_s=protocol.inter_train_s,
        sessions=protocol.sessions,
        intensity_fraction_rmt=own,
        own_percent=own * request.rmt_percent,
        own_fraction=own * target_share,
        paper=protocol.paper,
        checked=protocol.checked,
        note=protocol.note,
        findings=[each.text for each in check_trains(protocol, percent_of_rmt)],
    )


def _with_stronger(
    made: PlanDosing, head: HeadMesh, aimed: AimedTarget, warp: MniWarp, confirmed: Confirmed
) -> PlanDosing:
    """The block with the named targets of the same side in which the mean |E| is larger than in the target."""
    return replace(made, stronger=stronger_targets(confirmed.e_v_per_m, aimed.target, head, warp))
