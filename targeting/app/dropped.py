"""What somebody dropped on the window: an MRI, a folder of DICOM, a finished head, or a subject that is here already."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from meshes.dicom import holds_dicom
from meshes.errors import InputError
from targeting.app.people import is_subject

T1, DICOM, HEAD, SUBJECT_FOLDER = "t1", "dicom", "head", "subject"
IMAGES = (".nii", ".nii.gz")


@dataclass(frozen=True)
class Dropped:
    """``kind``: "t1" (a NIfTI image), "dicom" (a folder), "head" (a mesh or charm folder) or "subject" (a folder of ours)."""

    kind: str
    path: Path


def what_is(path: str | Path) -> Dropped:
    """What a file or folder is, by its name and its content.

    Raises
    ------
    InputError
        If it is nothing a head can be made from.
    """
    found = Path(path).absolute()
    name = found.name.lower()
    if found.is_file():
        if name.endswith(IMAGES):
            return Dropped(T1, found)
        if name.endswith(".msh"):
            return Dropped(HEAD, found)
        if holds_dicom(found):
            return Dropped(DICOM, found.parent)
        raise InputError(f"{found.name} is no head: drop a T1 (.nii, .nii.gz), a folder of DICOM, or a mesh (.msh)")
    if not found.is_dir():
        raise InputError(f"there is no file or folder {found}")
    if is_subject(found):
        return Dropped(SUBJECT_FOLDER, found)
    if any(found.glob("*.msh")):
        return Dropped(HEAD, found)
    if holds_dicom(found):
        return Dropped(DICOM, found)
    raise InputError(f"the folder {found.name} holds neither DICOM nor a head; drop the T1 itself (.nii, .nii.gz)")
