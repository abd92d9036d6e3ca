"""What a review says, in the clinic's words: the verdict in a line, facts, tables, and what must be known with them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from targeting.records.warnings import PlanWarning, note, warning
from targeting.reviewing.recorded import BY_HAND, GIVEN, NO_PULSE, OF_THE_PLAN, OTHER_COIL, OTHER_TARGET
from targeting.reviewing.summary import (
    ENOUGH,
    MORE,
    NO,
    TOO_MUCH,
    UNKNOWN,
    YES,
    PulseSummary,
    Verdict,
    median_angle_deg,
)
from targeting.tms.orientation import REACH_DEG
from targeting.words.fact import Fact
from targeting.words.numbers import degrees, direction_words, listed, number, percent, three_digits

if TYPE_CHECKING:
    from targeting.course.log import LogLine
    from targeting.reviewing.review import Review, SessionReview

SEEN_BY_CAMERA = 0.95  # fewer tracked pulses are warned of
SAME_INTENSITY = 0.1  # by how much output and reported dI/dt may differ
ANSWERS = {YES: ("Yes", "calm"), NO: ("No", "red"), MORE: ("No", "red"), UNKNOWN: ("Not known", "amber")}


def headline(review: Review) -> str:
    """The answer to what staff asks first, in a line."""
    return verdict_words(review.verdict, review.own_intensity)


def verdict_words(verdict: Verdict, own_intensity: bool = True) -> str:
    """Whether the target got the planned dose.

    Examples
    --------
    >>> verdict_words(Verdict("yes", 0.97, 0.97, 0.98, 3000))
    'Yes: the target got 97 % of the planned dose'
    >>> verdict_words(Verdict("not known", 0.82, 0.97, 0.83, 3000))
    'Not known: the target got between 82 and 97 % of the planned dose'
    >>> verdict_words(Verdict("more", 1.0, 1.0, 1.24, 3000))
    'No: the target got more than planned, 124 % of the dose'
    >>> verdict_words(Verdict("not known", 0.97, 0.97, 0.97, 300), own_intensity=False)
    'Not known: at equal intensity the target got 97 % of the planned dose'
    """
    who = "the target" if own_intensity else "at equal intensity the target"
    if verdict.answer == MORE:
        said = f"{who} got more than planned, {percent(verdict.in_all)} of the dose"
    elif verdict.high - verdict.low >= 0.005:
        said = f"{who} got between {number(100 * verdict.low, 0)} and {percent(verdict.high)} of the planned dose"
    else:
        said = f"{who} got {percent(verdict.low)} of the planned dose"
    return f"{ANSWERS[verdict.answer][0]}: {said}"


def pulses_fact(review: Review) -> Fact:
    """Pulses given, of those prescribed."""
    given = sum(each.summary.pulses for each in review.sessions)
    planned = review.planned
    more = []
    if planned.pulses is not None:
        more.append(f"of {planned.pulses * len(review.sessions):,} by {planned.protocol}")
    on_head = sum(each.summary.on_head for each in review.sessions)
    more.append(f"{on_head:,} seen by the camera on the head")
    return Fact("Pulses", f"{given:,}", more="; ".join(more))


def sessions_fact(review: Review) -> Fact:
    """Sessions reviewed, of those of the protocol."""
    total = review.planned.sessions
    more = "the plan says no number of sessions" if total is None else f"of {total} by {review.planned.protocol}"
    return Fact("Sessions", str(len(review.sessions)), more=more)


def dose_fact(review: Review) -> Fact:
    """The dose of the median pulse, beside the planned one."""
    share = review.share[review.pulses.state == GIVEN]
    dose = review.pulses.dose_v_per_m[review.pulses.state == GIVEN]
    planned = review.planned.dose_v_per_m
    lost = 100 * (1 - float(np.nanmedian(share))) if np.isfinite(share).any() else None
    words = "" if lost is None else f"{number(abs(lost), 0)} % {'lost' if lost >= 0 else 'more'} against the plan"
    if not np.isfinite(dose).any():
        return Fact(
            "Dose of a pulse", "–" if lost is None else percent(1 - lost / 100), more=f"{words}; no V/m is known"
        )
    of = "" if planned is None else f"; planned {three_digits(planned)} V/m"
    return Fact("Dose of a pulse", three_digits(float(np.nanmedian(dose))), "V/m", f"median; {words}{of}")


def place_fact(review: Review) -> Fact:
    """How far the coil was from its planned place."""
    there = review.pulses.state == GIVEN
    if not there.any():
        return Fact("Off the planned place", "–")
    away = review.pulses.distance_mm[there]
    offset = np.median(review.pulses.offset_mm[there], axis=0)
    toward = f", {direction_words(offset)}" if np.linalg.norm(offset) >= 1.0 else ""
    return Fact(
        "Off the planned place",
        number(float(np.median(away))),
        "mm",
        f"median{toward}; nine of ten within {number(float(np.quantile(away, 0.9)))} mm",
    )


def turn_fact(review: Review) -> Fact:
    """How far the coil was turned from the planned angle."""
    there = review.pulses.state == GIVEN
    handle = median_angle_deg(review.pulses.handle_deg[there])
    if handle is None:
        return Fact("Handle turned", "–")
    tilt = float(np.median(review.pulses.tilt_deg[there]))
    way = f"{_way(handle)}; " if abs(handle) >= 0.5 else ""
    return Fact("Handle turned", degrees(abs(handle)), more=f"{way}coil tilted by {degrees(tilt)} (medians)")


def output_fact(review: Review) -> Fact:
    """The stimulator's output, beside the planned one."""
    there = review.pulses.state == GIVEN
    found = review.pulses.output_percent[there]
    didt = review.pulses.didt_a_per_s[there] / 1e6
    planned = review.planned
    more = "" if planned.percent is None else f"planned {planned.percent:g} % MSO"
    if np.isfinite(found).any():
        return Fact("Output", number(float(np.nanmedian(found)), 0), "% MSO", more or "median; the plan has none")
    if np.isfinite(didt).any():
        of = "" if planned.didt_a_per_s is None else f"planned {three_digits(planned.didt_a_per_s / 1e6)} A/µs"
        return Fact(
            "Output", three_digits(float(np.nanmedian(didt))), "A/µs", of or more or "median; the plan has none"
        )
    return Fact("Output", "not recorded", more=more)


def review_warnings(review: Review) -> list[PlanWarning]:
    """What must be known before the numbers are used: warnings, then notes."""
    found: list[PlanWarning] = []
    for session in review.sessions:
        found += _session_warnings(session, review)
    found += _between_sessions(review)
    if review.planned.percent is None:
        found.append(
            note(
                "the plan prescribes no output, for want of a threshold and protocol: doses are compared at equal intensity"
            )
        )
    if review.planned.pulses is None:
        found.append(
            note(
                "the plan names no protocol: pulses are held against those that were given, and no session can be missed"
            )
        )
    elif review.planned.sessions is not None and len(review.sessions) < review.planned.sessions:
        seen = f"{len(review.sessions)} of the protocol's {review.planned.sessions}"
        found.append(note(f"sessions reviewed: {seen}; no plan says on which days the others are"))
    named = {each.session for each in review.log if each.session is not None}
    if more := sorted(named - {each.number for each in review.sessions}):
        found.append(
            note(f"the log names session {listed([str(each) for each in more])}, of which no file is reviewed")
        )
    order = ("warning", "note")
    return sorted(found, key=lambda each: order.index(each.kind))


def _session_warnings(session: SessionReview, review: Review) -> list[PlanWarning]:
    one, who = session.summary, f"session {session.number}"
    found = []
    if one.untracked > (1 - SEEN_BY_CAMERA) * one.pulses:
        lost = f"{one.untracked:,} of {one.pulses:,} pulses"
        found.append(warning(f"{who}: the camera did not see the coil at {lost}; their dose is not known"))
    if one.impossible:
        found.append(
            warning(
                f"{who}: {one.impossible:,} of {one.pulses:,} pulses lie where no coil can be (in the head, facing away)"
            )
        )
    if one.off_head:
        kind = warning if one.off_head > (1 - SEEN_BY_CAMERA) * one.pulses else note
        found.append(kind(f"{who}: {one.off_head:,} of {one.pulses:,} pulses were given with the coil off the head"))
    if session.deepest_mm:
        found.append(
            warning(
                f"{who}: the casing was, by the navigator, up to {number(session.deepest_mm)} mm in the head: check it"
            )
        )
    if session.drift is not None and session.drift.told:
        found.append(warning(f"{who}: {drift_words(session)}"))
    if one.handle_deg is not None and abs(one.handle_deg) > REACH_DEG:
        turned = f"the handle was turned {degrees(abs(one.handle_deg))} {_way(one.handle_deg)}"
        found.append(warning(f"{who}: {turned}: motor responses fall off beyond {degrees(REACH_DEG)}"))
    if one.share is not None and one.share > TOO_MUCH:
        found.append(
            warning(f"{who}: the median pulse gave {percent(one.share)} of the planned dose, more than planned")
        )
    prescribed = review.planned.pulses
    if prescribed is not None and one.pulses != prescribed:
        less = f"{one.pulses:,} pulses were given of {prescribed:,} prescribed"
        found.append(
            warning(f"{who}: {less}") if not ENOUGH <= one.pulses / prescribed <= TOO_MUCH else note(f"{who}: {less}")
        )
    found += _intensity_warnings(session, review)
    for state in (OTHER_COIL, OTHER_TARGET, BY_HAND, NO_PULSE):
        rows = [each for each in session.labels if each.state == state]
        if rows:
            by = sorted({each.coil if state in (OTHER_COIL, NO_PULSE) else each.target for each in rows})
            many = sum(each.pulses for each in rows)
            text = {
                OTHER_COIL: f"{many:,} by another coil ({', '.join(by)})",
                OTHER_TARGET: f"{many:,} for another target ({', '.join(by)})",
                BY_HAND: f"{many:,} recorded by hand",
                NO_PULSE: f"{many:,} not of a coil ({', '.join(by)})",
            }[state]
            found.append((warning if state == OTHER_COIL else note)(f"{who}: not counted: {text}"))
    return [*found, *(note(f"{who}: {each}") for each in session.notes)]


def _intensity_warnings(session: SessionReview, review: Review) -> list[PlanWarning]:
    """Outputs that are not recorded, or that contradict the dI/dt that the stimulator reported."""
    pulses, planned, who = review.pulses, review.planned, f"session {session.number}"
    there = (pulses.session == session.number) & (pulses.state == GIVEN)
    if not session.own_intensity and planned.percent is not None:
        return [
            warning(
                f"{who}: its file records no output that can be held against the plan's: doses are taken at equal intensity"
            )
        ]
    found = []
    missing = int((there & ~np.isfinite(pulses.own_share)).sum()) if session.own_intensity else 0
    if missing:
        found.append(warning(f"{who}: of {missing:,} pulses no output is recorded; their dose is not known"))
    if planned.max_didt_a_per_s is not None:
        taken = pulses.output_percent[there] / 100 * planned.max_didt_a_per_s
        ratio = pulses.reported_a_per_s[there] * planned.reported / taken
        if np.isfinite(ratio).any() and abs(float(np.nanmedian(ratio)) - 1) > SAME_INTENSITY:
            reported = float(np.nanmedian(pulses.reported_a_per_s[there] * planned.reported)) / 1e6
            found.append(
                warning(
                    f"{who}: the stimulator reported {three_digits(reported)} A/µs where the plan's coil and stimulator give "
                    f"{three_digits(float(np.nanmedian(taken)) / 1e6)} A/µs at that output: another coil, stimulator or pulse?"
                )
            )
    return found


def _between_sessions(review: Review) -> list[PlanWarning]:
    found = []
    for what in ("target", "coil"):
        names = [getattr(each, what) for each in review.sessions]
        if len(set(names)) > 1:
            said = ", ".join(f"session {each.number} {getattr(each, what) or 'unnamed'}" for each in review.sessions)
            found.append(warning(f"the sessions are not all of one {what}: {said}"))
    return found


def drift_words(session: SessionReview) -> str:
    """How the coil drifted in a session.

    Raises
    ------
    AssertionError
        If it is not known.
    """
    drift = session.drift
    assert drift is not None
    over = "from its first pulse to its last" if drift.minutes is None else f"in {number(drift.minutes, 0)} min"
    if not drift.told:
        return f"no steady drift {over} (at most {number(drift.high_mm)} mm)"
    dose = f"; the dose changed by {number(drift.percent, 0)} % of the planned one"
    interval = f"{number(drift.low_mm)} to {number(drift.high_mm)} mm"
    return f"the coil drifted {number(drift.mm)} mm ({interval}) {direction_words(drift.direction)} {over}{dose}"


SESSION_HEADS = (
    ("Session", ""),
    ("Got of the planned dose", "%"),
    ("Pulses", "given"),
    ("Of the prescription", "%"),
    ("Dose of a pulse", "% of planned"),
    ("Output", "% MSO"),
    ("Off the place", "mm"),
    ("Handle turned", "degrees"),
    ("Not tracked", "pulses"),
)


def session_rows(review: Review) -> list[tuple[str, ...]]:
    """A row for each session."""
    return [
        (f"{each.number}: {each.file}", _range(each.verdict), *summary_cells(each.summary, review.planned.pulses))
        for each in review.sessions
    ]


BLOCK_HEADS = (("Block", ""), *SESSION_HEADS[2:])


def block_rows(session: SessionReview, prescribed: int | None) -> list[tuple[str, ...]]:
    """A row for each train of a session."""
    return [(each.name.removeprefix("block "), *summary_cells(each, prescribed)) for each in session.blocks]


LABEL_HEADS = (
    ("Session", ""),
    ("Recorded for", ""),
    ("Coil", ""),
    ("What it is", ""),
    ("Rows", ""),
    ("Off the place", "mm"),
    ("Dose of a pulse", "% of planned"),
)


def label_rows(review: Review) -> list[tuple[str, ...]]:
    """All that the sessions' files hold, by target and coil."""
    return [
        (
            str(session.number),
            each.target,
            each.coil,
            f"of the plan, {each.state}" if each.state in OF_THE_PLAN else each.state,
            f"{each.pulses:,}",
            _cell(each.distance_mm),
            _cell(None if each.share is None else 100 * each.share, 0),
        )
        for session in review.sessions
        for each in session.labels
    ]


LOG_HEADS = (
    ("Line", ""),
    ("Day", ""),
    ("Session", ""),
    ("Motor threshold", "% MSO"),
    ("Pain", "0 to 10"),
    ("Adverse events", ""),
    ("Note", ""),
)


def log_rows(lines: Sequence[LogLine]) -> list[tuple[str, ...]]:
    """The log's lines as they stand."""
    return [
        (
            str(each.line),
            each.date,
            each.file or ("–" if each.session is None else str(each.session)),
            *("–" if value is None else f"{value:g}" for value in (each.rmt_percent, each.nrs)),
            each.adverse or "–",
            each.note or "–",
        )
        for each in lines
    ]


def summary_cells(one: PulseSummary, prescribed: int | None) -> tuple[str, ...]:
    """The numbers of some pulses, as a table has them."""
    return (
        f"{one.pulses:,}",
        "–" if prescribed is None else number(100 * one.pulses / prescribed, 0),
        _cell(None if one.share is None else 100 * one.share, 0),
        _cell(one.output_percent, 0),
        _cell(one.distance_mm),
        _cell(one.handle_deg, 0),
        f"{one.untracked:,}",
    )


def _cell(value: float | None, decimals: int = 1) -> str:
    return "–" if value is None else number(value, decimals)


def _range(verdict: Verdict) -> str:
    if verdict.answer == MORE:
        return number(100 * verdict.in_all, 0)
    low, high = number(100 * verdict.low, 0), number(100 * verdict.high, 0)
    return low if low == high else f"{low} to {high}"


def _way(handle_deg: float) -> str:
    """Which way the handle is turned, as seen from outside the head."""
    return "counter-clockwise" if handle_deg > 0 else "clockwise"
