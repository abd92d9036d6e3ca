"""The protocol between a navigator and ``target serve``: JSON lines, UTF-8, one object a line.

On connecting the server says one line of greeting (``{"hello": "target", "schema_version": ..., "image_sha256": ...}``).
Then each line of the client's is a request and gets one line back, in order:

    {"id": 7, "pose": [[...], [...], [...], [...]], "frame": "brainsight", "didt_a_per_us": 80.0, "coil": "figure8-70mm"}
    {"id": 7, "dose_v_per_m": ..., "mean_e_v_per_m": [x, y, z], "percent_of_plan": ..., "scalp_distance_mm": ...,
     "warnings": []}
    {"id": 7, "error": "one line"}

``pose`` is coil → world, 4 × 4, mm; all else may be left out: ``id`` (a whole number or a short text, given back as it
came), ``frame`` ("ras"), ``didt_a_per_us`` (1), ``coil`` (the plan's).  A line that cannot be used gets an error and no
more: the connection stays.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meshes.choices import one_of
from meshes.errors import InputError

SCHEMA_VERSION = "1.0"
MAX_LINE_BYTES = 16_384  # a request has some 500
MAX_WORD = 64  # characters of an id or a name
MAX_DIDT_A_PER_US = 1000.0  # the fastest coils reach some 200
MAX_REACH_MM = 10_000.0
LAST_ROW_TOLERANCE = 1e-6
FIELDS = ("id", "pose", "frame", "didt_a_per_us", "coil")
LOOPBACK = ("127.0.0.1", "::1")

Id = int | str | None


@dataclass(frozen=True, eq=False)
class Request:
    """One question: the dose of a coil, at a pose in a navigator's frame, at a rate of change of current."""

    matrix_mm: NDArray[np.float64]  # (4, 4), finite
    frame: str = "ras"
    didt_a_per_us: float = 1.0
    coil: str | None = None


def document_of(line: bytes) -> dict[str, Any]:
    """The JSON object of a line.

    Raises
    ------
    InputError
        If it is too long, is not UTF-8, not JSON (NaN and Infinity are not), or not an object.

    Examples
    --------
    >>> document_of(b'{"id": 7}')
    {'id': 7}
    """
    if len(line) > MAX_LINE_BYTES:
        raise too_long()
    try:
        document = json.loads(line.decode("utf-8"), parse_constant=_refuse_constant)
    except UnicodeDecodeError:
        raise InputError("the line is not UTF-8; send JSON, one object a line") from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"the line is not JSON ({str(error)[:80]}); send one object a line") from None
    if not isinstance(document, dict):
        raise InputError(f"the line holds {_kind(document)}, not an object; send {{...}}")
    return document


def id_of(document: dict[str, Any]) -> Id:
    """The request's own mark, which its reply repeats; None without one.

    Raises
    ------
    InputError
        If it is neither a whole number nor a short text.
    """
    value = document.get("id")
    whole = isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**53
    if value is None or whole or (isinstance(value, str) and len(value) <= MAX_WORD):
        return value
    raise InputError(f"id must be a whole number or a text of at most {MAX_WORD} characters, not {_kind(value)}")


def request_of(document: dict[str, Any]) -> Request:
    """The question in a document; its frame and coil are words still to be looked up.

    Raises
    ------
    InputError
        If a field is missing, unknown, of the wrong kind, or out of range.
    """
    for name in document:
        one_of(name[:MAX_WORD], FIELDS, "field")
    if "pose" not in document:
        raise InputError("pose is missing; send the coil's 4 × 4 matrix in mm")
    return Request(
        _matrix(document["pose"]),
        _word(document, "frame", "ras"),
        _didt(document.get("didt_a_per_us", 1.0)),
        _word(document, "coil", None),
    )


def line_of(document: dict[str, Any]) -> bytes:
    """One line for the wire; a number that is not finite is never sent."""
    return json.dumps(document, separators=(",", ":"), allow_nan=False).encode("ascii") + b"\n"


def too_long() -> InputError:
    """What a line above the limit is told."""
    return InputError(f"the line is longer than {MAX_LINE_BYTES} bytes; send one request a line")


def _matrix(value: object) -> NDArray[np.float64]:
    rows = value if isinstance(value, list) else []
    if len(rows) != 4 or any(not isinstance(row, list) or len(row) != 4 for row in rows):
        raise InputError("pose must be 4 rows of 4 numbers, coil → world in mm")
    matrix = np.array([[_number(each, "pose") for each in row] for row in rows])
    if np.abs(matrix[3] - [0, 0, 0, 1]).max() > LAST_ROW_TOLERANCE:
        raise InputError("the last row of pose must be 0 0 0 1; send rows, not columns")
    if np.abs(matrix[:3, 3]).max() > MAX_REACH_MM:
        raise InputError("pose lies more than 10 m away; send millimetres of the T1")
    return matrix


def _didt(value: object) -> float:
    didt = _number(value, "didt_a_per_us")
    if not 0 < didt <= MAX_DIDT_A_PER_US:
        raise InputError(f"didt_a_per_us must lie between 0 and {MAX_DIDT_A_PER_US:g}, not {didt:g}")
    return didt


def _number(value: object, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InputError(f"{name} holds {_kind(value)} where a number should be")
    try:
        number = float(value)
    except OverflowError:
        number = np.inf
    if not np.isfinite(number):  # JSON's 1e999
        raise InputError(f"{name} holds a number that is not finite")
    return number


def _word(document: dict[str, Any], name: str, default: Any) -> Any:
    value = document.get(name)
    if value is None:
        return default
    if not isinstance(value, str) or len(value) > MAX_WORD:
        raise InputError(f"{name} must be a text of at most {MAX_WORD} characters, not {_kind(value)}")
    return value


def _kind(value: object) -> str:
    names = {dict: "an object", list: "a list", str: "a text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON number")
