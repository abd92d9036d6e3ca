"""Rows: the places whose field a :class:`~targeting.tms.field_basis.FieldBasis` tells.

A row is a weighted mean of E over some tetrahedra, with weights that sum to one: the linear fit that gives E at a point of
the mid-cortical surface, one tetrahedron of a target, a region as a whole.  Rows of several kinds are stacked, and one
basis tells them all.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray

from atlases.target import Target
from meshes.errors import InputError
from meshes.head import HeadMesh
from targeting.fem.cortical_field import FARTHEST_MM, sampling


@dataclass(frozen=True, eq=False)
class Rows:
    """Weighted means of E over tetrahedra.

    Parameters
    ----------
    points_mm : (K, 3) float64
        Where each is, RAS mm.
    weights : (K, M) csr_matrix
        Mean E of row k is ``(weights @ e_v_per_m)[k]`` of a field (M, 3); each row sums to one.
    importance : (K,) float64
        What each counts in the basis' error, such as its area or volume; they sum to one.

    Examples
    --------
    >>> import numpy as np
    >>> from meshes import HeadMesh
    >>> from targeting.tms.field_basis_rows import Rows
    >>> lump = HeadMesh(80 * np.vstack([np.zeros(3), np.eye(3)]), [[0, 1, 2, 3]], [2])
    >>> both = Rows.stacked(Rows.at_points(lump, [[20.0, 20, 20]]), Rows.of_tetrahedra(lump, [0]))
    >>> both.points_mm.shape, both.importance.tolist()
    ((2, 3), [0.5, 0.5])
    """

    points_mm: NDArray[np.float64]
    weights: sp.csr_matrix
    importance: NDArray[np.float64]

    @classmethod
    def at_points(cls, head: HeadMesh, points_mm: ArrayLike, importance: ArrayLike | None = None) -> Rows:
        """E of grey matter at points in it (K, 3), such as vertices of the mid-cortical surface.

        Parameters
        ----------
        head : HeadMesh
        points_mm : (K, 3)
            RAS mm.
        importance : (K,), optional
            Such as the vertices' areas; default: all alike.

        Raises
        ------
        InputError
            If a point has no grey matter near it.
        """
        points = np.atleast_2d(np.asarray(points_mm, np.float64))
        weights = sampling(head, points)
        lost = np.flatnonzero(np.diff(weights.indptr) == 0)
        if len(lost):
            where = ", ".join(f"{x:.1f}" for x in points[lost[0]])
            raise InputError(
                f"{len(lost)} of {len(points)} points have no grey matter within {FARTHEST_MM:g} mm, the first at "
                f"({where}) mm; leave them out"
            )
        return cls(points, weights, _shares(np.ones(len(points)) if importance is None else importance))

    @classmethod
    def of_tetrahedra(cls, head: HeadMesh, tets: ArrayLike) -> Rows:
        """E of each tetrahedron (indices, (K,)), which counts by its volume."""
        chosen = np.asarray(tets, np.int64)
        weights = sp.csr_matrix(
            (np.ones(len(chosen)), chosen, np.arange(len(chosen) + 1)), shape=(len(chosen), len(head.tets))
        )
        return cls(head.centroids_mm[chosen], weights, _shares(head.volumes_mm3[chosen]))

    @classmethod
    def of_target(cls, head: HeadMesh, target: Target) -> Rows:
        """E of each tetrahedron of a target; ``importance`` are the target's weights."""
        return cls.of_tetrahedra(head, target.weights(head)[0])

    @classmethod
    def stacked(cls, *parts: Rows) -> Rows:
        """Several one after another; each part counts alike, however many rows it has."""
        return cls(
            np.vstack([each.points_mm for each in parts]),
            sp.vstack([each.weights for each in parts], format="csr"),
            _shares(np.concatenate([each.importance for each in parts])),
        )

    def mean_e_v_per_m(self, e_v_per_m: NDArray[np.floating]) -> NDArray[np.float64]:
        """The rows of a field of all tetrahedra (M, 3): (K, 3), in its unit."""
        return self.weights @ np.asarray(e_v_per_m, np.float64)


def _shares(importance: ArrayLike) -> NDArray[np.float64]:
    values = np.asarray(importance, np.float64)
    if not len(values) or not np.isfinite(values).all() or values.min() < 0 or values.sum() <= 0:
        raise InputError("the rows of a field basis need finite importances that are not negative, and not all zero")
    return values / values.sum()
