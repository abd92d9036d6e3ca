"""The marker files of InVesalius, ``.mkss`` (a table with a heading, versions 0 to 5) and ``.mks`` (the same without one).

A marker has a place x, y, z and static Euler angles alpha, beta, gamma (degrees, about x, then y, then z) in InVesalius's
own space: millimetres along the image's canonical axes, with y counted to the back from the last voxel.  Angles are not
turned with that y.  Newer files repeat both in the world, RAS mm of the image (``x_world`` … ``gamma_world``).  The reader
of InVesalius takes its own space, so a file can only be written with the image at hand
(:mod:`targeting.navigation.image_space`).

InVesalius's coil frame: **x away from the handle, y to the coil's left, z out of the head**.  With I its matrix and P ours,
P = I · SWAP with SWAP = [[0,1,0],[1,0,0],[0,0,−1]], its own inverse.  (From its sources: ``e_field.py``, ``marker.py``,
``marker_transformator.py``, ``imagedata_utils.convert_invesalius_to_world``.)

``marker_type``: 0 fiducial, 1 landmark, 2 brain target, 3 coil target (a target here), 4 coil pose (a pulse here).  Older
files have none: a row with angles that is no fiducial is a coil target, as InVesalius takes it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from meshes.errors import InputError
from targeting.navigation.exported import as_loaded, image_of, marks_of
from targeting.navigation.image_space import ImageSpace
from targeting.navigation.navigators import SAME, HeaderEntry, Navigator
from targeting.navigation.records import (
    INVESALIUS,
    PULSE,
    TARGET,
    Kind,
    Mark,
    Record,
    Session,
    number,
    one_line,
    rigid_pose,
)
from targeting.pose import Pose

SWAP = np.array([[0.0, 1, 0, 0], [1, 0, 0, 0], [0, 0, -1, 0], [0, 0, 0, 1]])
Y_TURNED = np.diag([1.0, -1.0, 1.0])  # of a place, never of the axes
MAGIC = "##INVESALIUS3_MARKER_FILE_"
VERSIONS = range(6)
WRITTEN = 3  # what every InVesalius since 2023 reads
OLD_COLUMNS = (
    "x",
    "y",
    "z",
    "alpha",
    "beta",
    "gamma",
    "r",
    "g",
    "b",
    "size",
    "label",
    "x_seed",
    "y_seed",
    "z_seed",
    "target_id",
)
COLUMNS = (
    *("marker_id", *OLD_COLUMNS[:14], "is_target", "is_point_of_interest", "session_id"),
    *("x_cortex", "y_cortex", "z_cortex", "alpha_cortex", "beta_cortex", "gamma_cortex"),
    *("marker_type", "z_rotation", "z_offset", "mep_value"),
    *("x_world", "y_world", "z_world", "alpha_world", "beta_world", "gamma_world"),
)
WORLD = COLUMNS[-6:]
OWN = OLD_COLUMNS[:6]
FIDUCIALS = ("LEI", "REI", "NAI")
LANDMARK, COIL_TARGET, COIL_POSE = 1, 3, 4
KINDS: dict[int, Kind] = {COIL_TARGET: TARGET, COIL_POSE: PULSE}


def to_string(poses: Sequence[Pose], space: ImageSpace, marks: Sequence[Mark] = ()) -> str:
    """Poses as coil targets, and points as landmarks.

    Parameters
    ----------
    poses : sequence of Pose
        RAS mm of the T1.
    space : ImageSpace
        Of the T1 that InVesalius shows.
    marks : sequence of Mark
    """
    to_own = np.linalg.inv(space.of_invesalius_mm)
    rows: list[str] = []
    placed: list[Pose | Mark] = [*poses, *marks]
    for each in placed:
        cells = dict.fromkeys(COLUMNS, "0.0") | {"r": "0.0", "g": "1.0", "b": "0.0", "size": "2.0"}
        cells |= {
            "marker_id": str(len(rows)),
            "is_target": "False",
            "is_point_of_interest": "False",
            "mep_value": "None",
        }
        cells |= {"session_id": "1", "label": f'"{one_line(each.name).replace(chr(34), chr(39))}"'}
        cells |= dict.fromkeys((*OWN[3:], *WORLD[3:], *COLUMNS[21:24]), "None")
        if isinstance(each, Pose):
            cells |= dict(zip(OWN, _cells(to_own @ each.matrix_mm @ SWAP, Y_TURNED), strict=True))
            cells |= dict(zip(WORLD, _cells(each.matrix_mm @ SWAP, np.eye(3)), strict=True)) | {
                "marker_type": str(COIL_TARGET)
            }
        else:
            own = Y_TURNED @ (to_own @ [*each.point_mm, 1.0])[:3]
            cells |= dict(zip(OWN[:3], map(_cell, own), strict=True)) | dict(
                zip(WORLD[:3], map(_cell, each.point_mm), strict=True)
            )
            cells |= {"marker_type": str(LANDMARK)}
        rows.append("\t".join(cells[name] for name in COLUMNS))
    return "\n".join([f"{MAGIC}{WRITTEN}", "\t".join(f'"{name}"' for name in COLUMNS), *rows]) + "\n"


def _cells(matrix: NDArray[np.float64], turned: NDArray[np.float64]) -> list[str]:
    angles = Rotation.from_matrix(matrix[:3, :3]).as_euler("xyz", degrees=True)
    return [_cell(value) for value in (*(turned @ matrix[:3, 3]), *angles)]


def _cell(value: float) -> str:
    return repr(round(float(value), 6) + 0.0)


def session_from_string(text: str, source: str = "InVesalius file") -> Session:
    """The markers of a file: coil targets, coil poses as pulses, and all others as points.

    They are in RAS mm of the image where every row says so, else in InVesalius's own space.

    Raises
    ------
    InputError
        If this is no marker file, is of another version, is damaged, or holds no marker.
    """
    columns, rows = _table(text, source)
    if not rows:
        raise InputError(f"{source} holds no marker; save the markers of InVesalius again")
    named = [dict(zip(columns, row, strict=False)) for row in rows]
    world = all(_numbers(row, WORLD[:3], source) is not None for row in named)
    read = [_row(row, i, world, source) for i, row in enumerate(named, start=1)]
    records = _numbered(each for each in read if isinstance(each, Record))
    marks = tuple(each for each in read if isinstance(each, Mark))
    return Session(tuple(records), source, "" if world else INVESALIUS, marks=marks)


def _numbered(records: Iterator[Record]) -> Iterator[Record]:
    seen = {TARGET: 0, PULSE: 0}
    for each in records:
        seen[each.kind] += 1
        yield replace(each, row=seen[each.kind])


def _table(text: str, source: str) -> tuple[tuple[str, ...], list[list[str]]]:
    lines = [line for line in text.splitlines() if line.strip()]
    cells = [[_unquoted(cell) for cell in line.rstrip("\t").split("\t")] for line in lines]
    if not text.startswith(MAGIC):  # .mks, and the first .mkss with a heading alone
        headed = cells[0][0] == "x"
        columns = tuple(cells[0]) if headed else OLD_COLUMNS[: max(len(row) for row in cells)]
        columns = tuple("label" if each == "marker_id" and headed else each for each in columns)
        rows = cells[1:] if headed else cells
    else:
        version = lines[0].removeprefix(MAGIC).strip()
        if not version.isdigit() or int(version) not in VERSIONS:
            raise InputError(
                f"{source} is a marker file of version {version!r}; {VERSIONS[0]} to {VERSIONS[-1]} can be read"
            )
        if len(lines) < 2:
            raise InputError(f"{source} ends after its first line; save the markers again")
        columns, rows = tuple(cells[1]), cells[2:]
    if not set(OWN[:3]) <= set(columns):
        raise InputError(f"{source} has no columns x, y, z; save the markers of InVesalius again")
    for row in rows:
        if len(row) < min(len(columns), 7):
            raise InputError(f"{source} is truncated in the row {row[0]!r}; save the markers again")
    return columns, rows


def _unquoted(cell: str) -> str:
    return cell.strip().removeprefix('"').removesuffix('"')


def _row(row: dict[str, str], index: int, world: bool, source: str) -> Record | Mark:
    name = row.get("label", "").removeprefix("*") or f"marker {index}"
    place, angles = (WORLD[:3], WORLD[3:]) if world else (OWN[:3], OWN[3:])
    point, degrees = _numbers(row, place, source), _numbers(row, angles, source)
    if point is None:
        raise InputError(f"{source}: the marker {name!r} has no place; save the markers again")
    if not world:
        point = Y_TURNED @ point
    kind = (
        KINDS.get(int(number(row["marker_type"], name, source)))
        if row.get("marker_type")
        else _old_kind(name, row, source)
    )
    if kind is None:
        return Mark(name, point)
    pose = None
    has_axes = _numbers(row, OWN[3:], source) is not None  # the world's angles are there even where its own are not
    if degrees is not None and has_axes:
        matrix = np.eye(4)
        matrix[:3, :3], matrix[:3, 3] = Rotation.from_euler("xyz", degrees, degrees=True).as_matrix(), point
        pose = rigid_pose(matrix @ SWAP, name, source)
    return Record(
        kind,
        index,
        name,
        pose,
        session=row.get("session_id", ""),
        response_uv=number(row.get("mep_value"), name, source),
        when=row.get("timestamp", "") if "T" in row.get("timestamp", "") else "",
    )


def _old_kind(name: str, row: dict[str, str], source: str) -> Kind | None:
    degrees = _numbers(row, OWN[3:], source)
    return TARGET if name not in FIDUCIALS and degrees is not None and degrees.any() else None


def _numbers(row: dict[str, str], names: Sequence[str], source: str) -> NDArray[np.float64] | None:
    values = np.array([number(row.get(each), row.get("label", each), source) for each in names])
    return values if np.isfinite(values).all() else None


def _recognised(text: str) -> bool:
    if text.startswith(MAGIC):
        return True
    first = text.lstrip().split("\n", 1)[0].rstrip("\r\t ").split("\t")
    return first[:6] == list(OWN) or (len(first) in (11, 14, 15) and all(_is_number(each) for each in first[:10]))


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _text(poses: Sequence[Pose], entry: HeaderEntry | None) -> str:
    image = image_of(entry, "InVesalius")
    as_loaded(image, "InVesalius")
    return to_string(poses, ImageSpace.of(image.affine_mm, image.shape, image.name), marks_of(poses))


INVESALIUS_MARKERS = Navigator(
    name="invesalius",
    title="InVesalius",
    suffix=".mkss",
    recognises=_recognised,
    read=session_from_string,
    write=_text,
    how=(
        "Import the T1 as NIfTI. Load markers, choose the file; then, on the marker in the list, Set as target. There is no "
        "coordinate system to choose: the file is by this T1's grid, and wrong on any other."
    ),
    frames={"invesalius": (SAME, SWAP)},
)
