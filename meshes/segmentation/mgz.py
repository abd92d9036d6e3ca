"""Read the volumes that SAMSEG leaves: FreeSurfer's ``.mgz``."""

from __future__ import annotations

import gzip
from pathlib import Path

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from meshes.errors import InputError


def read_mgz(path: Path) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """A volume that SAMSEG left, (nx, ny, nz), and its affine (mm).

    Raises
    ------
    InputError
        If it is not there.
    """
    if not path.is_file():
        raise InputError(f"SAMSEG left no {path.name} in {path.parent}; run it again, with --save-posteriors")
    image = nib.MGHImage.from_bytes(gzip.decompress(path.read_bytes()))  # nib.load unpacks it twice
    return np.asarray(image.dataobj, np.float32).reshape(image.shape[:3]), image.affine
