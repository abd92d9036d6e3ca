"""VTK ``.vtu``: the head as an unstructured grid that ParaView and PyVista open, compressed, tissue as cell data."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyvista as pv
from numpy.typing import NDArray
from vtkmodules.vtkCommonCore import vtkObject
from vtkmodules.vtkIOXML import vtkXMLUnstructuredGridWriter

from meshes.errors import InputError
from meshes.formats.vtu_arrays import FAULTS, read_arrays
from meshes.head import HeadMesh
from meshes.whole_files import written_whole

logger = logging.getLogger(__name__)

TISSUE = "tissue"
TISSUE_NAMES_OF_OTHERS = (TISSUE, "gmsh:physical", "tag", "label", "labels", "MaterialID")  # other writers' names


def to_grid(
    mesh: HeadMesh,
    cell_data: Mapping[str, NDArray[np.floating]] | None = None,
    point_data: Mapping[str, NDArray[np.floating]] | None = None,
) -> pv.UnstructuredGrid:
    """The tetrahedra as a PyVista grid with ``tissue`` and the given fields; surface triangles are left out.

    Raises
    ------
    InputError
        If a field has the wrong length.
    """
    grid = pv.UnstructuredGrid({pv.CellType.TETRA: mesh.tets}, mesh.points_mm)
    grid.cell_data[TISSUE] = mesh.tissue
    for what, fields, store, many in (
        ("tetrahedra", cell_data or {}, grid.cell_data, len(mesh.tets)),
        ("nodes", point_data or {}, grid.point_data, len(mesh.points_mm)),
    ):
        for name, values in fields.items():
            if np.shape(values)[:1] != (many,):
                raise InputError(
                    f"field {name!r} has shape {np.shape(values)}; it needs one value per each of {many} {what}"
                )
            store[name] = np.asarray(values)
    return grid


def write_vtu(
    path: str | Path,
    mesh: HeadMesh,
    cell_data: Mapping[str, NDArray[np.floating]] | None = None,
    point_data: Mapping[str, NDArray[np.floating]] | None = None,
) -> None:
    """Write a compressed binary ``.vtu``.

    Raises
    ------
    InputError
        If a field has the wrong length, or the file cannot be written.
    """
    grid = to_grid(mesh, cell_data, point_data)
    with written_whole(path) as temporary:
        temporary.touch()  # VTK only prints when it cannot open a file; this raises
        writer = vtkXMLUnstructuredGridWriter()
        writer.SetInputData(grid)
        writer.SetFileName(str(temporary))
        writer.SetDataModeToAppended()
        writer.EncodeAppendedDataOff()
        writer.SetCompressorTypeToZLib()
        writer.SetCompressionLevel(1)  # 2 % larger than level 5 on a head, in two thirds of the time
        with _quiet_vtk():
            written = writer.Write()
        if not written or writer.GetErrorCode():
            raise OSError("the disk is full or the folder cannot be written")


def read_vtu(path: str | Path) -> tuple[HeadMesh, dict[str, NDArray], dict[str, NDArray]]:
    """Read the tetrahedra of a ``.vtu``, with their fields per tetrahedron and per node.

    Raises
    ------
    InputError
        If the file is missing or damaged, or has no tetrahedra, or no cell field says their tissue.
    """
    path = Path(path)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}; check the path") from error
    if b"UnstructuredGrid" not in content[:4096]:
        raise InputError(f"{path} is not a VTK unstructured grid; give a .vtu or .msh file")
    try:
        grid = read_arrays(content)
        tets, is_tet = grid.cells(pv.CellType.TETRA, 4)
    except FAULTS as error:
        raise InputError(f"{path} is truncated or damaged; copy or make it again") from error
    if len(tets) == 0:
        raise InputError(f"{path} has no tetrahedra; give a volume mesh of a head")
    name = next((name for name in TISSUE_NAMES_OF_OTHERS if name in grid.cell_data), None)
    if name is None:
        raise InputError(f"{path} has no cell data named 'tissue'; add the tissue code of every tetrahedron")
    tissue = grid.cell_data[name][is_tet]
    if not np.isfinite(grid.points_mm).all() or tissue.ndim != 1 or (tissue != tissue.astype(np.int32)).any():
        raise InputError(f"{path} has nodes that are no numbers, or tissues that are no codes; make the mesh again")
    if not is_tet.all():
        logger.info("%s: left out %d cells that are not tetrahedra", path.name, (~is_tet).sum())
    mesh = HeadMesh(grid.points_mm, tets, tissue)
    negative = mesh.volumes_mm3 < 0
    if negative.any():
        tets[negative] = tets[negative][:, [0, 1, 3, 2]]
        mesh = HeadMesh(grid.points_mm, tets, tissue)
        logger.info("%s: turned %d tetrahedra of negative volume", path.name, negative.sum())
    cell_data = {key: values[is_tet] for key, values in grid.cell_data.items() if key != name}
    return mesh, cell_data, grid.point_data


@contextmanager
def _quiet_vtk() -> Iterator[None]:
    """VTK prints its errors from inner objects; their codes say enough."""
    shown = vtkObject.GetGlobalWarningDisplay()
    vtkObject.GlobalWarningDisplayOff()
    try:
        yield
    finally:
        vtkObject.SetGlobalWarningDisplay(shown)
