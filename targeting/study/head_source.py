"""HeadSource: where a subject's head comes from, in the user's words, checked before anything is made."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from meshes.choices import nearest, one_of
from meshes.errors import InputError
from targeting.study.request import FRAMES
from targeting.subject import Subject, sha256

if TYPE_CHECKING:
    from meshes.dicom import ScanT1
    from meshes.world import Frame, World

log = logging.getLogger(__name__)

FOR_EVERYONE = {"for_everyone": True}  # shown without --verbose, too
EMBEDDED = "colin27"
WAYS = ("t1", "labels", "head", "embedded")


class UnknownSubjectError(InputError):
    """There is no head to a subject's name, and none was given; ``name`` is the subject's."""

    def __init__(self, subject: Subject) -> None:
        self.name = subject.name
        others = [each.parent.name for each in subject.folder.parent.glob("*/segment.json")]
        near = nearest(self.name, [*(each for each in others if each != self.name), EMBEDDED])
        guess = f", did you mean {near!r}? Else" if near else ":"
        super().__init__(
            f"nothing is known of subject {self.name!r} yet{guess} give `t1=FILE` (an MRI), `labels=FILE` or `head=FILE` "
            f"(only {EMBEDDED!r} is built in)"
        )


@dataclass(frozen=True, eq=False)
class OwnWorld:
    """What other images of the same person are held against.

    Parameters
    ----------
    world : World or None
        Of the image that defines the head's millimetres; None where there is no image.
    frame : {"sform", "qform"}, optional
        The user's word for every image whose header has two frames that disagree.
    """

    world: World | None = None
    frame: Frame | None = None


@dataclass(frozen=True)
class HeadSource:
    """Where a head comes from: ``way`` is one of :data:`WAYS`, ``files`` what is read (role → path).

    ``scan``: where the T1 was given as a folder of DICOM, the image that was taken from it, which is there as long as this.
    """

    way: str
    files: dict[str, Path]
    threads: int = 2
    frame: Frame | None = None
    remembered: bool = False
    scan: ScanT1 | None = field(default=None, repr=False, compare=False)

    @classmethod
    def of(
        cls,
        subject: Subject,
        t1: str | Path | None = None,
        t2: str | Path | None = None,
        labels: str | Path | None = None,
        head: str | Path | None = None,
        threads: int = 2,
        frame: str | None = None,
    ) -> HeadSource:
        """The one source that is given; else the one the subject was last made from; else, for its name, colin27.

        Parameters
        ----------
        subject : Subject
        t1, labels, head : path, optional
            An MRI (also a folder of DICOM, from which the T1 is taken by the rules of :mod:`meshes.dicom`), an image of
            tissue labels, or a finished head (a mesh file or a charm folder): one of them at most.
        t2 : path, optional
            A T2-weighted MRI beside ``t1``.
        threads : int
            Of the segmentation.
        frame : {"sform", "qform"}, optional
            Which entry of an image's header counts, where the two disagree.

        Raises
        ------
        UnknownSubjectError
            If there is none.
        InputError
            If there is more than one, or a folder holds no T1.
        """
        given = {way: Path(path) for way, path in (("t1", t1), ("labels", labels), ("head", head)) if path is not None}
        if len(given) > 1:
            raise InputError(f"give one of `t1`, `labels` and `head`, not {' and '.join(f'`{way}`' for way in given)}")
        chosen: Any = None if frame is None else one_of(frame, FRAMES, "frame")
        if t2 is not None and "t1" not in given:
            raise InputError("`t2` adds to a T1: give `t1`, too")
        if given:
            way = next(iter(given))
            scan = _scan_t1(given["t1"], t2) if way == "t1" else None
            if scan is not None:
                given = {way: scan.image}
            return cls(way, given if t2 is None else {**given, "t2": Path(t2)}, threads, chosen, scan=scan)
        if subject.name == EMBEDDED:
            from meshes.formats.tissue_files import embedded_path

            return cls("embedded", {"embedded": embedded_path(EMBEDDED)}, threads, chosen)
        before = subject.made_from("segment")
        if not before:
            raise UnknownSubjectError(subject)
        files = {role: Path(path) for role, path in before["paths"].items()}
        way = before["parameters"]["way"]
        if way == "t1":
            files["t1"] = _given_or_kept(files["t1"], subject, before["files"]["t1"])
        if way == "head" and len(files) > 1:  # a charm folder, known by the files in it
            files = {"head": files.get("t1", files["head"]).parent}
        return cls(way, files, threads, chosen or before["parameters"]["frame"], remembered=True)

    def named(self, role: str) -> str:
        """How a command names what is read for a role: by the file's name; of DICOM "..." for the folder."""
        return "..." if role == "t1" and self.scan is not None else self.files[role].name

    @property
    def words(self) -> str:
        """What it is, as a plan says it: "T1", "T1 and T2", "labels", "finished mesh" or "embedded"."""
        if self.way == "t1":
            return "T1 and T2" if "t2" in self.files else "T1"
        return {"head": "finished mesh"}.get(self.way, self.way)

    @property
    def images(self) -> dict[str, Path]:
        """The head's images by role; the first of them defines its millimetres, but for a warp."""
        if self.way in ("t1", "labels"):
            return dict(self.files)
        if self.way == "head" and self.files["head"].is_dir():
            from meshes.formats.head_folder import images_of_head

            return images_of_head(self.files["head"])
        return {}

    @property
    def needed_frame(self) -> Frame | None:
        """The frame, if one of the head's own images leaves a choice: what its tissues and place depend on."""
        from meshes.images import open_nifti
        from meshes.world import world_of

        own = [path for role, path in self.images.items() if role != "mni_to_subject"]
        if self.frame is None or not all(path.is_file() for path in own):
            return self.frame
        return self.frame if any(world_of(open_nifti(path), self.frame).chosen for path in own) else None

    def own(self, folder: Path) -> OwnWorld:
        """What other images of this person are held against; ``folder`` is the subject's, which keeps a copy.

        Raises
        ------
        InputError
            If the head's own image cannot be used.
        """
        from meshes.images import open_nifti
        from meshes.world import world_of

        kept = [folder / f"{role}{suffix}" for role in ("T1", "labels") for suffix in (".nii.gz", ".nii", ".hdr")]
        given = [path for role, path in self.images.items() if role in ("t1", "labels")]
        image = next((path for path in (given or (kept if self.remembered else [])) if path.is_file()), None)
        return OwnWorld(world_of(open_nifti(image), self.frame) if image else None, self.frame)

    def checked(self) -> HeadSource:
        """The same source, after a short look at its files, so that bad input stops before anything is made.

        Raises
        ------
        InputError
            If a file is missing or unusable.
        """
        for path in self.files.values():
            if not path.exists() and not self.remembered:
                what = "mesh file or charm folder" if self.way == "head" else "file"
                raise InputError(f"there is no {what} {path}; check the path")
        if self.remembered:
            return self
        from meshes.images import open_nifti, whole_file
        from meshes.mri import read_mri
        from meshes.world import world_of

        if self.way == "head":
            from meshes.formats.head_folder import mesh_file_of

            whole_file(mesh_file_of(self.files["head"]))
        for role, path in self.images.items():
            if self.way == "t1":
                read_mri(path, self.frame)
                continue
            image = open_nifti(path)
            if role in ("t1", "labels"):
                image.volume()
                world_of(image, self.frame)
        return self


def _scan_t1(t1: Path, t2: str | Path | None) -> ScanT1 | None:
    """The T1 of a folder of DICOM, and why it is that series told; None for any other file.

    Raises
    ------
    InputError
        If there is none, or a folder is given that cannot be read.
    """
    from meshes.dicom import ScanT1, holds_dicom

    if t2 is not None and (Path(t2).is_dir() or holds_dicom(Path(t2))):
        raise InputError(f"`t2` takes a NIfTI file, not DICOM: convert {Path(t2).name} with dcm2niix, or leave it out")
    if not holds_dicom(t1):
        if t1.is_dir():
            raise InputError(
                f"the folder {t1} holds no DICOM; give the T1 itself (NIfTI), or the scanner's folder (`t1`)"
            )
        return None
    log.info("converting DICOM, to choose the T1 by rules", extra=FOR_EVERYONE)
    scan = ScanT1.of(t1)
    for line in scan.told:
        log.info("%s", line, extra=FOR_EVERYONE)
    for doubt in scan.doubts:
        log.warning("%s", doubt)
    return scan


def _given_or_kept(t1: Path, subject: Subject, digest: str) -> Path:
    """The T1 a head was made from; where it is gone, as that of DICOM is, the subject's own copy of that name."""
    kept = subject.folder / t1.name
    return kept if not t1.exists() and kept.is_file() and sha256(kept) == digest else t1
