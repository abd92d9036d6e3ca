"""Stage "comparison": the best pose of each compared coil, by the same search on the same dose map, solved directly.

The plan's own coil was searched and solved before.  Each other one costs a search and one solve.  Where a motor threshold
was found at a hotspot of its own, the field that the coil gives *there* is looked for, too, on the hotspot's dose map.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from meshes.errors import InputError
from targeting.coils.coil import fingerprint
from targeting.coils.files import ChosenCoil
from targeting.comparison.record import CoilOnTarget
from targeting.dosing.stage import hotspot_map
from targeting.engines.protocol import Engine
from targeting.goals.stage import StagedObjective
from targeting.modality import REFERENCE_DIDT_A_PER_S
from targeting.pose import Pose
from targeting.result_files import load_plain, save_plain
from targeting.study.coil_aim import CoilAim
from targeting.study.options import as_flags, flags_of
from targeting.study.study import Study
from targeting.study.tms_request import TmsRequest
from targeting.subject import Done, Stage
from targeting.tms.confirmation import Confirmation

if TYPE_CHECKING:
    from targeting.dosing.hotspot import Hotspot
    from targeting.tms import DoseMap, TmsSearch

FILE = "compared_coils.json"


@dataclass(frozen=True)
class Comparison:
    """The coils, the plan's own first, and a line for each that could not be compared."""

    coils: list[CoilOnTarget]
    left_out: list[str]


def comparison_stage(
    coils: Sequence[ChosenCoil],
    study: Study,
    aim: CoilAim,
    dose_map: Done[DoseMap],
    search: Done[TmsSearch],
    confirmation: Done[Confirmation],
    engine: Engine,
    hotspot: Done[Hotspot] | None = None,
    objective: StagedObjective | None = None,
) -> Stage[Comparison]:
    """Stage "comparison".

    Parameters
    ----------
    coils : sequence of ChosenCoil
        The plan's own first, then at least one other.
    study : Study
    aim : CoilAim
        The others are turned by the same rule as the plan's own coil, each in the stimulator's setting that suits it.
    dose_map : Done[DoseMap]
        Of the target.
    search, confirmation : Done
        Of the plan's own coil.
    engine : Engine
        Who solves the others' best poses.
    hotspot : Done[Hotspot], optional
        The motor hotspot, if it is not the target.
    objective : StagedObjective, optional
        Other than the dose: it holds for the others, too; several targets count in shares of what the plan's own coil
        gives each alone.
    """
    registration = study.registration_if_any

    def make(folder: Path) -> Comparison:
        from targeting.comparison.compared import best_pose, e_at_hotspot, measure_of

        target = study.target.value.target
        measure = measure_of(study, aim, registration.value if registration else None)
        motor_hotspot, spot_map = (hotspot.value, hotspot_map(hotspot)) if hotspot else (None, None)
        options: dict[str, Any] = {
            "direction": aim.direction,
            "cortex": study.cortex.value if study.cortex else None,
            "tilt_deg": aim.tilt_deg,
            "extra_mm": aim.extra_mm,
            "orientation": aim.orientation(study, target),
            "drive": replace(aim.pulse.drive, current=None),
        }
        rows = [
            measure(
                coils[0].coil,
                search.value,
                confirmation.value.e_v_per_m,
                motor_hotspot.e_v_per_m if motor_hotspot else None,
            )
        ]
        left_out = []
        for other in coils[1:]:
            options["objective"] = objective.objective() if objective else None
            there = None
            try:
                found = best_pose(study.scalp, target, other.coil, aim.hair_mm, dose_map.value, **options)
                if motor_hotspot is not None and spot_map is not None:
                    there = e_at_hotspot(study, aim.of_coil(other), motor_hotspot, spot_map)
            except InputError as error:  # a coil that does not fit this head must not spoil the plan
                left_out.append(f"{other.coil.name} is not compared: {as_flags(str(error), flags_of(TmsRequest))}")
                continue
            poses = [Pose(found.poses[0])]
            (field,) = engine.fields(study.near_target, other.coil, poses, REFERENCE_DIDT_A_PER_S, other.file)
            rows.append(measure(other.coil, found, found.effective_sign * field.e_v_per_m, there))
        comparison = Comparison(rows, left_out)
        save_plain(folder / FILE, comparison)
        return comparison

    files = {f"coil {rank}": each.file for rank, each in enumerate(coils) if each.file is not None}
    parameters: dict[str, Any] = {
        "coils": [{"name": each.coil.name, "sha256": fingerprint(each.coil)} for each in coils],
        **aim.search_parameters,
        "objective": objective.request.numbers if objective else None,
        "engine": {"name": engine.name, "version": engine.version},
        **study.conduction.parameters,
    }
    before = (study.head, study.target, registration, dose_map, search, confirmation, hotspot, study.cortex)
    after: list[Done[Any]] = [*(each for each in before if each), *(objective.after if objective else [])]
    return Stage(
        "comparison",
        3,
        make,
        lambda folder: load_plain(folder / FILE, Comparison),
        files=files | study.conduction.files,
        parameters=parameters,
        after=after,
    )
