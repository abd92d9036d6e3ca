r"""HeadConductor: a head mesh with conductivities, ready to be solved.

Potentials obey ∇·σ∇φ = −∇·σ ∂A/∂t with no current through the scalp.  With first-order shape functions N_i,

    K φ = b,   K_ij = Σ_e σ_e v_e ∇N_i·∇N_j,   b_i = −Σ_e σ_e v_e ∇N_i·(∂A/∂t)_e,   E_e = −∇φ_e − (∂A/∂t)_e.

φ is fixed to zero at one node of every connected piece, which makes K positive definite and changes no field.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components

from meshes import HeadMesh
from targeting.fem.assembly import gather_divergence, gradient, shape_gradients, stiffness
from targeting.fem.conductivity import conductivities, sigma_per_tet
from targeting.fem.solver import Solver, make_solver


class HeadConductor:
    """A head that currents flow in.

    Parameters
    ----------
    head : HeadMesh
    conductivity_s_per_m : mapping, optional
        Overrides of the default table, by tissue name.
    """

    def __init__(self, head: HeadMesh, conductivity_s_per_m: Mapping[str, float] | None = None) -> None:
        self.head = head
        self.conductivity_s_per_m = conductivities(conductivity_s_per_m)
        self.sigma_s_per_m = sigma_per_tet(head.tissue, self.conductivity_s_per_m)
        self.gradients_per_m, self.volumes_m3 = shape_gradients(head.points_mm, head.tets)

    @cached_property
    def stiffness(self) -> sp.csr_matrix:
        """K, (N, N) in S; symmetric, its rows sum to zero."""
        weight = self.sigma_s_per_m * self.volumes_m3
        return stiffness(self.head.tets, self.gradients_per_m, weight, len(self.head.points_mm))

    @cached_property
    def _free_nodes(self) -> NDArray[np.int64]:
        """All nodes but the grounded one of each piece; nodes of no tetrahedron are left out."""
        pieces = connected_components(self.stiffness, directed=False)[1]
        _, grounded = np.unique(pieces, return_index=True)
        free = np.ones(len(pieces), bool)
        free[grounded] = False
        return np.flatnonzero(free & (self.stiffness.diagonal() > 0))

    @cached_property
    def _solver(self) -> Solver:
        free = self._free_nodes
        return make_solver(self.stiffness[free][:, free].tocsr())

    def potential(self, b: NDArray[np.float64]) -> NDArray[np.float64]:
        """Solve K φ = b for one (N,) or many (N, k) right-hand sides that sum to zero."""
        phi = np.zeros_like(b)
        phi[self._free_nodes] = self._solver.solve(b[self._free_nodes])
        return phi

    def gradient(self, phi: NDArray[np.float64]) -> NDArray[np.float64]:
        """∇φ per tetrahedron, (M, 3)."""
        return gradient(self.head.tets, self.gradients_per_m, phi)

    def divergence(self, vectors: NDArray[np.float64]) -> NDArray[np.float64]:
        """Σ_e ∇N_i · q_e per node, (N,): the adjoint of :meth:`gradient`."""
        return gather_divergence(self.head.tets, self.gradients_per_m, vectors, len(self.head.points_mm))

    def induced_field(self, da_dt_v_per_m: NDArray[np.float64]) -> NDArray[np.float64]:
        """E in every tetrahedron for ∂A/∂t at the centroids, (M, 3) or (k, M, 3), V/m."""
        many = da_dt_v_per_m[None] if da_dt_v_per_m.ndim == 2 else da_dt_v_per_m
        weight = (self.sigma_s_per_m * self.volumes_m3)[:, None]
        b = np.stack([-self.divergence(weight * da_dt) for da_dt in many], axis=1)
        phi = self.potential(b)
        e = np.stack([-self.gradient(phi[:, k]) - da_dt for k, da_dt in enumerate(many)])
        return e[0] if da_dt_v_per_m.ndim == 2 else e

    def reciprocal_currents(self, tets: NDArray[np.integer], weights: NDArray[np.float64]) -> NDArray[np.float64]:
        r"""Current moments that a unit dipole spread over a target drives, for the three axes, (3, M, 3).

        With λ_d from K λ_d = Σ_e w_e ∂_d N,  J_{d,e} = w_e ê_d − σ_e v_e ∇λ_{d,e}  gives for *any* source
        Σ_e w_e E_{e,d} = −Σ_e J_{d,e}·(∂A/∂t)_e, exactly the value of the forward solve.
        """
        moments = np.zeros((3, len(self.head.tets), 3))
        for d in range(3):
            moments[d, tets, d] = weights
        b = np.stack([self.divergence(moments[d]) for d in range(3)], axis=1)
        potential = self.potential(b)
        weight = (self.sigma_s_per_m * self.volumes_m3)[:, None]
        for d in range(3):
            moments[d] -= weight * self.gradient(potential[:, d])
        return moments
