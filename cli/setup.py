"""``target setup``: make ahead of time what the first segmentation would make."""

from __future__ import annotations

import typer

from cli.console import at_work, talk_of
from cli.options import Json, Quiet

EXAMPLES = """
**Example**

    target setup
"""


def setup_command(context: typer.Context, quiet: Quiet = False, as_json: Json = False) -> None:
    """Install SAMSEG into an environment of its own, under the user's cache folder (done anyway on first use)."""
    talk = talk_of(context, quiet, as_json)
    with at_work(talk):
        from meshes.segmentation.samseg import ensure_environment

        python = ensure_environment()
    talk.answer(f"SAMSEG is ready ({python})", {"samseg_python": str(python)})
