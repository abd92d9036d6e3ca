"""Choose the rows of a navigator's file that a user means: one target, or the pulses of one coil for one target.

Nothing is guessed.  Of pulses those count that a coil was tracked for; where some were recorded by the stimulator's trigger,
those by hand are no pulses.  Where targets, or coils, are several, one must be named: ``FILE:NAME``, NAME a target, what
pulses were recorded for, a coil, a row's own name or ``#2`` for the second row.
"""

from __future__ import annotations

import re
import shlex
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from meshes.errors import InputError
from targeting.navigation.pose_file import PoseFile
from targeting.navigation.records import PULSE, Kind, Record, Session

NOT_A_COIL = re.compile(
    r"^(?!.*coil).*\b(mouse|pointer|stylus|keyboard|(subject|head|chair|patient|reference) tracker)\b", re.IGNORECASE
)
TRIGGERED = re.compile(r"ttl|stim|trigger|pulse", re.IGNORECASE)  # of Brainsight's causes; others are hands
NO_TARGET, NO_COIL, ALL_PULSES = "no target", "unnamed coil", "pulses"
SAME_PLACE_MM, SAME_TURN_DEG = 0.1, 0.5  # rows of one name that are the same pose twice
MOST_NAMED = 8


@dataclass(frozen=True, eq=False)
class ChosenRows:
    """The rows of a navigator's file that a user means, all with a pose.

    Parameters
    ----------
    records : tuple of Record
        One target, or pulses of one coil for one target.
    session : Session
    left_out : tuple of str
        How many pulses were left out, and why.
    words : str
        Which rows these are, where that is not plain: "2 of 4 pulses, those at M1".
    """

    records: tuple[Record, ...]
    session: Session
    left_out: tuple[str, ...] = ()
    words: str = ""

    @property
    def kind(self) -> Kind:
        """Of the rows."""
        return self.records[0].kind


def chosen_target(session: Session, file: PoseFile, option: str) -> ChosenRows:
    """The one pose that a file of targets means, else its pulses; ``file.name`` says which, where there are several.

    Raises
    ------
    InputError
        If it holds no pose, several and no name says which, or none of that name; the line lists the names.
    """
    if file.name is None:
        targets = session.targets
        return _only(targets, session, file, option) if targets else chosen_pulses(session, file, option)
    for find in (_targets_named, _pulses_named, _row_named):
        if chosen := find(session, file, option):
            return chosen
    raise _not_there(session, file)


def chosen_pulses(session: Session, file: PoseFile, option: str, own: Sequence[str] = ()) -> ChosenRows:
    """The pulses of one coil for one target; where the file holds planned targets only, the one of them that is meant.

    Parameters
    ----------
    session, file
        What the file holds, and which of it is meant.
    option : str
        The option that names the file, for the message: "`delivered`".
    own : sequence of str
        Names that the plan's own pose has in a navigator: of several targets, that one is meant.

    Raises
    ------
    InputError
        As :func:`chosen_target`; also if no pulse was tracked or none is a coil's.
    """
    if file.name is not None:
        for find in (_pulses_named, _targets_named, _row_named):
            if chosen := find(session, file, option):
                return chosen
        raise _not_there(session, file)
    if session.pulses:
        tracked, left_out = _tracked(session)
        return _one_group(tracked, session, file, option, left_out, own)
    if not session.targets:
        raise InputError(f"{session.source} holds no pose; give the file with the session's pulses or targets")
    mine = [each for each in session.targets if each.name in own]
    return _only(mine or session.targets, session, file, option)


def coil_pulses(session: Session) -> list[Record]:
    """The pulses of a tracked coil."""
    return [each for each in session.pulses if each.pose is not None and not NOT_A_COIL.match(each.driver)]


def _tracked(session: Session) -> tuple[list[Record], list[str]]:
    """The pulses of a tracked coil, and what was left out.

    Raises
    ------
    InputError
        If there are none.
    """
    every, left_out = session.pulses, []
    pulses = [each for each in every if not NOT_A_COIL.match(each.driver)]
    if len(pulses) < len(every):
        tools = ", ".join(sorted({each.driver for each in every} - {each.driver for each in pulses}))
        left_out.append(f"{len(every) - len(pulses)} of {len(every)} samples left out: not of a coil ({tools})")
        if not pulses:
            raise InputError(
                f"{session.source}: none of its {_many(len(every), 'sample')} is of a coil ({tools}); give a file with the "
                f"session's pulses{_or_a_target(session)}"
            )
    tracked = [each for each in pulses if each.pose is not None]
    if not tracked:
        raise InputError(
            f"{session.source}: none of its {_many(len(pulses), 'pulse')} was tracked (the camera did not see the coil), so "
            f"where they were given is not known{_or_a_target(session)}"
        )
    if len(tracked) < len(pulses):
        left_out.append(f"{len(pulses) - len(tracked)} of {_many(len(pulses), 'pulse')} left out: not tracked")
    if by_hand := recorded_by_hand(tracked):
        causes = ", ".join(sorted({each.cause for each in by_hand}))
        left_out.append(f"{len(by_hand)} of {len(tracked)} samples left out: recorded by hand ({causes})")
        tracked = [each for each in tracked if each not in by_hand]
    return tracked, left_out


def _one_group(
    tracked: list[Record], session: Session, file: PoseFile, option: str, left_out: list[str], own: Sequence[str] = ()
) -> ChosenRows:
    """All pulses if they are of one coil and one target, else those for the plan's own, if they are of one coil."""
    groups = Counter(map(labels, tracked))
    mine = [group for group in groups if group[0] in own]
    if len(groups) == 1:
        return ChosenRows(tuple(tracked), session, tuple(left_out))
    if len(mine) == 1:
        return _of_group(tracked, mine[0], session, left_out)
    several = [len({group[i] for group in groups}) > 1 for i in (0, 1)]
    what = " and ".join(word for word, many in zip(("targets", "coils"), several, strict=True) if many)
    shown = [len({labels(each)[i] for each in coil_pulses(session)}) > 1 for i in (0, 1)]  # so that a name means one
    names = {
        ", ".join(word for word, many in zip(group, shown, strict=True) if many): n for group, n in groups.most_common()
    }
    raise InputError(
        f"{session.source} holds {len(tracked)} pulses of several {what}, of which no mean can be taken: "
        f"{_listed(f'{name!r} ({n})' for name, n in names.items())}; say which: {_example(option, file, next(iter(names)))}"
    )


def recorded_by_hand(records: Sequence[Record]) -> list[Record]:
    """Those that a person recorded, no stimulator, where others of them came by a trigger."""
    if not any(TRIGGERED.search(each.cause) for each in records):
        return []
    return [each for each in records if each.cause and not TRIGGERED.search(each.cause)]


def labels(record: Record) -> tuple[str, str]:
    """What a pulse was for, and by which coil."""
    return record.target or NO_TARGET, record.driver or NO_COIL


def _of_group(tracked: list[Record], group: tuple[str, str], session: Session, left_out: list[str]) -> ChosenRows:
    found = [each for each in tracked if labels(each) == group]
    by = f" by {group[1]}" if len({each.driver for each in tracked}) > 1 else ""
    return ChosenRows(
        tuple(found), session, tuple(left_out), f"{len(found)} of {len(tracked)} pulses, those at {group[0]}{by}"
    )


def _targets_named(session: Session, file: PoseFile, option: str) -> ChosenRows | None:
    """The target of that name."""
    assert file.name is not None
    found = [each for each in session.targets if each.name == file.name]
    return _only(found, session, file, option) if found else None


def _pulses_named(session: Session, file: PoseFile, option: str) -> ChosenRows | None:
    """The pulses for a target or by a coil of that name, or all."""
    assert file.name is not None
    name = file.name.removeprefix("pulses at ")
    if not session.pulses:
        return None
    meant = [each for each in session.pulses if name in (ALL_PULSES, *labels(each), ", ".join(labels(each)))]
    if not meant:
        return None
    tracked, left_out = _tracked(Session(tuple(meant), session.source))
    if len(set(map(labels, tracked))) > 1:
        return _one_group(tracked, session, file, option, left_out)
    every = len(session.pulses)
    words = f"{len(tracked)} of {every} pulses, those at {name}" if len(meant) < every else ""
    return ChosenRows(tuple(tracked), session, tuple(left_out), words)


def _row_named(session: Session, file: PoseFile, option: str) -> ChosenRows | None:
    """The row of that name, or of that number."""
    assert file.name is not None
    rows = session.targets or session.pulses
    if number := re.fullmatch(r"#(\d+)", file.name):
        found = [each for each in rows if each.row == int(number[1])]
    else:
        found = [each for each in session.pulses if each.name == file.name]
    return _only(found, session, file, option) if found else None


def _only(rows: list[Record], session: Session, file: PoseFile, option: str) -> ChosenRows:
    """The one row, or several that are one pose."""
    placed = [each for each in rows if each.pose is not None]
    what = "pulse" if rows[0].kind == PULSE else "target"
    if not placed:
        who = f"the {what} {rows[0].name!r}" if len(rows) == 1 else f"none of its {len(rows)} {what}s"
        raise InputError(
            f"{session.source}: {who} has {'no' if len(rows) == 1 else 'a'} place with axes; record it again"
        )
    if any(not _same(placed[0], each) for each in placed[1:]):
        named = {each.name for each in placed}
        unlike = len(named) == len(placed) and all(named)
        names = [each.name if unlike else f"#{each.row}" for each in placed]
        listed = _listed(repr(each.name) if unlike else f"#{each.row} {each.name}".rstrip() for each in placed)
        pulses = f" (its pulses: {_quoted(file, ALL_PULSES)})" if what == "target" and coil_pulses(session) else ""
        raise InputError(
            f"{session.source} holds {len(placed)} {what}s{'' if unlike else ' that share names'}: {listed}; say which one is "
            f"meant: {_example(option, file, names[0])}{pulses}"
        )
    first = placed[0]
    of = len(session.targets if what == "target" else session.pulses)
    return ChosenRows((first,), session, (), f"{what} {first.name!r}, row {first.row} of {of}")


def _same(one: Record, other: Record) -> bool:
    assert one.pose is not None and other.pose is not None
    return bool(
        np.linalg.norm(one.pose.center_mm - other.pose.center_mm) < SAME_PLACE_MM
        and apart_deg(one.pose.matrix_mm, other.pose.matrix_mm) < SAME_TURN_DEG
    )


def apart_deg(one: np.ndarray, other: np.ndarray) -> float:
    """The angle of the rotation from one pose's axes to another's, degrees."""
    cosine = (np.trace(one[:3, :3].T @ other[:3, :3]) - 1) / 2
    return float(np.degrees(np.arccos(np.clip(cosine, -1, 1))))


def _not_there(session: Session, file: PoseFile) -> InputError:
    names = [repr(each.name) if each.name else f"#{each.row}" for each in session.targets]
    groups = dict.fromkeys(labels(each)[0] for each in session.pulses)
    pulses = [repr(f"pulses at {each}") for each in groups] if session.pulses else []
    held = _listed([*names, *pulses]) if names or pulses else "no pose"
    return InputError(f"{session.source} holds nothing named {file.name!r}; it holds {held}")


def _many(n: int, what: str) -> str:
    return f"{n} {what}" if n == 1 else f"{n} {what}s"


def _listed(names: Iterable[str]) -> str:
    shown = list(names)
    more = len(shown) - MOST_NAMED
    return ", ".join(shown[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def _quoted(file: PoseFile, name: str) -> str:
    return shlex.quote(f"{file.path}:{name}")


def _example(option: str, file: PoseFile, name: str) -> str:
    return f"{option} FILE:NAME, such as {option} {_quoted(file, name)}"


def _or_a_target(session: Session) -> str:
    if not session.targets:
        return ""
    first = session.targets[0]
    return f"; its planned targets can be named, such as '{session.source}:{first.name or f'#{first.row}'}'"
