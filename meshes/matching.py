"""Match two copies of a mesh whose nodes and tetrahedra are numbered differently, as other programs renumber them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from meshes.head import HeadMesh

SAME_PLACE_MM = 1e-4


def order_of(head: HeadMesh, other: HeadMesh) -> NDArray[np.int64] | slice | None:
    """Where each tetrahedron of ``head`` stands in the same mesh in another order.

    Returns
    -------
    (M,) int64, or a slice
        Such that ``other.tets[order]`` are the tetrahedra of ``head`` (their corners in any order), with the same
        tissues; the whole slice where nothing moved.  None if it is another mesh.

    Examples
    --------
    >>> import numpy as np
    >>> from meshes.head import HeadMesh
    >>> from meshes.matching import order_of
    >>> points = np.vstack([np.zeros(3), np.eye(3), np.ones(3)])
    >>> one = HeadMesh(points, [[0, 1, 2, 3], [1, 2, 3, 4]], [1, 2])
    >>> other = HeadMesh(points[::-1], [[0, 1, 2, 3], [1, 2, 3, 4]], [2, 1])
    >>> order_of(one, other)
    array([1, 0])
    """
    if len(head.tets) != len(other.tets):
        return None
    if _same(head.centroids_mm, other.centroids_mm) and (head.tissue == other.tissue).all():
        return slice(None)
    distance_mm, node = KDTree(head.points_mm).query(other.points_mm)
    if distance_mm.max() > SAME_PLACE_MM:
        return None
    ours, theirs = np.sort(head.tets, axis=1), np.sort(node[other.tets], axis=1)
    our_order, their_order = np.lexsort(ours.T), np.lexsort(theirs.T)
    if not (ours[our_order] == theirs[their_order]).all():
        return None
    order = np.empty(len(ours), np.int64)
    order[our_order] = their_order
    return order if (head.tissue == other.tissue[order]).all() else None


def _same(a: NDArray[np.float64], b: NDArray[np.float64]) -> bool:
    return bool(np.abs(a - b).max() <= SAME_PLACE_MM)
