"""Millimetres counted along an image's own axes, as InVesalius and Nexstim count them, and RAS mm.

Both programs turn an image to its closest canonical order (right, front, up) and count from a corner of it, in millimetres.
Their rotations are those of the image's axes, so the image must not be sheared.
"""

from __future__ import annotations

from dataclasses import dataclass

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from meshes.errors import InputError
from targeting.navigation.records import SHEAR_TOLERANCE

ONE_MM = 0.01  # a voxel's edge may differ from 1 mm by this


@dataclass(frozen=True, eq=False)
class ImageSpace:
    """An image's canonical grid.

    Parameters
    ----------
    to_ras_mm : (4, 4) float64
        Millimetres from the centre of the canonical first voxel, to the right, front and top → RAS mm; rigid.
    size_mm : (3,) float64
        Edges of a voxel, canonical order.
    shape : (3,) int
        Canonical order.
    """

    to_ras_mm: NDArray[np.float64]
    size_mm: NDArray[np.float64]
    shape: tuple[int, ...]

    @classmethod
    def of(cls, affine_mm: NDArray[np.float64], shape: tuple[int, ...], name: str) -> ImageSpace:
        """Of an image on a grid.

        Raises
        ------
        InputError
            If its axes are not at right angles.

        Examples
        --------
        >>> flipped = np.diag([-2.0, 1.0, 1.0, 1.0])  # the first voxel is on the right, at x = 0
        >>> ImageSpace.of(flipped, (10, 4, 4), "T1").to_ras_mm[:3, 3].tolist()
        [-18.0, 0.0, 0.0]
        """
        order = nib.orientations.io_orientation(affine_mm)
        canonical = affine_mm @ nib.orientations.inv_ornt_aff(order, shape)
        size = np.linalg.norm(canonical[:3, :3], axis=0)
        rotation = canonical[:3, :3] / size
        if np.abs(rotation.T @ rotation - np.eye(3)).max() > SHEAR_TOLERANCE:
            raise InputError(f"the axes of {name} are not at right angles, so no pose can be carried over; resample it")
        rigid = np.eye(4)
        rigid[:3, :3], rigid[:3, 3] = rotation, canonical[:3, 3]
        turned = np.empty(3, dtype=int)
        turned[order[:, 0].astype(int)] = shape[:3]
        return cls(rigid, size, tuple(int(n) for n in turned))

    @property
    def of_invesalius_mm(self) -> NDArray[np.float64]:
        """InVesalius's markers, the sign of their y turned → RAS mm, (4, 4): its y grows to the back from the last voxel."""
        return self.to_ras_mm @ _shift(0.0, self.size_mm[1] * (self.shape[1] - 1), 0.0)

    def of_nexstim_mm(self, name: str) -> NDArray[np.float64]:
        """Nexstim's coordinates (x to the left, y up, z to the front) → RAS mm, (4, 4).

        Raises
        ------
        InputError
            If the voxels are not of 1 mm: the rule is known for those alone (xcoord, markers/nexstim2mri.py).
        """
        if np.abs(self.size_mm - 1.0).max() > ONE_MM:
            sizes = " × ".join(f"{size:.2f}" for size in self.size_mm)
            raise InputError(
                f"Nexstim's coordinates are known on images of 1 mm only, and {name} has {sizes} mm; resample it"
            )
        turn = np.array([[-1.0, 0, 0, self.shape[0]], [0, 0, 1, 0], [0, 1, 0, 0], [0, 0, 0, 1]])
        return self.to_ras_mm @ turn


def _shift(x: float, y: float, z: float) -> NDArray[np.float64]:
    matrix = np.eye(4)
    matrix[:3, 3] = x, y, z
    return matrix
