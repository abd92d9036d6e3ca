r"""HeadConductor: a head mesh with conductivities, ready to be solved.

Potentials obey ∇·σ∇φ = −∇·σ ∂A/∂t with no current through the scalp.  With first-order shape functions N_i,

    K φ = b,   K_ij = Σ_e σ_e v_e ∇N_i·∇N_j,   b_i = −Σ_e σ_e v_e ∇N_i·(∂A/∂t)_e,   E_e = −∇φ_e − (∂A/∂t)_e.

φ is fixed to zero at one node of every connected piece, which makes K positive definite and changes no field.

∇φ_e is the elements' own ("none"), (∇φ)_e = Σ_i φ_i ∇N_i, or recovered from patches of nodes ("patch", see
``recovery``).  Either is a linear map R of the node values; a target's mean field Σ_e w_e E_e and its reciprocal currents
take the same one, so that they agree.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray
from scipy.sparse.csgraph import connected_components

from meshes import HeadMesh
from meshes.choices import one_of
from meshes.one_body import check_one_piece
from targeting.fem.anisotropy import ElementTensors, whitened
from targeting.fem.assembly import gather_divergence, gradient, shape_gradients, stiffness
from targeting.fem.conductivity import conductivities, sigma_per_tet
from targeting.fem.recovery import PatchRecovery
from targeting.fem.solver import RELATIVE_TOLERANCE, SOLVERS, Solver, SolverName, make_solver

if TYPE_CHECKING:
    from targeting.fem.second_order import SecondOrder

Recovery = Literal["patch", "none"]
RECOVERIES: tuple[Recovery, ...] = ("patch", "none")


class HeadConductor:
    """A head that currents flow in.

    Parameters
    ----------
    head : HeadMesh
    conductivity_s_per_m : mapping, optional
        Overrides of the default table, by tissue name.
    tensors : ElementTensors, optional
        Conductivity tensors of some tetrahedra, instead of their tissue's scalar.
    solver : {"auto", "factorisation", "multigrid"}
        How linear systems are solved; "auto" goes by their number and the memory at hand.
    tolerance : float
        Relative residual of every solution.
    right_hand_sides : int
        How many are expected in all, if that is known: many pay for a factorisation.

    Raises
    ------
    InputError
        If the head falls into pieces, between which no current would pass, or has a tissue without a conductivity.
    """

    def __init__(
        self,
        head: HeadMesh,
        conductivity_s_per_m: Mapping[str, float] | None = None,
        tensors: ElementTensors | None = None,
        solver: SolverName = "auto",
        tolerance: float = RELATIVE_TOLERANCE,
        right_hand_sides: int = 1,
    ) -> None:
        check_one_piece(head, "the head")
        self.head = head
        self.second_order: SecondOrder | None = None
        self.solver_name: SolverName = one_of(solver, SOLVERS, "solver")
        self.tolerance = tolerance
        self._expected = right_hand_sides
        self.conductivity_s_per_m = conductivities(conductivity_s_per_m)
        self.sigma_s_per_m = sigma_per_tet(head.tissue, self.conductivity_s_per_m)
        self.tensors = tensors
        self.gradients_per_m, self.volumes_m3 = shape_gradients(head.points_mm, head.tets)

    def near(self, place_mm: ArrayLike, reach_mm: float | None = None) -> HeadConductor:
        """The same conductor with elements of second order near a place: fields of coils are truer there.

        Parameters
        ----------
        place_mm : (3,) or (n, 3)
            One point, or many of a target; RAS mm.
        reach_mm : float, optional
            How far round it (:data:`~targeting.fem.second_order.REACH_MM`).

        Examples
        --------
        >>> import numpy as np
        >>> from meshes import HeadMesh
        >>> from targeting import Coil, Pose, simulate_tms
        >>> from targeting.fem import HeadConductor
        >>> lump = HeadMesh(50 * np.vstack([np.zeros(3), np.eye(3)]), [[0, 1, 2, 3]], [5])
        >>> above = Pose([[-1, 0, 0, 10], [0, 1, 0, 10], [0, 0, -1, 80], [0, 0, 0, 1]])
        >>> simulate_tms(HeadConductor(lump).near([10, 10, 10]), Coil.named("figure8-70mm"), above).e_v_per_m.shape
        (1, 3)
        """
        from targeting.fem.second_order import REACH_MM, SecondOrder

        finer = copy.copy(self)
        finer.second_order = SecondOrder(self, place_mm, REACH_MM if reach_mm is None else reach_mm)
        return finer

    @cached_property
    def stiffness(self) -> sp.csr_matrix:
        """K, (N, N) in S; symmetric, its rows sum to zero."""
        return self.partial_stiffness(np.ones(len(self.head.tets), bool))

    def partial_stiffness(self, mask: NDArray[np.bool_]) -> sp.csr_matrix:
        """What the chosen tetrahedra (M,) add to K, (N, N) in S: K is linear in every tissue's conductivity."""
        tets, gradients, weight = self.head.tets, self.gradients_per_m, self.sigma_s_per_m * self.volumes_m3
        if self.tensors is not None:
            gradients, weight = whitened(gradients, weight, self.volumes_m3, self.tensors)
        if not mask.all():
            tets, gradients, weight = tets[mask], gradients[mask], weight[mask]
        return stiffness(tets, gradients, weight, len(self.head.points_mm))

    @cached_property
    def free_nodes(self) -> NDArray[np.int64]:
        """All nodes but the grounded one of each piece; nodes of no tetrahedron are left out."""
        pieces = connected_components(self.stiffness, directed=False)[1]
        _, grounded = np.unique(pieces, return_index=True)
        free = np.ones(len(pieces), bool)
        free[grounded] = False
        return np.flatnonzero(free & (self.stiffness.diagonal() > 0))

    @cached_property
    def _solver(self) -> Solver:
        free = self.free_nodes
        matrix = self.stiffness[free][:, free].tocsr()
        return make_solver(matrix, self.solver_name, right_hand_sides=self._expected, tolerance=self.tolerance)

    def solver_for(self, matrix: sp.csr_matrix, right_hand_sides: int) -> Solver:
        """A solver, of the kind this head is solved with, for another matrix (K and what electrodes add to it)."""
        return make_solver(matrix, self.solver_name, right_hand_sides=right_hand_sides, tolerance=self.tolerance)

    def potential(self, b: NDArray[np.float64]) -> NDArray[np.float64]:
        """Solve K φ = b for one (N,) or many (N, k) right-hand sides that sum to zero."""
        phi = np.zeros_like(b)
        phi[self.free_nodes] = self._solver.solve(b[self.free_nodes])
        return phi

    def gradient(self, phi: NDArray[np.float64]) -> NDArray[np.float64]:
        """∇φ per tetrahedron, (M, 3)."""
        return gradient(self.head.tets, self.gradients_per_m, phi)

    def divergence(self, vectors: NDArray[np.float64]) -> NDArray[np.float64]:
        """Σ_e ∇N_i · q_e per node, (N,): the adjoint of :meth:`gradient`."""
        return gather_divergence(self.head.tets, self.gradients_per_m, vectors, len(self.head.points_mm))

    @cached_property
    def patches(self) -> PatchRecovery:
        """The recovery of ∇φ on this mesh."""
        head = self.head
        anisotropic = () if self.tensors is None else np.unique(head.tissue[self.tensors.tets]).tolist()
        return PatchRecovery.of(head.points_mm, head.tets, head.tissue, self.gradients_per_m, anisotropic)

    def conducted(self, vectors: NDArray[np.float64], tets: NDArray[np.integer] | None = None) -> NDArray[np.float64]:
        """σ_e v_e q_e of a field q per tetrahedron, (M, 3), or in some, ascending: the current moments it drives, A·m."""
        weight = self.sigma_s_per_m * self.volumes_m3
        moments = (weight if tets is None else weight[tets])[:, None] * vectors
        if self.tensors is not None:
            tensors, here = self.tensors, self.tensors.tets
            places, theirs = here, np.arange(len(here))
            if tets is not None:
                _, places, theirs = np.intersect1d(tets, here, assume_unique=True, return_indices=True)
            moments[places] = self.volumes_m3[here[theirs], None] * np.einsum(
                "exy,ey->ex", tensors.sigma_s_per_m[theirs], vectors[places]
            )
        return moments

    def coil_fields(
        self,
        sources: Sequence[Callable[[NDArray[np.float64]], NDArray[np.float64]]],
        tets: NDArray[np.integer] | None = None,
    ) -> NDArray[np.float64]:
        """E of k sources in every tetrahedron, or in some, with the best elements there are, (k, m, 3) V/m.

        Parameters
        ----------
        sources : sequence of callable
            ∂A/∂t of each at points (n, 3) mm, (n, 3) V/m: asked for in the nodes where elements of second order are
            somewhere, in the centroids where they are not.
        tets : (m,) int, optional
        """
        if self.second_order is not None:
            return self.second_order.induced_field(np.stack([each(self.head.points_mm) for each in sources]), tets)
        loads, e = [], []
        for source in sources:
            da_dt = source(self.head.centroids_mm)
            loads.append(-self.divergence(self.conducted(da_dt)))
            e.append(-da_dt if tets is None else -da_dt[tets])
        whole = np.stack(e)
        whole -= self.patches.gradient(self.potential(np.stack(loads, axis=1)), tets)
        return whole

    def induced_field(self, da_dt_v_per_m: NDArray[np.float64], recovery: Recovery = "patch") -> NDArray[np.float64]:
        """E of first-order elements in every tetrahedron for ∂A/∂t at the centroids, (M, 3) or (k, M, 3), V/m."""
        many = da_dt_v_per_m[None] if da_dt_v_per_m.ndim == 2 else da_dt_v_per_m
        b = np.stack([-self.divergence(self.conducted(da_dt)) for da_dt in many], axis=1)
        phi = self.potential(b)
        if one_of(recovery, RECOVERIES, "recovery") == "patch":
            e = -self.patches.gradient(phi)
        else:
            e = np.stack([-self.gradient(column) for column in phi.T])
        e -= many
        return e[0] if da_dt_v_per_m.ndim == 2 else e

    def target_load(
        self, tets: NDArray[np.integer], weights: NDArray[np.float64], recovery: Recovery = "patch"
    ) -> NDArray[np.float64]:
        """Loads b, (N, 3), with b_d·φ = Σ_e w_e (∇φ)_{e,d} for weights w (m,) of the tetrahedra ``tets`` (m,)."""
        if one_of(recovery, RECOVERIES, "recovery") == "patch":
            return np.stack([self.patches.adjoint(tets, np.outer(weights, axis)) for axis in np.eye(3)], axis=1)
        moments = np.zeros((3, len(self.head.tets), 3))
        for d in range(3):
            moments[d, tets, d] = weights
        return np.stack([self.divergence(each) for each in moments], axis=1)

    def reciprocal_currents(
        self, tets: NDArray[np.integer], weights: NDArray[np.float64], recovery: Recovery = "patch"
    ) -> NDArray[np.float64]:
        r"""Current moments that a unit dipole spread over a target drives, for the three axes, (3, M, 3).

        With λ_d from K λ_d = b_d (:meth:`target_load`),  J_{d,e} = w_e ê_d − σ_e v_e Σ_i λ_{d,i} ∇N_i  gives for *any*
        source  Σ_e w_e E_{e,d} = −Σ_e J_{d,e}·(∂A/∂t)_e, exactly the value of the forward solve with that recovery.
        """
        potential = self.potential(self.target_load(tets, weights, recovery))
        currents = np.stack([-self.conducted(self.gradient(column)) for column in potential.T])
        for d in range(3):
            currents[d, tets, d] += weights
        return currents

    def reciprocal_moments(
        self, tets: NDArray[np.integer], weights: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Where a coil sees a target's reciprocal currents, (n, 3) mm, and the currents, (3, n, 3), for the three axes.

        Of the elements that the fields of coils are solved with: of second order, moments in the nodes; else, in the
        tetrahedra.
        """
        if self.second_order is not None:
            return self.head.points_mm, self.second_order.reciprocal_moments(tets, weights)
        return self.head.centroids_mm, self.reciprocal_currents(tets, weights)
