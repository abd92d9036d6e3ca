"""Load an MRI and say in one line what is wrong with it.

The volume is turned to the axis order nearest RAS, so that whatever order the file has, everything after sees the same voxels;
world coordinates (the file's affine, RAS mm) do not change by that.
"""

from __future__ import annotations

import gzip
import hashlib
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import nibabel as nib
import numpy as np
from nibabel.filebasedimages import ImageFileError
from nibabel.orientations import apply_orientation, inv_ornt_aff, io_orientation
from nibabel.spatialimages import HeaderDataError
from numpy.typing import NDArray

from meshes.errors import InputError
from meshes.segmentation.whole_head import check_whole_head

Frame = Literal["sform", "qform"]

THICKEST_VOXEL_MM = 1.5  # above it, CSF between gyri and skull is lost
FRAMES_AGREE_MM = 0.5  # sform and qform may differ by this much anywhere in the volume: rounding of quaternions
SUBJECT_CODES = 2  # NIfTI's codes 1 (scanner) and 2 (aligned); those above are templates' spaces
STRAIGHT = 0.01  # |cosine| between voxel axes above this is shear


@dataclass(frozen=True, eq=False)
class World:
    """Where an image's voxels lie, and which entry of its header says so.

    Parameters
    ----------
    affine_mm : (4, 4) float64
        Voxel index → RAS mm.
    form : {"sform", "qform"}
        An entry that gives this world; where both do, the one that does not name a template's space, else the sform.
    code : int
        That entry's NIfTI code: 1 scanner, 2 aligned, 3 Talairach, 4 MNI152, 5 another template.
    """

    affine_mm: NDArray[np.float64]
    form: Frame
    code: int


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
    sha256 : str
        Of the file's bytes.
    warnings : tuple of str
        What the user should know, though it can be used.
    """

    path: Path
    data: NDArray[np.float32]
    affine_mm: NDArray[np.float64]
    sha256: str
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
    name = volume.path.name
    data = volume.data
    bad = int(np.count_nonzero(~np.isfinite(data)))
    if bad:
        raise InputError(f"{name} has {bad} voxels that are NaN or infinite; export it again from the scanner's images")
    if data.min() == data.max():
        raise InputError(f"{name} has the same value everywhere; give an MRI")
    size = volume.voxel_mm
    if size.max() > THICKEST_VOXEL_MM + 1e-3:
        text = " x ".join(f"{v:.2f}" for v in size)
        raise InputError(
            f"{name} has voxels of {text} mm; {THICKEST_VOXEL_MM} mm is the most in any direction: use a 3D scan of about 1 mm"
        )
    warnings = check_whole_head(data, size, name)
    return Mri(volume.path, data, volume.affine_mm, volume.sha256, warnings)


def read_volume(path: str | Path, frame: Frame | None = None) -> Mri:
    """Read any 3D NIfTI volume into the axis order nearest RAS; InputError if it is not one."""
    path = Path(path)
    if frame not in (None, "sform", "qform"):
        raise InputError(f"frame must be 'sform' or 'qform', not {frame!r}")
    if not path.exists():
        raise InputError(f"there is no file {path}")
    if not path.is_file():
        raise InputError(f"{path} is not a file; give a NIfTI file (.nii or .nii.gz)")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}") from error
    if not content:
        raise InputError(f"{path} is empty; copy it again")
    if content.startswith(b"\x1f\x8b"):
        try:
            gzip.decompress(content)  # nibabel stops reading before the checksum
        except (OSError, EOFError, zlib.error) as error:
            raise InputError(f"{path} is truncated or damaged; copy it again") from error
    try:
        image = nib.load(path)
    except (
        ImageFileError,
        HeaderDataError,
        OSError,
        EOFError,
        ValueError,
        zlib.error,
    ) as e:
        raise InputError(f"{path} is not a NIfTI file, or its beginning is damaged; give a .nii or .nii.gz file") from e
    if not isinstance(image, nib.Nifti1Pair):  # the family of NIfTI 1 and 2
        raise InputError(f"{path} is not a NIfTI file; convert it to .nii.gz first")
    shape = image.shape
    while len(shape) > 3 and shape[-1] == 1:
        shape = shape[:-1]
    if len(shape) != 3 or image.get_data_dtype().names:
        what = "colour values" if image.get_data_dtype().names else f"{len(shape)} dimensions {shape}"
        raise InputError(f"{path.name} has {what}; give a single 3D volume")
    if min(shape) < 8:
        raise InputError(f"{path.name} is only {' x '.join(map(str, shape))} voxels; give a 3D volume")
    try:
        data = np.asarray(image.dataobj, dtype=np.float32).reshape(shape)
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise InputError(f"{path} is truncated or damaged; copy it again") from error
    affine = affine_of(image, path.name, frame)
    turn = io_orientation(affine)
    data = np.ascontiguousarray(apply_orientation(data, turn))
    return Mri(path, data, affine @ inv_ornt_aff(turn, shape), hashlib.sha256(content).hexdigest())


def affine_of(image: nib.Nifti1Pair, name: str, frame: Frame | None = None) -> NDArray[np.float64]:
    """The image's voxel → RAS mm matrix from sform or qform; InputError if unknown, ambiguous or not a rigid grid."""
    return world_of(image, name, frame).affine_mm


def world_of(image: nib.Nifti1Pair, name: str, frame: Frame | None = None) -> World:
    """The world an image's header gives it: the sform's if there is one, or that of ``frame``.

    Raises
    ------
    InputError
        If it is unknown, ambiguous or not a rigid grid.
    """
    found: dict[Frame, NDArray[np.float64]] = {}
    codes: dict[Frame, int] = {}
    kinds: dict[Frame, Any] = {"sform": image.get_sform, "qform": image.get_qform}
    for kind, read in kinds.items():
        try:
            matrix, code = read(coded=True)
        except (ValueError, HeaderDataError) as error:
            raise InputError(f"{name} has a damaged {kind}; correct its header") from error
        if code > 0:
            found[kind], codes[kind] = np.asarray(matrix, np.float64), int(code)
    if not found:
        raise InputError(
            f"{name} has neither sform nor qform, so left and right are unknown; convert it again from DICOM"
        )
    if frame is not None and frame not in found:
        raise InputError(f"{name} has no {frame}; leave out --frame, or use --frame {next(iter(found))}")
    apart = frames_apart_mm(found["sform"], found["qform"], image.shape[:3]) if len(found) == 2 else np.inf
    if frame is None and len(found) == 2 and apart > FRAMES_AGREE_MM:
        raise InputError(
            f"{name}: sform and qform disagree by {apart:.1f} mm; say which is right with --frame sform or --frame qform"
        )
    used: Frame = next(iter(found)) if frame is None else frame
    affine = found[used]
    edges = affine[:3, :3]
    if not np.isfinite(affine).all() or abs(np.linalg.det(edges)) < 1e-6:
        raise InputError(f"{name} has a singular {used}; correct its header")
    straight = edges / np.linalg.norm(edges, axis=0)
    if np.abs(straight.T @ straight - np.eye(3)).max() > STRAIGHT:
        raise InputError(
            f"{name} has a sheared affine (voxels are not boxes); give the scan as it was before registration"
        )
    same = [used, *(kind for kind in found if kind != used and apart <= FRAMES_AGREE_MM)]
    form = min(same, key=lambda kind: codes[kind] > SUBJECT_CODES)
    return World(affine, form, codes[form])


def frames_apart_mm(one: NDArray[np.float64], other: NDArray[np.float64], shape: tuple[int, ...]) -> float:
    """The most that two affines move a corner of the volume apart."""
    corners = np.stack(np.meshgrid(*[(0, n - 1) for n in shape], [1], indexing="ij"), -1).reshape(-1, 4)
    return float(np.linalg.norm(corners @ (one - other).T[:, :3], axis=1).max())


def save_canonical(mri: Mri, path: Path) -> None:
    """Write the volume as float NIfTI in the axis order nearest RAS, sform and qform alike."""
    image = nib.Nifti1Image(mri.data, mri.affine_mm)
    image.set_sform(mri.affine_mm, 1)
    image.set_qform(mri.affine_mm, 1)
    nib.save(image, path)
