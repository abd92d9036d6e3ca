"""Check that a word is one of those allowed, and name the nearest one if it is not."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import TypeVar

from meshes.errors import InputError

Word = TypeVar("Word", bound=str)


def one_of(value: Word, valid: Iterable[str], what: str) -> Word:
    """``value`` if it is valid.

    Raises
    ------
    InputError
        If it is not; the line names the nearest valid word and all of them.

    Examples
    --------
    >>> one_of("fast", ["standard", "fast"], "density")
    'fast'
    >>> one_of("fats", ["standard", "fast"], "density")
    Traceback (most recent call last):
    ...
    meshes.errors.InputError: unknown density 'fats', did you mean 'fast'? valid: standard, fast
    """
    words = list(valid)
    if value in words:
        return value
    near = get_close_matches(value, words, 1)
    guess = f", did you mean {near[0]!r}?" if near else ";"
    raise InputError(f"unknown {what} {value!r}{guess} valid: {', '.join(words)}")
