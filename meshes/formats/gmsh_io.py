"""Gmsh ``.msh`` files of version 2.2, binary and ascii: read and written as SimNIBS does.

Layout (Gmsh reference manual, "MSH file format version 2"): sections ``$MeshFormat``, ``$Nodes``, ``$Elements`` and any
number of ``$NodeData``, ``$ElementData``, ``$ElementNodeData``.  Nodes and elements carry numbers that need not be
consecutive; data name them by number.  Triangles (type 2) and tetrahedra (type 4) are taken, other elements left out.
The first tag of an element (physical) is its tissue, SimNIBS' code; a tissue's surface triangles carry 1000 + code.

The sections are parsed in :mod:`meshes.formats.gmsh_sections` and written in :mod:`meshes.formats.gmsh_writer`.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from meshes.errors import InputError
from meshes.formats.gmsh_sections import Sections, read_sections
from meshes.formats.gmsh_writer import TET, TRIANGLE, write_gmsh
from meshes.head import HeadMesh

__all__ = ["GmshFile", "read_gmsh", "write_gmsh"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class GmshFile:
    """What a ``.msh`` file holds.

    Parameters
    ----------
    mesh : HeadMesh
        Tetrahedra in the file's order, surface triangles with their tags.
    element_data : dict of str to (M,) or (M, c) float64
        Fields per tetrahedron; NaN where the file gives none.
    triangle_data : dict of str to (K,) or (K, c) float64
        The same fields on the surface triangles, where the file has them.
    node_data : dict of str to (N,) or (N, c) float64
        Fields per node.
    element_node_data : dict of str to (M, 4) or (M, 4, c) float64
        Fields per node of each tetrahedron.
    """

    mesh: HeadMesh
    element_data: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    triangle_data: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    node_data: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    element_node_data: dict[str, NDArray[np.float64]] = field(default_factory=dict)


def read_gmsh(path: str | Path) -> GmshFile:
    """Read a Gmsh 2.2 file, binary (little-endian) or ascii.

    Tetrahedra keep the file's order; those with negative volume get two nodes swapped.  Nodes that no element uses are
    left out.

    Raises
    ------
    InputError
        If the file is missing, empty, truncated, damaged, of another version or byte order, has no tetrahedra, or a field
        names elements or nodes that are not there.
    """
    path = Path(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}; check the path") from error
    if not data.lstrip().startswith(b"$MeshFormat"):
        raise InputError(
            f"{path} is not a Gmsh mesh ({'it is empty' if not data else 'no $MeshFormat'}); give a .msh file"
        )
    return _assemble(read_sections(data, path), path)


def _places(numbers: NDArray[np.int64], wanted: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where each wanted number stands among the numbers, −1 where it does not."""
    if len(numbers) == 0:
        return np.full(wanted.shape, -1, np.int64)
    if numbers[0] + len(numbers) - 1 == numbers[-1] and (np.diff(numbers) == 1).all():
        places = wanted - numbers[0]
        return np.where((places >= 0) & (places < len(numbers)), places, -1)
    order = np.argsort(numbers, kind="stable")
    places = order[np.minimum(np.searchsorted(numbers[order], wanted), len(numbers) - 1)]
    return np.where(numbers[places] == wanted, places, -1)


def _assemble(raw: Sections, path: Path) -> GmshFile:
    """Numbers become indices, tetrahedra are oriented, data find their elements."""
    kept = {}
    for kind, width in ((TRIANGLE, 3), (TET, 4)):
        blocks = [block[1:] for block in raw.elements if block[0] == kind]
        empty = (np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros((0, width), np.int64))
        kept[kind] = tuple(np.concatenate(parts) for parts in zip(empty, *blocks, strict=True))
    left_out = {kind: 0 for kind, *_ in raw.elements if kind not in kept}
    for kind, numbers, *_ in raw.elements:
        if kind in left_out:
            left_out[kind] += len(numbers)
    for kind, many in left_out.items():
        logger.info("%s: left out %d elements of Gmsh type %d", path.name, many, kind)
    (triangle_numbers, triangle_tags, triangles), (tet_numbers, tags, tets) = kept[TRIANGLE], kept[TET]
    if len(tets) == 0:
        raise InputError(f"{path} has no tetrahedra (first order); give a volume mesh of a head")
    if not np.isfinite(raw.points).all():
        raise InputError(f"{path} has nodes that are not finite numbers; make the mesh again")
    tets, triangles = _places(raw.node_numbers, tets), _places(raw.node_numbers, triangles)
    if tets.min() < 0 or (len(triangles) and triangles.min() < 0):
        raise InputError(f"{path} is damaged: an element names a node that is not there; make it again")

    used = np.zeros(len(raw.points), bool)
    used[tets] = True
    used[triangles] = True
    if not used.all():
        logger.info("%s: left out %d nodes that no element uses", path.name, (~used).sum())
    new = np.cumsum(used) - 1
    tets, triangles, points = new[tets], new[triangles], raw.points[used]

    mesh = HeadMesh(points, tets, tags, triangles, triangle_tags)
    negative = mesh.volumes_mm3 < 0
    if negative.any():
        logger.info("%s: turned %d tetrahedra of negative volume", path.name, negative.sum())
        tets[negative] = tets[negative][:, [0, 1, 3, 2]]
        mesh = replace(mesh, tets=tets)

    every_element = np.concatenate([numbers for _, numbers, *_ in raw.elements])
    for section, of_what, there in (
        ("ElementData", "elements", every_element),
        ("ElementNodeData", "elements", every_element),
        ("NodeData", "nodes", raw.node_numbers),
    ):
        for name, (numbers, _) in raw.fields[section].items():
            if (strangers := int((_places(there, numbers) < 0).sum())) > 0:
                raise InputError(
                    f"{path}: field {name!r} has values for {strangers} {of_what} that the mesh lacks; "
                    "it belongs to another mesh, or the file is damaged: make it again"
                )
    found = GmshFile(mesh)
    for name, (numbers, values) in raw.fields["ElementData"].items():
        found.element_data[name] = _by_number(tet_numbers, numbers, values)
        on_triangles = _by_number(triangle_numbers, numbers, values)
        if len(on_triangles) and not np.isnan(on_triangles).all():
            found.triangle_data[name] = on_triangles
    for name, (numbers, values) in raw.fields["NodeData"].items():
        found.node_data[name] = _by_number(raw.node_numbers, numbers, values)[used]
    for name, (numbers, values) in raw.fields["ElementNodeData"].items():
        of_tets = _by_number(tet_numbers, numbers, values)
        of_tets[negative] = of_tets[negative][:, [0, 1, 3, 2]]
        found.element_node_data[name] = of_tets
    return found


def _by_number(
    numbers: NDArray[np.int64], given: NDArray[np.int64], values: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Values in the order of the elements (or nodes) with these numbers; NaN where none is given."""
    places = _places(given, numbers)
    if len(given) == 0:
        return np.full((len(numbers), *values.shape[1:]), np.nan)
    ordered = np.array(values[np.maximum(places, 0)], dtype=np.float64)
    ordered[places < 0] = np.nan
    return ordered
