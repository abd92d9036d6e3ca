"""Currents that a stimulator can be set to: whole steps of 0.1 mA that still sum to zero.

Each pole is shared out by largest remainders (Hamilton's method): every electrode first gets the whole steps of its part
of the pole's total, and the steps that are left go to the largest fractions.  So no current is more than a step off its
part unless a limit holds it, both poles get the same number of steps, and an electrode whose part rounds to nothing drops
out.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from meshes.errors import InputError
from targeting.tes.optimise.limits import Limits

STEP_A = 1e-4  # a tenth of a milliampere, as stimulators for the clinic are set (unverified: no manual was re-read)
SLACK = 1e-6  # of a step: 0.3 mA is three steps


def in_steps(currents_a: NDArray[np.float64], limits: Limits, step_a: float = STEP_A) -> NDArray[np.int64]:
    """The nearest currents a stimulator can be set to, (n,) in steps; they sum to zero exactly.

    Parameters
    ----------
    currents_a : (n,) float64
        They sum to zero, within the limits.
    limits : Limits
        They hold for the rounded currents, too: a limit between two steps is that of the lower one.
    step_a : float

    Raises
    ------
    InputError
        If no current flows, or a limit is below one step.

    Examples
    --------
    >>> in_steps(np.array([1.26e-3, 0.74e-3, -0.98e-3, -0.98e-3, -0.04e-3]), Limits(2e-3, 2e-3)).tolist()
    [13, 7, -10, -10, 0]
    """
    most, each = (int(np.floor(limit / step_a + SLACK)) for limit in (limits.total_a, limits.per_electrode_a))
    if min(most, each) < 1:
        raise InputError(f"a stimulator is set in steps of {1e3 * step_a:g} mA: allow at least one of them")
    if not np.any(currents_a):
        raise InputError("no current flows, so there is nothing to round")
    poles = currents_a.clip(0), (-currents_a).clip(0)
    able = min(each * int(np.count_nonzero(pole)) for pole in poles)
    total = min(max(1, round(float(poles[0].sum()) / step_a)), most, able)
    into, out_of = (_shared_out(pole / pole.sum() * total, each, total) for pole in poles)
    return into - out_of


def off_grid(currents_a: ArrayLike, step_a: float = STEP_A) -> bool:
    """Whether some current is no whole number of steps.

    Examples
    --------
    >>> off_grid(np.array([2e-3, -0.5e-3, -1.5e-3])), off_grid(np.array([1.5e-3, -0.375e-3, -1.125e-3]))
    (False, True)
    """
    steps = np.asarray(currents_a, dtype=np.float64) / step_a
    return bool((np.abs(steps - np.round(steps)) > SLACK).any())


def _shared_out(parts: NDArray[np.float64], most: int, total: int) -> NDArray[np.int64]:
    """Whole numbers of at most ``most`` that sum to ``total``, nearest to ``parts``, which sum to it; none where 0 is."""
    whole = np.minimum(np.floor(parts + SLACK).astype(np.int64), most)
    while (left := total - int(whole.sum())) > 0:
        short = np.where((parts > 0) & (whole < most), parts - whole, -np.inf)
        order = np.argsort(-short, kind="stable")
        whole[order[: min(left, int(np.isfinite(short).sum()))]] += 1
    return whole
