"""``target verify``: a planned folder held against itself."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from cli.console import at_work, talk_of
from cli.options import Json, Out, PlanName, Quiet
from cli.tables import checklist

EXAMPLES = """
**Examples**

    target verify subject01

    target verify subject01 --file /media/navigator/plan_brainsight.txt

Exit code 0: every check passed; 1: those marked FAILED did not.
"""


def verify_command(
    context: typer.Context,
    name: PlanName,
    file: Annotated[
        list[Path] | None,
        typer.Option("--file", metavar="FILE", help="A navigator's file that was exported elsewhere; repeatable."),
    ] = None,
    out: Out = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Check a planned folder: all hashes, the winner's dose solved again, navigators' files read back (a minute)."""
    talk = talk_of(context, quiet, as_json)
    with at_work(talk):
        from targeting.subject import Subject
        from targeting.verification import verify

        checks = verify(Subject.planned(name, out), exported=file or ())
    failed = [check.name for check in checks if not check.passed]
    rows = [(check.name, "ok" if check.passed else "FAILED", check.words) for check in checks]
    verdict = f"FAILED: {', '.join(failed)}" if failed else f"all {len(checks)} checks passed"
    talk.answer(checklist(rows, verdict), {"passed": not failed, "checks": [asdict(check) for check in checks]})
    if failed:
        raise typer.Exit(1)
