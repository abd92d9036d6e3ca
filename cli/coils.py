"""``target coils``: the built-in coils."""

from __future__ import annotations

from dataclasses import asdict

import typer

from cli.console import at_work, talk_of
from cli.options import Json, Quiet

EXAMPLES = """
**Examples**

    target coils list

    target coils list --json
"""

app = typer.Typer(help="Coils with a name.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Coils with a name."""


@app.command("list", epilog=EXAMPLES)
def list_command(context: typer.Context, quiet: Quiet = False, as_json: Json = False) -> None:
    """List the built-in coils: rated maximum, casing, source of the winding geometry."""
    talk = talk_of(context, quiet, as_json)
    with at_work(talk):
        from targeting.coils.builtin import coil_rows

        rows = coil_rows()
    lines = []
    for row in rows:
        x, y, z = row.outline_mm
        lines += [
            f"{row.name:<20}{row.title}",
            f"    up to {row.max_didt_a_per_us:g} A/µs; casing {x:g} × {y:g} × {z:g} mm, "
            f"{row.casing_mm:g} mm from the face to the copper",
            f"    {row.source}",
        ]
    talk.answer("\n".join(lines), [asdict(row) for row in rows])
