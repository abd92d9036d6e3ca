"""Coil files ``.tcd``: JSON of dipoles, wire pieces or sampled A-fields, with casings and movable parts.

``coilElementList`` holds the sources, each of a ``type``: 1 magnetic dipoles (``points`` mm, ``values`` A·m²), 2 wire
pieces (``points`` where each is, mm; ``values`` its direction and length, mm), 3 a sampled A (``data`` T·m per
ampere on (nx, ny, nz, 3), ``affine`` voxel → mm).  ``deformations`` of an element name entries of ``deformList`` —
shifts in mm along x, y, z or turns in degrees about the axis from ``point1`` to ``point2`` (``rot2p``) — which are
applied in their order, here at the ``initial`` value of their ``deformRange``; the element's casing moves with it.
``coilModels`` holds casings (``points`` mm, ``faces``), named by ``coilCasing`` or ``elementCasing``;
``stimulatorList`` the limits (``maxdIdt``, A/s).  Arrays are plain lists, or base64 of bytes that zlib may have packed.
What these bytes are follows from what they are of: little-endian float64 of points and values, int64 of faces, and of a
grid's data an array as ``pickle`` spells it, which is read as data (:mod:`targeting.coils.pickled_array`).

A wire piece acts at its point, as in SimNIBS, whose own files hold the middles of the pieces.  (Brainsway's H7 lists
where they begin: 0.25 mm off along the wire, under 0.8 % of the field in a head.)

Elements of more than one stimulator get the same dI/dt here; the limit is then the lowest of their stimulators'.
"""

from __future__ import annotations

import base64
import json
import logging
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from meshes.errors import InputError
from meshes.whole_files import written_whole
from targeting.coils.casing import SPACING_MM, casing_around, joined, thinned
from targeting.coils.coil import Casing, Coil
from targeting.coils.fields import transformed
from targeting.coils.files import CoilFormat
from targeting.coils.gate import NARROWEST_MM, checked_rating, coil_of_file
from targeting.coils.pickled_array import array_in
from targeting.coils.sources import CurrentElements, MagneticDipoles, PotentialGrid, Source

log = logging.getLogger(__name__)
DIPOLES, WIRES, GRID = 1, 2, 3
NO_NAME = "stimulator"  # of one whose name is not known
ZLIB = 0x78  # the first byte of what zlib packs
MOST_BYTES = 2**28  # of one array unpacked: 11 million points


def read_tcd(path: Path) -> Coil:
    """Read a ``.tcd`` file.

    Raises
    ------
    InputError
        If the file is not such a file, is cut short, names parts that are not there, or cannot be a coil's.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return _coil(content, path)
    except InputError:
        raise
    except (
        LookupError,
        ValueError,
        TypeError,
        AttributeError,
        EOFError,
        OverflowError,
        RecursionError,
        zlib.error,
    ) as error:
        what = f"it has no {error}" if isinstance(error, KeyError) else " ".join(str(error).split())[:120]
        raise InputError(f"{path.name} is not a .tcd coil file or is damaged ({what}): fetch it again") from error


def write_tcd(coil: Coil, path: Path) -> None:
    """Write any coil as ``.tcd``: every source, the casing and the limit, in plain numbers.

    A casing that :func:`~targeting.coils.casing.casing_around` drew is left out: it is drawn again from the sources.
    """
    stimulator: dict[str, Any] = {"name": coil.rated_on or NO_NAME}
    if coil.max_didt_a_per_s is not None:
        stimulator["maxdIdt"] = coil.max_didt_a_per_s
    content: dict[str, Any] = {
        "name": coil.name,
        "coilElementList": [{"stimulator": 0, **_element(source)} for source in coil.sources],
        "stimulatorList": [stimulator],
    }
    if coil.casing_note != casing_around(coil.sources)[1]:
        content["coilModels"] = [{"points": coil.casing.points_mm.tolist(), "faces": coil.casing.triangles.tolist()}]
        content["coilCasing"] = 0
    with written_whole(path) as temporary:
        temporary.write_text(json.dumps(content), encoding="utf-8")


def _coil(content: dict[str, Any], path: Path) -> Coil:
    elements = content["coilElementList"]
    moves = [_moved(element, content) for element in elements]
    sources = tuple(transformed(_source(e), m) for e, m in zip(elements, moves, strict=True))
    if not sources:
        raise ValueError("it has no coil elements")
    places = [(element.get("elementCasing"), move) for element, move in zip(elements, moves, strict=True)]
    places.append((content.get("coilCasing"), np.eye(4)))
    parts = [_casing(_at(content["coilModels"], index), move) for index, move in places if index is not None]
    stimulators = content.get("stimulatorList", [])
    used = {element["stimulator"] for element in elements if element.get("stimulator") is not None}
    if len(used) > 1:
        log.warning("%s is driven by %d stimulators: the same dI/dt is used for all", path.name, len(used))
    driving = [_at(stimulators, index) for index in used] if stimulators else []  # SimNIBS wants the list, others none
    stated = [float(each["maxdIdt"]) for each in driving if each.get("maxdIdt") is not None]
    limits = [limit for value in stated if (limit := checked_rating(path.name, "maxdIdt", value, 1.0)) is not None]
    names = {str(each.get("name") or NO_NAME) for each in driving} - {NO_NAME}
    return coil_of_file(
        path,
        " ".join(filter(None, [content.get("brand"), content.get("name", path.stem)])),
        sources,
        1.0,
        min(limits) if limits else None,
        joined(parts) if parts else None,
        rated_on=names.pop() if len(names) == 1 else "",
    )


def _source(element: dict[str, Any]) -> Source:
    kind = element["type"]
    if kind == GRID:
        data = _grid_values(element["data"])
        affine = _numbers(element["affine"], (4, 4))
        if abs(np.linalg.det(affine)) < 1e-12:
            raise ValueError("the affine of a grid is singular")
        return PotentialGrid(data, affine)
    points, values = _numbers(element["points"], (-1, 3)), _numbers(element["values"], (-1, 3))
    if len(points) != len(values) or not len(points):
        raise ValueError(f"{len(points)} points but {len(values)} values")
    if kind == DIPOLES:
        return MagneticDipoles(points, values)
    if kind == WIRES:
        return CurrentElements(points, values)
    raise ValueError(f"unknown element type {kind!r}")


def _element(source: Source) -> dict[str, Any]:
    if isinstance(source, MagneticDipoles):
        return {"type": DIPOLES, "points": source.points_mm.tolist(), "values": source.moments_a_m2.tolist()}
    if isinstance(source, CurrentElements):
        return {"type": WIRES, "points": source.points_mm.tolist(), "values": source.elements_mm.tolist()}
    return {"type": GRID, "data": source.a_t_m.tolist(), "affine": source.affine_mm.tolist()}


def _moved(element: dict[str, Any], content: dict[str, Any]) -> NDArray[np.float64]:
    """The element's deformations at their initial values, (4, 4)."""
    matrix = np.eye(4)
    for index in element.get("deformations", []):
        deformation = _at(content["deformList"], index)
        initial = float(_at(content["deformRangeList"], deformation["deformRange"])["initial"])
        step = np.eye(4)
        if deformation["type"] == "rot2p":
            first, second = (_numbers(deformation[name], (3,)) for name in ("point1", "point2"))
            length = np.linalg.norm(second - first)
            if length == 0:
                raise ValueError("the two points of a rotation axis coincide")
            step[:3, :3] = Rotation.from_rotvec((second - first) / length * np.radians(initial)).as_matrix()
            step[:3, 3] = first - step[:3, :3] @ first
        else:
            step["xyz".index(deformation["type"]), 3] = initial
        matrix = step @ matrix
    return matrix


def _casing(model: dict[str, Any], matrix: NDArray[np.float64]) -> Casing:
    points = _numbers(model["points"], (-1, 3)) @ matrix[:3, :3].T + matrix[:3, 3]
    faces = _numbers(model["faces"], (-1, 3), "<i8")
    if not len(faces) or faces.min() < 0 or faces.max() >= len(points):
        raise ValueError("a casing names a point that is not there")
    corners = points[faces]
    edge_mm = float(np.median(np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=2)))
    # thinned once: what was thinned before keeps its points, so that writing and reading changes nothing
    fine = edge_mm < 0.8 * SPACING_MM and np.ptp(points, axis=0).max() > NARROWEST_MM
    return thinned(points, faces) if fine else Casing(points, faces.astype(np.int32))


def _at(items: list[Any], index: int) -> Any:
    if not 0 <= index < len(items):
        raise ValueError(f"it names part {index} of {len(items)}")
    return items[index]


def _unpacked(array: str) -> bytes:
    """The bytes of an encoded array; early files have them unpacked."""
    raw = base64.b64decode(array, validate=True)
    if len(raw) < 2 or raw[0] != ZLIB or (raw[0] * 256 + raw[1]) % 31:  # zlib's own mark
        return raw
    unpacker = zlib.decompressobj()
    unpacked = unpacker.decompress(raw, MOST_BYTES)
    if not unpacker.eof:
        raise ValueError("an encoded array is cut short, or larger than any coil's")
    return unpacked


def _numbers(array: Any, shape: tuple[int, ...], kind: str = "<f8") -> NDArray[Any]:
    values = np.frombuffer(_unpacked(array), kind) if isinstance(array, str) else np.array(array, dtype=kind)
    values = values.reshape(shape)
    if not np.isfinite(values).all():
        raise ValueError("it holds numbers that are not finite")
    return values


def _grid_values(array: Any) -> NDArray[np.float64]:
    values = array_in(_unpacked(array)) if isinstance(array, str) else np.array(array, dtype=np.float64)
    if values.ndim != 4 or values.shape[3] != 3 or min(values.shape[:3]) < 2 or not np.isfinite(values).all():
        raise ValueError(f"a grid must be finite and (nx, ny, nz, 3), not {values.shape}")
    return values


TCD = CoilFormat(name="tcd", suffixes=(".tcd",), holds="any", read=read_tcd, write=write_tcd)
