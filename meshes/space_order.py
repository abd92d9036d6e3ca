"""Order points along a space-filling curve, so that neighbours in space are mostly neighbours in memory.

The curve is Morton's (1966): the bits of the three cell numbers of a point, interleaved, are its place along it.  Loops over
a mesh whose nodes and tetrahedra are in that order find their neighbours' numbers in the processor's cache.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

BITS = 16  # cells along the longest side: 2^16


def morton_codes(points_mm: NDArray[np.float64]) -> NDArray[np.uint64]:
    """Places along the curve, (n,), of points (n, 3) in a cube round them.

    Examples
    --------
    >>> import numpy as np
    >>> from meshes.space_order import morton_codes
    >>> corners = np.array([[0, 0, 0], [1, 1, 1], [0, 0, 1], [1, 0, 0.0]])
    >>> np.argsort(morton_codes(corners)).tolist()
    [0, 3, 2, 1]
    """
    lowest = points_mm.min(axis=0)
    widest = max(float((points_mm.max(axis=0) - lowest).max()), 1e-9)
    cell = ((points_mm - lowest) * ((2**BITS - 1) / widest)).astype(np.uint64)
    codes = np.zeros(len(points_mm), np.uint64)
    for bit in range(BITS):
        for axis in range(3):
            codes |= ((cell[:, axis] >> np.uint64(bit)) & np.uint64(1)) << np.uint64(3 * bit + axis)
    return codes


def space_ordered(
    points_mm: NDArray[np.float64], tets: NDArray[np.int32], tissue: NDArray[np.int32]
) -> tuple[NDArray[np.float64], NDArray[np.int32], NDArray[np.int32]]:
    """The same mesh, points (N, 3), tetrahedra (M, 4) and tissue (M,), with both numbered along the curve."""
    order = np.argsort(morton_codes(points_mm), kind="stable")
    number = np.empty(len(order), np.int32)
    number[order] = np.arange(len(order), dtype=np.int32)
    points, renumbered = points_mm[order], number[tets]
    along = np.argsort(morton_codes(points[renumbered].mean(axis=1)), kind="stable")
    return points, renumbered[along], tissue[along]
