"""Write a scene in the format of vtk.js: the tree of objects and arrays that its viewer draws.

vtk.js takes a scene as a tree of JSON objects: each with an id, a type, properties, the objects it is made of
("dependencies") and the calls that put those in place, and arrays by reference to a table of base64 texts; all of it is
``index.json`` in a zip file (the format of vtk.js' ``SynchronizableRenderWindow``).  Nothing is drawn here and no VTK
window is opened, so a report can be made on a machine without a graphics driver.

Every point carries its colour (three bytes) and its normal (three signed bytes): shading needs no more.  Where a surface can
be coloured in several ways it has an array of colours for each, by name.
"""

from __future__ import annotations

import base64
import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

GRID_PER_MM = 32  # points are rounded to 1/32 mm, which packs better and is not seen
JS_ARRAYS = {"float32": "Float32Array", "int32": "Int32Array", "uint16": "Uint16Array"}
JS_ARRAYS |= {"uint8": "Uint8Array", "int8": "Int8Array"}


@dataclass(frozen=True, eq=False)
class Painted:
    """A surface with the colours it is shown in.

    Parameters
    ----------
    points_mm : (n, 3) float
    triangles : (t, 3) int
    normals : (n, 3) float
        Unit vectors, outward.
    rgb : (n, 3) uint8
    opacity : float
        0 to 1; where it is less than 1 only the side that faces the viewer is drawn.
    lit : bool
        Whether lamps change its colours.
    otherwise : mapping
        Name → (n, 3) uint8: colours that may take the place of ``rgb``.
    """

    points_mm: NDArray[np.floating]
    triangles: NDArray[np.integer]
    normals: NDArray[np.floating]
    rgb: NDArray[np.uint8]
    opacity: float = 1.0
    lit: bool = True
    otherwise: Mapping[str, NDArray[np.uint8]] = field(default_factory=dict)


def packed(surfaces: Sequence[Painted]) -> bytes:
    """The zip file that vtk.js' viewer loads; the same surfaces give the same bytes.

    Examples
    --------
    >>> import numpy as np
    >>> from targeting.scene.web.state import Painted, packed
    >>> corner = np.eye(3)
    >>> one = Painted(corner, np.array([[0, 1, 2]]), corner, np.full((3, 3), 200, np.uint8))
    >>> packed([one])[:2], packed([one]) == packed([one])
    (b'PK', True)
    """
    tables: dict[str, dict[str, Any]] = {}
    actors = [_actor(k, surface, tables) for k, surface in enumerate(surfaces)]
    camera = {"parent": "renderer", "id": "camera", "type": "vtkCamera", "properties": {"parallelProjection": True}}
    renderer = {
        "parent": "window",
        "id": "renderer",
        "type": "vtkRenderer",
        "properties": {"background": [1.0, 1.0, 1.0], "twoSidedLighting": True, "lightFollowCamera": True},
        "dependencies": [camera, *actors],
        "calls": [["setActiveCamera", [_ref("camera")]], *(["addViewProp", [_ref(each["id"])]] for each in actors)],
    }
    window = {
        "parent": "0x0",
        "id": "window",
        "type": "vtkRenderWindow",
        "properties": {"numberOfLayers": 1},
        "dependencies": [renderer],
        "calls": [["addRenderer", [_ref("renderer")]]],
        "mtime": 1,
    }
    text = json.dumps({"scene": window, "hashes": tables}, separators=(",", ":"))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        member = zipfile.ZipInfo("index.json")  # its default date keeps the bytes the same
        member.compress_type = zipfile.ZIP_DEFLATED
        archive.writestr(member, text)
    return buffer.getvalue()


def _actor(k: int, surface: Painted, tables: dict[str, dict[str, Any]]) -> dict[str, Any]:
    def array(name: str, values: NDArray, kind: str, **more: object) -> dict[str, Any]:
        key = f"{k}-{name}"
        flat = np.ascontiguousarray(values)
        entry: dict[str, Any] = {"hash": key, "vtkClass": kind, "name": name, "dataType": JS_ARRAYS[flat.dtype.name]}
        entry |= {"numberOfComponents": 1 if flat.ndim == 1 else flat.shape[1], "size": flat.size, **more}
        tables[key] = {"content": base64.b64encode(flat.tobytes()).decode("ascii")}
        return entry

    n = len(surface.points_mm)
    points = (np.round(np.asarray(surface.points_mm) * GRID_PER_MM) / GRID_PER_MM).astype(np.float32)
    index = np.uint16 if n <= np.iinfo(np.uint16).max else np.int32
    cells = np.insert(np.asarray(surface.triangles), 0, 3, axis=1).astype(index).ravel()
    normals = np.round(127 * np.asarray(surface.normals)).astype(np.int8)
    on_points = {"location": "pointData"}
    data = {
        "parent": f"mapper{k}",
        "id": f"data{k}",
        "type": "vtkPolyData",
        "properties": {
            "points": array("points", points, "vtkPoints"),
            "polys": array("polys", cells, "vtkCellArray"),
            "fields": [
                array("rgb", surface.rgb, "vtkDataArray", registration="setScalars", **on_points),
                array("normals", normals, "vtkDataArray", registration="setNormals", **on_points),
                *(
                    array(name, rgb, "vtkDataArray", registration="addArray", **on_points)
                    for name, rgb in surface.otherwise.items()
                ),
            ],
        },
    }
    mapper = {
        "parent": f"actor{k}",
        "id": f"mapper{k}",
        "type": "vtkMapper",
        "properties": {"scalarVisibility": True, "colorMode": 2, "scalarMode": 1},
        "dependencies": [data],
        "calls": [["setInputData", [_ref(f"data{k}")]]],
    }
    see_through = surface.opacity < 1
    look = {
        "parent": f"actor{k}",
        "id": f"look{k}",
        "type": "vtkProperty",
        "properties": {
            "ambient": 0.25 if surface.lit else 1.0,
            "diffuse": 0.8 if surface.lit else 0.0,
            "specular": 0.06 if surface.lit else 0.0,
            "specularPower": 20,
            "interpolation": 1,
            "opacity": surface.opacity,
            "backfaceCulling": see_through,
        },
    }
    return {
        "parent": "renderer",
        "id": f"actor{k}",
        "type": "vtkActor",
        "properties": {"visibility": True, "forceTranslucent": see_through, "forceOpaque": not see_through},
        "dependencies": [mapper, look],
        "calls": [["setMapper", [_ref(f"mapper{k}")]], ["setProperty", [_ref(f"look{k}")]]],
    }


def _ref(name: str) -> str:
    return f"instance:${{{name}}}"
