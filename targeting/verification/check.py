"""One check of a planned folder: its name, whether it passed, and the numbers behind it."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from dataclasses import dataclass

from meshes.errors import InputError

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
    """A number of the plan beside the one found now; ``tolerance`` is a share of the latter.

    Examples
    --------
    >>> same_number("dose", "0.5 V/m", 0.5, 0.49, 0.001).words
    '0.5 V/m: in the plan 0.5, now 0.49, 2.0e-02 of it apart (at most 1.0e-03)'
    """
    off = abs(plan - again) / abs(again) if again else float(plan != 0)
    words = f"{what}: in the plan {plan:.6g}, now {again:.6g}, {off:.1e} of it apart (at most {tolerance:.1e})"
    return Check(name, bool(off <= tolerance), words)
