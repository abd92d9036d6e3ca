"""``target segment``: an MRI becomes smooth tissue fields."""

from __future__ import annotations

import typer

from cli.console import at_work, talk_of
from cli.options import T1, T2, Frame, Json, Labels, Name, Out, Quiet, Threads

EXAMPLES = """
**Examples**

    target segment subject01 --t1 T1.nii.gz

    target segment subject01 --t1 T1.nii.gz --t2 T2.nii.gz --threads 4

    target segment subject01 --labels tissues.nii.gz
"""


def segment_command(
    context: typer.Context,
    name: Name,
    t1: T1 = None,
    t2: T2 = None,
    labels: Labels = None,
    out: Out = None,
    threads: Threads = 2,
    frame: Frame = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Turn an MRI into tissues: white and grey matter, CSF, skull, scalp, eyes (SAMSEG, 6 to 10 minutes)."""
    talk = talk_of(context, quiet, as_json)
    with at_work(talk):
        from targeting.study.head_source import HeadSource
        from targeting.study.head_stages import run_segment
        from targeting.subject import Subject

        subject = Subject.named(name, out)
        source = HeadSource.of(subject, t1=t1, t2=t2, labels=labels, threads=threads, frame=frame).checked()
        with subject.locked():
            done = run_segment(subject, source)
    files = [str(path) for path in done.outputs]
    talk.answer("\n".join(files), {"files": files, "seconds": done.seconds, "reused": done.reused})
