"""Frozen dataclasses as JSON and back, from one declaration of each field.

A field says its type, its limits and what it means (:mod:`targeting.records.kinds`).  msgspec reads, checks and describes
(JSON Schema) from that; it does so for plain dataclasses, in compiled code, and without dependencies of its own, and takes
some ten milliseconds to import.  What it does not ask of a dataclass is added here: every field must be there and no other
one, and a number must be finite.  What annotations cannot say, a record says in a method ``check(where)``.

A record that sets ``SPARSE`` is written without the fields that are None, and read without them.
"""

from __future__ import annotations

import json
import re
import sys
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from functools import cache, reduce
from operator import or_
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, Union

import msgspec
import numpy as np

from meshes.errors import InputError
from meshes.whole_files import written_whole
from targeting.records.kinds import OneOf

Record = TypeVar("Record")

WORDS = {
    "float": "a number",
    "int": "a whole number",
    "str": "text",
    "bool": "true or false",
    "array": "a list",
    "object": "an object",
    "null": "null",
}
EXACT = 2.0**53  # whole numbers up to this are whole as floats too


def read_json(path: Path, what: str, missing: str) -> object:
    """Read the document in a JSON file.

    Parameters
    ----------
    path : Path
    what : str
        What it should be, as in "a plan".
    missing : str
        The message where there is no such file.

    Raises
    ------
    InputError
        If the file is missing, cannot be read or is not JSON; NaN and infinities are not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse_constant)
    except FileNotFoundError:
        raise InputError(missing) from None
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from None
    except (ValueError, RecursionError) as error:  # bad UTF-8 and bad JSON are ValueErrors
        why = " ".join(str(error).split())
        raise InputError(f"{path} is not {what}: it is not JSON ({why}); make the plan again") from None


def write_json(path: str | Path, document: Mapping[str, Any]) -> None:
    """Write a document; an existing file is replaced only when the new one is complete.

    Raises
    ------
    WriteError
        If the file cannot be written.
    """
    text = json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False)
    with written_whole(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


def read_record(kind: type[Record], document: object, version: str, where: str = "") -> Record:
    """Make a record of a JSON document.

    Parameters
    ----------
    kind : type
        A dataclass.
    document : object
        As :func:`json.loads` gives it.
    version : str
        Version of the format, for the message about an unknown field.
    where : str
        The record's own path, where it is part of a document.

    Raises
    ------
    InputError
        If a field is missing, unknown, of another type or beyond its limits, a number is not finite, or a ``check``
        refuses; the line names the field, as in ``placements[0].pose``.
    """
    document = _finite(document, where)
    try:
        msgspec.convert(document, strict_form(kind))  # type: ignore[arg-type]  # a class is hashable
        record = msgspec.convert(document, kind)
    except msgspec.ValidationError as error:
        raise InputError(_in_words(str(error), kind, where, version)) from None
    _check(record, where)
    return record


def check_record(record: Any, where: str) -> None:
    """Raise InputError where a record, whose path is ``where``, could not be read again once it is written."""
    read_record(type(record), plain(record), "", where)


def checked_document(record: Any, read: Callable[[object], Any]) -> dict[str, Any]:
    """Make a JSON document of a record, and try it on the function that will read it.

    Raises
    ------
    ValueError
        If that function does not accept it, for example because a number is not finite.
    """
    document: dict[str, Any] = plain(record)
    try:
        read(document)
    except InputError as error:  # our own record: not the user's mistake
        raise ValueError(f"this plan cannot be written: {error}") from error
    return document


def common_fields(record: Any, kind: type) -> dict[str, Any]:
    """Take the fields of a record that another kind has too.

    Examples
    --------
    >>> from targeting.records.places import Frame
    >>> common_fields(Frame("RAS mm of T1", "T1.nii", "ab", [], [1, 2, 3]), Frame)["image"]
    'T1.nii'
    """
    return {field.name: getattr(record, field.name) for field in fields(kind) if hasattr(record, field.name)}


def plain(value: Any) -> Any:
    """Turn dataclasses, tuples and numpy values into JSON's own kinds.

    Examples
    --------
    >>> import numpy as np
    >>> plain({"pose": np.eye(2), "names": ("a", "b")})
    {'pose': [[1.0, 0.0], [0.0, 1.0]], 'names': ['a', 'b']}
    """
    if is_dataclass(value):
        items = ((field.name, getattr(value, field.name)) for field in fields(value))
        return {name: plain(item) for name, item in items if item is not None or not _sparse(value)}
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    return value


def require(condition: bool, message: str) -> None:
    """Raise InputError with a message where a condition does not hold."""
    if not condition:
        raise InputError(message)


@cache
def strict_form(kind: type) -> type:
    """Make the msgspec struct that takes a document of a record and nothing else: each field must be there, and no other."""
    hints = typing.get_type_hints(kind, include_extras=True)
    members: list[tuple[Any, ...]] = []
    for field in fields(kind):
        form = _form(hints[field.name])
        members.append((field.name, _optional(form), msgspec.UNSET) if _sparse(kind) else (field.name, form))
    return msgspec.defstruct(kind.__name__, members, forbid_unknown_fields=True, frozen=True, kw_only=True)


def _form(hint: Any) -> Any:
    """A field's annotation with structs for dataclasses, literals for :class:`OneOf` and descriptions for texts."""
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin is Annotated:
        form = _form(inner[0])
        for extra in inner[1:]:
            if isinstance(extra, OneOf):
                form = Literal[tuple(extra)]
            else:
                form = Annotated[form, msgspec.Meta(description=extra) if isinstance(extra, str) else extra]
        return form
    if origin in (types.UnionType, Union):
        return reduce(or_, map(_form, inner))
    if origin is not None:
        return origin[tuple(map(_form, inner))]
    return strict_form(hint) if is_dataclass(hint) else hint  # type: ignore[arg-type]


def _optional(form: Any) -> Any:
    """The form of a field of a sparse record: absent, but never null."""
    if typing.get_origin(form) is Annotated:
        inner, *extra = typing.get_args(form)
        return Annotated[(_optional(inner), *extra)]
    kinds = typing.get_args(form) if typing.get_origin(form) in (types.UnionType, Union) else (form,)
    return reduce(or_, (*(each for each in kinds if each is not type(None)), msgspec.UnsetType))


def _sparse(record: Any) -> bool:
    return getattr(record, "SPARSE", False)


def _check(record: Any, where: str) -> None:
    """Ask a record, and the records in it, for what annotations cannot say."""
    for field in fields(record):
        value, path = getattr(record, field.name), f"{where}.{field.name}".lstrip(".")
        if is_dataclass(value):
            _check(value, path)
        elif isinstance(value, list) and value and is_dataclass(value[0]):
            for i, item in enumerate(value):
                _check(item, f"{path}[{i}]")
    if hasattr(record, "check"):
        record.check(where)


def _finite(value: Any, where: str) -> Any:
    """A document without numbers that are not finite; 2.0 may stand where a whole number must."""
    if isinstance(value, dict):
        return {key: _finite(item, f"{where}.{key}") for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item, f"{where}[{i}]") for i, item in enumerate(value)]
    if isinstance(value, int | float) and not abs(value) <= sys.float_info.max:  # JSON's 1e999 reads as inf
        raise InputError(f"{where.lstrip('.')} is not a finite number")
    if isinstance(value, float) and value.is_integer() and 0 < abs(value) <= EXACT:
        return int(value)
    return value


def _in_words(error: str, kind: type, where: str, version: str) -> str:
    """Msgspec's message with the field first, its whole path and what it may be."""
    what, _, path = error.partition(" - at ")
    path = path.strip("`").removeprefix("key in ").strip("`").removeprefix("$").removeprefix(".")
    where = f"{where}.{path}".strip(".")
    inside = f"{where}." if where else ""
    if lost := re.fullmatch(r"Object missing required field `(.*)`", what):
        return f"{inside}{lost[1]} is missing"
    if unknown := re.fullmatch(r"Object contains unknown field `(.*)`", what, re.DOTALL):
        return f"{inside}{unknown[1]} is not a field of a plan of version {version}"
    where = where or "the document"
    if value := re.fullmatch(r"Invalid enum value (.*)", what, re.DOTALL):
        allowed = ", ".join(str(each) or "''" for each in _allowed(kind, re.findall(r"\w+|\[.*?\]", path)))
        return f"{where} must be one of {allowed}, not {value[1]}"
    if wrong := re.fullmatch(r"Expected `(.*?)`(.*?)(?:, got `(.*)`)?", what):
        kinds = " or ".join(WORDS.get(each, each) for each in wrong[1].split(" | "))
        other = f", not {WORDS.get(wrong[3], wrong[3])}" if wrong[3] else ""
        return f"{where} must be {kinds}{wrong[2]}{other}"
    return f"{where}: {what}"


def _allowed(hint: Any, path: list[str]) -> tuple[str | int, ...]:
    """The values that :class:`OneOf` allows at a path (names of fields, indices in brackets) below an annotation."""
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin is Annotated:
        here = [tuple(each) for each in inner[1:] if isinstance(each, OneOf)]
        return here[0] if here and not path else _allowed(inner[0], path)
    if origin in (types.UnionType, Union):
        return next(filter(None, (_allowed(each, path) for each in inner)), ())
    if origin is not None and path:
        return _allowed(inner[-1], path[1:])
    if is_dataclass(hint) and path:
        return _allowed(typing.get_type_hints(hint, include_extras=True)[path[0]], path[1:])
    return ()


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not a JSON number")
