"""A finished plan's poses for a navigator, and the image to load there where the plan's own cannot be."""

from __future__ import annotations

from pathlib import Path

from meshes.formats.tissue_files import load_tissues
from targeting.navigation.navigators import HeaderEntry, Navigator, navigator_file, navigator_of_file, writer_named
from targeting.planning.demonstration_image import write_demonstration_image
from targeting.planning.tms_files import write_navigator
from targeting.plans.gate import plan_gate
from targeting.plans.tms import TmsPlan, read_plan
from targeting.report.volumes import STRETCHED
from targeting.study.head_stages import TISSUES_FILE, FrameImage
from targeting.study.plan_state import check_stands
from targeting.subject import Subject


def usual_file(subject: Subject, navigator: str) -> Path:
    """Where a navigator's file of a subject's plan lies if nothing else is said."""
    return _usual(subject, navigator, read_plan(subject.plan_folder / "plan.json"))


def export_plan(subject: Subject, navigator: str, where: Path | None = None, anyway: bool = False) -> list[Path]:
    """Write the poses of a subject's plan for a navigator; every one passes the gate that keeps a coil out of the head.

    Parameters
    ----------
    subject : Subject
        With its plan.
    navigator : str
        One of :func:`targeting.navigation.navigators.writers`.
    where : Path, optional
        A file, or a folder, which gets a file of the navigator's usual name; default: the plan's folder.
    anyway : bool
        Export an outdated plan, too.

    Returns
    -------
    list of Path
        The file, those that go with it, and of the demonstration head its image.

    Raises
    ------
    InputError
        If the navigator is unknown or only read, there is no plan, it is outdated, or a pose has the coil in the head.
    WriteError
        If a file cannot be written.
    """
    kind = writer_named(navigator)
    plan = read_plan(subject.plan_folder / "plan.json")
    check_stands(subject, anyway=anyway)
    folder = subject.plan_folder if where is None else where if where.is_dir() else where.parent
    image, further = _image_of(subject, folder)
    own = _own_files(subject, kind, _usual(subject, navigator, plan))
    if where is None and not anyway and own:
        return own + further
    return write_navigator(plan, navigator, where or folder, plan_gate(subject, plan), image) + further


def _usual(subject: Subject, navigator: str, plan: TmsPlan) -> Path:
    return subject.plan_folder / navigator_file(navigator, plan.created, plan.subject)


def _own_files(subject: Subject, kind: Navigator, first: Path) -> list[Path]:
    """The plan's own files for a navigator, which stand: written anew, by a later version they might be others."""
    record = subject.record("files")
    names = record["outputs"] if record else ()
    own = [subject.plan_folder / name for name in names if navigator_of_file(name) is kind]
    return sorted(own, key=lambda each: each != first)


def _image_of(subject: Subject, folder: Path) -> tuple[HeaderEntry | None, list[Path]]:
    """What is told of the image of a subject's plans; the demonstration head gets one, written into a folder."""
    frame = FrameImage.kept_in(subject.folder)
    if frame.name != STRETCHED or not folder.is_dir():
        return frame.as_written_for(subject.folder), []
    path = folder / f"{Path(frame.name).stem}_T1.nii.gz"  # no navigator loads what the head came in
    return write_demonstration_image(path, load_tissues(subject.folder / TISSUES_FILE)), [path]
