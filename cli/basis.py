"""``target basis``: the field on the whole cortex for any pose, made once for a planned subject."""

from __future__ import annotations

from typing import Annotated

import typer

from cli.console import at_work, talk_of
from cli.options import Anyway, Json, Out, PlanName, Quiet, whole
from cli.tables import summary

LARGE_ERROR = 0.02  # with the default number of sources it is 0.5 %

EXAMPLES = """
**Examples**

    target basis subject01

    target basis subject01 --sources 600

Then, in Python: `cortical_basis("subject01").value.basis.e_v_per_m(coil, poses)`, milliseconds a pose.
"""


def basis_command(
    context: typer.Context,
    name: PlanName,
    sources: Annotated[
        int | None,
        typer.Option("--sources", metavar="N", parser=whole, help="Forward solves; more of them, less error."),
    ] = None,
    anyway: Anyway = False,
    out: Out = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Make a planned subject's real-time field: E on the whole cortex for any coil and pose (minutes)."""
    talk = talk_of(context, quiet, as_json)
    with at_work(talk):
        from targeting.study.field_basis_stage import FILE, cortical_basis
        from targeting.subject import Subject

        subject = Subject.planned(name, out)
        done = cortical_basis(subject, out, sources, anyway)
        made, size = done.value, sum(path.stat().st_size for path in done.outputs)
    points, modes = len(made.basis.points_mm), made.basis.modes.shape[1]
    text = [
        (
            "basis",
            f"{points} cortical points, {modes} modes of {made.check.sources} forward solves, {size / 1e6:.0f} MB",
        ),
        (
            "error",
            f"median {made.check.median:.2%}, largest {made.check.worst:.2%} of the whole cortical field against "
            f"direct solves ({sum(map(len, made.check.errors.values()))} random poses)",
        ),
        ("file", f"{subject.folder / FILE}"),
    ]
    if made.check.worst > LARGE_ERROR:
        text.append(("warning", f"over {LARGE_ERROR:.0%} off: take more --sources"))
    document = {
        "file": str(subject.folder / FILE),
        "points": points,
        "modes": modes,
        "sources": made.check.sources,
        "size_bytes": size,
        "seconds": done.seconds,
        "errors": made.check.errors,
    }
    talk.answer(summary(text), document)
