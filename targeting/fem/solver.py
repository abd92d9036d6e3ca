"""Two roads to K x = b for the symmetric positive definite K of a head, and the choice between them.

Multigrid (:mod:`targeting.fem.multigrid`) is ready at once, wants little memory, runs everywhere.
A factorisation (:mod:`targeting.fem.factorisation`) costs as much as dozens of solves, wants memory and MKL, and then
solves in a third of the time: it pays when many right-hand sides are to come.
"""

from __future__ import annotations

import logging
from typing import Literal, Protocol

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from meshes.choices import one_of
from meshes.errors import InputError
from meshes.memory import free_memory_bytes
from targeting.fem.convergence import RELATIVE_TOLERANCE, SolveError
from targeting.fem.factorisation import Factorisation, factor_bytes, is_installed
from targeting.fem.multigrid import Multigrid

__all__ = [
    "RELATIVE_TOLERANCE",
    "SOLVERS",
    "Factorisation",
    "Multigrid",
    "SolveError",
    "Solver",
    "SolverName",
    "make_solver",
]

log = logging.getLogger(__name__)

SolverName = Literal["auto", "factorisation", "multigrid"]
SOLVERS: tuple[SolverName, ...] = ("auto", "factorisation", "multigrid")
MANY = 32  # right-hand sides that pay for a factorisation; measured: about 25 at 118 k nodes, 35 at 418 k
MEMORY_SHARE = 0.8  # of the free memory that factors may take


class Solver(Protocol):
    """Solves K x = b for one or many right-hand sides, or raises :class:`SolveError`."""

    def solve(self, b: NDArray[np.float64]) -> NDArray[np.float64]:
        """Solve for b (n,) or (n, k)."""
        ...


class Automatic:
    """Multigrid, until so many right-hand sides have come that a factorisation pays, if MKL and its memory are there.

    Whoever changes when the one has cost as much as the other never spends more than twice what foresight would.
    """

    def __init__(self, matrix: sp.csr_matrix, tolerance: float, expected: int) -> None:
        self._matrix = matrix
        self._tolerance = tolerance
        self._expected = expected
        self._solved = 0
        self.road: Factorisation | Multigrid | None = None  # the one taken last

    def solve(self, b: NDArray[np.float64]) -> NDArray[np.float64]:
        """Solve for b (n,) or (n, k)."""
        self._solved += 1 if b.ndim == 1 else b.shape[1]
        if not isinstance(self.road, Factorisation):
            many = max(self._solved, self._expected) >= MANY
            if many and is_installed() and _fits(self._matrix.shape[0]):
                self.road = None  # makes room
                self.road = _factorise(self._matrix, self._tolerance)
            elif self.road is None:
                self.road = _multigrid(self._matrix, self._tolerance)
        return self.road.solve(b)


def make_solver(
    matrix: sp.csr_matrix,
    solver: SolverName = "auto",
    *,
    right_hand_sides: int = 1,
    tolerance: float = RELATIVE_TOLERANCE,
) -> Solver:
    """A solver for K, to be used for as many right-hand sides as there are.

    Parameters
    ----------
    matrix : (n, n) csr_matrix
        Symmetric positive definite.
    solver : {"auto", "factorisation", "multigrid"}
        "auto" takes multigrid, and factorises when at least ``MANY`` right-hand sides are expected or have come, MKL
        is installed and the memory is there.
    right_hand_sides : int
        How many are expected in all, if that is known.
    tolerance : float
        Relative residual |K x − b| / |b| that every solution keeps.

    Raises
    ------
    InputError
        If ``solver`` is none of these, or a factorisation is asked for where MKL is not installed.
    SolveError
        If the matrix is not positive definite ("auto" says so at the first solve).
    """
    match one_of(solver, SOLVERS, "solver"):
        case "multigrid":
            return _multigrid(matrix, tolerance)
        case "factorisation":
            if not is_installed():
                raise InputError(
                    "the solver factorisation needs pypardiso (MKL, x86 only), which is not installed: "
                    "pip install pypardiso, or take the solver multigrid"
                )
            return _factorise(matrix, tolerance)
    return Automatic(matrix, tolerance, right_hand_sides)


def _multigrid(matrix: sp.csr_matrix, tolerance: float) -> Multigrid:
    log.info("setting up multigrid (%d nodes)", matrix.shape[0])
    return Multigrid(matrix, tolerance=tolerance)


def _factorise(matrix: sp.csr_matrix, tolerance: float) -> Factorisation:
    log.info("factorising the conductivity matrix (%d nodes)", matrix.shape[0])
    return Factorisation(matrix, tolerance=tolerance)


def _fits(n_nodes: int) -> bool:
    return factor_bytes(n_nodes) < MEMORY_SHARE * free_memory_bytes()
