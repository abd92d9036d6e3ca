"""A stage's result as a file: a frozen dataclass of arrays as ``.npz``, one of plain values as ``.json``.

What is read back is what was written: arrays with their type, numbers and words as Python's own, tuples and dataclasses
within by the annotation of their field.
"""

from __future__ import annotations

import json
from dataclasses import astuple, fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar, get_origin, get_type_hints

import msgspec
import numpy as np

T = TypeVar("T")


def save_arrays(path: Path, value: Any, leave_out: tuple[str, ...] = ()) -> None:
    """Write a dataclass as ``.npz``, an array a field.

    Parameters
    ----------
    path : Path
    value : dataclass
        Of arrays, numbers, words, tuples of numbers, and dataclasses of numbers.
    leave_out : tuple of str
        Fields that are found anew when it is read.
    """
    kept = {each.name: getattr(value, each.name) for each in fields(value) if each.name not in leave_out}
    arrays: dict[str, Any] = {name: _plain(each) for name, each in kept.items()}
    np.savez(path, **arrays)


def load_arrays(path: Path, kind: type[T], **left_out: Any) -> T:
    """Read what :func:`save_arrays` wrote of a dataclass.

    Parameters
    ----------
    path : Path
    kind : type
        The dataclass.
    left_out
        The fields that were not written.
    """
    hints = get_type_hints(kind)
    with np.load(path, allow_pickle=False) as arrays:
        return kind(**{name: _as(hints.get(name), each) for name, each in arrays.items()}, **left_out)


def _plain(value: Any) -> Any:
    return astuple(value) if is_dataclass(value) and not isinstance(value, type) else value


def _as(hint: Any, value: np.ndarray) -> Any:
    if not value.ndim:  # a number or a word
        return value.item()
    if get_origin(hint) in (list, tuple):
        return get_origin(hint)(value.tolist())
    return hint(*value.tolist()) if isinstance(hint, type) and is_dataclass(hint) else value


def save_plain(path: Path, value: Any) -> None:
    """Write a record of plain values as JSON; NaN and infinities are refused."""
    plain = msgspec.to_builtins(value, enc_hook=_number)
    path.write_text(json.dumps(plain, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def load_plain(path: Path, kind: type[T]) -> T:
    """Read what :func:`save_plain` wrote of a record."""
    return msgspec.json.decode(path.read_bytes(), type=kind)


def _number(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{type(value).__name__} is no plain value")
