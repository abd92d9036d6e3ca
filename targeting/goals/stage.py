"""Stages "goal-regions", "alone" and "goal" of an objective other than the dose: what it looks at, and what came of it.

"goal-regions" makes what does not depend on the coil: the regions and further targets in this head, a field basis of the grey
matter that the objective looks at, and a dose map for each further target.  "alone" searches for each target by itself.
"goal", after the search and the direct solve, says what the objective and every region got.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from atlases.aim import AimedTarget
from targeting.goals.record import PlanGoal
from targeting.goals.request import ObjectiveRequest
from targeting.records.places import place_name
from targeting.result_files import load_arrays, load_plain, save_arrays, save_plain
from targeting.study.aim import Aim
from targeting.study.coil_aim import CoilAim
from targeting.study.study import Study
from targeting.study.target_stage import aimed_in, load_target, save_target
from targeting.subject import Done, Stage
from targeting.tms.confirmation import Confirmation

if TYPE_CHECKING:
    from targeting.tms import DoseMap, TmsSearch
    from targeting.tms.objective_making import Part
    from targeting.tms.objectives import Objective, OtherTarget, Patch, PointField

BASIS_FILE, GOAL_FILE = "regions_basis.npz", "goal_reached.json"


@dataclass(frozen=True, eq=False)
class Regions:
    """The regions of an objective in one head: the same for every coil.

    Parameters
    ----------
    avoid, also : tuple of AimedTarget
        Regions to spare, and further targets.
    also_maps : tuple of DoseMap
        Of the further targets.
    parts : dict
        Name → tetrahedra and weights of the grey matter that is looked at.
    basis : PointField or None
        The field in these parts; None where there are none.
    """

    avoid: tuple[AimedTarget, ...]
    also: tuple[AimedTarget, ...]
    also_maps: tuple[DoseMap, ...]
    parts: dict[str, Part]
    basis: PointField | None

    @property
    def names(self) -> list[str]:
        """Of the avoided regions, with their sides."""
        return [place_name(each) for each in self.avoid]

    def patches(self) -> dict[str, Patch]:
        """The parts as patches of the basis."""
        from targeting.tms.objective_making import patches

        return patches(self.parts, self.basis, self.names)


def regions_stage(request: ObjectiveRequest, study: Study) -> Stage[Regions]:
    """Stage "goal-regions"; the sampled grey matter and the regions' tetrahedra are found anew when it is loaded."""
    registration = study.registration if request.in_mni else None
    surfaces = study.cortex if request.needs_cortex else None

    def paths(folder: Path, role: str) -> list[Path]:
        return [folder / f"{role}{i}.npz" for i in range(len(getattr(request, role)))]

    def make(folder: Path) -> Regions:
        from targeting.fem.second_order import near_target
        from targeting.tms import DoseMap
        from targeting.tms.objective_making import basis_of, parts_of

        def found(aim: Aim) -> AimedTarget:
            return aimed_in(aim, head, registration, surfaces)

        head = study.head.value
        avoid, also = [found(each) for each in request.avoid], [found(each) for each in request.also]
        for role, places in (("avoid", avoid), ("also", also)):
            for path, each in zip(paths(folder, role), places, strict=True):
                save_target(path, each)
        parts = parts_of(request.name, head, study.target.value.target, [each.target for each in avoid])
        if parts:
            basis_of(study.near_target, [tets for tets, _ in parts.values()]).save(folder / BASIS_FILE)
        for i, each in enumerate(also):
            DoseMap.build(near_target(study.conductor, each.target), each.target).save(folder / f"also{i}_dosemap.npz")
        if not request.avoid and not request.also and not parts:
            raise RuntimeError("a linear dose has no regions")
        return load(folder)

    def load(folder: Path) -> Regions:
        from targeting.tms import DoseMap
        from targeting.tms.field_basis import FieldBasis
        from targeting.tms.objective_making import parts_of

        avoid, also = (tuple(load_target(path) for path in paths(folder, role)) for role in ("avoid", "also"))
        parts = parts_of(request.name, study.head.value, study.target.value.target, [each.target for each in avoid])
        maps = tuple(DoseMap.load(folder / f"also{i}_dosemap.npz") for i in range(len(also)))
        return Regions(avoid, also, maps, parts, FieldBasis.load(folder / BASIS_FILE) if parts else None)

    parameters: dict[str, Any] = {"name": request.name, **request.places, **study.conduction.parameters}
    files = request.files | study.conduction.files
    after = [each for each in (study.head, study.target, registration, surfaces) if each]
    return Stage("goal-regions", 3, make, load, files=files, parameters=parameters, after=after)


def alone_stage(
    study: Study, aim: CoilAim, dose_map: Done[DoseMap], regions: Done[Regions]
) -> Stage[tuple[OtherTarget, ...]]:
    """Stage "alone": the best dose of the target, and of each further one, when the coil serves it alone.

    Parameters
    ----------
    study : Study
    aim : CoilAim
    dose_map : Done[DoseMap]
        Of the target.
    regions : Done[Regions]
        With the further targets and their dose maps.
    """
    found_anew = ("name", "dose_map", "tets", "weights")

    def everyone() -> list[tuple[str, Any, DoseMap]]:
        target, here = study.target.value, regions.value
        others = zip(here.also, here.also_maps, strict=True)
        further = [(place_name(each), each.target, its_map) for each, its_map in others]
        return [(place_name(target), target.target, dose_map.value), *further]

    def make(folder: Path) -> tuple[OtherTarget, ...]:
        from targeting.tms.objective_making import served_alone

        for i, (_, target, its_map) in enumerate(everyone()):
            served = served_alone(study.head.value, target, aim.coil, aim.hair_mm, its_map)
            save_arrays(folder / f"alone{i}.npz", served, leave_out=found_anew)
        return load(folder)

    def load(folder: Path) -> tuple[OtherTarget, ...]:
        from targeting.tms.objectives import OtherTarget

        out = []
        for i, (name, target, its_map) in enumerate(everyone()):
            tets, weights = target.weights(study.head.value)
            known = {"name": name, "dose_map": its_map, "tets": tets, "weights": weights}
            out.append(load_arrays(folder / f"alone{i}.npz", OtherTarget, **known))
        return tuple(out)

    parameters = {**aim.coil_parameters, "hair_mm": aim.hair_mm}
    after: list[Done[Any]] = [study.head, study.target, dose_map, regions]
    return Stage("alone", 2, make, load, files=aim.files, parameters=parameters, after=after)


@dataclass(frozen=True, eq=False)
class StagedObjective:
    """An objective as it was asked for, with the stages that it is put together from.

    Parameters
    ----------
    request : ObjectiveRequest
    study : Study
    aim : CoilAim
    regions : Done[Regions]
    alone : Done[tuple of OtherTarget], optional
        None where the target is the only one.
    """

    request: ObjectiveRequest
    study: Study
    aim: CoilAim
    regions: Done[Regions]
    alone: Done[tuple[OtherTarget, ...]] | None

    @classmethod
    def run(cls, request: ObjectiveRequest, study: Study, aim: CoilAim, dose_map: Done[DoseMap]) -> StagedObjective:
        """Run the stages before the search.

        Parameters
        ----------
        request : ObjectiveRequest
        study : Study
        aim : CoilAim
        dose_map : Done[DoseMap]
            Of the target.
        """
        regions = study.run(regions_stage(request, study))
        alone = study.run(alone_stage(study, aim, dose_map, regions)) if request.also else None
        return cls(request, study, aim, regions, alone)

    @property
    def after(self) -> list[Done[Any]]:
        """The stages it comes from."""
        return [self.regions, *([self.alone] if self.alone else [])]

    def objective(self, looked_at: Mapping[str, Patch] | None = None) -> Objective:
        """The objective, with the basis' patches or others."""
        from targeting.tms.objective_making import assemble

        request = self.request
        return assemble(
            request.name,
            self.study.head.value,
            self.study.target.value.target,
            direction=self.aim.dose_unit(self.study),
            looked_at=self.regions.value.patches() if looked_at is None else looked_at,
            together=self.alone.value if self.alone else (),
            weight=request.weight,
            cap=request.cap,
            least_share=request.least_share,
        )


def goal_stage(
    objective: StagedObjective, dose_map: Done[DoseMap], search: Done[TmsSearch], confirmation: Done[Confirmation]
) -> Stage[PlanGoal]:
    """Stage "goal": the objective and every region's field at the ranked placements.

    Parameters
    ----------
    objective : StagedObjective
    dose_map : Done[DoseMap]
        Of the target.
    search, confirmation : Done
        The ranked placements, and their direct solves.
    """
    study, aim = objective.study, objective.aim

    def make(folder: Path) -> PlanGoal:
        from targeting.goals.goal import goal_of

        goal = goal_of(objective, search.value, confirmation.value)
        save_plain(folder / GOAL_FILE, goal)
        return goal

    parameters = {
        **objective.request.numbers,
        "coil_sha256": aim.coil_parameters["coil_sha256"],
        "direction": aim.direction,
    }
    return Stage(
        "goal",
        1,
        make,
        lambda folder: load_plain(folder / GOAL_FILE, PlanGoal),
        files=aim.files,
        parameters=parameters,
        after=[study.head, study.target, *objective.after, dose_map, search, confirmation],
    )
