"""The file format of Brainsight, ``.txt``: tab-separated blocks of targets and samples, each with a place and three axes.

A row gives ``Loc. X Y Z`` and the axes ``m0`` (x), ``m1`` (y), ``m2`` (z) as vectors in the file's coordinate system.
Brainsight's coil frame has **z out of the head** and x the other way; y is away from the handle as here.  With B its
matrix (axes as columns) and P ours, P = B · diag(−1, 1, −1), and back by the same product.

Coordinate systems (``# Coordinate system:``): ``NIfTI:Scanner`` and ``NIfTI:Aligned`` (from version 2.5.3 with ``Q:``
or ``S:``, for qform or sform) are the image's own RAS mm, which is our world.  ``Brainsight`` (from a corner voxel,
axes to the left and back) and ``World`` (images that are not NIfTI) are not, and are refused.  The name follows the
entry of the image's header and that entry's code, so a head whose only entry carries a template's code has its own RAS
mm named after the template: such names are written (:func:`system_of`), and read where the T1 is known to have that very
entry (:mod:`targeting.navigation.world`).

Written: file version 14 with ``NIfTI:Q:…`` / ``NIfTI:S:…``, version 12 with the older names.  Read: all versions with
these columns (7, 12 and 14 are tested against the program's own files).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from meshes.errors import InputError
from targeting.navigation.navigators import SAME, HeaderEntry, Navigator
from targeting.navigation.records import (
    PULSE,
    TARGET,
    Kind,
    Record,
    Session,
    finite,
    no_pose,
    one_line,
    read_text,
    rigid_pose,
    write_text,
)
from targeting.pose import Pose

FLIP = np.diag([-1.0, 1.0, -1.0, 1.0])  # Brainsight's coil frame ↔ ours
PLACE = ("Loc. X", "Loc. Y", "Loc. Z")
AXES = tuple(f"m{axis}n{component}" for axis in range(3) for component in range(3))
NEW_NAMES = tuple(f"NIfTI:{form}:{code}" for form in "QS" for code in ("Aligned", "Scanner"))  # from 2.5.3
KINDS = {1: "Scanner", 2: "Aligned", 3: "Talairach", 4: "MNI-152", 5: "Other-Template"}  # by NIfTI's codes
TEMPLATE_NAMES = tuple(f"NIfTI:{form}:{KINDS[code]}" for form in "QS" for code in (3, 4, 5))
OLD_NAMES = ("NIfTI:Aligned", "NIfTI:Scanner")
OLD_TEMPLATE_NAMES = tuple(f"NIfTI:{KINDS[code]}" for code in (3, 4, 5))
MISSING = "(null)"


def system_of(form: str, code: int) -> str:
    """Brainsight's name of an image's own RAS mm.

    Parameters
    ----------
    form : {"sform", "qform"}
        The entry of the NIfTI header that gives them.
    code : int
        Its code.

    Examples
    --------
    >>> system_of("sform", 1), system_of("qform", 2)
    ('NIfTI:S:Scanner', 'NIfTI:Q:Aligned')
    """
    return f"NIfTI:{'S' if form == 'sform' else 'Q'}:{KINDS.get(code, 'Aligned')}"


def to_string(poses: Sequence[Pose], coordinate_system: str = NEW_NAMES[0]) -> str:
    """Poses as Brainsight targets.

    Parameters
    ----------
    poses : sequence of Pose
        RAS mm of the T1.
    coordinate_system : str
        Its name: the one Brainsight shows for the same T1 (:func:`system_of`).

    Raises
    ------
    InputError
        If the coordinate system is none that equals the T1's RAS mm, or a name would be read as a heading.

    Examples
    --------
    >>> import numpy as np
    >>> from targeting import Pose
    >>> from targeting.navigation import brainsight
    >>> over_vertex = np.diag([1.0, -1.0, -1.0, 1.0])
    >>> over_vertex[:3, 3] = [-5, -20, 95]
    >>> print(brainsight.to_string([Pose(over_vertex, "leg")]).splitlines()[-1].expandtabs(1))
    leg -5.0000 -20.0000 95.0000 -1.0000 0.0000 0.0000 0.0000 -1.0000 0.0000 0.0000 0.0000 1.0000
    """
    if coordinate_system not in NEW_NAMES + OLD_NAMES + TEMPLATE_NAMES:
        raise InputError(
            f"poses cannot be written in Brainsight's {coordinate_system!r}; "
            f"known are {', '.join(NEW_NAMES + OLD_NAMES)}"
        )
    lines = [
        f"# Version: {12 if coordinate_system in OLD_NAMES else 14}",
        f"# Coordinate system: {coordinate_system}",
        "# Created by: target",
        "# Units: millimetres, degrees, milliseconds, and microvolts",
        "# Encoding: UTF-8",
        "# Notes: Each column is delimited by a tab. Each value within a column is delimited by a semicolon.",
        "\t".join(("# Target Name", *PLACE, *AXES)),
    ]
    for pose in poses:
        if one_line(pose.name).startswith("#"):
            raise InputError(f"a target of Brainsight cannot be named {pose.name!r}: # begins a heading; rename it")
        matrix = pose.matrix_mm @ FLIP
        numbers = np.round(np.concatenate([matrix[:3, 3], matrix[:3, :3].T.ravel()]), 4) + 0.0  # no "-0.0000"
        lines.append("\t".join([one_line(pose.name), *(f"{number:.4f}" for number in numbers)]))
    return "\n".join(lines) + "\n"


def from_string(text: str, source: str = "Brainsight file") -> list[Pose]:
    """The targets of a Brainsight file, RAS mm of the T1.

    Raises
    ------
    InputError
        If this is no Brainsight file, is damaged, or is in a coordinate system that is not the T1's RAS mm.
    """
    lines = _lines(text, source)
    if (system := _system(lines)) not in NEW_NAMES + OLD_NAMES:
        raise _other_world(system, source)
    found = _records(lines, TARGET, source)
    if found is None:
        raise InputError(f"{source} has no block 'Target Name'; export it again with its targets")
    return [each.pose for each in found if each.pose is not None]


def session_from_string(text: str, source: str = "Brainsight file") -> Session:
    """The targets and samples of a Brainsight file, in its own coordinate system.

    Raises
    ------
    InputError
        If this is no Brainsight file, is damaged, holds neither, or is in a coordinate system that no image's header has.
    """
    lines = _lines(text, source)
    if (system := _system(lines)) not in NEW_NAMES + OLD_NAMES + TEMPLATE_NAMES + OLD_TEMPLATE_NAMES:
        raise _other_world(system, source)
    blocks = [_records(lines, TARGET, source), _records(lines, PULSE, source)]
    if blocks == [None, None]:
        raise InputError(f"{source} has neither targets nor samples; export it from Brainsight again with them")
    return Session(tuple(each for block in blocks for each in block or ()), source, system)


def write(path: str | Path, poses: Sequence[Pose], coordinate_system: str = NEW_NAMES[0]) -> None:
    """Write poses as targets; see :func:`to_string`."""
    write_text(path, to_string(poses, coordinate_system))


def read(path: str | Path) -> list[Pose]:
    """Read the targets of a file; see :func:`from_string`."""
    return from_string(read_text(path), str(path))


def _lines(text: str, source: str) -> list[str]:
    lines = [line.rstrip("\r") for line in text.split("\n")]
    if not lines[0].startswith("# Version:"):
        raise InputError(f"{source} is not a Brainsight export (no '# Version:'); export the targets again")
    return lines


def _system(lines: list[str]) -> str:
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("# Coordinate system:")), "")


def _other_world(system: str, source: str) -> InputError:
    return InputError(
        f"{source} is in the coordinate system {system or 'without a name'!r}, which is not the T1's RAS mm; export it from "
        "Brainsight again in one of its NIfTI systems, such as NIfTI:S:Aligned (a session on DICOM images has none: load the "
        "T1 as NIfTI)"
    )


def _records(lines: list[str], kind: Kind, source: str) -> list[Record] | None:
    """The rows of a block; None if there is no such block."""
    block = {TARGET: "Target Name", PULSE: "Sample Name"}[kind]
    columns: list[str] = []
    records: list[Record] | None = None
    for line in lines:
        if line.startswith("#"):
            columns = line[1:].strip().split("\t") if line[1:].strip().startswith(f"{block}\t") else []
            if columns:
                records = records or []
                if not set(PLACE + AXES) <= set(columns):
                    raise InputError(
                        f"{source}: the block '{block}' lacks place or axes; export it again with all columns"
                    )
        elif columns and records is not None and line.strip():
            cells = line.split("\t")
            if len(cells) < len(columns):
                raise InputError(f"{source} is truncated in the row {cells[0]!r}; export it again")
            row = {name: "" if cell.strip() == MISSING else cell for name, cell in zip(columns, cells, strict=False)}
            records.append(
                Record(
                    kind,
                    len(records) + 1,
                    cells[columns.index(block)],
                    _pose(kind, cells[columns.index(block)], [row[name].strip() for name in PLACE + AXES], source),
                    target=row.get("Assoc. Target", "").strip(),
                    driver=row.get("Crosshairs Driver", "").strip(),
                    cause=row.get("Creation Cause", "").strip(),
                )
            )
    return records


def _pose(kind: str, name: str, numbers: list[str], source: str) -> Pose | None:
    if "" in numbers:
        return None
    try:
        values = np.array([float(number) for number in numbers])
    except ValueError:
        raise InputError(f"{source}: {name!r} holds words where numbers should be; export it again") from None
    matrix = np.eye(4)
    matrix[:3, 3], matrix[:3, :3] = values[:3], values[3:].reshape(3, 3).T
    if kind == PULSE and no_pose(matrix):
        return None
    finite(values, name, source)
    return rigid_pose(matrix @ FLIP, name, source)


def _text(poses: Sequence[Pose], entry: HeaderEntry | None) -> str:
    # without an image nothing tells which name Brainsight will show: the usual one
    return to_string(poses, NEW_NAMES[0] if entry is None else system_of(entry.form, entry.code))


BRAINSIGHT = Navigator(
    name="brainsight",
    title="Brainsight",
    suffix=".txt",
    recognises=lambda text: text.startswith("# Version:"),
    read=session_from_string,
    write=_text,
    frames={"brainsight": (SAME, FLIP)},
)
