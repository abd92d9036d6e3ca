"""A head without a plan: tissues, mesh, and where MNI152 lies in it; for work with single steps.

The stages are those of every plan (:mod:`targeting.study.head_stages`), in the same folder, so that a plan reuses them and they
reuse a plan's.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from atlases.warp import MniWarp
from meshes.choices import one_of
from meshes.head import HeadMesh
from targeting.study.head_source import HeadSource
from targeting.study.head_stages import mesh_stage, register_stage, run_segment
from targeting.study.request import DENSITIES
from targeting.subject import Subject


@dataclass(frozen=True, eq=False)
class MadeHead:
    """A subject's head.

    Parameters
    ----------
    subject : Subject
        Name and folder.
    mesh : HeadMesh
        RAS mm of the T1.
    warp : MniWarp
        MNI152 ↔ subject: what named targets and scalp positions are found by.
    """

    subject: Subject
    mesh: HeadMesh
    warp: MniWarp


def make_head(
    subject: str | Subject,
    *,
    t1: str | Path | None = None,
    t2: str | Path | None = None,
    labels: str | Path | None = None,
    head: str | Path | None = None,
    density: str = "standard",
    threads: int = 2,
    frame: str | None = None,
    out: str | Path | None = None,
) -> MadeHead:
    """Segment, mesh and register a head; what is still valid in the subject's folder is reused.

    Parameters
    ----------
    subject, t1, t2, labels, head, density, threads, frame, out
        As for :func:`targeting.planning.tms.plan`; ``"colin27"`` needs no input of one's own.

    Raises
    ------
    InputError
        If anything given cannot be used; nothing that stood in the folder is changed then.

    Examples
    --------
    >>> from targeting import make_head
    >>> make_head("colin27", density="fine")
    Traceback (most recent call last):
    ...
    meshes.errors.InputError: unknown density 'fine'; valid: standard, fast
    """
    subject = subject if isinstance(subject, Subject) else Subject.named(subject, out)
    one_of(density, DENSITIES, "density")
    source = HeadSource.of(subject, t1=t1, t2=t2, labels=labels, head=head, threads=threads, frame=frame).checked()
    with subject.locked():
        segmented = run_segment(subject, source)
        meshed = subject.run(mesh_stage(segmented, source, density))
        registered = subject.run(register_stage(segmented, meshed))
        return MadeHead(subject, meshed.value, registered.value)
