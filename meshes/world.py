"""Voxel to RAS mm by the header of an image, or a refusal in one line where the header does not say.

A NIfTI header has two entries, sform and qform, each with a code: 0 unused, 1 scanner, 2 aligned, 3 and above a template's
space.  Either may be wrong while the other is right, both may be there and disagree; then the user has to say which counts.
Lengths are in the unit the header states (NIfTI-1 standard, nifti1.h, methods 2 and 3).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import nibabel as nib
import numpy as np
from nibabel.spatialimages import HeaderDataError
from numpy.typing import NDArray

from meshes.errors import InputError
from meshes.images import NiftiImage

Frame = Literal["sform", "qform"]

FRAMES_AGREE_MM = 0.5  # sform and qform may differ by this much anywhere in the volume: rounding of quaternions
SAME_GRID_MM = 0.1
SUBJECT_CODES = 2  # NIfTI's codes 1 (scanner) and 2 (aligned); those above are templates' spaces
STRAIGHT = 0.01  # |cosine| between voxel axes above this is shear
VOXEL_MM = (0.05, 25.0)  # edges of a voxel of any image of a head, from an ex-vivo scan to a thick slice
MM_PER_UNIT = {"meter": 1000.0, "mm": 1.0, "micron": 0.001, "unknown": 1.0}
WORDS = {1000.0: "metres", 1.0: "millimetres", 0.001: "micrometres"}


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
    shape : tuple of int
        The grid's, (nx, ny, nz).
    chosen : bool
        Whether the header has two entries that disagree, so that ``frame`` made the choice.
    """

    affine_mm: NDArray[np.float64]
    form: Frame
    code: int
    shape: tuple[int, ...]
    chosen: bool = False

    @property
    def voxel_mm(self) -> NDArray[np.float64]:
        """Edge lengths of a voxel, (3,)."""
        return np.linalg.norm(self.affine_mm[:3, :3], axis=0)

    @property
    def of_a_template(self) -> bool:
        """Whether its header names only a template's space."""
        return self.code > SUBJECT_CODES

    def on_grid(self, affine_mm: NDArray[np.float64], shape: tuple[int, ...]) -> bool:
        """Whether it has this very grid."""
        return self.shape == tuple(shape) and frames_apart_mm(self.affine_mm, affine_mm, self.shape) < SAME_GRID_MM

    def template_warning(self, name: str) -> tuple[str, ...]:
        """What is to be said of a person's own image in a template's space; empty for any other."""
        if not self.of_a_template:
            return ()
        return (
            f"{name}: its header names a template's space (NIfTI code {self.code}) and not the scanner's; "
            "its coordinates are taken as this head's own",
        )


def world_of(image: NiftiImage, frame: Frame | None = None) -> World:
    """The world an image's header gives it.

    Parameters
    ----------
    image : NiftiImage
    frame : {"sform", "qform"}, optional
        Which counts where the two disagree; where one is there, or both agree, there is nothing to choose.

    Raises
    ------
    InputError
        If it is unknown, ambiguous or not a rigid grid of voxels of a head's size.
    """
    if frame not in (None, "sform", "qform"):
        raise InputError(f"frame must be 'sform' or 'qform', not {frame!r}")
    shape = tuple(int(n) for n in image.header.get_data_shape()[:3])
    name = image.name
    found: dict[Frame, tuple[NDArray[np.float64], int]] = {}
    faults: list[str] = []
    for form, code in (("sform", int(image.header["sform_code"])), ("qform", int(image.header["qform_code"]))):
        if code <= 0:
            continue
        try:
            found[form] = (_checked(_matrix(image.header, form), form, image), code)  # type: ignore[index]
        except InputError as error:
            if form == frame:
                raise
            faults.append(str(error))
    if not found and faults:
        raise InputError(faults[0])
    if not found:
        raise InputError(
            f"{name} has neither sform nor qform, so left and right are unknown; make it again with a header that says so "
            "(a scan with dcm2niix, a mask or labels with the T1's own)"
        )
    apart = frames_apart_mm(found["sform"][0], found["qform"][0], shape) if len(found) == 2 else 0.0
    chosen = apart > FRAMES_AGREE_MM
    if chosen and frame is None:
        raise InputError(
            f"{name}: sform and qform disagree by {apart:.1f} mm; say which is right with `frame=sform` or `frame=qform`"
        )
    used: Frame = frame if frame in found else next(iter(found))
    same = [used, *(form for form in found if form != used and not chosen)]
    named = min(same, key=lambda form: found[form][1] > SUBJECT_CODES)
    return World(found[used][0], named, found[named][1], shape, chosen)


def template_world_of(image: NiftiImage) -> World:
    """The world of an image said to be in a template's space: where its two entries disagree, the one that names a template.

    Raises
    ------
    InputError
        As :func:`world_of`.
    """
    codes: dict[Frame, int] = {"sform": int(image.header["sform_code"]), "qform": int(image.header["qform_code"])}
    named = [form for form, code in codes.items() if code > SUBJECT_CODES]
    return world_of(image, named[0] if len(named) == 1 else None)


def check_own_space(path: Path, world: World, own: World | None) -> None:
    """Refuse an image said to be in a person's space whose header names a template's only.

    Parameters
    ----------
    path : Path
    world : World
        The image's.
    own : World or None
        Of the image that defines the person's space, where there is one: on its very grid an image is the person's,
        whatever its header names.

    Raises
    ------
    InputError
        In one line, with the ways out.
    """
    if world.of_a_template and not (own is not None and world.on_grid(own.affine_mm, own.shape)):
        raise InputError(
            f"the header of {path} says that it is in a template's space (NIfTI code {world.code}): write mni:{path} if "
            "that is MNI152; if it is in the subject's own, set its code to 1, or give it on the T1's grid"
        )


def frame_needed(image: NiftiImage, frame: Frame | None) -> Frame | None:
    """The frame, if this image's header leaves a choice; None where it makes no difference to it."""
    return frame if frame is not None and world_of(image, frame).chosen else None


def frames_apart_mm(one: NDArray[np.float64], other: NDArray[np.float64], shape: tuple[int, ...]) -> float:
    """The most that two affines move a corner of the volume apart."""
    corners = np.stack(np.meshgrid(*[(0, n - 1) for n in shape], [1], indexing="ij"), -1).reshape(-1, 4)
    return float(np.linalg.norm(corners @ (one - other).T[:, :3], axis=1).max())


def _matrix(header: nib.Nifti1Header, form: str) -> NDArray[np.float64]:
    """The entry's matrix in the header's unit; InputError without a message of use if it is none."""
    try:
        return np.array(header.get_sform() if form == "sform" else header.get_qform(), np.float64)
    except (ValueError, HeaderDataError) as error:
        raise InputError(str(error)) from error


def _checked(matrix: NDArray[np.float64], form: str, image: NiftiImage) -> NDArray[np.float64]:
    """An entry's matrix in mm, if it is a rigid grid."""
    name, edges = image.name, matrix[:3, :3]
    sizes = image.header["pixdim"][1:4]
    if form == "qform" and not (np.isfinite(sizes).all() and (sizes > 0).all()):
        text = " x ".join(f"{size:g}" for size in sizes)
        raise InputError(f"{name}: the header gives no voxel size (pixdim {text}); convert it again from DICOM")
    if not np.isfinite(matrix).all():
        raise InputError(f"{name} has a damaged {form}; correct its header")
    length = np.linalg.norm(edges, axis=0)
    if length.min() == 0 or abs(np.linalg.det(edges / length)) < 1e-3:
        raise InputError(f"{name} has a singular {form}; correct its header")
    straight = edges / length
    if np.abs(straight.T @ straight - np.eye(3)).max() > STRAIGHT:
        raise InputError(
            f"{name} has a sheared affine (voxels are not boxes); give it as it was before registration, or resampled"
        )
    return np.vstack([matrix[:3] * _mm_per_unit(length, image), [0, 0, 0, 1]])


def _mm_per_unit(edges: NDArray[np.float64], image: NiftiImage) -> float:
    """Millimetres per unit of the header, which must make a voxel the size a voxel can be.

    Many programs write lengths in mm whatever the header says; edges that only mm can mean are read as such.
    """
    unit = str(_unit(image.header))
    stated = MM_PER_UNIT[unit]
    fits = [factor for factor in (stated, 1.0) if _possible(edges * factor)]
    if fits:
        return fits[0]
    text = " x ".join(f"{edge:.4g}" for edge in edges * stated)
    other = next((WORDS[factor] for factor in WORDS if _possible(edges * factor)), None)
    hint = f"its numbers look like {other}: correct the unit in its header" if other else "correct its header"
    raise InputError(f"{image.name} has voxels of {text} mm by its header, which no image of a head has; {hint}")


def _unit(header: nib.Nifti1Header) -> str:
    try:
        return str(header.get_xyzt_units()[0])
    except (KeyError, HeaderDataError):
        return "unknown"


def _possible(edges_mm: NDArray[np.float64]) -> bool:
    return bool(edges_mm.min() >= VOXEL_MM[0] and edges_mm.max() <= VOXEL_MM[1])
