"""Conjugate gradients for many right-hand sides in step: each has its own iteration, all share what is expensive.

That is the product with K and the preconditioner, an approximate inverse in single precision: a V-cycle of multigrid
(about 20 iterations on a head) or factors (3).  The columns do not exchange directions, so columns that are alike,
dependent or zero are no special case.  A column is done when its residual |b − K x| / |b| is below the tolerance; it
then waits, unchanged, for the others.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numba
import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from targeting.fem.convergence import NOT_DEFINITE, SolveError, require_converged, require_finite
from targeting.fem.sparse_product import add_product, column_dots, column_norms, threads_for

GROUP = 4  # a block of one column, or of a multiple of this, fills vector registers


class ConjugateGradients:
    """Solves K x = b to a tolerance, or says that it did not.

    Parameters
    ----------
    matrix : (n, n) csr_matrix
        Symmetric positive definite.
    precondition : callable
        Takes r (n, k) to an approximation of K⁻¹ r, in single precision; symmetric and positive definite.
    name : str
        What to call this in an error.
    tolerance : float
        Relative residual that every solution keeps.
    max_iterations : int
        More than this is a :class:`SolveError`.
    block : int
        Right-hand sides at a time.
    margin : float
        How far below the tolerance to aim, so that solutions agree to about 1e-7: the more, the less an iteration gains.
    """

    def __init__(
        self,
        matrix: sp.csr_matrix,
        precondition: Callable[[NDArray[np.float32]], NDArray[np.float32]],
        *,
        name: str,
        tolerance: float,
        max_iterations: int,
        block: int,
        margin: float,
    ) -> None:
        self._matrix = matrix
        self._precondition = precondition
        self._name = name
        self._tolerance = tolerance
        self._max_iterations = max_iterations
        self._block = block
        self._aim = tolerance / margin
        self.iterations = 0  # of the last block solved

    def solve(self, b: NDArray[np.float64]) -> NDArray[np.float64]:
        """Solve K x = b for b (n,) or (n, k).

        Raises
        ------
        SolveError
            If a right-hand side does not converge.
        """
        require_finite(b)
        columns = b[:, None] if b.ndim == 1 else b
        x = np.empty(columns.shape)
        with threads_for(len(b)):
            for first in range(0, columns.shape[1], self._block):
                some = slice(first, first + self._block)
                x[:, some] = self._solve_block(columns[:, some])
        return x[:, 0] if b.ndim == 1 else x

    def _solve_block(self, b: NDArray[np.float64]) -> NDArray[np.float64]:
        k = b.shape[1]
        width = 1 if k == 1 else GROUP * math.ceil(k / GROUP)
        block = np.zeros((len(b), width))  # filled up with zero columns
        block[:, :k] = b
        norm = column_norms(block)
        scale = np.where(norm > 0, norm, 1)
        block /= scale  # so that single precision holds it
        x = self._iterate(block.copy())
        require_converged(self._matrix, x, block, self._tolerance, f"{self._name}, {self.iterations} iterations")
        return (x * scale)[:, :k]

    def _iterate(self, r: NDArray[np.float64]) -> NDArray[np.float64]:
        """Solve for r until done or ``max_iterations``; r becomes the residual."""
        x, p = np.zeros_like(r), np.zeros_like(r)
        q, r_single = np.empty_like(r), np.empty(r.shape, np.float32)
        active = column_dots(r, r) > 0
        rz = np.ones(r.shape[1])
        self.iterations = 0
        while active.any() and self.iterations < self._max_iterations:
            self.iterations += 1
            r_single[:] = r
            z = self._precondition(r_single)
            rz, rz_before = column_dots(r, z), rz
            _turn(z, _ratio(rz, rz_before, active), p)
            add_product(self._matrix, p, q, beta=0)
            pq = column_dots(p, q)
            if not np.all((pq > 0) & (rz > 0), where=active):  # also catches NaN
                raise SolveError(NOT_DEFINITE)
            _advance(_ratio(rz, pq, active), p, q, x, r)
            active &= ~(column_norms(r) <= self._aim)
        return x


def _ratio(a: NDArray[np.float64], b: NDArray[np.float64], active: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Quotients where active, else zero: a column that is done stays as it is."""
    return np.divide(a, b, out=np.zeros_like(a), where=active)


@numba.njit(cache=True, parallel=True)
def _turn(z, beta, p):  # type: ignore[no-untyped-def]
    for i in numba.prange(len(p)):
        for j in range(p.shape[1]):
            p[i, j] = z[i, j] + beta[j] * p[i, j]


@numba.njit(cache=True, parallel=True)
def _advance(alpha, p, q, x, r):  # type: ignore[no-untyped-def]
    for i in numba.prange(len(p)):
        for j in range(p.shape[1]):
            x[i, j] += alpha[j] * p[i, j]
            r[i, j] -= alpha[j] * q[i, j]
