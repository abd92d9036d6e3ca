"""The field on the cortex that is shown, at any pose of the coil, from the subject's field basis.

The basis has some 20 000 cortical points; the shown surface takes E from the three nearest of them, weighted by the
inverse of their distance.  Its own normals then give the component into the cortex.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from targeting.coils.coil import Coil
from targeting.coils.equivalent import searchable
from targeting.study.field_basis_stage import CorticalBasis

if TYPE_CHECKING:
    import pyvista as pv

NEIGHBOURS = 3
FARTHEST_MM = 6.0  # beyond, nothing is known of a point: the brain stem, the inside of the ventricles


@dataclass(frozen=True, eq=False)
class LiveCortex:
    """The basis as seen from the shown cortex.

    Parameters
    ----------
    made : CorticalBasis
    coil : Coil
    points_mm, inward : (n, 3) float64
        Of the shown surface, with unit normals into the cortex.
    spread : (n, K) csr_matrix
        Basis points → shown points; rows sum to one, or are empty where no basis point is near.
    """

    made: CorticalBasis
    coil: Coil
    points_mm: NDArray[np.float64]
    inward: NDArray[np.float64]
    spread: sp.csr_matrix

    @classmethod
    def of(cls, made: CorticalBasis, coil: Coil, shown: pv.PolyData) -> LiveCortex:
        """For a surface whose triangles are wound outward."""
        from meshes.cortical_surface import CorticalSurface

        points = np.asarray(shown.points, np.float64)
        inward = -CorticalSurface(points, shown.regular_faces).normals
        return cls(made, searchable(coil), points, inward, spread_to(made.basis.points_mm, points))

    def field(self, pose: NDArray[np.float64], names: Sequence[str] = ("magnE", "normalE")) -> dict[str, NDArray]:
        """At a pose and 1 A/µs, V/m by name, (n,) float32: |E| ("magnE"), E along the inward normal ("normalE").

        NaN where nothing is known.
        """
        e = self.spread @ self.made.basis.e_v_per_m(self.coil, pose[None])[0]
        e[np.diff(self.spread.indptr) == 0] = np.nan
        made = {"magnE": lambda: np.linalg.norm(e, axis=1), "normalE": lambda: np.einsum("ij,ij->i", e, self.inward)}
        return {name: made[name]().astype(np.float32) for name in names}


def spread_to(known_mm: NDArray[np.float64], points_mm: NDArray[np.float64]) -> sp.csr_matrix:
    """Weights of the known points (K, 3) at each point (n, 3); a row is empty where none is within 6 mm.

    Examples
    --------
    >>> import numpy as np
    >>> spread_to(np.array([[0.0, 0, 0], [4, 0, 0], [0, 90, 0]]), np.array([[1.0, 0, 0], [50, 0, 0]])).toarray().tolist()
    [[0.75, 0.25, 0.0], [0.0, 0.0, 0.0]]
    """
    from scipy.spatial import cKDTree

    distance, nearest = cKDTree(known_mm).query(points_mm, k=min(NEIGHBOURS, len(known_mm)))
    distance, nearest = distance.reshape(len(points_mm), -1), nearest.reshape(len(points_mm), -1)
    weight = np.where(distance <= FARTHEST_MM, 1 / np.maximum(distance, 1e-3), 0.0)
    total = weight.sum(1, keepdims=True)
    weight = np.divide(weight, total, out=np.zeros_like(weight), where=total > 0)
    rows = np.repeat(np.arange(len(points_mm)), weight.shape[1])
    out = sp.csr_matrix((weight.ravel(), (rows, nearest.ravel())), shape=(len(points_mm), len(known_mm)))
    out.eliminate_zeros()
    return out.astype(np.float32)
