"""The file format of Localite TMS Navigator, ``.xml``: instrument markers (planned poses) and trigger markers (pulses given).

``<Matrix4D data00 … data33>`` is instrument → world with the axes as columns.  Localite's instrument frame has
**x into the head, y toward the handle, z along our x**.  So, with L its matrix and P ours, column by column
P = [L_z, −L_y, L_x], that is P = L · TURN with TURN = [[0,0,1],[0,−1,0],[1,0,0]]; TURN is its own inverse.

``coordinateSpace`` says the world: ``RAS`` for NIfTI images, ``LPS`` for DICOM, with RAS = diag(−1, −1, 1) · LPS.  ``MNI``
is a template's space, into which Localite has moved the places: only the subject's own map to MNI152 brings them back
(:mod:`targeting.navigation.world`), and says how surely.  A coil that was not tracked at a pulse has the identity, or a matrix
of zeros or NaN; in ``MNI`` the identity's axes with one and the same place.

A session keeps them in ``InstrumentMarkers/InstrumentMarker<time>.xml``; Localite has no import of its own, one puts the
file there as the latest.  Pulses are in ``TMSTrigger/TriggerMarkers_Coil0_<time>.xml``: Coil0 is the first coil, the time
is when the file was written, ``startTime`` the time of day of the recording's start, ``recordingTime`` ms since then.  A
pulse has dI/dt (``valueA``, A/µs), output (``amplitudeA``, %) and the response (``response`` or ``mepAmplitude``, µV).
Planned points in the brain and on the scalp are in ``EntryTarget/EntryTarget<time>.xml``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from meshes.errors import InputError
from meshes.formats.safe_xml import parsed_xml
from targeting.navigation.exported import PlannedPose, handle_end_mm
from targeting.navigation.navigators import HeaderEntry, Navigator
from targeting.navigation.records import (
    LPS_TO_RAS,
    MNI,
    PULSE,
    TARGET,
    Mark,
    Record,
    Session,
    no_pose,
    number,
    one_line,
    read_text,
    rigid_pose,
    write_text,
)
from targeting.pose import Pose

TURN = np.array([[0.0, 0, 1, 0], [0, -1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 1]])
INSTRUMENTS, TRIGGERS, POINTS = "InstrumentMarkerList", "TriggerMarkerList", "EntryTargetList"
TEMPLATES = ("Talairach", "TAL")
RECORDED = re.compile(r"Coil(\d+)_(\d{17})")  # in a recording's name
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
    return _document(root)


def from_string(text: str, source: str = "Localite file") -> list[Pose]:
    """The instrument markers that are set, RAS mm of the T1.

    Raises
    ------
    InputError
        If this is no list of instrument markers, is damaged, is in a template's space, or holds a sheared matrix.
    """
    root = _root(text, source)
    if root.tag != INSTRUMENTS:
        raise InputError(f"{source} is a {root.tag}, not a {INSTRUMENTS}; give Localite's file of that name")
    if root.get("coordinateSpace") == "MNI":
        raise InputError(f"{source} is in the space 'MNI', a template's; read it with the subject's map to MNI152")
    return [each.pose for each in _instruments(root, source) if each.pose is not None]


def session_from_string(text: str, source: str = "Localite file") -> Session:
    """The instrument markers that are set, or the pulses of a recording with those of a coil that was not tracked.

    Raises
    ------
    InputError
        If this is no list of markers, is damaged, is in a template's space, or holds a sheared matrix.
    """
    root = _root(text, source)
    system = MNI if root.get("coordinateSpace") == "MNI" else ""
    remarks = ("written in LPS (DICOM images), told in RAS",) if root.get("coordinateSpace") == "LPS" else ()
    readers = {INSTRUMENTS: _instruments, TRIGGERS: _triggers}
    if root.tag == POINTS:
        return Session((), source, system, marks=tuple(_points(root, source)), remarks=remarks)
    if root.tag not in readers:
        raise InputError(
            f"{source} is XML of the kind {root.tag!r}, in which there are no coil poses; give a file of Localite's "
            "InstrumentMarkers (planned) or TMSTrigger (pulses)"
        )
    return Session(tuple(readers[root.tag](root, source)), source, system, remarks=remarks)


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
    coil, start = _recording(root, source)
    for row, marker in enumerate(root.iterfind("TriggerMarker"), start=1):
        name = marker.get("description") or f"pulse {row}"
        matrix = _matrix(marker, name, source)
        values = {each.get("key"): each.get("response") for each in marker.iterfind("ResponseValues/Value")}
        unseen = no_pose(matrix) or np.array_equal(matrix[:3, :3], np.eye(3))
        time_s = number(marker.get("recordingTime"), name, source) / 1e3
        response = number(values.get("response", values.get("mepAmplitude")), name, source)
        yield Record(
            PULSE,
            row,
            name,
            None if unseen else rigid_pose(to_ras @ matrix @ TURN, name, source),
            driver=coil,
            time_s=time_s,
            didt_a_per_s=number(values.get("valueA"), name, source) * 1e6,
            amplitude_percent=number(values.get("amplitudeA"), name, source),
            response_uv=response,
            when="" if start is None or np.isnan(time_s) else _iso(start + timedelta(seconds=time_s)),
            responses_uv=() if np.isnan(response) else (response,),
        )


def _recording(root: ElementTree.Element, source: str) -> tuple[str, datetime | None]:
    """The coil, and when the recording started: its time of day is in the file, its day in the file's name."""
    if (found := RECORDED.search(Path(source).name)) is None:
        return "", None
    coil = f"coil {int(found[1]) + 1}"
    try:
        written = datetime.strptime(found[2][:14], "%Y%m%d%H%M%S")
        start = datetime.combine(written, datetime.strptime(f"{root.get('startTime')}000", "%H:%M:%S.%f").time())
    except ValueError:
        return coil, None
    return coil, start if start <= written + timedelta(minutes=1) else start - timedelta(days=1)  # over midnight


def _iso(time: datetime) -> str:
    return time.isoformat(timespec="milliseconds")


def _points(root: ElementTree.Element, source: str) -> Iterator[Mark]:
    """The entries and targets of a planned path, which have no axes."""
    to_ras = _world_to_ras(root.get("coordinateSpace", ""), source)
    for kind in ("Entry", "Target"):
        for marker in root.iterfind(f"{kind}/Marker"):
            name = f"{kind.lower()} {marker.get('description', '')}".strip()
            cells = marker.find("ColVec3D")
            if marker.get("set", "true") != "true" or cells is None:
                continue
            point = np.array([number(cells.get(f"data{i}"), name, source) for i in range(3)])
            if np.isfinite(point).all():
                yield Mark(name, to_ras[:3, :3] @ point)


def points_to_string(poses: Sequence[Pose], coordinate_space: str = "RAS") -> str:
    """The targets and entries of a plan's poses as Localite's planned paths, and the ends of the handles as further targets.

    Parameters
    ----------
    poses : sequence of PlannedPose
        Others have no target and are left out.
    coordinate_space : "RAS" or "LPS"
    """
    to_world = np.linalg.inv(_world_to_ras(coordinate_space, "the export"))[:3, :3]
    root = ElementTree.Element(POINTS, coordinateSpace=coordinate_space)
    planned = [each for each in poses if isinstance(each, PlannedPose)]
    pairs = [("Entry", each.name, each.entry_mm) for each in planned]
    pairs += [("Target", each.name, each.target_mm) for each in planned]
    pairs += [("Target", f"{each.name} handle", handle_end_mm(each)) for each in planned]
    for index, (kind, name, point) in enumerate(pairs):
        if point is None:
            continue
        holder = ElementTree.SubElement(
            root, kind, alwaysVisible="false", index=str(index % len(planned)), selected="false"
        )
        marker = ElementTree.SubElement(
            holder, "Marker", color="#00ffff", description=one_line(name), drawAura="false", radius="4.0", set="true"
        )
        cells = {f"data{i}": repr(float(value)) for i, value in enumerate(to_world @ point + 0.0)}
        ElementTree.SubElement(marker, "ColVec3D", cells)
    return _document(root)


def write(path: str | Path, poses: Sequence[Pose], coordinate_space: str = "RAS") -> None:
    """Write poses as instrument markers; see :func:`to_string`."""
    write_text(path, to_string(poses, coordinate_space))


def read(path: str | Path) -> list[Pose]:
    """Read instrument markers; see :func:`from_string`."""
    return from_string(read_text(path), str(path))


def _document(root: ElementTree.Element) -> str:
    ElementTree.indent(root, "    ")
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _root(text: str, source: str) -> ElementTree.Element:
    try:
        return parsed_xml(text)
    except ValueError as error:
        raise InputError(f"{source} is truncated or not XML ({error}); copy it from the session again") from None


def _world_to_ras(space: str, source: str) -> NDArray[np.float64]:
    if space == "MNI":  # it is the caller's to say so: Session.system
        return np.eye(4)
    if space in TEMPLATES:
        raise InputError(
            f"{source} is in Localite's coordinate space {space!r}: its places were moved to a template's brain and are not "
            "this head's; save the session in the coordinates of the T1 itself (RAS for NIfTI, LPS for DICOM) and give that"
        )
    if space not in WORLD_TO_RAS:
        raise InputError(f"{source}: coordinate space {space!r} is not known; it must be RAS or LPS, or MNI")
    return WORLD_TO_RAS[space]


def _matrix(marker: ElementTree.Element, name: str, source: str) -> NDArray[np.float64]:
    cells = marker.find("Matrix4D")
    if cells is None:
        raise InputError(f"{source}: {name!r} has no Matrix4D; copy the file from the session again")
    numbers = [cells.get(f"data{i}{j}") for i in range(4) for j in range(4)]
    if None in numbers:
        raise InputError(f"{source}: the matrix of {name!r} is not complete; copy the file from the session again")
    return np.array([number(each, name, source) for each in numbers]).reshape(4, 4)


def _text(space: str, poses: Sequence[Pose], entry: HeaderEntry | None) -> str:
    return to_string(poses, space)  # the world is the image's, whichever entry of its header gives it


def _beside(space: str, poses: Sequence[Pose], entry: HeaderEntry | None, file_name: str) -> Mapping[str, str]:
    if not any(isinstance(each, PlannedPose) for each in poses):
        return {}
    name = file_name.replace("InstrumentMarker", "EntryTarget")
    return {name if name != file_name else f"{Path(file_name).stem}_EntryTarget.xml": points_to_string(poses, space)}


HOW = (
    "Close the session. Copy the file into its folder InstrumentMarkers, and the EntryTarget file into EntryTarget, without "
    "'plan_localite_' in their names; Localite shows the latest when the session is opened."
)
LOCALITE = Navigator(
    name="localite",
    title="Localite",
    product="Localite TMS Navigator",
    suffix=".xml",
    recognises=lambda text: (
        text.lstrip().startswith("<") and any(f"<{kind}" in text for kind in (INSTRUMENTS, TRIGGERS, POINTS))
    ),
    read=session_from_string,
    write=partial(_text, "RAS"),
    beside=partial(_beside, "RAS"),
    how=f"{HOW} The file is in RAS, which Localite has for a T1 that was loaded as NIfTI.",
    with_every_plan=True,
    # SimNIBS's reader takes a Localite file by the name that a session gives it, and reads the time out of that
    file_name="plan_localite_InstrumentMarker{time}.xml",
    frames={
        "localite": (WORLD_TO_RAS["RAS"], TURN),
        "localite-lps": (WORLD_TO_RAS["LPS"], TURN),  # the T1 was loaded from DICOM
    },
)
LOCALITE_LPS = replace(
    LOCALITE,
    name="localite-lps",
    title="Localite with DICOM images",
    write=partial(_text, "LPS"),
    beside=partial(_beside, "LPS"),
    how=f"{HOW.replace('localite_', 'localite-lps_')} The file is in LPS, which Localite has for a T1 loaded as DICOM.",
    with_every_plan=False,
    file_name="plan_localite-lps_InstrumentMarker{time}.xml",
    frames={},
)
