"""The file format of Softaxic, ``.stmpx`` (read only): XML with coil places, their axes and a point on the coil's far side.

``<fp x y z m00 … m22>`` gives the place and a matrix with the axes as columns c0 c1 c2.  Two readings of it are in use.
SimNIBS takes x = −c1, y = c0, z = c2; another exporter, said to be checked in a laboratory, x = c1, y = c0, z = −c2.
They agree on y, away from the handle, and differ by half a turn about it: in the one the coil faces the head, in the
other it faces away.  The file itself decides: ``<f>`` lies off the coil on the side away from the head, so z is ±c2,
whichever points from ``<f>`` to ``<fp>``, and x = y × z.  A place without ``<f>`` is refused, and nothing is written in
this format until a file from a real session shows how Softaxic reads it back.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from xml.etree.ElementTree import Element

import numpy as np
from numpy.typing import NDArray

from meshes.errors import InputError
from meshes.formats.safe_xml import parsed_xml
from targeting.navigation.navigators import Navigator
from targeting.navigation.records import TARGET, Record, Session, finite, read_text, rigid_pose
from targeting.pose import Pose

MIN_COSINE = 0.5  # <f> lies on the coil's axis; far off it, these axes are not the ones described above


def from_string(text: str, source: str = "Softaxic file") -> list[Pose]:
    """The coil places, RAS mm of the T1.

    Raises
    ------
    InputError
        If this is no Softaxic file, is damaged, or does not say which way a coil faces.
    """
    return [each.pose for each in session_from_string(text, source).records if each.pose is not None]


def session_from_string(text: str, source: str = "Softaxic file") -> Session:
    """The coil places as targets; errors as for :func:`from_string`."""
    try:
        root = parsed_xml(text)
    except ValueError as error:
        raise InputError(f"{source} is truncated or not XML ({error}); export it again") from None
    if root.tag != "stmp":
        raise InputError(f"{source} is not a Softaxic file (its root is {root.tag!r}); give a .stmpx file")
    points = enumerate(root.iter("fmp"), start=1)
    return Session(
        tuple(Record(TARGET, row, point.get("id", ""), _pose(point, source)) for row, point in points), source
    )


def read(path: str | Path) -> list[Pose]:
    """Read the coil places of a file; see :func:`from_string`."""
    return from_string(read_text(path), str(path))


def _pose(point: Element, source: str) -> Pose:
    name = point.get("id", "")
    place = point.find("fp")
    far_side = None if place is None else place.find("f")
    if place is None or far_side is None:
        raise InputError(
            f"{source}: {name!r} has no <fp> with <f>, so which way the coil faces is not known; export it again"
        )
    center = _numbers(place, ("x", "y", "z"), name, source)
    axes = _numbers(place, [f"m{i}{j}" for i in range(3) for j in range(3)], name, source).reshape(3, 3)
    inward = center - _numbers(far_side, ("x", "y", "z"), name, source)
    cosine = inward @ axes[:, 2] / max(float(np.linalg.norm(inward)), 1e-9)
    if abs(cosine) < MIN_COSINE:
        raise InputError(f"{source}: the axes of {name!r} do not fit its point <f>; this Softaxic version is not known")
    matrix = np.eye(4)
    y, z = axes[:, 0], axes[:, 2] * np.sign(cosine)
    x = -axes[:, 1] * np.sign(cosine)
    matrix[:3, :3], matrix[:3, 3] = np.column_stack([x, y, z]), center
    return rigid_pose(matrix, name, source)


def _numbers(element: Element, keys: Sequence[str], name: str, source: str) -> NDArray[np.float64]:
    try:
        values = np.array([float(element.attrib[key]) for key in keys])
    except (KeyError, ValueError):
        raise InputError(f"{source}: numbers are missing in {name!r}; export it again") from None
    return finite(values, name, source)


SOFTAXIC = Navigator(
    name="softaxic",
    title="Softaxic",
    suffix=".stmpx",
    recognises=lambda text: text.lstrip().startswith("<") and "<stmp" in text,
    read=session_from_string,
    only_read="two readings of its axes are in use, and no file from a real session shows how Softaxic reads one back",
)
