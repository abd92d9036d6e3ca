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
    from targeting.subject import Subject

PDF = "pdf"

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
        from targeting.planning.navigator_export import export_plan
        from targeting.subject import Subject

        subject = Subject.planned(name, out)
        if to == PDF:
            papers(talk, subject, file, anyway)
            return
        kind = writer_named(to)
        written = export_plan(subject, to, file, anyway)
    files = [str(each) for each in written]
    talk.answer(
        "\n".join([*files, kind.how] if kind.how else files), {"file": files[0], "files": files, "how": kind.how}
    )


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
