"""Multigrid by smoothed aggregation: one V-cycle is a cheap approximate inverse of the stiffness matrix.

Neighbouring nodes are gathered into aggregates (by ``pyamg``), and the constant on each, smoothed by one Jacobi step, is
a basis function of the next coarser space (Vaněk, Mandel & Brezina 1996).  Only nodes with a strong connection,
|a_ij| ≥ θ √(a_ii a_jj), come together: aggregates then follow the conductivity and the shape of the elements, which
halves the iterations.  Errors that the coarse space does not hold are damped by Chebyshev polynomials of the fourth kind
(Lottes 2023, *Optimal polynomial smoothers for multigrid V-cycles*), which need products only: these run on all cores
and give the same bits for any number of them.  With rows scaled by Σ_j |a_ij| no eigenvalue exceeds 1 (Gershgorin), so
nothing has to be estimated.

A preconditioner need not be exact, so levels are kept and cycled in single precision: half the memory traffic.
"""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from targeting.fem.conjugate_gradients import (
    CHECK_THE_MESH,
    NOT_DEFINITE,
    RELATIVE_TOLERANCE,
    ConjugateGradients,
    SolveError,
    add_product,
    product,
    threads_for,
)

STRONG = 0.03  # θ; measured on a head: 0.01, 0.03, 0.05 need 29, 17, 18 iterations
OMEGA = 4 / 3  # of the Jacobi step, for eigenvalues up to 1: the usual choice
COARSEST = 500  # nodes; solved directly
SMOOTHING = 2  # degree of the polynomials; measured on a head: 1 to 4 take the same time within a quarter
MAX_ITERATIONS = 300  # a head needs about 20
BLOCK = 8  # right-hand sides at a time; more gain little and want memory
MARGIN = 10  # two iterations more

Block = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Level:
    """One matrix of the hierarchy and the way to the next coarser one, in single precision."""

    matrix: sp.csr_matrix  # (n, n)
    scale: NDArray[np.float32]  # (n,) 1 / Σ_j |a_ij|
    prolong: sp.csr_matrix  # (n, m)
    restrict: sp.csr_matrix  # (m, n)


class Multigrid(ConjugateGradients):
    """Conjugate gradients preconditioned by a V-cycle; little set-up, little memory, runs everywhere.

    Parameters
    ----------
    matrix : (n, n) csr_matrix
        Symmetric positive definite.
    tolerance : float
        Relative residual that every solution keeps.
    max_iterations : int
        More than this is a :class:`SolveError`.

    Raises
    ------
    SolveError
        If the matrix is seen not to be positive definite.
    """

    def __init__(
        self, matrix: sp.csr_matrix, *, tolerance: float = RELATIVE_TOLERANCE, max_iterations: int = MAX_ITERATIONS
    ) -> None:
        super().__init__(
            matrix,
            VCycle(matrix),
            name="multigrid",
            tolerance=tolerance,
            max_iterations=max_iterations,
            block=BLOCK,
            margin=MARGIN,
        )


class VCycle:
    """The preconditioner: symmetric and positive definite if the matrix is.

    Parameters
    ----------
    matrix : (n, n) csr_matrix
        Symmetric positive definite.

    Raises
    ------
    SolveError
        If it is seen not to be.
    """

    def __init__(self, matrix: sp.csr_matrix) -> None:
        self._levels = []
        while matrix.shape[0] > COARSEST:
            level, matrix = _coarsen(matrix)
            self._levels.append(level)
        inverse = matrix.toarray().astype(np.float64)
        if not _invert_in_place(inverse):
            raise SolveError(NOT_DEFINITE)
        self._coarsest = sp.csr_matrix(inverse.astype(np.float32))

    def __call__(self, b: Block) -> Block:
        """An approximation of K⁻¹ b for b (n, k)."""
        return self._cycle(b, 0)

    def _cycle(self, b: Block, depth: int) -> Block:
        if depth == len(self._levels):
            return product(self._coarsest, b)
        level = self._levels[depth]
        with threads_for(len(b)):
            x = _smooth(level, b, None)
            residual = b.copy()
            add_product(level.matrix, x, residual, alpha=-1)
            add_product(level.prolong, self._cycle(product(level.restrict, residual), depth + 1), x)
            return _smooth(level, b, x)


def _coarsen(matrix: sp.csr_matrix) -> tuple[Level, sp.csr_matrix]:
    """A level and the double-precision matrix of the next."""
    from pyamg.aggregation.aggregate import standard_aggregation
    from pyamg.strength import symmetric_strength_of_connection

    scale = 1 / np.asarray(abs(matrix).sum(axis=1)).ravel()
    constant, _ = standard_aggregation(symmetric_strength_of_connection(matrix, STRONG))  # (n, m), 1 in the aggregate
    if not 0 < 2 * constant.shape[1] < matrix.shape[0]:
        raise SolveError("the matrix of the field solve falls apart into single nodes: " + CHECK_THE_MESH)
    constant = constant.astype(np.float64)
    prolong = (constant - sp.diags(OMEGA * scale) @ (matrix @ constant)).tocsr()
    restrict = prolong.T.tocsr()
    coarse = (restrict @ (matrix @ prolong)).tocsr()
    coarse.sort_indices()  # so that rows are summed in one order
    return Level(_single(matrix), scale.astype(np.float32), _single(prolong), _single(restrict)), coarse


def _single(matrix: sp.csr_matrix) -> sp.csr_matrix:
    """The matrix in single precision, sharing its pattern."""
    return sp.csr_matrix((matrix.data.astype(np.float32), matrix.indices, matrix.indptr), shape=matrix.shape)


def _smooth(level: Level, b: Block, x: Block | None) -> Block:
    """Take the polynomial's steps from x, or from zero, which saves the first product."""
    a, step = level.matrix, np.empty_like(b)
    for k in range(1, SMOOTHING + 1):
        keep, take = np.float32(max(2 * k - 3, 0) / (2 * k + 1)), np.float32((8 * k - 4) / (2 * k + 1))
        moved = np.empty_like(b)
        if x is None:
            _first_step(level.scale, b, take, step, moved)
        else:
            _step(a.indptr, a.indices, a.data, level.scale, b, x, keep, take, step, moved)
        x = moved
    return moved


@numba.njit(cache=True, parallel=True)
def _first_step(scale: NDArray, b: NDArray, take: float, step: NDArray, moved: NDArray) -> None:
    for row in numba.prange(len(scale)):
        for j in range(b.shape[1]):
            step[row, j] = moved[row, j] = take * scale[row] * b[row, j]


@numba.njit(cache=True, parallel=True)
def _step(
    indptr: NDArray,
    indices: NDArray,
    data: NDArray,
    scale: NDArray,
    b: NDArray,
    x: NDArray,
    keep: float,
    take: float,
    step: NDArray,
    moved: NDArray,
) -> None:
    """``step = keep step + take scale (b − A x)``, ``moved = x + step``, row by row; with ``keep`` zero step is unread."""
    width = np.uint64(x.shape[1])
    for row in numba.prange(len(scale)):
        start, end = np.uint64(indptr[row]), np.uint64(indptr[row + 1])
        for j in range(width):
            moved[row, j] = b[row, j]
        if width == 1:
            rest = b[row, 0]  # kept in a register
            for p in range(start, end):
                rest -= data[p] * x[np.uint64(indices[p]), 0]
            moved[row, 0] = rest
        else:
            for p in range(start, end):
                value, column = data[p], np.uint64(indices[p])
                for j in range(width):
                    moved[row, j] -= value * x[column, j]
        for j in range(width):
            change = take * scale[row] * moved[row, j]
            if keep > 0:
                change += keep * step[row, j]
            step[row, j] = change
            moved[row, j] = x[row, j] + change


@numba.njit(cache=True)
def _invert_in_place(a: NDArray) -> bool:
    """Gauss-Jordan without pivots, in one order on every machine; False if the matrix is not positive definite."""
    for k in range(len(a)):
        pivot = a[k, k]
        if not pivot > 0:
            return False
        a[k, k] = 1
        a[k] /= pivot
        for i in range(len(a)):
            if i != k:
                factor = a[i, k]
                a[i, k] = 0
                a[i] -= factor * a[k]
    return True
