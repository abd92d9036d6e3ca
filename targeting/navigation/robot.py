"""Plain 4 × 4 matrices for a robot or a program of one's own, as JSON or CSV: the file states unit and frame, or is refused.

``frame`` is one of those in which poses are streamed to ``target serve`` (:func:`targeting.navigation.navigators.frames`): it
says the world and the coil's axes.  "ras" is this project's: RAS mm of the T1, z into the head, y away from the handle.

    {"frame": "ras", "unit": "mm", "poses": [{"name": "hand", "matrix": [[…], […], […], [0, 0, 0, 1]]}]}

As CSV the first lines are ``# frame: ras`` and ``# unit: mm``; then a heading ``name,m00,m01,…,m33`` and a line for each pose.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meshes.choices import one_of
from meshes.errors import InputError
from targeting.navigation.exported import PlanImage, PlannedPose, handle_end_mm
from targeting.navigation.navigators import Navigator, frames, pose_in
from targeting.navigation.records import TARGET, Mark, Record, Session, finite, number, one_line
from targeting.pose import Pose

CELLS = [f"m{i}{j}" for i in range(4) for j in range(4)]
UNIT_MM = {"mm": 1.0, "m": 1000.0}
STATED = re.compile(r"^#\s*(frame|unit|image_sha256)\s*:\s*(\S*)", re.MULTILINE | re.IGNORECASE)
POINTS = ("target_mm", "entry_mm", "handle_mm")


def to_string(poses: Sequence[Pose], image: PlanImage | None = None) -> str:
    """Poses as JSON in the frame "ras", with target, entry and end of the handle of a plan's."""
    listed = []
    for pose in poses:
        each: dict[str, Any] = {"name": one_line(pose.name), "matrix": pose.matrix_mm.tolist()}
        if isinstance(pose, PlannedPose):
            points = dict(zip(POINTS, (pose.target_mm, pose.entry_mm, handle_end_mm(pose)), strict=True))
            each |= {name: point.tolist() for name, point in points.items() if point is not None}
        listed.append(each)
    about = {"image": image.name, "image_sha256": image.sha256} if image else {}
    document = {"frame": "ras", "unit": "mm", **about, "poses": listed}
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def session_from_string(text: str, source: str = "robot file") -> Session:
    """The poses as targets, RAS mm of the T1.

    Raises
    ------
    InputError
        If it is neither JSON nor CSV of this kind, states no frame or unit, or holds a matrix that is not rigid.
    """
    read = _json if text.lstrip().startswith("{") else _csv
    about, read_rows = read(text, source)
    for key, known in (("frame", list(frames())), ("unit", list(UNIT_MM))):
        if not about.get(key):
            raise InputError(f"{source} states no {key}: write {' or '.join(map(repr, known))} into it")
    frame = one_of(str(about["frame"]).lower(), frames(), "frame")
    to_mm = UNIT_MM[one_of(str(about["unit"]), UNIT_MM, "unit")]
    rows = list(read_rows)
    if not rows:
        raise InputError(f"{source} holds no pose")
    records = [_record(i, name, matrix, frame, to_mm, source) for i, (name, matrix, _) in enumerate(rows, start=1)]
    to_ras = frames()[frame][0]
    marks = [Mark(label, (to_ras @ [*(to_mm * point), 1.0])[:3]) for _, _, points in rows for label, point in points]
    return Session(tuple(records), source, image_sha256=str(about.get("image_sha256") or ""), marks=tuple(marks))


def _record(row: int, name: str, matrix: NDArray[np.float64], frame: str, to_mm: float, source: str) -> Record:
    placed = matrix.copy()
    placed[:3, 3] *= to_mm
    return Record(TARGET, row, name, pose_in(frame, placed, name, source))


Row = tuple[str, NDArray[np.float64], list[tuple[str, NDArray[np.float64]]]]  # name, matrix, points by their names


def _json(text: str, source: str) -> tuple[dict[str, Any], Iterator[Row]]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        raise InputError(f"{source} is truncated or not JSON; write it again") from None
    poses = document.get("poses")
    if not isinstance(poses, list) or not all(isinstance(each, dict) for each in poses):
        raise InputError(f"{source} has no list of poses; write it again")
    return document, _json_rows(poses, source)


def _json_rows(poses: list[dict[str, Any]], source: str) -> Iterator[Row]:
    for i, each in enumerate(poses, start=1):
        name = str(each.get("name", f"pose {i}"))
        held = [key for key in POINTS if key in each]
        points = [
            (f"{name} {key.removesuffix('_mm')}", finite(_array(each[key], (3,), name, source), name, source))
            for key in held
        ]
        yield name, _array(each.get("matrix"), (4, 4), name, source), points


def _array(values: object, shape: tuple[int, ...], name: str, source: str) -> NDArray[np.float64]:
    try:
        array = np.array(values, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        array = np.zeros(0)
    if array.shape != shape:
        raise InputError(f"{source}: {name!r} must hold {' × '.join(map(str, shape))} numbers")
    return array


def _csv(text: str, source: str) -> tuple[dict[str, Any], Iterator[Row]]:
    about = {found[1].lower(): found[2] for found in STATED.finditer(text)}
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    table = list(csv.reader(io.StringIO("\n".join(lines))))
    heading = [each.strip() for each in table[0]] if table else []
    if heading != ["name", *CELLS]:
        raise InputError(
            f"{source} needs the heading name,m00,m01,…,m33 above its poses, with commas between and points in numbers"
        )
    return about, _csv_rows(table[1:], source)


def _csv_rows(table: list[list[str]], source: str) -> Iterator[Row]:
    for cells in table:
        if len(cells) != 1 + len(CELLS):
            raise InputError(
                f"{source}: {cells[0]!r} has {len(cells) - 1} numbers, not 16; write decimal points, not commas"
            )
        yield cells[0].strip(), np.array([number(each, cells[0], source) for each in cells[1:]]).reshape(4, 4), []


def _recognised(text: str) -> bool:
    if text.lstrip().startswith("{"):
        return '"poses"' in text and '"matrix"' in text
    return bool(STATED.match(text)) or text.startswith("name,m00")


ROBOT = Navigator(
    name="robot",
    title="A robot's 4 × 4",
    product="a robot, or a program of your own",
    suffix=".json",
    recognises=_recognised,
    read=session_from_string,
    write=lambda poses, entry: to_string(poses, entry if isinstance(entry, PlanImage) else None),
    how=(
        "A matrix is coil → world, mm, RAS of the T1: z into the head, y away from the handle, x = y × z, the origin in the "
        "middle of the casing's face. Register the robot's world to this T1 first."
    ),
    file_name="plan_robot.json",
)
