"""The JSON files of NaviNIBS: targets (to be imported), and the samples of a session, which are pulses here.

``coilToMRITransf`` is coil → RAS mm by the T1's NIfTI affine.  NaviNIBS's coil frame has **−y along the handle and −z into
the head**, so z points out of it and x the other way: P = N · diag(−1, 1, −1), its own inverse.  The origin is the centre
of the coil's face, as here.  (``NaviNIBS/Navigator/Model/Targets.py``, ``Samples.py``, ``Session.mergeFromFile``.)

A target may have no matrix but a point in the brain, an entry and an angle, of which NaviNIBS makes one with its own head
model: such a target has no pose here.  A session's own file is a zip archive of such JSON files: unpack it first.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meshes.errors import InputError
from targeting.navigation.exported import PlanImage, PlannedPose, as_loaded
from targeting.navigation.navigators import SAME, HeaderEntry, Navigator
from targeting.navigation.records import (
    PULSE,
    TARGET,
    Mark,
    Record,
    Session,
    finite,
    one_line,
    rigid_pose,
    seconds_apart,
)
from targeting.pose import Pose

FLIP = np.diag([-1.0, 1.0, -1.0, 1.0])  # NaviNIBS's coil frame ↔ ours
MATRIX, TARGET_POINT, ENTRY_POINT = "coilToMRITransf", "targetCoord", "entryCoord"
POINTS = {TARGET_POINT: "target", ENTRY_POINT: "entry"}


def to_string(poses: Sequence[Pose], image: PlanImage | None = None) -> str:
    """Poses as targets.

    Parameters
    ----------
    poses : sequence of Pose
        RAS mm of the T1.
    image : PlanImage, optional
        Named in the file; NaviNIBS leaves that alone.
    """
    targets = []
    for pose in poses:
        target: dict[str, Any] = {"key": one_line(pose.name)}
        if isinstance(pose, PlannedPose):
            points = {TARGET_POINT: pose.target_mm, ENTRY_POINT: pose.entry_mm}
            target |= {name: point.tolist() for name, point in points.items() if point is not None}
        targets.append({**target, MATRIX: (pose.matrix_mm @ FLIP).tolist()})
    about = {"image": image.name, "image_sha256": image.sha256} if image else {}
    return json.dumps({**about, "targets": targets}, indent=2, ensure_ascii=False) + "\n"


def session_from_string(text: str, source: str = "NaviNIBS file") -> Session:
    """The targets and samples of a file.

    Raises
    ------
    InputError
        If it is not JSON, holds neither, is damaged, or holds a sheared matrix.
    """
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        raise InputError(f"{source} is truncated or not JSON; export it from NaviNIBS again") from None
    lists = document if isinstance(document, dict) else {"targets": document}
    items = [each for name in ("targets", "samples") for each in _listed(lists.get(name, []), source)]
    if not items:
        raise InputError(f"{source} holds neither targets nor samples; give NaviNIBS's file with them")
    targets = [each for each in items if "timestamp" not in each]
    samples = [each for each in items if "timestamp" in each]
    times = [_when(each, source) for each in samples]
    first = min(times, default="")
    records = [Record(TARGET, i, _name(each, source), _pose(each, source)) for i, each in enumerate(targets, start=1)]
    records += [
        Record(
            PULSE,
            i,
            _name(each, source),
            _pose(each, source),
            target=str(each.get("targetKey") or ""),
            driver=str(each.get("coilKey") or ""),
            time_s=seconds_apart(when, first),
            when=when,
        )
        for i, (each, when) in enumerate(zip(samples, times, strict=True), start=1)
    ]
    sha256 = str(lists.get("image_sha256") or "")
    return Session(tuple(records), source, image_sha256=sha256, marks=tuple(_marks(targets, source)))


def _listed(items: object, source: str) -> list[dict[str, Any]]:
    if not isinstance(items, list) or not all(isinstance(each, dict) for each in items):
        raise InputError(f"{source}: its targets and samples must be lists of objects; export it again")
    return items


def _name(item: dict[str, Any], source: str) -> str:
    if not isinstance(name := item.get("key"), str):
        raise InputError(f"{source}: a target or sample has no key; export it again")
    return name


def _when(item: dict[str, Any], source: str) -> str:
    try:
        return datetime.fromisoformat(item["timestamp"]).replace(tzinfo=None).isoformat(timespec="milliseconds")
    except (TypeError, ValueError):
        raise InputError(f"{source}: {_name(item, source)!r} has no time that can be read; export it again") from None


def _pose(item: dict[str, Any], source: str) -> Pose | None:
    if item.get(MATRIX) is None:
        return None
    matrix = _numbers(item[MATRIX], (4, 4), MATRIX, item, source)
    if "timestamp" in item and not np.isfinite(matrix).all():
        return None
    return rigid_pose(matrix @ FLIP, _name(item, source), source)


def _marks(targets: Sequence[dict[str, Any]], source: str) -> Iterator[Mark]:
    for each in targets:
        for key, word in POINTS.items():
            if each.get(key) is not None:
                name = _name(each, source)
                yield Mark(f"{name} {word}", finite(_numbers(each[key], (3,), key, each, source), name, source))


def _numbers(
    values: object, shape: tuple[int, ...], key: str, item: dict[str, Any], source: str
) -> NDArray[np.float64]:
    try:
        array = np.array(values, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        array = np.zeros(0)
    if array.shape != shape:
        raise InputError(
            f"{source}: {key} of {_name(item, source)!r} is not {' × '.join(map(str, shape))} numbers; export it again"
        )
    return array


def _text(poses: Sequence[Pose], entry: HeaderEntry | None) -> str:
    image = entry if isinstance(entry, PlanImage) else None
    if image is not None:
        as_loaded(image, "NaviNIBS")
    return to_string(poses, image)


NAVINIBS = Navigator(
    name="navinibs",
    title="NaviNIBS",
    suffix=".json",
    recognises=lambda text: (
        text.lstrip()[:1] in ("{", "[") and any(f'"{key}"' in text for key in (MATRIX, TARGET_POINT))
    ),
    read=session_from_string,
    write=_text,
    how=(
        "Set the T1 (NIfTI) in the tab MRI, then import the file in the tab Targets. There is no coordinate system to choose: "
        "the file is in the T1's own."
    ),
    file_name="plan_navinibs.json",
    frames={"navinibs": (SAME, FLIP)},
)
