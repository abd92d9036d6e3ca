"""``target setup``: make ahead of time what the first segmentation, the first cortex and the first plan would make."""

from __future__ import annotations

import logging
from typing import Annotated

import typer

from cli.console import at_work, talk_of
from cli.options import Json, Quiet
from meshes.environments import WHY_WAIT

log = logging.getLogger(__name__)

EXAMPLES = """
**Example**

    target setup
"""


NoCompile = Annotated[
    bool, typer.Option("--no-compile", help="Leave machine code to the first plan, as for an image that others run.")
]


def setup_command(
    context: typer.Context, no_compile: NoCompile = False, quiet: Quiet = False, as_json: Json = False
) -> None:
    """Install SAMSEG and CAT-Surf into environments of their own, and compile to machine code: what first use would do."""
    talk = talk_of(context, quiet, as_json)
    with at_work(talk):
        from meshes.folds import cat_surf
        from meshes.segmentation import samseg
        from targeting.doctor.machine_code import compile_ahead

        pythons = {each.program: each.ensure() for each in (samseg.ENVIRONMENT, cat_surf.ENVIRONMENT)}
        if not no_compile:
            log.info("compiling loops to machine code, a minute or two", extra=WHY_WAIT)
            compile_ahead()
    lines = [f"{program} is ready ({python})" for program, python in pythons.items()]
    keys = {f"{program.lower().replace('-', '_')}_python": str(python) for program, python in pythons.items()}
    if not no_compile:
        lines.append("machine code is compiled")
    talk.answer("\n".join(lines), keys)
