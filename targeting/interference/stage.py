"""Stage "interference", on request: the best two pairs for temporal interference in a planned subject, and their envelope.

The search is over every two pairs of a leadfield that a plan left in the folder.  The best of them is then solved with
complete electrodes, a pair at a time, and the envelope's swing is written for the whole head and on the cortex.  Fields
are those of direct current at the conductivities of the plan; at the kHz that are used tissue conducts a little better.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from functools import partial
from pathlib import Path

from atlases.aim import AimedTarget
from meshes.errors import InputError
from targeting.interference.files import FILE, NAME, InterferenceResult, load, write_envelope, write_table
from targeting.interference.request import InterferenceRequest
from targeting.modality import HD
from targeting.result_files import save_plain
from targeting.study.head_source import HeadSource
from targeting.study.plan_state import check_stands, of_cap
from targeting.study.steps import recorded_steps, working_in
from targeting.study.study import RecordedStudy
from targeting.study.target_stage import aimed_in
from targeting.study.tes_request import TEN_TEN_CAP
from targeting.subject import Done, Stage, Subject

log = logging.getLogger(__name__)


def interference(
    subject: str | Subject, request: InterferenceRequest, out: str | Path | None = None, anyway: bool = False
) -> Done[InterferenceResult]:
    """The best two pairs of a planned subject: searched now, or read if they stand.

    Parameters
    ----------
    subject : str or Subject
        Planned before with ``--with hd-tdcs``.
    request : InterferenceRequest
    out : path, optional
        The subject's folder, instead of ``./name/``.
    anyway : bool
        Take an outdated leadfield, too; it is warned of.

    Raises
    ------
    InputError
        If there is no leadfield, it is outdated, or what is asked cannot be had.

    Examples
    --------
    >>> interference("nobody", InterferenceRequest())
    Traceback (most recent call last):
    ...
    meshes.errors.InputError: there is no leadfield of nobody yet: run 'target plan nobody --with hd-tdcs' first
    """
    subject = Subject.planned(subject, out)
    asked = request.checked()
    leadfield = of_cap(f"{HD}-leadfield", asked.cap)
    if not subject.made_from(leadfield):
        more = "" if asked.cap == TEN_TEN_CAP else f" --cap {asked.cap}"
        raise InputError(
            f"there is no leadfield of {subject.name} yet: run 'target plan {subject.name} --with {HD}{more}' first"
        )
    check_stands(subject, leadfield, anyway)
    with working_in(subject, recorded_steps(subject, [NAME])):
        return subject.run(interference_stage(subject, asked, leadfield))


def interference_stage(subject: Subject, request: InterferenceRequest, leadfield: str) -> Stage[InterferenceResult]:
    """Stage "interference", after those that stand in the folder; ``leadfield`` is the stage that left one.

    Raises
    ------
    InputError
        If one of them is not there.
    """
    from targeting.tes.leadfield import Leadfield

    study = RecordedStudy.of(subject, partial(_missing, subject.name), solved_by=leadfield)
    field = study.standing(leadfield, lambda folder: Leadfield.load(folder / f"{leadfield}.h5"))
    head = study.head
    aim = request.goal(HeadSource.of(subject, frame=request.frame).own(subject.folder) if request.aim else None)
    registration = study.registration if aim and aim.in_mni else None
    target = None if aim else study.target

    def aimed_target() -> AimedTarget:
        if aim is None:
            return study.target.value
        return aimed_in(aim, head.value, registration, study.cortex)

    def make(folder: Path) -> InterferenceResult:
        from targeting.interference.direct import found_of, ranked_pairs, solved_pairs
        from targeting.tms.direction import direction_vector

        there, leads, cortex = aimed_target(), field.value, study.cortex.value if study.cortex else None
        # which way a coil's current is wanted is no word on electrodes
        unit = direction_vector(head.value, replace(there.target, current_toward=None), request.direction, cortex)
        ranked = ranked_pairs(request, leads, study.scalp, there.target, unit)
        log.info("solving %s", ranked.words())
        e1, e2 = solved_pairs(study.conductor, leads, ranked)
        found = found_of(subject.name, request, leads, head.value, there, unit, ranked, e1, e2)
        own = folder / NAME
        own.mkdir()
        save_plain(own / FILE, found)
        write_table(own / "two_pairs.csv", found.montages)
        write_envelope(own, subject, head.value, cortex, e1, e2)
        return found

    files = aim.files if aim else {}
    after = [each for each in (head, field, target, registration, study.cortex) if each]
    return Stage(NAME, 2, make, load, files=files, parameters=request.parameters, after=after)


def _missing(name: str, stage: str) -> str:
    return f"stage {stage} of {name} is missing or changed: run 'target plan {name} --with {HD}' again"
