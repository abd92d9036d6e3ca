"""The E-field where people are compared: on the group's cortex fs_LR 32k (GIFTI, CIFTI) and in MNI152 (NIfTI).

On fs_LR 32k each vertex has the value of the place in the person's cortex that its folds put there, linear between the
person's vertices.  Where that is not known, on the side of a hemisphere without folds and on the medial wall, it is NaN; a
CIFTI file leaves the medial wall out.  In MNI152 each voxel has the value of the place that the registration puts there.
"""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
from nibabel.cifti2 import BrainModelAxis, Cifti2Image, ScalarAxis
from numpy.typing import ArrayLike, NDArray

from atlases.fslr import VERTICES, grayordinates, group_cortex, on_fslr
from atlases.warp import MniWarp
from meshes.formats.gifti import write_values
from meshes.whole_files import written_whole
from targeting.fem.cortical_field import CorticalField

SIDES = ("lh", "rh")
STRUCTURES = {"lh": "CIFTI_STRUCTURE_CORTEX_LEFT", "rh": "CIFTI_STRUCTURE_CORTEX_RIGHT"}
ON_GROUP = "{side}.{name}.32k_fs_LR.func.gii"
DENSE = "magnE.32k_fs_LR.dscalar.nii"
IN_MNI = "magnE_MNI152.nii.gz"
MNI_AFFINE_MM = np.array(
    [[2.0, 0, 0, -98], [0, 2, 0, -134], [0, 0, 2, -72], [0, 0, 0, 1]]
)  # nilearn's template of 2 mm
MNI_SHAPE = (99, 117, 95)
MNI_CODE = 4  # NIFTI_XFORM_MNI_152


def values_on_group(field: CorticalField) -> dict[str, dict[str, NDArray[np.float64]]]:
    """|E| and E along the inward normal at the group's vertices, NaN where they are not known.

    Returns
    -------
    dict
        Name (``magnE``, ``normalE``) → side (``lh``, ``rh``) → (32492,) V/m.
    """
    of_person = {"magnE": field.magnitude_v_per_m, "normalE": field.normal_v_per_m}
    found = {name: {side: np.full(VERTICES, np.nan) for side in SIDES} for name in of_person}
    for side, folds in field.cortex.folds.items():
        values = np.column_stack([field.of_side(each)[side] for each in of_person.values()])
        known = np.isfinite(values).all(axis=1)
        # beside the medial wall and gaps: the mean of those corners of a triangle that have a value
        weighed = np.column_stack([np.where(known[:, None], values, 0.0), known])
        *sums, share = on_fslr(folds, field.cortex.hemispheres[side].triangles, side, weighed).T
        told = group_cortex(side).cortex & (share > 0)
        for name, total in zip(of_person, sums, strict=True):
            found[name][side][told] = total[told] / share[told]
    return found


def write_on_group_cortex(folder: str | Path, field: CorticalField, conditions: str = "1 A/us") -> list[Path]:
    """Write the field on fs_LR 32k, if the folds of a hemisphere are known.

    Parameters
    ----------
    folder : path
        Must exist.
    field : CorticalField
    conditions : str
        The currents it is for, as the files shall say.

    Returns
    -------
    list of Path
        ``?h.magnE.32k_fs_LR.func.gii`` and ``?h.normalE.32k_fs_LR.func.gii``, and one ``magnE.32k_fs_LR.dscalar.nii`` with both
        as maps, of both sides; nothing without folds.

    Raises
    ------
    InputError
        If a file cannot be written.
    """
    if not field.cortex.folds:
        return []
    folder = Path(folder)
    values, written = values_on_group(field), []
    for name, of_side in values.items():
        for side in SIDES:
            written.append(folder / ON_GROUP.format(side=side, name=name))
            write_values(written[-1], of_side[side], f"{name} (V/m at {conditions})", side)
    cortex = {side: grayordinates(side) for side in SIDES}
    models = [BrainModelAxis.from_surface(cortex[side], VERTICES, STRUCTURES[side]) for side in SIDES]
    maps = [np.concatenate([of_side[side][cortex[side]] for side in SIDES]) for of_side in values.values()]
    names = ScalarAxis([f"{name} (V/m at {conditions})" for name in values])
    image = Cifti2Image(np.stack(maps).astype(np.float32), (names, models[0] + models[1]))
    image.nifti_header.set_intent("NIFTI_INTENT_CONNECTIVITY_DENSE_SCALARS")
    written.append(folder / DENSE)
    with written_whole(written[-1]) as temporary:
        nib.save(image, temporary)
    return written


def write_in_mni(
    folder: str | Path,
    magnitude_v_per_m: NDArray[np.floating],
    affine_mm: ArrayLike,
    warp: MniWarp,
    scale_end_v_per_m: float,
    conditions: str = "dI/dt = 1 A/us",
) -> Path:
    """Write |E| of a person's image in MNI152, on nilearn's grid of 2 mm: ``magnE_MNI152.nii.gz``.

    Parameters
    ----------
    folder : path
        Must exist.
    magnitude_v_per_m : (nx, ny, nz) float
        |E| on the grid of the person's image, 0 outside the head.
    affine_mm : (4, 4) float
        Voxel → RAS mm of that grid.
    warp : MniWarp
        MNI152 ↔ that person.
    scale_end_v_per_m : float
        Where viewers end the colour scale.
    conditions : str
        The currents it is for, as the file shall say.

    Raises
    ------
    InputError
        If it cannot be written.
    """
    index = np.stack(np.meshgrid(*(np.arange(n) for n in MNI_SHAPE), indexing="ij"), -1).reshape(-1, 3)
    places = warp.to_subject(index @ MNI_AFFINE_MM[:3, :3].T + MNI_AFFINE_MM[:3, 3])
    own = np.linalg.inv(np.asarray(affine_mm, np.float64))
    # the nearest voxel: a mean over the border of two tissues would be the field of neither
    voxel = np.rint(places @ own[:3, :3].T + own[:3, 3]).astype(np.int64)
    inside = ((voxel >= 0) & (voxel < magnitude_v_per_m.shape)).all(axis=1)
    values = np.zeros(len(voxel), np.float32)
    values[inside] = np.asarray(magnitude_v_per_m, np.float32)[tuple(voxel[inside].T)]
    image = nib.Nifti1Image(values.reshape(MNI_SHAPE), MNI_AFFINE_MM)
    image.set_sform(MNI_AFFINE_MM, code=MNI_CODE)
    image.set_qform(MNI_AFFINE_MM, code=MNI_CODE)
    image.header.set_xyzt_units("mm")
    image.header["descrip"] = f"|E| in V/m at {conditions}".encode()
    image.header["cal_max"] = scale_end_v_per_m
    path = Path(folder) / IN_MNI
    with written_whole(path) as temporary:
        nib.save(image, temporary)
    return path
