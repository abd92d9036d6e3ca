"""Stages "hotspot" and "dosing", when a motor threshold is given: the field where it was found, and the output that follows.

Where the target *is* the M1 of the measured muscle, its plan is the hotspot's, and stage "hotspot" is not needed.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from targeting.dosing.record import PlanDosing
from targeting.dosing.request import DoseRequest
from targeting.dosing.train_safety import train_table
from targeting.records.json_records import check_record
from targeting.result_files import load_plain, save_plain
from targeting.stimulators import stimulator_rating
from targeting.study.aim import Aim
from targeting.study.coil_aim import CoilAim
from targeting.study.stronger_targets import stronger_targets
from targeting.study.study import Study
from targeting.subject import Done, Stage
from targeting.tms.angle import AngleRequest
from targeting.tms.confirmation import Confirmation

if TYPE_CHECKING:
    from atlases.warp import MniWarp
    from targeting.dosing.hotspot import Hotspot
    from targeting.tms import DoseMap, TmsSearch

HOTSPOT_FILE, MAP_FILE, DOSING_FILE = "hotspot_field.json", "hotspot_dosemap.npz", "motor_dose.json"


def hotspot_stage(request: DoseRequest, study: Study, aim: CoilAim) -> Stage[Hotspot]:
    """Stage "hotspot": its dose map (three solves) and the field at its best, or at its measured, pose.

    The best pose is turned as the muscle's own target wants it, by the fold there.
    """
    aim = replace(aim, angle=AngleRequest.of(None, request.hotspot))
    registration = study.registration if study.aim and request.needs_registration(study.aim) else None
    side = study.target.value.target.side if request.rmt_at_mm is None else None  # else the point's own

    def make(folder: Path) -> Hotspot:
        from targeting.dosing.hotspot import Hotspot, hotspot_of, hotspot_target
        from targeting.fem.second_order import near_target
        from targeting.tms import DoseMap

        warp, cortex = registration.value if registration else None, study.cortex.value if study.cortex else None
        target, source, warnings = hotspot_target(request, side, study.head.value, warp, cortex)
        dose_map = DoseMap.build(near_target(study.conductor, target), target)
        dose_map.save(folder / MAP_FILE)
        pose, e, of_pose, more = hotspot_of(request, study, aim, target, dose_map, study.tissues.value)
        hotspot = Hotspot(
            center_mm=[float(x) for x in target.center_mm],
            radius_mm=float(target.radius_mm),
            side=target.side,
            source=f"{source}; {of_pose}",
            pose=pose.tolist(),
            e_v_per_m=float(np.linalg.norm(e)),
            warnings=[*warnings, *more],
            of=request.hotspot,
        )
        save_plain(folder / HOTSPOT_FILE, hotspot)
        return hotspot

    def load(folder: Path) -> Hotspot:
        from targeting.dosing.hotspot import Hotspot

        return load_plain(folder / HOTSPOT_FILE, Hotspot)

    parameters: dict[str, Any] = {
        "at_mm": request.rmt_at_mm,
        "side": side,
        "muscle": request.muscle,
        "rmt_row": request.rmt_pose and request.rmt_pose.name,
        "entry": Aim(request.hotspot, None).entry,
        **aim.coil_parameters,
        "hair_mm": aim.hair_mm,
        **aim.angle.parameters,
        **study.conduction.parameters,
    }
    files = aim.files | ({"rmt_pose": request.rmt_pose.path} if request.rmt_pose else {}) | study.conduction.files
    before = (study.head, registration, study.cortex, study.tissues)
    after = [each for each in before if each]
    return Stage("hotspot", 7, make, load, files=files, parameters=parameters, after=after)


def hotspot_map(hotspot: Done[Hotspot]) -> DoseMap:
    """The hotspot's dose map, as its stage left it in the subject's folder."""
    from targeting.tms import DoseMap

    return DoseMap.load(next(path for path in hotspot.outputs if path.name == MAP_FILE))


def dosing_stage(
    request: DoseRequest,
    study: Study,
    aim: CoilAim,
    search: Done[TmsSearch],
    confirmation: Done[Confirmation],
    hotspot: Done[Hotspot] | None,
) -> Stage[PlanDosing]:
    """Stage "dosing": the stimulator's output.

    Parameters
    ----------
    request : DoseRequest
    study : Study
    aim : CoilAim
    search : Done[TmsSearch]
    confirmation : Done[Confirmation]
    hotspot : Done[Hotspot], optional
        None: the target is the hotspot.
    """
    registration: Done[MniWarp] | None = study.registration_of_target

    def make(folder: Path) -> PlanDosing:
        from targeting.dosing.hotspot import own_hotspot
        from targeting.dosing.motor_dose import dosing_of

        aimed_target, head = study.target.value, study.head.value
        motor_hotspot = hotspot.value if hotspot else own_hotspot(aimed_target, search.value)
        dosing = dosing_of(
            request, motor_hotspot, aimed_target.target, search.value, confirmation.value, aim.coil, own=hotspot is None
        )
        if registration is not None:
            cortex = study.cortex.value if study.cortex else None
            e_v_per_m = confirmation.value.e_v_per_m
            stronger = stronger_targets(e_v_per_m, aimed_target.target, head, registration.value, cortex)
            dosing = replace(dosing, stronger=stronger)
        check_record(dosing, "dosing")
        save_plain(folder / DOSING_FILE, dosing)
        return dosing

    rating = stimulator_rating(request.stimulator, aim.coil.name) if request.stimulator else None
    parameters: dict[str, Any] = {
        "rmt_percent": request.rmt_percent,
        "muscle": request.muscle,
        "muscle_ratio": request.muscle_ratio,
        "match_field": request.match_field,
        "protocol": asdict(request.protocol) if request.protocol else None,
        "trains": asdict(train_table()) if request.protocol else None,
        "rating": asdict(rating) if rating else None,
        "coil": [aim.coil.name, aim.coil.rated_on],
        "coil_sha256": aim.coil_parameters["coil_sha256"],
    }
    before = (study.head, study.target, search, confirmation, hotspot, registration, study.cortex)
    return Stage(
        "dosing",
        3,
        make,
        lambda folder: load_plain(folder / DOSING_FILE, PlanDosing),
        files=aim.files,
        parameters=parameters,
        after=[each for each in before if each],
    )
