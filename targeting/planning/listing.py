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
from targeting.subject import Subject

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class PlanRow:
    """A plan in a line.

    Parameters
    ----------
    name : str
        What commands take: ``subject01/m1-hand-left``.
    kind : {"tms", "tdcs", "hd-tdcs"}
    target : str
    by : str
        The coil or the montage.
    dose_v_per_m : float or None
        In the target; of a coil at 1 A/µs, of a montage at its currents.  None of a plan that cannot be read.
    total_current_ma : float or None
        Of a montage.
    created : str
        ISO 8601, UTC.
    state : {"done", "outdated", "not readable"}
    why : str
        What changed, or cannot be read.
    file : Path
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
    """The plans of a person, the newest last.

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
    if not subject.folder.is_dir():
        raise InputError(f"there is no subject folder {subject.folder}; make one with 'target head {subject.name}'")
    rows = [
        _row(subject.of(plan), kind)
        for plan in subject.plans()
        for kind in (TMS, *KINDS)
        if _file(subject.of(plan), kind).is_file()
    ]
    return sorted(rows, key=lambda row: (row.created, row.name))


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
