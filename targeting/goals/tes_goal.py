"""What a montage is to do besides its dose, as the search takes it, and what came of it as the plan tells it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from atlases.aim import AimedTarget
from meshes.cortical_surface import Cortex
from meshes.head import HeadMesh
from targeting.goals.tes_record import PlanNetwork, PlanTesGoal, PlanTesPlace
from targeting.networks.network_map import MapTarget, NetworkMap
from targeting.records.places import ALSO, AVOIDED, place_facts, place_name
from targeting.records.pole import SIGNED
from targeting.study.request import Direction
from targeting.tes.montage_dose import Inward, inward_of
from targeting.tes.montage_goal import Goal, Unit
from targeting.tes.optimise import Limits, Region
from targeting.tms.direction import direction_vector

if TYPE_CHECKING:
    from targeting.study.tes_request import TesRequest
    from targeting.tes.leadfield import Leadfield
    from targeting.tes.montage_choice import ChosenMontage
    from targeting.tes.montage_confirm import ConfirmedMontage


@dataclass(frozen=True, eq=False)
class Places:
    """Regions to spare and further targets in a head."""

    avoid: tuple[AimedTarget, ...] = ()
    also: tuple[AimedTarget, ...] = ()


def dose_unit(head: HeadMesh, aimed_target: AimedTarget, direction: Direction, cortex: Cortex | None) -> Unit:
    """The direction of a target's dose: of a map its own at each tetrahedron, (m, 3); else one for all, or None.

    "anodal" is the way into the cortex (:mod:`targeting.tes.montage_dose`), "cathodal" the way out.

    Parameters
    ----------
    head : HeadMesh
    aimed_target : AimedTarget
    direction : {"normal", "anodal", "cathodal"} or (3,) float, optional
    cortex : Cortex, optional
        Where normals come from.
    """
    if isinstance(aimed_target.target, MapTarget):
        return aimed_target.target.along
    if isinstance(direction, str) and direction in SIGNED:
        return SIGNED[direction] * inward_of(head, aimed_target.target, cortex).unit
    # which way a coil's current is wanted is no word on electrodes: their normal is the whole cortex's in the target
    return direction_vector(head, replace(aimed_target.target, current_toward=None), direction, cortex)


def inward_at(head: HeadMesh, aimed_target: AimedTarget, cortex: Cortex | None) -> Inward | None:
    """The way into the cortex at a target; None for a map, which has a way of its own at every point."""
    return None if isinstance(aimed_target.target, MapTarget) else inward_of(head, aimed_target.target, cortex)


def also_units(head: HeadMesh, places: Places | None, direction: Direction, cortex: Cortex | None) -> tuple[Unit, ...]:
    """The directions of the further targets' doses.

    Parameters
    ----------
    head : HeadMesh
    places : Places, optional
    direction, cortex
        As for :func:`dose_unit`.
    """
    return tuple(dose_unit(head, each, direction, cortex) for each in places.also) if places else ()


def goal_on(
    leadfield: Leadfield,
    request: TesRequest,
    head: HeadMesh,
    aimed_target: AimedTarget,
    places: Places | None,
    direction: Direction,
    cortex: Cortex | None,
    limits: Limits,
) -> Goal:
    """What a montage is searched for on a leadfield.

    Parameters
    ----------
    leadfield : Leadfield
    request : TesRequest
    head : HeadMesh
    aimed_target : AimedTarget
    places : Places, optional
        Regions to spare and further targets.
    direction, cortex
        As for :func:`dose_unit`.
    limits : Limits
        Of the currents.
    """

    def region(each: AimedTarget) -> Region:
        return replace(Region.of_target(leadfield, head, each.target), name=place_name(each))

    target, inward = aimed_target.target, inward_at(head, aimed_target, cortex)
    return Goal(
        region(aimed_target),
        dose_unit(head, aimed_target, direction, cortex),
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
    request: TesRequest,
    aimed_target: AimedTarget,
    places: Places | None,
    montage: ChosenMontage,
    confirmation: ConfirmedMontage,
) -> PlanTesGoal | None:
    """The plan's goal block, or None where nothing else was asked.

    Parameters
    ----------
    request : TesRequest
    aimed_target : AimedTarget
    places : Places, optional
    montage : ChosenMontage
        With what the search found there.
    confirmation : ConfirmedMontage
        With what the direct solves give there.
    """
    network_map = request.network_map
    if places is None and network_map is None:
        return None
    here = places or Places()
    searched, direct = montage.places, confirmation.places
    rows = [(AVOIDED, each) for each in here.avoid] + [(ALSO, each) for each in here.also]
    by_search: list[float | None] = [None] * len(rows)
    alone: list[float | None] = [None] * len(rows)
    if searched is not None:
        by_search = [*searched.avoided_v_per_m, *searched.also_v_per_m]
        alone = [*([None] * len(here.avoid)), *searched.alone_v_per_m[1:]]
    ours = direct.ours.e_v_per_m
    usual = direct.standard.e_v_per_m if direct.standard else (None,) * len(rows)
    network = None
    if network_map is not None:
        assert isinstance(aimed_target.target, MapTarget) and direct.ours.agreement is not None
        network = PlanNetwork(
            map=network_map.path.name,
            space=network_map.space,
            wanted_v_per_m=request.dose_v_per_m,
            agreement=direct.ours.agreement,
            standard_agreement=direct.standard.agreement if direct.standard else None,
            near_grey=aimed_target.target.near,
        )
    return PlanTesGoal(
        words=goal_words(request, here, network_map),
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


def goal_words(request: TesRequest, places: Places, network_map: NetworkMap | None) -> str:
    """What else was asked, in words."""
    said = []
    if network_map is not None:
        said.append(f"the field follows the map {network_map.path.name}")
    if places.also:
        names = " and ".join(place_name(each) for each in places.also)
        said.append(f"{names} served as well: the smallest dose, as a share of the most each can get alone, made large")
    if places.avoid:
        names = " and ".join(place_name(each) for each in places.avoid)
        share = request.stated_share
        held = "" if share is None else f" with at most {share:g} of the target's dose (root mean square)"
        said.append(f"{names} spared{held}")
    return "; ".join(said)
