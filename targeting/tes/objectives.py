"""What a montage can be optimised for: every objective by name, with its words, its rules and its solver.

A third party adds one with an entry point of the group ``target.tes_objectives`` that names an :class:`Objective`.  This
module is light: requests and the command line's help read it, and a solver is imported when it is used.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from meshes.errors import InputError
from meshes.plugins import Registry

SAID = "`TesRequest.objective={}`"  # how a message names the objective


@dataclass(frozen=True, kw_only=True)
class Objective:
    """One objective.

    Parameters
    ----------
    name : str
        As users give it.
    words : str
        What is made best, for a plan's page.
    solver : str
        ``module:function``: from a leadfield and a :class:`~targeting.tes.montage_goal.Goal` to an
        :class:`~targeting.tes.optimise.Optimum`; with ``listed`` to all
        :class:`~targeting.tes.optimise.Candidates`, of which the best that fits the head is taken.
    listed : bool
        One electrode carries the whole current, and every candidate is computed.
    pads : bool
        Two large pads can be chosen by it.
    map : bool
        Its target is a map over the cortex (``network``).
    dose : bool
        It needs the wanted field in the target, V/m.
    direction : {"needed", "optional", "unused"}
        Of the dose.
    further_targets : bool
        It can serve several targets.
    bounds_dose : bool
        The optimum's bound is one on the dose.
    """

    name: str
    words: str
    solver: str
    listed: bool = False
    pads: bool = False
    map: bool = False
    dose: bool = False
    direction: Literal["needed", "optional", "unused"] = "optional"
    further_targets: bool = False
    bounds_dose: bool = False


_OWN = (
    Objective(
        name="magnitude",
        words="the largest mean field vector in the target, whatever its direction",
        solver="targeting.tes.montage_goal:largest_magnitude",
        direction="unused",
        further_targets=True,
        bounds_dose=True,
    ),
    Objective(
        name="intensity",
        words="the largest mean field along the direction in the target",
        solver="targeting.tes.montage_goal:largest_along",
        direction="needed",
        further_targets=True,
        bounds_dose=True,
    ),
    Objective(
        name="energy",
        words="the wanted field in the target, with the least energy in other grey matter",
        solver="targeting.tes.montage_goal:least_energy",
        dose=True,
    ),
    Objective(
        name="focality",
        words="the wanted field in the target, with the least grey matter above half of it",
        solver="targeting.tes.montage_goal:most_focal",
        dose=True,
    ),
    Objective(
        name="pair",
        words="the two electrodes with the largest mean field in the target",
        solver="targeting.tes.montage_goal:all_pairs",
        listed=True,
        pads=True,
        further_targets=True,
    ),
    Objective(
        name="ring",
        words="the 4×1 ring with the largest mean field in the target",
        solver="targeting.tes.montage_goal:all_rings",
        listed=True,
        further_targets=True,
    ),
    Objective(
        name="projection",
        words="the most field along the cortex's normal, weighted by the map and with its sign",
        solver="targeting.tes.montage_goal:largest_along",
        map=True,
    ),
    Objective(
        name="least-squares",
        words="the field along the cortex's normal nearest to the map, its largest value standing for the dose given",
        solver="targeting.tes.montage_goal:nearest_to_map",
        map=True,
        dose=True,
    ),
)

TES_OBJECTIVES = Registry(
    "target.tes_objectives", Objective, "objective of `TesRequest.objective`", {each.name: each for each in _OWN}
)


def check_objective(name: str, *, directed: bool, dosed: bool, mapped: bool = False, further: bool = False) -> None:
    """Refuse an objective that lacks something or cannot use what is given.

    Parameters
    ----------
    name : str
        Of the objective.
    directed, dosed, mapped, further : bool
        Whether a direction of the dose, a wanted field, a map as the target, and further targets are given.

    Raises
    ------
    InputError
        In one line, with what to do.
    """
    objective, said = TES_OBJECTIVES.named(name), SAID.format(name)
    if objective.map != mapped:
        of_maps = " or ".join(each for each, rules in TES_OBJECTIVES.members().items() if rules.map)
        raise InputError(f"{said} {'needs `network=MAP`' if objective.map else f'is not for maps: take {of_maps}'}")
    if further and not objective.further_targets:
        able = ", ".join(each for each, rules in TES_OBJECTIVES.members().items() if rules.further_targets)
        raise InputError(f"`also` goes with {able}, not with {said}")
    if objective.direction == "needed" and not directed:
        raise InputError(f"{said} needs `polarity=anodal` or cathodal, or `direction=normal` or x,y,z")
    if objective.direction == "unused" and directed:
        raise InputError(f"{said} has no use for `direction`: ask for intensity")
    if objective.dose != dosed:
        which = "needs" if objective.dose else "has no use for"
        raise InputError(f"{said} {which} `dose_v_per_m`, the wanted field in V/m")
