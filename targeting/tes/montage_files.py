"""Montages as tables: ``montage.csv`` for people and spreadsheets, ``electrodes.tsv`` as BIDS has them for EEG caps.

Both have one electrode a row and coordinates in RAS mm of the T1.  The ``.tsv`` has the columns of the BIDS
specification for electrodes (name, x, y, z, type, material) and, after them, the current and the size; its
``coordsystem.json`` names the image.  ``montage.csv`` is read back by
:func:`targeting.tes.montages.read_montage`, so that a montage can be changed in a spreadsheet and planned with.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path

from meshes.whole_files import written_whole
from targeting.records.montage import PlanElectrode
from targeting.records.places import Frame, PlanLandmarks
from targeting.tes.montages import COLUMNS

SHEET_COLUMNS = ("from_nasion_mm", "from_inion_mm", "from_left_ear_mm", "from_right_ear_mm")
BIDS_COLUMNS = ("name", "x", "y", "z", "type", "material", "current_ma", "shape", "size_mm")
UNKNOWN = "n/a"  # BIDS' word for what is not known


def write_montage_table(path: str | Path, electrodes: Sequence[PlanElectrode]) -> None:
    """Write ``montage.csv``: places, currents, sizes, and distances for a tape measure.

    Raises
    ------
    WriteError
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
    WriteError
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
