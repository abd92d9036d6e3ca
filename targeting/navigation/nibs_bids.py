"""Positions of a coil after NIBS-BIDS, the draft of BEP037: ``*_markers.tsv`` with its sidecar and its coordinate system.

The draft changes from month to month; this is its version 6.3 (nigelrogasch/nibs-bids, ``examples/v.6.3/README.md``, read
in November 2026).  It leaves open how a coil's axes point, so the sidecar says it: ``position_coil_transform`` is coil →
world with **z into the head and y away from the handle**, ``position_normal`` is its z and ``position_direction`` its y.  A
file that does not say so is refused, and so is one without a coordinate system.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meshes.errors import InputError
from targeting.navigation.exported import PlanImage, PlannedPose, handle_end_mm
from targeting.navigation.navigators import HeaderEntry, Navigator
from targeting.navigation.records import MNI, TARGET, Mark, Record, Session, number, one_line, rigid_pose
from targeting.pose import Pose

VERSION = "6.3"
AXES = "z into the head, y away from the handle, x = y × z; the origin is the centre of the casing's face"
UNIT_MM = {"mm": 1.0, "cm": 10.0, "m": 1000.0}
TSV = "_markers.tsv"
TRANSFORM = "position_coil_transform"
COLUMNS = (
    *("nibs_position_id", "nibs_element_id", "position_label", "position_description"),
    *(f"{what}_{axis}" for what in ("position", "position_entry", "position_coil") for axis in "xyz"),
    *(f"{what}_{axis}" for what in ("position_normal", "position_direction") for axis in "xyz"),
    TRANSFORM,
)
OWN_SYSTEMS = ("individualmri", "t1w", "individual")
NONE = "n/a"


def to_string(poses: Sequence[Pose]) -> str:
    """Poses as rows of ``*_markers.tsv``, RAS mm of the T1."""
    rows = []
    for i, pose in enumerate(poses, start=1):
        planned = pose if isinstance(pose, PlannedPose) else PlannedPose(pose.matrix_mm, pose.name)
        end = ", ".join(f"{x:.1f}" for x in handle_end_mm(pose))
        points = (planned.target_mm, planned.entry_mm, pose.center_mm, pose.direction_mm, pose.away_from_handle_mm)
        cells = [f"position_{i}", "coil_1", one_line(pose.name), f"planned; the handle points to ({end}) mm"]
        cells += [
            cell for point in points for cell in ([NONE] * 3 if point is None else [f"{x + 0.0:.6f}" for x in point])
        ]
        rows.append([*cells, json.dumps(np.round(pose.matrix_mm, 9).tolist())])
    return "\n".join("\t".join(row) for row in [COLUMNS, *rows]) + "\n"


def sidecars(poses: Sequence[Pose], image: PlanImage | None, file_name: str) -> dict[str, str]:
    """The description of the columns, and the coordinate system, by the names of their files."""
    coil = next((each.coil for each in poses if isinstance(each, PlannedPose)), "")
    stem = file_name.removesuffix(TSV) if file_name.endswith(TSV) else Path(file_name).stem
    about = f"{image.name}, SHA-256 {image.sha256}" if image else "the subject's T1"
    described = {
        "NIBSDescription": f"planned positions, after the draft of BEP037, version {VERSION}",
        "BEP037Version": VERSION,
        "CoilAxes": AXES,
        "ElementSet": [{"ElementID": "coil_1", "ElementType": "coil", "ModelName": coil}],
        TRANSFORM: {"Description": f"coil to world, mm, by rows: {AXES}"},
        "position_normal_x": {"Description": "z of the coil: from its face into the head; unit vector"},
        "position_direction_x": {"Description": "y of the coil: away from the handle; unit vector"},
    }
    system = {
        "NIBSCoordinateSystem": "IndividualMRI",
        "NIBSCoordinateUnits": "mm",
        "NIBSCoordinateSystemDescription": f"RAS millimetres of {about}, by the NIfTI header",
        "ImageSHA256": image.sha256 if image else "",
    }
    return {
        f"{stem}_markers.json": json.dumps(described, indent=2, ensure_ascii=False) + "\n",
        f"{stem}_coordsystem.json": json.dumps(system, indent=2, ensure_ascii=False) + "\n",
    }


def session_from_string(text: str, source: str = "NIBS-BIDS file") -> Session:
    """The positions as targets; ``source`` is the file's path, beside which its sidecar and its coordinate system lie.

    Raises
    ------
    InputError
        If a sidecar is missing or does not say how the coil's axes point, the coordinate system is not known, or a row is
        damaged.
    """
    described, system = _beside(source, "markers"), _beside(source, "coordsystem")
    unit, name = str(system.get("NIBSCoordinateUnits")), str(system.get("NIBSCoordinateSystem"))
    if unit not in UNIT_MM or not name.lower().startswith((*OWN_SYSTEMS, "mni152")):
        raise InputError(f"{source} is in {name!r}, {unit!r}; only IndividualMRI or MNI152 in mm, cm or m can be read")
    if described.get("CoilAxes") != AXES:
        raise InputError(
            f"{source}: its sidecar does not say how the coil's axes point (CoilAxes), and the draft leaves that open"
        )
    rows = list(csv.DictReader(io.StringIO(text), delimiter="\t"))
    if not rows or TRANSFORM not in rows[0]:
        raise InputError(f"{source} has no rows with {TRANSFORM}; only positions with a matrix can be read")
    to_mm = UNIT_MM[unit]
    records = [
        Record(TARGET, i, _name(row), rigid_pose(_matrix(row, to_mm, source), _name(row), source))
        for i, row in enumerate(rows, start=1)
    ]
    marks = [
        Mark(f"{_name(row)} {word}".strip(), to_mm * point)
        for row in rows
        for what, word in (("position", "target"), ("position_entry", "entry"))
        if np.isfinite(
            point := np.array([number(row.get(f"{what}_{axis}"), _name(row), source) for axis in "xyz"])
        ).all()
    ]
    in_mni = MNI if name.lower().startswith("mni152") else ""
    return Session(
        tuple(records), source, in_mni, image_sha256=str(system.get("ImageSHA256") or ""), marks=tuple(marks)
    )


def _name(row: Mapping[str, Any]) -> str:
    label = row.get("position_label") or ""
    return label if label not in ("", NONE) else str(row.get("nibs_position_id") or "")


def _matrix(row: Mapping[str, Any], to_mm: float, source: str) -> NDArray[np.float64]:
    try:
        matrix = np.array(json.loads(row[TRANSFORM] or ""), dtype=np.float64)
    except (TypeError, ValueError, RecursionError, OverflowError):
        matrix = np.zeros(0)
    if matrix.shape != (4, 4):
        raise InputError(f"{source}: {TRANSFORM} of {_name(row)!r} is no 4 × 4 matrix; write it as JSON, by rows")
    matrix[:3, 3] *= to_mm
    return matrix


def _beside(source: str, kind: str) -> dict[str, Any]:
    """The JSON file of a kind that belongs to a file: in its folder, with some of its entities."""
    path = Path(source)
    entities = set(path.name.removesuffix(TSV).split("_"))
    fitting = [
        each
        for each in sorted(path.parent.glob(f"*_{kind}.json"))
        if set(each.name.removesuffix(f"_{kind}.json").split("_")) <= entities
    ]
    if not fitting:
        raise InputError(f"{source} has no *_{kind}.json beside it, which says how to read it; copy the whole folder")
    try:
        document = json.loads(max(fitting, key=lambda each: len(each.name)).read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise InputError(f"the *_{kind}.json beside {source} is damaged; copy it again")
    return document


def _text(poses: Sequence[Pose], entry: HeaderEntry | None) -> str:
    return to_string(poses)


def _sidecars(poses: Sequence[Pose], entry: HeaderEntry | None, file_name: str) -> Mapping[str, str]:
    return sidecars(poses, entry if isinstance(entry, PlanImage) else None, file_name)


NIBS_BIDS = Navigator(
    name="nibs-bids",
    title="NIBS-BIDS",
    product=f"a BIDS data set, after the draft of BEP037, version {VERSION}",
    suffix=".tsv",
    recognises=lambda text: text.startswith("nibs_position_id"),
    read=session_from_string,
    write=_text,
    beside=_sidecars,
    how="Put the three files into the subject's folder nibs of the data set; their coordinates are RAS mm of the T1.",
    file_name="sub-{subject}_task-plan_markers.tsv",
)
