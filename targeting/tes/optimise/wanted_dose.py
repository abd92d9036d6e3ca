r"""A wanted dose in the target at the least cost elsewhere: least energy, or least volume above a threshold.

*Energy* (:func:`minimum_energy`) is the volume-weighted mean of |E|² over the rest of the grey matter, xᵀQx; the mean field
along the direction is at least the wanted one.  Doubling the currents doubles both fields, so the least energy at a fixed
dose is also the largest ratio of the dose to the root mean square elsewhere among all montages that reach the dose
(Dmochowski et al. 2011, J. Neural Eng. 8:046011, write it as a linearly constrained minimum variance).

*Focality* (:func:`maximum_focality`).  How focal a montage is, is said by the volume that sees more than a share τ of the
target's dose (``SHARE``).  A volume is not convex in the currents.  It is brought down from the least-energy montage by a
short chain of quadratic programmes: with s = |E|²/τ² the volume is softened to the mean of s²/(1 + s²) + s/100, and each
programme has every point weighted by the slope of that in s, large where the field is about to pass τ, and small where it
is far above (lost) or below (safe). The best montage of the chain is kept, by its true volume, so it is never worse than
the least-energy one.

Convex stand-ins for the volume were tried and dropped: Σ (|E|/τ − 1)₊² is solved exactly by Newton's method, but its
solution spares the peaks, not the volume, and had up to three times the volume of the least-energy montage.  There is no
useful bound on the volume, so none is given.

*Without a direction* (:func:`cheapest_direction`) the one in which the dose costs least is found, with a proven bound.
|Mx| ≥ D is not convex, but it holds just when d·Mx ≥ D for some unit d, and for one d the least energy φ(d, D) is a
quadratic programme.  Let d₁, d₂, d₃ span a spherical triangle and h be the distance of their plane from the middle.  Every
unit u of the triangle is Σ α_i d_i with α ≥ 0 and Σ α_i ≤ 1/h, so if u·Mx ≥ D then d_i·Mx ≥ hD for one of the corners:

    min_i φ(d_i, hD) ≤ φ(u, D).

The half sphere (φ(−d) = φ(d)) is split into triangles until none can better the best direction by more than ``TOLERANCE``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from meshes.errors import InputError
from targeting.tes.optimise.directions import bound_over_directions, plane_distance
from targeting.tes.optimise.intensity import caps_reached, most_along, require_dose, require_reachable, strongest
from targeting.tes.optimise.limits import Cap, Limits
from targeting.tes.optimise.magnitude import maximum_magnitude
from targeting.tes.optimise.programme import (
    MA_PER_A,
    Constraints,
    InfeasibleError,
    Optimum,
    Programme,
    at_most,
    quadratic,
    settled,
)
from targeting.tes.optimise.region import Region, drawn, field_v_per_m

if TYPE_CHECKING:
    from targeting.tes.leadfield import Leadfield


SHARE = 0.5
SOFT_ENERGY = 1e-2
ROUNDS = 6
FORM_POINTS = 50_000  # the programmes see that many points, drawn by volume; the volume is always that of all
TOLERANCE = 1e-2  # relative, of the root mean square elsewhere
LEVELS = 8
CLIMBS = 20


def minimum_energy(
    leadfield: Leadfield,
    target: Region,
    direction: ArrayLike | None,
    dose_v_per_m: float,
    limits: Limits | None = None,
    avoid: Sequence[Cap] = (),
    elsewhere: Region | None = None,
) -> Optimum:
    """The wanted mean field with the least mean |E|² elsewhere.

    Parameters
    ----------
    leadfield : Leadfield
    target : Region
    direction : (3,), (m, 3) or None
        None for the direction in which it costs least (:func:`cheapest_direction`).
    dose_v_per_m : float
        The least mean field along the direction, V/m.
    limits : Limits, optional
    avoid : sequence of Cap
    elsewhere : Region, optional
        Where the energy counts; all points outside the target.

    Returns
    -------
    Optimum
        Its value is the root mean square of |E| elsewhere, V/m; without a direction its bound holds for all directions.

    Raises
    ------
    InputError
        If the limits do not allow the dose, naming the one that stands in the way.
    """
    limits = limits or Limits()
    form = (elsewhere or target.outside(leadfield)).mean_square(leadfield)
    cheapest = None
    if direction is None:
        require_dose(target, dose_v_per_m)
        cheapest = cheapest_direction(leadfield, target, dose_v_per_m, form, limits, avoid)
        direction = cheapest.unit
        if most_along(leadfield, target.row(leadfield, direction), limits, avoid) < dose_v_per_m:
            # too few electrodes for it there: the direction in which they do most
            strong = maximum_magnitude(leadfield, target, limits, avoid)
            direction = target.mean_rows(leadfield) @ strong.currents_a
    row = target.row(leadfield, direction)
    require_reachable(leadfield, target, row, dose_v_per_m, limits, avoid)
    start = strongest(row, limits)
    scale = float(np.sqrt(start @ form @ start))  # V/m elsewhere at the strongest montage: about 1 of it remains
    programme = Programme(
        leadfield, limits, lambda x: quadratic(x, form / (MA_PER_A * scale) ** 2), at_least(row, dose_v_per_m), avoid
    )
    try:
        found = at_most(programme, first=start != 0)
    except InfeasibleError as error:
        raise InputError(f"{target.name}: {error}; ask for less than {dose_v_per_m:.3g} V/m or allow more") from error
    currents = settled(found.currents_a, limits)
    value = float(np.sqrt(currents @ form @ currents))
    bound = scale * float(np.sqrt(max(found.bound, 0.0))) if cheapest is None else cheapest.bound_v_per_m
    binding = limits.reached(currents) + caps_reached(leadfield, currents, avoid)
    return Optimum("energy", tuple(leadfield.names), currents, float(row @ currents), value, min(bound, value), binding)


def at_least(row: NDArray[np.float64], dose_v_per_m: float) -> Constraints:
    """The constraint row·x ≥ dose, in units of the dose, with x in mA."""
    scaled = row / MA_PER_A / dose_v_per_m
    return lambda x: [scaled @ x >= 1]


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
    """The part of a region, by weight, where |E| passes a threshold, 0 to 1.

    Parameters
    ----------
    leadfield : Leadfield
    region : Region
    currents_a : (n,) float64
        Of all electrodes, A.
    threshold_v_per_m : float
    """
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


@dataclass(frozen=True, eq=False)
class Cheapest:
    """The direction (3,), the root mean square elsewhere with the dose along it, and a bound on that for all directions."""

    unit: NDArray[np.float64]
    rms_v_per_m: float
    bound_v_per_m: float


def cheapest_direction(
    leadfield: Leadfield,
    target: Region,
    dose_v_per_m: float,
    form: NDArray[np.float64],
    limits: Limits,
    avoid: Sequence[Cap] = (),
) -> Cheapest:
    """The direction along which a dose has the least xᵀ form x.

    Parameters
    ----------
    leadfield : Leadfield
    target : Region
    dose_v_per_m : float
    form : (n, n)
        Mean |E|² elsewhere, (V/m)²/A².
    limits : Limits
        Its number of electrodes is left aside.
    avoid : sequence of Cap

    Raises
    ------
    InputError
        If the limits allow the dose in no direction.
    """
    free = Limits(limits.total_a, limits.per_electrode_a)
    rows = target.mean_rows(leadfield)
    strong = maximum_magnitude(leadfield, target, limits, avoid)
    if dose_v_per_m > strong.dose_v_per_m:
        times = dose_v_per_m / strong.dose_v_per_m
        more = "raise the caps" if avoid else f"allow {1.005 * times:.3g} times the current in total and per electrode"
        raise InputError(
            f"{target.name} can get at most {strong.dose_v_per_m:.4g} V/m in any direction under {limits.words}, "
            f"not {dose_v_per_m:.4g} V/m: ask for less or {more}"
        )
    cost = _Cost(leadfield, rows / dose_v_per_m, form, free, avoid, strong.currents_a)
    best = cost.climbed(rows @ strong.currents_a)

    def bounds_of(triangles: NDArray[np.float64]) -> NDArray[np.float64]:
        nonlocal best
        costs = _corner_costs(cost, triangles)
        cheapest = triangles.reshape(-1, 3)[np.argmin(costs)]
        best = min(best, cost.climbed(cheapest), key=lambda each: each[1])
        return -costs.min(1)

    bound = -bound_over_directions(bounds_of, lambda bounds: -bounds < best[1] * (1 - TOLERANCE), LEVELS)
    return Cheapest(best[0], best[1], min(bound, best[1]))


def _corner_costs(cost: _Cost, triangles: NDArray[np.float64]) -> NDArray[np.float64]:
    """φ(d_i, hD) at the corners of every triangle, (m, 3) V/m, with the least h of all: corners are shared."""
    share = float(plane_distance(triangles).min())
    return np.array([[cost.at(corner, share)[0] for corner in each] for each in triangles])


class _Cost:
    """φ(d, share × dose) as one programme solved again and again; what was asked before is remembered."""

    def __init__(
        self,
        leadfield: Leadfield,
        rows_per_dose: NDArray[np.float64],
        form: NDArray[np.float64],
        limits: Limits,
        avoid: Sequence[Cap],
        typical_a: NDArray[np.float64],
    ) -> None:
        import cvxpy as cp

        self.rows = rows_per_dose
        self.scale = float(np.sqrt(typical_a @ form @ typical_a))
        self.row = cp.Parameter(len(form))
        scaled = form / (MA_PER_A * self.scale) ** 2
        self.programme = Programme(
            leadfield, limits, lambda x: quadratic(x, scaled), lambda x: [self.row @ x >= 1], avoid
        )
        self.known: dict[tuple[bytes, float], tuple[float, NDArray[np.float64]]] = {}

    def at(self, unit: NDArray[np.float64], share: float) -> tuple[float, NDArray[np.float64]]:
        """The root mean square elsewhere, V/m (infinite where the dose is out of reach), and the mean field Mx / dose."""
        key = (np.round(unit, 12).tobytes(), share)
        if key not in self.known:
            self.row.value = unit @ self.rows / MA_PER_A / share
            found = self.programme.solve()
            if found is None:
                self.known[key] = np.inf, unit
            else:
                rms = self.scale * float(np.sqrt(max(found.cost, 0.0)))
                self.known[key] = rms, self.rows @ found.currents_a
        return self.known[key]

    def climbed(self, toward: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
        """A direction and its cost, from a first one downhill: the field's own direction costs no more."""
        unit = toward / np.linalg.norm(toward)
        rms, mean = self.at(unit, 1.0)
        for _ in range(CLIMBS):
            if not np.isfinite(rms):
                break
            turned = mean / np.linalg.norm(mean)
            lower, mean = self.at(turned, 1.0)
            if not lower < rms * (1 - 1e-6):
                break
            unit, rms = turned, lower
        return unit, rms
