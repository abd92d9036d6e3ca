"""Frozen dataclasses as JSON and back: every field is written, and read with its annotated kind or not at all.

Kinds: ``str``, ``int``, ``float`` (finite), other dataclasses, ``list[...]``, ``dict[str, ...]``, and unions of these with
None.  What is wrong is told by the field's path, as in ``placements[0].pose``.
"""

from __future__ import annotations

import json
import sys
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from meshes.errors import InputError
from meshes.whole_files import written_whole

Record = TypeVar("Record")


def read_json(path: Path, what: str, missing: str) -> object:
    """The document in a JSON file; ``what`` it should be, and the line for a ``missing`` one.

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


def read_plan_file(path: str | Path, read: Callable[[object], Record], missing: str) -> Record:
    """A plan from its file; ``read`` makes it from the document, ``missing`` is the end of the line for no file.

    Raises
    ------
    InputError
        If the file is missing, is not JSON, or is not such a plan; the line names the file.
    """
    path = Path(path)
    document = read_json(path, "a plan", f"there is no plan at {path}: {missing}")
    try:
        return read(document)
    except InputError as error:
        raise InputError(f"{path} cannot be used: {error}") from None


def check_version(version: object, ours: str) -> None:
    """Refuse a plan of another version; one that states none is told by its missing field."""
    if isinstance(version, str) and version != ours:
        raise InputError(f"it is of version {version!r} and this program reads {ours!r}: make the plan again")


def require(condition: bool, message: str) -> None:
    """What annotations cannot say of a document: InputError with the message where it does not hold."""
    if not condition:
        raise InputError(message)


def plain(value: Any) -> Any:
    """Dataclasses, tuples and numpy values as JSON's own kinds.

    Examples
    --------
    >>> import numpy as np
    >>> plain({"pose": np.eye(2), "names": ("a", "b")})
    {'pose': [[1.0, 0.0], [0.0, 1.0]], 'names': ['a', 'b']}
    """
    if is_dataclass(value):
        return {f.name: plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    return value


def read_kind(kind: Any, value: Any, where: str, version: str) -> Any:
    """``value`` as the annotated ``kind``.

    Parameters
    ----------
    kind : type
        A dataclass, or any kind a field of one may have.
    value : object
        As JSON gives it.
    where : str
        The field's path; "" for the document.
    version : str
        Of the format, for what is said of unknown fields.

    Raises
    ------
    InputError
        If it is of another kind, a field is missing or unknown, or a number is not finite; the line names the field.
    """
    if is_dataclass(kind):
        return _read_record(kind, value, where, version)
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin is list:
        if not isinstance(value, list):
            raise _wrong(where, "a list", value)
        return [read_kind(inner[0], item, f"{where}[{i}]", version) for i, item in enumerate(value)]
    if origin is dict:
        if not isinstance(value, dict):
            raise _wrong(where, "an object", value)
        return {key: read_kind(inner[1], item, f"{where}.{key}", version) for key, item in value.items()}
    if origin in (types.UnionType, typing.Union):
        return _read_union(inner, value, where, version)
    if kind is bool:
        if not isinstance(value, bool):
            raise _wrong(where, "true or false", value)
        return value
    if kind is float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise _wrong(where, "a number", value)
        if not abs(value) <= sys.float_info.max:  # JSON's 1e999 reads as inf
            raise InputError(f"{where} is not a finite number")
        return float(value)
    if kind is int:
        if isinstance(value, bool) or not isinstance(value, int | float) or value % 1 != 0:
            raise _wrong(where, "a whole number", value)
        return int(value)
    if not isinstance(value, str):
        raise _wrong(where, "text", value)
    return value


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not a JSON number")


def _read_record(kind: Any, value: Any, where: str, version: str) -> Any:
    if not isinstance(value, dict):
        raise _wrong(where or "the document", "an object", value)
    hints = typing.get_type_hints(kind)
    prefix = f"{where}." if where else ""
    for name in hints:
        if name not in value:
            raise InputError(f"{prefix}{name} is missing")
    for name in value:
        if name not in hints:
            raise InputError(f"{prefix}{name} is not a field of a plan of version {version}")
    return kind(**{name: read_kind(hint, value[name], f"{prefix}{name}", version) for name, hint in hints.items()})


def _read_union(kinds: tuple[Any, ...], value: Any, where: str, version: str) -> Any:
    if value is None and type(None) in kinds:
        return None
    if str in kinds and isinstance(value, str):
        return value
    if int in kinds and isinstance(value, int) and not isinstance(value, bool):
        return value
    rest = next((kind for kind in kinds if kind not in (str, int, type(None))), int)
    return read_kind(rest, value, where, version)


def _wrong(where: str, expected: str, value: Any) -> InputError:
    return InputError(f"{where} must be {expected}, not {json.dumps(value, default=repr)[:40]}")


def checked_document(record: Any, read: Callable[[object], Any]) -> dict[str, Any]:
    """A record as JSON's own kinds, tried on the function that will read it.

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


def write_json(path: str | Path, document: Mapping[str, Any]) -> None:
    """Write a document; an existing file is replaced only when the new one is complete.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    text = json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False)
    with written_whole(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")
