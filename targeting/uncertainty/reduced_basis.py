r"""The dose of any pose for any conductivities, without another solve: a reduced basis of K(x) λ = b and its surrogate.

*Reduced basis.*  Conductivities enter the stiffness matrix linearly.  With factors x_t on the nominal conductivity of
tissue t,

    K(x) = Σ_t x_t K_t,    K(1) = K₀ the nominal matrix, whose factorisation or multigrid is at hand.

λ is sought in the span of a few vectors V (Galerkin): (Σ_t x_t Vᵀ K_t V) c = Vᵀ b, λ ≈ V c: dense systems of a few dozen
unknowns, thousands a second.  V starts with the nominal λ and is enriched in rounds: the residuals b − K(x) V c at the
training points are taken together, compressed to their principal directions R, and V gains K₀⁻¹R, a single block solve of
the *nominal* head.  So V contains what conjugate gradients preconditioned by K₀ would reach at every training point, and
all points share what each of them found.  The spectrum of K₀⁻¹K(x) lies between the smallest and the largest x_t,
whatever the mesh, so the number of rounds does not grow with the head.

Galerkin is optimal in the energy norm, and ‖e‖²_K(x) ≤ rᵀK₀⁻¹r / min x.  The block solve of a round therefore also tells
the error the basis had before it; the rounds end when that is small.

*Surrogate* (:class:`DoseSurrogate`).  With λ(x) from the reduced basis, the reciprocal currents at factors x are J_d = w
ê_d − Σ_t x_t σ_t v ∇λ_d in tissue t (``HeadConductor.reciprocal_currents``), a combination of the pieces "basis vector n in
tissue t".  Few combinations of them matter: the principal ones over the training points, orthonormal as currents (ohmic
loss, Σ_t A_tᵀ Vᵀ K_t V A_t = 1), are kept as *modes*.  Each mode gets a dose map, made once; then for every pose p and
factors x

    ⟨E_d⟩(p, x) = F₀_d(p) + Σ_q F_q(p) z_qd(x),        z(x) = Σ_t x_t A_tᵀ (Vᵀ K_t V) c(x),

a small matrix product.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from atlases import Target
from targeting.coils.coil import Coil
from targeting.fem.conductivity import tissue_names
from targeting.fem.conductor import HeadConductor
from targeting.fem.solver import SolveError
from targeting.tms.dose_map import SPACING_MM, DoseMap, RegularGrid, spread
from targeting.uncertainty.ranges import Range, conductivity_samples, sobol_points, spanning_samples

log = logging.getLogger(__name__)

# energy error before the last round, which divides it by two or more; measured on colin27 (0.7 M tetrahedra) with twice
# this and the skull up to 0.012 S/m: the dose is then right to 0.04 % at likely conductivities and to 0.2 % anywhere in
# the box of ranges.  With the skull up to 0.031 S/m it takes half of it to keep 0.02 % on a ball
TOLERANCE = 5e-3
MAX_ROUNDS = 7
COMPRESSION = 1e-3  # residual directions below this share of the largest (in energy) wait for the next round
TRAINING = 16  # points of the box of ranges that the basis is made for
MODE_TRAINING = 128  # dense, cheap points for the modes
MODE_TOLERANCE = 5e-4  # of the current, root mean square over the training points


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
        raise SolveError(
            f"the basis for other conductivities stopped at an energy error of {error:.1e}",
            residual=error,
            tolerance=tolerance,
        )
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


@dataclass(frozen=True, eq=False)
class DoseSurrogate:
    """The target's reciprocal currents as functions of the conductivities.

    Parameters
    ----------
    conductor : HeadConductor
        With the nominal conductivities.
    ranges : list of Range
        The d tissues that vary; all else keeps its nominal value.
    slot : (M,) int
        Row of each tetrahedron's tissue in ``ranges``; d for what does not vary.
    basis : ReducedBasis
    mixes : (T, n, q)
        A_t of the modes.
    direct_a_m : (3, M, 3)
        w ê_d, the part of the currents that does not depend on conductivity.
    """

    conductor: HeadConductor
    ranges: list[Range]
    slot: NDArray[np.integer]
    basis: ReducedBasis
    mixes: NDArray[np.float64]
    direct_a_m: NDArray[np.float64]

    @classmethod
    def build(cls, conductor: HeadConductor, target: Target, ranges: list[Range]) -> DoseSurrogate:
        """Solve for one target (some tens of right-hand sides with the conductor's own solver)."""
        codes = tissue_names(conductor.head.tissue)
        slot = np.full(len(conductor.head.tets), len(ranges), np.int32)
        for row, each in enumerate(ranges):
            slot[conductor.head.tissue == codes[each.tissue]] = row
        parts = [
            conductor.partial_stiffness(slot == row) for row in range(len(ranges) + int((slot == len(ranges)).any()))
        ]
        tets, weights = target.weights(conductor.head)
        load = conductor.target_load(tets, weights)
        direct = np.zeros((3, len(slot), 3))
        for d in range(3):
            direct[d, tets, d] = weights

        def factors(sigma: NDArray[np.float64]) -> NDArray[np.float64]:
            return _factors(conductor, ranges, len(parts), sigma)

        basis = build_basis(conductor.potential, parts, load, factors(spanning_samples(ranges, TRAINING)))
        likely = conductivity_samples(ranges, sobol_points(len(ranges), MODE_TRAINING, seed=2))
        wide = spanning_samples(ranges, MODE_TRAINING)
        mixes = _modes(basis, np.vstack([factors(likely), factors(wide)]))
        log.info("%d vectors from %d solves, %d current modes", basis.vectors.shape[1], basis.solves, mixes.shape[2])
        return cls(conductor, ranges, slot, basis, mixes, direct)

    def factors(self, sigma_s_per_m: NDArray[np.float64]) -> NDArray[np.float64]:
        """Conductivities (s, d) in the order of ``ranges`` as factors on the nominal ones, (s, T)."""
        return _factors(self.conductor, self.ranges, len(self.basis.projected), sigma_s_per_m)

    def nominal_s_per_m(self) -> NDArray[np.float64]:
        """The nominal conductivities in the order of ``ranges``, (d,)."""
        return np.array([self.conductor.conductivity_s_per_m[each.tissue] for each in self.ranges])

    def mode_weights(self, sigma_s_per_m: NDArray[np.float64]) -> NDArray[np.float64]:
        """Weights z for each row of conductivities (s, d): (s, q, 3)."""
        x = self.factors(sigma_s_per_m)
        out = np.empty((len(x), self.mixes.shape[2], 3))
        for rows in np.array_split(np.arange(len(x)), max(1, len(x) // 256)):
            currents = _weighted(self.basis, x[rows])
            out[rows] = np.einsum("tnq,stnk->sqk", self.mixes, currents, optimize=True)
        return out

    def couple(self, coil: Coil, poses: NDArray[np.float64], didt_a_per_s: float) -> PoseDoses:
        """The modes' share in the dose of each pose (P, 4, 4); one dose map for every three modes."""
        grid = RegularGrid.covering(self.conductor.head.points_mm, 0.0, SPACING_MM)
        outer = _reach(coil, poses)
        centroids = self.conductor.head.centroids_mm
        found = []
        for currents in self._currents():
            columns = np.moveaxis(currents, 0, 1).reshape(len(centroids), 9)
            dose_map = DoseMap(spread(centroids, columns, grid).astype(np.float32), grid, outer)
            found.append(dose_map.mean_e_v_per_m(coil, poses, didt_a_per_s))
        return PoseDoses(found[0], np.hstack(found[1:])[:, : self.mixes.shape[2]])

    def _currents(self) -> Iterator[NDArray[np.float64]]:
        """The direct moments, then those of three modes at a time, (3, M, 3) A·m (zeros fill up the last)."""
        yield self.direct_a_m
        conductor = self.conductor
        for first in range(0, self.mixes.shape[2], 3):
            out = np.zeros((3, len(self.slot), 3))
            for k, q in enumerate(range(first, min(first + 3, self.mixes.shape[2]))):
                # one potential for each tissue; every tetrahedron reads its own tissue's
                by_tissue = self.basis.vectors @ self.mixes[:, :, q].T  # (N, T)
                corners = by_tissue[conductor.head.tets, self.slot[:, None]]
                gradient = np.einsum("eix,ei->ex", conductor.gradients_per_m, corners)
                out[k] = -conductor.conducted(gradient)
            yield out


@dataclass(frozen=True, eq=False)
class PoseDoses:
    """Doses of P poses as functions of the mode weights: ``direct_v_per_m`` (P, 3), ``per_mode_v_per_m`` (P, q)."""

    direct_v_per_m: NDArray[np.float64]
    per_mode_v_per_m: NDArray[np.float64]

    def mean_e_v_per_m(self, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """⟨E⟩ for mode weights (s, q, 3): (s, P, 3)."""
        return self.direct_v_per_m + np.matmul(self.per_mode_v_per_m, weights)


def _factors(conductor: HeadConductor, ranges: list[Range], parts: int, sigma: NDArray) -> NDArray[np.float64]:
    nominal = np.array([conductor.conductivity_s_per_m[each.tissue] for each in ranges])
    out = np.ones((len(sigma), parts))
    out[:, : len(ranges)] = sigma / nominal
    return out


def _weighted(basis: ReducedBasis, factors: NDArray) -> NDArray[np.float64]:
    """x_t (Vᵀ K_t V) c: what the pieces' currents weigh, (s, T, n, k)."""
    c = basis.coefficients(factors)
    pieces = np.einsum("tnm,smk->stnk", basis.projected, c, optimize=True)
    return factors[:, :, None, None] * pieces


def _modes(basis: ReducedBasis, factors: NDArray) -> NDArray[np.float64]:
    """The principal combinations of the pieces over the training points, (T, n, q)."""
    pieces, n = basis.projected.shape[:2]
    c = basis.coefficients(factors)  # (s, n, k)
    samples = factors[:, :, None, None] * c[:, None]  # the pieces' coefficients, (s, T, n, k)
    # whiten each tissue's block, so that currents are compared by their ohmic loss
    roots, inverses = [], []
    for part in basis.projected:
        value, turn = np.linalg.eigh(part)
        keep = value > 1e-12 * value[-1]
        roots.append(turn[:, keep] * np.sqrt(value[keep]))
        inverses.append(turn[:, keep] / np.sqrt(value[keep]))
    whitened = np.concatenate(
        [np.einsum("nr,snk->rsk", root, samples[:, t]).reshape(root.shape[1], -1) for t, root in enumerate(roots)]
    )
    value, left = np.linalg.eigh(whitened @ whitened.T)
    value, left = value[::-1].clip(0), left[:, ::-1]
    tail = np.cumsum(value[::-1])[::-1]  # what is lost of the currents, squared, if this mode and those after it go
    kept = max(1, int((tail > MODE_TOLERANCE**2 * tail[0]).sum()))
    out = np.zeros((pieces, n, kept))
    first = 0
    for t, inverse in enumerate(inverses):
        last = first + inverse.shape[1]
        out[t] = inverse @ left[first:last, :kept]
        first = last
    return out


def _reach(coil: Coil, poses: NDArray) -> RegularGrid:
    """The nodes round the coil's parts in all the poses."""
    points = np.concatenate([source.points_mm for source in coil.sources if hasattr(source, "points_mm")])
    low, high = points.min(0), points.max(0)
    corners = np.array([[x, y, z] for x in (low[0], high[0]) for y in (low[1], high[1]) for z in (low[2], high[2])])
    world = corners @ poses[:, :3, :3].transpose(0, 2, 1) + poses[:, None, :3, 3]
    return RegularGrid.covering(world.reshape(-1, 3), SPACING_MM, SPACING_MM)
