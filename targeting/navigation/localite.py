"""The file format of Localite TMS Navigator, ``.xml``: instrument markers (planned poses) and trigger markers (pulses given).

``<Matrix4D data00 … data33>`` is instrument → world with the axes as columns.  Localite's instrument frame has
**x into the head, y toward the handle, z along our x**.  So, with L its matrix and P ours, column by column
P = [L_z, −L_y, L_x], that is P = L · TURN with TURN = [[0,0,1],[0,−1,0],[1,0,0]]; TURN is its own inverse.

``coordinateSpace`` says the world: ``RAS`` for NIfTI images, ``LPS`` for DICOM, with RAS = diag(−1, −1, 1) · LPS.  ``MNI``
is a template's space, into which Localite has moved the places: refused.  A coil that was not tracked at a pulse has the
identity, or a matrix of zeros or NaN.

A session keeps them in ``InstrumentMarkers/InstrumentMarker<time>.xml``; Localite has no import of its own, one puts
the file there as the latest.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from meshes.errors import InputError
from meshes.formats.safe_xml import parsed_xml
from targeting.navigation.navigators import HeaderEntry, Navigator
from targeting.navigation.records import (
    LPS_TO_RAS,
    PULSE,
    TARGET,
    Record,
    Session,
    no_pose,
    one_line,
    read_text,
    rigid_pose,
    write_text,
)
from targeting.pose import Pose

TURN = np.array([[0.0, 0, 1, 0], [0, -1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 1]])
INSTRUMENTS, TRIGGERS = "InstrumentMarkerList", "TriggerMarkerList"
TEMPLATES = ("MNI", "Talairach", "TAL")
WORLD_TO_RAS = {"RAS": np.eye(4), "LPS": LPS_TO_RAS}


def to_string(poses: Sequence[Pose], coordinate_space: str = "RAS") -> str:
    """Poses as a list of instrument markers.

    Parameters
    ----------
    poses : sequence of Pose
        RAS mm of the T1.
    coordinate_space : "RAS" or "LPS"
        RAS if Localite loaded the T1 as NIfTI, LPS if as DICOM.

    Raises
    ------
    InputError
        If the coordinate space is neither.
    """
    to_world = np.linalg.inv(_world_to_ras(coordinate_space, "the export"))
    root = ElementTree.Element("InstrumentMarkerList", coordinateSpace=coordinate_space)
    for index, pose in enumerate(poses):
        holder = ElementTree.SubElement(
            root, "InstrumentMarker", alwaysVisible="false", index=str(index), selected=str(index == 0).lower()
        )
        name = one_line(pose.name)
        marker = ElementTree.SubElement(
            holder, "Marker", additionalInformation="", color="#ff0000", description=name, set="true"
        )
        matrix = to_world @ pose.matrix_mm @ TURN + 0.0
        cells = {f"data{i}{j}": repr(float(matrix[i, j])) for i in range(4) for j in range(4)}
        ElementTree.SubElement(marker, "Matrix4D", cells)
    ElementTree.indent(root, "    ")
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def from_string(text: str, source: str = "Localite file") -> list[Pose]:
    """The instrument markers that are set, RAS mm of the T1.

    Raises
    ------
    InputError
        If this is no list of instrument markers, is damaged, or holds a sheared matrix.
    """
    root = _root(text, source)
    if root.tag != INSTRUMENTS:
        raise InputError(f"{source} is a {root.tag}, not a {INSTRUMENTS}; give Localite's file of that name")
    return [each.pose for each in _instruments(root, source) if each.pose is not None]


def session_from_string(text: str, source: str = "Localite file") -> Session:
    """The instrument markers that are set, or the pulses of a recording with those of a coil that was not tracked.

    Raises
    ------
    InputError
        If this is no list of markers, is damaged, is in a template's space, or holds a sheared matrix.
    """
    root = _root(text, source)
    readers = {INSTRUMENTS: _instruments, TRIGGERS: _triggers}
    if root.tag not in readers:
        raise InputError(
            f"{source} is XML of the kind {root.tag!r}, in which there are no coil poses; give a file of Localite's "
            "InstrumentMarkers (planned) or TMSTrigger (pulses)"
        )
    return Session(tuple(readers[root.tag](root, source)), source)


def _instruments(root: ElementTree.Element, source: str) -> Iterator[Record]:
    to_ras = _world_to_ras(root.get("coordinateSpace", ""), source)
    shown = [each for each in root.iterfind("InstrumentMarker/Marker") if each.get("set", "true") == "true"]
    for row, marker in enumerate(shown, start=1):
        name = marker.get("description", "")
        matrix = _matrix(marker, name, source)
        placed = np.isfinite(matrix).all() and matrix[:3, :3].any()
        yield Record(TARGET, row, name, rigid_pose(to_ras @ matrix @ TURN, name, source) if placed else None)


def _triggers(root: ElementTree.Element, source: str) -> Iterator[Record]:
    to_ras = _world_to_ras(root.get("coordinateSpace", ""), source)
    for row, marker in enumerate(root.iterfind("TriggerMarker"), start=1):
        name = marker.get("description") or f"pulse {row}"
        matrix = _matrix(marker, name, source)
        values = {value.get("key"): value.get("response") for value in marker.iterfind("ResponseValues/Value")}
        yield Record(
            PULSE,
            row,
            name,
            None if no_pose(matrix) else rigid_pose(to_ras @ matrix @ TURN, name, source),
            time_s=_number(marker.get("recordingTime"), name, source) / 1e3,
            didt_a_per_s=_number(values.get("valueA"), name, source) * 1e6,
            amplitude_percent=_number(values.get("amplitudeA"), name, source),
            response_uv=_number(values.get("response"), name, source),
        )


def write(path: str | Path, poses: Sequence[Pose], coordinate_space: str = "RAS") -> None:
    """Write poses as instrument markers; see :func:`to_string`."""
    write_text(path, to_string(poses, coordinate_space))


def read(path: str | Path) -> list[Pose]:
    """Read instrument markers; see :func:`from_string`."""
    return from_string(read_text(path), str(path))


def _root(text: str, source: str) -> ElementTree.Element:
    try:
        return parsed_xml(text)
    except ValueError as error:
        raise InputError(f"{source} is truncated or not XML ({error}); copy it from the session again") from None


def _world_to_ras(space: str, source: str) -> NDArray[np.float64]:
    if space in TEMPLATES:
        raise InputError(
            f"{source} is in Localite's coordinate space {space!r}: its places were moved to a template's brain and are not "
            "this head's; save the session in the coordinates of the T1 itself (RAS for NIfTI, LPS for DICOM) and give that"
        )
    if space not in WORLD_TO_RAS:
        raise InputError(f"{source}: coordinate space {space!r} is not known; it must be RAS or LPS")
    return WORLD_TO_RAS[space]


def _matrix(marker: ElementTree.Element, name: str, source: str) -> NDArray[np.float64]:
    cells = marker.find("Matrix4D")
    if cells is None:
        raise InputError(f"{source}: {name!r} has no Matrix4D; copy the file from the session again")
    numbers = [cells.get(f"data{i}{j}") for i in range(4) for j in range(4)]
    if None in numbers:
        raise InputError(f"{source}: the matrix of {name!r} is not complete; copy the file from the session again")
    values = np.array([_number(number, name, source) for number in numbers])
    return values.reshape(4, 4)


def _number(text: str | None, name: str, source: str) -> float:
    if text is None:
        return float("nan")
    try:
        return float(text)
    except ValueError:
        raise InputError(f"{source}: {name!r} holds {text!r} where a number should be") from None


def _text(poses: Sequence[Pose], entry: HeaderEntry | None) -> str:
    return to_string(poses)  # the world is the image's, whichever entry of its header gives it


LOCALITE = Navigator(
    name="localite",
    title="Localite",
    product="Localite TMS Navigator",
    suffix=".xml",
    recognises=lambda text: text.lstrip().startswith("<") and (f"<{INSTRUMENTS}" in text or f"<{TRIGGERS}" in text),
    read=session_from_string,
    write=_text,
    # SimNIBS's reader takes a Localite file by the name that a session gives it, and reads the time out of that
    file_name="plan_localite_InstrumentMarker{time}.xml",
    frames={
        "localite": (WORLD_TO_RAS["RAS"], TURN),
        "localite-lps": (WORLD_TO_RAS["LPS"], TURN),  # the T1 was loaded from DICOM
    },
)
