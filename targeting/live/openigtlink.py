"""OpenIGTLink messages, as 3D Slicer and research navigators speak it: the header, TRANSFORM in, STRING and STATUS out.

A message is a header of 58 bytes and a body, numbers big-endian: version (uint16), type (12 bytes), device name (20), time
(uint64), size of the body (uint64) and its CRC-64 (ECMA-182, uint64).  Version 2 puts an extended header before the content
and metadata after it.  TRANSFORM is the upper three rows of a matrix by columns, 12 float32, mm.  STRING is an encoding
(uint16: 3 ASCII, 106 UTF-8), a length (uint16) and the text.  STATUS is a code (uint16), a sub-code (int64), a name (20
bytes) and a text that ends in a zero.  (openigtlink.org, protocol 3.0, ``Documents/Protocol`` of its repository.)

The device name of a TRANSFORM says its frame: ``CoilToRAS``, ``CoilToLPS`` (this project's coil axes; the world is the
T1's), or a frame of :func:`targeting.navigation.navigators.frames`, such as ``brainsight``.  A message does not say the
rate of change of current: a STRING of device name ``didt_a_per_us`` sets it for its connection, one of name ``coil`` the
coil.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meshes.choices import one_of
from meshes.errors import InputError
from targeting.live.protocol import MAX_DIDT_A_PER_US, MAX_REACH_MM, MAX_WORD, Request
from targeting.navigation.navigators import frames
from targeting.navigation.records import LPS_TO_RAS

PORT = 18944  # the one of the protocol
HEADER = struct.Struct(">H12s20sQQQ")
EXTENDED = struct.Struct(">HHII")
MATRIX = struct.Struct(">12f")
STRING_HEAD = struct.Struct(">HH")
STATUS_HEAD = struct.Struct(">Hq20s")
MAX_BODY_BYTES = 16_384  # of a message that is read; a longer one is passed over
MAX_SKIPPED_BYTES = 1 << 30  # an image in between; more is no message
ASCII, UTF8 = 3, 106
OK, NOT_KNOWN, BAD_CRC, NOT_UNDERSTOOD = 1, 2, 9, 12  # of STATUS
WORLDS = {"coiltoras": np.eye(4), "coiltolps": LPS_TO_RAS}  # to RAS mm of the T1
SETTINGS = ("didt_a_per_us", "coil")
DOSE, DOSE_JSON = "Dose", "DoseJSON"


@dataclass(frozen=True)
class Header:
    """What stands before a message's body."""

    version: int
    kind: str
    device: str
    size: int
    crc: int


@cache
def _table() -> tuple[int, ...]:
    rows = []
    for byte in range(256):
        rest = byte << 56
        for _ in range(8):
            rest = (rest << 1) ^ (0x42F0E1EBA9EA3693 if rest >> 63 else 0)
            rest &= 0xFFFFFFFFFFFFFFFF
        rows.append(rest)
    return tuple(rows)


def crc64(data: bytes) -> int:
    """The check sum of a body: CRC-64 of ECMA-182.

    Examples
    --------
    >>> hex(crc64(b"123456789"))
    '0x6c40df5f0b497347'
    """
    table, rest = _table(), 0
    for byte in data:
        rest = table[(rest >> 56) ^ byte] ^ (rest << 8 & 0xFFFFFFFFFFFFFFFF)
    return rest


def message(kind: str, device: str, content: bytes) -> bytes:
    """A whole message of version 1, which every version reads; the time is left open."""
    return HEADER.pack(1, kind.encode(), device.encode()[:20], 0, len(content), crc64(content)) + content


def string(device: str, text: str) -> bytes:
    """A STRING message."""
    data = text.encode("utf-8")[: 2**16 - 1]
    return message("STRING", device, STRING_HEAD.pack(ASCII if data.isascii() else UTF8, len(data)) + data)


def status(code: int, text: str) -> bytes:
    """A STATUS message; its name is "OK" or "Error"."""
    return message(
        "STATUS", DOSE, STATUS_HEAD.pack(code, 0, b"OK" if code == OK else b"Error") + text.encode("utf-8") + b"\0"
    )


def transform(device: str, matrix_mm: NDArray[np.float64]) -> bytes:
    """A TRANSFORM message of a (4, 4) matrix."""
    return message("TRANSFORM", device, MATRIX.pack(*np.asarray(matrix_mm)[:3].T.ravel()))


def header_of(data: bytes) -> Header:
    """The header in 58 bytes.

    Raises
    ------
    InputError
        If it is none: another protocol is spoken.
    """
    version, kind, device, _, size, crc = HEADER.unpack(data)
    try:
        words = [each.split(b"\0", 1)[0].decode("ascii") for each in (kind, device)]
    except UnicodeDecodeError:
        words = ["", ""]
    if version not in (1, 2, 3) or not words[0].isprintable() or not words[0] or size > MAX_SKIPPED_BYTES:
        raise InputError("what comes is no OpenIGTLink; JSON lines are spoken on the other port")
    return Header(version, words[0].strip(), words[1].strip(), size, crc)


def content_of(header: Header, body: bytes) -> bytes:
    """The content of a body, without an extended header and metadata.

    Raises
    ------
    InputError
        If the check sum is another, or the lengths do not fit.
    """
    if crc64(body) != header.crc:
        raise InputError(f"the check sum of a {header.kind} is wrong; send it again")
    if header.version == 1:
        return body
    if len(body) < EXTENDED.size:
        raise InputError(f"a {header.kind} is shorter than its extended header")
    before, index, metadata, _ = EXTENDED.unpack_from(body)
    end = len(body) - index - metadata
    if not EXTENDED.size <= before <= end:
        raise InputError(f"the lengths in a {header.kind} do not fit")
    return body[before:end]


def text_of(content: bytes) -> str:
    """The text of a STRING.

    Raises
    ------
    InputError
        If it is shorter than it says, or is no text.
    """
    if len(content) < STRING_HEAD.size or len(content) < STRING_HEAD.size + STRING_HEAD.unpack_from(content)[1]:
        raise InputError("a STRING is shorter than it says")
    data = content[STRING_HEAD.size :][: STRING_HEAD.unpack_from(content)[1]]
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise InputError("a STRING must be ASCII or UTF-8") from None


def request_of(device: str, content: bytes, didt_a_per_us: float = 1.0, coil: str | None = None) -> Request:
    """The question in a TRANSFORM.

    Parameters
    ----------
    device : str
        The message's device name: the frame.
    content : bytes
        Its content.
    didt_a_per_us, coil
        Of the connection.

    Raises
    ------
    InputError
        If its device name is no frame, or the matrix is damaged or far away.
    """
    if len(content) != MATRIX.size:
        raise InputError(f"a TRANSFORM has {MATRIX.size} bytes, not {len(content)}")
    matrix = np.eye(4)
    matrix[:3] = np.array(MATRIX.unpack(content)).reshape(4, 3).T
    if not np.isfinite(matrix).all():
        raise InputError("the matrix is not finite: is the coil tracked?")
    if np.abs(matrix[:3, 3]).max() > MAX_REACH_MM:
        raise InputError("the pose lies more than 10 m away; send millimetres of the T1")
    name = device.lower()
    if name in WORLDS:
        return Request(WORLDS[name] @ matrix, "ras", didt_a_per_us, coil)
    return Request(matrix, one_of(name, frames(), "frame"), didt_a_per_us, coil)


def not_meant(header: Header) -> str:
    """Why a TRANSFORM or a STRING is of another tool and not for this server, in words; empty if it is."""
    is_setting = header.kind == "STRING"
    if header.device.lower() in (SETTINGS if is_setting else (*WORLDS, *frames())):
        return ""
    if is_setting:
        return f"a STRING of device name {header.device!r} sets nothing; {' and '.join(SETTINGS)} do"
    known = ("CoilToRAS", "CoilToLPS", *frames())
    return f"the device name {header.device!r} is no frame: it may be {', '.join(known)}"


def setting_of(device: str, text: str) -> tuple[str, Any]:
    """What a STRING sets: ("didt_a_per_us", number) or ("coil", name); its device name is one of ``SETTINGS``.

    Raises
    ------
    InputError
        If the value cannot be.
    """
    name, value = device.lower(), text.strip()
    if name == "coil":
        return name, value[:MAX_WORD] or None
    try:
        didt = float(value)
    except ValueError:
        didt = float("nan")
    if not 0 < didt <= MAX_DIDT_A_PER_US:
        raise InputError(f"didt_a_per_us must lie between 0 and {MAX_DIDT_A_PER_US:g}, not {value[:20]!r}")
    return name, didt


def dose_words(reply: dict[str, Any], didt_a_per_us: float) -> str:
    """A reply's line for a person: the dose, its share of the plan's, the distance, and what is wrong."""
    line = (
        f"{reply['dose_v_per_m']:.3g} V/m at {didt_a_per_us:g} A/µs, {reply['percent_of_plan']:.0f} % of the plan, "
        f"{reply['scalp_distance_mm']:.1f} mm from the scalp"
    )
    return "; ".join([line, *reply["warnings"]])
