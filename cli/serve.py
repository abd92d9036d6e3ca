"""``target serve``: the dose at a tracked coil's pose, over a socket of this machine."""

from __future__ import annotations

import json
import signal
from typing import Annotated

import typer

from cli.console import at_work, talk_of
from cli.options import Anyway, Json, Out, PlanName, Quiet, whole

EXAMPLES = """
**Examples**

    target serve subject01

    target serve subject01 --port 5005 --coil double-cone-110mm --json

    target serve subject01 --openigtlink 18944
"""


def serve_command(
    context: typer.Context,
    name: PlanName,
    port: Annotated[int, typer.Option("--port", metavar="N", parser=whole, help="The port; 0 for any free one.")] = 0,
    host: Annotated[
        str, typer.Option("--host", metavar="127.0.0.1|::1", help="This machine by IPv4 or IPv6; no other is served.")
    ] = "127.0.0.1",
    coil: Annotated[
        str | None,
        typer.Option(
            "--coil", metavar="NAME|FILE", help="Another coil than the plan's: built-in, .ccd, .tcd, .nii.gz."
        ),
    ] = None,
    openigtlink: Annotated[
        int | None,
        typer.Option(
            "--openigtlink", metavar="N", parser=whole, help="Speak OpenIGTLink, too, on this port (18944 is usual)."
        ),
    ] = None,
    anyway: Anyway = False,
    out: Out = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Serve a planned subject's dose at any coil pose, live, to programs on this machine (Ctrl-C ends)."""
    talk = talk_of(context, quiet, as_json)
    with at_work(talk):
        from targeting.live import DoseServer, LiveDose
        from targeting.live.server import Listener
        from targeting.subject import Subject

        subject = Subject.planned(name, out)
        listener = Listener(host, port)  # before the work: a port in use is said at once
        igtl = None if openigtlink is None else Listener(host, openigtlink)
        live = LiveDose.of(subject, coil, anyway)
    where = {"host": listener.host, "port": listener.port} | ({"openigtlink_port": igtl.port} if igtl else {})
    and_igtl = f" and OpenIGTLink port {igtl.port}" if igtl else ""
    target = f"{live.plan.target.side} {live.plan.target.name}".strip()

    def ready() -> None:
        text = f"serving {name}, {target}, {live.coil.name}, on {listener.host} port {listener.port}{and_igtl}; Ctrl-C ends"
        typer.echo(json.dumps({**where, **live.hello}) if talk.as_json else text)

    DoseServer(live, listener, igtl).run(ready)
    for number in (signal.SIGINT, signal.SIGTERM):  # a Ctrl-C comes twice, and all is done
        signal.signal(number, signal.SIG_IGN)
