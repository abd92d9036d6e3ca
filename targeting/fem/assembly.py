"""First-order elements: gradients of the shape functions, and the stiffness matrix K_ij = Σ_e σ_e v_e ∇N_i · ∇N_j.

The matrix is built row by row from the tetrahedra round each node, in a fixed order, so that it is the same bits for any
number of threads and exactly symmetric.
"""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from meshes import HeadMesh
from meshes.errors import InputError
from meshes.topology import elements_of_nodes

M_PER_MM = 1e-3
FEW_PARTS = 4  # partial sums of all nodes; a fixed number, so that sums do not depend on the number of threads
PARTS = 32  # runs of rows shared out to threads, each with one scratch array of all nodes


def shape_gradients(points_mm: NDArray[np.float64], tets: NDArray[np.integer]) -> tuple[NDArray, NDArray]:
    """Gradients of the four shape functions, (M, 4, 3) in 1/m, and volumes, (M,) in m³."""
    return _gradients(points_mm, tets)


@numba.njit(cache=True, parallel=True)
def _gradients(points_mm: NDArray, tets: NDArray) -> tuple[NDArray, NDArray]:
    gradients = np.empty((len(tets), 4, 3))
    volumes = np.empty(len(tets))
    for e in numba.prange(len(tets)):
        a, b, c, d = points_mm[tets[e, 0]], points_mm[tets[e, 1]], points_mm[tets[e, 2]], points_mm[tets[e, 3]]
        u, v, w = (b - a) * M_PER_MM, (c - a) * M_PER_MM, (d - a) * M_PER_MM
        six_v = (
            u[0] * (v[1] * w[2] - v[2] * w[1]) + u[1] * (v[2] * w[0] - v[0] * w[2]) + u[2] * (v[0] * w[1] - v[1] * w[0])
        )
        for i in range(3):
            j, k = (i + 1) % 3, (i + 2) % 3
            gradients[e, 1, i] = (v[j] * w[k] - v[k] * w[j]) / six_v
            gradients[e, 2, i] = (w[j] * u[k] - w[k] * u[j]) / six_v
            gradients[e, 3, i] = (u[j] * v[k] - u[k] * v[j]) / six_v
            gradients[e, 0, i] = -gradients[e, 1, i] - gradients[e, 2, i] - gradients[e, 3, i]
        volumes[e] = abs(six_v) / 6
    return gradients, volumes


@numba.njit(cache=True, parallel=True)
def _row_lengths(tets: NDArray, start: NDArray, items: NDArray) -> NDArray:
    n_nodes = len(start) - 1
    lengths = np.zeros(n_nodes, np.int64)
    for part in numba.prange(PARTS):
        last_seen_by = np.full(n_nodes, -1, np.int32)  # so that a neighbour counts once, without sorting
        for n in range(part * n_nodes // PARTS, (part + 1) * n_nodes // PARTS):
            for s in range(start[n], start[n + 1]):
                for i in range(4):
                    node = tets[items[s], i]
                    if last_seen_by[node] != n:
                        last_seen_by[node] = n
                        lengths[n] += 1
    return lengths


@numba.njit(cache=True, parallel=True)
def _fill_rows(
    tets: NDArray, gradients: NDArray, weight: NDArray, start: NDArray, items: NDArray, indptr: NDArray
) -> tuple[NDArray, NDArray]:
    n_nodes = len(start) - 1
    indices = np.empty(indptr[-1], np.int32)
    data = np.zeros(indptr[-1])
    for part in numba.prange(PARTS):
        place = np.full(n_nodes, -1, np.int32)  # where the column of a node is; anything below `first` is of an old row
        for n in range(part * n_nodes // PARTS, (part + 1) * n_nodes // PARTS):
            first = end = indptr[n]
            for s in range(start[n], start[n + 1]):
                for i in range(4):
                    node = tets[items[s], i]
                    if place[node] < first:
                        place[node] = end
                        k = end
                        while k > first and indices[k - 1] > node:
                            indices[k] = indices[k - 1]
                            k -= 1
                        indices[k] = node
                        end += 1
            for k in range(first, end):
                place[indices[k]] = k
            for s in range(start[n], start[n + 1]):
                e = items[s]
                row = 0
                for i in range(4):
                    if tets[e, i] == n:
                        row = i
                x, y, z = gradients[e, row, 0], gradients[e, row, 1], gradients[e, row, 2]
                for i in range(4):
                    g = x * gradients[e, i, 0] + y * gradients[e, i, 1] + z * gradients[e, i, 2]
                    data[place[tets[e, i]]] += weight[e] * g
    return indices, data


def stiffness(
    tets: NDArray[np.integer], gradients: NDArray[np.float64], weight: NDArray[np.float64], n_nodes: int
) -> sp.csr_matrix:
    """The stiffness matrix, (N, N) in S; ``weight`` is σ_e v_e, (M,) in S·m².

    Parameters
    ----------
    tets : (M, 4) int
    gradients : (M, 4, 3)
        Of the shape functions, per metre.
    weight : (M,)
        σ v of each tetrahedron, S·m².
    n_nodes : int
    """
    start, items = elements_of_nodes(tets, n_nodes)
    indptr = np.zeros(n_nodes + 1, np.int32)
    np.cumsum(_row_lengths(tets, start, items), out=indptr[1:])
    indices, data = _fill_rows(tets, gradients, weight, start, items, indptr)
    return sp.csr_matrix((data, indices, indptr), shape=(n_nodes, n_nodes))


@numba.njit(cache=True, parallel=True)
def gather_divergence(tets: NDArray, gradients: NDArray, vectors: NDArray, n_nodes: int) -> NDArray[np.float64]:
    """Σ_e ∇N_i · q_e at every node: the adjoint of the gradient, (N,) for ``vectors`` q (M, 3).

    Parameters
    ----------
    tets : (M, 4) int
    gradients : (M, 4, 3)
        Of the shape functions, per metre.
    vectors : (M, 3)
    n_nodes : int
    """
    sums = np.zeros((FEW_PARTS, n_nodes))
    for part in numba.prange(FEW_PARTS):
        for e in range(part * len(tets) // FEW_PARTS, (part + 1) * len(tets) // FEW_PARTS):
            x, y, z = vectors[e, 0], vectors[e, 1], vectors[e, 2]
            for i in range(4):
                g = gradients[e, i]
                sums[part, tets[e, i]] += g[0] * x + g[1] * y + g[2] * z
    for part in range(1, FEW_PARTS):
        sums[0] += sums[part]
    return sums[0]


def gradient(tets: NDArray[np.integer], gradients: NDArray, phi: NDArray[np.float64]) -> NDArray[np.float64]:
    """∇φ in every tetrahedron, (M, 3), for node values φ (N,)."""
    return np.einsum("eix,ei->ex", gradients, phi[tets])


@numba.njit(cache=True, parallel=True)
def corner_means(tets: NDArray[np.integer], vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mean over every tetrahedron, (M, 3), of vectors (N, 3) that are linear between the nodes."""
    out = np.empty((len(tets), 3))
    for e in numba.prange(len(tets)):
        for x in range(3):
            out[e, x] = 0.25 * (
                vectors[tets[e, 0], x] + vectors[tets[e, 1], x] + vectors[tets[e, 2], x] + vectors[tets[e, 3], x]
            )
    return out


@dataclass(frozen=True, eq=False)
class ElementField:
    """E in a head.

    Parameters
    ----------
    head : HeadMesh
    e_v_per_m : (M, 3) float64
        E in every tetrahedron, RAS components, in the mesh's order.
    """

    head: HeadMesh
    e_v_per_m: NDArray[np.float64]

    @property
    def magnitude_v_per_m(self) -> NDArray[np.float64]:
        """|E| in every tetrahedron, (M,)."""
        return np.linalg.norm(self.e_v_per_m, axis=1)

    def peak(self, tissue: int) -> tuple[float, NDArray[np.float64]]:
        """The largest |E| in one tissue (V/m) and where it is, (3,) mm."""
        inside = np.flatnonzero(self.head.tissue == tissue)
        if len(inside) == 0:
            raise InputError(f"the mesh has no tissue {tissue}; its codes are {np.unique(self.head.tissue).tolist()}")
        where = inside[np.argmax(self.magnitude_v_per_m[inside])]
        return float(self.magnitude_v_per_m[where]), self.head.centroids_mm[where]
