"""Coil files ``.nii`` and ``.nii.gz``: A sampled on a grid, the three components as fourth (or fifth) axis.

A in T·m for dI/dt = 1 A/s, that is per ampere of coil current; the affine takes a voxel to the coil's frame (mm, or
what the header says); the components are those of the coil's frame.  The header's description may hold ``dIdtmax``
(A/µs) and ``coilname`` in the words of ``.ccd``.
"""

from __future__ import annotations

import re
from pathlib import Path

import nibabel as nib
import numpy as np
from nibabel.spatialimages import HeaderDataError

from meshes.errors import InputError
from meshes.images import open_nifti
from meshes.whole_files import written_whole
from targeting.coils.coil import Coil
from targeting.coils.files import CoilFormat
from targeting.coils.gate import A_PER_US, checked_rating, coil_of_file
from targeting.coils.sources import PotentialGrid

MM_PER_UNIT = {"meter": 1000.0, "mm": 1.0, "micron": 0.001, "unknown": 1.0}
DESCRIPTION_BYTES = 79  # of the header's 80; the last ends the text
MAX_A_T_M = 1e-3  # a hundred times any coil's A: a file above it is not per 1 A/s


def read_nifti_coil(path: Path) -> Coil:
    """Read a sampled A-field.

    Raises
    ------
    InputError
        If it is no NIfTI, is cut short, or does not look like a coil's A-field per 1 A/s.
    """
    image = open_nifti(path)
    shape = image.shape
    if len(shape) == 5 and shape[3] == 1:
        shape = (*shape[:3], shape[4])
    if len(shape) != 4 or shape[3] != 3 or min(shape[:3]) < 2:
        raise InputError(f"{path.name} has shape {image.shape}: an A-field is (nx, ny, nz, 3); this is another image")
    values = image.values(np.float64).reshape(shape)
    if not np.isfinite(values).all():
        raise InputError(f"{path.name} holds NaN or infinite values: fetch the coil file again")
    largest = float(np.abs(values).max())
    if largest == 0 or largest > MAX_A_T_M:
        raise InputError(
            f"{path.name}: the largest value is {largest:.2g}; A per 1 A/s is about 1e-6 T·m: this is another image"
        )
    try:
        affine = np.array(image.header.get_best_affine(), dtype=np.float64)
        mm_per_unit = MM_PER_UNIT[image.header.get_xyzt_units()[0]]
        affine[:3] *= mm_per_unit
    except (KeyError, ValueError, HeaderDataError):
        raise InputError(f"{path.name} has no usable affine (voxel to mm): fetch the coil file again") from None
    if abs(np.linalg.det(affine)) < 1e-12 or not np.isfinite(affine).all():
        raise InputError(f"{path.name} has no usable affine (voxel to mm): fetch the coil file again")
    words = dict(re.findall(r"(\w+)\s*=\s*([^;]+)", image.header["descrip"].item().decode("latin-1")))
    limit = re.fullmatch(r"[\d.]+(?:[eE][+-]?\d+)?", words.get("dIdtmax", "").strip())
    return coil_of_file(
        path,
        words.get("coilname", path.name.removesuffix(".gz").removesuffix(".nii")).strip(),
        (PotentialGrid(values, affine),),
        mm_per_unit,
        checked_rating(path.name, "dIdtmax", float(limit.group()), A_PER_US) if limit else None,
        rated_on=words.get("stimulator", "").strip(),
    )


def write_nifti_coil(coil: Coil, path: Path) -> None:
    """Write a coil that is one sampled A-field: mm, float32 if that holds every value, else float64.

    Raises
    ------
    InputError
        If the coil has other sources, which this format cannot hold.
    """
    grid = coil.sources[0]
    if len(coil.sources) != 1 or not isinstance(grid, PotentialGrid):
        raise InputError(
            f"{coil.name} is not one sampled A-field, which is all a NIfTI file can hold: write a .tcd file"
        )
    single = grid.a_t_m.astype(np.float32)
    image = nib.Nifti1Image(single if np.array_equal(single, grid.a_t_m) else grid.a_t_m, grid.affine_mm)
    image.set_sform(grid.affine_mm, code=1)
    image.header.set_xyzt_units("mm")
    limit = f"dIdtmax={coil.max_didt_a_per_s / A_PER_US:.10g};" if coil.max_didt_a_per_s is not None else ""
    words = f"{limit}coilname={re.sub(r'[;=]', ' ', coil.name)}".encode("latin-1", "replace")
    image.header["descrip"] = words[:DESCRIPTION_BYTES]
    with written_whole(path) as temporary:
        nib.save(image, temporary)


NIFTI = CoilFormat(
    name="nifti", suffixes=(".nii.gz", ".nii"), holds="A-field", read=read_nifti_coil, write=write_nifti_coil
)
