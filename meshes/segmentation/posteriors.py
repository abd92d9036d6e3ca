"""Make Tissues of SAMSEG's posteriors: structures are summed into six tissues, then cleaned."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from meshes.errors import InputError
from meshes.segmentation.cleaning import clean_labels
from meshes.segmentation.head_grid import HeadGrid
from meshes.segmentation.mgz import read_mgz
from meshes.segmentation.tissue_fields import Fields, fields_for, one_hot
from meshes.tissue_codes import Tissue
from meshes.tissues import Tissues

log = logging.getLogger(__name__)

WHITE = ("Cerebral-White", "Cerebellum-White", "Brain-Stem", "VentralDC", "WM-hypo", "Optic-Chiasm")
FLUID = ("CSF", "Ventricle", "Lat-Vent", "choroid")


def tissue_of(structure: str) -> Tissue:
    """The tissue a SAMSEG structure belongs to; what is neither named here nor outside the brain is grey matter.

    >>> tissue_of("Left-Cerebral-Cortex").name, tissue_of("Right-VentralDC").name, tissue_of("5th-Ventricle").name
    ('GM', 'WM', 'CSF')
    """
    if structure == "Unknown":
        return Tissue.OUTSIDE
    if "Skull" in structure:
        return Tissue.SKULL
    if "Soft_Nonbrain" in structure:
        return Tissue.SCALP
    if "Eyes" in structure:
        return Tissue.EYES
    if any(part in structure for part in FLUID):
        return Tissue.CSF
    if "non-WM" not in structure and any(part in structure for part in WHITE):
        return Tissue.WM
    return Tissue.GM


def read_posteriors(folder: Path) -> tuple[Fields, NDArray[np.float64]]:
    """Memberships of the six tissues and the outside, (nx, ny, nz, 7), and the grid's affine (mm).

    Raises
    ------
    InputError
        If the folder does not hold SAMSEG's posteriors.
    """
    files = sorted(Path(folder).glob("*.mgz"))
    if not any(f.stem == "Skull" for f in files):
        raise InputError(f"{folder} holds no SAMSEG posteriors (*.mgz); run SAMSEG with --save-posteriors")
    sums, affine = None, np.eye(4)
    for file in files:
        values, own_affine = read_mgz(file)
        if sums is None:
            sums, affine = np.zeros((len(Tissue), *values.shape), np.float32), own_affine
        sums[tissue_of(file.stem)] += values
    assert sums is not None
    sums[Tissue.OUTSIDE] += np.maximum(1 - sums.sum(0), 0)
    return np.ascontiguousarray(np.moveaxis(sums, 0, -1)), affine


def tissues_from_posteriors(folder: Path, affine_mm: NDArray[np.float64] | None = None) -> Tissues:
    """The cleaned head of a SAMSEG run: closed layers, fields that keep SAMSEG's interfaces below the voxel.

    Parameters
    ----------
    folder : Path
        The run's ``posteriors``.
    affine_mm : (4, 4), optional
        Of the image that was segmented (the posteriors' own is rounded to single precision).
    """
    memberships, affine = read_posteriors(folder)
    affine = affine if affine_mm is None else affine_mm
    voxel_mm = np.linalg.norm(affine[:3, :3], axis=0)
    grid = HeadGrid.around(memberships.argmax(-1) > 0, affine)
    memberships = grid.take(memberships, one_hot(np.zeros((), np.uint8)))
    raw = memberships.argmax(-1).astype(np.uint8)
    labels = clean_labels(raw, voxel_mm)
    log.info("closed the layers: %d of %d voxels relabelled", int((labels != raw).sum()), int((labels > 0).sum()))
    return Tissues(fields_for(memberships, labels, voxel_mm), grid.affine_mm)
