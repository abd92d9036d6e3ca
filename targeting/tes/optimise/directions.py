"""Search all directions with a proven bound: the half sphere is split into triangles until none can hold a better one.

Directions d and −d count the same, so half the sphere is enough.  It begins as four triangles; each is split into four at
the middles of its edges.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray


def bound_over_directions(
    bounds_of: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    can_better: Callable[[NDArray[np.float64]], NDArray[np.bool_]],
    levels: int,
) -> float:
    """A bound that holds for every direction, as tight as the search gets it.

    Parameters
    ----------
    bounds_of : callable
        From triangles (m, 3, 3), unit vectors, to a bound for all directions in each, (m,).  It may find better values on
        its way, for ``can_better`` to know.
    can_better : callable
        From bounds (m,) to whether each is enough above the best value found to go on, (m,).
    levels : int
        How often bounds are taken at most.  The last triangles are 90° / 2^(levels − 1) wide.

    Returns
    -------
    float
        The largest bound of all triangles that were not split again.
    """
    triangles, closed = half_sphere(), -np.inf
    for level in range(levels):
        bounds = bounds_of(triangles)
        going = can_better(bounds) if level < levels - 1 else np.zeros(len(bounds), bool)
        closed = max(closed, float(bounds[~going].max(initial=-np.inf)))
        if not going.any():
            break
        triangles = split(triangles[going])
    return closed


def half_sphere(levels: int = 0) -> NDArray[np.float64]:
    """The four faces of an octahedron above the xy plane, each split ``levels`` times, (4^(levels + 1), 3, 3) unit vectors."""
    x, y, z = np.eye(3)
    triangles = np.array([[x, y, z], [y, -x, z], [-x, -y, z], [-y, x, z]])
    for _ in range(levels):
        triangles = split(triangles)
    return triangles


def split(triangles: NDArray[np.float64]) -> NDArray[np.float64]:
    """Four triangles for each (m, 3, 3), by unit vectors halfway along its edges, (4m, 3, 3); last the m of these alone.

    Examples
    --------
    >>> split(half_sphere())[0].round(3).tolist()
    [[1.0, 0.0, 0.0], [0.707, 0.707, 0.0], [0.707, 0.0, 0.707]]
    """
    middles = triangles + np.roll(triangles, -1, axis=1)
    middles = middles / np.linalg.norm(middles, axis=2, keepdims=True)
    (a, b, c), (ab, bc, ca) = np.moveaxis(triangles, 1, 0), np.moveaxis(middles, 1, 0)
    return np.concatenate([np.stack(each, axis=1) for each in ((a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca))])


def plane_distance(triangles: NDArray[np.float64]) -> NDArray[np.float64]:
    """How far from the middle the plane through the corners of each spherical triangle (m, 3, 3) lies, (m,).

    Examples
    --------
    >>> plane_distance(half_sphere()).round(3).tolist()
    [0.577, 0.577, 0.577, 0.577]
    """
    normals = np.linalg.solve(triangles, np.ones((len(triangles), 3, 1)))[..., 0]  # n·d_i = 1
    return 1 / np.linalg.norm(normals, axis=1)
