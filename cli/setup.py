"""``target setup``: make ahead of time what the first segmentation and the first cortex would make."""

from __future__ import annotations

import typer

from cli.console import at_work, talk_of
from cli.options import Json, Quiet

EXAMPLES = """
**Example**

    target setup
"""


def setup_command(context: typer.Context, quiet: Quiet = False, as_json: Json = False) -> None:
    """Install SAMSEG and CAT-Surf into environments of their own, under the user's cache folder (done anyway on first use)."""
    talk = talk_of(context, quiet, as_json)
    with at_work(talk):
        from meshes.folds import cat_surf
        from meshes.segmentation import samseg

        pythons = {each.program: each.ensure() for each in (samseg.ENVIRONMENT, cat_surf.ENVIRONMENT)}
    lines = [f"{program} is ready ({python})" for program, python in pythons.items()]
    keys = {f"{program.lower().replace('-', '_')}_python": str(python) for program, python in pythons.items()}
    talk.answer("\n".join(lines), keys)
