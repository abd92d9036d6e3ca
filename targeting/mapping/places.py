"""The places of the cortex where responses may come from: near the target, on its side, and reached by the pulses.

They are the vertices of the field basis' cortex within ``SEARCHED_MM`` of the target.  Of these only those are looked at whose
largest field is at least ``REACHED`` of the largest anywhere near: what is weaker lies deep in sulci, and where responses were
localised they came from the crowns and rims of the gyrus (Weise et al. 2020, NeuroImage 209:116486; Numssen et al. 2021,
NeuroImage 245:118654).

The neurons of a muscle take up some millimetres of cortex: each place's field is the mean over its neighbours, weighted by a
Gaussian of ``MUSCLE_MM`` and by how far they face the same way, so that the other wall of a sulcus does not count.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from meshes.errors import InputError

if TYPE_CHECKING:
    from targeting.coils.coil import Coil
    from targeting.study.field_basis_stage import CorticalBasis
    from targeting.tms import FieldBasis

MAGNITUDE, NORMAL, TANGENTIAL = QUANTITIES = ("magnitude", "normal", "tangential")
SEARCHED_MM = 40.0
REACHED = 0.5
MUSCLE_MM = 2.0
NEIGHBOURS = 3.0  # in units of MUSCLE_MM, how far the mean reaches


@dataclass(frozen=True, eq=False)
class Places:
    """Vertices of one hemisphere's mid-cortical surface, and the field basis of them.

    Parameters
    ----------
    points_mm : (V, 3) float64
    normals : (V, 3) float64
        Unit, outwards.
    areas_mm2 : (V,) float64
    edge_mm : (V,) float64
        How far each is from the edge of what is searched.
    basis : FieldBasis
        Its rows are the places.
    """

    points_mm: NDArray[np.float64]
    normals: NDArray[np.float64]
    areas_mm2: NDArray[np.float64]
    edge_mm: NDArray[np.float64]
    basis: FieldBasis

    @classmethod
    def near(cls, cortical: CorticalBasis, target_mm: NDArray[np.float64], side: str) -> Places:
        """Those near a target, on its side.

        Raises
        ------
        InputError
            If there are none.
        """
        whole, left = cortical.cortex.whole, len(cortical.cortex.left.points_mm)
        away = np.linalg.norm(whole.points_mm - target_mm, axis=1)
        of_side = (np.arange(len(away)) < left) == (side == "left")
        chosen = np.flatnonzero(of_side & (away <= SEARCHED_MM))
        if not len(chosen):
            raise InputError(
                f"there is no cortex of the {side} side within {SEARCHED_MM:g} mm of the target; check the plan"
            )
        return cls(
            whole.points_mm[chosen],
            whole.normals[chosen],
            whole.vertex_areas_mm2[chosen],
            SEARCHED_MM - away[chosen],
            cortical.basis.part(chosen),
        )

    def fields(self, coil: Coil, poses: NDArray[np.float64], didt_a_per_s: NDArray[np.float64]) -> NDArray[np.float32]:
        """E of pulses (n, 4, 4), each at its own dI/dt (n,), at the places: (n, V, 3) V/m."""
        per_unit = self.basis.e_v_per_m(coil, poses, 1.0)
        return per_unit * np.asarray(didt_a_per_s, np.float32)[:, None, None]

    def quantity(self, e_v_per_m: NDArray[np.floating], name: str) -> NDArray[np.float32]:
        """The size of the field, or of its part along or across the normal, as a muscle's neurons have it: (n, V) V/m."""
        size = np.linalg.norm(e_v_per_m, axis=2)
        part = size
        if name != MAGNITUDE:
            along = np.abs(np.einsum("nvx,vx->nv", e_v_per_m, self.normals))
            part = along if name == NORMAL else np.sqrt(np.maximum(size**2 - along**2, 0.0))
        return np.asarray((self._mean @ part.T).T, np.float32)

    def reached(self, e_v_per_m: NDArray[np.floating]) -> NDArray[np.int64]:
        """The places that pulses reached, by their field (n, V, 3)."""
        largest = self.quantity(e_v_per_m, MAGNITUDE).max(axis=0)
        return np.flatnonzero(largest >= REACHED * largest.max())

    @cached_property
    def _mean(self) -> sp.csr_matrix:
        """The mean over neighbours, (V, V)."""
        near = cKDTree(self.points_mm).query_pairs(NEIGHBOURS * MUSCLE_MM, output_type="ndarray")
        i, j = np.vstack([near, near[:, ::-1]]).T
        apart = np.linalg.norm(self.points_mm[i] - self.points_mm[j], axis=1)
        alike = np.maximum((self.normals[i] * self.normals[j]).sum(1), 0.0)
        weight = np.exp(-((apart / MUSCLE_MM) ** 2) / 2) * alike * self.areas_mm2[j]
        count = len(self.points_mm)
        sums = sp.csr_matrix((weight, (i, j)), (count, count)) + sp.diags(self.areas_mm2)
        return sp.csr_matrix(sp.diags(1 / np.asarray(sums.sum(1)).ravel()) @ sums)
