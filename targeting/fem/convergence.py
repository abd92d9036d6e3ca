"""What counts as solved: the true residual |b − K x| / |b| of every right-hand side, or an error that says it is not."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from targeting.fem.sparse_product import column_norms, product, threads_for

RELATIVE_TOLERANCE = 1e-8
CHECK_THE_MESH = "check the mesh with `target mesh --check`"
NOT_DEFINITE = "the matrix of the field solve is not positive definite: " + CHECK_THE_MESH


class SolveError(RuntimeError):
    """A linear solve did not reach its tolerance; there is no result."""


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
            + CHECK_THE_MESH
        )
