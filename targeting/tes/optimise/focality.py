r"""A wanted field in the target with as little grey matter as possible above half of it.

How focal a montage is, is said by the volume that sees more than a share τ of the target's dose (``SHARE``).  A volume is
not convex in the currents.  It is brought down from the least-energy montage by a short chain of quadratic programmes:
with s = |E|²/τ² the volume is softened to the mean of s²/(1 + s²) + s/100, and each programme has every point weighted by
the slope of that in s, large where the field is about to pass τ, and small where it is far above (lost) or below (safe).
The best montage of the chain is kept, by its true volume, so it is never worse than the least-energy one.

Convex stand-ins for the volume were tried and dropped: Σ (|E|/τ − 1)₊² is solved exactly by Newton's method, but its
solution spares the peaks, not the volume, and had up to three times the volume of the least-energy montage.  There is no
useful bound on the volume, so none is given.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from meshes.errors import InputError
from targeting.tes.optimise.avoidance import Cap
from targeting.tes.optimise.energy import at_least, minimum_energy
from targeting.tes.optimise.few import InfeasibleError, at_most
from targeting.tes.optimise.intensity import caps_reached
from targeting.tes.optimise.limits import Limits
from targeting.tes.optimise.optimum import Optimum, settled
from targeting.tes.optimise.programme import MA_PER_A, Programme, quadratic
from targeting.tes.optimise.region import Region, drawn, field_v_per_m

if TYPE_CHECKING:
    from targeting.tes.leadfield import Leadfield

SHARE = 0.5
SOFT_ENERGY = 1e-2
ROUNDS = 6
FORM_POINTS = 50_000  # the programmes see that many points, drawn by volume; the volume is always that of all


def maximum_focality(
    leadfield: Leadfield,
    target: Region,
    direction: ArrayLike | None,
    dose_v_per_m: float,
    limits: Limits | None = None,
    avoid: Sequence[Cap] = (),
    share: float = SHARE,
) -> Optimum:
    """The wanted mean field along a direction with the least grey matter above a share of it.

    Parameters
    ----------
    leadfield : Leadfield
    target : Region
    direction : (3,), (m, 3) or None
        None for that in which the dose takes the least energy.
    dose_v_per_m : float
    limits : Limits, optional
    avoid : sequence of Cap
    share : float
        Of the dose, over 0 up to 1: what counts as stimulated elsewhere.

    Returns
    -------
    Optimum
        Its value is the part of the volume outside the target where |E| passes the share, 0 to 1.  It is a local optimum:
        there is no bound.

    Raises
    ------
    InputError
        If the limits do not allow the dose, or for an impossible share.
    """
    if not 0 < share <= 1:
        raise InputError(f"the share of the dose that counts as stimulated lies between 0 and 1, not {share}")
    limits = limits or Limits()
    start = minimum_energy(leadfield, target, direction, dose_v_per_m, limits, avoid)
    along = target.mean_rows(leadfield) @ start.currents_a if direction is None else direction
    row = target.row(leadfield, along)
    chain = _Chain.over(leadfield, target, row, dose_v_per_m, limits, tuple(avoid), share)
    if limits.electrodes is None:
        currents = chain.descended(start.currents_a, np.ones(len(row), bool))
    else:
        currents = chain.descended(start.currents_a, start.currents_a != 0)
        currents = min(currents, chain.chosen_anew(currents), key=chain.volume)
    binding = limits.reached(currents) + caps_reached(leadfield, currents, avoid)
    names, dose = tuple(leadfield.names), float(row @ currents)
    return Optimum("focality", names, currents, dose, chain.volume(currents), None, binding)


def volume_above(
    leadfield: Leadfield, region: Region, currents_a: NDArray[np.float64], threshold_v_per_m: float
) -> float:
    """The part of a region, by weight, where |E| passes a threshold, 0 to 1."""
    e = field_v_per_m(leadfield, region.points, currents_a)
    return min(1.0, float(region.weights @ ((e**2).sum(1) > threshold_v_per_m**2)))


@dataclass(frozen=True, eq=False)
class _Chain:
    """The softened volume's quadratic programmes."""

    leadfield: Leadfield
    outside: Region
    sample: Region  # of outside
    row: NDArray[np.float64]
    dose_v_per_m: float
    limits: Limits
    avoid: tuple[Cap, ...]
    threshold_v_per_m: float

    @classmethod
    def over(
        cls,
        leadfield: Leadfield,
        target: Region,
        row: NDArray[np.float64],
        dose_v_per_m: float,
        limits: Limits,
        avoid: tuple[Cap, ...],
        share: float,
    ) -> _Chain:
        outside = target.outside(leadfield)
        sample = drawn(outside, FORM_POINTS)
        return cls(leadfield, outside, sample, row, dose_v_per_m, limits, avoid, share * dose_v_per_m)

    def volume(self, currents_a: NDArray[np.float64]) -> float:
        return volume_above(self.leadfield, self.outside, currents_a, self.threshold_v_per_m)

    def descended(self, currents_a: NDArray[np.float64], open_: NDArray[np.bool_]) -> NDArray[np.float64]:
        """The best of a chain of montages of the open electrodes."""
        best, least = currents_a, self.volume(currents_a)
        for _ in range(ROUNDS):
            found = self._programme(currents_a).solve(open_, open_)
            if found is None:  # the dose is at the very edge of what these electrodes reach
                break
            currents_a = settled(found.currents_a, self.limits)
            if (volume := self.volume(currents_a)) < least:
                best, least = currents_a, volume
        return best

    def chosen_anew(self, currents_a: NDArray[np.float64]) -> NDArray[np.float64]:
        """Currents of at most N electrodes, chosen for the softened volume at a montage, and brought down from there."""
        try:
            found = at_most(self._programme(currents_a), first=currents_a != 0)
        except InfeasibleError:
            return currents_a
        other = settled(found.currents_a, self.limits)
        return self.descended(other, other != 0)

    def _programme(self, currents_a: NDArray[np.float64]) -> Programme:
        e = field_v_per_m(self.leadfield, self.sample.points, currents_a)
        s = (e**2).sum(1) / self.threshold_v_per_m**2
        slope = self.sample.weights * (2 * s / (1 + s**2) ** 2 + SOFT_ENERGY)
        form = Region(self.sample.points, slope).mean_square(self.leadfield)
        scale = float(currents_a @ form @ currents_a) * MA_PER_A**2
        at_dose = at_least(self.row, self.dose_v_per_m)
        return Programme(self.leadfield, self.limits, lambda x: quadratic(x, form / scale), at_dose, self.avoid)
