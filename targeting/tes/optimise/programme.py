r"""Convex programmes over a montage's currents, with at most N electrodes by branch and bound.

*Programme.*  The variable is x in mA (so that all numbers are near 1), with Σ x = 0, ½ Σ|x| ≤ total and |x_i| ≤ per
electrode; a cost and further constraints are the caller's.  Of at most N electrodes the continuous relaxation Σ |x_i| / c ≤
N is kept: every open electrode pays for itself in proportion to its current, and one that is ``kept`` has paid in full.

*At most N electrodes* (:func:`at_most`).  Every node of the tree shuts some electrodes and keeps some others; its convex
programme without the count is a bound for all choices below it.  The best-bounded node is split on the free electrode with
the largest current: keep it, which leaves the node's solution as it is, or shut it.  Choices come from rounding each
solution to its N largest currents, and first of all from swaps round the rounded root: one more electrode in, the weakest
out.  The tree ends when the best choice meets the bound, or after ``NODES`` programmes; what is left between the two is the
gap.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from targeting.tes.optimise.limits import Cap, Limits, PeakCap, RmsCap, ShareCap
from targeting.tes.optimise.region import field_v_per_m, root

if TYPE_CHECKING:
    from targeting.tes.leadfield import Leadfield


MA_PER_A = 1e3
PEAK_TOLERANCE = 1e-4  # relative: how far a peak cap may be passed
PEAKS_AT_ONCE = 20
PEAK_ROUNDS = 60

Cost = Callable[[Any], Any]  # from the cvxpy variable (mA) to an expression to be made small
Constraints = Callable[[Any], list[Any]]
NEGLIGIBLE = 1e-5  # of the largest current: an interior-point solver's zero
NODES = 300  # programmes of 74 electrodes take some milliseconds each
SWAP_CANDIDATES = 12
SWAP_ROUNDS = 3
CLOSED = 1e-6  # relative gap at which a choice counts as proven


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
        self._free_places = cp.Parameter(nonneg=True)
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
            self._constraints.append(self._price @ size <= self._free_places)
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
            self._free_places.value = float(limits.electrodes - kept.sum())
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


@dataclass(frozen=True, eq=False)
class Optimum:
    """What an optimiser found.

    Parameters
    ----------
    objective : str
        Its name in ``OBJECTIVES``.
    names : tuple of str
        All n electrodes of the leadfield.
    currents_a : (n,) float64
        A, positive into the head; they sum to zero.
    dose_v_per_m : float
        Mean field in the target, along the direction asked for or in magnitude; of several targets the least.
    value, bound : float
        The objective at these currents, and a value that no currents within the limits can better (None where no useful
        one is known).
    binding : tuple of str
        The limits that are used up, in words.
    """

    objective: str
    names: tuple[str, ...]
    currents_a: NDArray[np.float64]
    dose_v_per_m: float
    value: float
    bound: float | None
    binding: tuple[str, ...]

    @property
    def gap(self) -> float | None:
        """How far the bound is from the value, relative: 0 is proven best, None not proven at all."""
        if self.bound is None:
            return None
        size = max(abs(self.value), abs(self.bound))
        return abs(self.value - self.bound) / size if size else 0.0

    @property
    def electrodes(self) -> dict[str, float]:
        """The electrodes that carry current, strongest first, and their currents in A."""
        order = np.argsort(-np.abs(self.currents_a), kind="stable")
        return {self.names[i]: float(self.currents_a[i]) for i in order if self.currents_a[i] != 0}


def settled(currents_a: NDArray[np.float64], limits: Limits) -> NDArray[np.float64]:
    """A solver's currents with its zeros made zero, the sum zero and no limit passed, (n,) A.

    Examples
    --------
    >>> settled(np.array([1e-3, 3e-10, -1.0000003e-3]), Limits()).round(9).tolist()
    [0.001, 0.0, -0.001]
    """
    size = np.abs(currents_a)
    x = np.where(size > NEGLIGIBLE * size.max(), currents_a, 0.0)
    if not x.any():
        return x
    x -= x.sum() * np.abs(x) / np.abs(x).sum()
    over = max(x.clip(0).sum() / limits.total_a, np.abs(x).max() / limits.per_electrode_a, 1.0)
    return x / over


@dataclass(frozen=True, eq=False)
class Choice:
    """The best currents found, (n,) A, their cost, a bound that no choice can better, and the programmes solved."""

    currents_a: NDArray[np.float64]
    cost: float
    bound: float
    solved: int


class InfeasibleError(ValueError):
    """No currents satisfy the constraints."""


def at_most(programme: Programme, first: NDArray[np.bool_] | None = None, nodes: int = NODES) -> Choice:
    """Solve a programme under its limit on the number of electrodes (without one, solve it once).

    Parameters
    ----------
    programme : Programme
    first : (n,) bool, optional
        A choice of electrodes known to satisfy the constraints, to begin with.
    nodes : int
        How many programmes to solve at most.

    Raises
    ------
    InfeasibleError
        If no choice was found (its text says whether none exists).
    """
    top = programme.solve()
    if top is None:
        raise InfeasibleError("no currents satisfy all the limits")
    count = programme.limits.electrodes
    if count is None or count >= len(top.currents_a):
        return Choice(top.currents_a, top.cost, top.cost, 1)
    search = _Search(programme, count, nodes)
    search.offer(largest(top.currents_a, count))
    if first is not None:
        search.offer(first)
    search.swap(np.abs(top.currents_a))
    return search.tree(top)


def largest(currents_a: NDArray[np.float64], count: int, kept: NDArray[np.bool_] | None = None) -> NDArray[np.bool_]:
    """The ``count`` electrodes with the largest currents, those kept before all others, (n,) bool."""
    size = np.abs(currents_a)
    if kept is not None:
        size = np.where(kept, np.inf, size)
    chosen = np.zeros(len(size), bool)
    chosen[np.argsort(-size, kind="stable")[:count]] = True
    return chosen


class _Search:
    def __init__(self, programme: Programme, count: int, nodes: int) -> None:
        self.programme, self.count, self.nodes = programme, count, nodes
        self.best: Solution | None = None
        self.chosen: NDArray[np.bool_] | None = None
        self.seen: set[bytes] = set()
        self.solved = 1

    def solve(self, open_: NDArray[np.bool_], kept: NDArray[np.bool_] | None = None) -> Solution | None:
        self.solved += 1
        return self.programme.solve(open_, kept)

    def offer(self, open_: NDArray[np.bool_]) -> bool:
        """Try one choice of electrodes; True if it is the best so far."""
        if open_.tobytes() in self.seen:
            return False
        self.seen.add(open_.tobytes())
        found = self.solve(open_, open_)  # all have paid: they are no more than may be
        if found is None or (self.best is not None and found.cost >= self.best.cost - self._small()):
            return False
        self.best, self.chosen = found, open_
        return True

    def swap(self, likely: NDArray[np.float64]) -> None:
        """Let the likeliest others in, one at a time, and the weakest out."""
        for _ in range(SWAP_ROUNDS):
            if self.chosen is None:
                return
            others = np.where(self.chosen, -np.inf, likely)
            better = False
            for i in np.argsort(-others, kind="stable")[:SWAP_CANDIDATES]:
                if self.chosen[i] or self.solved >= self.nodes // 2:
                    continue
                wider = self.chosen.copy()
                wider[i] = True
                found = self.solve(wider)
                if found is not None:
                    better |= self.offer(largest(found.currents_a, self.count))
            if not better:
                return

    def tree(self, top: Solution) -> Choice:
        n = len(top.currents_a)
        tie = itertools.count()
        heap = [(top.cost, next(tie), np.ones(n, bool), np.zeros(n, bool), top)]
        bound = top.cost
        while heap:
            bound = heap[0][0]
            if self._met(bound) or self.solved >= self.nodes:
                break
            _, _, open_, kept, solution = heapq.heappop(heap)
            size = np.abs(solution.currents_a)
            carrying = size > NEGLIGIBLE * size.max()
            if carrying.sum() <= self.count:
                self.offer(carrying)
                continue  # nothing below can be better than its own relaxation
            self.offer(largest(solution.currents_a, self.count, kept))
            i = int(np.argmax(np.where(kept, -1.0, size)))
            for child in self._children(open_, kept, i, solution):
                if not self._met(child[0].cost):
                    heapq.heappush(heap, (max(child[0].cost, bound), next(tie), child[1], child[2], child[0]))
        else:
            bound = np.inf
        if self.best is None:
            some = "was found in the time allowed" if heap else "exists"
            raise InfeasibleError(f"no choice of {self.count} electrodes that satisfies all the limits {some}")
        return Choice(self.best.currents_a, self.best.cost, min(bound, self.best.cost), self.solved)

    def _children(
        self, open_: NDArray[np.bool_], kept: NDArray[np.bool_], i: int, solution: Solution
    ) -> Iterator[tuple[Solution, NDArray[np.bool_], NDArray[np.bool_]]]:
        """The programmes with electrode i kept and with it shut, each with its open and its kept electrodes."""
        without, with_ = open_.copy(), kept.copy()
        without[i] = False
        with_[i] = True
        if with_.sum() == self.count:
            self.offer(with_)
        else:
            # keeping i leaves the parent's solution in place unless the others' relaxed count no longer fits
            paid = np.abs(solution.currents_a[~with_]).sum() / self.programme.limits.per_electrode_a
            fits = paid <= self.count - with_.sum()
            found = solution if fits else self.solve(open_, with_)
            if found is not None:
                yield found, open_, with_
        if without.sum() >= 2:
            found = self.solve(without, kept)
            if found is not None:
                yield found, without, kept

    def _met(self, bound: float) -> bool:
        return self.best is not None and bound >= self.best.cost - self._small()

    def _small(self) -> float:
        return CLOSED * abs(self.best.cost) if self.best is not None else 0.0
