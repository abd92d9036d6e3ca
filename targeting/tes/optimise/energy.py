r"""A wanted field in the target with the least energy elsewhere: a quadratic programme.

The energy is the volume-weighted mean of |E|² over the rest of the grey matter, xᵀQx; the mean field along the direction
is at least the wanted one.  Doubling the currents doubles both fields, so the least energy at a fixed dose is also the
largest ratio of the dose to the root mean square elsewhere among all montages that reach the dose (Dmochowski et al.
2011, J. Neural Eng. 8:046011, write it as a linearly constrained minimum variance).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from meshes.errors import InputError
from targeting.tes.optimise.avoidance import Cap
from targeting.tes.optimise.few import InfeasibleError, at_most
from targeting.tes.optimise.free_direction import cheapest_direction
from targeting.tes.optimise.intensity import caps_reached, most_along, require_dose, require_reachable, strongest
from targeting.tes.optimise.limits import Limits
from targeting.tes.optimise.magnitude import maximum_magnitude
from targeting.tes.optimise.optimum import Optimum, settled
from targeting.tes.optimise.programme import MA_PER_A, Constraints, Programme, quadratic
from targeting.tes.optimise.region import Region

if TYPE_CHECKING:
    from targeting.tes.leadfield import Leadfield


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
        None for the direction in which it costs least (``free_direction``).
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
