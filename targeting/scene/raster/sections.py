"""Plane sections of tetrahedra: the lines that a tissue's surface leaves in a plane through the head.

Only tetrahedra that the plane crosses matter: a boundary face that the plane crosses belongs to one of them, and the
false boundary between crossed and uncrossed tetrahedra does not meet the plane.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from meshes import HeadMesh


def crossed(head: HeadMesh, axis: int, position_mm: float) -> HeadMesh:
    """The tetrahedra that the plane x, y or z = ``position_mm`` crosses: what sections of several tissues are cut from.

    Parameters
    ----------
    head : HeadMesh
    axis : int
        0, 1, 2 for a plane across x, y, z.
    position_mm : float
    """
    above = head.points_mm[:, axis] >= position_mm
    a, b, c, d = (above[head.tets[:, i]] for i in range(4))
    return head.part((a | b | c | d) & ~(a & b & c & d))


def section_lines(
    head: HeadMesh, axis: int, position_mm: float, tissues: Iterable[int] | None = None
) -> NDArray[np.float64]:
    """Where the surface of some tissues meets the plane x, y or z = ``position_mm``.

    Parameters
    ----------
    head : HeadMesh
        The whole, or what :func:`crossed` leaves of it.
    axis : int
        0, 1, 2 for a plane across x, y, z.
    position_mm : float
    tissues : iterable of int, optional
        The union of these is cut; all tissues if None.

    Returns
    -------
    (s, 2, 3) float64
        Line pieces, world mm.
    """
    # a node exactly in the plane is taken to lie above it
    near = crossed(head, axis, position_mm)
    return level_lines(near.points_mm, near.boundary(tissues), near.points_mm[:, axis], position_mm)


def level_lines(
    points_mm: NDArray[np.float64], faces: NDArray[np.int32], values: NDArray[np.float64], level: float
) -> NDArray[np.float64]:
    """Where a quantity that is linear on each triangle takes one value; triangles with a NaN are left out.

    Parameters
    ----------
    points_mm : (n, 3) float64
    faces : (k, 3) int32
    values : (n,) float64
    level : float

    Returns
    -------
    (s, 2, 3) float64
        Line pieces.
    """
    faces = faces[np.isfinite(values[faces]).all(axis=1)]
    side = values[faces] >= level
    mixed = side.any(axis=1) & ~side.all(axis=1)
    faces, side = faces[mixed], side[mixed]
    # the node that is alone on its side; the level is crossed on the two edges that leave it
    lone = np.where(side.sum(1) == 1, side.argmax(1), side.argmin(1))
    rows = np.arange(len(faces))
    apex, alone = points_mm[faces[rows, lone]], values[faces[rows, lone]]
    ends = []
    for step in (1, 2):
        other = points_mm[faces[rows, (lone + step) % 3]]
        share = (level - alone) / (values[faces[rows, (lone + step) % 3]] - alone)
        ends.append(apex + share[:, None] * (other - apex))
    return np.stack(ends, axis=1)
