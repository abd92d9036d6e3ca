r"""Exact integrals of the shape functions over the part of each triangle that lies in a convex polygon.

A triangle is cut by one edge of the polygon after another (Sutherland & Hodgman 1974, Commun. ACM 17:32), its corners
carrying their barycentric coordinates λ, in which the shape functions are N_i = λ_i.  What is left is fanned into
triangles with corners λ^a, λ^b, λ^c and share f of the whole, over which, the whole being of area 1,

    ∫ N_i = f/3 Σ_v λ_i^v,     ∫ N_i N_j = f/12 (Σ_v λ_i^v λ_j^v + Σ_v λ_i^v Σ_v λ_j^v).
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray


def cut_triangles(
    triangles: NDArray[np.float64], polygon: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Integrals over the part of each triangle inside the polygon, the whole triangle's area being 1.

    Parameters
    ----------
    triangles : (t, 3, 2) float64
        In the plane, wound either way.
    polygon : (m, 2) float64
        Convex, counter-clockwise.

    Returns
    -------
    share : (t,)
        Of the triangle's area inside.
    first : (t, 3)
        ∫ N_i.
    second : (t, 3, 3)
        ∫ N_i N_j.

    Examples
    --------
    >>> import numpy as np
    >>> corner = np.array([[[0.0, 0], [1, 0], [0, 1]]])
    >>> square = np.array([[0.0, 0], [0.5, 0], [0.5, 0.5], [0, 0.5]])
    >>> share, first, second = cut_triangles(corner, square)
    >>> float(share[0]), first[0].tolist()
    (0.5, [0.25, 0.125, 0.125])
    >>> bool(np.allclose(second.sum(2), first))
    True
    """
    return _cut(np.ascontiguousarray(triangles, dtype=np.float64), np.ascontiguousarray(polygon, dtype=np.float64))


@numba.njit(cache=True)
def _cut(triangles, polygon):  # type: ignore[no-untyped-def]
    m = len(polygon)
    share, first, second = np.zeros(len(triangles)), np.zeros((len(triangles), 3)), np.zeros((len(triangles), 3, 3))
    here, there = np.zeros((m + 6, 5)), np.zeros((m + 6, 5))
    for t in range(len(triangles)):
        count = 3
        for i in range(3):
            here[i] = 0.0
            here[i, 0], here[i, 1], here[i, 2 + i] = triangles[t, i, 0], triangles[t, i, 1], 1.0
        for k in range(m):
            ax, ay = polygon[k, 0], polygon[k, 1]
            ex, ey = polygon[(k + 1) % m, 0] - ax, polygon[(k + 1) % m, 1] - ay
            kept = 0
            for i in range(count):
                j = (i + 1) % count
                a = ex * (here[i, 1] - ay) - ey * (here[i, 0] - ax)  # positive inside
                b = ex * (here[j, 1] - ay) - ey * (here[j, 0] - ax)
                if a >= 0:
                    there[kept] = here[i]
                    kept += 1
                if (a > 0 and b < 0) or (a < 0 and b > 0):
                    there[kept] = here[i] + a / (a - b) * (here[j] - here[i])
                    kept += 1
            here, there, count = there, here, kept
            if count < 3:
                break
        for v in range(1, count - 1):
            p, q, r = here[0], here[v], here[v + 1]
            f = abs(  # the area in barycentric coordinates, the whole being 1
                (q[3] - p[3]) * (r[4] - p[4]) - (q[4] - p[4]) * (r[3] - p[3])
            )
            share[t] += f
            for i in range(3):
                total_i = p[2 + i] + q[2 + i] + r[2 + i]
                first[t, i] += f / 3 * total_i
                for j in range(3):
                    total_j = p[2 + j] + q[2 + j] + r[2 + j]
                    products = p[2 + i] * p[2 + j] + q[2 + i] * q[2 + j] + r[2 + i] * r[2 + j]
                    second[t, i, j] += f / 12 * (products + total_i * total_j)
    return share, first, second
