"""Stands in for surfa's compiled resampling in SAMSEG's environment: the same function, by scipy.

SAMSEG calls it once, to save a picture of its atlas on the subject; the segmentation does not depend on it.  This file is
copied into that environment, so it imports nothing of ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.ndimage as ndi


def interpolate(
    source: np.ndarray,
    target_shape: Sequence[int],
    method: str,
    affine: np.ndarray | None = None,
    disp: Any = None,
    fill: float = 0,
) -> np.ndarray:
    """Resample frames (nx, ny, nz, frames) through an affine from target voxels to source voxels.

    Parameters
    ----------
    source : (nx, ny, nz, frames) array
    target_shape : (3,) int
    method : {"linear", "nearest"}
    affine : (4, 4) float
        Target voxels to source voxels.
    disp : array or None
        Displacements, which are not supported.
    fill : float
        Outside the source.

    Raises
    ------
    NotImplementedError
        If asked for a displacement field.
    """
    if disp is not None or affine is None:
        raise NotImplementedError("only affine resampling is at hand here")
    shape = tuple(int(n) for n in target_shape)
    kind = source.dtype if method == "nearest" else np.dtype(np.float32)
    out = np.empty((*shape, source.shape[3]), kind, order="F")
    for frame in range(source.shape[3]):
        values = np.asarray(source[..., frame], kind)
        out[..., frame] = ndi.affine_transform(
            values, affine[:3, :3], affine[:3, 3], shape, order=int(method == "linear"), cval=fill
        )
    return out
