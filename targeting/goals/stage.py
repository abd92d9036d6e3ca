"""The stages of an objective other than the dose: fields at its regions, its other targets alone, and what came of it.

"regions" makes what does not depend on the coil: the regions and further targets in this head, a field basis of the grey
matter that the objective looks at, and a dose map for each further target.  "alone" searches for each target by itself.
"goal", after the search and the direct solve, says what the objective and every region got.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from atlases.targets import targets
from targeting.coils.coil import fingerprint
from targeting.goals.record import PlanGoal, PlanPlace
from targeting.goals.request import ObjectiveRequest
from targeting.modality import REFERENCE_DIDT_A_PER_S
from targeting.records.places import ALSO, AVOIDED, place_facts
from targeting.study.request import Direction
from targeting.study.target_stage import load_target, save_target
from targeting.study.tms_confirm import Confirmed
from targeting.subject import Done, Stage, Subject

if TYPE_CHECKING:
    from atlases.aim import AimedTarget
    from atlases.registration import MniWarp
    from meshes.cortical_surface import Cortex
    from meshes.head import HeadMesh
    from targeting.coils.coil import Coil
    from targeting.fem import HeadConductor
    from targeting.study.conduction import Conduction
    from targeting.tms import DoseMap, TmsSearch
    from targeting.tms.objective_making import Part
    from targeting.tms.objectives import Objective, OtherTarget, Patch, PointField

REGIONS, ALONE, GOAL = "regions", "alone", "goal"
BASIS_FILE, GOAL_FILE = "regions_basis.npz", "goal_reached.json"


@dataclass(frozen=True, eq=False)
class Regions:
    """What an objective looks at, whatever the coil."""

    avoid: tuple[AimedTarget, ...]
    also: tuple[AimedTarget, ...]
    also_maps: tuple[DoseMap, ...]
    parts: dict[str, Part]
    basis: PointField | None

    @property
    def names(self) -> list[str]:
        """Of the avoided regions, with their sides."""
        return [named(each) for each in self.avoid]

    def patches(self) -> dict[str, Patch]:
        """The parts as patches of the basis."""
        from targeting.tms.objective_making import patches

        return patches(self.parts, self.basis, self.names)


def named(aimed: AimedTarget) -> str:
    """A place's name with its side."""
    target = aimed.target
    has_side = target.name in targets()  # coordinates and masks say where they are
    return f"{target.side} {target.name}" if has_side else target.name


def regions_stage(
    request: ObjectiveRequest,
    meshed: Done[HeadMesh],
    aimed: Done[AimedTarget],
    registered: Done[MniWarp] | None,
    conduction: Conduction,
    conductor: Callable[[], HeadConductor],
) -> Stage[Regions]:
    """Stage "regions"; the sampled grey matter and the regions' tetrahedra are found anew when it is loaded."""
    from targeting.study.aim import Aim

    def paths(folder: Path, role: str) -> list[Path]:
        return [folder / f"{role}{i}.npz" for i in range(len(getattr(request, role)))]

    def make(room: Path) -> Regions:
        from atlases.aim import resolve_target
        from targeting.tms import DoseMap
        from targeting.tms.objective_making import basis_of, parts_of

        head, warp = meshed.value, registered.value if registered else None

        def found(aim: Aim) -> AimedTarget:
            return resolve_target(aim.name, aim.side, head, warp, radius_mm=aim.radius_mm, frame=aim.frame)

        avoid, also = [found(each) for each in request.avoid], [found(each) for each in request.also]
        for role, places in (("avoid", avoid), ("also", also)):
            for path, each in zip(paths(room, role), places, strict=True):
                save_target(path, each)
        parts = parts_of(request.name, head, aimed.value.target, [each.target for each in avoid])
        if parts:
            basis_of(conductor(), [tets for tets, _ in parts.values()]).save(room / BASIS_FILE)
        for i, each in enumerate(also):
            DoseMap.build(conductor(), each.target).save(room / f"also{i}_dosemap.npz")
        if not request.avoid and not request.also and not parts:
            raise RuntimeError("a linear dose has no regions")
        return load(room)

    def load(folder: Path) -> Regions:
        from targeting.tms import DoseMap
        from targeting.tms.field_basis import FieldBasis
        from targeting.tms.objective_making import parts_of

        avoid, also = (tuple(load_target(path) for path in paths(folder, role)) for role in ("avoid", "also"))
        parts = parts_of(request.name, meshed.value, aimed.value.target, [each.target for each in avoid])
        maps = tuple(DoseMap.load(folder / f"also{i}_dosemap.npz") for i in range(len(also)))
        return Regions(avoid, also, maps, parts, FieldBasis.load(folder / BASIS_FILE) if parts else None)

    parameters: dict[str, Any] = {"name": request.name, **request.places, **conduction.parameters}
    files = request.files | conduction.files
    after: list[Done[Any]] = [meshed, aimed, *([registered] if registered else [])]
    return Stage(REGIONS, 1, make, load, files=files, parameters=parameters, after=after)


def alone_stage(
    meshed: Done[HeadMesh],
    aimed: Done[AimedTarget],
    mapped: Done[DoseMap],
    regions: Done[Regions],
    coil: Coil,
    coil_file: Path | None,
    hair_mm: float,
) -> Stage[tuple[OtherTarget, ...]]:
    """Stage "alone": the best dose of the target, and of each further one, when the coil serves it alone."""
    arrays = ("best_v_per_m", "scalp_points_mm", "best_at_point_v_per_m")

    def everyone() -> list[tuple[str, Any, DoseMap]]:
        first = (named(aimed.value), aimed.value.target, mapped.value)
        here = regions.value
        others = zip(here.also, here.also_maps, strict=True)
        return [first, *((named(each), each.target, its_map) for each, its_map in others)]

    def make(room: Path) -> tuple[OtherTarget, ...]:
        from targeting.tms.objective_making import served_alone

        served = [served_alone(meshed.value, target, coil, hair_mm, its_map) for _, target, its_map in everyone()]
        for i, each in enumerate(served):
            np.savez(room / f"alone{i}.npz", **{name: getattr(each, name) for name in arrays})
        return load(room)

    def load(folder: Path) -> tuple[OtherTarget, ...]:
        from targeting.tms.objectives import OtherTarget

        out = []
        for i, (name, target, its_map) in enumerate(everyone()):
            with np.load(folder / f"alone{i}.npz", allow_pickle=False) as kept:
                best, points, here = (kept[each] for each in arrays)
            tets, weights = target.weights(meshed.value)
            out.append(OtherTarget(name, its_map, tets, weights, float(best), points, here))
        return tuple(out)

    parameters = {"coil": coil.name, "coil_sha256": fingerprint(coil), "hair_mm": hair_mm}
    files = {"coil": coil_file} if coil_file else {}
    return Stage(ALONE, 1, make, load, files=files, parameters=parameters, after=[meshed, aimed, mapped, regions])


@dataclass(frozen=True, eq=False)
class Wanted:
    """The request and the stages it had made: what the search and its verdict are put together from."""

    request: ObjectiveRequest
    meshed: Done[HeadMesh]
    aimed: Done[AimedTarget]
    direction: Direction
    cortex: Done[Cortex] | None
    regions: Done[Regions]
    alone: Done[tuple[OtherTarget, ...]] | None

    @property
    def after(self) -> list[Done[Any]]:
        """The stages it comes from."""
        return [self.regions, *([self.alone] if self.alone else [])]

    def objective(self, looked_at: Mapping[str, Patch] | None = None) -> Objective:
        """The objective, with the basis' patches or others."""
        from targeting.tms.direction import direction_vector
        from targeting.tms.objective_making import assemble

        head, target, request = self.meshed.value, self.aimed.value.target, self.request
        return assemble(
            request.name,
            head,
            target,
            direction=direction_vector(head, target, self.direction, self.cortex.value if self.cortex else None),
            looked_at=self.regions.value.patches() if looked_at is None else looked_at,
            together=self.alone.value if self.alone else (),
            weight=request.weight,
            cap=request.cap,
            least_share=request.least_share,
        )


def run_wanted(
    subject: Subject,
    request: ObjectiveRequest,
    meshed: Done[HeadMesh],
    aimed: Done[AimedTarget],
    registered: Done[MniWarp] | None,
    mapped: Done[DoseMap],
    coil: Coil,
    coil_file: Path | None,
    hair_mm: float,
    direction: Direction,
    cortex: Done[Cortex] | None,
    conduction: Conduction,
    conductor: Callable[[], HeadConductor],
) -> Wanted:
    """Run the stages before the search."""
    regions = subject.run(regions_stage(request, meshed, aimed, registered, conduction, conductor))
    alone = None
    if request.also:
        alone = subject.run(alone_stage(meshed, aimed, mapped, regions, coil, coil_file, hair_mm))
    return Wanted(request, meshed, aimed, direction, cortex, regions, alone)


def goal_stage(
    wanted: Wanted,
    mapped: Done[DoseMap],
    searched: Done[TmsSearch],
    confirmed: Done[Confirmed],
    coil: Coil,
    coil_file: Path | None,
) -> Stage[PlanGoal]:
    """Stage "goal": the objective and every region's field at the ranked placements."""

    def make(room: Path) -> PlanGoal:
        made = goal_of(wanted, searched.value, confirmed.value, coil)
        text = json.dumps(asdict(made), indent=1, allow_nan=False)
        (room / GOAL_FILE).write_text(text + "\n", encoding="utf-8")
        return made

    def load(folder: Path) -> PlanGoal:
        read = json.loads((folder / GOAL_FILE).read_text(encoding="utf-8"))
        places = [PlanPlace(**each) for each in read.pop("places")]
        return PlanGoal(places=places, **read)

    parameters = {**wanted.request.numbers, "coil_sha256": fingerprint(coil), "direction": wanted.direction}
    files = {"coil": coil_file} if coil_file else {}
    after: list[Done[Any]] = [wanted.meshed, wanted.aimed, *wanted.after, mapped, searched, confirmed]
    return Stage(GOAL, 1, make, load, files=files, parameters=parameters, after=after)


def goal_of(wanted: Wanted, found: TmsSearch, confirmed: Confirmed, coil: Coil) -> PlanGoal:
    """The plan's goal block: the basis' word for all placements, the direct solve's for the first."""
    from targeting.tms.objective_making import everywhere
    from targeting.tms.objectives import Posed, Solved, mean_size

    head, target, regions = wanted.meshed.value, wanted.aimed.value.target, wanted.regions.value
    objective = wanted.objective()
    per_unit = REFERENCE_DIDT_A_PER_S / found.didt_a_per_s
    seen = Posed(
        coil.driven(found.effective_sign), found.poses, found.mean_e_v_per_m * per_unit, REFERENCE_DIDT_A_PER_S
    )
    tets, weights = target.weights(head)
    e = confirmed.e_v_per_m.astype(np.float64)
    solved = Solved(e, (weights @ e[tets])[None], REFERENCE_DIDT_A_PER_S)
    directly = everywhere(head, regions.patches())

    def place(each: AimedTarget, role: str, strength: np.ndarray, check: float, best: float | None) -> PlanPlace:
        return PlanPlace(
            **place_facts(each.target),
            role=role,
            e_v_per_m=[float(one) for one in strength],
            direct_e_v_per_m=float(check),
            best_e_v_per_m=best,
        )

    places = []
    for i, each in enumerate(regions.avoid):
        patch, whole = regions.patches()[f"avoid{i}"], directly[f"avoid{i}"]
        strength = mean_size(seen.sizes(patch), patch.volumes_mm3)
        check = mean_size(solved.sizes(whole), whole.volumes_mm3)[0]
        places.append(place(each, AVOIDED, strength, check, None))
    for each, other in zip(regions.also, wanted.alone.value[1:] if wanted.alone else (), strict=True):
        places.append(place(each, ALSO, seen.dose_at(other), solved.dose_at(other)[0], other.best_v_per_m))
    return PlanGoal(
        name="several targets" if wanted.request.also else wanted.request.name,
        words=objective.words,
        unit=objective.unit,
        score=found.objective.tolist(),
        value=objective.value(seen).tolist(),
        direct_value=float(wanted.objective(directly).value(solved)[0]),
        penalty=wanted.request.weight,
        avoid_cap=wanted.request.cap,
        least_share=wanted.request.least_share,
        best_dose_v_per_m=wanted.alone.value[0].best_v_per_m if wanted.alone else None,
        places=places,
    )
