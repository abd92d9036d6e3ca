"""What a scanner's files say of the person and of their slices: whose name must get no further, and whether one is missing.

Only the beginning of a DICOM file is read, element by element, up to where its slice lies (PS3.5, chapter 7).  What is
compressed as a whole or in big-endian order is not read, and nothing is known of it then.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import BinaryIO

import numpy as np

MARK, MARK_AT = b"DICM", 128  # of every DICOM file
META = 0x0002  # the group before the data set
ITEM, ITEM_END, SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
UNKNOWN_LENGTH = 0xFFFFFFFF
LONG = (b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV")
DEEPEST = 20  # sequences within sequences
LONGEST = 2**16  # bytes of a text
CHARACTERS, AGENT, SERIES_UID, SERIES = 0x00080005, 0x00180010, 0x0020000E, 0x00200011
PLACE, AXES = 0x00200032, 0x00200037
PATIENT_ID = 0x00100020
IDENTIFIERS = (0x00080050, PATIENT_ID, 0x00101000, 0x00102154)  # accession number, patient's ID, other ones, telephone
DATES = (0x00100030,)  # of birth
NAMES = (  # of the patient, other ones, at birth, of the mother; of physicians and operators
    *(0x00100010, 0x00101001, 0x00101005, 0x00101060),
    *(0x00080090, 0x00081048, 0x00081050, 0x00081070),
)
READ = {CHARACTERS, AGENT, SERIES_UID, SERIES, PLACE, AXES, *IDENTIFIERS, *DATES, *NAMES}
LAST = max(READ)
NO_AGENT = ("", "no", "none", "n", "0")
SHORT = 3  # letters: a part of a name below it counts only as a word of its own
UNEVEN = 0.1  # of the distance of two slices


def is_dicom(path: Path) -> bool:
    """Whether a file is DICOM, by its first bytes."""
    with suppress(OSError), path.open("rb") as file:
        file.seek(MARK_AT)
        return file.read(len(MARK)) == MARK
    return False


@dataclass(frozen=True)
class Header:
    """The beginning of one file.

    Parameters
    ----------
    series : int
        Its series' number.
    series_uid : str
    patient_id : str
    names, identifiers, dates : tuple of str
        What tells who the patient is, or who treats them.
    agent : bool
        Whether a contrast agent was given.
    axes : tuple of float
        Of the slice's rows and columns, in DICOM's LPS; () where it does not say.
    place_mm : tuple of float
        Of the slice's first voxel, in the same.
    """

    series: int
    series_uid: str = ""
    patient_id: str = ""
    names: tuple[str, ...] = ()
    identifiers: tuple[str, ...] = ()
    dates: tuple[str, ...] = ()
    agent: bool = False
    axes: tuple[float, ...] = ()
    place_mm: tuple[float, ...] = ()


def headers_in(folder: Path) -> Iterator[Header]:
    """What is known of the DICOM files in a folder and those within it; nothing of a file that cannot be read."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and is_dicom(path):
            with suppress(OSError, ValueError):  # damaged: dcm2niix will say so
                yield read_header(path)


def read_header(path: Path) -> Header:
    """Read the beginning of a DICOM file.

    Raises
    ------
    ValueError
        If it cannot be read, or has no series' number.
    """
    with path.open("rb") as file:
        file.seek(MARK_AT + len(MARK))
        found = dict(_elements(file))
    unicode = b"192" in found.get(CHARACTERS, b"")

    def texts(tags: Iterable[int]) -> tuple[str, ...]:
        whole = (found[tag].decode("utf-8" if unicode else "latin-1", "replace") for tag in tags if tag in found)
        each = (text.strip(" \0") for texts in whole for text in texts.split("\\"))
        return tuple(text for text in each if text)

    return Header(
        series=int(_only(texts([SERIES]))),
        series_uid=_only(texts([SERIES_UID])),
        patient_id=_only(texts([PATIENT_ID])),
        names=texts(NAMES),
        identifiers=texts(IDENTIFIERS),
        dates=texts(DATES),
        agent=any(each.casefold() not in NO_AGENT for each in texts([AGENT])),
        axes=tuple(float(each) for each in texts([AXES])),
        place_mm=tuple(float(each) for each in texts([PLACE])),
    )


@dataclass(frozen=True)
class ScannedFiles:
    """What the files of a folder say together.

    Parameters
    ----------
    headers : collection of Header
    """

    headers: Collection[Header]

    @property
    def people(self) -> int:
        """How many patients' IDs there are; files without one are nobody's."""
        return len({each.patient_id for each in self.headers} - {""})

    @cached_property
    def series(self) -> frozenset[int]:
        """The numbers of the series that are known."""
        return frozenset(each.series for each in self.headers)

    @cached_property
    def with_agent(self) -> frozenset[int]:
        """The numbers of those with a contrast agent."""
        return frozenset(each.series for each in self.headers if each.agent)

    @cached_property
    def with_gaps(self) -> frozenset[int]:
        """The numbers of those in which slices are not evenly spaced, as where one of them is missing."""
        stacks: dict[tuple[str, tuple[float, ...]], list[Header]] = {}
        for each in self.headers:
            if len(each.axes) == 6 and len(each.place_mm) == 3:
                axes = tuple(round(number, 3) for number in each.axes)
                stacks.setdefault((each.series_uid, axes), []).append(each)
        return frozenset(stack[0].series for stack in stacks.values() if _uneven(stack))

    def told(self, title: str, series: int) -> str:
        """A series' title without line breaks; "" where it might tell who the patient is, or nothing is known of the series.

        Parameters
        ----------
        title : str
        series : int
            Its number.

        Examples
        --------
        >>> files = ScannedFiles([Header(3, names=("Doe^Jane",), identifiers=("00417",), dates=("19700131",))])
        >>> [files.told(title, 3) for title in ("t1_mprage_sag", "t1 JaneDoe", "t1_417", "t1 31.01.1970")]
        ['t1_mprage_sag', '', '', '']
        >>> files.told("t1_mprage_sag", 4)
        ''
        """
        if series not in self.series:
            return ""
        words = re.split(r"[\W_]+", title.casefold())
        joined = "".join(words)
        if any(part in words for part in self._short) or any(each.search(joined) for each in self._patterns):
            return ""
        return " ".join("".join(each if each.isprintable() else " " for each in title).split())

    @cached_property
    def _parts(self) -> frozenset[str]:
        """The parts of all that identifies, without signs, in small letters."""
        names = {part for each in self.headers for name in each.names for part in re.split(r"[\W_]+", name)}
        whole = {re.sub(r"[\W_]+", "", text) for each in self.headers for text in each.identifiers}
        dates = {form for each in self.headers for date in each.dates for form in _forms(date)}
        found = {part.casefold() for part in (names | whole | {each.lstrip("0") for each in whole} | dates)}
        return frozenset(part for part in found if len(part) > 1 or part.isdigit())

    @cached_property
    def _short(self) -> frozenset[str]:
        return frozenset(part for part in self._parts if len(part) < SHORT)

    @cached_property
    def _patterns(self) -> list[re.Pattern[str]]:
        """Of the longer parts; for a letter that is not ASCII there may be any, or what a scanner writes for it."""
        longer = (part for part in self._parts if len(part) >= SHORT)
        return [
            re.compile("".join(re.escape(each) if each.isascii() else ".{0,2}" for each in part)) for part in longer
        ]


def _forms(date: str) -> Iterator[str]:
    """A date, YYYYMMDD, as people write it."""
    year, month, day = date[:4], date[4:6], date[6:8]
    for written in (year, year[2:]):
        yield from (f"{written}{month}{day}", f"{day}{month}{written}", f"{month}{day}{written}")


def _uneven(stack: list[Header]) -> bool:
    """Whether the distances of a stack's slices differ."""
    axes = np.array(stack[0].axes).reshape(2, 3)
    normal = np.cross(*axes)
    depths_mm = np.unique(np.round([normal @ np.array(each.place_mm) for each in stack], 2))
    steps_mm = np.diff(depths_mm)
    return len(steps_mm) > 1 and bool(np.ptp(steps_mm) > UNEVEN * np.median(steps_mm))


def _only(texts: tuple[str, ...]) -> str:
    return texts[0] if texts else ""


def _elements(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """The elements of :data:`READ`, from behind the mark."""
    explicit, in_meta = True, True
    while len(start := file.read(8)) == 8:
        tag = _tag(start)
        if in_meta and tag >> 16 != META:
            in_meta, explicit = False, start[4:6].isalpha() and start[4:6].isupper()
        if tag > LAST:
            return
        length = _length(file, start, explicit)
        if tag in READ and length <= LONGEST:
            yield tag, file.read(length)
        else:
            _pass_over(file, start, length, explicit)


def _tag(start: bytes) -> int:
    group, number = struct.unpack("<HH", start[:4])
    return int(group) << 16 | int(number)


def _length(file: BinaryIO, start: bytes, explicit: bool) -> int:
    """The length of an element's value; the file is then where that begins."""
    if not explicit or _tag(start) >> 16 == ITEM >> 16:
        return int(struct.unpack("<I", start[4:])[0])
    if start[4:6] not in LONG:
        return int(struct.unpack("<H", start[6:])[0])
    return int(struct.unpack("<I", _whole(file, 4))[0])


def _pass_over(file: BinaryIO, start: bytes, length: int, explicit: bool, depth: int = 0) -> None:
    """Go to the end of an element's value, through sequences whose length is not said."""
    if length != UNKNOWN_LENGTH:
        file.seek(length, 1)
        return
    if depth > DEEPEST:
        raise ValueError("sequences too deep")
    within = explicit and start[4:6] != b"UN"
    while _tag(item := _whole(file, 8)) != SEQUENCE_END:
        if _tag(item) != ITEM:
            raise ValueError("no item of a sequence")
        length = _length(file, item, within)
        if length != UNKNOWN_LENGTH:
            file.seek(length, 1)
            continue
        while _tag(element := _whole(file, 8)) != ITEM_END:
            _pass_over(file, element, _length(file, element, within), within, depth + 1)


def _whole(file: BinaryIO, count: int) -> bytes:
    data = file.read(count)
    if len(data) != count:
        raise ValueError("the file ends too soon")
    return data
