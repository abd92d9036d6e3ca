"""The plans of one person, a line each: what they are for, what they give, when they were made and how they stand."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

from meshes.errors import InputError
from targeting.modality import KINDS, TMS
from targeting.plans.tes import read_tes_plan
from targeting.plans.tms import read_plan
from targeting.study.plan_state import last_stage, why_outdated
from targeting.subject import LAST_STAGES, Subject

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class PlanRow:
    """A plan in a line.

    Parameters
    ----------
    name : str
        What commands take: ``subject01/m1-hand-left``.
    kind : {"tms", "tdcs", "hd-tdcs", ""}
        Empty of a plan that is unfinished.
    target : str
    by : str
        The coil or the montage.
    dose_v_per_m : float or None
        In the target; of a coil at 1 A/µs, of a montage at its currents.  None of a plan that cannot be read.
    total_current_ma : float or None
        Of a montage.
    created : str
        ISO 8601, UTC.
    state : {"done", "outdated", "unfinished", "not readable"}
    why : str
        What changed, is missing, or cannot be read.
    file : Path
        plan.json; the folder of a plan that is unfinished.
    """

    name: str
    kind: str
    target: str
    by: str
    dose_v_per_m: float | None
    total_current_ma: float | None
    created: str
    state: str
    why: str
    file: Path


def list_plans(subject: str | Subject, out: str | Path | None = None) -> list[PlanRow]:
    """The plans of a person, the newest last; before them those that were begun and never finished.

    Parameters
    ----------
    subject : str or Subject
    out : path, optional
        The subject's folder, instead of ``./subject/``.

    Raises
    ------
    InputError
        If there is no such folder.
    """
    subject = subject if isinstance(subject, Subject) else Subject.named(subject, out)
    subject.check_there()
    rows = [row for plan in subject.plans() for row in _rows(subject.of(plan))]
    # plans bear the second in which they were made; of two of one second the files tell
    return sorted(rows, key=lambda row: (row.created, row.file.stat().st_mtime_ns, row.name))


def tell_replaced(subject: Subject, kind: str, command: str) -> None:
    """Say what a plan of the same name was made with, where that was something else: it is made again now."""
    file = _file(subject, kind)
    try:
        before = (read_plan(file) if kind == TMS else read_tes_plan(file)).search.command if file.is_file() else None
    except InputError:  # of a version that cannot be read any more
        return
    if before and before != command:
        log.warning("this replaces plan %s, made with: %s (`name` would keep both)", subject.words, before)


def _file(subject: Subject, kind: str) -> Path:
    return subject.folder_of(kind) / "plan.json"


def _rows(subject: Subject) -> list[PlanRow]:
    """A row for each kind of a plan that was finished; one for a plan of which nothing was."""
    rows = [_row(subject, kind) for kind in (TMS, *KINDS) if _file(subject, kind).is_file()]
    if rows or any(subject.record(stage) for stage in LAST_STAGES):
        return rows
    why = "it has no plan.json; give its command again to finish it, or delete its folder"
    return [PlanRow(subject.words, "", "", "", None, None, "", "unfinished", why, subject.plan_folder)]


def _row(subject: Subject, kind: str) -> PlanRow:
    file = _file(subject, kind)
    try:
        why = why_outdated(subject, last_stage(kind)) if subject.record(last_stage(kind)) else "its record is gone"
        state = "outdated" if why else "done"
        if kind == TMS:
            plan = read_plan(file)
            target, by, dose = plan.target, plan.coil.name, plan.placements[0].dose_v_per_m
            created, current_ma = plan.created, None
        else:
            montage = read_tes_plan(file)
            target, by, dose = montage.target, montage.montage_name, montage.dose.dose_v_per_m
            created, current_ma = montage.created, montage.total_current_ma
    except InputError as error:
        return PlanRow(subject.words, kind, "", "", None, None, "", "not readable", str(error), file)
    where = f"{target.name} {target.side}".strip()
    return PlanRow(subject.words, kind, where, by, dose, current_ma, created, state, why, file)
