"""Products of a sparse matrix with several columns at once, on all cores, and sums over columns: the loops of a solve.

A product reads the whole matrix from memory and does next to nothing with it, so k columns cost little more than one
when they lie side by side: blocks are (n, k), row by row in memory.  A row is summed by one thread in the order it is
stored in, and a sum over rows is a sum of ``PARTS`` partial sums in a fixed order, so every result is the same bits for
any number of threads.  Matrices and blocks may be double or single precision.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numba
import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

PARTS = 64  # partial sums; fixed, so that sums do not depend on the number of threads
FEW_ROWS = 10_000  # fewer are done before a second thread has woken up, above all on a busy machine


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
    """``out = alpha · matrix @ x + beta · out`` in place; with ``beta`` zero ``out`` is not read."""
    number = matrix.dtype.type
    _multiply(matrix.indptr, matrix.indices, matrix.data, number(alpha), np.ascontiguousarray(x), number(beta), out)


# Unsigned subscripts spare the compiler a test for negative ones.


@numba.njit(cache=True, parallel=True)
def _multiply(indptr, indices, data, alpha, x, beta, out):  # type: ignore[no-untyped-def]
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
def column_dots(x, y):  # type: ignore[no-untyped-def]
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
