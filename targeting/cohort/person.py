"""A person of a cohort and the steps of their work: the head, the plans, what is kept of them as derivatives.

Each step is a function of plain data that reads and writes files, so that any process on any machine with the same disk can
do it.  What goes wrong with one person is an :class:`Outcome`, and never stops the others.
"""

from __future__ import annotations

import json
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from meshes.errors import InputError, WriteError
from targeting.cohort.dataset import Participant
from targeting.modality import TMS
from targeting.records.json_records import write_json
from targeting.study.request import HeadRequest
from targeting.study.tes_request import TesRequest
from targeting.study.tms_request import TmsRequest
from targeting.subject import Subject

DONE, DANGER, REFUSED, FAILED = "done", "danger", "refused", "failed"
EXIT_CODES = {DONE: 0, DANGER: 3, REFUSED: 2, FAILED: 1}
OUTCOMES = "outcomes"  # in the work folder: how each person's last run ended


@dataclass(frozen=True)
class Folders:
    """Where a cohort's files are: the dataset, the derivatives, and the work of each person."""

    dataset: Path
    derivatives: Path
    work: Path


@dataclass(frozen=True)
class Person:
    """Whom to plan for, and what.

    Parameters
    ----------
    participant : Participant
    head : HeadRequest
        What the head is made from.
    plans : tuple of TmsRequest or TesRequest
    """

    participant: Participant
    head: HeadRequest
    plans: tuple[TmsRequest | TesRequest, ...]

    @property
    def name(self) -> str:
        """``sub-01``."""
        return self.participant.name

    def subject(self, folders: Folders) -> Subject:
        """The person's folder of work."""
        return Subject.named(self.name, folders.work / self.name)


@dataclass(frozen=True)
class Outcome:
    """How a person's work stands after a step.

    Parameters
    ----------
    name : str
        ``sub-01``.
    step : str
        The last one that was begun: of :data:`STEPS`.
    state : {"done", "danger", "refused", "failed"}
        "danger": the plan holds a danger that nobody accepted; "refused": something given cannot be used.
    words : str
        Why it went no further, or what the plan says.
    plans : tuple of str
        Names of the plans that were made, one for each that was asked for: of two kinds it may be the same.
    seconds : float
        What the steps took together.
    """

    name: str
    step: str
    state: str
    words: str = ""
    plans: tuple[str, ...] = ()
    seconds: float = 0.0

    @property
    def goes_on(self) -> bool:
        """Whether the next step can follow."""
        return self.state in (DONE, DANGER)

    @property
    def exit_code(self) -> int:
        """What the command line ends with."""
        return EXIT_CODES[self.state]

    def save(self, folders: Folders) -> None:
        """Keep it in the work folder, for who asks later how the person's work ended."""
        folder = folders.work / OUTCOMES
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / f"{self.name}.json", asdict(self))

    @classmethod
    def load(cls, path: Path) -> Outcome | None:
        """What :meth:`save` kept; None where it is not there or damaged."""
        try:
            known = json.loads(path.read_text(encoding="utf-8"))
            return cls(**{**known, "plans": tuple(known["plans"])})
        except (OSError, ValueError, TypeError, KeyError):
            return None


def make_the_head(person: Person, folders: Folders, before: Outcome) -> Outcome:
    """The head that the plans are made in; one that MNI152 does not fit may still do for a target in its own millimetres."""
    from atlases.registration import NoMatchError
    from targeting.study.study import make_head

    try:
        made = make_head(person.subject(folders), person.head, progress=False)
    except NoMatchError as error:
        return replace(before, words=str(error.reason))
    return replace(before, words=f"{len(made.mesh.tets):,} tetrahedra")


def make_the_plans(person: Person, folders: Folders, before: Outcome) -> Outcome:
    """Every plan that is asked for."""
    from targeting.planning.tes import plan_tes
    from targeting.planning.tms import plan_tms

    subject, names, doses, dangers = person.subject(folders), [], [], []
    for request in person.plans:
        if isinstance(request, TmsRequest):
            coil = plan_tms(subject, request, progress=False)
            dose, plan = f"{coil.placements[0].dose_v_per_m:.3g} V/m at 1 A/µs", coil.search.name
            dangers += [each.text for each in coil.unaccepted]
        else:
            montage = plan_tes(subject, request, progress=False)
            dose, plan = f"{montage.dose.dose_v_per_m:.3g} V/m at {montage.total_current_ma:g} mA", montage.search.name
            dangers += [each.text for each in montage.unaccepted]
        names.append(str(plan))
        doses.append(f"{plan}: {dose}")
    words = "; ".join([*doses, *(f"DANGER {each}" for each in dangers)])
    return replace(before, state=DANGER if dangers else DONE, words=words, plans=tuple(names))


def keep_derivatives(person: Person, folders: Folders, before: Outcome) -> Outcome:
    """What is kept of head and plans, by BIDS' names."""
    from targeting.cohort.derivatives import write_head_derivatives, write_plan_derivatives

    subject = person.subject(folders)
    write_head_derivatives(person, subject, folders)
    for request, plan in zip(person.plans, before.plans, strict=True):
        kind = TMS if isinstance(request, TmsRequest) else request.kind
        write_plan_derivatives(person, subject.of(plan), kind, folders)
    return before


Step = Callable[[Person, Folders, Outcome], Outcome]
STEPS: Mapping[str, Step] = {"head": make_the_head, "plan": make_the_plans, "derivatives": keep_derivatives}


def do(step: str, person: Person, folders: Folders, before: Outcome | None = None) -> Outcome:
    """One step of a person's work, after the one before; what goes wrong is in the outcome.

    Parameters
    ----------
    step : str
        Of :data:`STEPS`.
    person : Person
    folders : Folders
    before : Outcome, optional
        Of the step before: where that went wrong, nothing is done.
    """
    if before is not None and not before.goes_on:
        return before
    start = time.perf_counter()
    begun = replace(before, step=step) if before else Outcome(person.name, step, DONE)
    try:
        ended = STEPS[step](person, folders, begun)
    except InputError as error:
        ended = replace(begun, state=REFUSED, words=str(error))
    except Exception as error:  # one person's fault is not the others'
        ended = replace(begun, state=FAILED, words=_failure(error, person, folders))
    ended = replace(ended, seconds=round(begun.seconds + time.perf_counter() - start, 1))
    if not ended.goes_on or step == list(STEPS)[-1]:
        ended.save(folders)
    return ended


def _failure(error: Exception, person: Person, folders: Folders) -> str:
    """What failed, in a line; the traceback is in a file that it names."""
    if isinstance(error, WriteError):
        return str(error)
    folders.work.mkdir(parents=True, exist_ok=True)
    path = folders.work / f"{person.name}-failure.log"
    path.write_text("".join(traceback.format_exception(error)), encoding="utf-8")
    said = str(error).splitlines()[0] if str(error) else ""
    return f"{type(error).__name__}: {said} (log: {path})"


def plain(outcome: Outcome) -> dict[str, Any]:
    """The outcome as JSON has it."""
    return {**asdict(outcome), "plans": list(outcome.plans), "exit_code": outcome.exit_code}
