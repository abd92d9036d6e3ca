"""Reading and writing head meshes by their file's suffix."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from meshes.errors import InputError
from meshes.gmsh_io import read_gmsh, write_gmsh
from meshes.head import HeadMesh

KNOWN = ".msh (Gmsh 2.2), .vtu"


def read_mesh(path: str | Path) -> HeadMesh:
    """Read a head mesh; tetrahedra keep the file's order.

    Raises
    ------
    InputError
        If the suffix is not known, or the file cannot be used.
    """
    path = Path(path)
    match path.suffix.lower():
        case ".msh":
            return read_gmsh(path).mesh
        case ".vtu":
            from meshes.vtk_io import read_vtu  # VTK takes a second to import

            return read_vtu(path)[0]
    raise InputError(f"unknown mesh file type {path.suffix or path.name!r}; known are {KNOWN}")


def write_mesh(
    mesh: HeadMesh,
    path: str | Path,
    cell_data: Mapping[str, NDArray[np.floating]] | None = None,
    point_data: Mapping[str, NDArray[np.floating]] | None = None,
) -> None:
    """Write a head mesh with fields per tetrahedron and per node; the file appears only when it is whole.

    Raises
    ------
    InputError
        If the suffix is not known, a field has the wrong shape, or the file cannot be written.
    """
    path = Path(path)
    match path.suffix.lower():
        case ".msh":
            write_gmsh(path, mesh, cell_data, point_data)
        case ".vtu":
            from meshes.vtk_io import write_vtu

            write_vtu(path, mesh, cell_data, point_data)
        case _:
            raise InputError(f"unknown mesh file type {path.suffix or path.name!r}; known are {KNOWN}")
