"""Two ways to solve K x = b for a symmetric positive definite K: a factorisation, and multigrid.

A factorisation (MKL PARDISO, where ``pypardiso`` is installed) costs once and then solves many right-hand sides fast, but
wants memory; conjugate gradients preconditioned by smoothed aggregation (``pyamg``) runs everywhere.  ``make_solver``
picks by what is installed and by the memory at hand.
"""

from __future__ import annotations

import importlib.util
import logging
import os
import sys
from pathlib import Path
from typing import Protocol

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

log = logging.getLogger(__name__)

RELATIVE_TOLERANCE = 1e-8
FACTOR_BYTES_PER_NODE = 10_000  # measured: 3.3 GB for 374 k nodes
MAX_ITERATIONS = 500


class SolveError(RuntimeError):
    """A linear solve did not reach its tolerance."""


class Solver(Protocol):
    """Solves K x = b for one or many right-hand sides."""

    def solve(self, b: NDArray[np.float64]) -> NDArray[np.float64]:
        """Solve for b (n,) or (n, k)."""
        ...


class Factorisation:
    """Cholesky factors of K by MKL PARDISO."""

    def __init__(self, matrix: sp.csr_matrix) -> None:
        from pypardiso import PyPardisoSolver

        self._upper = sp.triu(matrix, format="csr")
        self._upper.sort_indices()
        self._matrix = matrix
        self._pardiso = PyPardisoSolver(mtype=2)
        self._pardiso.factorize(self._upper)

    def solve(self, b: NDArray[np.float64]) -> NDArray[np.float64]:
        """Solve, and check the residual."""
        x = self._pardiso.solve(self._upper, np.asfortranarray(b))
        _check_residual(self._matrix, x, b)
        return np.ascontiguousarray(x)

    def __del__(self) -> None:
        pardiso = getattr(self, "_pardiso", None)
        if pardiso is not None and not sys.is_finalizing():
            pardiso.free_memory(everything=True)


class Multigrid:
    """Conjugate gradients preconditioned by smoothed-aggregation multigrid."""

    def __init__(self, matrix: sp.csr_matrix) -> None:
        import pyamg

        self._matrix = matrix
        self._levels = pyamg.smoothed_aggregation_solver(matrix, max_coarse=500)

    def solve(self, b: NDArray[np.float64]) -> NDArray[np.float64]:
        """Solve each right-hand side to ``RELATIVE_TOLERANCE``."""
        columns = b[:, None] if b.ndim == 1 else b
        x = np.stack([self._solve_one(columns[:, k]) for k in range(columns.shape[1])], axis=1)
        return x[:, 0] if b.ndim == 1 else x

    def _solve_one(self, b: NDArray[np.float64]) -> NDArray[np.float64]:
        if not b.any():
            return np.zeros_like(b)
        x = self._levels.solve(b, tol=RELATIVE_TOLERANCE / 10, accel="cg", maxiter=MAX_ITERATIONS)
        _check_residual(self._matrix, x, b)
        return x


def _check_residual(matrix: sp.csr_matrix, x: NDArray[np.float64], b: NDArray[np.float64]) -> None:
    norm = np.linalg.norm(b, axis=0)
    residual = np.linalg.norm(matrix @ x - b, axis=0)
    relative = float(np.max(residual / np.where(norm > 0, norm, 1)))
    if not relative <= RELATIVE_TOLERANCE:  # also catches NaN
        raise SolveError(
            f"the field solve stopped at a relative residual of {relative:.1e} (wanted {RELATIVE_TOLERANCE:.0e}); "
            "check the mesh with `target mesh --check`"
        )


def free_memory_bytes() -> float:
    """Memory that can be had now; infinity where the system does not tell."""
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024.0
    except OSError:
        pass
    try:
        return float(os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    except (ValueError, OSError, AttributeError):
        return float("inf")


def make_solver(matrix: sp.csr_matrix) -> Solver:
    """The factorisation where MKL is installed and its memory is there, else multigrid."""
    wanted = matrix.shape[0] * FACTOR_BYTES_PER_NODE
    if importlib.util.find_spec("pypardiso") is not None and wanted < 0.8 * free_memory_bytes():
        log.info("factorising the conductivity matrix (%d nodes)", matrix.shape[0])
        return Factorisation(matrix)
    log.info("setting up multigrid (%d nodes)", matrix.shape[0])
    return Multigrid(matrix)
