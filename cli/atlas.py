"""``target atlas``: the targets with a name, and the areas of the cortex."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import typer

from cli.console import at_work, talk_of
from cli.options import Json, Quiet
from cli.tables import Entry, examples_of, group, listing

app = group("Targets with a name, and areas of the cortex.")

Areas = Annotated[bool, typer.Option("--areas", help="List the areas for --aim area:NAME instead, with aliases.")]
EXAMPLES = f"{examples_of('atlas')}\n    target atlas list --areas\n"


@app.command("list", epilog=EXAMPLES)
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
        left, right = (", ".join(f"{x:g}" for x in each.mni_mm(side)) for side in ("left", "right"))
        place = f"left ({left}), right ({right}) MNI152 mm; radius {each.radius_mm:g} mm"
        entries.append(Entry(each.name, each.title, [place, f"source: {each.source}", f"note: {each.note}"]))
    talk.answer(listing(entries), [{**asdict(each), "tissue": each.tissue.name} for each in known.values()])


def _areas() -> tuple[str, dict[str, list[dict[str, Any]]]]:
    """The areas, what clinicians call groups of them, and networks: for people, and as records."""
    from atlases.areas import AREA_CREDIT, aliases, aliases_of, area_cm2, areas, networks

    left, right = area_cm2("lh"), area_cm2("rh")
    rows = [
        {
            **asdict(each),
            "aliases": aliases_of(name),
            "left_cm2": round(left[name], 2),
            "right_cm2": round(right[name], 2),
        }
        for name, each in areas().items()
    ]
    groups = [asdict(each) for each in aliases().values()]
    width = max(len(name) for name in areas())
    lines = [AREA_CREDIT, "", f"{'no.':>4} {'area':<{width}} {'cm² left':>9} {'right':>6}  what it is"]
    for row in rows:
        also = f" [{', '.join(row['aliases'])}]" if row["aliases"] else ""
        note = f"; {row['borrowed']}" if row["borrowed"] else ""
        size = f"{row['left_cm2']:>9.1f} {row['right_cm2']:>6.1f}"
        lines.append(f"{row['number']:>4} {row['name']:<{width}} {size}  {row['title']}{also}{note}")
    lines += ["", "Aliases", ""]
    lines.append(
        listing(
            [
                Entry(
                    each.name,
                    f"{each.title}: {'+'.join(each.areas)}",
                    [f"source: {each.source}", f"certainty: {each.certainty}"],
                )
                for each in aliases().values()
            ]
        )
    )
    lines += ["", "Networks (Yeo 2011)", "", ", ".join(networks())]
    return "\n".join(lines), {"areas": rows, "aliases": groups, "networks": [{"name": name} for name in networks()]}
