"""``target stimulators``: the largest dI/dt of each coil on each stimulator."""

from __future__ import annotations

from dataclasses import asdict

import typer

from cli.console import at_work, talk_of
from cli.options import Json, Quiet
from cli.tables import Entry, examples_of, group, listing

app = group("Stimulators with a name.")


@app.command("list", epilog=examples_of("stimulators"))
def list_command(context: typer.Context, quiet: Quiet = False, as_json: Json = False) -> None:
    """List the stimulators: the maximum dI/dt of each of their coils, and its source."""
    talk = talk_of(context, quiet, as_json)
    with at_work(talk):
        from targeting.dosing import ratings

        known = ratings()
    entries = []
    for each in known:
        shown = f" (its display: {each.displayed_a_per_us:g})" if each.displayed_a_per_us is not None else ""
        facts = [f"up to {each.max_didt_a_per_us:g} A/µs{shown}", f"source: {each.source}"]
        entries.append(Entry(each.stimulator, " = ".join(each.coils), facts))
    talk.answer(listing(entries), [asdict(each) for each in known])
