"""A study whose stages stand already, so that one stage after them can be run alone."""

from functools import cached_property
from typing import Any

from meshes import InputError
from targeting.study.aim import Aim
from targeting.study.conduction import Conduction
from targeting.study.head_source import HeadSource
from targeting.study.study import Study
from targeting.subject import Done, Subject


def done(name: str, value: Any) -> Done[Any]:
    """A stage that stands."""
    return Done(name, "0" * 8, 0.0, lambda: value)


class Unregistered(Study):
    """A study whose head nobody registered."""

    @cached_property
    def registration(self) -> Done[Any]:
        raise InputError("this head was not registered")


def study_of(
    head: Any = None,
    target: Any = None,
    *,
    subject: Subject | None = None,
    conductor: Any = None,
    cortex: Done[Any] | None = None,
    registration: Any = None,
    tissues: Any = None,
    conduction: Conduction | None = None,
    aim: Aim | None = None,
) -> Study:
    """The study; ``head``, ``target``, ``registration`` and ``tissues`` are values, or stages that stand."""
    study = Unregistered(
        subject=subject,  # type: ignore[arg-type]
        source=HeadSource("head", {}),
        conduction=conduction or Conduction({}),
        aim=aim,
    )
    stages = {"mesh": head, "target": target, "register": registration, "segment": tissues}
    known = {name: each if isinstance(each, Done) else done(name, each) for name, each in stages.items()}
    named = dict(zip(("head", "target", "registration", "tissues"), known.values(), strict=True))
    if registration is None:
        del named["registration"]
    vars(study).update(named, conductor=conductor, _cortex=(cortex, []))  # as if they had been asked for
    return study
