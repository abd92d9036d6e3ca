"""The rows of a navigator's file, and which of them are pulses by the plan's coil for the plan's target.

Nothing is guessed: where pulses were recorded for several targets or by several coils and none has the plan's own name, one
must be named (``FILE:NAME``).  The other pulses stay in the review as what they are, and are not counted.
"""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from meshes.errors import InputError
from targeting.navigation.choice import ALL_PULSES, MOST_NAMED, NO_COIL, NO_TARGET, NOT_A_COIL, labels, recorded_by_hand
from targeting.navigation.pose_file import PoseFile
from targeting.navigation.records import Record, Session
from targeting.plans.tms import TmsPlan
from targeting.plans.tms_words import pose_names
from targeting.subject import sha256

GIVEN = "given"
UNTRACKED, OFF, IMPOSSIBLE = "not tracked", "off the head", "where no coil can be"  # given, but not as planned
OTHER_TARGET, OTHER_COIL, BY_HAND, NO_PULSE = "other target", "other coil", "recorded by hand", "no coil"
OF_THE_PLAN = (GIVEN, UNTRACKED, OFF, IMPOSSIBLE)


@dataclass(frozen=True, eq=False)
class RecordedSession:
    """A file of recorded pulses in RAS mm of the plan.

    Parameters
    ----------
    file : str
        Its name without the folder.
    sha256 : str
    records : tuple of Record
        All recorded rows, in the file's order.
    states : tuple of str
        Of each row: ``GIVEN`` (by the plan's coil for its target), ``UNTRACKED``, or why it is none of the plan's.
    target, coil : str
        What the plan's target and coil are called in the file; empty where it gives no names.
    notes : tuple of str
        What was taken for granted.
    """

    file: str
    sha256: str
    records: tuple[Record, ...]
    states: tuple[str, ...]
    target: str
    coil: str
    notes: tuple[str, ...]


def read_recorded(
    words: Iterable[str | Path], plan: TmsPlan, carry: Callable[[Session], Session]
) -> list[RecordedSession]:
    """Read the files of sessions, each as ``FILE`` or ``FILE:NAME``.

    Parameters
    ----------
    words : iterable of str or path
    plan : TmsPlan
    carry : callable
        Takes a file's poses to RAS mm of the plan, as :func:`targeting.study.carried_over.carried_over` does.

    Raises
    ------
    InputError
        If there is none, one is given twice, is no navigator's file, holds no pulse, is in a world that is not this T1's, or
        which pulses are the plan's is not clear.
    """
    files = [PoseFile.of(word) for word in words]
    if not files:
        raise InputError("there is nothing to review: give the file of a session with `sessions`")
    seen: dict[str, PoseFile] = {}
    found = []
    for file in files:
        session = carry(file.read())
        digest = sha256(file.path)
        if digest in seen:
            raise InputError(f"{file.path} is the same session as {seen[digest].path}: give each session once")
        seen[digest] = file
        if not session.pulses:
            raise InputError(f"{file.path} holds no pulse, only planned poses; give the file that recorded the session")
        found.append(_meant(file, digest, session, plan))
    return found


def _meant(file: PoseFile, digest: str, session: Session, plan: TmsPlan) -> RecordedSession:
    """Sort a file's rows by whether they are of the plan."""
    records = tuple(session.pulses)
    by_hand = set(map(id, recorded_by_hand(records)))
    pulses = [each for each in records if not NOT_A_COIL.match(each.driver) and id(each) not in by_hand]
    if not pulses:
        raise InputError(
            f"{file.path}: none of its {len(records)} samples is a pulse of a coil; give the session's pulses"
        )
    groups = Counter(map(labels, pulses))
    targets = _targets(groups, file, pose_names(plan))
    coils = {coil for target, coil in groups if target in targets}
    if file.name is not None and (
        named := coils & {file.name, *(file.name.removeprefix(f"{each}, ") for each in targets)}
    ):
        coils = named
    if len(coils) > 1:
        some = {f"{target}, {coil}": n for (target, coil), n in groups.items() if target in targets}
        raise _unclear(file, "coils", some)
    is_pulse = set(map(id, pulses))

    def state(record: Record) -> str:
        if id(record) not in is_pulse:
            return NO_PULSE if NOT_A_COIL.match(record.driver) else BY_HAND
        target, coil = labels(record)
        if coil not in coils:
            return OTHER_COIL
        if target not in targets:
            return OTHER_TARGET
        return UNTRACKED if record.pose is None else GIVEN

    target, coil = " and ".join(sorted(targets)), next(iter(coils))
    notes = list(session.remarks)
    notes += [] if targets <= {NO_TARGET, *pose_names(plan)} else [f"its target {target} is taken for the plan's"]
    notes += [] if coil == NO_COIL else [f"its coil {coil} is taken for the plan's {plan.coil.name}"]
    return RecordedSession(
        file.path.name,
        digest,
        records,
        tuple(map(state, records)),
        "" if target == NO_TARGET else target,
        "" if coil == NO_COIL else coil,
        tuple(notes),
    )


def _targets(groups: Counter[tuple[str, str]], file: PoseFile, own: list[str]) -> set[str]:
    """The names that the plan's target has in a file."""
    every = {target for target, _ in groups}
    if file.name is not None:
        meant = {
            target
            for target, coil in groups
            if file.name in (ALL_PULSES, target, f"pulses at {target}", coil, f"{target}, {coil}")
        }
        if not meant:
            held = ", ".join(sorted(repr(each) for each in every))
            raise InputError(f"{file.path} holds no pulses named {file.name!r}; it holds those at {held}")
        if file.name == ALL_PULSES or len(meant) == 1:
            return meant
        every = meant
    if mine := every & set(own):
        return mine
    if len(every) > 1:
        raise _unclear(
            file, "targets", {target: sum(n for key, n in groups.items() if key[0] == target) for target in every}
        )
    return every


def _unclear(file: PoseFile, what: str, names: dict[str, int]) -> InputError:
    listed = [f"{name!r} ({n})" for name, n in sorted(names.items(), key=lambda each: -each[1])]
    more = f" and {len(listed) - MOST_NAMED} more" if len(listed) > MOST_NAMED else ""
    example = shlex.quote(f"{file.path}:{max(names, key=names.__getitem__)}")
    return InputError(
        f"{file.path} holds pulses of several {what}, none of which has the plan's name: "
        f"{', '.join(listed[:MOST_NAMED])}{more}; say which is the plan's: `sessions` FILE:NAME, such as {example}"
    )
