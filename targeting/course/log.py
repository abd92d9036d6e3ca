"""A course's log: lines that are only ever added, each hashed together with the hash of the line before.

``NAME/course/log.jsonl`` holds a JSON object a line.  ``sha256`` of a line is the hash of all its other fields, of which
``previous`` is the hash of the line before.  A line that was changed no longer has its hash, and one that was taken out or put
in breaks the chain at the next: both are found and said, and nothing is added to such a log.  Whoever rewrites every later
line as well is found by the last hash alone, which each addition tells: write it down elsewhere if that matters.  A mistake is
mended by a further line that names the one it corrects.
"""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, date, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec

from meshes.errors import InputError
from meshes.whole_files import written_whole
from targeting.folder_lock import locked
from targeting.subject import Subject, sha256

FOLDER, FILE = "course", "log.jsonl"
FIRST = "0" * 64  # what the first line names as the one before
NO_ADVERSE = "none"
LONGEST = 300  # letters of a text
RMT_PERCENT, NRS = (1.0, 100.0), (0.0, 10.0)
DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True, kw_only=True)
class LogLine:
    """One record of a course.

    Parameters
    ----------
    line : int
        From 1.
    plan : str
        Name of the plan it belongs to; empty: none in particular.
    session : int or None
        Number of the session, from 1; None where it is named by its file, or there is none.
    file, file_sha256 : str
        Name and hash of the session's file; empty without one.
    date : str
        Of what is recorded, ISO 8601.
    rmt_percent : float or None
        Resting motor threshold, percent of the stimulator's maximum output.
    nrs : float or None
        Pain on the numeric rating scale, 0 (none) to 10.
    adverse : str
        Adverse events in words; "none": asked for and none; empty: not recorded.
    note : str
    corrects : int or None
        The line in whose place this one stands.
    recorded : str
        When the line was added, ISO 8601, UTC.
    previous, sha256 : str
        Hash of the line before, and of this one.
    """

    line: int
    plan: str = ""
    session: int | None = None
    file: str = ""
    file_sha256: str = ""
    date: str = ""
    rmt_percent: float | None = None
    nrs: float | None = None
    adverse: str = ""
    note: str = ""
    corrects: int | None = None
    recorded: str = ""
    previous: str = FIRST
    sha256: str = ""

    @property
    def hashed(self) -> str:
        """The hash that the line must have."""
        content = {name: value for name, value in asdict(self).items() if name != "sha256"}
        text = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        return hashlib.sha256(text.encode("utf-8")).hexdigest()


@dataclass(frozen=True)
class CourseLog:
    """A person's log as it lies in the folder.

    Parameters
    ----------
    path : Path
    lines : tuple of LogLine
        Those that can be read.
    faults : tuple of str
        What is not as it was written; empty if all is.
    """

    path: Path
    lines: tuple[LogLine, ...]
    faults: tuple[str, ...]

    @cached_property
    def corrected_by(self) -> dict[int, int]:
        """Corrected line → the line that corrects it."""
        return {each.corrects: each.line for each in self.lines if each.corrects is not None}

    @property
    def standing(self) -> tuple[LogLine, ...]:
        """The lines that no other corrects."""
        return tuple(each for each in self.lines if each.line not in self.corrected_by)

    def check(self) -> None:
        """Refuse a log that is not as it was written.

        Raises
        ------
        InputError
            If a line was changed, taken out or put in.
        """
        if self.faults:
            raise InputError(
                f"{self.path} is not as it was written: {'; '.join(self.faults)}. Put the file back from a copy, or move it "
                "away and begin a new one"
            )


def read_log(subject: Subject) -> CourseLog:
    """The log of a person, and what is wrong with it; one without lines where none was begun.

    Raises
    ------
    InputError
        If there is no such person's folder, or the file cannot be read.
    """
    subject.check_there()
    path = subject.folder / FOLDER / FILE
    return CourseLog(path, *_read(_text(path)))


def add_to_log(
    subject: Subject,
    *,
    session: int | str | Path | None = None,
    rmt_percent: float | None = None,
    nrs: float | None = None,
    adverse: str | None = None,
    date: str | None = None,
    note: str | None = None,
    corrects: int | None = None,
    today: Callable[[], date] = date.today,
) -> LogLine:
    """Add a line to a person's log.

    Parameters
    ----------
    subject : Subject
        With the plan it belongs to, if any.
    session : int or path, optional
        Number of the session, or the navigator's file of it, by whose hash it is known again.
    rmt_percent : float, optional
        Resting motor threshold, percent of the stimulator's maximum output: 1 to 100.
    nrs : float, optional
        Pain on the numeric rating scale: 0 to 10.
    adverse : str, optional
        Adverse events, or "none".
    date : str, optional
        ``YYYY-MM-DD``, not in the future; default: today.
    note : str, optional
    corrects : int, optional
        The line that is wrong: what is not given anew is taken over from it.
    today : callable
        The day it is.

    Returns
    -------
    LogLine

    Raises
    ------
    InputError
        If a value is out of its range, nothing is recorded, the line to correct is not there or was corrected, or the log is
        not as it was written.
    WriteError
        If it cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from targeting.course.log import add_to_log, read_log
    >>> from targeting.subject import Subject
    >>> subject = Subject.named("subject01", tempfile.mkdtemp())
    >>> _ = add_to_log(subject, session=1, rmt_percent=52, nrs=6, adverse="none")
    >>> _ = add_to_log(subject, corrects=1, nrs=5)
    >>> [(each.line, each.rmt_percent, each.nrs) for each in read_log(subject).standing]
    [(2, 52.0, 5.0)]
    """
    new = _checked(session, rmt_percent, nrs, adverse, date, note, today())
    path = read_log(subject).path  # the person is there
    path.parent.mkdir(exist_ok=True)
    with locked(path.parent):
        log = read_log(subject)
        log.check()
        previous = log.lines[-1].sha256 if log.lines else FIRST
        if corrects is not None:
            new = _over(log, corrects) | new
        elif not new.keys() & {"rmt_percent", "nrs", "adverse", "note"}:
            raise InputError("nothing is recorded: give `rmt_percent`, `nrs`, `adverse` or `note`")
        new.setdefault("date", today().isoformat())
        recorded = datetime.now(UTC).isoformat(timespec="seconds")
        about = {"plan": subject.plan, "corrects": corrects, "recorded": recorded, "previous": previous}
        line = LogLine(line=len(log.lines) + 1, **(new | about))
        line = replace(line, sha256=line.hashed)
        text = json.dumps(asdict(line), ensure_ascii=False)
        with written_whole(path) as temporary:
            temporary.write_bytes((_text(path) + text + "\n").encode("utf-8"))
    return line


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read ({error}); put it back from a copy") from None


def _read(text: str) -> tuple[tuple[LogLine, ...], tuple[str, ...]]:
    """The lines, and what is wrong with them."""
    lines: list[LogLine] = []
    faults = []
    previous = FIRST
    written = text.split("\n")
    if written.pop():  # what follows the last line's end
        faults.append("its last line is not whole")
    names = {each.name for each in fields(LogLine)}
    for number, row in enumerate(written, start=1):
        try:
            document = json.loads(row)
            line = msgspec.convert(document, LogLine)
            whole = document.keys() == names
        except (ValueError, msgspec.ValidationError):  # bad JSON is a ValueError
            faults.append(f"line {number} cannot be read")
            previous = ""
            continue
        if not whole or line.sha256 != line.hashed:
            faults.append(f"line {number} was changed")
        elif (previous and line.previous != previous) or line.line != number:
            faults.append(f"line {number} does not follow the one before it: lines were taken out or put in")
        previous = line.sha256
        lines.append(line)
    return tuple(lines), tuple(faults)


def _over(log: CourseLog, corrects: int) -> dict[str, Any]:
    """What a correction takes over from the line that it corrects."""
    wrong = next((each for each in log.lines if each.line == corrects), None)
    if wrong is None:
        raise InputError(f"`corrects`: there is no line {corrects}; the log has {len(log.lines)}")
    if corrects in log.corrected_by:
        later = log.corrected_by[corrects]
        raise InputError(f"`corrects`: line {corrects} was corrected by line {later} already; correct that one")
    kept = ("session", "file", "file_sha256", "date", "rmt_percent", "nrs", "adverse", "note")
    return {name: getattr(wrong, name) for name in kept}


def _checked(
    session: int | str | Path | None,
    rmt_percent: float | None,
    nrs: float | None,
    adverse: str | None,
    day: str | None,
    note: str | None,
    today: date,
) -> dict[str, Any]:
    """The values that were given, each within its limits."""
    found: dict[str, Any] = {} if session is None else _session(session)
    for name, value, (low, high), unit in (
        ("rmt_percent", rmt_percent, RMT_PERCENT, "% of the stimulator's maximum output"),
        ("nrs", nrs, NRS, "on the numeric rating scale of pain"),
    ):
        if value is not None:
            if not low <= value <= high:  # false for NaN, too
                raise InputError(f"`{name}` takes {low:g} to {high:g} {unit}, not {value:g}")
            found[name] = float(value)
    for name, text in (("adverse", adverse), ("note", note)):
        if text is not None:
            found[name] = _one_line(name, text)
    if "adverse" in found and found["adverse"].lower() in (NO_ADVERSE, "no"):
        found["adverse"] = NO_ADVERSE
    if day is not None:
        found["date"] = _day(day, today)
    return found


def _session(session: int | str | Path) -> dict[str, Any]:
    """A session by its number, or by its file."""
    number = int(str(session)) if re.fullmatch(r"-?\d+", str(session)) else None
    if number is not None:
        if number < 1:
            raise InputError(f"`session` takes a number from 1, or a navigator's file, not {number}")
        return {"session": number, "file": "", "file_sha256": ""}
    path = Path(str(session))
    if not path.is_file():
        raise InputError(f"`session` takes a number from 1, or a navigator's file: there is no file {path}")
    return {"session": None, "file": path.name, "file_sha256": sha256(path)}


def _one_line(name: str, text: str) -> str:
    words = text.strip()
    if not words or len(words) > LONGEST:
        raise InputError(f"`{name}` takes 1 to {LONGEST} letters, not {len(words)}")
    if any(unicodedata.category(each).startswith(("C", "Zl", "Zp")) for each in words):
        raise InputError(f"`{name}` takes one line of plain text: leave out control characters")
    return words


def _day(text: str, today: date) -> str:
    try:
        day = date.fromisoformat(text) if DATE.fullmatch(text) else None
    except ValueError:
        day = None
    if day is None:
        raise InputError(f"`date` takes YYYY-MM-DD, such as {today.isoformat()}, not {text!r}")
    if day > today:
        raise InputError(f"`date` {text} lies in the future: today is {today.isoformat()}")
    return day.isoformat()
