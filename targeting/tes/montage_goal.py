"""The goal of a montage's search on a leadfield (target, direction, limits, regions to spare, further targets), and the search.

Regions to spare and further targets mean what they do for coils: no avoided region gets more than a share of the target's
dose, and of several targets the smallest dose, each as a share of the most it can get alone, is made large.  For a montage
the avoided field is its root mean square, which is never below the mean and keeps every programme convex.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from meshes.errors import InputError
from targeting.tes.objectives import TES_OBJECTIVES, check_objective
from targeting.tes.optimise.candidates import Candidates, best_pairs, best_rings
from targeting.tes.optimise.intensity import maximum_intensity
from targeting.tes.optimise.limits import STEP_A, Limits, RmsCap, ShareCap, in_steps, rms_v_per_m
from targeting.tes.optimise.magnitude import maximum_magnitude
from targeting.tes.optimise.network import Network, network_least_squares
from targeting.tes.optimise.programme import Optimum
from targeting.tes.optimise.region import Region
from targeting.tes.optimise.several import maximum_of_magnitudes, maximum_of_several
from targeting.tes.optimise.sparing import intensity_sparing, magnitude_sparing
from targeting.tes.optimise.wanted_dose import maximum_focality, minimum_energy

if TYPE_CHECKING:
    from targeting.tes.leadfield import Leadfield

TRIED = 300  # of the best pairs, until two pads do not overlap
Unit = NDArray[np.float64] | None


@dataclass(frozen=True, eq=False)
class Goal:
    """What the search for a montage is to reach, and within which limits.

    Parameters
    ----------
    target : Region
        Of a map: its points, weighted by its size.
    unit : (3,), (m, 3) or None
        The direction of the dose, one for all points or each its own; None for the size of the mean vector.
    limits : Limits
    dose_v_per_m : float, optional
        The wanted field, for "energy", "focality" and "least-squares".
    avoid : tuple of Region
    share : float
        Of the target's dose, which none of them may pass.
    also : tuple of Region
        Further targets.
    also_units : tuple of (3,) or None
        The directions of their doses.
    network : Network, optional
        The map, if the target is one.
    inward : (3,) float64, optional
        The way into the cortex: what has no sign is turned so that the target's mean field enters it.
    """

    target: Region
    unit: Unit
    limits: Limits
    dose_v_per_m: float | None = None
    avoid: tuple[Region, ...] = ()
    share: float = 1.0
    also: tuple[Region, ...] = ()
    also_units: tuple[Unit, ...] = ()
    network: Network | None = None
    inward: NDArray[np.float64] | None = None

    @property
    def targets(self) -> tuple[Region, ...]:
        """The target and the further ones."""
        return (self.target, *self.also)

    @property
    def units(self) -> tuple[Unit, ...]:
        """Directions of the doses in them."""
        return (self.unit, *self.also_units)


@dataclass(frozen=True)
class PlaceDoses:
    """What regions and targets get by the leadfield, V/m.

    ``avoided_v_per_m`` root mean square of |E| in each; ``also_v_per_m`` dose of each further target; ``alone_v_per_m`` the
    most that the target and each of these can get alone under the limits (empty without further targets).
    """

    avoided_v_per_m: tuple[float, ...] = ()
    also_v_per_m: tuple[float, ...] = ()
    alone_v_per_m: tuple[float, ...] = ()


@dataclass(frozen=True, eq=False)
class GoalOptimum:
    """The best currents for a goal, A by electrode name, what they do on the leadfield, and how good they are.

    ``bound_v_per_m`` and ``gap`` are None where no bound is known.
    """

    currents_a: dict[str, float]
    dose_v_per_m: float
    bound_v_per_m: float | None
    gap: float | None
    binding: tuple[str, ...]
    places: PlaceDoses


def solve(name: str, leadfield: Leadfield, goal: Goal, fits: Callable[[list[str]], bool]) -> GoalOptimum:
    """The best montage for an objective.

    Parameters
    ----------
    name : str
        Of :data:`targeting.tes.objectives.TES_OBJECTIVES`.
    leadfield : Leadfield
    goal : Goal
    fits : callable
        Whether the electrodes of these names can sit on the head together; asked of pairs and rings.

    Raises
    ------
    InputError
        If the goal does not fit the objective, or no montage is within the limits; the line names the one that stands in
        the way.
    """
    directed, dosed = goal.unit is not None and goal.network is None, goal.dose_v_per_m is not None
    check_objective(name, directed=directed, dosed=dosed, mapped=goal.network is not None, further=bool(goal.also))
    objective = TES_OBJECTIVES.named(name)

    def solution() -> Any:
        return TES_OBJECTIVES.run(objective, resolve_name(objective.solver), leadfield, goal)

    if objective.listed:
        return _entering(leadfield, goal, _best_listed(name, leadfield, goal, solution(), fits))
    alone = tuple(_alone(leadfield, *each, goal.limits) for each in zip(goal.targets, goal.units, strict=True))
    best: Optimum = _several(leadfield, goal, alone) if goal.also else solution()
    currents = best.currents_a
    optimum = GoalOptimum(
        best.electrodes,
        dose_v_per_m(leadfield, goal.target, goal.unit, currents),
        best.bound if objective.bounds_dose and not goal.also else None,
        best.gap,
        best.binding,
        place_doses(leadfield, goal, currents, alone if goal.also else ()),
    )
    return _entering(leadfield, goal, optimum)


def largest_magnitude(leadfield: Leadfield, goal: Goal) -> Optimum:
    """The largest mean field vector, sparing what is to be spared."""
    if goal.avoid:
        return magnitude_sparing(leadfield, goal.target, goal.limits, goal.avoid, goal.share)
    return maximum_magnitude(leadfield, goal.target, goal.limits)


def largest_along(leadfield: Leadfield, goal: Goal) -> Optimum:
    """The largest mean field along the goal's direction or a map's, sparing what is to be spared."""
    assert goal.unit is not None
    if goal.avoid:
        return intensity_sparing(leadfield, goal.target, goal.unit, goal.limits, goal.avoid, goal.share)
    return maximum_intensity(leadfield, goal.target, goal.unit, goal.limits)


def least_energy(leadfield: Leadfield, goal: Goal) -> Optimum:
    """The wanted field with the least energy elsewhere."""
    assert goal.dose_v_per_m is not None
    return minimum_energy(leadfield, goal.target, goal.unit, goal.dose_v_per_m, goal.limits, _rms_caps(goal))


def most_focal(leadfield: Leadfield, goal: Goal) -> Optimum:
    """The wanted field with the least grey matter above half of it."""
    assert goal.dose_v_per_m is not None
    return maximum_focality(leadfield, goal.target, goal.unit, goal.dose_v_per_m, goal.limits, _rms_caps(goal))


def nearest_to_map(leadfield: Leadfield, goal: Goal) -> Optimum:
    """The field along the cortex's normal nearest to the goal's map."""
    assert goal.network is not None and goal.dose_v_per_m is not None and goal.unit is not None
    row = goal.target.row(leadfield, goal.unit)
    caps = [ShareCap(each, row, goal.share) for each in goal.avoid]
    return network_least_squares(leadfield, goal.network, goal.dose_v_per_m, goal.limits, caps)


def all_pairs(leadfield: Leadfield, goal: Goal) -> Candidates:
    """Every pair of electrodes."""
    return best_pairs(leadfield, goal.target, goal.unit, goal.limits)


def all_rings(leadfield: Leadfield, goal: Goal) -> Candidates:
    """Every 4×1 ring."""
    return best_rings(leadfield, goal.target, goal.unit, goal.limits)


def _rms_caps(goal: Goal) -> list[RmsCap]:
    """With a wanted field the share of it is a cap in V/m."""
    assert goal.dose_v_per_m is not None
    return [RmsCap(each, goal.share * goal.dose_v_per_m) for each in goal.avoid]


def settable(leadfield: Leadfield, goal: Goal, optimum: GoalOptimum) -> GoalOptimum:
    """The same with currents that a stimulator can be set to, and what those do; what rounds to nothing is left out.

    The bound and the gap stay those of the search.

    Raises
    ------
    InputError
        If a limit is below a stimulator's step.
    """
    steps = in_steps(_of_all(leadfield, optimum.currents_a), goal.limits)
    currents = np.asarray(STEP_A * steps, dtype=np.float64)
    return replace(
        optimum,
        currents_a={name: float(currents[leadfield.names.index(name)]) for name in _used(leadfield, optimum, steps)},
        dose_v_per_m=dose_v_per_m(leadfield, goal.target, goal.unit, currents),
        places=place_doses(leadfield, goal, currents, optimum.places.alone_v_per_m),
    )


def _used(leadfield: Leadfield, optimum: GoalOptimum, steps: NDArray[np.int64]) -> list[str]:
    """The electrodes that carry current, the largest into the head first."""
    used = [name for name in optimum.currents_a if steps[leadfield.names.index(name)]]
    return sorted(used, key=lambda name: -steps[leadfield.names.index(name)])


def _of_all(leadfield: Leadfield, currents_a: Mapping[str, float]) -> NDArray[np.float64]:
    """Currents (n,) A of all electrodes of the leadfield."""
    return np.array([currents_a.get(name, 0.0) for name in leadfield.names])


def _entering(leadfield: Leadfield, goal: Goal, optimum: GoalOptimum) -> GoalOptimum:
    """What has no sign, turned so that the mean field in the target enters the cortex."""
    if goal.unit is not None or goal.inward is None:
        return optimum
    along = goal.inward @ goal.target.mean_rows(leadfield) @ _of_all(leadfield, optimum.currents_a)
    if along >= 0:
        return optimum
    turned = sorted(((name, -current) for name, current in optimum.currents_a.items()), key=lambda pair: -pair[1])
    return replace(optimum, currents_a=dict(turned))


def dose_v_per_m(leadfield: Leadfield, region: Region, unit: Unit, currents_a: NDArray[np.float64]) -> float:
    """The dose in a region by the leadfield, V/m.

    Parameters
    ----------
    leadfield : Leadfield
    region : Region
    unit : (3,), (m, 3) or None
        Direction of the dose; None for the size of the mean vector.
    currents_a : (n,) float64
        Of all electrodes, A.
    """
    if unit is None:
        return float(np.linalg.norm(region.mean_rows(leadfield) @ currents_a))
    return float(region.row(leadfield, unit) @ currents_a)


def place_doses(
    leadfield: Leadfield, goal: Goal, currents_a: NDArray[np.float64], alone_v_per_m: Sequence[float] = ()
) -> PlaceDoses:
    """What currents (n,) A give the regions and further targets.

    Parameters
    ----------
    leadfield : Leadfield
    goal : Goal
    currents_a : (n,) float64
        Of all electrodes, A.
    alone_v_per_m : sequence of float
        The most that each target gets alone.
    """
    return PlaceDoses(
        tuple(rms_v_per_m(leadfield, each, currents_a) for each in goal.avoid),
        tuple(dose_v_per_m(leadfield, *each, currents_a) for each in zip(goal.also, goal.also_units, strict=True)),
        tuple(alone_v_per_m),
    )


def _several(leadfield: Leadfield, goal: Goal, alone: tuple[float, ...]) -> Optimum:
    def found(avoid: Sequence[Region]) -> Optimum:
        if goal.unit is None:
            return maximum_of_magnitudes(leadfield, goal.targets, alone, goal.limits, avoid, goal.share)
        row = goal.target.row(leadfield, goal.unit)
        caps = [ShareCap(each, row, goal.share) for each in avoid]
        units = [unit for unit in goal.units if unit is not None]
        return maximum_of_several(leadfield, goal.targets, units, alone, goal.limits, caps)

    try:
        return found(goal.avoid)
    except InputError:
        if not goal.avoid:
            raise
    found(())  # says if the targets alone do not go together
    names = " and ".join(each.name for each in goal.avoid)
    raise InputError(
        f"no montage serves all of {', '.join(each.name for each in goal.targets)} while {names} gets at most "
        f"{goal.share:g} of the dose in {goal.target.name}: raise `avoid_cap`, or leave out a target"
    )


def _alone(leadfield: Leadfield, region: Region, unit: Unit, limits: Limits) -> float:
    """The most a target can get alone, V/m."""
    if unit is None:
        return maximum_magnitude(leadfield, region, limits).dose_v_per_m
    return maximum_intensity(leadfield, region, unit, limits).dose_v_per_m


def _best_listed(
    objective: str, leadfield: Leadfield, goal: Goal, candidates: Candidates, fits: Callable[[list[str]], bool]
) -> GoalOptimum:
    """Of all pairs or rings: the best that spares what is to be spared and sits on the head."""
    doses = np.stack(
        [
            candidates.dose_v_per_m,
            *(_doses(leadfield, candidates, *each) for each in zip(goal.also, goal.also_units, strict=True)),
        ]
    )
    alone = np.abs(doses).max(1)
    score = (doses / alone[:, None]).min(0)
    shares = np.stack(
        [_rms(leadfield, candidates, each) / candidates.dose_v_per_m for each in goal.avoid] or [0 * score]
    )
    spared = shares.max(0) <= goal.share if goal.avoid else np.ones(len(score), bool)
    if not spared.any():
        which = goal.avoid[int(shares[:, shares.max(0).argmin()].argmax())].name
        raise InputError(
            f"every {objective} gives {which} more than {goal.share:.3g} of the dose in {goal.target.name} (root mean "
            f"square; the least is {shares.max(0).min():.3g}): raise `avoid_cap`, or take `kind=hd-tdcs` for more electrodes"
        )
    if not (score[spared] > 0).any():
        raise InputError(
            f"no {objective} gives all of {', '.join(each.name for each in goal.targets)} a field along their directions: "
            "take `kind=hd-tdcs`, or plan them apart"
        )
    order = np.argsort(-np.where(spared, score, -np.inf), kind="stable")
    for k in order[: min(TRIED, int(spared.sum()))]:
        currents = candidates.currents_a[k]
        used = sorted(np.flatnonzero(currents), key=lambda i: -currents[i])
        names = [leadfield.names[i] for i in used]
        if not fits(names):
            continue
        free = not goal.avoid and not goal.also
        binding = goal.limits.reached(currents)
        if goal.avoid and score[k] < score.max():  # a better one was there, but for the regions it does not spare
            broken = shares[:, score.argmax()] > goal.share
            binding += tuple(
                f"{goal.share:.3g} of the target's dose (root mean square) in {each.name}"
                for each, is_broken in zip(goal.avoid, broken, strict=True)
                if is_broken
            )
        return GoalOptimum(
            {name: float(currents[i]) for name, i in zip(names, used, strict=True)},
            float(candidates.dose_v_per_m[k]),
            float(candidates.dose_v_per_m[k]) if objective == "pair" and free else None,
            0.0 if objective == "pair" else None,  # all pairs were looked at, but rings of one radius only
            binding,
            place_doses(leadfield, goal, currents, alone if goal.also else ()),
        )
    raise InputError("none of the best pairs of pads fits on this head without overlap: take `kind=hd-tdcs`")


def _doses(leadfield: Leadfield, candidates: Candidates, region: Region, unit: Unit) -> NDArray[np.float64]:
    if unit is None:
        return np.linalg.norm(candidates.currents_a @ region.mean_rows(leadfield).T, axis=1)
    return candidates.currents_a @ region.row(leadfield, unit)


def _rms(leadfield: Leadfield, candidates: Candidates, region: Region) -> NDArray[np.float64]:
    form = region.mean_square(leadfield)
    return np.sqrt(((candidates.currents_a @ form) * candidates.currents_a).sum(1).clip(0))
