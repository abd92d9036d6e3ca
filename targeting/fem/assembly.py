"""First-order elements: gradients of the shape functions, and the stiffness matrix K_ij = Σ_e σ_e v_e ∇N_i · ∇N_j.

The matrix is built row by row from the tetrahedra round each node, in a fixed order, so that it is the same bits for any
number of threads and exactly symmetric.
"""

from __future__ import annotations

import numba
import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

M_PER_MM = 1e-3


def shape_gradients(points_mm: NDArray[np.float64], tets: NDArray[np.integer]) -> tuple[NDArray, NDArray]:
    """Gradients of the four shape functions, (M, 4, 3) in 1/m, and volumes, (M,) in m³."""
    return _gradients(points_mm, tets)


@numba.njit(cache=True, parallel=True)
def _gradients(points_mm, tets):  # type: ignore[no-untyped-def]
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


@numba.njit(cache=True)
def _tets_of_nodes(tets, n_nodes):  # type: ignore[no-untyped-def]
    """CSR lists: the tetrahedra round each node, ascending."""
    start = np.zeros(n_nodes + 1, np.int64)
    for e in range(len(tets)):
        for i in range(4):
            start[tets[e, i] + 1] += 1
    for n in range(n_nodes):
        start[n + 1] += start[n]
    items = np.empty(start[n_nodes], np.int32)
    fill = start[:-1].copy()
    for e in range(len(tets)):
        for i in range(4):
            node = tets[e, i]
            items[fill[node]] = e
            fill[node] += 1
    return start, items


@numba.njit(cache=True, parallel=True)
def _count_neighbours(tets, start, items, n_nodes):  # type: ignore[no-untyped-def]
    counts = np.zeros(n_nodes, np.int64)
    for n in numba.prange(n_nodes):
        seen = np.empty(4 * (start[n + 1] - start[n]), np.int32)
        k = 0
        for s in range(start[n], start[n + 1]):
            for i in range(4):
                seen[k] = tets[items[s], i]
                k += 1
        counts[n] = len(np.unique(seen)) if k else 0
    return counts


@numba.njit(cache=True, parallel=True)
def _fill_rows(tets, gradients, weight, start, items, indptr):  # type: ignore[no-untyped-def]
    indices = np.empty(indptr[-1], np.int32)
    data = np.zeros(indptr[-1])
    for n in numba.prange(len(indptr) - 1):
        seen = np.empty(4 * (start[n + 1] - start[n]), np.int32)
        k = 0
        for s in range(start[n], start[n + 1]):
            for i in range(4):
                seen[k] = tets[items[s], i]
                k += 1
        columns = np.unique(seen) if k else seen
        first = indptr[n]
        indices[first : first + len(columns)] = columns
        for s in range(start[n], start[n + 1]):
            e = items[s]
            row = 0
            for i in range(4):
                if tets[e, i] == n:
                    row = i
            for i in range(4):
                g = 0.0
                for x in range(3):
                    g += gradients[e, row, x] * gradients[e, i, x]
                data[first + np.searchsorted(columns, tets[e, i])] += weight[e] * g
    return indices, data


def stiffness(
    tets: NDArray[np.integer], gradients: NDArray[np.float64], weight: NDArray[np.float64], n_nodes: int
) -> sp.csr_matrix:
    """The stiffness matrix, (N, N) in S; ``weight`` is σ_e v_e, (M,) in S·m²."""
    start, items = _tets_of_nodes(tets, n_nodes)
    indptr = np.concatenate([[0], np.cumsum(_count_neighbours(tets, start, items, n_nodes))])
    indices, data = _fill_rows(tets, gradients, weight, start, items, indptr)
    return sp.csr_matrix((data, indices, indptr.astype(np.int32)), shape=(n_nodes, n_nodes))


def gather_divergence(
    tets: NDArray[np.integer], gradients: NDArray[np.float64], vectors: NDArray[np.float64], n_nodes: int
) -> NDArray[np.float64]:
    """Σ_e ∇N_i · q_e at every node: the adjoint of the gradient, (N,) for ``vectors`` q (M, 3)."""
    per_corner = np.einsum("eix,ex->ei", gradients, vectors)
    return np.bincount(tets.ravel(), per_corner.ravel(), minlength=n_nodes).astype(np.float64, copy=False)


def gradient(tets: NDArray[np.integer], gradients: NDArray, phi: NDArray[np.float64]) -> NDArray[np.float64]:
    """∇φ in every tetrahedron, (M, 3), for node values φ (N,)."""
    return np.einsum("eix,ei->ex", gradients, phi[tets])
