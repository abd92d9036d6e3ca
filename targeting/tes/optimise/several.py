"""Several targets at once: the largest dose that all of them get, each relative to what is wanted there.

max s so that t_j·x ≥ s w_j for every target j: a linear programme (with caps a cone programme) whose solution is the
fairest one; a target that gets more than its share does so for free.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from meshes.errors import InputError
from targeting.tes.optimise.avoidance import Cap
from targeting.tes.optimise.few import InfeasibleError, at_most
from targeting.tes.optimise.intensity import caps_reached
from targeting.tes.optimise.limits import Limits
from targeting.tes.optimise.optimum import Optimum, settled
from targeting.tes.optimise.programme import MA_PER_A, Programme
from targeting.tes.optimise.region import Region

if TYPE_CHECKING:
    from targeting.tes.leadfield import Leadfield


def maximum_of_several(
    leadfield: Leadfield,
    targets: Sequence[Region],
    directions: Sequence[ArrayLike],
    shares: ArrayLike | None = None,
    limits: Limits | None = None,
    avoid: Sequence[Cap] = (),
) -> Optimum:
    """The largest field that every one of several targets gets along its direction.

    Parameters
    ----------
    leadfield : Leadfield
    targets : sequence of Region
    directions : sequence of (3,) or (m, 3)
        One for each target.
    shares : (J,), optional
        What is wanted in each relative to the others; 1 everywhere.
    limits : Limits, optional
    avoid : sequence of Cap

    Returns
    -------
    Optimum
        Its value is the least of the doses divided by their shares, V/m; its dose the least dose.

    Raises
    ------
    InputError
        If targets, directions and shares do not fit, or no montage gives every target a field along its direction.
    """
    limits = limits or Limits()
    wanted = np.ones(len(targets)) if shares is None else np.asarray(shares, float)
    if len(targets) == 0 or len(directions) != len(targets) or wanted.shape != (len(targets),):
        raise InputError(f"give as many directions and shares as targets ({len(targets)})")
    if not (np.isfinite(wanted).all() and (wanted > 0).all()):
        raise InputError("the share of every target must be above 0")
    rows = np.stack([t.row(leadfield, d) for t, d in zip(targets, directions, strict=True)])
    ratios = rows / wanted[:, None]
    scale = float(np.abs(ratios).max())

    def least(x):  # type: ignore[no-untyped-def]
        import cvxpy as cp

        return -cp.min(ratios / scale @ x)

    try:
        found = at_most(Programme(leadfield, limits, least, avoid=avoid))
    except InfeasibleError as error:
        raise InputError(f"{error}; allow more electrodes") from error
    currents = settled(found.currents_a, limits)
    value = float((ratios @ currents).min()) if currents.any() else 0.0
    if value <= 1e-6 * scale * limits.total_a:
        listed = ", ".join(target.name for target in targets)
        raise InputError(
            f"no montage gives all of {listed} a field along their directions: any that helps one hurts another; "
            "turn a direction round or plan them apart"
        )
    binding = limits.reached(currents) + caps_reached(leadfield, currents, avoid)
    bound = max(-found.bound * scale / MA_PER_A, value)
    return Optimum("several", tuple(leadfield.names), currents, float((rows @ currents).min()), value, bound, binding)
