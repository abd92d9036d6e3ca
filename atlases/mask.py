"""A target drawn as a NIfTI mask in the subject's space."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
from numpy.typing import NDArray

from meshes.errors import InputError

FORMS_AGREE_MM = 0.1


def read_mask(path: str | Path) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Voxel centres of a mask, and its voxel's three edges.

    A voxel counts if its value is over half of the largest, so that a probability map works too.

    Returns
    -------
    points_mm : (n, 3) float64
        RAS mm of the image's world.
    voxel_mm : (3,) float64
        Edge lengths.

    Raises
    ------
    InputError
        If the file is missing, is no NIfTI, is not 3D, has NaNs, is empty, or has two worlds (sform ≠ qform).
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"mask {path} is not there; check the path")
    try:
        image = nibabel.load(path)
        values = np.asarray(image.dataobj, dtype=np.float32)
    except Exception as error:  # nibabel and gzip raise many kinds for damaged files
        raise InputError(
            f"mask {path} is not a readable NIfTI image; it may be damaged or of another format"
        ) from error
    values = values[..., 0] if values.ndim == 4 and values.shape[3] == 1 else values
    if values.ndim != 3:
        raise InputError(f"mask {path} has {values.ndim} dimensions; a mask is 3D")
    if not np.isfinite(values).all():
        raise InputError(f"mask {path} has values that are not finite; make it 0 and 1")
    if values.max() <= 0:
        raise InputError(f"mask {path} is empty: no voxel is above 0")
    affine = np.asarray(image.affine, dtype=np.float64)
    _one_world(image.header, np.array(values.shape), path)
    return np.argwhere(values > values.max() / 2) @ affine[:3, :3].T + affine[:3, 3], np.linalg.norm(
        affine[:3, :3], axis=0
    )


def _one_world(header: nibabel.Nifti1Header, shape: NDArray[np.int64], path: Path) -> None:
    """Refuse an image whose two world frames disagree anywhere in it."""
    if not (hasattr(header, "get_sform") and header["sform_code"] > 0 and header["qform_code"] > 0):
        return
    corners = np.array(np.meshgrid(*[(0, n - 1) for n in shape])).reshape(3, -1)
    apart = (header.get_sform() - header.get_qform())[:3]
    if np.abs(apart[:, :3] @ corners + apart[:, 3:]).max() > FORMS_AGREE_MM:
        raise InputError(
            f"mask {path}: its sform and qform put it at different places; write it again with one of them"
        )
