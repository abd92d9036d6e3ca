"""A finished plan's poses for a navigator, and the image to load there where the plan's own cannot be."""

from __future__ import annotations

from pathlib import Path

from meshes.formats.tissue_files import load_tissues
from targeting.navigation.navigators import HeaderEntry, navigator_file, navigators_of_plans, writer_named
from targeting.planning.demonstration_image import write_demonstration_image
from targeting.planning.tms_files import write_navigator
from targeting.plans.gate import plan_gate
from targeting.plans.tms import read_plan
from targeting.study.head_stages import TISSUES_FILE, FrameImage
from targeting.study.plan_state import check_stands
from targeting.subject import Subject

EMBEDDED_IMAGE = "colin27.npz"  # the demonstration head's, which no navigator loads


def usual_file(subject: Subject, navigator: str) -> Path:
    """Where a navigator's file of a subject's plan lies if nothing else is said."""
    plan = read_plan(subject.plan_folder / "plan.json")
    return subject.plan_folder / navigator_file(navigator, plan.created, plan.subject)


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
    writer_named(navigator)
    plan = read_plan(subject.plan_folder / "plan.json")
    check_stands(subject, anyway=anyway)
    folder = subject.plan_folder if where is None else where if where.is_dir() else where.parent
    image, further = _image_of(subject, folder)
    own = usual_file(subject, navigator)
    if where is None and not anyway and navigator in navigators_of_plans() and own.is_file():
        return [own, *further]  # the plan's own file, which stands; by a later version it might be another
    return write_navigator(plan, navigator, where or folder, plan_gate(subject, plan), image) + further


def _image_of(subject: Subject, folder: Path) -> tuple[HeaderEntry | None, list[Path]]:
    """What is told of the image of a subject's plans; the demonstration head gets one, written into a folder."""
    frame = FrameImage.kept_in(subject.folder)
    if frame.name != EMBEDDED_IMAGE or not folder.is_dir():
        return frame.as_written_for(subject.folder), []
    path = folder / f"{Path(frame.name).stem}_T1.nii.gz"
    return write_demonstration_image(path, load_tissues(subject.folder / TISSUES_FILE)), [path]
