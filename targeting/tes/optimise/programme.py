"""Programme: one convex programme over the currents, solved again and again with some electrodes shut.

The variable is x in mA (so that all numbers are near 1), with Σ x = 0, ½ Σ|x| ≤ total and |x_i| ≤ per electrode; a cost
and further constraints are the caller's.  Of at most N electrodes the continuous relaxation Σ |x_i| / c ≤ N is kept: every
open electrode pays for itself in proportion to its current, and one that is ``kept`` has paid in full.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from targeting.tes.optimise.avoidance import Cap, PeakCap, RmsCap, ShareCap
from targeting.tes.optimise.limits import Limits
from targeting.tes.optimise.region import field_v_per_m, root

if TYPE_CHECKING:
    from targeting.tes.leadfield import Leadfield

MA_PER_A = 1e3
PEAK_TOLERANCE = 1e-4  # relative: how far a peak cap may be passed
PEAKS_AT_ONCE = 20
PEAK_ROUNDS = 60

Cost = Callable[[Any], Any]  # from the cvxpy variable (mA) to an expression to be made small
Constraints = Callable[[Any], list[Any]]


def quadratic(x: Any, form: NDArray[np.float64]) -> Any:
    """The cost xᵀ form x, for a symmetric form without negative values but for rounding.

    Given to the solver as it is: a root of the form would add as many variables again.
    """
    import cvxpy as cp

    return cp.quad_form(x, (form + form.T) / 2, assume_PSD=True)


@dataclass(frozen=True, eq=False)
class Solution:
    """Currents (n,) A and their cost."""

    currents_a: NDArray[np.float64]
    cost: float


class Programme:
    """A convex programme over the currents of a leadfield.

    Parameters
    ----------
    leadfield : Leadfield
    limits : Limits
    cost : callable
        From the currents as a cvxpy variable (mA) to what is to be small.
    constraints : callable, optional
        From the same to a list of further constraints.
    avoid : sequence of Cap
    """

    def __init__(
        self,
        leadfield: Leadfield,
        limits: Limits,
        cost: Cost,
        constraints: Constraints = lambda x: [],
        avoid: Sequence[Cap] = (),
    ) -> None:
        import cvxpy as cp

        n = len(leadfield.names)
        self.leadfield, self.limits, self.avoid = leadfield, limits, tuple(avoid)
        self.x = x = cp.Variable(n)
        size = cp.Variable(n)  # at least |x|: one variable for all three limits
        self._upper = cp.Parameter(n, nonneg=True)
        self._price = cp.Parameter(n, nonneg=True)
        self._room = cp.Parameter(nonneg=True)
        self._cost = cost(x)
        self._constraints = [
            cp.sum(x) == 0,
            x <= size,
            -x <= size,
            cp.sum(size) <= 2 * MA_PER_A * limits.total_a,
            size <= self._upper,
            *constraints(x),
        ]
        if limits.electrodes is not None:
            self._constraints.append(self._price @ size <= self._room)
        for cap in self.avoid:
            if isinstance(cap, RmsCap):
                form = root(cap.region.mean_square(leadfield)) / MA_PER_A / cap.cap_v_per_m
                self._constraints.append(cp.norm2(form @ x) <= 1)
            elif isinstance(cap, ShareCap):
                most = cap.share * cap.row
                scale = np.abs(most).max()
                form = root(cap.region.mean_square(leadfield)) / scale
                self._constraints.append(cp.norm2(form @ x) <= most / scale @ x)
        self._problem = cp.Problem(cp.Minimize(self._cost), self._constraints)

    def solve(self, open_: NDArray[np.bool_] | None = None, kept: NDArray[np.bool_] | None = None) -> Solution | None:
        """The best currents of the open electrodes, or None if none satisfy the constraints.

        Parameters
        ----------
        open_, kept : (n,) bool, optional
            Which may carry current (all), and which have paid for themselves already (none).
        """
        n = len(self.leadfield.names)
        limits = self.limits
        open_ = np.ones(n, bool) if open_ is None else open_
        kept = np.zeros(n, bool) if kept is None else kept
        self._upper.value = np.where(open_, MA_PER_A * limits.per_electrode_a, 0.0)
        if limits.electrodes is not None:
            self._price.value = np.where(kept, 0.0, 1 / (MA_PER_A * limits.per_electrode_a))
            self._room.value = float(limits.electrodes - kept.sum())
        for _ in range(PEAK_ROUNDS):
            if not self._run():
                return None
            found = Solution(np.asarray(self.x.value) / MA_PER_A, float(self._problem.value))
            if not self._broken(found.currents_a):
                return found
        raise RuntimeError(f"a peak cap was still passed after {PEAK_ROUNDS} rounds")

    def _run(self) -> bool:
        import cvxpy as cp

        self._problem.solve(solver=cp.CLARABEL)
        if self._problem.status in (cp.OPTIMAL, cp.OPTIMAL_INACCURATE):
            return True
        if self._problem.status in (cp.INFEASIBLE, cp.INFEASIBLE_INACCURATE):
            return False
        raise RuntimeError(f"the solver gave up: {self._problem.status}")

    def _broken(self, currents_a: NDArray[np.float64]) -> bool:
        """Whether a peak cap is passed; the worst points then join the constraints."""
        import cvxpy as cp

        added: list[Any] = []
        for cap in self.avoid:
            if isinstance(cap, PeakCap):
                rows = self.leadfield.e_v_per_m_per_a
                e = field_v_per_m(self.leadfield, cap.region.points, currents_a)
                over = np.linalg.norm(e, axis=1) / cap.cap_v_per_m
                worst = np.argsort(-over)[:PEAKS_AT_ONCE]
                for k in cap.region.points[worst[over[worst] > 1 + PEAK_TOLERANCE]]:
                    form = rows[:, k].T.astype(np.float64) / MA_PER_A / cap.cap_v_per_m
                    added.append(cp.norm2(form @ self.x) <= 1)
        if added:
            self._constraints += added
            self._problem = cp.Problem(cp.Minimize(self._cost), self._constraints)
        return bool(added)
