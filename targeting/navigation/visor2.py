"""The file format of ANT visor2, ``.mrk``: JSON with coil poses and a fingerprint of the image they belong to.

``CoilAxesConvention`` "simnibs" is this project's coil frame and ``CoordinateSystem`` "ASSOCIATED_IMAGE" the image's
own RAS mm, so poses go in and out unchanged.  ``AssociatedImageInfo`` repeats the NIfTI header's quaternion, offset and
voxel sizes: a reader can tell whether it holds the same image.  That is the qform, so a plan by an sform that lies elsewhere
cannot be written.  A coil target is a pose and a name: the points of a plan have no place in it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from nibabel.nifti1 import Nifti1Header
from numpy.typing import NDArray

from meshes.errors import InputError
from meshes.world import FRAMES_AGREE_MM, frames_apart_mm
from targeting.navigation.exported import PlannedPose, image_of
from targeting.navigation.navigators import SAME, HeaderEntry, Navigator
from targeting.navigation.records import TARGET, Record, Session, read_text, rigid_pose, write_text
from targeting.pose import Pose

CONVENTION = {"CoordinateSystem": "ASSOCIATED_IMAGE", "PositionalUnit": "mm", "CoilAxesConvention": "simnibs"}


@dataclass(frozen=True)
class ImageFingerprint:
    """What a NIfTI header says about its place: qform quaternion b c d, offset (mm), pixdim[0:4]."""

    quatern: tuple[float, ...]
    qoffset: tuple[float, ...]
    pixdim: tuple[float, ...]

    @property
    def affine_mm(self) -> NDArray[np.float64]:
        """Voxel index → RAS mm that it describes, (4, 4): NIfTI's qform; InputError if its quaternion is none."""
        from nibabel.quaternions import fillpositive, quat2mat

        try:
            quaternion = fillpositive(self.quatern, w2_thresh=1e-6)  # the header has single precision
        except ValueError:
            raise InputError(f"an image of visor2 has the quaternion {self.quatern}, which is no rotation") from None
        sizes = np.array(self.pixdim[1:4]) * [1, 1, -1 if self.pixdim[0] < 0 else 1]
        affine = np.eye(4)
        affine[:3, :3] = quat2mat(quaternion) * sizes
        affine[:3, 3] = self.qoffset
        return affine

    @classmethod
    def of(cls, path: str | Path) -> ImageFingerprint:
        """The fingerprint of a NIfTI image.

        Raises
        ------
        InputError
            If the image cannot be read, or has no qform.
        """
        from meshes.images import open_nifti

        header = open_nifti(path).header
        if int(header["qform_code"]) == 0:
            raise InputError(f"{path} has no qform, which visor2 needs; give the T1 as visor2 has it")
        return cls.of_header(header)

    @classmethod
    def of_header(cls, header: Any) -> ImageFingerprint:
        """The fingerprint in a NIfTI header."""
        return cls(
            tuple(float(header[f"quatern_{axis}"]) for axis in "bcd"),
            tuple(float(header[f"qoffset_{axis}"]) for axis in "xyz"),
            tuple(float(size) for size in header["pixdim"][:4]),
        )

    def matches(self, other: ImageFingerprint, tolerance: float = 1e-3) -> bool:
        """Whether both describe the same grid in the world, to the tolerance."""
        mine, others = ((*each.quatern, *each.qoffset, *each.pixdim) for each in (self, other))
        return len(mine) == len(others) and bool(np.allclose(mine, others, rtol=0, atol=tolerance))


def to_string(poses: Sequence[Pose], image: ImageFingerprint, coil_name: str = "", image_sha256: str = "") -> str:
    """Poses as visor2 coil targets.

    Parameters
    ----------
    poses : sequence of Pose
        RAS mm of the T1.
    image : ImageFingerprint
        Of the T1 that visor2 shows.
    coil_name : str
        Goes into the coil's type.
    image_sha256 : str
        Of the image's file; goes into the source's description.
    """
    markers = [
        {
            "CoilTarget": {
                "Name": pose.name,
                **CONVENTION,
                "CoilInfo": {"Type": coil_name, "Id": ""},
                "CoilPose": {"RigidTransformMatrix4x4": pose.matrix_mm.tolist()},
            }
        }
        for pose in poses
    ]
    about = {
        "NIfTI_quatern": list(image.quatern),
        "NIfTI_qoffset": list(image.qoffset),
        "NIfTI_pixdim": list(image.pixdim),
    }
    origin = {"AppName": "target", "AppVersion": ""} | ({"ImageSHA256": image_sha256} if image_sha256 else {})
    configuration = {"SourceInfo": origin, "AssociatedImageInfo": about}
    return json.dumps({"Configuration": configuration, "TargetMarkers": markers}, indent=2, ensure_ascii=False) + "\n"


def from_string(text: str, source: str = "visor2 file") -> list[Pose]:
    """The coil targets, RAS mm of the associated image.

    Raises
    ------
    InputError
        If this is no visor2 file, is damaged, or uses another unit, world or coil frame.
    """
    return [each.pose for each in _targets(text, source) if each.pose is not None]


def session_from_string(text: str, source: str = "visor2 file") -> Session:
    """The coil targets and the fingerprint of their image; errors as for the two functions that give them alone."""
    configuration = _document(text, source).get("Configuration", {})
    source_info = configuration.get("SourceInfo") if isinstance(configuration, dict) else None
    sha256 = source_info.get("ImageSHA256", "") if isinstance(source_info, dict) else ""
    image = image_from_string(text, source)
    return Session(tuple(_targets(text, source)), source, image=image, image_sha256=str(sha256))


def _targets(text: str, source: str) -> Iterator[Record]:
    for row, marker in enumerate(_markers(_document(text, source), source), start=1):
        name = str(marker.get("Name", ""))
        for key, value in CONVENTION.items():
            if marker.get(key) != value:
                raise InputError(f"{source}: {key} of {name!r} is {marker.get(key)!r}; only {value!r} can be read")
        try:
            matrix = np.array(marker["CoilPose"]["RigidTransformMatrix4x4"], dtype=np.float64)
        except (KeyError, TypeError, ValueError, OverflowError):
            matrix = np.zeros(0)
        if matrix.shape != (4, 4):
            raise InputError(f"{source}: {name!r} has no 4 × 4 pose; export it again")
        yield Record(TARGET, row, name, rigid_pose(matrix, name, source))


def image_from_string(text: str, source: str = "visor2 file") -> ImageFingerprint:
    """The fingerprint of the image a file's poses belong to.

    Raises
    ------
    InputError
        If the file has none.
    """
    try:
        about = _document(text, source)["Configuration"]["AssociatedImageInfo"]
        parts = [tuple(float(n) for n in about[f"NIfTI_{key}"]) for key in ("quatern", "qoffset", "pixdim")]
    except (KeyError, TypeError, ValueError, OverflowError):
        raise InputError(f"{source} does not say which image its poses belong to; export it again") from None
    return ImageFingerprint(*parts)


def write(path: str | Path, poses: Sequence[Pose], image: ImageFingerprint, coil_name: str = "") -> None:
    """Write poses as coil targets.

    Parameters
    ----------
    path : path
    poses : sequence of Pose
        RAS mm of the T1.
    image : ImageFingerprint
        Of the T1 that visor2 shows.
    coil_name : str
        Goes into the coil's type.
    """
    write_text(path, to_string(poses, image, coil_name))


def read(path: str | Path) -> list[Pose]:
    """Read the coil targets of a file; see :func:`from_string`."""
    return from_string(read_text(path), str(path))


def _document(text: str, source: str) -> dict[str, Any]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        where = f"line {error.lineno}" if isinstance(error, json.JSONDecodeError) else "numbers or lists too long"
        raise InputError(f"{source} is truncated or not JSON ({where}); export it again") from None
    if not isinstance(document, dict) or not isinstance(document.get("TargetMarkers"), list):
        raise InputError(f"{source} has no TargetMarkers; give visor2's .mrk file")
    return document


def _markers(document: dict[str, Any], source: str) -> list[dict[str, Any]]:
    markers = [each.get("CoilTarget") for each in document["TargetMarkers"] if isinstance(each, dict)]
    if len(markers) != len(document["TargetMarkers"]) or any(not isinstance(each, dict) for each in markers):
        raise InputError(f"{source} has markers that are no coil targets; export only coil targets")
    return markers  # type: ignore[return-value]


def _text(poses: Sequence[Pose], entry: HeaderEntry | None) -> str:
    image = image_of(entry, "visor2")
    if image.qform_mm is None or frames_apart_mm(image.qform_mm, image.affine_mm, image.shape) > FRAMES_AGREE_MM:
        raise InputError(
            f"visor2 goes by the qform, and {image.name} {'has none' if image.qform_mm is None else 'is elsewhere by it'}"
            ": write the plan's frame into its qform, and plan again"
        )
    header = Nifti1Header()
    header.set_data_shape(image.shape)
    header.set_qform(image.qform_mm, code=1)
    coil = next((each.coil for each in poses if isinstance(each, PlannedPose)), "")
    return to_string(poses, ImageFingerprint.of_header(header), coil, image.sha256)


VISOR2 = Navigator(
    name="visor2",
    title="visor2",
    suffix=".mrk",
    recognises=lambda text: text.lstrip().startswith("{") and '"TargetMarkers"' in text,
    read=session_from_string,
    write=_text,
    how="Load the T1 as NIfTI, then the file as coil targets. There is no coordinate system to choose: it is the image's.",
    frames={"visor2": (SAME, SAME)},
)
