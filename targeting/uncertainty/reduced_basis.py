r"""A reduced basis: K(x) λ = b solved for any conductivities from a few dozen solves of the nominal head.

Conductivities enter the stiffness matrix linearly.  With factors x_t on the nominal conductivity of tissue t,

    K(x) = Σ_t x_t K_t,    K(1) = K₀ the nominal matrix, whose factorisation or multigrid is at hand.

λ is sought in the span of a few vectors V (Galerkin): (Σ_t x_t Vᵀ K_t V) c = Vᵀ b, λ ≈ V c: dense systems of a few dozen
unknowns, thousands a second.  V starts with the nominal λ and is enriched in rounds: the residuals b − K(x) V c at the
training points are taken together, compressed to their principal directions R, and V gains K₀⁻¹R, a single block solve of
the *nominal* head.  So V contains what conjugate gradients preconditioned by K₀ would reach at every training point, and
all points share what each of them found.  The spectrum of K₀⁻¹K(x) lies between the smallest and the largest x_t,
whatever the mesh, so the number of rounds does not grow with the head.

Galerkin is optimal in the energy norm, and ‖e‖²_K(x) ≤ rᵀK₀⁻¹r / min x.  The block solve of a round therefore also tells
the error the basis had before it; the rounds end when that is small.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from targeting.fem.solver import SolveError

log = logging.getLogger(__name__)

# energy error before the last round, which divides it by two or more; measured on colin27 (0.7 M tetrahedra) with twice
# this and the skull up to 0.012 S/m: the dose is then right to 0.04 % at likely conductivities and to 0.2 % anywhere in
# the box of ranges.  With the skull up to 0.031 S/m it takes half of it to keep 0.02 % on a ball
TOLERANCE = 5e-3
MAX_ROUNDS = 7
COMPRESSION = 1e-3  # residual directions below this share of the largest (in energy) wait for the next round


@dataclass(frozen=True, eq=False)
class ReducedBasis:
    """What gives λ(x) for any factors x.

    Parameters
    ----------
    vectors : (N, n)
        V, node values; orthonormal in the nominal energy.
    projected : (T, n, n)
        Vᵀ K_t V.
    load : (n, k)
        Vᵀ b.
    error_before : float
        Largest relative energy error over the training points before the last round (an upper estimate of what is left).
    solves : int
        Right-hand sides solved with the nominal head.
    """

    vectors: NDArray[np.float64]
    projected: NDArray[np.float64]
    load: NDArray[np.float64]
    error_before: float
    solves: int

    def coefficients(self, factors: NDArray[np.float64]) -> NDArray[np.float64]:
        """Coefficients c with λ(x) ≈ V c for each row of factors (s, T): (s, n, k)."""
        return _galerkin(self.projected, self.load, factors)

    def solution(self, factors: NDArray[np.float64]) -> NDArray[np.float64]:
        """λ(x) for one set of factors (T,): (N, k)."""
        return self.vectors @ self.coefficients(factors[None])[0]


def build_basis(
    solve: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    parts: Sequence[sp.csr_matrix],
    load: NDArray[np.float64],
    training: NDArray[np.float64],
    tolerance: float = TOLERANCE,
) -> ReducedBasis:
    """A basis for the solutions of Σ_t x_t K_t λ = b.

    Parameters
    ----------
    solve : callable
        Solves the nominal K₀ for (N, k) right-hand sides.
    parts : sequence of (N, N) matrices
        K_t; their sum is K₀.
    load : (N, k)
        b.
    training : (s, T)
        Factors at which the basis must be right.
    tolerance : float
        The rounds end when the relative energy error *before* a round was below this.

    Raises
    ------
    SolveError
        If that takes more than ``MAX_ROUNDS``.
    """
    inverse_diagonal = sum(part.diagonal() for part in parts)
    inverse_diagonal = 1 / np.where(inverse_diagonal > 0, inverse_diagonal, 1.0)
    vectors, projected = _enriched(np.zeros((len(load), 0)), np.zeros((len(parts), 0, 0)), solve(load), parts)
    solves, error = load.shape[1], np.inf
    for _ in range(MAX_ROUNDS):
        residual, energy = _residuals(vectors, projected, parts, load, training)
        directions, mix = _principal(residual, inverse_diagonal)
        corrections = solve(directions)
        solves += directions.shape[1]
        # rᵀ K₀⁻¹ r of each training point, over the energy of its λ
        missing = np.einsum("qc,qp,pc->c", mix, directions.T @ corrections, mix).clip(0)
        lowest = np.repeat(training.min(axis=1), load.shape[1])
        error = float(np.sqrt((missing / lowest / energy).max()))
        vectors, projected = _enriched(vectors, projected, corrections, parts)
        log.info("reduced basis of %d vectors; energy error before this round %.1e", vectors.shape[1], error)
        if error < tolerance:
            break
    else:
        raise SolveError(f"the basis for other conductivities stopped at an energy error of {error:.1e}")
    return ReducedBasis(vectors, projected, vectors.T @ load, error, solves)


def _galerkin(projected: NDArray, load: NDArray, factors: NDArray) -> NDArray[np.float64]:
    matrices = np.tensordot(factors, projected, axes=1)
    return np.linalg.solve(matrices, np.broadcast_to(load, (len(factors), *load.shape)))


def _residuals(
    vectors: NDArray, projected: NDArray, parts: Sequence[sp.csr_matrix], load: NDArray, training: NDArray
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The residuals b − K(x) V c at each training point, (N, s k), and the energy of V c, (s k,)."""
    c = _galerkin(projected, vectors.T @ load, training)  # (s, n, k)
    energy = np.einsum("nk,snk->sk", vectors.T @ load, c).ravel()
    residual = np.tile(load, len(training))
    for t, part in enumerate(parts):
        mixed = (c * training[:, t, None, None]).transpose(1, 0, 2).reshape(vectors.shape[1], -1)
        residual -= part @ (vectors @ mixed)
    return residual, energy


def _principal(residual: NDArray, inverse_diagonal: NDArray) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The principal directions R of residuals (N, m), weighed by 1/diagonal, and the mix with residual ≈ R @ mix."""
    gram = residual.T @ (inverse_diagonal[:, None] * residual)
    value, turn = np.linalg.eigh(gram)
    keep = value > COMPRESSION * value[-1]
    return residual @ turn[:, keep], turn[:, keep].T


def _enriched(
    vectors: NDArray, projected: NDArray, more: NDArray, parts: Sequence[sp.csr_matrix]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """V with more vectors, all orthonormal in the nominal energy, and its projected matrices."""
    nominal = sum(parts[1:], start=parts[0])
    for _ in range(2):  # twice is enough
        more = more - vectors @ (vectors.T @ (nominal @ more))
        value, turn = np.linalg.eigh(more.T @ (nominal @ more))
        keep = value > 1e-10 * value[-1]
        more = more @ (turn[:, keep] / np.sqrt(value[keep]))
    old, n = vectors.shape[1], vectors.shape[1] + more.shape[1]
    whole = np.hstack([vectors, more])
    grown = np.empty((len(parts), n, n))
    for t, part in enumerate(parts):
        columns = whole.T @ (part @ more)
        grown[t, :old, :old] = projected[t]
        grown[t, :, old:] = columns
        grown[t, old:, :old] = columns[:old].T
    return whole, grown
