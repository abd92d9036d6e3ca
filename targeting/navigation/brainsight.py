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

Points without axes stand in the block ``Planned Landmark Name``: the target in the brain, entries on the scalp, where
handles end.  A sample's response is in ``EMG Peak-to-peak 1`` (some versions count from 0), µV; its output in ``Stim. Power
A``, before version 12 ``Stim. Power``, in percent.

Written: file version 14 with ``NIfTI:Q:…`` / ``NIfTI:S:…``, version 12 with the older names.  Read: all versions with
these columns (7, 12 and 14 are tested against the program's own files).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np

from meshes.errors import InputError
from meshes.world import FRAMES_AGREE_MM, frames_apart_mm
from targeting.navigation.exported import PlanImage, marks_of
from targeting.navigation.navigators import SAME, HeaderEntry, Navigator
from targeting.navigation.records import (
    PULSE,
    TARGET,
    Kind,
    Mark,
    Record,
    Session,
    finite,
    no_pose,
    number,
    one_line,
    read_text,
    rigid_pose,
    seconds_apart,
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
CREATED = "# Created by: target"
IMAGE = re.compile(r"^# Created by:.*SHA-256 ([0-9a-f]{64})", re.MULTILINE)
NULL = "(null)"
LANDMARKS = "Planned Landmark Name"
RESPONSE = re.compile(r"EMG Peak-to-peak (\d+)")


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
    if coordinate_system not in NEW_NAMES + OLD_NAMES + TEMPLATE_NAMES + OLD_TEMPLATE_NAMES:
        raise InputError(
            f"poses cannot be written in Brainsight's {coordinate_system!r}; "
            f"known are {', '.join(NEW_NAMES + OLD_NAMES)}"
        )
    lines = [
        f"# Version: {12 if coordinate_system in OLD_NAMES + OLD_TEMPLATE_NAMES else 14}",
        f"# Coordinate system: {coordinate_system}",
        CREATED,
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
        lines.append("\t".join([one_line(pose.name), *(f"{value:.4f}" for value in numbers)]))
    return "\n".join(lines) + "\n"


def landmarks(marks: Sequence[Mark]) -> str:
    """Points as Brainsight's planned landmarks, to stand behind :func:`to_string`'s targets."""
    rows = [[one_line(each.name), *(f"{value + 0.0:.4f}" for value in np.round(each.point_mm, 4))] for each in marks]
    return "\n".join("\t".join(row) for row in [[f"# {LANDMARKS}", *PLACE], *rows]) + "\n"


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
    records = tuple(each for block in blocks for each in block or ())
    image = IMAGE.search(text)
    marks = tuple(_landmarks(lines, source))
    return Session(records, source, system, image_sha256=image[1] if image else "", marks=marks)


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
    units = next((line for line in lines if line.lower().startswith("# units:")), "millimetres")
    if "millimet" not in units.lower():
        raise InputError(f"{source} is not in millimetres ({units[2:60]}); export it in them")
    return lines


def _system(lines: list[str]) -> str:
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("# Coordinate system:")), "")


def _other_world(system: str, source: str) -> InputError:
    return InputError(
        f"{source} is in the coordinate system {system or 'without a name'!r}, which is not the T1's RAS mm; export it from "
        "Brainsight again in one of its NIfTI systems, such as NIfTI:S:Aligned (a session on DICOM images has none: load the "
        "T1 as NIfTI)"
    )


def _block(lines: list[str], name: str, source: str) -> Iterator[dict[str, str]] | None:
    """The rows of a block, by its columns; None if there is no such block."""
    heads = [i for i, line in enumerate(lines) if line.startswith("#") and line[1:].strip().split("\t")[0] == name]
    return _rows(lines, heads, source) if heads else None


def _rows(lines: list[str], heads: list[int], source: str) -> Iterator[dict[str, str]]:
    for head in heads:
        columns = [each.strip() for each in lines[head][1:].strip().split("\t")]
        for line in lines[head + 1 :]:
            if line.startswith("#"):
                break
            if not line.strip():
                continue
            cells = line.split("\t")
            if len(cells) < len(columns):
                raise InputError(f"{source} is truncated in the row {cells[0]!r}; export it again")
            yield {name: "" if cell.strip() == NULL else cell for name, cell in zip(columns, cells, strict=False)}


def _records(lines: list[str], kind: Kind, source: str) -> list[Record] | None:
    """The rows of targets or of samples; None if there is no such block."""
    block = {TARGET: "Target Name", PULSE: "Sample Name"}[kind]
    if (rows := _block(lines, block, source)) is None:
        return None
    records: list[Record] = []
    for row in rows:
        if not set(PLACE + AXES) <= set(row):
            raise InputError(f"{source}: the block '{block}' lacks place or axes; export it again with all columns")
        name = row[block]
        responses = _responses(row, source)
        records.append(
            Record(
                kind,
                len(records) + 1,
                name,
                _pose(kind, name, [row[each].strip() for each in PLACE + AXES], source),
                target=row.get("Assoc. Target", "").strip(),
                driver=row.get("Crosshairs Driver", "").strip(),
                cause=row.get("Creation Cause", "").strip(),
                amplitude_percent=number(row.get("Stim. Power A", row.get("Stim. Power")), name, source),
                response_uv=responses[0] if responses else float("nan"),
                session=row.get("Session Name", "").strip(),
                when=_when(row, name, source),
                responses_uv=responses,
            )
        )
    first = min((each.when for each in records if each.when), default="")
    return [replace(each, time_s=seconds_apart(each.when, first)) for each in records]


def _responses(row: Mapping[str, str], source: str) -> tuple[float, ...]:
    """Peak-to-peak responses, µV, in the order of the channels."""
    columns = sorted((int(found[1]), name) for name in row if (found := RESPONSE.fullmatch(name)))
    return tuple(number(row[name], name, source) for _, name in columns)


def _when(row: Mapping[str, str], name: str, source: str) -> str:
    """When a sample was recorded, ISO 8601; "" if the file does not say."""
    date, time = row.get("Date", "").strip(), row.get("Time", "").strip()
    if not date or not time:
        return ""
    try:
        return datetime.fromisoformat(f"{date}T{time}").isoformat(timespec="milliseconds")
    except ValueError:
        raise InputError(
            f"{source}: {name!r} has the time {date} {time}; it must be like 2021-06-25 11:48:47.502"
        ) from None


def _landmarks(lines: list[str], source: str) -> Iterator[Mark]:
    """The planned landmarks that have a place."""
    for row in _block(lines, LANDMARKS, source) or ():
        name = row[LANDMARKS]
        point = np.array([number(row.get(axis), name, source) for axis in PLACE])
        if np.isfinite(point).all():
            yield Mark(name, point)


def _pose(kind: str, name: str, numbers: list[str], source: str) -> Pose | None:
    if "" in numbers:
        return None
    values = np.array([number(each, name, source) for each in numbers])
    matrix = np.eye(4)
    matrix[:3, 3], matrix[:3, :3] = values[:3], values[3:].reshape(3, 3).T
    if kind == PULSE and no_pose(matrix):
        return None
    finite(values, name, source)
    return rigid_pose(matrix @ FLIP, name, source)


def _file(poses: Sequence[Pose], system: str, entry: HeaderEntry | None) -> str:
    text = to_string(poses, system)
    if isinstance(entry, PlanImage) and entry.sha256:
        text = text.replace(CREATED, f"{CREATED}, on {one_line(entry.name)} of SHA-256 {entry.sha256}", 1)
    return text + landmarks(marks_of(poses))


def _text(poses: Sequence[Pose], entry: HeaderEntry | None) -> str:
    # without an image nothing tells which name Brainsight will show: the usual one
    return _file(poses, NEW_NAMES[0] if entry is None else system_of(entry.form, entry.code), entry)


def _old_text(poses: Sequence[Pose], entry: HeaderEntry | None) -> str:
    forms = [entry.qform_mm, entry.sform_mm] if isinstance(entry, PlanImage) else []
    held = [each for each in forms if each is not None]
    if (
        isinstance(entry, PlanImage)
        and len(held) == 2
        and frames_apart_mm(held[0], held[1], entry.shape) > FRAMES_AGREE_MM
    ):
        raise InputError(
            f"sform and qform of {entry.name} lie apart, and a Brainsight before 2.5.3 does not say which it means; "
            "export for 'brainsight'"
        )
    return _file(poses, OLD_NAMES[0] if entry is None else f"NIfTI:{KINDS.get(entry.code, 'Aligned')}", entry)


HOW = (
    "Load the T1 as NIfTI (not as DICOM). Import the file as targets; of the coordinate systems that Brainsight offers choose "
    "the one that stands in its second line"
)
BRAINSIGHT = Navigator(
    name="brainsight",
    title="Brainsight",
    suffix=".txt",
    recognises=lambda text: text.startswith("# Version:"),
    read=session_from_string,
    write=_text,
    how=f"{HOW}, such as NIfTI:S:Aligned (version 2.5.3 or later).",
    with_every_plan=True,
    frames={"brainsight": (SAME, FLIP)},
)
BRAINSIGHT_OLD = replace(
    BRAINSIGHT,
    name="brainsight-v12",
    title="Brainsight before 2.5.3",
    write=_old_text,
    how=f"{HOW}, NIfTI:Aligned or NIfTI:Scanner.",
    with_every_plan=False,
    frames={},
)
