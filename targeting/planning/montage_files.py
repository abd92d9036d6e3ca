"""Write a plan's montage: ``montage.csv`` for people and ``tes.montages.read_montage``, and BIDS' ``electrodes.tsv``."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path

from meshes.whole_files import written_whole
from targeting.plans.tes import PlanElectrode, TesPlan
from targeting.tes.montages import COLUMNS

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


def write_bids(folder: str | Path, plan: TesPlan) -> list[Path]:
    """Write ``electrodes.tsv`` and ``coordsystem.json``.

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
        for each in plan.montage:
            place = [f"{x:.3f}" for x in each.scalp_mm]
            kind = "anode" if each.current_ma > 0 else "cathode"
            writer.writerow([each.name, *place, kind, UNKNOWN, f"{each.current_ma:.6g}", each.shape, _size(each)])
    marks = plan.landmarks
    about = {
        "EEGCoordinateSystem": "Other",
        "EEGCoordinateSystemDescription": f"RAS mm of {plan.frame.image} (sha256 {plan.frame.sha256})",
        "EEGCoordinateUnits": "mm",
        "AnatomicalLandmarkCoordinates": {
            "NAS": marks.nasion_mm,
            "INI": marks.inion_mm,
            "LPA": marks.left_ear_mm,
            "RPA": marks.right_ear_mm,
        },
        "AnatomicalLandmarkCoordinateUnits": "mm",
    }
    with written_whole(system) as temporary:
        temporary.write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
    return [table, system]


def _size(electrode: PlanElectrode) -> str:
    return "x".join(f"{size:g}" for size in electrode.size_mm)
