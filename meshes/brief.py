"""What a Python prompt shows of an object that holds arrays: its name and, in a line, what is in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np

LONGEST = 60  # characters of a text
FEW = 3  # things that are written out


def brief(*names: str) -> Callable[[Any], str]:
    """A ``__repr__`` for a dataclass: some of its fields, or all, with arrays by their shape and long lists by their length.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> @dataclass(frozen=True, eq=False)
    ... class Surface:
    ...     points_mm: np.ndarray
    ...     side: str
    ...     __repr__ = brief()
    >>> Surface(np.zeros((2562, 3)), "left")
    Surface(points_mm=float64[2562, 3], side='left')
    """

    def represent(self: Any) -> str:
        shown = names or tuple(each.name for each in fields(self) if each.repr)
        return f"{type(self).__name__}({', '.join(f'{name}={in_short(getattr(self, name))}' for name in shown)})"

    represent.__name__ = "__repr__"
    return represent


def in_short(value: Any) -> str:
    """A value in a few characters.

    Examples
    --------
    >>> in_short(np.arange(5)), in_short([0.1] * 400), in_short(0.1 + 0.2)
    ('int64[5]', '400 × float', '0.3')
    """
    if isinstance(value, np.ndarray):
        return f"{value.dtype}{list(value.shape)}"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, str):
        return repr(value if len(value) <= LONGEST else f"{value[: LONGEST - 1]}…")
    if isinstance(value, Path):
        return repr(str(value))
    if isinstance(value, Mapping):
        return _several(list(value.values()), "{}", [f"{key!r}: {in_short(each)}" for key, each in value.items()][:FEW])
    if isinstance(value, Sequence | frozenset | set):
        ends = "()" if isinstance(value, tuple) else "[]"
        return _several(list(value), ends, [in_short(each) for each in list(value)[:FEW]])
    if is_dataclass(value):
        named = getattr(value, "name", "")
        return f"{type(value).__name__}({repr(named) if isinstance(named, str) and named else '…'})"
    text = " ".join(repr(value).split())
    return text if len(text) <= LONGEST else type(value).__name__


def _several(values: list[Any], ends: str, first: list[str]) -> str:
    if len(values) <= FEW and sum(map(len, first)) <= LONGEST:
        return f"{ends[0]}{', '.join(first)}{ends[1]}"
    kinds = {type(each).__name__ for each in values}
    return f"{len(values)} × {kinds.pop() if len(kinds) == 1 else 'values'}"
