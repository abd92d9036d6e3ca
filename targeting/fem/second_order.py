r"""Second-order elements near one place of the head, first-order elsewhere: the field in folded cortex to about 2 %.

To the first-order shape functions N_i of all nodes come, near the place, the *bubbles* of the edges jk between two nodes,

    B_jk = 4 N_j N_k,   ∇B_jk = 4 (N_j ∇N_k + N_k ∇N_j),

which are zero in all nodes and in every tetrahedron without the edge: so the two orders meet without a seam, the values in
the nodes are still φ's, and where all six edges of a tetrahedron have their bubble, φ is quadratic in it (a hierarchical
basis: Zienkiewicz, Gago & Kelly 1983, Comput Struct 16:53).  With λ = N in a tetrahedron of volume v and Λ_j = ∇N_j,

    ∫ ∇N_i·σ∇B_jk = v Λ_i·σ(Λ_j + Λ_k),
    ∫ ∇B_jk·σ∇B_lm = 4v/5 [(Λ_j + Λ_k)·σ(Λ_l + Λ_m) + δ_jl Λ_k·σΛ_m + δ_jm Λ_k·σΛ_l + δ_kl Λ_j·σΛ_m + δ_km Λ_j·σΛ_l],

and for ∂A/∂t linear between the nodes, a_i in node i (as constants it would cost half of what is gained),

    ∫ ∇B_jk·σ ∂A/∂t = v/5 [(Λ_j + Λ_k)·σ Σ_i a_i + Λ_k·σ a_j + Λ_j·σ a_k].

The last, read the other way, gives the reciprocal currents: as moments in the nodes, of which the coil sees a sixth as many
as there are tetrahedra.

The bubbles hardly couple with one another over a distance, so one damped Jacobi step on them before and one after a V-cycle
on the nodes precondition the whole, whatever the mesh (Bank 1996, Acta Numerica 5:1): about twice the iterations of the
first order alone.
"""

from __future__ import annotations

import logging
from functools import cached_property

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

from atlases.target import Target
from targeting.fem.assembly import corner_means
from targeting.fem.conductor import HeadConductor
from targeting.fem.conjugate_gradients import ConjugateGradients, add_product, product
from targeting.fem.multigrid import BLOCK, MARGIN, MAX_ITERATIONS
from targeting.fem.solver import Preconditioner, preconditioner

log = logging.getLogger(__name__)

REACH_MM = 46.0  # round the place; the field 30 mm from a target is then right to what the mesh can give
MOST_NODES = 120_000  # within reach: some 850,000 edges
EDGES = np.array([(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)])  # of a tetrahedron, by its corners
DAMPING = np.float32(1.3)  # of the Jacobi steps; with rows scaled by Σ|a| no eigenvalue exceeds 1

Block = NDArray[np.float32]


class SecondOrder:
    """The bubbles near a place, and the fields solved with them.

    Parameters
    ----------
    conductor : HeadConductor
    near_mm : (3,) or (n, 3)
        The place: one point, or the many of a target; RAS mm.
    reach_mm : float
        How far round them the elements are of second order.  Where that were more than ``MOST_NODES`` nodes, the nearest.
    """

    def __init__(self, conductor: HeadConductor, near_mm: ArrayLike, reach_mm: float = REACH_MM) -> None:
        self.conductor = conductor
        self.head = conductor.head
        points_mm, tets = self.head.points_mm, self.head.tets
        near = _near(points_mm, np.atleast_2d(np.asarray(near_mm, np.float64)), reach_mm)
        near_corners = near[tets].sum(axis=1)
        self.tets = np.flatnonzero(near_corners >= 2)  # those with a bubble
        self._whole = near_corners == 4  # (M,) those with all six
        corners = tets[self.tets].astype(np.int64)
        ends = np.sort(corners[:, EDGES], axis=2)
        has = near[ends].all(axis=2)
        key, number = np.unique(ends[has] @ np.array([len(points_mm), 1]), return_inverse=True)
        self.n_edges = len(key)
        self._edges = np.full(has.shape, -1, np.int64)
        self._edges[has] = number
        self._corners = corners
        self._slopes = conductor.gradients_per_m[self.tets]
        self._place = np.full(len(tets), -1, np.int64)
        self._place[self.tets] = np.arange(len(self.tets))
        log.info("second order within %.0f mm: %d edges in %d tetrahedra", reach_mm, self.n_edges, len(self.tets))

    def _conducted(self, vectors: NDArray[np.float64]) -> NDArray[np.float64]:
        """σ v q for vectors q (m, k, 3) of ``tets``."""
        return np.stack([self.conductor.conducted(vectors[:, k], self.tets) for k in range(vectors.shape[1])], axis=1)

    @cached_property
    def _solver(self) -> ConjugateGradients:
        conductor, has = self.conductor, self._edges >= 0
        free = conductor.free_nodes
        first, second = EDGES.T
        c = np.einsum("eix,ejx->eij", self._slopes, self._conducted(self._slopes))  # v Λ_i·σΛ_j
        mixed = c[:, :, first] + c[:, :, second]  # (m, 4, 6)
        bubbles = mixed[:, first] + mixed[:, second]  # (m, 6, 6)
        for a, (j, k) in enumerate(EDGES):
            for b, (u, w) in enumerate(EDGES):
                for own, other, its_own, its_other in ((j, k, u, w), (j, k, w, u), (k, j, u, w), (k, j, w, u)):
                    if own == its_own:
                        bubbles[:, a, b] += c[:, other, its_other]
        on_both = has[:, :, None] & has[:, None, :]
        rows, columns = (np.broadcast_to(each, on_both.shape)[on_both] for each in _pairs(self._edges, self._edges))
        on_edges = sp.csr_matrix((0.8 * bubbles[on_both], (rows, columns)), shape=(self.n_edges, self.n_edges))
        here = np.broadcast_to(has[:, None, :], mixed.shape)
        rows, columns = (np.broadcast_to(each, here.shape)[here] for each in _pairs(self._corners, self._edges))
        between = sp.csr_matrix((mixed[here], (rows, columns)), shape=(len(self.head.points_mm), self.n_edges))[free]
        on_nodes = conductor.stiffness[free][:, free].tocsr()
        matrix = sp.bmat([[on_nodes, between], [between.T, on_edges]], format="csr")
        matrix.sort_indices()
        log.info("setting up second order (%d unknowns)", matrix.shape[0])
        return ConjugateGradients(
            matrix,
            _NodesAndBubbles(preconditioner(on_nodes, conductor.solver_name), between, on_edges),
            name="second order",
            tolerance=conductor.tolerance,
            max_iterations=MAX_ITERATIONS,
            block=BLOCK,
            margin=MARGIN,
        )

    def potential(
        self, on_nodes: NDArray[np.float64], on_edges: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """φ at the nodes, (N, k), and the bubbles' coefficients, (n_edges, k), for right-hand sides of the same shapes."""
        free = self.conductor.free_nodes
        solved = self._solver.solve(np.concatenate([on_nodes[free], on_edges]))
        phi = np.zeros_like(on_nodes)
        phi[free] = solved[: len(free)]
        return phi, solved[len(free) :]

    def induced_field(
        self, da_dt_v_per_m: NDArray[np.float64], tets: NDArray[np.integer] | None = None
    ) -> NDArray[np.float64]:
        """Mean E of every tetrahedron, or of some, for ∂A/∂t in the nodes (k, N, 3): (k, m, 3), V/m.

        Where elements are of first order, ∇φ is recovered from patches of nodes (:mod:`targeting.fem.recovery`).
        """
        conductor = self.conductor
        chosen = np.arange(len(self.head.tets)) if tets is None else tets
        whole = self._whole[chosen]
        e = np.empty((len(da_dt_v_per_m), len(chosen), 3))
        on_nodes = np.empty((len(self.head.points_mm), len(e)))
        for k, da_dt in enumerate(da_dt_v_per_m):
            mean = corner_means(self.head.tets, da_dt)
            on_nodes[:, k] = -conductor.divergence(conductor.conducted(mean))
            e[k] = -mean[chosen]
        phi, bubbles = self.potential(on_nodes, np.stack([self._load(da_dt) for da_dt in da_dt_v_per_m], axis=1))
        e[:, ~whole] -= conductor.patches.gradient(phi, chosen[~whole])
        here = self._place[chosen[whole]]
        for k in range(len(e)):
            e[k, whole] -= self._mean_gradient(phi[:, k], bubbles[:, k], here)
        return e

    def _mean_gradient(
        self, phi: NDArray[np.float64], bubbles: NDArray[np.float64], here: NDArray[np.integer]
    ) -> NDArray[np.float64]:
        """Mean ∇φ, (m, 3), in whole tetrahedra, given by their places among ``tets``."""
        slopes, edges = self._slopes[here], self._edges[here]
        mean = np.einsum("eix,ei->ex", slopes, phi[self._corners[here]])
        for number, (j, k) in enumerate(EDGES):
            mean += bubbles[edges[:, number], None] * (slopes[:, j] + slopes[:, k])
        return mean

    def _load(self, da_dt_v_per_m: NDArray[np.float64]) -> NDArray[np.float64]:
        """−∫ ∇B·σ ∂A/∂t of every edge, (n_edges,), for ∂A/∂t (N, 3) in the nodes."""
        p = np.einsum("ejx,ebx->ejb", self._slopes, self._conducted(da_dt_v_per_m[self._corners]))
        sums = p.sum(axis=2)
        load = np.stack([sums[:, j] + sums[:, k] + p[:, k, j] + p[:, j, k] for j, k in EDGES], axis=1)
        has = self._edges >= 0
        return np.bincount(self._edges[has], -load[has] / 5, minlength=self.n_edges).astype(np.float64, copy=False)

    def _moments(self, bubbles: NDArray[np.float64]) -> NDArray[np.float64]:
        """Σ_jk c_jk ∫ σ∇B_jk N_b in every node b, (N, 3), for coefficients c (n_edges,): :meth:`_load`'s adjoint."""
        c = np.where(self._edges >= 0, bubbles[self._edges], 0.0)
        in_corners = np.zeros((len(self.tets), 4, 3))
        for number, (j, k) in enumerate(EDGES):
            in_corners += c[:, number, None, None] * (self._slopes[:, j] + self._slopes[:, k])[:, None]
            in_corners[:, j] += c[:, number, None] * self._slopes[:, k]
            in_corners[:, k] += c[:, number, None] * self._slopes[:, j]
        return self._to_nodes(0.2 * self._conducted(in_corners), self._corners)

    def _to_nodes(self, in_corners: NDArray[np.float64], corners: NDArray[np.integer]) -> NDArray[np.float64]:
        """Vectors in corners, (m, 4, 3), summed in the nodes, (N, 3)."""
        n_nodes = len(self.head.points_mm)
        flat = corners.ravel()
        return np.stack([np.bincount(flat, in_corners[..., x].ravel(), minlength=n_nodes) for x in range(3)], axis=1)

    def target_load(
        self, tets: NDArray[np.integer], weights: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Loads on nodes (N, 3) and edges (n_edges, 3), whose product with φ is Σ_e w_e (∇φ)_{e,d}, d = x, y, z."""
        whole = self._whole[tets]
        on_nodes = self.conductor.target_load(tets[~whole], weights[~whole])
        on_edges = np.zeros((self.n_edges, 3))
        here = self._place[tets[whole]]
        slopes = weights[whole, None, None] * self._slopes[here]
        np.add.at(on_nodes, self._corners[here], slopes)
        for number, (j, k) in enumerate(EDGES):
            np.add.at(on_edges, self._edges[here, number], slopes[:, j] + slopes[:, k])
        return on_nodes, on_edges

    def reciprocal_moments(self, tets: NDArray[np.integer], weights: NDArray[np.float64]) -> NDArray[np.float64]:
        r"""Current moments in the nodes that a unit dipole spread over a target drives, for the three axes, (3, N, 3).

        For *any* source  Σ_e w_e E_{e,d} = −Σ_i J_{d,i}·(∂A/∂t)_i, exactly the value of :meth:`induced_field`.

        Parameters
        ----------
        tets : (m,) int
            The target's.
        weights : (m,)
            w_e.
        """
        conductor, all_tets = self.conductor, self.head.tets
        phi, bubbles = self.potential(*self.target_load(tets, weights))
        out = np.empty((3, len(self.head.points_mm), 3))
        for d in range(3):
            moments = -conductor.conducted(conductor.gradient(phi[:, d]))
            moments[tets, d] += weights
            out[d] = self._to_nodes(np.repeat(0.25 * moments[:, None], 4, axis=1), all_tets)
            out[d] -= self._moments(bubbles[:, d])
        return out


def near_target(conductor: HeadConductor, target: Target) -> HeadConductor:
    """A conductor with elements of second order near a target; as it is, if it has some already.

    Parameters
    ----------
    conductor : HeadConductor
    target : Target

    Raises
    ------
    InputError
        If the target holds no tetrahedron.
    """
    if conductor.second_order is not None:
        return conductor
    return conductor.near(conductor.head.centroids_mm[target.weights(conductor.head)[0]])


class _NodesAndBubbles:
    """The preconditioner: a Jacobi step on the bubbles, the nodes, and the same step again."""

    def __init__(self, on_nodes: Preconditioner, between: sp.csr_matrix, on_edges: sp.csr_matrix) -> None:
        self._on_nodes = on_nodes
        self._between = between.astype(np.float32)
        self._back = self._between.T.tocsr()
        self._on_edges = on_edges.astype(np.float32)
        self._step = (DAMPING / np.asarray(abs(on_edges).sum(axis=1)).reshape(-1, 1)).astype(np.float32)

    def __call__(self, b: Block) -> Block:
        """An approximation of K⁻¹ b for b (n, k)."""
        n_nodes = self._between.shape[0]
        bubbles, nodes = self._step * b[n_nodes:], b[:n_nodes].copy()
        add_product(self._between, bubbles, nodes, alpha=-1)
        out = np.empty_like(b)
        out[:n_nodes] = self._on_nodes(nodes)
        rest = b[n_nodes:] - product(self._back, out[:n_nodes])
        add_product(self._on_edges, bubbles, rest, alpha=-1)
        out[n_nodes:] = bubbles + self._step * rest
        return out


def _pairs(rows: NDArray[np.int64], columns: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Of matrices of elements: where each entry goes."""
    return rows[:, :, None], columns[:, None, :]


def _near(points_mm: NDArray[np.float64], place_mm: NDArray[np.float64], reach_mm: float) -> NDArray[np.bool_]:
    """Which nodes (N,) lie within reach of a place (n, 3): at most ``MOST_NODES`` of them."""
    distance = cKDTree(place_mm).query(points_mm, distance_upper_bound=reach_mm)[0]
    near = distance <= reach_mm
    if near.sum() > MOST_NODES:
        near[:] = False
        near[np.argsort(distance, kind="stable")[:MOST_NODES]] = True
        log.info("second order only for the nearest %d nodes, within %.0f mm", MOST_NODES, distance[near].max())
    return near
