"""Series of DICOM of a person who does not exist, written element by element.

A block with one bright corner tells left from right in a small series; a session has a whole head without symmetry.
"""

import gzip
import struct
from pathlib import Path

import numpy as np
from phantom import labels_at

SHAPE = (24, 32, 40)  # slices, rows, columns
STEP_MM = 1.0
LONG = (b"OB", b"OW", b"SQ", b"UN", b"UT")
MR = "1.2.840.10008.5.1.4.1.1.4"
EXPLICIT_LITTLE = "1.2.840.10008.1.2.1"
IMPLICIT_LITTLE = "1.2.840.10008.1.2"
ROOT = "1.2.826.0.1.3680043.2.1125."  # of anybody's
NOBODY = ((0x0010, 0x0010, b"PN", "Nobody"), (0x0010, 0x0020, b"LO", "none"))
SOMEBODY = (
    (0x0008, 0x0050, b"SH", "ACC-77001"),
    (0x0008, 0x0080, b"LO", "Hidden Hospital"),
    (0x0008, 0x0081, b"ST", "1 Hidden Square"),
    (0x0008, 0x0090, b"PN", "Referrer^Ruth"),
    (0x0010, 0x0010, b"PN", "Secret^Person"),
    (0x0010, 0x0020, b"LO", "SP-192304"),
    (0x0010, 0x0030, b"DA", "19230405"),
    (0x0010, 0x1040, b"LO", "7 Hidden Lane"),
    (0x0010, 0x4000, b"LT", "comment on Secret"),
    (0x0020, 0x4000, b"LT", "image of Secret"),
)
# what may be in no file and in no line, small letters
SECRETS = (
    "secret",
    "person",
    "192304",
    "19230405",
    "1923-04-05",
    "hidden",
    "referrer",
    "77001",
    "20260101",
    "2026-01-01",
)
PLAIN = "ORIGINAL\\PRIMARY\\M\\ND"
NORMALISED = "ORIGINAL\\PRIMARY\\M\\ND\\NORM"
REFORMATTED = "DERIVED\\SECONDARY\\MPR\\M\\ND\\NORM"
GRADIENT_ECHO = (
    (0x0018, 0x0020, b"CS", "GR\\IR"),
    (0x0018, 0x0080, b"DS", "2300"),
    (0x0018, 0x0081, b"DS", "3"),
    (0x0018, 0x0082, b"DS", "900"),
)
SPIN_ECHO = (
    (0x0018, 0x0020, b"CS", "SE"),
    (0x0018, 0x0080, b"DS", "3200"),
    (0x0018, 0x0081, b"DS", "408"),
)
CONTRAST = ((0x0018, 0x0010, b"LO", "Gadobutrol"),)
HEAD_STEP_MM = 1.5
NOISE = 8  # of 1000
LARGER = 1.5  # the phantom's head made as large as a person's
HEAD_SHAPE = (140, 150, 132)
BRIGHTNESS = np.array([0, 900, 600, 250, 120, 1000, 300], np.uint16)  # of its tissues on a T1


def dicom_series(
    folder: Path,
    title: str = "t1_mprage_sag",
    number: int = 3,
    *,
    kinds: str = PLAIN,
    person=NOBODY,
    measured=GRADIENT_ECHO,
    volume=None,
    step_mm: float = STEP_MM,
    implicit: bool = False,
) -> list[Path]:
    """Write axial slices; columns run to the patient's left, rows to the back (DICOM's LPS), slices up.

    Without a volume of its own there is one bright corner, at the patient's left, front and top.
    """
    folder.mkdir(parents=True)
    if volume is None:
        slices, rows, columns = SHAPE
        volume = np.full(SHAPE, 100, np.uint16)
        volume[slices // 2 :, : rows // 2, columns // 2 :] = 900 + number
    further = [(0x0008, 0x0008, b"CS", kinds), *person, *measured]
    return [_slice(folder, title, number, k, volume, step_mm, further, implicit) for k in range(len(volume))]


def scan_session(folder: Path, person=SOMEBODY) -> Path:
    """A session of several series: localizer, two T1 of one measurement, T2, and what the scanner made of a T1."""
    head = head_volume()
    rough = {"volume": np.ascontiguousarray(head[::5, ::5, ::5]), "step_mm": 5 * HEAD_STEP_MM}
    fine = {"step_mm": HEAD_STEP_MM, "person": person}
    dicom_series(folder / "a", "localizer", 1, person=person, **rough)
    dicom_series(folder / "b", "t1_mprage_sag", 2, volume=head, **fine)
    dicom_series(folder / "c", "t1_mprage_sag", 3, kinds=NORMALISED, volume=head + 1, **fine)
    dicom_series(folder / "d", "t2_space_sag", 4, kinds=NORMALISED, measured=SPIN_ECHO, volume=1200 - head, **fine)
    dicom_series(folder / "e", "t1_mpr_tra", 5, kinds=REFORMATTED, volume=head + 2, **fine)
    return folder


def whispers(folder: Path) -> list[tuple[str, str]]:
    """What of the person stands in the files of a folder, unpacked, or in their names."""
    found = []
    for path in (each for each in folder.rglob("*") if each.is_file()):
        content = path.read_bytes()
        content = gzip.decompress(content) if content.startswith(b"\x1f\x8b") else content
        text = (str(path.relative_to(folder)).encode() + content).lower()
        found += [(path.name, secret) for secret in SECRETS if secret.encode() in text]
    return found


def head_volume() -> np.ndarray:
    """Brightness of the phantom's head on the slices of a session."""
    slices, rows, columns = (np.arange(n) - n / 2 for n in HEAD_SHAPE)
    up, back, left = np.meshgrid(slices, rows, columns, indexing="ij")
    noise = np.random.default_rng(3).integers(0, NOISE, HEAD_SHAPE, np.uint16)
    return head_at(np.stack([-left, -back, up], -1) * HEAD_STEP_MM) + noise


def head_at(points_mm) -> np.ndarray:
    """The same at points in RAS mm, (..., 3)."""
    return BRIGHTNESS[labels_at(np.asarray(points_mm) / LARGER)]


def _slice(
    folder: Path, title: str, number: int, k: int, volume: np.ndarray, step_mm: float, further, implicit
) -> Path:
    slices, rows, columns = volume.shape
    low = -slices / 2 if volume.shape == HEAD_SHAPE else 0
    place = f"{-columns / 2 * step_mm}\\{-rows / 2 * step_mm}\\{(low + k) * step_mm}"
    uid = f"{ROOT}{number}.{k + 1}"
    syntax = IMPLICIT_LITTLE if implicit else EXPLICIT_LITTLE
    elements = [
        (0x0008, 0x0016, b"UI", MR),
        (0x0008, 0x0018, b"UI", uid),
        (0x0008, 0x0020, b"DA", "20260101"),
        (0x0008, 0x0030, b"TM", "120000"),
        (0x0008, 0x0060, b"CS", "MR"),
        (0x0008, 0x0070, b"LO", "SIEMENS"),
        (0x0008, 0x103E, b"LO", title),
        (0x0008, 0x1140, b"SQ", _sequence(implicit)),
        (0x0018, 0x0023, b"CS", "3D"),
        (0x0018, 0x0050, b"DS", f"{step_mm}"),
        (0x0018, 0x1030, b"LO", title),
        (0x0018, 0x5100, b"CS", "HFS"),
        (0x0020, 0x000D, b"UI", f"{ROOT}1"),
        (0x0020, 0x000E, b"UI", f"{ROOT}2.{number}"),
        (0x0020, 0x0011, b"IS", f"{number}"),
        (0x0020, 0x0013, b"IS", f"{k + 1}"),
        (0x0020, 0x0032, b"DS", place),
        (0x0020, 0x0037, b"DS", "1\\0\\0\\0\\1\\0"),
        (0x0020, 0x0052, b"UI", f"{ROOT}9"),
        (0x0028, 0x0002, b"US", struct.pack("<H", 1)),
        (0x0028, 0x0004, b"CS", "MONOCHROME2"),
        (0x0028, 0x0010, b"US", struct.pack("<H", rows)),
        (0x0028, 0x0011, b"US", struct.pack("<H", columns)),
        (0x0028, 0x0030, b"DS", f"{step_mm}\\{step_mm}"),
        (0x0028, 0x0100, b"US", struct.pack("<H", 16)),
        (0x0028, 0x0101, b"US", struct.pack("<H", 12)),
        (0x0028, 0x0102, b"US", struct.pack("<H", 11)),
        (0x0028, 0x0103, b"US", struct.pack("<H", 0)),
        (0x7FE0, 0x0010, b"OW", volume[k].astype("<u2").tobytes()),
        *further,
    ]
    meta = b"".join(
        _element(*each)
        for each in [
            (0x0002, 0x0001, b"OB", b"\0\1"),
            (0x0002, 0x0002, b"UI", MR),
            (0x0002, 0x0003, b"UI", uid),
            (0x0002, 0x0010, b"UI", syntax),
        ]
    )
    head = _element(0x0002, 0x0000, b"UL", struct.pack("<I", len(meta)))
    path = folder / f"IM{k + 1:04}"
    written = b"".join(_element(*each, implicit=implicit) for each in sorted(elements, key=lambda each: each[:2]))
    path.write_bytes(b"\0" * 128 + b"DICM" + head + meta + written)
    return path


def _sequence(implicit: bool) -> bytes:
    """An item of unknown length, as scanners write their references to other images."""
    within = _element(0x0008, 0x1155, b"UI", f"{ROOT}8", implicit=implicit)
    ends = struct.pack("<HHI", 0xFFFE, 0xE00D, 0) + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
    return struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF) + within + ends


def _element(group: int, number: int, kind: bytes, value: str | bytes, implicit: bool = False) -> bytes:
    data = value if isinstance(value, bytes) else value.encode()
    if len(data) % 2:
        data += b"\0" if kind in (b"UI", b"OB") else b" "
    size = 0xFFFFFFFF if kind == b"SQ" else len(data)
    if implicit:
        return struct.pack("<HHI", group, number, size) + data
    length = struct.pack("<2xI", size) if kind in LONG else struct.pack("<H", size)
    return struct.pack("<HH", group, number) + kind + length + data
