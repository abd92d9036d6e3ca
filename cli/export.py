"""``target export``: a plan's poses in a navigator's own file format."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli.completion import completed
from cli.console import at_work, talk_of
from cli.options import Anyway, Json, Name, Out, Quiet

EXAMPLES = """
**Examples**

    target export subject01 --to brainsight

    target export subject01 --to localite --file poses.xml
"""


def export_command(
    context: typer.Context,
    name: Name,
    to: Annotated[
        str,
        typer.Option(
            "--to", metavar="brainsight|localite", autocompletion=completed("navigators"), help="The neuronavigator."
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
    """Write the planned coil poses for a neuronavigator (``target plan`` writes both formats anyway)."""
    talk = talk_of(context, quiet, as_json)
    with at_work(talk):
        from targeting.planning.tms_files import write_navigator
        from targeting.plans.gate import plan_gate
        from targeting.plans.tms import read_plan
        from targeting.study.head_stages import FrameImage
        from targeting.study.plan_state import check_stands
        from targeting.subject import Subject

        subject = Subject.named(name, out)
        plan = read_plan(subject.folder / "plan.json")
        check_stands(subject, anyway=anyway)
        gate, frame = plan_gate(subject, plan), FrameImage.kept_in(subject.folder)
        written = write_navigator(plan, to, file or subject.folder, gate, frame)
    talk.answer(str(written), {"file": str(written)})
