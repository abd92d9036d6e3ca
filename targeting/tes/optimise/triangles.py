"""The half sphere in spherical triangles, each split into four: directions d and −d are one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def half_sphere() -> NDArray[np.float64]:
    """The four faces of an octahedron above the xy plane, (4, 3, 3) unit vectors."""
    x, y, z = np.eye(3)
    return np.array([[x, y, z], [y, -x, z], [-x, -y, z], [-y, x, z]])


def middles_of(triangles: NDArray[np.float64]) -> NDArray[np.float64]:
    """Unit vectors halfway along the edges 01, 12 and 20, (m, 3, 3)."""
    middles = triangles + np.roll(triangles, -1, axis=1)
    return middles / np.linalg.norm(middles, axis=2, keepdims=True)


def split(corners: NDArray[np.float64], middles: NDArray[np.float64]) -> NDArray[np.float64]:
    """Four triangles for each: from what its corners have, (m, 3, ...), and the middles of its edges, (4m, 3, ...).

    Examples
    --------
    >>> split(np.array([[0.0, 2, 4]]), np.array([[1.0, 3, 2]])).tolist()
    [[0.0, 1.0, 2.0], [1.0, 2.0, 3.0], [2.0, 3.0, 4.0], [1.0, 3.0, 2.0]]
    """
    (a, b, c), (ab, bc, ca) = np.moveaxis(corners, 1, 0), np.moveaxis(middles, 1, 0)
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
