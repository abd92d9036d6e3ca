r"""At most N electrodes: branch and bound over which may carry current, with a proven bound when it stops early.

Every node of the tree shuts some electrodes and keeps some others; its convex programme without the count is a bound for
all choices below it.  The best-bounded node is split on the free electrode with the largest current: keep it, which
leaves the node's solution as it is, or shut it.  Choices come from rounding each solution to its N largest currents, and
first of all from swaps round the rounded root: one more electrode in, the weakest out.  The tree ends when the best
choice meets the bound, or after ``NODES`` programmes; what is left between the two is the gap.
"""

from __future__ import annotations

import heapq
import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from targeting.tes.optimise.optimum import NEGLIGIBLE
from targeting.tes.optimise.programme import Programme, Solution

NODES = 300  # programmes of 74 electrodes take some milliseconds each
SWAP_CANDIDATES = 12
SWAP_ROUNDS = 3
CLOSED = 1e-6  # relative gap at which a choice counts as proven


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

    def _children(self, open_, kept, i, solution):  # type: ignore[no-untyped-def]
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
