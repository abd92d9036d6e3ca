r"""Second-order elements: φ is a quadratic in every tetrahedron, with values at the nodes and the middles of the edges.

The shape functions, in barycentric coordinates λ, are λ_i(2λ_i − 1) at node i and 4 λ_i λ_j at the middle of edge ij.  The
products of their gradients are of degree two, so the four-point rule of the tetrahedron (λ = 0.585, 0.138 thrice, equal
weights; exact to degree two) integrates the stiffness matrix exactly, and the load of a ∂A/∂t given at those points.

Six times the unknowns of the first order for fields of an order more: the reference that ``recovery`` is held against on
heads, where there is no closed form.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from meshes.errors import InputError
from targeting.fem.conductor import HeadConductor
from targeting.fem.solver import Solver, make_solver

EDGES = np.array([[0, 1], [0, 2], [0, 3], [1, 2], [1, 3], [2, 3]])
NEAR, FAR = (5 + 3 * 5**0.5) / 20, (5 - 5**0.5) / 20
QUADRATURE = np.full((4, 4), FAR) + (NEAR - FAR) * np.eye(4)  # barycentric coordinates of the four points


@dataclass(frozen=True, eq=False)
class QuadraticConductor:
    """Second-order elements on the mesh and with the conductivities of a HeadConductor, which must be isotropic.

    Unknowns are the N nodes, then the edges.
    """

    conductor: HeadConductor

    def __post_init__(self) -> None:
        if self.conductor.tensors is not None:
            raise InputError("second-order elements are made for one conductivity a tissue; leave out the tensors")

    @cached_property
    def _edges(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Nodes of every edge, (L, 2), and the edges of each tetrahedron, (M, 6)."""
        n = len(self.conductor.head.points_mm)
        pairs = np.sort(self.conductor.head.tets[:, EDGES].astype(np.int64), axis=2)
        keys, of_tet = np.unique(pairs[..., 0] * n + pairs[..., 1], return_inverse=True)
        return np.stack([keys // n, keys % n], axis=1), of_tet.reshape(-1, 6)

    @cached_property
    def unknowns(self) -> NDArray[np.int64]:
        """The ten unknowns of each tetrahedron, (M, 10)."""
        head = self.conductor.head
        return np.concatenate([head.tets.astype(np.int64), len(head.points_mm) + self._edges[1]], axis=1)

    @cached_property
    def unknowns_mm(self) -> NDArray[np.float64]:
        """Where the unknowns are, (N + L, 3)."""
        points = self.conductor.head.points_mm
        return np.concatenate([points, points[self._edges[0]].mean(axis=1)])

    @property
    def quadrature_mm(self) -> NDArray[np.float64]:
        """The four points of each tetrahedron at which ∂A/∂t is wanted, (M, 4, 3)."""
        return np.einsum("qi,mix->mqx", QUADRATURE, self.conductor.head.points_mm[self.conductor.head.tets])

    def _shape_gradients(self, barycentric: NDArray[np.float64]) -> NDArray[np.float64]:
        """Gradients of the ten shape functions at one point of every tetrahedron, (M, 10, 3) per metre."""
        g = self.conductor.gradients_per_m
        at_nodes = (4 * barycentric - 1)[:, None] * g
        i, j = EDGES.T
        at_edges = 4 * (barycentric[i][:, None] * g[:, j] + barycentric[j][:, None] * g[:, i])
        return np.concatenate([at_nodes, at_edges], axis=1)

    @cached_property
    def stiffness(self) -> sp.csr_matrix:
        """K, (N + L, N + L) in S."""
        weight = self.conductor.sigma_s_per_m * self.conductor.volumes_m3 / len(QUADRATURE)
        local = np.zeros((len(weight), 10, 10))
        for point in QUADRATURE:
            g = self._shape_gradients(point)
            local += np.einsum("mix,mjx->mij", g * weight[:, None, None], g, optimize=True)
        rows = np.repeat(self.unknowns, 10, axis=1).ravel()
        columns = np.tile(self.unknowns, (1, 10)).ravel()
        size = len(self.unknowns_mm)
        return sp.csr_matrix((local.ravel(), (rows, columns)), shape=(size, size))

    @cached_property
    def _solver(self) -> Solver:
        return make_solver(self.stiffness[1:, 1:].tocsr(), "multigrid")

    def potential(self, da_dt_v_per_m: NDArray[np.float64]) -> NDArray[np.float64]:
        """φ at the unknowns, (N + L,), zero at the first node, for ∂A/∂t at ``quadrature_mm`` (M, 4, 3).

        The mesh must hang together in one piece.
        """
        weight = self.conductor.sigma_s_per_m * self.conductor.volumes_m3 / len(QUADRATURE)
        b = np.zeros(len(self.unknowns_mm))
        for q, point in enumerate(QUADRATURE):
            local = np.einsum("mix,mx->mi", self._shape_gradients(point), da_dt_v_per_m[:, q] * weight[:, None])
            b -= np.bincount(self.unknowns.ravel(), local.ravel(), len(b))
        return np.concatenate([[0.0], self._solver.solve(b[1:])])

    def gradient(self, phi: NDArray[np.float64]) -> NDArray[np.float64]:
        """∇φ at the centroid of every tetrahedron, (M, 3)."""
        return np.einsum("mix,mi->mx", self._shape_gradients(np.full(4, 0.25)), phi[self.unknowns])
