"""Montages as tables: ``montage.csv`` for people and spreadsheets, ``electrodes.tsv`` as BIDS has them for EEG caps.

Both have one electrode a row and coordinates in RAS mm of the T1.  The ``.tsv`` has the columns of the BIDS
specification for electrodes (name, x, y, z, type, material) and, after them, the current and the size; its
``coordsystem.json`` names the image.  ``montage.csv`` is read back by :func:`read_montage`, so that a montage can be
changed in a spreadsheet and planned with.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from meshes.errors import InputError
from meshes.whole_files import written_whole
from targeting.records.montage import PlanElectrode
from targeting.records.places import Frame, PlanLandmarks

if TYPE_CHECKING:
    from targeting.tes.electrodes import Montage

COLUMNS = ("name", "x_mm", "y_mm", "z_mm", "current_ma", "shape", "size_mm", "y_axis")
SHEET_COLUMNS = ("from_nasion_mm", "from_inion_mm", "from_left_ear_mm", "from_right_ear_mm")
BIDS_COLUMNS = ("name", "x", "y", "z", "type", "material", "current_ma", "shape", "size_mm")
UNKNOWN = "n/a"  # BIDS' word for what is not known


def write_montage_table(path: str | Path, electrodes: Sequence[PlanElectrode]) -> None:
    """Write ``montage.csv``: places, currents, sizes, and distances for a tape measure.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    with written_whole(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*COLUMNS, *SHEET_COLUMNS])
        for each in electrodes:
            place = [f"{x:.3f}" for x in each.scalp_mm]
            turned = " ".join(f"{x:.6f}" for x in each.y_axis)
            row = [each.name, *place, f"{each.current_ma:.6g}", each.shape, _size(each), turned]
            writer.writerow([*row, *(f"{getattr(each, column):.1f}" for column in SHEET_COLUMNS)])


def read_montage(path: str | Path) -> Montage:
    """A montage from a ``.csv`` with the columns name, x_mm, y_mm, z_mm, current_ma, shape and size_mm.

    ``size_mm`` is one or two numbers with "x" between them; ``y_axis``, three numbers, may be left out; other columns are
    not read.

    Raises
    ------
    InputError
        If the file is missing or a row cannot be understood, or the currents are all zero or do not sum to zero.
    """
    import numpy as np

    from targeting.tes.electrodes import Electrode, Montage

    path = Path(path)
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}; check the path") from None
    except (UnicodeDecodeError, csv.Error):
        raise InputError(f"{path} is no table of text; give a montage as .csv") from None
    missing = [column for column in COLUMNS[:-1] if not rows or column not in rows[0]]
    if missing:
        raise InputError(f"{path} is no montage: it lacks {', '.join(missing)}; write it like a plan's montage.csv")
    electrodes, currents = [], []
    for number, row in enumerate(rows, 2):
        try:
            center = np.array([float(row[column]) for column in COLUMNS[1:4]])
            currents.append(float(row["current_ma"]) / 1e3)
            size = tuple(float(part) for part in row["size_mm"].split("x"))
            axis = [float(part) for part in (row.get("y_axis") or "").split()]
        except (ValueError, AttributeError, TypeError):
            raise InputError(
                f"{path.name}, line {number}: a number cannot be read; write it like a plan's montage.csv"
            ) from None
        toward = center + 100 * np.array(axis) if len(axis) == 3 else None
        shape = row["shape"].strip()
        electrodes.append(Electrode(row["name"].strip(), center, shape, size, toward_mm=toward))  # type: ignore[arg-type]
    if not np.any(currents):
        raise InputError(f"{path.name}: current_ma is 0 everywhere, so no current flows; give the currents in mA")
    return Montage(path.stem, tuple(electrodes), np.array(currents))


def write_bids(
    folder: str | Path, electrodes: Sequence[PlanElectrode], landmarks: PlanLandmarks, frame: Frame
) -> list[Path]:
    """Write ``electrodes.tsv`` and ``coordsystem.json``.

    Parameters
    ----------
    folder : path
    electrodes : sequence of PlanElectrode
    landmarks : PlanLandmarks
        The points of the head that BIDS wants beside the electrodes.
    frame : Frame
        The image that all coordinates belong to.

    Raises
    ------
    InputError
        If a file cannot be written.
    """
    folder = Path(folder)
    table, system = folder / "electrodes.tsv", folder / "coordsystem.json"
    with written_whole(table) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter="\t", lineterminator="\n")
        writer.writerow(BIDS_COLUMNS)
        for each in electrodes:
            place = [f"{x:.3f}" for x in each.scalp_mm]
            kind = "anode" if each.current_ma > 0 else "cathode"
            writer.writerow([each.name, *place, kind, UNKNOWN, f"{each.current_ma:.6g}", each.shape, _size(each)])
    about = {
        "EEGCoordinateSystem": "Other",
        "EEGCoordinateSystemDescription": f"RAS mm of {frame.image} (sha256 {frame.sha256})",
        "EEGCoordinateUnits": "mm",
        "AnatomicalLandmarkCoordinates": {
            "NAS": landmarks.nasion_mm,
            "INI": landmarks.inion_mm,
            "LPA": landmarks.left_ear_mm,
            "RPA": landmarks.right_ear_mm,
        },
        "AnatomicalLandmarkCoordinateUnits": "mm",
    }
    with written_whole(system) as temporary:
        temporary.write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
    return [table, system]


def _size(electrode: PlanElectrode) -> str:
    return "x".join(f"{size:g}" for size in electrode.size_mm)
