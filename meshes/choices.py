"""Check that a word is one of those allowed, and name the nearest one if it is not."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import TypeVar

from meshes.errors import InputError

Word = TypeVar("Word", bound=str)
ALIKE = 0.7  # of difflib's ratio: "figure8" and "figure8-70mm" are (0.74), ".stl" and ".html" are not (0.67)
SHORTEST = 3  # letters of an abbreviation


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
    near = nearest(value, words)
    guess = f", did you mean {near!r}?" if near else ";"
    raise InputError(f"unknown {what} {value!r}{guess} valid: {', '.join(words)}")


def nearest(word: str, words: Iterable[str]) -> str | None:
    """The word that somebody who wrote ``word`` most likely meant; None if none is like it.

    Large and small letters are alike, and an abbreviation is understood.  Two short words that share some letters are not
    like one another: a wrong guess is worse than none.

    Examples
    --------
    >>> nearest("Fats", ["standard", "fast"]), nearest("fig8", ["double-cone-110mm", "figure8-70mm"])
    ('fast', 'figure8-70mm')
    >>> nearest(".stl", [".html", ".gltf"])
    """
    lower = {each.lower(): each for each in words}
    near = get_close_matches(word.lower(), lower, 1, cutoff=ALIKE)
    if near:
        return lower[near[0]]
    short = (each for each in lower if len(word) >= SHORTEST and _abbreviates(word.lower(), each))
    return lower.get(next(short, ""))


def _abbreviates(short: str, word: str) -> bool:
    letters = iter(word)
    return word[:1] == short[:1] and all(letter in letters for letter in short)
