"""Second-order elements by scikit-fem, an oracle that is not ours: φ quadratic in every tetrahedron.

Three to six times the unknowns of the first order for fields of an order more: what the recovered fields are held against on
heads, where there is no closed form.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from skfem import Basis, BilinearForm, ElementTetP2, LinearForm, MeshTet
from skfem.helpers import dot, grad

from targeting.fem.conductor import HeadConductor
from targeting.fem.solver import make_solver

M_PER_MM = 1e-3
ORDER = 2  # of the quadrature: exact for the stiffness matrix


@BilinearForm
def _current(u, v, w):  # type: ignore[no-untyped-def]
    return w.sigma * dot(grad(u), grad(v))


@LinearForm
def _drive(v, w):  # type: ignore[no-untyped-def]
    return -w.sigma * dot(w.da_dt, grad(v))


@dataclass(frozen=True, eq=False)
class SecondOrder:
    """Second-order elements on the mesh and with the (isotropic) conductivities of a HeadConductor, in one piece."""

    conductor: HeadConductor

    def __post_init__(self) -> None:
        assert self.conductor.tensors is None

    @cached_property
    def basis(self) -> Basis:
        """Of the quadrature points."""
        head = self.conductor.head
        mesh = MeshTet(M_PER_MM * head.points_mm.T, head.tets.T.astype(np.int64), sort_t=False)
        return Basis(mesh, ElementTetP2(), intorder=ORDER)

    @cached_property
    def centroids(self) -> Basis:
        """Of one point a tetrahedron, its centroid."""
        return Basis(self.basis.mesh, ElementTetP2(), quadrature=(np.full((3, 1), 0.25), np.array([1 / 6])))

    @property
    def points_mm(self) -> NDArray[np.float64]:
        """Where ∂A/∂t is wanted: the quadrature points, (M, q, 3)."""
        return np.moveaxis(np.asarray(self.basis.global_coordinates()), 0, -1) / M_PER_MM

    @property
    def unknowns_mm(self) -> NDArray[np.float64]:
        """Where the unknowns are, (n, 3)."""
        return self.basis.doflocs.T / M_PER_MM

    @property
    def sigma(self) -> NDArray[np.float64]:
        """S/m at the quadrature points, (M, q)."""
        return np.repeat(self.conductor.sigma_s_per_m[:, None], self.basis.X.shape[-1], axis=1)

    @cached_property
    def stiffness(self) -> sp.csr_matrix:
        """K, (n, n) in S."""
        return sp.csr_matrix(_current.assemble(self.basis, sigma=self.sigma))

    def potential(self, da_dt_v_per_m: NDArray[np.float64]) -> NDArray[np.float64]:
        """φ at the unknowns, (n,), zero at the first, for ∂A/∂t at ``points_mm`` (M, q, 3)."""
        b = _drive.assemble(self.basis, sigma=self.sigma, da_dt=np.moveaxis(da_dt_v_per_m, -1, 0))
        return np.concatenate([[0.0], make_solver(self.stiffness[1:, 1:].tocsr(), "multigrid").solve(b[1:])])

    def values(self, phi: NDArray[np.float64]) -> NDArray[np.float64]:
        """φ at ``points_mm``, (M, q)."""
        return np.asarray(self.basis.interpolate(phi))

    def gradient(self, phi: NDArray[np.float64]) -> NDArray[np.float64]:
        """∇φ at the centroid of every tetrahedron, (M, 3)."""
        return np.moveaxis(self.centroids.interpolate(phi).grad, 0, -1)[:, 0]
