"""``target plans``: a person's plans, a line each."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from cli.console import at_work, talk_of
from cli.options import Json, Name, Out, Quiet
from cli.tables import table

if TYPE_CHECKING:
    from targeting.planning.listing import PlanRow

EXAMPLES = """
**Examples**

    target plans subject01

    target view subject01/m1-hand-left
"""


def plans_command(
    context: typer.Context, name: Name, out: Out = None, quiet: Quiet = False, as_json: Json = False
) -> None:
    """List a person's plans: target, coil or montage, dose, date, and whether they still follow from their head."""
    talk = talk_of(context, quiet, as_json)
    with at_work(talk):
        from targeting.planning.listing import list_plans

        rows = list_plans(name, out)
    columns = ["plan", "kind", "target", "coil or montage", "dose in the target", "made (UTC)", "state"]
    shown = [
        [
            row.name,
            row.kind,
            row.target,
            row.by,
            dose_words(row),
            row.created[:16].replace("T", " "),
            f"{row.state}: {row.why}" if row.why else row.state,
        ]
        for row in rows
    ]
    none = f"{name} has no plan yet; make one with 'target plan {name}'"
    talk.answer(table(columns, shown) if rows else none, [{**asdict(row), "file": str(row.file)} for row in rows])


def dose_words(row: PlanRow) -> str:
    """The dose, and at which current; empty where it is not known."""
    if row.dose_v_per_m is None:
        return ""
    if row.total_current_ma is None:
        return f"{row.dose_v_per_m:.2f} V/m at 1 A/µs"
    return f"{row.dose_v_per_m:.3f} V/m at {row.total_current_ma:g} mA"
