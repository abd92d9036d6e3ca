"""``target doctor``: what is installed, what the machine has, and whether the physics is right here."""

from __future__ import annotations

from dataclasses import asdict

import typer

from cli.console import at_work, talk_of
from cli.options import Json, Quiet
from cli.tables import checklist

EXAMPLES = """
**Examples**

    target doctor

    target doctor --json > about_this_machine.json

Exit code 0: nothing FAILED; 1: what did is named in the last line.
"""


def doctor_command(context: typer.Context, quiet: Quiet = False, as_json: Json = False) -> None:
    """Look at the installation and the machine, and solve two fields whose answers are known (half a minute)."""
    talk = talk_of(context, quiet, as_json)
    with at_work(talk):
        from targeting.doctor.facts import FAILED, facts, physics

        found = [*facts(), *physics()]
    failed = [fact.name for fact in found if fact.state == FAILED]
    rows = [(fact.name, fact.state, fact.words) for fact in found]
    verdict = f"FAILED: {', '.join(failed)}" if failed else "all is well"
    talk.answer(checklist(rows, verdict), {"passed": not failed, "facts": [asdict(fact) for fact in found]})
    if failed:
        raise typer.Exit(1)
