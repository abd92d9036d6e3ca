"""A target drawn as a NIfTI mask, in the subject's space or a template's."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from meshes.errors import InputError
from meshes.images import open_nifti
from meshes.world import Frame, World, template_world_of, world_of


@dataclass(frozen=True, eq=False)
class Mask:
    """The voxels of a mask.

    Parameters
    ----------
    points_mm : (n, 3) float64
        Their centres, RAS mm of the image's world.
    world : World
        The image's.
    """

    points_mm: NDArray[np.float64]
    world: World


def read_mask(path: str | Path, frame: Frame | None = None, in_mni: bool = False) -> Mask:
    """Read a mask.

    A voxel counts if its value is over half of the largest, so that a probability map works too; one without a number
    (NaN) does not.

    Parameters
    ----------
    path : path
        NIfTI file.
    frame : {"sform", "qform"}, optional
        Which of its two frames counts where they disagree.
    in_mni : bool
        Whether it is said to be in MNI152, so that of two frames the one counts that names a template.

    Raises
    ------
    InputError
        If it is no NIfTI image of three dimensions, is empty, or its place in the world is not known.
    """
    image = open_nifti(path)
    values, world = image.volume(), template_world_of(image) if in_mni else world_of(image, frame)
    values = np.where(np.isnan(values), 0, values)
    if not np.isfinite(values).all():
        raise InputError(f"mask {path} has values that are not finite; make it 0 and 1")
    if values.max() <= 0:
        raise InputError(f"mask {path} is empty: no voxel is above 0")
    affine = world.affine_mm
    return Mask(np.argwhere(values > values.max() / 2) @ affine[:3, :3].T + affine[:3, 3], world)
