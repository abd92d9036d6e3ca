"""Tissues: seven smooth fields on a voxel grid; the tissue at a point is the one whose field is largest there.

A field is a tissue's membership (a posterior probability, or a smoothed label), so the interface between two tissues lies
where their fields cross: below the voxel, which is what the mesher uses.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from meshes.brief import brief
from meshes.errors import InputError
from meshes.tissue_codes import Tissue


@dataclass(frozen=True, eq=False)
class Tissues:
    """Tissue fields of one head.

    Parameters
    ----------
    fields : (nx, ny, nz, 7) float32
        Memberships; channel = :class:`~meshes.tissue_codes.Tissue` code, 0 is the outside.
    affine_mm : (4, 4) float64
        Voxel index → RAS millimetres of the subject's T1.

    Raises
    ------
    InputError
        If the shapes are not these.
    """

    fields: NDArray[np.float32]
    affine_mm: NDArray[np.float64]

    __repr__ = brief()

    def __post_init__(self) -> None:
        if self.fields.ndim != 4 or self.fields.shape[3] != len(Tissue):
            raise InputError(f"tissue fields must be (nx, ny, nz, {len(Tissue)}), not {self.fields.shape}")
        if np.shape(self.affine_mm) != (4, 4):
            raise InputError(f"the tissue fields' affine must be (4, 4), not {np.shape(self.affine_mm)}")

    @cached_property
    def labels(self) -> NDArray[np.uint8]:
        """The winning tissue of every voxel, (nx, ny, nz)."""
        return self.fields.argmax(-1).astype(np.uint8)

    @property
    def voxel_mm(self) -> NDArray[np.float64]:
        """Edge lengths of a voxel, (3,)."""
        return np.linalg.norm(self.affine_mm[:3, :3], axis=0)
