"""``target stimulators``: pulse forms and current directions of each, and the largest dI/dt of its coils."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from cli.console import at_work, talk_of
from cli.help import Command
from cli.lists import Entry, examples_of, group, listing
from cli.options import Json, Quiet

if TYPE_CHECKING:
    from targeting.stimulators import Rating

app = group("Stimulators with a name.")
DIRECTIONS = {True: "normal or reverse", False: "fixed", None: "not known whether it can be reversed"}


@app.command("list", cls=Command, epilog=examples_of("stimulators"))
def list_command(context: typer.Context, quiet: Quiet = False, as_json: Json = False) -> None:
    """List the stimulators: pulses, current direction, the maximum dI/dt of each coil, and the sources."""
    talk = talk_of(context, quiet, as_json)
    with at_work(talk):
        from targeting.stimulators import ratings, stimulators

        known = stimulators().values()
        ratings_of = {each.name: [row for row in ratings() if row.stimulator == each.name] for each in known}
    entries = []
    for each in known:
        sources = dict.fromkeys(row.source for row in ratings_of[each.name])
        facts = [
            f"pulses: {', '.join(each.pulses)}; current direction: {DIRECTIONS[each.reversible]}",
            f"source: {each.source}",
            f"note: {each.note}",
            *map(rating_words, ratings_of[each.name]),
            *(f"source of dI/dt: {source}" for source in sources),
        ]
        entries.append(Entry(each.name, each.title, facts))
    rows = [{**asdict(each), "ratings": [asdict(row) for row in ratings_of[each.name]]} for each in known]
    talk.answer(listing(entries), rows)


def rating_words(rating: Rating) -> str:
    """A rating in a line: pulse, coil by all its names, dI/dt, what the display says."""
    shown = "" if rating.displayed_a_per_us is None else f" (its display: {rating.displayed_a_per_us:g})"
    unverified = ", unverified" if rating.unverified else ""
    return f"{' = '.join(rating.coils)}, {rating.pulse}: up to {rating.max_didt_a_per_us:g} A/µs{shown}{unverified}"
