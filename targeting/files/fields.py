"""The E-field as files other programs open: ``E.vtu`` (ParaView), ``E.msh`` (Gmsh), ``magnE.nii.gz`` (any MRI viewer).

The fields are named as SimNIBS names them: ``E`` the vector, ``magnE`` its length, both V/m.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import nibabel as nib
import numpy as np
from numpy.typing import ArrayLike, NDArray

from meshes import HeadMesh, InputError, Tissue
from meshes.formats.mesh_files import write_mesh
from meshes.rasterise import values_on_grid
from meshes.surfaces import SURFACE_TAG
from meshes.whole_files import written_whole


def write_field_files(
    folder: str | Path,
    head: HeadMesh,
    e_v_per_m: NDArray[np.floating],
    affine_mm: ArrayLike,
    shape: tuple[int, int, int],
    scale_end_v_per_m: float,
    conditions: str = "dI/dt = 1 A/us",
    drawings: Sequence[str] = (),
) -> list[Path]:
    """Write the field of one placement or montage.

    Parameters
    ----------
    folder : path
        Must exist.
    head : HeadMesh
    e_v_per_m : (M, 3) array
        Per tetrahedron.
    affine_mm : (4, 4) array
        Voxel → RAS mm of the T1, and
    shape : (nx, ny, nz)
        its size: the grid of the NIfTI.
    scale_end_v_per_m : float
        Where Gmsh and MRI viewers end the colour scale: that of the plan's pictures (:func:`targeting.scene.colors.scale_end`).
    conditions : str
        The currents the field belongs to, such as "dI/dt = 1 A/us" or "2 mA"; written into the NIfTI's description.
    drawings : sequence of str
        Names of ``.geo`` files in the folder that Gmsh shall show with ``E.msh``.

    Returns
    -------
    list of Path
        ``E.vtu``, ``E.msh``, ``E.msh.opt`` (how Gmsh shows it), ``magnE.nii.gz``.

    Raises
    ------
    InputError
        If the field does not fit the mesh.
    WriteError
        If a file cannot be written.
    """
    folder = Path(folder)
    field = np.asarray(e_v_per_m, dtype=np.float32)
    if field.shape != (len(head.tets), 3):
        raise InputError(f"the E-field has shape {field.shape}, the mesh needs ({len(head.tets)}, 3)")
    magnitude = np.linalg.norm(field, axis=1)
    fields = {"E": field, "magnE": magnitude}
    vtu, msh, view, image = (folder / name for name in ("E.vtu", "E.msh", "E.msh.opt", "magnE.nii.gz"))
    write_mesh(head, vtu, fields)
    write_mesh(head, msh, fields)
    with written_whole(view) as temporary:
        temporary.write_text(gmsh_view(scale_end_v_per_m, drawings), encoding="ascii")
    on_grid = values_on_grid(head, magnitude, affine_mm, shape)
    nifti = nib.Nifti1Image(on_grid, np.asarray(affine_mm, dtype=np.float64))
    nifti.set_sform(nifti.affine, code=1)
    nifti.set_qform(nifti.affine, code=1)
    nifti.header.set_xyzt_units("mm")
    nifti.header["descrip"] = f"|E| in V/m at {conditions}".encode()
    nifti.header["cal_max"] = scale_end_v_per_m
    with written_whole(image) as temporary:
        nib.save(nifti, temporary)
    return [vtu, msh, view, image]


def gmsh_view(scale_end_v_per_m: float, drawings: Sequence[str] = ()) -> str:
    """What Gmsh reads beside ``E.msh``: show |E| on the surface of grey matter, hide the rest, fix the colour scale.

    The views are numbered in the file's order: 0 is the vector E, 1 is magnE; those of the drawings come after them.
    """
    merged = "".join(f'Merge "{name}";\n' for name in drawings)
    return f"""// |E| on grey matter; show other tissues with Tools > Visibility
Mesh.SurfaceEdges = 0;
Mesh.SurfaceFaces = 0;
Mesh.VolumeEdges = 0;
Mesh.VolumeFaces = 0;
General.SmallAxes = 1;
View[0].Visible = 0;
View[0].RangeType = 2;
View[0].CustomMin = 0;
View[0].CustomMax = {scale_end_v_per_m:.6g};
View[0].SaturateValues = 1;
View[1].Visible = 1;
View[1].ShowElement = 0;
View[1].RangeType = 2;
View[1].CustomMin = 0;
View[1].CustomMax = {scale_end_v_per_m:.6g};
View[1].SaturateValues = 1;
Hide "*";
Show {{ Surface{{{SURFACE_TAG + Tissue.GM}}}; }}
{merged}"""
