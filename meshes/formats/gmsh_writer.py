"""Write Gmsh 2.2 files the way SimNIBS does, so that Gmsh shows them and SimNIBS reads them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from meshes.errors import InputError
from meshes.head import HeadMesh
from meshes.surfaces import tets_beside, tissue_surfaces
from meshes.whole_files import written_whole

TRIANGLE, TET = 2, 4  # Gmsh's element types


def write_gmsh(
    path: str | Path,
    mesh: HeadMesh,
    element_data: Mapping[str, NDArray[np.floating]] | None = None,
    node_data: Mapping[str, NDArray[np.floating]] | None = None,
    binary: bool = True,
) -> None:
    """Write a Gmsh 2.2 file; it appears under its name only when it is whole.

    Surface triangles come first, then the tetrahedra in their order, all numbered from 1.  A mesh without triangles
    gets its tissues' surfaces (:func:`~meshes.surfaces.tissue_surfaces`).  A field per tetrahedron is written for the
    surfaces too, each triangle with the value of the tetrahedron it bounds, so that Gmsh can show it on the cortex.

    Parameters
    ----------
    path : path
    mesh : HeadMesh
    element_data : mapping of str to (M,), (M, 3) or (M, 9) array
        Fields per tetrahedron.
    node_data : mapping of str to (N,), (N, 3) or (N, 9) array
        Fields per node.
    binary : bool
        False writes text.

    Raises
    ------
    InputError
        If a field has the wrong shape.
    WriteError
        If the file cannot be written.
    """
    element_data, node_data = dict(element_data or {}), dict(node_data or {})
    for what, fields, many in (("tetrahedra", element_data, len(mesh.tets)), ("nodes", node_data, len(mesh.points_mm))):
        for name, values in fields.items():
            if np.shape(values) not in ((many,), (many, 1), (many, 3), (many, 9)):
                raise InputError(
                    f"field {name!r} has shape {np.shape(values)}; it needs a value for each of {many} {what}"
                )
    if len(mesh.triangles) == 0:
        triangles, tags = tissue_surfaces(mesh)
        mesh = replace(mesh, triangles=triangles, triangle_tissue=tags)
    n_triangles = len(mesh.triangles)
    with written_whole(path) as temporary, temporary.open("wb") as out:
        writer = _Writer(out, binary)
        writer.start()
        writer.nodes(mesh.points_mm)
        writer.elements(mesh)
        for name, values in node_data.items():
            writer.data("NodeData", name, np.arange(1, len(values) + 1), np.asarray(values))
        if element_data:
            beside = tets_beside(mesh)
            shown = np.flatnonzero(beside >= 0)
            numbers = np.concatenate([shown + 1, np.arange(len(mesh.tets)) + n_triangles + 1])
            for name, values in element_data.items():
                writer.data("ElementData", name, numbers, np.concatenate([np.asarray(values)[beside[shown]], values]))


class _Writer:
    """Sections of a file, as bytes or as text.

    Binary data run straight into ``$End…``: the readers of SimNIBS and FieldTrip want no line feed between.
    """

    def __init__(self, out: BinaryIO, binary: bool) -> None:
        self.out, self.binary = out, binary

    def text(self, *lines: object) -> None:
        self.out.write("".join(f"{line}\n" for line in lines).encode())

    def start(self) -> None:
        self.text("$MeshFormat", f"2.2 {int(self.binary)} 8")
        if self.binary:
            self.out.write(np.array(1, "<i4").tobytes() + b"\n")
        self.text("$EndMeshFormat")

    def nodes(self, points_mm: NDArray[np.float64]) -> None:
        self.text("$Nodes", len(points_mm))
        self.numbered(np.arange(1, len(points_mm) + 1), points_mm)
        self.text("$EndNodes")

    def elements(self, mesh: HeadMesh) -> None:
        self.text("$Elements", len(mesh.triangles) + len(mesh.tets))
        first = 1
        for kind, nodes, tags in (
            (TRIANGLE, mesh.triangles, mesh.triangle_tissue),
            (TET, mesh.tets, mesh.tissue),
        ):
            count = len(nodes)
            numbers = np.arange(first, first + count)
            first += count
            if count == 0:
                continue
            if self.binary:
                self.out.write(np.array([kind, count, 2], "<i4").tobytes())
                self.out.write(np.column_stack([numbers, tags, tags, nodes + 1]).astype("<i4").tobytes())
            else:
                same = np.tile([kind, 2], (count, 1))
                self.rows(np.column_stack([numbers, same, tags, tags, nodes + 1]), "%d")
        self.text("$EndElements")

    def data(self, section: str, name: str, numbers: NDArray[np.int64], values: NDArray[np.floating]) -> None:
        values = values.reshape(len(values), -1)
        clean = name.replace('"', "'").replace("\n", " ")
        self.text(f"${section}", 1, f'"{clean}"', 1, 0.0, 4, 0, values.shape[1], len(values), 0)
        self.numbered(numbers, values)
        self.text(f"$End{section}")

    def numbered(self, numbers: NDArray[np.int64], values: NDArray[np.floating]) -> None:
        if self.binary:
            rows = np.zeros(len(values), [("number", "<i4"), ("value", "<f8", values.shape[1:])])
            rows["number"], rows["value"] = numbers, values
            self.out.write(rows.tobytes())
        else:
            self.rows(values.astype(np.float64), "%r", numbers)

    def rows(self, table: NDArray, form: str, numbers: NDArray[np.int64] | None = None) -> None:
        """Text lines, many at a time (a format string for a whole chunk is far faster than one a line)."""
        chunk = 20000
        for begin in range(0, len(table), chunk):
            part = table[begin : begin + chunk]
            line = " ".join([form] * table.shape[1]) + "\n"
            if numbers is None:
                cells = part.ravel().tolist()
            else:
                line = "%d " + line
                cells = [
                    cell
                    for number, row in zip(numbers[begin : begin + chunk].tolist(), part.tolist(), strict=True)
                    for cell in (number, *row)
                ]
            self.out.write((line * len(part) % tuple(cells)).encode())
