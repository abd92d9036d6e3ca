"""``target segment``: an MRI becomes smooth tissue fields."""

from __future__ import annotations

from typing import Any

import typer

from cli.console import at_work, talk_of
from cli.options import Json, Name, Out, Quiet, values_of, with_options
from targeting.study.options import options_of
from targeting.study.request import HeadOptions

EXAMPLES = """
**Examples**

    target segment subject01 --t1 T1.nii.gz

    target segment subject01 --t1 T1.nii.gz --t2 T2.nii.gz --threads 4

    target segment subject01 --labels tissues.nii.gz
"""


OPTIONS = [each for name, each in options_of(HeadOptions).items() if name not in ("head", "density")]


@with_options(OPTIONS)
def segment_command(
    context: typer.Context, name: Name, out: Out = None, quiet: Quiet = False, as_json: Json = False, **words: Any
) -> None:
    """Turn an MRI into tissues: white and grey matter, CSF, skull, scalp, eyes (SAMSEG, 6 to 10 minutes)."""
    talk = talk_of(context, quiet, as_json)
    with at_work(talk):
        from targeting.progress.steps import Step
        from targeting.study.head_source import HeadSource
        from targeting.study.head_stages import run_segment
        from targeting.study.steps import working_in
        from targeting.subject import Subject

        subject = Subject.named(name, out)
        source = HeadSource.of(subject, **values_of(HeadOptions, words)).checked()
        with working_in(subject, [Step("segment", source.way)]):
            done = run_segment(subject, source)
    files = [str(path) for path in done.outputs]
    talk.answer("\n".join(files), {"files": files, "seconds": done.seconds, "reused": done.reused})
