"""Tissue labels that the user brings, in the numbers SimNIBS uses, become Tissues."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from meshes.errors import InputError
from meshes.mri import THICKEST_VOXEL_MM, read_volume
from meshes.segmentation.cleaning import BRAIN
from meshes.segmentation.head_grid import HeadGrid
from meshes.segmentation.label_fields import tissues_of_labels
from meshes.tissue_codes import SIX_TISSUES, TISSUE_NAMES, Tissue, known_codes
from meshes.tissues import Tissues
from meshes.world import Frame

TISSUE_OF_CODE = {int(tissue): tissue for tissue in Tissue} | SIX_TISSUES


def tissues_from_labels(path: str | Path, frame: Frame | None = None) -> Tissues:
    """Tissues from a label image.

    Parameters
    ----------
    path : path
        3D NIfTI of whole numbers 0 to 12 (``TISSUE_OF_CODE``), voxels up to 1.5 mm.
    frame : {"sform", "qform"}, optional
        Which of the file's frames to use where the two disagree.

    Raises
    ------
    InputError
        If it is not such an image, has other codes, or lacks brain, skull or scalp.
    """
    volume = read_volume(path, frame)
    name = volume.path.name
    if not all((plane == np.rint(plane)).all() and np.isfinite(plane).all() for plane in volume.data):
        raise InputError(f"{name} has values that are not whole numbers; give tissue labels 0 to {max(TISSUE_OF_CODE)}")
    unknown = sorted({int(code) for plane in volume.data for code in np.unique(plane)} - set(TISSUE_OF_CODE))
    if unknown:
        raise InputError(
            f"{name} has unknown tissue codes {', '.join(map(str, unknown[:5]))}; known are 0 outside, {known_codes()}"
        )
    if volume.voxel_mm.max() > THICKEST_VOXEL_MM + 1e-3:
        text = " x ".join(f"{v:.2f}" for v in volume.voxel_mm)
        raise InputError(f"{name} has voxels of {text} mm; {THICKEST_VOXEL_MM} mm is the most in any direction")
    table = np.array([TISSUE_OF_CODE[code] for code in sorted(TISSUE_OF_CODE)], np.uint8)
    labels = table[volume.data.astype(np.uint8)]
    for needed in (BRAIN, (Tissue.SKULL,), (Tissue.SCALP,)):
        if not np.isin(labels, needed).any():
            names = " or ".join(TISSUE_NAMES[Tissue(tissue)] for tissue in needed)
            raise InputError(f"{name} has no {names}; give labels of the whole head")
    grid = HeadGrid.around(labels > 0, volume.affine_mm)
    del volume  # four bytes a voxel, which the fields need
    labels = grid.take(labels)
    return tissues_of_labels(labels, grid.affine_mm)
