"""``target map``: where in the cortex a muscle's responses come from, by a recorded session."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.completion import choosing, completed
from cli.console import at_work, talk_of
from cli.options import Anyway, Json, Out, PlanName, Quiet, number
from cli.tables import summary

if TYPE_CHECKING:
    from targeting.mapping import MotorMap

NOT_FOUND = 1  # exit code of a map without a hotspot

EXAMPLES = """
**Examples**

    target map subject01 --session session.txt

    target map subject01/m1-hand-left --session TriggerMarkers_Coil0.xml --emg responses.tsv

    target plan subject01 --aim m1-hand --side left --hotspot subject01/plans/m1-hand-left/mapping/mapping.json

Exit code 1: no hotspot was found; what more is needed is said.
"""


def map_command(
    context: typer.Context,
    name: PlanName,
    session: Annotated[
        str, typer.Option("--session", metavar="FILE[:NAME]", help="The pulses, as a navigator recorded them.")
    ],
    emg: Annotated[
        Path | None,
        typer.Option(
            "--emg", metavar="FILE", help="Table of the responses (mep_uv or mep_mv), if the session has none."
        ),
    ] = None,
    muscle: Annotated[
        str | None,
        typer.Option(
            "--muscle",
            metavar="hand|leg|face",
            autocompletion=choosing("hand|leg|face"),
            help="Whose responses they are; default: the plan's M1, else the hand.",
        ),
    ] = None,
    percent: Annotated[
        float | None,
        typer.Option(
            "--percent",
            metavar="PERCENT",
            parser=number,
            help="Output of all pulses, % of the maximum, if no file says.",
        ),
    ] = None,
    stimulator: Annotated[
        str | None,
        typer.Option(
            "--stimulator",
            metavar="NAME",
            autocompletion=completed("stimulators"),
            help="Whose maximum dI/dt counts; default: the coil's own rating.",
        ),
    ] = None,
    curve: Annotated[
        str,
        typer.Option(
            "--curve",
            metavar="sigmoid|linear",
            autocompletion=choosing("sigmoid|linear"),
            help="How responses grow with the field.",
        ),
    ] = "sigmoid",
    quantity: Annotated[
        str | None,
        typer.Option(
            "--quantity",
            metavar="magnitude|normal|tangential",
            autocompletion=choosing("magnitude|normal|tangential"),
            help="What of the field counts; default: whichever the responses follow.",
        ),
    ] = None,
    anyway: Anyway = False,
    out: Out = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Map a muscle: its hotspot from recorded pulses and responses, how certain it is, its threshold, where to go on."""
    talk = talk_of(context, quiet, as_json)
    with at_work(talk):
        from targeting.mapping import map_motor, write_map
        from targeting.records.json_records import plain
        from targeting.subject import Subject

        subject = Subject.planned(name, out)
        found = map_motor(
            subject,
            session,
            emg,
            muscle=muscle,
            percent=percent,
            stimulator=stimulator,
            curve=curve,
            quantity=quantity,
            anyway=anyway,
        )
        written = write_map(found, subject)
    files = [str(each) for each in written]
    talk.answer(summary(lines_of(found, files)), {**plain(found.hotspot), "files": files})
    if not found.hotspot.found:
        raise typer.Exit(NOT_FOUND)


def lines_of(found: MotorMap, files: list[str]) -> list[tuple[str, str]]:
    """What the terminal says of a map, a name and a statement a line."""
    from targeting.mapping.page import verdict

    hotspot = found.hotspot
    lines = [
        ("hotspot" if hotspot.found else "not found", verdict(found)),
        ("responses", f"{hotspot.pulses} pulses, {hotspot.responses} of 50 µV and more; R² {hotspot.r2:.2f}"),
    ]
    if hotspot.found and hotspot.threshold_v_per_m is not None:
        rmt = "" if hotspot.rmt_percent is None else f", {hotspot.rmt_percent.words} % MSO at the best pose"
        lines.append(("threshold", f"{hotspot.threshold_v_per_m.words} V/m at the hotspot{rmt}"))
    lines += [("left out", each) for each in hotspot.left_out]
    lines += [("warning", each) for each in hotspot.warnings]
    return [*lines, *(("files" if not i else "", file) for i, file in enumerate(files))]
