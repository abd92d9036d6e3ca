"""Tissue labels that the user brings, in the numbers SimNIBS uses, become Tissues."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np

from meshes.errors import InputError
from meshes.mri import THICKEST_VOXEL_MM, read_volume
from meshes.segmentation.cleaning import BRAIN, tidy_labels
from meshes.segmentation.head_grid import HeadGrid
from meshes.segmentation.tissue_fields import LABEL_SOFTENING, fields_for, one_hot
from meshes.tissue_codes import SIX_TISSUES, TISSUE_NAMES, Tissue, known_codes
from meshes.tissues import Tissues
from meshes.world import Frame

log = logging.getLogger(__name__)

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
    if not np.isfinite(volume.data).all() or (volume.data != np.rint(volume.data)).any():
        raise InputError(f"{name} has values that are not whole numbers; give tissue labels 0 to {max(TISSUE_OF_CODE)}")
    unknown = sorted({int(code) for code in np.unique(volume.data)} - set(TISSUE_OF_CODE))
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
    labels = grid.take(labels)
    tidy = tidy_labels(labels, volume.voxel_mm)
    log.info("tidied the labels: %d of %d voxels relabelled", int((tidy != labels).sum()), int((labels > 0).sum()))
    return Tissues(fields_for(one_hot(tidy), tidy, volume.voxel_mm, LABEL_SOFTENING), grid.affine_mm)
