"""Files as they come out of the world: cut, flipped, doubled, in another encoding, with counts and numbers that lie.

Each strategy takes the bytes of a valid file and gives the bytes of a damaged one; what is changed follows the kind of
file, so that most damage gets past the first check.
"""

import gzip
import json
import re
import struct

from hypothesis import strategies as st

NUMBER = re.compile(rb"[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")
WORDS = [
    b"nan",
    b"inf",
    b"-1",
    b"0",
    b"1e999",
    b"-1e308",
    b"1000000000000",
    b"9" * 400,
    b"",
    b"n/a",
    b"x",
    b"1,5",
    b"\xff",
]
JUNK = [None, True, 0, -1, 1.5, 10**400, 1e308, float("nan"), "", "x", "9" * 400, [], {}, [[]], [None], {"x": []}]
FORMATS = ["<h", ">h", "<i", ">i", "<q", ">q", "<f", ">f", "<d", ">d"]
EXTREME = [0, 1, -1, 2, 255, 32767, 2**31 - 1, 2**40, 2**63 - 1, float("nan"), float("inf"), 1e30, -1e30, 1e-30]
MOST_CHANGES = 3


def _cut(draw, data):
    return data[: draw(st.integers(0, max(0, len(data) - 1)))]


def _flipped(draw, data):
    changed = bytearray(data)
    for at in draw(st.lists(st.integers(0, max(0, len(data) - 1)), min_size=1, max_size=8)):
        changed[at : at + 1] = bytes([draw(st.integers(0, 255))])
    return bytes(changed)


def _without(draw, data):
    at = draw(st.integers(0, len(data)))
    return data[:at] + data[at + draw(st.integers(1, 64)) :]


def _doubled(draw, data):
    at, many = draw(st.integers(0, len(data))), draw(st.integers(1, 64))
    return data[: at + many] + data[at:]


def _with(draw, data):
    at = draw(st.integers(0, len(data)))
    return data[:at] + draw(st.binary(min_size=1, max_size=16)) + data[at:]


def _lying(head):
    """A number in the first ``head`` bytes becomes an extreme one, in some byte order."""

    def change(draw, data):
        form, value = draw(st.sampled_from(FORMATS)), draw(st.sampled_from(EXTREME))
        at = 2 * draw(st.integers(0, max(0, min(head, len(data)) // 2 - 1)))
        if form[1] in "hiq":
            value = 0 if value != value or abs(value) == float("inf") else int(value)
            bits = 8 * struct.calcsize(form)
            value = max(-(2 ** (bits - 1)), min(2 ** (bits - 1) - 1, value))
        said = struct.pack(form, value)
        return data[:at] + said + data[at + len(said) :]

    return change


def _line_gone(draw, data):
    lines = data.split(b"\n")
    del lines[draw(st.integers(0, len(lines) - 1))]
    return b"\n".join(lines)


def _line_twice(draw, data):
    lines = data.split(b"\n")
    at = draw(st.integers(0, len(lines) - 1))
    return b"\n".join([*lines[: at + 1], *lines[at:]])


def _lines_swapped(draw, data):
    lines = data.split(b"\n")
    one, other = (draw(st.integers(0, len(lines) - 1)) for _ in range(2))
    lines[one], lines[other] = lines[other], lines[one]
    return b"\n".join(lines)


def _number(draw, data):
    found = list(NUMBER.finditer(data))
    if not found:
        return data
    at = draw(st.sampled_from(found))
    return data[: at.start()] + draw(st.sampled_from(WORDS)) + data[at.end() :]


def _word_gone(draw, data):
    found = list(re.finditer(rb"\S+", data))
    if not found:
        return data
    at = draw(st.sampled_from(found))
    return data[: at.start()] + data[at.end() :]


def _encoded(draw, data):
    text = data.decode("utf-8", "replace")
    how = draw(
        st.sampled_from(["utf-8-sig", "utf-16", "utf-16-be", "latin-1", "crlf", "cr", "nul", "tabs", "semicolons"])
    )
    changed = {
        "crlf": data.replace(b"\n", b"\r\n"),
        "cr": data.replace(b"\n", b"\r"),
        "nul": data.replace(b" ", b"\0", 1),
        "tabs": data.replace(b" ", b"\t").replace(b",", b"\t"),
        "semicolons": data.replace(b",", b";"),
    }
    return changed[how] if how in changed else text.encode(how, "replace")


BYTES = [_cut, _flipped, _without, _doubled, _with]
TEXT = [_line_gone, _line_twice, _lines_swapped, _number, _number, _word_gone, _encoded, _cut, _flipped]


@st.composite
def text(draw, valid: bytes) -> bytes:
    """A text file, changed up to three times; or bytes of any kind."""
    return _changed(draw, valid, TEXT)


@st.composite
def binary(draw, valid: bytes, head: int = 400) -> bytes:
    """A binary file whose first ``head`` bytes hold its counts."""
    return _changed(draw, valid, [*BYTES, *[_lying(head)] * 5])


@st.composite
def zipped(draw, valid: bytes, head: int = 400) -> bytes:
    """The same, gzipped: damaged within, or outside."""
    inner = draw(binary(valid, head)) if draw(st.booleans()) else valid
    outer = gzip.compress(inner, 1, mtime=0)
    return outer if inner is not valid else _changed(draw, outer, BYTES)


@st.composite
def document(draw, valid: bytes) -> bytes:
    """A JSON file with a value, a key or an item that is not what it should be."""
    if draw(st.integers(0, 3)) == 0:
        return _changed(draw, valid, TEXT)
    found = json.loads(valid)
    for _ in range(draw(st.integers(1, MOST_CHANGES))):
        found = _spoiled(draw, found)
    return json.dumps(found).encode()


def _spoiled(draw, value):
    inside = list(value) if isinstance(value, dict) else list(range(len(value))) if isinstance(value, list) else []
    if not inside or draw(st.integers(0, 5)) == 0:
        return draw(st.sampled_from(JUNK))
    at = draw(st.sampled_from(inside))
    changed = value.copy()
    how = draw(st.integers(0, 9))
    if how == 0:
        del changed[at]
    elif how == 1 and isinstance(changed, list):
        changed.insert(at, changed[at])
    else:
        changed[at] = _spoiled(draw, value[at])
    return changed


def _changed(draw, data, ways):
    if draw(st.integers(0, 30)) == 0:
        return draw(st.binary(max_size=200))
    for way in draw(st.lists(st.sampled_from(ways), min_size=1, max_size=MOST_CHANGES)):
        data = way(draw, data)
    return data
