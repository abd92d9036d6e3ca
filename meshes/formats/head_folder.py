"""Read a finished head: a mesh file, or the folder ``m2m_NAME`` that SimNIBS' ``charm`` makes.

Tissue codes are kept as they are in the mesh: compact bone 7, spongy bone 8, blood 9, muscle 10, cartilage 11 and fat 12
have conductivities of their own.  What knows six tissues only (registration, label images) sees them through
:func:`to_six_tissues`.
Electrodes and gel of an earlier simulation (codes from 100) are taken away, with the nodes only they used.

The folder (charm 4.x): ``NAME.msh``, ``T1.nii.gz``, ``final_tissues.nii.gz`` (labels on the T1's grid),
``toMNI/Conform2MNI_nonl.nii.gz`` and ``toMNI/MNI2Conform_nonl.nii.gz`` (4D images of target coordinates in mm),
``eeg_positions/*.csv``.  SimNIBS 3's headreco left ``NAME.msh`` beside its folder ``m2m_NAME``, the T1 as
``T1fs_conform.nii.gz`` and the surfaces in ``segment/cat/surf``; warps were of the same names.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from meshes.errors import InputError
from meshes.formats.mesh_files import read_mesh
from meshes.head import HeadMesh
from meshes.one_body import whole_head
from meshes.tissue_codes import SIX_TISSUES, known_codes

IMAGES = {
    "t1": ("T1.nii.gz", "T1.nii", "T1fs_conform.nii.gz", "T1fs_conform.nii"),
    "labels": ("final_tissues.nii.gz", "label_prep/tissue_labeling_upsampled.nii.gz"),
    "subject_to_mni": ("toMNI/Conform2MNI_nonl.nii.gz", "toMNI/Conform2MNI_nonl.nii"),
    "mni_to_subject": ("toMNI/MNI2Conform_nonl.nii.gz", "toMNI/MNI2Conform_nonl.nii"),
}
NEEDED = {"grey matter": (2,), "skull": (4, 7, 8), "scalp": (5,)}
EXTENT_MM = (80.0, 700.0)  # the largest side of a head's bounding box, from a small child's to one with shoulders


@dataclass(frozen=True, eq=False)
class HeadFolder:
    """A finished head and the files beside it; what is not there is None.

    Parameters
    ----------
    mesh : HeadMesh
        Without electrodes, other tissue codes as in the file.
    mesh_file : Path
        Where the mesh was read.
    t1 : Path or None
        The T1 whose world the mesh lives in.
    labels : Path or None
        The tissue labels as an image.
    subject_to_mni, mni_to_subject : Path or None
        charm's non-linear warps: 4D images, each voxel holds the other space's coordinates in mm
        (``atlases.read_charm_warp``).
    eeg_positions : tuple of Path
        Electrode caps as ``.csv`` (``atlases.read_scalp_positions``).
    doubts : tuple of str
        What was mended in the mesh and the user should know.
    """

    mesh: HeadMesh
    mesh_file: Path
    t1: Path | None = None
    labels: Path | None = None
    subject_to_mni: Path | None = None
    mni_to_subject: Path | None = None
    eeg_positions: tuple[Path, ...] = ()
    doubts: tuple[str, ...] = ()


def mesh_file_of(path: str | Path) -> Path:
    """The mesh file of a head given as a ``.msh`` / ``.vtu`` file or as a charm folder.

    Raises
    ------
    InputError
        If there is nothing at the path, or no single mesh in the folder.
    """
    path = Path(path)
    if not path.exists():
        raise InputError(f"there is no {path}; give a .msh or .vtu file, or charm's folder m2m_NAME")
    if not path.is_dir():
        return path
    # a folder may be a link of another name, and a copy may have a new one
    names = [f"{each.name.removeprefix('m2m_')}.msh" for each in (path.absolute(), path.resolve())]
    inside, beside = [path / name for name in names], [path.resolve().parent / name for name in names]
    found = next((each for each in inside if each.is_file()), None)
    if found is not None:
        return found
    several = sorted(path.glob("*.msh"))
    if len(several) > 1:
        told = ", ".join(each.name for each in several[:4])
        raise InputError(
            f"{path} has several .msh ({told}) and no {names[0]}; give charm's folder m2m_NAME, or the mesh file itself"
        )
    found = next((each for each in (*several, *beside) if each.is_file()), None)
    if found is None:
        raise InputError(
            f"{path} has no .msh, and there is no {names[0]} beside it; give charm's folder m2m_NAME, or the mesh file itself"
        )
    return found


def read_head(path: str | Path) -> HeadFolder:
    """Read a finished head: ``.msh``, ``.vtu``, or charm's folder ``m2m_NAME``.

    Raises
    ------
    InputError
        If the mesh cannot be read, lacks grey matter, skull or scalp, has unknown tissues, or is not in mm.
    """
    path = Path(path)
    mesh_file = mesh_file_of(path)
    mesh, doubts = whole_head(read_mesh(mesh_file), mesh_file.name)
    _check(mesh, mesh_file)
    if not path.is_dir():
        return HeadFolder(mesh, mesh_file, doubts=doubts)
    caps = tuple(sorted(path.glob("eeg_positions/*.csv")))
    return HeadFolder(mesh, mesh_file, eeg_positions=caps, doubts=doubts, **images_of_head(path))


def images_of_head(path: str | Path) -> dict[str, Path]:
    """The images beside the mesh of a charm folder that are there, by their field of :class:`HeadFolder`."""
    found = {role: _first(Path(path), *names) for role, names in IMAGES.items()}
    return {role: file for role, file in found.items() if file is not None}


def to_six_tissues(mesh: HeadMesh) -> HeadMesh:
    """The same mesh with six tissues: compact and spongy bone as skull, blood as CSF, the rest as scalp.

    Surface triangles of the merged tissues are dropped (writing the mesh makes them anew).

    Raises
    ------
    InputError
        If a tissue code is none of SimNIBS' tissues 1 to 12.

    Examples
    --------
    >>> import numpy as np
    >>> from meshes import HeadMesh
    >>> from meshes.formats.head_folder import to_six_tissues
    >>> points = np.vstack([np.zeros(3), np.eye(3)])
    >>> [int(to_six_tissues(HeadMesh(points, [[0, 1, 2, 3]], [code])).tissue[0]) for code in (2, 7, 8, 9, 10, 11, 12)]
    [2, 4, 4, 3, 5, 5, 5]
    """
    codes = np.unique(mesh.tissue)
    unknown = [int(code) for code in codes if code not in SIX_TISSUES and not 1 <= code <= 6]
    if unknown:
        raise InputError(f"the mesh has tissue codes {unknown} that no tissue has; known are {known_codes()}")
    if codes.max() <= 6:
        return mesh
    lookup = np.array([SIX_TISSUES.get(int(code), int(code)) for code in codes])
    six = lookup[np.searchsorted(codes, mesh.tissue)]
    return replace(mesh, tissue=six, triangles=np.zeros((0, 3), np.int32), triangle_tissue=np.zeros(0, np.int32))


def _check(mesh: HeadMesh, path: Path) -> None:
    present = set(np.unique(mesh.tissue).tolist())
    for name, codes in NEEDED.items():
        if not present.intersection(codes):
            raise InputError(f"{path} has no {name} (tissue code {codes[0]}); give a mesh of a whole head")
    to_six_tissues(mesh)
    extent = float(np.ptp(mesh.points_mm, axis=0).max())
    if not EXTENT_MM[0] <= extent <= EXTENT_MM[1]:
        hint = "its unit may be metres: scale it to millimetres" if extent < 1 else "give a head in millimetres"
        raise InputError(f"{path} is {extent:.3g} mm across, which is no head's size; {hint}")


def _first(folder: Path, *names: str) -> Path | None:
    return next((folder / name for name in names if (folder / name).is_file()), None)
