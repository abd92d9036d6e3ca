"""The steps that a run in a subject's folder will take, for who watches it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from targeting.progress.course import Course
from targeting.progress.record import Show
from targeting.progress.steps import Step
from targeting.progress.watching import watched
from targeting.subject import Subject

if TYPE_CHECKING:
    from targeting.study.study import Study

HEAD = ("segment", "mesh", "register")
HEAD_AND_TARGET = (*HEAD, "cortex", "target")


def steps_of(study: Study, stages: Sequence[str]) -> list[Step]:
    """Stages as steps of one duration for heads of one kind.

    Parameters
    ----------
    study : Study
    stages : sequence of str
        Names of all that are foreseen, in their order.
    """
    return [Step(each, study.source.way, study.density) for each in stages]


def recorded_steps(subject: Subject, stages: Sequence[str]) -> list[Step]:
    """Stages as steps of one duration for heads of one kind, by the records of the subject's head.

    Parameters
    ----------
    subject : Subject
        Whose head is made.
    stages : sequence of str
    """
    segmented, meshed = (subject.made_from(each).get("parameters", {}) for each in ("segment", "mesh"))
    return [Step(each, segmented.get("way", ""), meshed.get("density") or "standard") for each in stages]


@contextmanager
def working_in(subject: Subject, steps: Sequence[Step], progress: Show | bool | None = None) -> Iterator[None]:
    """Keep other runs out of the subject's folder, and tell how far this one is.

    Parameters
    ----------
    subject : Subject
    steps : sequence of Step
        Those of this run.
    progress : callable or bool, optional
        As for :func:`targeting.progress.watching.watched`.
    """
    with subject.locked(), watched(Course(steps, subject.record), progress):
        yield
