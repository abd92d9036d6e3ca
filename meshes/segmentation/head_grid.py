"""The grid a head model is made on: the image's own voxels, cut to the head with an empty margin.

Where the image ends before the margin does, empty voxels are added: the layers can then close over the cut.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.ndimage as ndi
from numpy.typing import NDArray

MARGIN_MM = 8.0  # of air for the layers to close in, and for the mesher's outer elements


@dataclass(frozen=True, eq=False)
class HeadGrid:
    """A box of voxels that may reach beyond the image's.

    Parameters
    ----------
    low : (3,) int
        The box's first voxel, counted in the image.
    shape : (3,) int
        Voxels along each axis.
    affine_mm : (4, 4) float64
        Voxel index of the box → RAS mm.
    """

    low: NDArray[np.int64]
    shape: tuple[int, int, int]
    affine_mm: NDArray[np.float64]

    @classmethod
    def around(cls, head: NDArray[np.bool_], affine_mm: NDArray[np.float64], margin_mm: float = MARGIN_MM) -> HeadGrid:
        """The box around the head's voxels."""
        box = ndi.find_objects(head.astype(np.uint8))[0]
        margin = np.ceil(margin_mm / np.linalg.norm(affine_mm[:3, :3], axis=0)).astype(int)
        low = np.array([s.start for s in box]) - margin
        high = np.array([s.stop for s in box]) + margin
        moved = affine_mm.copy()
        moved[:3, 3] += affine_mm[:3, :3] @ low
        nx, ny, nz = (high - low).tolist()
        return cls(low, (nx, ny, nz), moved)

    def take(self, image: NDArray, empty: float | NDArray = 0) -> NDArray:
        """The image's values in the box, (*shape, ...), ``empty`` where the image ends."""
        out = np.empty((*self.shape, *image.shape[3:]), image.dtype)
        out[...] = empty
        inside = [
            slice(max(a, 0), min(a + n, size)) for a, n, size in zip(self.low, self.shape, image.shape[:3], strict=True)
        ]
        to = tuple(slice(s.start - a, s.stop - a) for s, a in zip(inside, self.low, strict=True))
        out[to] = image[tuple(inside)]
        return out
