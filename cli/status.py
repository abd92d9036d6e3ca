"""``target status``: how each stage of a subject stands."""

from __future__ import annotations

from dataclasses import asdict

import typer

from cli.console import at_work, talk_of
from cli.options import Json, Name, Out, Quiet
from cli.tables import table
from meshes.errors import InputError

EXAMPLES = """
**Example**

    target status subject01
"""


def status_command(
    context: typer.Context, name: Name, out: Out = None, quiet: Quiet = False, as_json: Json = False
) -> None:
    """Show a subject's stages: done, outdated (and why) or missing, with seconds, date and size."""
    talk = talk_of(context, quiet, as_json)
    with at_work(talk):
        from targeting.study.plan_state import stages_of
        from targeting.subject import Subject

        subject = Subject.named(name, out)
        if not subject.folder.is_dir():
            raise InputError(f"there is no subject folder {subject.folder}; make one with 'target plan {name}'")
        rows = subject.status(stages_of(subject))
    shown = [
        [
            row.stage,
            row.state,
            "" if row.seconds is None else f"{row.seconds:.1f}",
            f"{row.size_bytes / 1e6:.1f} MB" if row.outputs else "",
            row.finished[:19].replace("T", " "),
            row.why,
        ]
        for row in rows
    ]
    columns = ["stage", "state", "seconds", "size", "finished (UTC)", "why"]
    talk.answer(table(columns, shown, right=("seconds", "size")), [asdict(row) for row in rows])
