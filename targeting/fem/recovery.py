r"""Recovered gradients: ∇φ an order more accurate than the elements' own, one tissue at a time.

Within a tissue of one conductivity φ is harmonic: no current ends there, ∇·σ(∇φ + ∂A/∂t) = 0, and a coil's ∇·A = 0.  So
round every node v of a tissue the node values of φ are fitted, by least squares, by a harmonic polynomial

    p_v(x) = Σ_k c_k h_k((x − x_v)/s),   h = 1, x, y, z, xy, yz, zx, (x² − y²)/2, (2z² − x² − y²)/√12

over the *patch*: the nodes that share a tetrahedron of the same tissue with v, and their neighbours too where those are
fewer than ``FEWEST_NODES``.  (Turning the head turns the five of second order into each other: the fit knows no axes.)  No
node is seen across an interface but those on it, so the jump of ∇φ there stays sharp.  In a tissue whose conductivity is a
tensor φ is not harmonic: there a tenth term, x² + y² + z², makes the polynomials all those of second order.

The four nodes' polynomials give two estimates of the gradient at a tetrahedron's centroid c:

    smooth:  ḡ = ¼ Σ_v ∇p_v(c)
    local:   Σ_i (φ_i − q̄(x_i)) ∇N_i,  q̄ the mean of the p_v's second-order terms, taken about c

(the second is the element's own gradient less what linear interpolation makes of the curvature).  The smooth one averages
the node values' errors, the local one keeps detail finer than a patch, as in folded cortex; the recovered gradient is the
mean of the two, which there is nearer to second-order elements than either.  Fitting node values is the idea of
polynomial-preserving recovery (Zhang & Naga 2005, SIAM J. Sci. Comput. 26:1192); harmonic polynomials leave fewer unknowns
than nodes even where the grey matter is two nodes thick.

It is linear in φ and depends on the mesh alone: its adjoint makes reciprocity hold for recovered fields exactly.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numba
import numpy as np
from numpy.typing import NDArray

from meshes.topology import elements_of_nodes
from targeting.fem.assembly import M_PER_MM

HARMONIC, ALL = 9, 10  # terms of second order or less
FEWEST_NODES = 12  # nine or ten unknowns want some more equations than that
RIDGE = 1e-4  # holds the second-order terms where the nodes lie in a plane; relative to one node's weight
NEAR = 0.3  # weight of a node at distance r: 1 / (NEAR + (r / s)²)², s the patch's mean distance
SHARE_SMOOTH = 0.5
SQRT_12 = 12**0.5
CHUNKS = 64  # pieces of work, each with its own scratch


@dataclass(frozen=True, eq=False)
class PatchRecovery:
    """The recovery of one mesh.

    Parameters
    ----------
    points_mm : (N, 3) float64
    tets : (M, 4) int32
    gradients_per_m : (M, 4, 3) float64
        Of the first-order shape functions.
    patch_of_corner : (M, 4) int32
        The patch (a node and a tissue) of each tetrahedron's corners.
    node_of_patch : (P,) int32
    terms_of_patch : (P,) int8
        Nine where φ is harmonic, else ten.
    """

    points_mm: NDArray[np.float64]
    tets: NDArray[np.int32]
    gradients_per_m: NDArray[np.float64]
    patch_of_corner: NDArray[np.int32]
    node_of_patch: NDArray[np.int32]
    terms_of_patch: NDArray[np.int8]

    @classmethod
    def of(
        cls,
        points_mm: NDArray[np.float64],
        tets: NDArray[np.int32],
        tissue: NDArray[np.integer],
        gradients_per_m: NDArray[np.float64],
        anisotropic: Iterable[int] = (),
    ) -> PatchRecovery:
        """Patches of a mesh (N, 3), (M, 4), (M,), with its shape gradients: one for every node and tissue that meet.

        Parameters
        ----------
        points_mm : (N, 3)
            Nodes.
        tets : (M, 4) int
        tissue : (M,) int
        gradients_per_m : (M, 4, 3)
            Of the shape functions.
        anisotropic : iterable of int
            Tissues whose conductivity is a tensor.
        """
        n_tissues = int(tissue.max()) + 1
        key = tets.astype(np.int64) * n_tissues + tissue[:, None]
        present = np.zeros(len(points_mm) * n_tissues, bool)
        present[key] = True
        number = np.cumsum(present, dtype=np.int32) - 1
        node, of_tissue = np.divmod(np.flatnonzero(present), n_tissues)
        terms = np.where(np.isin(of_tissue, list(anisotropic)), ALL, HARMONIC).astype(np.int8)
        return cls(points_mm, tets, gradients_per_m, number[key], node.astype(np.int32), terms)

    @cached_property
    def _neighbours(self) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
        """CSR: the patches that share a tetrahedron with each, itself among them, ascending."""
        start, items = elements_of_nodes(self.patch_of_corner, len(self.node_of_patch))
        return _neighbours(self.patch_of_corner, start, items)

    def gradient(self, phi: NDArray[np.float64], tets: NDArray[np.integer] | None = None) -> NDArray[np.float64]:
        """Recovered ∇φ of node values (N,) or (N, k): (M, 3) or (k, M, 3), per metre; or of some ``tets`` (m,) only."""
        columns = phi.reshape(len(phi), -1)
        chosen = np.arange(len(self.tets)) if tets is None else np.asarray(tets, np.int64)
        out = np.empty((columns.shape[1], len(chosen), 3))
        self.gradient_into(out, columns, chosen)
        return out[0] if phi.ndim == 1 else out

    def gradient_into(
        self, out: NDArray[np.floating], phi: NDArray[np.float64], tets: NDArray[np.integer] | None = None
    ) -> None:
        """Write recovered ∇φ of node values (N, k) into ``out`` (k, m, 3), which may be of single precision."""
        chosen = np.arange(len(self.tets)) if tets is None else np.asarray(tets, np.int64)
        wanted = np.zeros(len(self.node_of_patch), np.bool_)
        wanted[self.patch_of_corner[chosen]] = True
        columns = np.ascontiguousarray(phi)
        indptr, indices = self._neighbours
        fits = _fit(self.points_mm, self.node_of_patch, self.terms_of_patch, indptr, indices, wanted, columns)
        _at_centroids(self.points_mm, self.tets, self.gradients_per_m, self.patch_of_corner, chosen, fits, columns, out)

    def adjoint(self, tets: NDArray[np.integer], vectors: NDArray[np.float64]) -> NDArray[np.float64]:
        """Node values b, (N,), with b·φ = Σ_e q_e·∇φ_e for vectors q (m, 3) in the tetrahedra ``tets`` (m,)."""
        indptr, indices = self._neighbours
        return _adjoint(
            self.points_mm,
            self.tets,
            self.gradients_per_m,
            self.patch_of_corner,
            self.node_of_patch,
            self.terms_of_patch,
            indptr,
            indices,
            np.asarray(tets, np.int64),
            np.ascontiguousarray(vectors),
        )


@numba.njit(cache=True)
def _neighbours(elements: NDArray, start: NDArray, items: NDArray) -> tuple[NDArray, NDArray]:
    """CSR of the nodes that share an element, ascending."""
    n = len(start) - 1
    seen = np.full(n, -1, np.int32)  # the last node that counted each: no clearing between nodes
    indptr = np.zeros(n + 1, np.int64)
    for v in range(n):
        count = 0
        for s in range(start[v], start[v + 1]):
            for w in elements[items[s]]:
                if seen[w] != v:
                    seen[w] = v
                    count += 1
        indptr[v + 1] = indptr[v] + count
    indices = np.empty(indptr[n], np.int32)
    seen[:] = -1
    for v in range(n):
        i = indptr[v]
        for s in range(start[v], start[v + 1]):
            for w in elements[items[s]]:
                if seen[w] != v:
                    seen[w] = v
                    indices[i] = w
                    i += 1
        indices[indptr[v] : i].sort()
    return indptr, indices


@numba.njit(cache=True, inline="always")
def _polynomials(x: float, y: float, z: float, out: NDArray) -> None:
    out[0], out[1], out[2], out[3] = 1.0, x, y, z
    out[4], out[5], out[6] = x * y, y * z, z * x
    out[7], out[8] = (x * x - y * y) / 2, (2 * z * z - x * x - y * y) / SQRT_12
    out[9] = x * x + y * y + z * z


@numba.njit(cache=True)
def _gather(p: int, indptr: NDArray, indices: NDArray, seen: NDArray, stamp: int, patch: NDArray) -> int:
    """The patch of p: its neighbours, and theirs where there are few; how many, written to ``patch``."""
    count = 0
    for s in range(indptr[p], min(indptr[p + 1], indptr[p] + len(patch))):  # a huge patch is cut: it is fitted anyway
        patch[count] = indices[s]
        seen[indices[s]] = stamp
        count += 1
    if count < FEWEST_NODES:
        for first in range(count):
            q = patch[first]
            for s in range(indptr[q], indptr[q + 1]):
                if seen[indices[s]] != stamp and count < len(patch):
                    seen[indices[s]] = stamp
                    patch[count] = indices[s]
                    count += 1
    return count


@numba.njit(cache=True)
def _normal_equations(
    points_mm: NDArray, nodes: NDArray, terms: int, p: int, patch: NDArray, count: int, matrix: NDArray, rows: NDArray
) -> float:
    """Cholesky factor of the fit's matrix, in place, and the weighted rows w·h(x_j); returns the scale s in mm."""
    x0 = points_mm[nodes[p]]
    scale = 0.0
    for j in range(count):
        d = points_mm[nodes[patch[j]]]
        scale += np.sqrt((d[0] - x0[0]) ** 2 + (d[1] - x0[1]) ** 2 + (d[2] - x0[2]) ** 2)
    scale /= count - 1  # without p itself; in units of it all terms of the fit are of one size
    h = np.empty(ALL)
    matrix[:] = 0.0
    total = 0.0
    for j in range(count):
        d = points_mm[nodes[patch[j]]]
        x, y, z = (d[0] - x0[0]) / scale, (d[1] - x0[1]) / scale, (d[2] - x0[2]) / scale
        _polynomials(x, y, z, h)
        w = 1.0 / (NEAR + x * x + y * y + z * z) ** 2
        total += w
        for a in range(terms):
            rows[j, a] = w * h[a]
            for b in range(a + 1):
                matrix[a, b] += w * h[a] * h[b]
    # a ridge keeps the factor where the patch does not span the quadratic terms; the linear ones are hardly touched
    for a in range(terms):
        matrix[a, a] += (RIDGE if a > 3 else 1e-9 * RIDGE) * total
    for a in range(terms):  # Cholesky, in the lower triangle
        for b in range(a + 1):
            value = matrix[a, b]
            for c in range(b):
                value -= matrix[a, c] * matrix[b, c]
            matrix[a, b] = np.sqrt(value) if a == b else value / matrix[b, b]
    return scale


# Columns lie side by side and are counted by unsigned numbers, which spare a test for negative ones: they fill registers.


@numba.njit(cache=True)
def _solve(factor: NDArray, terms: int, b: NDArray) -> None:
    """Solve in place for the columns of b (terms, k)."""
    columns = np.uint64(b.shape[1])
    for i in range(terms):
        for j in range(i):
            for k in range(columns):
                b[i, k] -= factor[i, j] * b[j, k]
        for k in range(columns):
            b[i, k] /= factor[i, i]
    for i in range(terms - 1, -1, -1):
        for j in range(i + 1, terms):
            for k in range(columns):
                b[i, k] -= factor[j, i] * b[j, k]
        for k in range(columns):
            b[i, k] /= factor[i, i]


@numba.njit(cache=True, parallel=True, error_model="numpy")
def _fit(
    points_mm: NDArray,
    nodes: NDArray,
    terms_of_patch: NDArray,
    indptr: NDArray,
    indices: NDArray,
    wanted: NDArray,
    phi: NDArray,
) -> NDArray:
    """Coefficients of every wanted patch and column of φ, (P, 10, k): per mm and per mm²; the others are left open."""
    n_patches, columns = len(nodes), np.uint64(phi.shape[1])
    out = np.empty((n_patches, ALL, phi.shape[1]))
    for chunk in numba.prange(
        CHUNKS
    ):  # fixed chunks, each with its own scratch: the same bits for any number of threads
        first, last = chunk * n_patches // CHUNKS, (chunk + 1) * n_patches // CHUNKS
        if first == last:
            continue
        seen = np.full(n_patches, -1, np.int32)
        patch = np.empty(2048, np.int32)
        rows = np.empty((2048, ALL))
        matrix = np.empty((ALL, ALL))
        value = np.empty(phi.shape[1])
        for p in range(first, last):
            if not wanted[p]:
                continue
            count = _gather(p, indptr, indices, seen, p, patch)
            terms = terms_of_patch[p]
            scale = _normal_equations(points_mm, nodes, terms, p, patch, count, matrix, rows)
            c = out[p]
            c[:] = 0.0
            here = nodes[p]  # its constant is taken off first: it has no gradient, and costs digits
            for j in range(count):
                there = nodes[patch[j]]
                for k in range(columns):
                    value[k] = phi[there, k] - phi[here, k]
                for a in range(terms):
                    for k in range(columns):
                        c[a, k] += rows[j, a] * value[k]
            _solve(matrix, terms, c)
            for a in range(1, terms):
                c[a] /= scale if a < 4 else scale * scale
    return out


@numba.njit(cache=True, parallel=True, error_model="numpy")
def _at_centroids(
    points_mm: NDArray,
    tets: NDArray,
    gradients: NDArray,
    patch_of_corner: NDArray,
    chosen: NDArray,
    fits: NDArray,
    phi: NDArray,
    out: NDArray,
) -> None:
    columns = np.uint64(phi.shape[1])
    for chunk in numba.prange(CHUNKS):
        offset, h = np.empty((4, 3)), np.empty((4, ALL))
        bend, found, straight = np.empty((ALL, phi.shape[1])), np.empty((3, phi.shape[1])), np.empty(phi.shape[1])
        for m in range(chunk * len(chosen) // CHUNKS, (chunk + 1) * len(chosen) // CHUNKS):
            e = chosen[m]
            _offsets(points_mm, tets[e], offset, h)
            bend[:], found[:] = 0.0, 0.0
            for i in range(4):
                c = fits[patch_of_corner[e, i]]
                x, y, z = -offset[i, 0], -offset[i, 1], -offset[i, 2]
                for k in range(columns):
                    c8, c9 = 2 / SQRT_12 * c[8, k], 2 * c[9, k]
                    found[0, k] += c[1, k] + c[4, k] * y + c[6, k] * z + (c9 - c8 + c[7, k]) * x
                    found[1, k] += c[2, k] + c[4, k] * x + c[5, k] * z + (c9 - c8 - c[7, k]) * y
                    found[2, k] += c[3, k] + c[5, k] * y + c[6, k] * x + (c9 + 2 * c8) * z
                for a in range(4, ALL):
                    for k in range(columns):
                        bend[a, k] += 0.25 * c[a, k]
            # the mean of the corners' fits weighs SHARE_SMOOTH; the rest is P1's gradient of φ less the fitted bend
            found *= SHARE_SMOOTH * 0.25 / M_PER_MM
            for i in range(4):
                node = tets[e, i]
                for k in range(columns):
                    straight[k] = phi[node, k]
                for a in range(4, ALL):
                    for k in range(columns):
                        straight[k] -= bend[a, k] * h[i, a]
                for axis in range(3):
                    slope = (1 - SHARE_SMOOTH) * gradients[e, i, axis]
                    for k in range(columns):
                        found[axis, k] += slope * straight[k]
            for k in range(columns):
                for axis in range(3):
                    out[k, m, axis] = found[axis, k]


@numba.njit(cache=True)
def _offsets(points_mm: NDArray, tet: NDArray, offset: NDArray, h: NDArray) -> None:
    """Corners relative to the centroid, (4, 3) mm, and the polynomials there, (4, 10)."""
    for axis in range(3):
        centre = 0.0
        for i in range(4):
            centre += 0.25 * points_mm[tet[i], axis]
        for i in range(4):
            offset[i, axis] = points_mm[tet[i], axis] - centre
    for i in range(4):
        _polynomials(offset[i, 0], offset[i, 1], offset[i, 2], h[i])


@numba.njit(cache=True)
def _adjoint(
    points_mm: NDArray,
    tets: NDArray,
    gradients: NDArray,
    patch_of_corner: NDArray,
    nodes: NDArray,
    terms_of_patch: NDArray,
    indptr: NDArray,
    indices: NDArray,
    chosen: NDArray,
    vectors: NDArray,
) -> NDArray:
    coefficient = np.zeros((len(nodes), ALL))
    touched = np.zeros(len(nodes), np.bool_)
    out = np.zeros(len(points_mm))
    offset, h = np.empty((4, 3)), np.empty((4, ALL))
    bend = np.empty(ALL)
    for m in range(len(chosen)):
        e = chosen[m]
        _offsets(points_mm, tets[e], offset, h)
        bend[:] = 0.0
        for i in range(4):
            local = 0.0
            for axis in range(3):
                local += (1 - SHARE_SMOOTH) * gradients[e, i, axis] * vectors[m, axis]
            out[tets[e, i]] += local
            for a in range(4, ALL):
                bend[a] -= 0.25 * local * h[i, a]
        qx, qy, qz = vectors[m] * (SHARE_SMOOTH * 0.25 / M_PER_MM)
        for i in range(4):
            x, y, z = -offset[i, 0], -offset[i, 1], -offset[i, 2]
            c = coefficient[patch_of_corner[e, i]]
            touched[patch_of_corner[e, i]] = True
            c[1] += qx
            c[2] += qy
            c[3] += qz
            c[4] += qx * y + qy * x
            c[5] += qy * z + qz * y
            c[6] += qx * z + qz * x
            c[7] += qx * x - qy * y
            c[8] += 2 / SQRT_12 * (2 * qz * z - qx * x - qy * y)
            c[9] += 2 * (qx * x + qy * y + qz * z)
            for a in range(4, ALL):
                c[a] += bend[a]
    # the transpose of ``_fit``: its matrix is symmetric, so the same solve, and its rows then scatter instead of gather
    seen = np.full(len(nodes), -1, np.int32)
    patch = np.empty(2048, np.int32)
    rows = np.empty((2048, ALL))
    matrix = np.empty((ALL, ALL))
    column = np.empty((ALL, 1))
    for p in range(len(nodes)):
        if not touched[p]:
            continue
        count = _gather(p, indptr, indices, seen, p, patch)
        terms = terms_of_patch[p]
        scale = _normal_equations(points_mm, nodes, terms, p, patch, count, matrix, rows)
        c = coefficient[p]
        for a in range(1, terms):
            c[a] /= scale if a < 4 else scale * scale
        column[:, 0] = c
        _solve(matrix, terms, column)
        for j in range(count):
            value = 0.0
            for a in range(terms):
                value += rows[j, a] * column[a, 0]
            out[nodes[patch[j]]] += value
            out[nodes[p]] -= value
    return out
