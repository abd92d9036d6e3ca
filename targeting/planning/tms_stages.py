"""Stages "dosemap", "search" and "confirm" of a coil's plan: the target's reciprocal field, the ranked poses, direct solves."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from targeting.engines.protocol import Engine
from targeting.memory_need import search_need, solve_need
from targeting.modality import REFERENCE_DIDT_A_PER_S
from targeting.pose import Pose
from targeting.result_files import load_arrays, save_arrays
from targeting.study.coil_aim import CoilAim
from targeting.study.study import Study
from targeting.study.tms_request import TmsRequest
from targeting.subject import Done, Stage
from targeting.tms.confirmation import Confirmation, confirm

if TYPE_CHECKING:
    from targeting.goals.stage import StagedObjective
    from targeting.tms import DoseMap, TmsSearch


def dose_map_stage(study: Study) -> Stage[DoseMap]:
    """Stage "dosemap": the reciprocal field of the target everywhere outside the head (three solves)."""

    def make(folder: Path) -> DoseMap:
        from targeting.tms import DoseMap

        dose_map = DoseMap.build(study.near_target, study.target.value.target)
        dose_map.save(folder / "dosemap.npz")
        return dose_map

    return Stage(
        "dosemap",
        3,
        make,
        load_dose_map,
        files=study.conduction.files,
        parameters=study.conduction.parameters,
        after=[study.head, study.target],
        needs=lambda: solve_need(study.head.value),
    )


def load_dose_map(folder: Path) -> DoseMap:
    """The dose map that stage "dosemap" left in a subject's folder."""
    from targeting.tms import DoseMap

    return DoseMap.load(folder / "dosemap.npz")


def search_stage(
    request: TmsRequest,
    study: Study,
    aim: CoilAim,
    dose_map: Done[DoseMap],
    objective: StagedObjective | None = None,
) -> Stage[TmsSearch]:
    """Stage "search": every pose of the coil on the scalp, ranked by its dose or by another objective.

    The cortex is where the direction "normal" and the fold at the target come from.

    Parameters
    ----------
    request : TmsRequest
    study : Study
    aim : CoilAim
    dose_map : Done[DoseMap]
    objective : StagedObjective, optional
        What placements are ranked by, if not by their dose.
    """

    def make(folder: Path) -> TmsSearch:
        from targeting.tms import search_tms

        target = study.target.value.target
        search = search_tms(
            study.head.value,
            target,
            aim.coil,
            hair_mm=aim.hair_mm,
            direction=aim.direction,
            cortex=study.cortex.value if study.cortex else None,
            dose_map=dose_map.value,
            didt_a_per_s=REFERENCE_DIDT_A_PER_S,
            keep=request.placements,
            tilt_deg=aim.tilt_deg,
            extra_mm=aim.extra_mm,
            objective=objective.objective() if objective else None,
            scalp=study.scalp,
            orientation=aim.orientation(study, target),
            drive=aim.pulse.drive,
        )
        save_arrays(folder / "search.npz", search)
        return search

    def load(folder: Path) -> TmsSearch:
        from targeting.tms import TmsSearch

        return load_arrays(folder / "search.npz", TmsSearch)

    parameters = {
        **aim.coil_parameters,
        **aim.search_parameters,
        "placements": request.placements,
        "objective": objective.request.numbers if objective else None,
    }
    before = (study.head, study.target, dose_map, study.cortex, *(objective.after if objective else []))
    after = [each for each in before if each]
    needs = lambda: search_need(study.head.value)  # noqa: E731
    return Stage("search", 5, make, load, files=aim.files, parameters=parameters, after=after, needs=needs)


def confirm_stage(study: Study, aim: CoilAim, search: Done[TmsSearch], engine: Engine) -> Stage[Confirmation]:
    """Stage "confirm": direct forward solves of the ranked poses by an engine.

    Parameters
    ----------
    study : Study
    aim : CoilAim
    search : Done[TmsSearch]
        With the ranked poses.
    engine : Engine
    """

    def make(folder: Path) -> Confirmation:
        found = search.value
        poses = [Pose(matrix) for matrix in found.poses]
        solved = engine.fields(study.near_target, aim.coil, poses, REFERENCE_DIDT_A_PER_S, aim.file)
        unit = found.ranked_by(aim.dose_unit(study))
        fields = [found.effective_sign * each.e_v_per_m for each in solved]
        confirmation = confirm(study.head.value, study.target.value.target, fields, unit)
        save_arrays(folder / "confirm.npz", confirmation)
        return confirmation

    parameters = {
        **aim.coil_parameters,
        "direction": aim.direction,
        "engine": {"name": engine.name, "version": engine.version},
        **study.conduction.parameters,
    }
    before = (study.head, study.target, search, aim.cortex_of(study))
    return Stage(
        "confirm",
        4,
        make,
        lambda folder: load_arrays(folder / "confirm.npz", Confirmation),
        files=aim.files | study.conduction.files,
        parameters=parameters,
        after=[each for each in before if each],
        needs=lambda: solve_need(study.head.value),
    )
