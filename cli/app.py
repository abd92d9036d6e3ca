"""``target app``: a window for all of it, from an MRI to the file that a navigator loads."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli.console import at_work, talk_of
from cli.options import Quiet

EXAMPLES = """
**Examples**

    target app

    target app studies/pain

The window needs `pip install '.[viewer]'`.
"""


def app_command(
    context: typer.Context,
    folder: Annotated[
        Path | None,
        typer.Argument(metavar="FOLDER", show_default=False, help="Where subjects' folders lie; default: this one."),
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Plan without a terminal: drop an MRI, choose target and side from pictures, read the plan, export it."""
    talk = talk_of(context, quiet, as_json=False)
    with at_work(talk):
        from targeting.app.start import run_app

        run_app(folder)
