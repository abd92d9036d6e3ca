r"""The largest mean field vector, whatever its direction: not convex, but solved over all directions with a proven bound.

max |M x| = max_{|d|=1} h(d), where h(d) = max_x d·Mx is what the best currents along d give (closed form or cone
programme).  h is sublinear: on the spherical triangle of d₁, d₂, d₃ it lies below the linear function g·d that equals it
at the corners, since d = Σ α_i d_i with α ≥ 0 gives h(d) ≤ Σ α_i h(d_i).  So the half sphere (h(−d) = h(d)) is split into
triangles until none has a bound above the best value by more than the tolerance.  A limit on the number of electrodes
changes nothing, as the maximum of d·Mx over any set of currents is sublinear in d; with caps, where it costs a tree of
programmes, it is left aside for the directions and kept along the one found.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from targeting.tes.optimise.directions import bound_over_directions
from targeting.tes.optimise.intensity import caps_reached, strongest
from targeting.tes.optimise.limits import Cap, Limits
from targeting.tes.optimise.programme import MA_PER_A, Optimum, Programme, at_most, settled
from targeting.tes.optimise.region import Region

if TYPE_CHECKING:
    from targeting.tes.leadfield import Leadfield

TOLERANCE = 1e-3  # relative gap with the closed form, thousands of directions in milliseconds
CAPPED_TOLERANCE = 1e-2  # where every direction is a cone programme
LEVELS = 12  # the last triangles are 90° / 2^12 wide

Support = Callable[[NDArray[np.float64]], tuple[NDArray[np.float64], NDArray[np.float64]]]


@dataclass(frozen=True, eq=False)
class Direction:
    """The direction (3,) found, the largest h there, and the bound on h over all directions."""

    unit: NDArray[np.float64]
    value: float
    bound: float


def maximum_magnitude(
    leadfield: Leadfield, target: Region, limits: Limits | None = None, avoid: Sequence[Cap] = ()
) -> Optimum:
    """The largest mean field vector in a target, over all directions.

    Of the two currents x and −x, which do the same in magnitude, those are given whose strongest electrode nearest to the
    target is the anode.

    Parameters
    ----------
    leadfield : Leadfield
    target : Region
    limits : Limits, optional
    avoid : sequence of Cap
        Caps on the field elsewhere.

    Returns
    -------
    Optimum
        Its value is the dose, V/m; the gap is at most 0.1 % (1 % with caps; more with caps and a number of electrodes).
    """
    limits = limits or Limits()
    rows = target.mean_rows(leadfield)
    if avoid:
        found, currents = _capped(leadfield, rows, limits, avoid)
    else:
        found = best_direction(_closed_form(rows, limits), TOLERANCE)
        currents = strongest(found.unit @ rows, limits)
    currents = currents * anodal_sign(leadfield, target, currents)
    dose = float(np.linalg.norm(rows @ currents))
    binding = limits.reached(currents) + caps_reached(leadfield, currents, avoid)
    return Optimum("magnitude", tuple(leadfield.names), currents, dose, dose, max(found.bound, dose), binding)


def anodal_sign(leadfield: Leadfield, target: Region, currents_a: NDArray[np.float64]) -> float:
    """+1 or −1, so that of the strongest electrodes the one nearest to the target is an anode."""
    center = target.weights @ leadfield.points_mm[target.points]
    size = np.abs(currents_a)
    apart = np.linalg.norm(leadfield.scalp_mm - center, axis=1)
    nearest = np.argmin(np.where(size >= 0.5 * size.max(), apart, np.inf))
    return 1.0 if currents_a[nearest] >= 0 else -1.0


def _closed_form(rows: NDArray[np.float64], limits: Limits) -> Support:
    pattern = limits.pattern(rows.shape[1])

    def support(units: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        along = units @ rows
        order = np.argsort(-along, axis=1, kind="stable")
        currents = np.empty_like(along)
        np.put_along_axis(currents, order, np.broadcast_to(pattern, along.shape), axis=1)
        return np.einsum("mn,mn->m", along, currents), currents @ rows.T

    return support


def _capped(
    leadfield: Leadfield, rows: NDArray[np.float64], limits: Limits, avoid: Sequence[Cap]
) -> tuple[Direction, NDArray[np.float64]]:
    import cvxpy as cp

    scale = np.abs(rows).max()
    row = cp.Parameter(rows.shape[1])
    free = Limits(limits.total_a, limits.per_electrode_a)  # the number of electrodes only along the direction found
    programme = Programme(leadfield, free, lambda x: -(row @ x), avoid=avoid)
    best: dict[str, NDArray[np.float64]] = {}

    def support(units: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        values, images = np.empty(len(units)), np.empty((len(units), 3))
        for k, unit in enumerate(units):
            row.value = unit @ rows / scale
            found = at_most(programme)
            values[k] = -found.bound * scale / MA_PER_A
            currents = settled(found.currents_a, free)
            images[k] = rows @ currents
            if not best or np.linalg.norm(images[k]) > np.linalg.norm(rows @ best["currents"]):
                best["currents"] = currents
        return values, images

    found = best_direction(support, CAPPED_TOLERANCE)
    if limits.electrodes is None or np.count_nonzero(best["currents"]) <= limits.electrodes:
        return found, best["currents"]
    few = Programme(leadfield, limits, lambda x: -(found.unit @ rows / scale @ x), avoid=avoid)
    return found, settled(at_most(few).currents_a, limits)


def best_direction(support: Support, tolerance: float) -> Direction:
    """The direction in which a sublinear even function is largest.

    Parameters
    ----------
    support : callable
        From unit vectors (m, 3) to h (m,) and the points Mx that attain it, (m, 3).
    tolerance : float
        Relative gap between value and bound at which to stop.

    Examples
    --------
    A box of half-edges 1, 2 and 2 reaches farthest at its corners, 3 from its middle:

    >>> half = np.array([1.0, 2.0, 2.0])
    >>> found = best_direction(lambda d: (np.abs(d) @ half, np.sign(d) * half), 1e-3)
    >>> round(found.value, 6), bool(found.bound < 3.003)
    (3.0, True)
    """
    best = Direction(np.eye(3)[2], 0.0, np.inf)
    known: dict[bytes, float] = {}  # corners are shared, and come again in smaller triangles

    def bounds_of(triangles: NDArray[np.float64]) -> NDArray[np.float64]:
        nonlocal best
        fresh = (triangles[3 * len(triangles) // 4 :] if known else triangles).reshape(
            -1, 3
        )  # else only middles are new
        values, images = support(fresh)
        known.update(zip(_keys(fresh), values.tolist(), strict=True))
        farthest = images[np.argmax((images**2).sum(1))]
        if np.linalg.norm(farthest) > best.value:
            best = _climb(support, farthest)
        return _linear_bounds(triangles, np.array([known[key] for key in _keys(triangles)]).reshape(-1, 3))

    bound = bound_over_directions(bounds_of, lambda bounds: bounds > best.value * (1 + tolerance), LEVELS + 1)
    return Direction(best.unit, best.value, max(bound, best.value))


def _keys(units: NDArray[np.float64]) -> list[bytes]:
    """One for each unit vector of an array (..., 3), the same for the same vector but for rounding."""
    return [unit.tobytes() for unit in np.round(units.reshape(-1, 3), 12) + 0.0]  # + 0.0 makes −0 one with 0


def _climb(support: Support, image: NDArray[np.float64]) -> Direction:
    """Along Mx the best is at least |Mx|: take that direction, again and again."""
    for _ in range(50):
        length = float(np.linalg.norm(image))
        if length == 0:
            break
        _, farther = support((image / length)[None])
        if np.linalg.norm(farther[0]) <= length * (1 + 1e-12):
            return Direction(image / length, length, np.inf)
        image = farther[0]
    length = float(np.linalg.norm(image))
    return Direction(image / length if length else np.eye(3)[2], length, np.inf)


def _linear_bounds(triangles: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Over each spherical triangle the largest g·d, with g·d_i the values at its corners."""
    inside = np.linalg.solve(triangles, values[..., None])[..., 0]  # g
    weights = np.linalg.solve(np.swapaxes(triangles, 1, 2), inside[..., None])[..., 0]  # g = Σ weights_i d_i
    bounds = np.where((weights >= 0).all(1), np.linalg.norm(inside, axis=1), values.max(1))
    for i, j in ((0, 1), (1, 2), (2, 0)):
        cosine = np.einsum("md,md->m", triangles[:, i], triangles[:, j])
        p, q = values[:, i], values[:, j]
        # the largest point of g·d along the arc is √((p² − 2pq cos + q²)) / sin, if it lies between the corners
        on_arc = (p - q * cosine >= 0) & (q - p * cosine >= 0)
        top = np.sqrt((p**2 - 2 * p * q * cosine + q**2).clip(0) / (1 - cosine**2))
        bounds = np.maximum(bounds, np.where(on_arc, top, 0.0))
    return bounds
