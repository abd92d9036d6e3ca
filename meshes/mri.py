"""Load an MRI, or say in one line what is wrong with it.

The volume is turned to the axis order nearest RAS, so that whatever order the file has, everything after sees the same voxels;
world coordinates (the file's affine, RAS mm) do not change by that.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
from nibabel.orientations import apply_orientation, inv_ornt_aff, io_orientation
from numpy.typing import NDArray

from meshes.errors import InputError
from meshes.images import open_nifti
from meshes.segmentation.whole_head import check_air, check_whole_head, without_gaps
from meshes.world import Frame, World, world_of

THICKEST_VOXEL_MM = 1.5  # above it, CSF between gyri and skull is lost


@dataclass(frozen=True, eq=False)
class Mri:
    """A checked volume in the axis order nearest RAS.

    Parameters
    ----------
    path : Path
        The file.
    data : (nx, ny, nz) float32
        Intensities.
    affine_mm : (4, 4) float64
        Voxel index → RAS mm.
    world : World
        The file's own, and which entry of its header gives it.
    warnings : tuple of str
        What the user should know, though it can be used.
    """

    path: Path
    data: NDArray[np.float32]
    affine_mm: NDArray[np.float64]
    world: World
    warnings: tuple[str, ...] = ()

    @property
    def voxel_mm(self) -> NDArray[np.float64]:
        """Edge lengths of a voxel, (3,)."""
        return np.linalg.norm(self.affine_mm[:3, :3], axis=0)


def read_mri(path: str | Path, frame: Frame | None = None) -> Mri:
    """Read an MRI of a whole head.

    Parameters
    ----------
    path : path
        NIfTI file (``.nii``, ``.nii.gz``).
    frame : {"sform", "qform"}, optional
        Which of the file's two coordinate frames to use; needed only when they disagree.

    Raises
    ------
    InputError
        If it is not a 3D MRI of a whole head with voxels up to 1.5 mm whose place in the world is known.
    """
    volume = read_volume(path, frame)
    name, size = volume.path.name, volume.voxel_mm
    data = without_gaps(volume.data, size, name)
    if data.min() == data.max():
        raise InputError(f"{name} has the same value everywhere; give an MRI")
    if size.max() > THICKEST_VOXEL_MM + 1e-3:
        text = " x ".join(f"{v:.2f}" for v in size)
        raise InputError(
            f"{name} has voxels of {text} mm; {THICKEST_VOXEL_MM} mm is the most in any direction: use a 3D scan of about 1 mm"
        )
    check_air(data, name)
    warnings = (*volume.world.template_warning(name), *check_whole_head(data, size, name))
    return Mri(volume.path, data, volume.affine_mm, volume.world, warnings)


def read_volume(path: str | Path, frame: Frame | None = None) -> Mri:
    """Read any 3D NIfTI volume into the axis order nearest RAS; InputError if it is not one."""
    image = open_nifti(path)
    data, world = image.volume(), world_of(image, frame)
    turn = io_orientation(world.affine_mm)
    data = np.ascontiguousarray(apply_orientation(data, turn))
    return Mri(image.path, data, world.affine_mm @ inv_ornt_aff(turn, world.shape), world)


def save_labels(labels: NDArray[np.integer], affine_mm: NDArray[np.float64], path: Path) -> None:
    """Write whole numbers as NIfTI, sform and qform alike.

    Parameters
    ----------
    labels : (nx, ny, nz) int
    affine_mm : (4, 4)
        Voxel index → RAS mm.
    path : Path
    """
    image = nib.Nifti1Image(np.asarray(labels, np.int16), affine_mm)
    image.set_sform(affine_mm, 1)
    image.set_qform(affine_mm, 1)
    nib.save(image, path)


def save_canonical(mri: Mri, path: Path) -> None:
    """Write the volume as float NIfTI in the axis order nearest RAS, sform and qform alike."""
    image = nib.Nifti1Image(mri.data, mri.affine_mm)
    image.set_sform(mri.affine_mm, 1)
    image.set_qform(mri.affine_mm, 1)
    nib.save(image, path)
