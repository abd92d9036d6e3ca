"""``target import``: what a navigator's file holds, and its poses in the coordinates of a subject's T1."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli.completion import subjects
from cli.console import at_work, talk_of
from cli.options import Json, Out, Quiet
from cli.tables import summary

EXAMPLES = """
**Examples**

    target import session.txt

    target import session.txt subject01 --file pulses.tsv

    target import TriggerMarkers_Coil0_20260301093005000.xml subject01 --json
"""


def import_command(
    context: typer.Context,
    session: Annotated[
        Path, typer.Argument(metavar="FILE", help="Any navigator's file; its content says which one's.")
    ],
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="NAME", autocompletion=subjects, help="The subject whose T1 the poses are carried over to."
        ),
    ] = None,
    file: Annotated[
        Path | None, typer.Option("--file", metavar="FILE", help="Write targets, pulses and points, .tsv or .json.")
    ] = None,
    out: Out = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Show what a navigator's file holds: frame, targets, pulses, tracked or not; with a subject, in the RAS mm of its T1."""
    talk = talk_of(context, quiet, as_json)
    with at_work(talk):
        from targeting.navigation.holdings import Holdings
        from targeting.navigation.pose_file import PoseFile

        (read, writer), image = PoseFile(session).read_with_writer(), ""
        if name is not None:
            from targeting.study.carried_over import carried_over
            from targeting.subject import Subject

            read, image = carried_over(read, Subject.named(name, out))
        holds = Holdings.of(read, writer.title, image)
        if file is not None:
            holds.write(file)
    written = [("written", str(file))] if file is not None else []
    talk.answer(summary([*holds.lines, *written]), holds.document)
