"""Conjugate gradients for many right-hand sides in step, the products they take, and what counts as solved.

Each right-hand side has its own iteration; all share what is expensive: the product with K and the preconditioner, an
approximate inverse in single precision: a V-cycle of multigrid (about 20 iterations on a head) or factors (3).  The columns
do not exchange directions, so columns that are alike, dependent or zero are no special case.  A column is done when its
residual |b − K x| / |b| is below the tolerance; it then waits, unchanged, for the others.  At the end the true residual of
every column is computed, and one that is too large is a :class:`SolveError`.

A product reads the whole matrix from memory and does next to nothing with it, so k columns cost little more than one
when they lie side by side: blocks are (n, k), row by row in memory.  A row is summed by one thread in the order it is
stored in, and a sum over rows is a sum of ``PARTS`` partial sums in a fixed order, so every result is the same bits for
any number of threads.  Matrices and blocks may be double or single precision.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numba
import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

PARTS = 64  # partial sums; fixed, so that sums do not depend on the number of threads
FEW_ROWS = 10_000  # fewer are done before a second thread has woken up, above all on a busy machine
RELATIVE_TOLERANCE = 1e-8
CHECK_THE_MESH = "check the mesh with `target mesh --check`"
NOT_DEFINITE = "the matrix of the field solve is not positive definite: " + CHECK_THE_MESH
GROUP = 4  # a block of one column, or of a multiple of this, fills vector registers


@contextmanager
def threads_for(rows: int) -> Iterator[None]:
    """Let loops over so many rows run on one thread if they are few."""
    before = numba.get_num_threads()
    if rows < FEW_ROWS:
        numba.set_num_threads(1)
    try:
        yield
    finally:
        numba.set_num_threads(before)


def product(matrix: sp.csr_matrix, x: NDArray) -> NDArray:
    """``matrix @ x`` for x (m, k), (n, k)."""
    out = np.empty((matrix.shape[0], x.shape[1]), x.dtype)
    add_product(matrix, x, out, beta=0)
    return out


def add_product(matrix: sp.csr_matrix, x: NDArray, out: NDArray, *, alpha: float = 1, beta: float = 1) -> None:
    """``out = alpha · matrix @ x + beta · out`` in place; with ``beta`` zero ``out`` is not read.

    Parameters
    ----------
    matrix : (n, m) csr_matrix
    x : (m, k)
    out : (n, k)
        Changed in place.
    alpha : float
    beta : float
    """
    number = matrix.dtype.type
    _multiply(matrix.indptr, matrix.indices, matrix.data, number(alpha), np.ascontiguousarray(x), number(beta), out)


# Unsigned subscripts spare the compiler a test for negative ones.


@numba.njit(cache=True, parallel=True)
def _multiply(
    indptr: NDArray, indices: NDArray, data: NDArray, alpha: float, x: NDArray, beta: float, out: NDArray
) -> None:
    width = np.uint64(x.shape[1])
    for row in numba.prange(len(indptr) - 1):
        start, end = np.uint64(indptr[row]), np.uint64(indptr[row + 1])
        for j in range(width):
            out[row, j] = data.dtype.type(0) if beta == 0 else beta * out[row, j]
        if width == 1:
            total = out[row, 0]  # kept in a register
            for p in range(start, end):
                total += alpha * data[p] * x[np.uint64(indices[p]), 0]
            out[row, 0] = total
        else:
            for p in range(start, end):
                value, column = alpha * data[p], np.uint64(indices[p])
                for j in range(width):
                    out[row, j] += value * x[column, j]


@numba.njit(cache=True, parallel=True)
def column_dots(x: NDArray, y: NDArray) -> NDArray:
    """Σ_i x_ij y_ij of every column j of x and y (n, k), (k,), summed in double precision."""
    n, width = x.shape
    partial = np.zeros((PARTS, width))
    for part in numba.prange(PARTS):
        for i in range(part * n // PARTS, (part + 1) * n // PARTS):
            for j in range(width):
                partial[part, j] += np.float64(x[i, j]) * np.float64(y[i, j])
    total = np.zeros(width)
    for part in range(PARTS):
        total += partial[part]
    return total


def column_norms(x: NDArray) -> NDArray[np.float64]:
    """Euclidean norms of the columns of x (n, k), (k,)."""
    norms: NDArray[np.float64] = np.sqrt(column_dots(x, x))
    return norms


class SolveError(RuntimeError):
    """A linear solve failed or did not reach its tolerance, so there is no result.

    It is no :class:`~meshes.errors.InputError`: what was asked for was in order, and the message says what failed.

    Parameters
    ----------
    message : str
    residual, tolerance : float, optional
        The relative residual (or energy error) at which the solve stopped, and the one it had to reach.
    """

    def __init__(self, message: str, *, residual: float | None = None, tolerance: float | None = None) -> None:
        super().__init__(message)
        self.residual, self.tolerance = residual, tolerance


def require_finite(b: NDArray[np.float64]) -> None:
    """Refuse right-hand sides that nothing solves.

    Raises
    ------
    SolveError
        If a number in b is not finite.
    """
    if not np.isfinite(b).all():
        raise SolveError("a right-hand side of the field solve is not finite: check the coil and its pose")


def require_converged(
    matrix: sp.csr_matrix, x: NDArray[np.float64], b: NDArray[np.float64], tolerance: float, how: str
) -> None:
    """Compute the residual of x (n, k) for b (n, k), columns of b all zero being solved by zero.

    Parameters
    ----------
    matrix : (n, n) csr_matrix
    x : (n, k)
        Solutions.
    b : (n, k)
        Right-hand sides.
    tolerance : float
        Of the relative residual.
    how : str
        What was tried, for the message.

    Raises
    ------
    SolveError
        If a column's relative residual is above ``tolerance`` or not a number; ``how`` says what was tried.
    """
    with threads_for(len(b)):
        norm = column_norms(b)
        residual = column_norms(b - product(matrix, x))
    relative = float(np.max(residual / np.where(norm > 0, norm, 1), initial=0))  # NaN if any is
    if not relative <= tolerance:
        raise SolveError(
            f"the field solve ({how}) stopped at a relative residual of {relative:.1e} (wanted {tolerance:.0e}): "
            + CHECK_THE_MESH,
            residual=relative,
            tolerance=tolerance,
        )


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
def _turn(z: NDArray, beta: NDArray, p: NDArray) -> None:
    for i in numba.prange(len(p)):
        for j in range(p.shape[1]):
            p[i, j] = z[i, j] + beta[j] * p[i, j]


@numba.njit(cache=True, parallel=True)
def _advance(alpha: NDArray, p: NDArray, q: NDArray, x: NDArray, r: NDArray) -> None:
    for i in numba.prange(len(p)):
        for j in range(p.shape[1]):
            x[i, j] += alpha[j] * p[i, j]
            r[i, j] -= alpha[j] * q[i, j]
