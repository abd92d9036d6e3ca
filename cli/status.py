"""``target status``: how each stage of a subject's head and plans stands."""

from __future__ import annotations

from dataclasses import asdict

import typer

from cli.console import at_work, talk_of
from cli.options import Json, Out, PlanName, Quiet
from cli.tables import table

EXAMPLES = """
**Example**

    target status subject01
"""


def status_command(
    context: typer.Context, name: PlanName, out: Out = None, quiet: Quiet = False, as_json: Json = False
) -> None:
    """Show the stages of a subject's head and plans: done, outdated (and why) or missing, with seconds, date and size."""
    talk = talk_of(context, quiet, as_json)
    with at_work(talk):
        from targeting.study.plan_state import stages_of
        from targeting.subject import OF_THE_HEAD, Subject

        subject = Subject.named(name, out)
        subject.check_there()
        plans = [Subject.planned(subject)] if subject.plan else [subject.of(plan) for plan in subject.plans()]
        rows = [(each.plan, row) for each in plans or [subject] for row in each.status(stages_of(each))]
        # the head's stages once, before those of the plans
        rows = [
            *dict.fromkeys(("", row) for _, row in rows if row.stage in OF_THE_HEAD),
            *((plan, row) for plan, row in rows if row.stage not in OF_THE_HEAD),
        ]
    shown = [
        [
            plan,
            row.stage,
            row.state,
            "" if row.seconds is None else f"{row.seconds:.1f}",
            f"{row.size_bytes / 1e6:.1f} MB" if row.outputs else "",
            row.finished[:19].replace("T", " "),
            row.why,
        ]
        for plan, row in rows
    ]
    columns = ["plan", "stage", "state", "seconds", "size", "finished (UTC)", "why"]
    talk.answer(table(columns, shown, right=("seconds", "size")), [{"plan": plan, **asdict(row)} for plan, row in rows])
