"""One check of a planned folder (its name, whether it passed, the numbers behind it), and the checks of what stages left."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from meshes.errors import InputError
from targeting.study.plan_state import stages_of
from targeting.subject import Subject, results_digest, sha256

MB = 1e6
# what readers of damaged files raise
UNREADABLE = (InputError, OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile)


@dataclass(frozen=True)
class Check:
    """One line of ``target verify``.

    Parameters
    ----------
    name : str
        What was looked at.
    passed : bool
    words : str
        What was found, with its number and limit.
    """

    name: str
    passed: bool
    words: str


def checked(name: str, look: Callable[[], Check]) -> Check:
    """The check, failed with the reader's words where a file cannot be read."""
    try:
        return look()
    except UNREADABLE as error:
        return Check(name, False, str(error) or type(error).__name__)


def same_number(name: str, what: str, plan: float, again: float, tolerance: float) -> Check:
    """Check that a number of the plan comes out again.

    Parameters
    ----------
    name : str
        Of the check.
    what : str
        What the number is, with its unit.
    plan, again : float
        As the plan has it, and as it is found now.
    tolerance : float
        By how much they may differ, as a share of ``again``.

    Examples
    --------
    >>> same_number("dose", "0.5 V/m", 0.5, 0.49, 0.001).words
    '0.5 V/m: in the plan 0.5, now 0.49, 2.0e-02 of it apart (at most 1.0e-03)'
    """
    off = abs(plan - again) / abs(again) if again else float(plan != 0)
    words = f"{what}: in the plan {plan:.6g}, now {again:.6g}, {off:.1e} of it apart (at most {tolerance:.1e})"
    return Check(name, bool(off <= tolerance), words)


def record_checks(subject: Subject) -> list[Check]:
    """A check for every stage that has a record: its files, its inputs where they still are, and what it follows."""
    found = []
    for stage in stages_of(subject):
        path = subject.place(stage) / f"{stage}.json"
        record = subject.record(stage)
        if record is not None:
            found.append(_check(subject, stage, record))
        elif path.exists():
            found.append(Check(stage, False, f"{path.name} is no record of this stage"))
    return found


def _check(subject: Subject, stage: str, record: dict[str, Any]) -> Check:
    try:
        faults, gone = _faults(subject, record)
        outputs = record["outputs"]
        size = sum(each["bytes"] for each in outputs.values()) / MB
    except (KeyError, TypeError, AttributeError):
        return Check(stage, False, f"{stage}.json is damaged")
    if faults:
        return Check(stage, False, "; ".join(faults))
    files = f"{len(outputs)} file{'s' if len(outputs) > 1 else ''}, {size:.1f} MB"
    return Check(stage, True, f"as written ({files})" + (f"; not compared, as gone: {', '.join(gone)}" if gone else ""))


def _faults(subject: Subject, record: dict[str, Any]) -> tuple[list[str], list[str]]:
    """What does not match the record, and the inputs that are not there any more."""
    faults, gone = [], []
    for name, each in record["outputs"].items():
        file = subject.place(record["stage"]) / name
        if not file.is_file():
            faults.append(f"{name} is gone")
        elif file.stat().st_size != each["bytes"] or sha256(file) != each["sha256"]:
            faults.append(f"{name} is not as it was written")
    if results_digest(record["outputs"]) != record["digest"]:
        faults.append("its record of hashes was changed")
    for role, hashed in record["made_from"]["files"].items():
        given = Path(record["paths"][role])
        if not given.is_file():
            gone.append(given.name)
        elif sha256(given) != hashed:
            faults.append(f"its input {given} was changed since")
    for before, digest in record["made_from"]["after"].items():
        upstream = subject.record(before)
        if upstream is None:
            faults.append(f"it follows {before}, of which there is no record")
        elif upstream["digest"] != digest:
            faults.append(f"it follows another result of {before} than the folder's")
    return faults, gone
