"""``target review``: what recorded sessions gave the target of a plan."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from cli.console import at_work, talk_of
from cli.options import Anyway, Json, Out, PlanName, Quiet
from cli.tables import summary, table

if TYPE_CHECKING:
    from rich.console import Group

    from targeting.reviewing.review import Review

EXAMPLES = """
**Examples**

    target review subject01 --session monday.xml

    target review subject01/m1-hand-left --session day1.txt day2.txt day3.txt

    target review subject01 --session "day1.txt:M1, Coil 1" --json
"""


def review_command(
    context: typer.Context,
    name: PlanName,
    more: Annotated[
        list[str] | None, typer.Argument(metavar="[FILE]...", help="Further sessions, as after --session.")
    ] = None,
    sessions: Annotated[
        list[str] | None,
        typer.Option(
            "--session",
            metavar="FILE[:NAME]...",
            help="A navigator's file of a session's pulses, in the course's order; NAME: which target or coil is the plan's.",
        ),
    ] = None,
    anyway: Anyway = False,
    out: Out = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Say what the target got of every pulse of recorded sessions: a page, pulses.tsv and JSON, in a new folder each time."""
    talk = talk_of(context, quiet, as_json)
    with at_work(talk):
        from targeting.reviewing.files import document_of
        from targeting.reviewing.review import review

        found = review(name, [*(sessions or ()), *(more or ())], out=out, anyway=anyway)
    talk.answer(review_summary(found), {**document_of(found), "folder": str(found.folder)})


def review_summary(review: Review) -> Group:
    """The review in a screenful: first whether the target got the planned dose."""
    from rich.console import Group

    from targeting.reviewing import words

    facts = (
        words.pulses_fact(review),
        words.dose_fact(review),
        words.place_fact(review),
        words.turn_fact(review),
        words.output_fact(review),
    )
    lines = [(each.name.lower(), "; ".join(filter(None, (each.text, each.more)))) for each in facts]
    heads = [" ".join(filter(None, head)) for head in words.SESSION_HEADS]
    rows = table(heads, words.session_rows(review), right=heads[1:])
    said = [(each.kind, each.text) for each in review.warnings]
    return Group(words.headline(review), summary(lines), rows, summary([*said, ("files", f"{review.folder}")]))
