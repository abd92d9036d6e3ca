"""ElementField: E in every tetrahedron of a head, whatever makes it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from meshes import HeadMesh
from meshes.errors import InputError


@dataclass(frozen=True, eq=False)
class ElementField:
    """E in a head.

    Parameters
    ----------
    head : HeadMesh
    e_v_per_m : (M, 3) float64
        E in every tetrahedron, RAS components, in the mesh's order.
    """

    head: HeadMesh
    e_v_per_m: NDArray[np.float64]

    @property
    def magnitude_v_per_m(self) -> NDArray[np.float64]:
        """|E| in every tetrahedron, (M,)."""
        return np.linalg.norm(self.e_v_per_m, axis=1)

    def peak(self, tissue: int) -> tuple[float, NDArray[np.float64]]:
        """The largest |E| in one tissue (V/m) and where it is, (3,) mm."""
        inside = np.flatnonzero(self.head.tissue == tissue)
        if len(inside) == 0:
            raise InputError(f"the mesh has no tissue {tissue}; its codes are {np.unique(self.head.tissue).tolist()}")
        where = inside[np.argmax(self.magnitude_v_per_m[inside])]
        return float(self.magnitude_v_per_m[where]), self.head.centroids_mm[where]
