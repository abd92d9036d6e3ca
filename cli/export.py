"""``target export``: a plan's poses in a navigator's own file format and how to load them, or its pages as PDF."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.completion import completed
from cli.console import Talk, at_work, talk_of
from cli.options import Anyway, Json, Out, PlanName, Quiet
from meshes.errors import InputError

if TYPE_CHECKING:
    from targeting.navigation.navigators import HeaderEntry
    from targeting.subject import Subject

PDF = "pdf"
EMBEDDED_IMAGE = "colin27.npz"  # the demonstration head's, which no navigator loads

EXAMPLES = """
**Examples**

    target export subject01 --to brainsight

    target export subject01 --to localite --file poses.xml

    target export subject01 --to invesalius

    target export subject01 --to pdf
"""


def export_command(
    context: typer.Context,
    name: PlanName,
    to: Annotated[
        str,
        typer.Option(
            "--to",
            metavar="NAVIGATOR|pdf",
            autocompletion=completed("exports"),
            help="brainsight, brainsight-v12, localite, localite-lps, visor2, invesalius, navinibs, robot, nibs-bids; or pdf.",
        ),
    ],
    file: Annotated[
        Path | None, typer.Option("--file", metavar="FILE", help="Where to write; default: in the subject's folder.")
    ] = None,
    anyway: Anyway = False,
    out: Out = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Write the planned poses for a navigator (``target plan`` does so for Brainsight and Localite), or print the pages."""
    talk = talk_of(context, quiet, as_json)
    with at_work(talk):
        from targeting.navigation.navigators import writer_named
        from targeting.planning.tms_files import write_navigator
        from targeting.plans.gate import plan_gate
        from targeting.plans.tms import read_plan
        from targeting.study.plan_state import check_stands
        from targeting.subject import Subject

        subject = Subject.planned(name, out)
        if to == PDF:
            papers(talk, subject, file, anyway)
            return
        kind = writer_named(to)
        plan = read_plan(subject.plan_folder / "plan.json")
        check_stands(subject, anyway=anyway)
        where = file or subject.plan_folder
        image, further = image_of_plan(subject, where if where.is_dir() else where.parent)
        written = write_navigator(plan, to, where, plan_gate(subject, plan), image) + further
    files = [str(each) for each in written]
    talk.answer(
        "\n".join([*files, kind.how] if kind.how else files), {"file": files[0], "files": files, "how": kind.how}
    )


def image_of_plan(subject: Subject, folder: Path) -> tuple[HeaderEntry | None, list[Path]]:
    """What is told of the image of a subject's plans; the demonstration head gets one, written into a folder.

    Returns
    -------
    image : HeaderEntry or None
    list of Path
        What was written.

    Raises
    ------
    InputError
        If the record of the head is gone or damaged.
    """
    from targeting.planning.demonstration_image import write_demonstration_image
    from targeting.study.head_stages import TISSUES_FILE, FrameImage

    frame = FrameImage.kept_in(subject.folder)
    if frame.name != EMBEDDED_IMAGE or not folder.is_dir():
        return frame.as_written_for(subject.folder), []
    from meshes.formats.tissue_files import load_tissues

    path = folder / f"{Path(frame.name).stem}_T1.nii.gz"
    return write_demonstration_image(path, load_tissues(subject.folder / TISSUES_FILE)), [path]


def papers(talk: Talk, subject: Subject, file: Path | None, anyway: bool) -> None:
    """Print the pages of a subject's plans, of the coil and of montages, beside them.

    Parameters
    ----------
    talk : Talk
        Gets the answer.
    subject : Subject
    file : Path or None
        Of ``--file``, which pages do not take.
    anyway : bool
        Print outdated plans, too.

    Raises
    ------
    InputError
        If there is no plan, a plan is outdated, or no browser can print.
    """
    from targeting.modality import KINDS, TMS
    from targeting.report.paper import write_papers
    from targeting.study.plan_state import check_stands, last_stage

    if file is not None:
        raise InputError("--to pdf prints each page beside itself: leave out --file")
    folders = {kind: subject.folder_of(kind) for kind in (TMS, *KINDS)}
    planned = {kind: folder for kind, folder in folders.items() if (folder / "plan.html").is_file()}
    if not planned:
        raise InputError(f"there is no plan in {subject.plan_folder}: make one with 'target plan {subject.name}'")
    for kind in planned:
        check_stands(subject, last_stage(kind), anyway)
    written = [str(paper) for folder in planned.values() for paper in write_papers(folder)]
    talk.answer("\n".join(written), {"files": written})
