"""``target atlas``: the targets with a name, and the areas of the cortex."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.console import at_work, talk_of
from cli.help import Command
from cli.lists import Entry, examples_of, group, listing
from cli.options import Json, Quiet
from cli.tables import table

if TYPE_CHECKING:
    from rich.console import Group

app = group("Targets with a name, and areas of the cortex.")

Areas = Annotated[bool, typer.Option("--areas", help="List the areas for --aim area:NAME instead, with aliases.")]
EXAMPLES = f"{examples_of('atlas')}\n    target atlas list --areas\n"


@app.command("list", cls=Command, epilog=EXAMPLES)
def list_command(context: typer.Context, areas: Areas = False, quiet: Quiet = False, as_json: Json = False) -> None:
    """List the named targets (MNI152 coordinates of both sides, radius, source), or the areas of the cortex."""
    talk = talk_of(context, quiet, as_json)
    if areas:
        with at_work(talk):
            text, records = _areas()
        return talk.answer(text, records)
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


def _areas() -> tuple[Group, dict[str, list[dict[str, Any]]]]:
    """The areas, what clinicians call groups of them, and networks: for people, and as records."""
    from rich.console import Group

    from atlases.areas import AREA_CREDIT, aliases, aliases_of, area_cm2, areas, networks

    left, right = area_cm2("lh"), area_cm2("rh")
    records = [
        {
            **asdict(each),
            "aliases": aliases_of(name),
            "left_cm2": round(left[name], 2),
            "right_cm2": round(right[name], 2),
        }
        for name, each in areas().items()
    ]
    rows = [
        [
            str(each["number"]),
            each["name"],
            f"{each['left_cm2']:.1f}",
            f"{each['right_cm2']:.1f}",
            ", ".join(each["aliases"]),
            "; ".join(filter(None, (each["title"], each["borrowed"]))),
        ]
        for each in records
    ]
    columns = ["no.", "area", "cm² left", "cm² right", "alias", "what it is"]
    groups = [asdict(each) for each in aliases().values()]
    entries = [
        Entry(
            each.name,
            f"{each.title}: {'+'.join(each.areas)}",
            [f"source: {each.source}", f"certainty: {each.certainty}"],
        )
        for each in aliases().values()
    ]
    shown = Group(
        AREA_CREDIT,
        "",
        table(columns, rows, ["no.", "cm² left", "cm² right"]),
        "\nAliases\n",
        listing(entries),
        "\nNetworks (Yeo 2011)\n",
        ", ".join(networks()),
    )
    return shown, {"areas": records, "aliases": groups, "networks": [{"name": name} for name in networks()]}
