"""Linear solvers for K x = b, with the symmetric positive definite K of a head, and how one is chosen.

Multigrid (:mod:`targeting.fem.multigrid`) is ready at once, needs little memory and runs everywhere.  A factorisation
(:class:`Factorisation`) costs as much as dozens of solves, needs memory and MKL, and then solves in a third of the time:
it pays when many right-hand sides are to come.

Cholesky factors of the stiffness matrix by MKL's PARDISO: dear once, then cheap for every solve.

The factors are made in single precision, in about two thirds of the time and half the memory, and precondition
conjugate gradients in double precision, which then need three iterations.

The factors of a three-dimensional mesh of n nodes fill with some n^(4/3) numbers (nested dissection: George 1973; Lipton,
Rose & Tarjan 1979), which is what they are allowed for here.

``pypardiso`` brings and finds MKL; the calls are to MKL's own function (oneMKL reference, *pardiso*).
"""

from __future__ import annotations

import ctypes
import importlib.util
import logging
import sys
from collections.abc import Callable
from typing import Literal, Protocol

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from meshes.choices import one_of
from meshes.errors import InputError
from meshes.memory import free_memory_bytes
from targeting.fem.conjugate_gradients import NOT_DEFINITE, RELATIVE_TOLERANCE, ConjugateGradients, SolveError
from targeting.fem.multigrid import Multigrid, VCycle

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

Preconditioner = Callable[[NDArray[np.float32]], NDArray[np.float32]]
SolverName = Literal["auto", "factorisation", "multigrid"]
SOLVERS: tuple[SolverName, ...] = ("auto", "factorisation", "multigrid")
BYTES_PER_NODES_4_3 = 65.0  # measured, solves included: 0.34 GB for 118 k nodes, 1.94 GB for 418 k (59 and 62)
BLOCK = 64  # right-hand sides at a time: a solve reads all factors once, whatever it solves for
MARGIN = 2  # an iteration gains over two digits, in the residual and in the field alike
MAX_ITERATIONS = 30  # a head needs 3

SYMMETRIC_POSITIVE_DEFINITE = 2  # the matrix type
OPTIONS = {0: 1, 1: 3, 27: 1, 34: 1}  # own options; nested dissection on all cores; single precision; subscripts from 0
FACTORISE, SOLVE, RELEASE = 12, 33, -1  # phases
OUT_OF_MEMORY = -2  # an error
MANY = 32  # right-hand sides that pay for a factorisation; measured: about 25 at 118 k nodes, 35 at 418 k
MEMORY_SHARE = 0.8  # of the free memory that factors may take


def is_installed() -> bool:
    """Whether MKL is there; it is not made for ARM."""
    return importlib.util.find_spec("pypardiso") is not None


def _require_mkl() -> None:
    if not is_installed():
        raise InputError(
            "the solver factorisation needs pypardiso (MKL, x86 only), which is not installed: "
            "pip install pypardiso, or take the solver multigrid"
        )


def factor_bytes(n_nodes: int) -> float:
    """Memory that factors of a mesh with this many nodes take while they are made."""
    return BYTES_PER_NODES_4_3 * n_nodes ** (4 / 3)


class Factorisation(ConjugateGradients):
    """Conjugate gradients preconditioned by single-precision factors.

    Parameters
    ----------
    matrix : (n, n) csr_matrix
        Symmetric positive definite.
    tolerance : float
        Relative residual that every solution keeps.

    Raises
    ------
    SolveError
        If the matrix is not positive definite, or its factors find no memory.
    """

    def __init__(self, matrix: sp.csr_matrix, *, tolerance: float = RELATIVE_TOLERANCE) -> None:
        super().__init__(
            matrix,
            Factors(matrix),
            name="factorisation",
            tolerance=tolerance,
            max_iterations=MAX_ITERATIONS,
            block=BLOCK,
            margin=MARGIN,
        )


class Factors:
    """The factors, in MKL's memory until the object goes."""

    def __init__(self, matrix: sp.csr_matrix) -> None:
        from pypardiso import PyPardisoSolver

        upper = sp.triu(matrix, format="csr")
        upper.sort_indices()
        if not (np.isfinite(upper.data).all() and (upper.diagonal() > 0).all()):  # PARDISO takes either for granted
            raise SolveError(NOT_DEFINITE)
        self._data = upper.data.astype(np.float32)
        self._rows, self._columns = upper.indptr.astype(np.int32), upper.indices.astype(np.int32)
        self._options = np.zeros(64, np.int32)
        for place, value in OPTIONS.items():
            self._options[place] = value
        self._handle = np.zeros(64, np.int64)
        self._pardiso = PyPardisoSolver().libmkl["pardiso"]
        error = self._call(FACTORISE, np.zeros((1, matrix.shape[0]), np.float32))[1]
        if error == OUT_OF_MEMORY:
            raise SolveError(
                f"not enough memory for the factors of {matrix.shape[0]} nodes "
                f"(about {factor_bytes(matrix.shape[0]) / 1e9:.1f} GB): take the solver multigrid"
            )
        if error:
            raise SolveError(f"{NOT_DEFINITE} (PARDISO's error {error})")

    def __call__(self, b: NDArray[np.float32]) -> NDArray[np.float32]:
        """K⁻¹ b for b (n, k), to about four digits."""
        x, error = self._call(SOLVE, np.ascontiguousarray(b.T))
        if error:
            raise SolveError(f"the field solve (factorisation) failed: PARDISO's error {error}")
        return np.ascontiguousarray(x.T)

    def _call(self, phase: int, b: NDArray[np.float32]) -> tuple[NDArray[np.float32], int]:
        """One call for b (k, n): the solution and the error number, 0 if there is none."""
        x = np.empty_like(b)
        error = ctypes.c_int32(0)
        arguments = (
            self._handle,
            1,  # sets of factors kept
            1,  # the set meant
            SYMMETRIC_POSITIVE_DEFINITE,
            phase,
            b.shape[1],
            self._data,
            self._rows,
            self._columns,
            self._options[:0],  # no ordering given
            b.shape[0],
            self._options,
            0,  # no messages
            b,
            x,
        )
        self._pardiso(
            *(
                ctypes.byref(ctypes.c_int32(a)) if isinstance(a, int) else a.ctypes.data_as(ctypes.c_void_p)
                for a in arguments
            ),
            ctypes.byref(error),
        )
        return x, error.value

    def __del__(self) -> None:
        if hasattr(self, "_pardiso") and not sys.is_finalizing():
            self._call(RELEASE, np.zeros((1, 1), np.float32))


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
                self.road = None  # frees memory
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
            _require_mkl()
            return _factorise(matrix, tolerance)
    return Automatic(matrix, tolerance, right_hand_sides)


def preconditioner(matrix: sp.csr_matrix, solver: SolverName) -> Preconditioner:
    """An approximate K⁻¹ in single precision: factors where a factorisation is asked for, else a V-cycle.

    Parameters
    ----------
    matrix : (n, n) csr_matrix
        Symmetric positive definite.
    solver : {"auto", "factorisation", "multigrid"}
    """
    if solver == "factorisation":
        _require_mkl()
        return Factors(matrix)
    return VCycle(matrix)


def _multigrid(matrix: sp.csr_matrix, tolerance: float) -> Multigrid:
    log.info("setting up multigrid (%d nodes)", matrix.shape[0])
    return Multigrid(matrix, tolerance=tolerance)


def _factorise(matrix: sp.csr_matrix, tolerance: float) -> Factorisation:
    log.info("factorising the conductivity matrix (%d nodes)", matrix.shape[0])
    return Factorisation(matrix, tolerance=tolerance)


def _fits(n_nodes: int) -> bool:
    return factor_bytes(n_nodes) < MEMORY_SHARE * free_memory_bytes()
