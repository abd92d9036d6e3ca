"""Review of recorded sessions against a plan: session by session, and as a course."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from meshes.brief import brief
from targeting.course.log import LogLine, read_log
from targeting.live.coil_dose import LiveDose
from targeting.pose_gate import fault_at
from targeting.records.warnings import WARNING, PlanWarning, of_kind
from targeting.reviewing.drift import Drift, drift_of
from targeting.reviewing.pulses import PlannedDose, Pulses, pulses_of
from targeting.reviewing.recorded import GIVEN, RecordedSession, read_recorded
from targeting.reviewing.summary import PulseSummary, Verdict, median_of, summarised, verdict_of
from targeting.reviewing.words import review_warnings
from targeting.study.carried_over import carried_over
from targeting.subject import Subject
from targeting.versions import versions

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Label:
    """What rows of a file were recorded for, by which coil, how they stand to the plan, and where they were.

    Parameters
    ----------
    target, coil, state : str
    pulses : int
        How many rows.
    distance_mm, share : float or None
        Medians: from the planned place, and the dose in the plan's target over the planned one (of the plan's coil only).
    """

    target: str
    coil: str
    state: str
    pulses: int
    distance_mm: float | None
    share: float | None


@dataclass(frozen=True)
class SessionReview:
    """One session beside the plan.

    Parameters
    ----------
    number : int
        In the order given, from 1.
    file, file_sha256 : str
    target, coil : str
        What plan's target and coil are called in it; empty where the file has no names.
    own_intensity : bool
        Whether doses are at the pulses' own intensity; false: at equal intensity, for want of it.
    summary : PulseSummary
    verdict : Verdict
    blocks : tuple of PulseSummary
        Train by train; empty where the file has no times.
    labels : tuple of Label
        All that was recorded, of the plan or not.
    drift : Drift or None
        None where there are too few pulses.
    minutes : float or None
        From the first pulse to the last; None without times.
    deepest_mm : float
        How far the casing was in the head by the navigator, at most; 0: it was not.
    notes : tuple of str
        What was taken for granted.
    """

    number: int
    file: str
    file_sha256: str
    target: str
    coil: str
    own_intensity: bool
    summary: PulseSummary
    verdict: Verdict
    blocks: tuple[PulseSummary, ...]
    labels: tuple[Label, ...]
    drift: Drift | None
    minutes: float | None
    deepest_mm: float
    notes: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Review:
    """What recorded sessions gave the target of a plan.

    Parameters
    ----------
    subject, plan : str
        Names.
    target, side, coil : str
        The plan's.
    planned : PlannedDose
    sessions : tuple of SessionReview
    verdict : Verdict
        Of all of them.
    warnings : tuple of PlanWarning
        What must be known before the numbers are used: warnings, then notes.
    log : tuple of LogLine
        The lines of the person's log for this plan that stand.
    pulses : Pulses
        Every recorded row.
    created : str
        ISO 8601, UTC.
    versions : dict
        Of the programs.
    folder : Path or None
        Where the files lie; None if none were written.
    """

    subject: str
    plan: str
    target: str
    side: str
    coil: str
    planned: PlannedDose
    sessions: tuple[SessionReview, ...]
    verdict: Verdict
    warnings: tuple[PlanWarning, ...]
    log: tuple[LogLine, ...]
    pulses: Pulses
    created: str
    versions: dict[str, str]
    folder: Path | None = None

    __repr__ = brief("subject", "plan", "verdict", "warnings", "folder")

    @property
    def own_intensity(self) -> bool:
        """Whether all doses are at the pulses' own intensity."""
        return all(each.own_intensity for each in self.sessions)

    @property
    def share(self) -> NDArray[np.float64]:
        """Dose of every pulse as a share of the planned one, (n,): its session's own, or at equal intensity."""
        own = np.array([each.own_intensity for each in self.sessions])[self.pulses.session - 1]
        return np.where(own, self.pulses.own_share, self.pulses.equal_share)

    def logged(self, session: SessionReview) -> list[LogLine]:
        """The log's lines for a session: those that name its file, or its number."""
        return [each for each in self.log if session.file_sha256 == each.file_sha256 or each.session == session.number]


def review(
    subject: str | Subject,
    sessions: Sequence[str | Path],
    *,
    out: str | Path | None = None,
    anyway: bool = False,
    write: bool = True,
) -> Review:
    """Hold the pulses of recorded sessions against a plan, and write a page, a table and JSON of what the target got.

    Parameters
    ----------
    subject : str or Subject
        With the plan, where there are several: "subject01/m1-hand-left".
    sessions : sequence of str or path
        A navigator's file for each session, in the course's order, as ``FILE`` or ``FILE:NAME``.
    out : path, optional
        The subject's folder, instead of ``./name/``.
    anyway : bool
        Take an outdated plan, too.
    write : bool
        Write the files, into a new folder ``reviews/`` of the plan's.

    Raises
    ------
    InputError
        If there is no valid plan, a session is given twice, is no navigator's file, cannot be of this coil at this head, or
        which of its pulses are the plan's is not clear.

    Examples
    --------
    >>> from targeting import review
    >>> review("nobody", ["session1.txt"])  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    meshes.errors.InputError: there is no plan in ...; run 'target plan nobody' first
    """
    subject = Subject.planned(subject, out)
    live = LiveDose.of(subject, anyway=anyway)
    recorded = read_recorded(sessions, live.plan, lambda session: carried_over(session, subject)[0])
    log.info("%d recorded rows", sum(len(each.records) for each in recorded))
    found = reviewed(subject, recorded, live)
    for warning in of_kind(found.warnings, WARNING):
        log.warning("%s", warning.text)
    if not write:
        return found
    from targeting.reviewing.files import write_review

    return replace(found, folder=write_review(subject, found, live))


def reviewed(subject: Subject, recorded: Sequence[RecordedSession], live: LiveDose) -> Review:
    """The review of sessions that were read.

    Parameters
    ----------
    subject : Subject
    recorded : sequence of RecordedSession
    live : LiveDose
        The plan, ready to be asked for doses.

    Raises
    ------
    InputError
        If a session cannot be of this coil at this head, or the log is not as it was written.
    """
    pulses, planned = pulses_of(recorded, live)
    course = read_log(subject)
    course.check()
    parts = tuple(_session(number, each, pulses, planned) for number, each in enumerate(recorded, start=1))
    plan = live.plan
    found = Review(
        subject=subject.name,
        plan=subject.plan,
        target=plan.target.name,
        side=plan.target.side,
        coil=plan.coil.name,
        planned=planned,
        sessions=parts,
        verdict=verdict_of([each.summary for each in parts], planned.pulses, all(each.own_intensity for each in parts)),
        warnings=(),
        log=tuple(each for each in course.standing if each.plan in ("", subject.plan)),
        pulses=pulses,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        versions=versions(),
    )
    return replace(found, warnings=tuple(review_warnings(found)))


def _session(number: int, recorded: RecordedSession, pulses: Pulses, planned: PlannedDose) -> SessionReview:
    here = pulses.session == number
    there = here & (pulses.state == GIVEN)
    own = bool(np.isfinite(pulses.own_share[there]).any())
    share = pulses.own_share if own else pulses.equal_share
    summary = summarised(pulses, share, here, f"session {number}")
    blocks = [k for k in np.unique(pulses.block[here]) if k > 0]
    times = pulses.time_s[there]
    timed = len(times) > 0 and bool(np.isfinite(times).all())
    deepest = float(pulses.scalp_mm[there].min(initial=0.0))
    return SessionReview(
        number=number,
        file=recorded.file,
        file_sha256=recorded.sha256,
        target=recorded.target,
        coil=recorded.coil,
        own_intensity=own,
        summary=summary,
        verdict=verdict_of([summary], planned.pulses, own),
        blocks=tuple(summarised(pulses, share, here & (pulses.block == k), f"block {k}") for k in blocks),
        labels=_labels(pulses, share, here),
        drift=drift_of(times, pulses.center_mm[there], share[there]) if np.isfinite(share[there]).all() else None,
        minutes=float(np.ptp(times)) / 60 if timed else None,
        deepest_mm=-deepest if fault_at(deepest) else 0.0,
        notes=recorded.notes,
    )


def _labels(pulses: Pulses, share: NDArray[np.float64], here: NDArray[np.bool_]) -> tuple[Label, ...]:
    """All that a session's file holds, by target, coil and state, the most first."""
    counted = Counter(zip(pulses.target[here], pulses.coil[here], pulses.state[here], strict=True))
    found = []
    for (target, coil, state), count in counted.most_common():
        rows = here & (pulses.target == target) & (pulses.coil == coil) & (pulses.state == state)
        found.append(
            Label(
                str(target), str(coil), str(state), count, median_of(pulses.distance_mm[rows]), median_of(share[rows])
            )
        )
    return tuple(found)
