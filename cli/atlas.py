"""``target atlas``: the targets with a name."""

from __future__ import annotations

from dataclasses import asdict

import typer

from cli.console import at_work, talk_of
from cli.lists import Entry, examples_of, group, listing
from cli.options import Json, Quiet

app = group("Targets with a name.")


@app.command("list", epilog=examples_of("atlas"))
def list_command(context: typer.Context, quiet: Quiet = False, as_json: Json = False) -> None:
    """List the named targets: MNI152 coordinates of both sides, radius, source."""
    talk = talk_of(context, quiet, as_json)
    with at_work(talk):
        from atlases.targets import targets

        known = targets()
    entries = []
    for each in known.values():
        points = [f"{side} ({', '.join(f'{x:g}' for x in each.mni_mm(side))})" for side in each.sides]
        cortex = f"{each.cortex_words}; else " if each.areas else ""
        place = f"{cortex}{', '.join(points)} MNI152 mm; radius {each.radius_mm:g} mm"
        told = [place, f"source: {each.source}", f"certainty: {each.certainty}", f"note: {each.note}"]
        entries.append(Entry(each.name, each.title, told))
    talk.answer(listing(entries), [{**asdict(each), "tissue": each.tissue.name} for each in known.values()])
