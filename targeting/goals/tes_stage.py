"""The stages of what else is asked of a montage: places in this head, and a map as the target; and what they are to it.

"…-places" finds the regions to spare and the further targets; "…-network" takes a map to the head's grey matter and stands
where the stage "target" stands otherwise.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from atlases.aim import AimedTarget
from meshes.cortical_surface import Cortex
from meshes.errors import InputError
from meshes.head import HeadMesh
from targeting.goals.stage import named
from targeting.goals.tes_record import PlanNetwork, PlanTesGoal, PlanTesPlace
from targeting.records.places import ALSO, AVOIDED, place_facts
from targeting.records.pole import SIGNED
from targeting.study.regions import Regions
from targeting.study.request import Direction
from targeting.study.target_stage import load_target, save_target
from targeting.subject import Done, Stage

if TYPE_CHECKING:
    from atlases.warp import MniWarp
    from targeting.networks.network_map import NetworkMap
    from targeting.study.tes_request import TesRequest
    from targeting.tes.leadfield import Leadfield
    from targeting.tes.montage_choice import ChosenMontage
    from targeting.tes.montage_confirm import ConfirmedMontage
    from targeting.tes.montage_dose import Inward
    from targeting.tes.montage_goal import Goal, Unit
    from targeting.tes.optimise import Limits


@dataclass(frozen=True, eq=False)
class Places:
    """Regions to spare and further targets in a head."""

    avoid: tuple[AimedTarget, ...] = ()
    also: tuple[AimedTarget, ...] = ()


def places_stage(kind: str, sought: Regions, meshed: Done[HeadMesh], registered: Done[MniWarp] | None) -> Stage[Places]:
    """Stage "…-places"."""
    counts = {"avoid": len(sought.avoid), "also": len(sought.also)}

    def make(room: Path) -> Places:
        from atlases.aim import resolve_target

        head, warp = meshed.value, registered.value if registered else None
        for role, aims in (("avoid", sought.avoid), ("also", sought.also)):
            for i, aim in enumerate(aims):
                place = resolve_target(aim.name, aim.side, head, warp, radius_mm=aim.radius_mm, frame=aim.frame)
                save_target(room / f"{kind}-{role}{i}.npz", place)
        return load(room)

    def load(folder: Path) -> Places:
        avoid, also = (
            tuple(load_target(folder / f"{kind}-{role}{i}.npz") for i in range(count)) for role, count in counts.items()
        )
        return Places(avoid, also)

    after: list[Done[Any]] = [meshed, *([registered] if registered else [])]
    return Stage(f"{kind}-places", 1, make, load, files=sought.files, parameters=sought.parameters, after=after)


def network_stage(
    kind: str,
    given: NetworkMap,
    meshed: Done[HeadMesh],
    cortex: Done[Cortex] | None,
    registered: Done[MniWarp] | None,
    why_not: list[str],
) -> Stage[AimedTarget]:
    """Stage "…-network": the map as a target.

    Raises
    ------
    InputError
        If there is no cortex to take normals from (``why_not`` says why).
    """
    if cortex is None:
        raise InputError(
            f"a network needs the cortex's surfaces for its normals: {'; '.join(why_not) or 'none are there'}"
        )
    folded = cortex
    name = f"{kind}-network"

    def make(room: Path) -> AimedTarget:
        from targeting.networks.network_map import MapTarget, map_target

        warp = registered.value if registered else None
        aimed = map_target(given, meshed.value, folded.value, warp)
        assert isinstance(aimed.target, MapTarget)
        aimed.target.save(room / f"{name}.npz", aimed.asked_mm, aimed.warnings)
        return load(room)

    def load(folder: Path) -> AimedTarget:
        from targeting.networks.network_map import MapTarget

        return MapTarget.load(folder / f"{name}.npz")

    after: list[Done[Any]] = [meshed, folded, *([registered] if registered else [])]
    parameters = {"space": given.space, "name": given.path.name, "frame": given.frame}
    return Stage(name, 3, make, load, files={"map": given.path}, parameters=parameters, after=after)


def register_if(needed: bool, register: Callable[[], Done[MniWarp]]) -> Done[MniWarp] | None:
    """The registration where it is needed."""
    return register() if needed else None


def dose_unit(head: HeadMesh, aimed: AimedTarget, direction: Direction, cortex: Cortex | None) -> Unit:
    """The direction of a target's dose: of a map its own at each tetrahedron, (m, 3); else one for all, or None.

    "anodal" is the way into the cortex (:mod:`targeting.tes.montage_dose`), "cathodal" the way out.
    """
    from targeting.networks.network_map import MapTarget
    from targeting.tes.montage_dose import inward_of
    from targeting.tms.direction import direction_vector

    if isinstance(aimed.target, MapTarget):
        return aimed.target.along
    if isinstance(direction, str) and direction in SIGNED:
        return SIGNED[direction] * inward_of(head, aimed.target, cortex).unit
    # which way a coil's current is wanted is no word on electrodes: their normal is the whole cortex's in the target
    return direction_vector(head, replace(aimed.target, current_toward=None), direction, cortex)


def inward_at(head: HeadMesh, aimed: AimedTarget, cortex: Cortex | None) -> Inward | None:
    """The way into the cortex at a target; None for a map, which has a way of its own at every point."""
    from targeting.networks.network_map import MapTarget
    from targeting.tes.montage_dose import inward_of

    return None if isinstance(aimed.target, MapTarget) else inward_of(head, aimed.target, cortex)


def also_units(head: HeadMesh, places: Places | None, direction: Direction, cortex: Cortex | None) -> tuple[Unit, ...]:
    """The directions of the further targets' doses."""
    return tuple(dose_unit(head, each, direction, cortex) for each in places.also) if places else ()


def goal_on(
    leadfield: Leadfield,
    request: TesRequest,
    head: HeadMesh,
    aimed: AimedTarget,
    places: Places | None,
    direction: Direction,
    cortex: Cortex | None,
    limits: Limits,
) -> Goal:
    """What a montage is searched for on a leadfield."""
    from targeting.networks.network_map import MapTarget
    from targeting.tes.montage_goal import Goal
    from targeting.tes.optimise import Region

    def region(each: AimedTarget) -> Region:
        return replace(Region.of_target(leadfield, head, each.target), name=named(each))

    target, inward = aimed.target, inward_at(head, aimed, cortex)
    return Goal(
        region(aimed),
        dose_unit(head, aimed, direction, cortex),
        limits,
        request.dose_v_per_m,
        tuple(region(each) for each in places.avoid) if places else (),
        request.share,
        tuple(region(each) for each in places.also) if places else (),
        also_units(head, places, direction, cortex),
        target.network(leadfield, head) if isinstance(target, MapTarget) else None,
        inward.unit if inward else None,
    )


def plan_goal_of(
    request: TesRequest, aimed: AimedTarget, places: Places | None, chosen: ChosenMontage, confirmed: ConfirmedMontage
) -> PlanTesGoal | None:
    """The plan's goal block, or None where nothing else was asked."""
    given = request.network_map
    if places is None and given is None:
        return None
    here = places or Places()
    searched, direct = chosen.reached, confirmed.places
    rows = [(AVOIDED, each) for each in here.avoid] + [(ALSO, each) for each in here.also]
    by_search: list[float | None] = [None] * len(rows)
    alone: list[float | None] = [None] * len(rows)
    if searched is not None:
        by_search = [*searched.avoided_v_per_m, *searched.also_v_per_m]
        alone = [*([None] * len(here.avoid)), *searched.alone_v_per_m[1:]]
    ours = direct.ours.e_v_per_m
    usual = direct.standard.e_v_per_m if direct.standard else (None,) * len(rows)
    network = None
    if given is not None:
        from targeting.networks.network_map import MapTarget

        assert isinstance(aimed.target, MapTarget) and direct.ours.agreement is not None
        network = PlanNetwork(
            map=given.path.name,
            space=given.space,
            wanted_v_per_m=request.dose_v_per_m,
            agreement=direct.ours.agreement,
            standard_agreement=direct.standard.agreement if direct.standard else None,
            near_grey=aimed.target.near,
        )
    return PlanTesGoal(
        words=goal_words(request, here, given),
        avoid_cap=request.stated_share,
        best_dose_v_per_m=searched.alone_v_per_m[0] if searched and searched.alone_v_per_m else None,
        places=[
            PlanTesPlace(
                **place_facts(place.target),
                role=role,
                e_v_per_m=e,
                search_e_v_per_m=search,
                standard_e_v_per_m=standard,
                best_e_v_per_m=best,
            )
            for (role, place), e, search, standard, best in zip(rows, ours, by_search, usual, alone, strict=True)
        ],
        network=network,
    )


def goal_words(request: TesRequest, places: Places, given: NetworkMap | None) -> str:
    """What else was asked, in words."""
    said = []
    if given is not None:
        said.append(f"the field follows the map {given.path.name}")
    if places.also:
        names = " and ".join(named(each) for each in places.also)
        said.append(f"{names} served as well: the smallest dose, as a share of the most each can get alone, made large")
    if places.avoid:
        names = " and ".join(named(each) for each in places.avoid)
        share = request.stated_share
        held = "" if share is None else f" with at most {share:g} of the target's dose (root mean square)"
        said.append(f"{names} spared{held}")
    return "; ".join(said)
