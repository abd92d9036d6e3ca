"""``target``'s command line.  Commands live in a file each; this one joins them."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from cli import (
    atlas,
    basis,
    bids,
    coils,
    doctor,
    export,
    head,
    import_session,
    log,
    mesh,
    montages,
    motor_map,
    plan,
    plans,
    protocols,
    review,
    segment,
    serve,
    setup,
    status,
    stimulators,
    verify,
    view,
)
from cli.app import EXAMPLES as APP_EXAMPLES
from cli.app import app_command
from cli.console import Talk
from cli.first_steps import WELCOME
from cli.help import Command, Group
from cli.options import Json, Quiet, show_version
from targeting.interference.request import InterferenceRequest
from targeting.study.options import flags_of
from targeting.study.tes_request import TesRequest
from targeting.study.tms_request import TmsRequest

EXAMPLES = """
**Examples**
    target plan colin27
    target plan subject01 --t1 T1.nii.gz --aim m1-hand --side left
    target status subject01
    target atlas list
    target coils list

The first needs no data of one's own. `target --install-completion` teaches your shell the names, with Tab.
Research software, not a medical device.
"""

app = typer.Typer(
    name="target",
    help="From an MRI to a TMS coil pose that a neuronavigator loads, the dose it gives, and a report.",
    cls=Group,
    epilog=EXAMPLES,
    invoke_without_command=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("plan", cls=Command, epilog=plan.EXAMPLES)(plan.plan_command)
app.command("head", cls=Command, epilog=head.EXAMPLES)(head.head_command)
app.command("bids", cls=Command, epilog=bids.EXAMPLES)(bids.bids_command)
app.command("plans", cls=Command, epilog=plans.EXAMPLES)(plans.plans_command)
app.command("segment", cls=Command, epilog=segment.EXAMPLES)(segment.segment_command)
app.command("mesh", cls=Command, epilog=mesh.EXAMPLES)(mesh.mesh_command)
app.command("status", cls=Command, epilog=status.EXAMPLES)(status.status_command)
app.command("export", cls=Command, epilog=export.EXAMPLES)(export.export_command)
app.command("import", cls=Command, epilog=import_session.EXAMPLES)(import_session.import_command)
app.command("serve", cls=Command, epilog=serve.EXAMPLES)(serve.serve_command)
app.command("map", cls=Command, epilog=motor_map.EXAMPLES)(motor_map.map_command)
app.command("view", cls=Command, epilog=view.EXAMPLES)(view.view_command)
app.command("review", cls=Command, epilog=review.EXAMPLES)(review.review_command)
app.command("log", cls=Command, epilog=log.EXAMPLES)(log.log_command)
app.command("app", cls=Command, epilog=APP_EXAMPLES)(app_command)
app.command("verify", cls=Command, epilog=verify.EXAMPLES)(verify.verify_command)
app.command("basis", cls=Command, epilog=basis.EXAMPLES)(basis.basis_command)
app.command("doctor", cls=Command, epilog=doctor.EXAMPLES)(doctor.doctor_command)
app.command("setup", cls=Command, epilog=setup.EXAMPLES)(setup.setup_command)
app.add_typer(atlas.app, name="atlas")
app.add_typer(coils.app, name="coils")
app.add_typer(montages.app, name="montages")
app.add_typer(protocols.app, name="protocols")
app.add_typer(stimulators.app, name="stimulators")


@app.callback()
def _flags(
    context: typer.Context,
    quiet: Quiet = False,
    as_json: Json = False,
    version: Annotated[
        bool, typer.Option("--version", callback=show_version, is_eager=True, help="The version, and no more.")
    ] = False,
) -> None:
    context.obj = Talk(quiet, as_json)
    if context.invoked_subcommand is None:
        typer.echo(WELCOME)


def every_flag(command: Any) -> dict[str, str]:
    """Flag by the name Python has for it: of the requests' options, then of all that the commands alone have."""
    flags = flags_of(TmsRequest, TesRequest, InterferenceRequest)
    below = list(getattr(command, "commands", {}).values())
    for each in below:
        flags = every_flag(each) | flags
    if not below:
        options = [each for each in command.params if each.param_type_name == "option"]
        flags = {each.name: each.opts[0] for each in options} | flags
    return flags
