"""``target coils``: the built-in coils."""

from __future__ import annotations

from dataclasses import asdict

import typer

from cli.console import at_work, talk_of
from cli.help import Command
from cli.lists import Entry, examples_of, group, listing
from cli.options import Json, Quiet

app = group("Coils with a name.")


@app.command("list", cls=Command, epilog=examples_of("coils"))
def list_command(context: typer.Context, quiet: Quiet = False, as_json: Json = False) -> None:
    """List the built-in coils: rated maximum and winding geometry with their sources, casing, what to know."""
    talk = talk_of(context, quiet, as_json)
    with at_work(talk):
        from targeting.coils.builtin import coil_rows
        from targeting.words.numbers import size

        rows = coil_rows()
    entries = []
    for row in rows:
        facts = [
            f"up to {row.max_didt_a_per_us:g} A/µs: {row.max_didt_source}",
            f"casing {size(row.outline_mm)} mm, {row.casing_mm:g} mm from the face to the copper",
            f"windings: {row.source}",
            f"note: {row.note}",
        ]
        entries.append(Entry(row.name, row.title, facts))
    talk.answer(listing(entries), [asdict(row) for row in rows])
