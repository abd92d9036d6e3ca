"""A small series of DICOM, written element by element: a block of head with one bright corner, to tell left from right."""

import struct
from pathlib import Path

import numpy as np

SHAPE = (24, 32, 40)  # slices, rows, columns
STEP_MM = 1.0
LONG = (b"OB", b"OW", b"SQ", b"UN", b"UT")
MR = "1.2.840.10008.5.1.4.1.1.4"
EXPLICIT_LITTLE = "1.2.840.10008.1.2.1"
ROOT = "1.2.826.0.1.3680043.2.1125."  # of anybody's


def dicom_series(folder: Path, title: str = "t1_mprage_sag", number: int = 3) -> list[Path]:
    """Write axial slices; columns run to the patient's left, rows to the back (DICOM's LPS), slices up.

    The bright corner is at the patient's left, front and top.
    """
    folder.mkdir(parents=True)
    slices, rows, columns = SHAPE
    volume = np.full(SHAPE, 100, np.uint16)
    volume[slices // 2 :, : rows // 2, columns // 2 :] = 900 + number
    return [_slice(folder, title, number, k, volume[k]) for k in range(slices)]


def _slice(folder: Path, title: str, number: int, k: int, pixels: np.ndarray) -> Path:
    rows, columns = pixels.shape
    place = f"{-columns / 2 * STEP_MM}\\{-rows / 2 * STEP_MM}\\{k * STEP_MM}"
    uid = f"{ROOT}{number}.{k + 1}"
    elements = [
        (0x0008, 0x0008, b"CS", "ORIGINAL\\PRIMARY\\M\\ND"),
        (0x0008, 0x0016, b"UI", MR),
        (0x0008, 0x0018, b"UI", uid),
        (0x0008, 0x0020, b"DA", "20260101"),
        (0x0008, 0x0030, b"TM", "120000"),
        (0x0008, 0x0060, b"CS", "MR"),
        (0x0008, 0x0070, b"LO", "SIEMENS"),
        (0x0008, 0x103E, b"LO", title),
        (0x0010, 0x0010, b"PN", "Nobody"),
        (0x0010, 0x0020, b"LO", "none"),
        (0x0018, 0x0023, b"CS", "3D"),
        (0x0018, 0x0050, b"DS", f"{STEP_MM}"),
        (0x0018, 0x0080, b"DS", "2300"),
        (0x0018, 0x0081, b"DS", "3"),
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
        (0x0028, 0x0030, b"DS", f"{STEP_MM}\\{STEP_MM}"),
        (0x0028, 0x0100, b"US", struct.pack("<H", 16)),
        (0x0028, 0x0101, b"US", struct.pack("<H", 16)),
        (0x0028, 0x0102, b"US", struct.pack("<H", 15)),
        (0x0028, 0x0103, b"US", struct.pack("<H", 0)),
        (0x7FE0, 0x0010, b"OW", pixels.astype("<u2").tobytes()),
    ]
    meta = b"".join(
        _element(*each)
        for each in [
            (0x0002, 0x0001, b"OB", b"\0\1"),
            (0x0002, 0x0002, b"UI", MR),
            (0x0002, 0x0003, b"UI", uid),
            (0x0002, 0x0010, b"UI", EXPLICIT_LITTLE),
        ]
    )
    head = _element(0x0002, 0x0000, b"UL", struct.pack("<I", len(meta)))
    path = folder / f"IM{k + 1:04}"
    path.write_bytes(b"\0" * 128 + b"DICM" + head + meta + b"".join(_element(*each) for each in elements))
    return path


def _element(group: int, number: int, kind: bytes, value: str | bytes) -> bytes:
    data = value if isinstance(value, bytes) else value.encode()
    if len(data) % 2:
        data += b"\0" if kind in (b"UI", b"OB") else b" "
    length = struct.pack("<2xI", len(data)) if kind in LONG else struct.pack("<H", len(data))
    return struct.pack("<HH", group, number) + kind + length + data
