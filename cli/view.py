"""``target view``: a planned subject in a window, as a picture, or as a scene for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli.console import at_work, talk_of
from cli.options import Anyway, Json, Out, PlanName, Quiet, whole

EXAMPLES = """
**Examples**

    target view subject01

    target view subject01 --screenshot left.png --camera left

    target view subject01 --with tdcs --export montage.html

    target view subject01/m1-hand-left --beside subject01/psi-right

    target view subject01 --beside subject01:tdcs --screenshot both.png

    target view subject01 --delivered session.txt

The window needs `pip install '.[viewer]'`; pictures and exports need no display.
"""


def view_command(
    context: typer.Context,
    name: PlanName,
    screenshot: Annotated[
        Path | None, typer.Option("--screenshot", metavar="PNG", help="Write a picture instead of opening a window.")
    ] = None,
    export: Annotated[
        Path | None,
        typer.Option("--export", metavar="FILE", help="Write the scene: .html, .gltf, .vtp (ParaView) or .png."),
    ] = None,
    camera: Annotated[
        str | None,
        typer.Option("--camera", metavar="left|right|top|front|back|target|coil", help="Where to look from."),
    ] = None,
    modality: Annotated[
        str | None, typer.Option("--with", metavar="tms|tdcs|hd-tdcs", help="Which plan; default: the first there is.")
    ] = None,
    field: Annotated[
        str,
        typer.Option("--field", metavar="magnE|normalE", help="The field's strength, or E into the cortex, signed."),
    ] = "magnE",
    placement: Annotated[
        int, typer.Option("--placement", metavar="N", parser=whole, help="A coil's placement by its rank in the plan.")
    ] = 1,
    beside: Annotated[
        list[str] | None,
        typer.Option(
            "--beside", metavar="OTHER[:tdcs]", help="NAME, NAME/PLAN or a folder, or another plan; repeatable."
        ),
    ] = None,
    delivered: Annotated[
        str | None,
        typer.Option("--delivered", metavar="FILE[:NAME]", help="Pulses really given, a navigator's file, beside."),
    ] = None,
    anyway: Anyway = False,
    out: Out = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Look at a planned subject: head, cortex with its field, target, coil or electrodes; also side by side."""
    talk = talk_of(context, quiet, as_json)
    with at_work(talk):
        from targeting.viewer.request import ViewRequest

        request = ViewRequest.of(
            name, out, modality, placement, beside or (), delivered, camera, field, screenshot, export, anyway
        )
        written = request.carried_out()
    if written:
        talk.answer("\n".join(str(path) for path in written), {"files": [str(path) for path in written]})
