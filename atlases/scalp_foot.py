"""The foot of a point on the scalp: the nearest point of its triangles, and which triangle that is."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from atlases.scalp import Scalp
from meshes.topology import elements_of_nodes

NEIGHBOURS = 12  # nearest nodes whose triangles are looked at


def scalp_feet(scalp: Scalp, points_mm: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Nearest scalp point to each point, and the triangle it lies in.

    Parameters
    ----------
    scalp : Scalp
    points_mm : (p, 3) float
        RAS mm.

    Returns
    -------
    feet_mm : (p, 3) float64
    triangles : (p,) int64
    """
    points = np.asarray(points_mm, float).reshape(-1, 3)
    start, items = elements_of_nodes(scalp.triangles, len(scalp.points_mm))
    near = np.atleast_2d(scalp.tree.query(points, k=min(NEIGHBOURS, len(scalp.points_mm)))[1])
    feet, found = np.empty_like(points), np.empty(len(points), np.int64)
    for p, point in enumerate(points):
        candidates = np.unique(np.concatenate([items[start[v] : start[v + 1]] for v in near[p]]))
        places = nearest_in_triangles(point, scalp.points_mm[scalp.triangles[candidates]])
        best = int(np.argmin(np.linalg.norm(places - point, axis=1)))
        feet[p], found[p] = places[best], candidates[best]
    return feet, found


def nearest_in_triangles(point_mm: NDArray[np.float64], corners_mm: NDArray[np.float64]) -> NDArray[np.float64]:
    """The nearest point of each triangle (t, 3, 3) to one point, (t, 3): the foot on its plane, else on an edge.

    Examples
    --------
    >>> import numpy as np
    >>> corner = np.array([[[0.0, 0, 0], [1, 0, 0], [0, 1, 0]]])
    >>> nearest_in_triangles(np.array([0.2, 0.3, 5.0]), corner).tolist()
    [[0.2, 0.3, 0.0]]
    >>> nearest_in_triangles(np.array([-2.0, 0.5, 1.0]), corner).tolist()
    [[0.0, 0.5, 0.0]]
    """
    a, u, v = corners_mm[:, 0], corners_mm[:, 1] - corners_mm[:, 0], corners_mm[:, 2] - corners_mm[:, 0]
    q = point_mm - a
    uu, uv, vv, qu, qv = (np.einsum("ij,ij->i", *pair) for pair in ((u, u), (u, v), (v, v), (q, u), (q, v)))
    det = np.maximum(uu * vv - uv * uv, 1e-300)
    s, t = (vv * qu - uv * qv) / det, (uu * qv - uv * qu) / det
    best = a + s[:, None] * u + t[:, None] * v
    outside = (s < 0) | (t < 0) | (s + t > 1)
    distance = np.where(outside, np.inf, np.linalg.norm(best - point_mm, axis=1))
    for i in range(3):
        first, along = corners_mm[:, i], corners_mm[:, (i + 1) % 3] - corners_mm[:, i]
        length2 = np.maximum(np.einsum("ij,ij->i", along, along), 1e-300)
        share = np.clip(np.einsum("ij,ij->i", point_mm - first, along) / length2, 0, 1)
        place = first + share[:, None] * along
        away = np.linalg.norm(place - point_mm, axis=1)
        better = outside & (away < distance)
        best[better], distance[better] = place[better], away[better]
    return best
