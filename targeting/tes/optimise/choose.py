"""The objectives by name: what a plan may ask of a montage, and the optimiser that answers.

``OBJECTIVES`` says each in words; ``optimise`` runs one.  Those that need more than a target and a direction (several
targets, networks) have functions of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from numpy.typing import ArrayLike

from meshes.choices import one_of
from meshes.errors import InputError
from targeting.tes.optimise.avoidance import Cap
from targeting.tes.optimise.energy import minimum_energy
from targeting.tes.optimise.focality import maximum_focality
from targeting.tes.optimise.intensity import maximum_intensity
from targeting.tes.optimise.limits import Limits
from targeting.tes.optimise.magnitude import maximum_magnitude
from targeting.tes.optimise.optimum import Optimum
from targeting.tes.optimise.pairs import Candidates, best_pairs
from targeting.tes.optimise.region import Region
from targeting.tes.optimise.rings import best_rings

if TYPE_CHECKING:
    from targeting.tes.leadfield import Leadfield

OBJECTIVES = {
    "magnitude": "the largest mean field vector in the target, whatever its direction",
    "intensity": "the largest mean field along a direction in the target",
    "energy": "a wanted field in the target, with the least energy in the rest of the grey matter",
    "focality": "a wanted field in the target, with the least of the other grey matter above half of it",
    "pair": "the two electrodes with the largest mean field in the target",
    "ring": "the 4×1 ring with the largest mean field in the target",
}


@dataclass(frozen=True, eq=False)
class Ask:
    """What is wanted of a montage: see :func:`optimise`."""

    leadfield: Leadfield
    target: Region
    direction: ArrayLike | None
    dose_v_per_m: float | None
    limits: Limits
    avoid: tuple[Cap, ...]


def optimise(
    objective: str,
    leadfield: Leadfield,
    target: Region,
    direction: ArrayLike | None = None,
    dose_v_per_m: float | None = None,
    limits: Limits | None = None,
    avoid: Sequence[Cap] = (),
) -> Optimum:
    """The best montage for an objective.

    Parameters
    ----------
    objective : str
        One of ``OBJECTIVES``.
    leadfield : Leadfield
    target : Region
    direction : (3,) or (m, 3), optional
        RAS; "intensity" needs one, "magnitude" has none, the others take the magnitude of the mean field without.
    dose_v_per_m : float, optional
        The wanted field, for "energy" and "focality".
    limits : Limits, optional
        2 mA in total and 1 mA per electrode.
    avoid : sequence of Cap
        Caps on the field elsewhere.

    Raises
    ------
    InputError
        For an unknown objective, one that lacks or cannot use what is given, or a dose beyond the limits.
    """
    one_of(objective, OBJECTIVES, "objective")
    return _SOLVERS[objective](Ask(leadfield, target, direction, dose_v_per_m, limits or Limits(), tuple(avoid)))


def _magnitude(ask: Ask) -> Optimum:
    _unused(ask.direction is not None, "magnitude", "a direction", "ask for 'intensity'")
    _unused(ask.dose_v_per_m is not None, "magnitude", "a wanted field", "ask for 'energy' or 'focality'")
    return maximum_magnitude(ask.leadfield, ask.target, ask.limits, ask.avoid)


def _intensity(ask: Ask) -> Optimum:
    _unused(ask.dose_v_per_m is not None, "intensity", "a wanted field", "ask for 'energy' or 'focality'")
    if ask.direction is None:
        raise InputError("the objective 'intensity' needs a direction in the target; give one, or ask for 'magnitude'")
    return maximum_intensity(ask.leadfield, ask.target, ask.direction, ask.limits, ask.avoid)


def _energy(ask: Ask) -> Optimum:
    dose = _dose(ask, "energy")
    return minimum_energy(ask.leadfield, ask.target, ask.direction, dose, ask.limits, ask.avoid)


def _focality(ask: Ask) -> Optimum:
    dose = _dose(ask, "focality")
    return maximum_focality(ask.leadfield, ask.target, ask.direction, dose, ask.limits, ask.avoid)


def _pair(ask: Ask) -> Optimum:
    return _first_of("pair", best_pairs, ask)


def _ring(ask: Ask) -> Optimum:
    return _first_of("ring", best_rings, ask)


def _first_of(objective: str, candidates: Callable[..., Candidates], ask: Ask) -> Optimum:
    _unused(ask.dose_v_per_m is not None, objective, "a wanted field", "ask for 'energy' or 'focality'")
    _unused(bool(ask.avoid), objective, "caps", "ask for another objective")
    found = candidates(ask.leadfield, ask.target, ask.direction, ask.limits)
    dose = float(found.dose_v_per_m[0])
    return Optimum(objective, found.names, found.currents_a[0], dose, dose, dose, found.reached)


_SOLVERS: dict[str, Callable[[Ask], Optimum]] = {
    "magnitude": _magnitude,
    "intensity": _intensity,
    "energy": _energy,
    "focality": _focality,
    "pair": _pair,
    "ring": _ring,
}


def _dose(ask: Ask, objective: str) -> float:
    if ask.dose_v_per_m is None:
        raise InputError(f"the objective {objective!r} needs the field that is wanted in the target, in V/m; give it")
    return ask.dose_v_per_m


def _unused(given: bool, objective: str, what: str, instead: str) -> None:
    if given:
        raise InputError(f"the objective {objective!r} has no use for {what}; leave it out or {instead}")
