r"""The largest mean field along a direction: a linear programme with a closed form, and which limit a larger one breaks.

Without caps the largest a·x under the limits is a·v, a and v sorted alike (``limits``).  Its Lagrange dual shows that
nothing is better: for every μ and λ ≥ 0 no allowed x passes 2Tλ + Σ c (|a_i − μ| − λ)₊ (``dual_bound``), and with μ, λ half
the sum and half the difference of the a where the sorted currents run out both are equal.  With caps the programme is a
second-order cone one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from meshes.errors import InputError
from targeting.tes.optimise.limits import Cap, Limits
from targeting.tes.optimise.programme import MA_PER_A, Optimum, Programme, at_most, settled
from targeting.tes.optimise.region import Region

if TYPE_CHECKING:
    from targeting.tes.leadfield import Leadfield

REACHED = 1e-4  # relative: closer than that a cap is called reached


def strongest(row: NDArray[np.float64], limits: Limits) -> NDArray[np.float64]:
    """The currents with the largest row·x, (n,) A, exactly.

    Examples
    --------
    >>> strongest(np.array([0.1, 0.4, -0.2, 0.3]), Limits(1.5e-3, 1e-3)).tolist()
    [-0.0005, 0.001, -0.001, 0.0005]
    """
    currents = np.empty(len(row))
    currents[np.argsort(-row, kind="stable")] = limits.pattern(len(row))
    return currents


def dual_bound(row: NDArray[np.float64], limits: Limits) -> float:
    """A value no currents pass, from the Lagrange dual at its best multipliers."""
    total, each = limits.usable_a(len(row)), limits.per_electrode_a
    last = int(np.ceil(total / each - 1e-9)) - 1
    high, low = np.sort(row)[::-1][last], np.sort(row)[last]
    middle, price = (high + low) / 2, max((high - low) / 2, 0.0)
    return float(2 * total * price + (each * (np.abs(row - middle) - price).clip(0)).sum())


def maximum_intensity(
    leadfield: Leadfield,
    target: Region,
    direction: ArrayLike,
    limits: Limits | None = None,
    avoid: Sequence[Cap] = (),
) -> Optimum:
    """The largest mean field along a direction.

    Parameters
    ----------
    leadfield : Leadfield
    target : Region
    direction : (3,) or (m, 3)
        RAS; one for the target, or one at each of its points.
    limits : Limits, optional
        The usual 2 mA in total and 1 mA per electrode.
    avoid : sequence of Cap

    Returns
    -------
    Optimum
        Its value is the dose, V/m.
    """
    limits = limits or Limits()
    row = target.row(leadfield, direction)
    if not avoid:
        currents = strongest(row, limits)
        bound = dual_bound(row, limits)
    else:
        found = at_most(along_programme(leadfield, row, limits, avoid))
        currents, bound = settled(found.currents_a, limits), -found.bound * float(np.abs(row).max()) / MA_PER_A
    dose = float(row @ currents)
    binding = limits.reached(currents) + caps_reached(leadfield, currents, avoid)
    return Optimum("intensity", tuple(leadfield.names), currents, dose, dose, max(bound, dose), binding)


def along_programme(
    leadfield: Leadfield, row: NDArray[np.float64], limits: Limits, avoid: Sequence[Cap] = ()
) -> Programme:
    """Maximise row·x; the cost is −row·x in units of the row's largest entry, with x in mA.

    Parameters
    ----------
    leadfield : Leadfield
    row : (n,) float64
        Mean field along the direction per current, V/m per A.
    limits : Limits
    avoid : sequence of Cap
        Caps on the field elsewhere.
    """
    scaled = row / np.abs(row).max()
    return Programme(leadfield, limits, lambda x: -(scaled @ x), avoid=avoid)


def most_along(leadfield: Leadfield, row: NDArray[np.float64], limits: Limits, avoid: Sequence[Cap] = ()) -> float:
    """The largest row·x that any currents reach; with caps and a number of electrodes, a proven bound on it.

    Parameters
    ----------
    leadfield : Leadfield
    row : (n,) float64
        Mean field along the direction per current, V/m per A.
    limits : Limits
    avoid : sequence of Cap
        Caps on the field elsewhere.
    """
    if not avoid:
        return float(row @ strongest(row, limits))
    return -at_most(along_programme(leadfield, row, limits, avoid)).bound * float(np.abs(row).max()) / MA_PER_A


def caps_reached(leadfield: Leadfield, currents_a: NDArray[np.float64], avoid: Sequence[Cap]) -> tuple[str, ...]:
    """Which caps these currents use up, in words."""
    return tuple(cap.words for cap in avoid if currents_a.any() and cap.used(leadfield, currents_a) >= 1 - REACHED)


def require_reachable(
    leadfield: Leadfield,
    target: Region,
    row: NDArray[np.float64],
    dose_v_per_m: float,
    limits: Limits,
    avoid: Sequence[Cap] = (),
) -> None:
    """Refuse a dose that the limits do not allow.

    Parameters
    ----------
    leadfield : Leadfield
    target : Region
    row : (n,) float64
        Mean field along the direction per current, V/m per A.
    dose_v_per_m : float
        The wanted field, V/m.
    limits : Limits
    avoid : sequence of Cap
        Caps on the field elsewhere.

    Raises
    ------
    InputError
        Naming what the target can get at most, and which limit alone stands in the way, or how many times the limits it
        would take.
    """
    require_dose(target, dose_v_per_m)
    most = most_along(leadfield, row, limits, avoid)
    if dose_v_per_m <= most * (1 + 1e-9):
        return
    uncapped = most_along(leadfield, row, limits)
    ask = f"{target.name} can get at most {most:.3g} V/m along this direction under {limits.words}"
    if avoid:
        ask += " and at most " + " and ".join(cap.words for cap in avoid)
    ask += f", not {dose_v_per_m:.3g} V/m: ask for less or "
    if dose_v_per_m > uncapped * (1 + 1e-9):
        raise InputError(ask + _more_current(row, dose_v_per_m, limits, uncapped, bool(avoid)))
    alone = []
    for cap in avoid:
        others = [each for each in avoid if each is not cap]
        if most_along(leadfield, row, limits, others) >= dose_v_per_m:
            alone.append(cap.words)
    raise InputError(ask + (f"raise the cap of {' or of '.join(alone)}" if alone else "raise the caps together"))


def require_dose(target: Region, dose_v_per_m: float) -> None:
    """Refuse a wanted field that is none.

    Raises
    ------
    InputError
        If it is not above 0 V/m.
    """
    if not (np.isfinite(dose_v_per_m) and dose_v_per_m > 0):
        raise InputError(f"the wanted field in {target.name!r} must be above 0 V/m, not {dose_v_per_m:g}")


def _more_current(row: NDArray[np.float64], dose_v_per_m: float, limits: Limits, most: float, capped: bool) -> str:
    """Which current limit to raise, and how far."""
    from dataclasses import replace

    if most <= 0:
        return "choose other electrodes: these give no field there"
    ways = []
    lifted = limits.without(len(row))
    if row @ strongest(row, lifted["total current"]) >= dose_v_per_m:
        total = _least(lambda t: bool(row @ strongest(row, replace(limits, total_a=t)) >= dose_v_per_m), limits.total_a)
        ways.append(f"allow {_up(1e3 * total)} mA in total")
    if row @ strongest(row, lifted["current per electrode"]) >= dose_v_per_m:
        each = _least(
            lambda c: bool(row @ strongest(row, replace(limits, per_electrode_a=c)) >= dose_v_per_m),
            limits.total_a / len(row),
        )
        ways.append(f"allow {_up(1e3 * each)} mA per electrode")
    if "number of electrodes" in lifted and row @ strongest(row, lifted["number of electrodes"]) >= dose_v_per_m:
        assert limits.electrodes is not None
        count = next(
            n
            for n in range(limits.electrodes, len(row) + 1)
            if row @ strongest(row, replace(limits, electrodes=n)) >= dose_v_per_m
        )
        ways.append(f"allow {count} electrodes")
    ways.append(f"allow {_up(dose_v_per_m / most)} times the current in total and per electrode")
    return " or ".join(ways) + (", and look at the caps again" if capped else "")


def _least(enough: Callable[[float], Any], low: float) -> float:
    """The least value that is enough, by bisection from one that is not."""
    high = low
    while not enough(high):
        low, high = high, 2 * high
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def _up(value: float) -> str:
    """Three digits, rounded up so that the printed number is enough."""
    digits = 10.0 ** (np.floor(np.log10(value)) - 2)
    return f"{np.ceil(value / digits - 1e-9) * digits:.3g}"
