"""Read and write head meshes, and the fields on them, by the suffix of the file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from meshes.errors import InputError
from meshes.formats.gmsh_io import read_gmsh, write_gmsh
from meshes.head import HeadMesh

KNOWN = ".msh (Gmsh 2.2), .vtu"
OLD_NAMES = {"normE": "magnE", "normJ": "magnJ", "normD": "magnD"}  # SimNIBS before version 4 → since then

Fields = dict[str, NDArray[np.float64]]


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
            from meshes.formats.vtk_io import read_vtu  # VTK takes a second to import

            return read_vtu(path)[0]
    raise InputError(f"unknown mesh file type {path.suffix or path.name!r}; known are {KNOWN}")


def read_fields(path: str | Path) -> tuple[HeadMesh, Fields, Fields]:
    """Read a mesh with the fields on it: a result of SimNIBS, or of this program.

    Parameters
    ----------
    path : path
        ``.msh`` or ``.vtu``.

    Returns
    -------
    mesh : HeadMesh
        Tetrahedra in the file's order, electrodes included.
    cell_data : dict of str to (M,) or (M, c) float64
        Fields per tetrahedron, under their names in the file (SimNIBS: ``E`` and ``magnE`` V/m, ``J`` and ``magnJ``
        A/m²; the ``normE`` of old versions is called ``magnE``).  NaN where the file gives no value; fields of surfaces
        only are left out.
    point_data : dict of str to (N,) or (N, c) float64
        Fields per node (``v``, volt).

    Raises
    ------
    InputError
        If the suffix is not known, the file cannot be used, or a field does not fit its mesh.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from meshes import HeadMesh
    >>> from meshes.formats.mesh_files import read_fields
    >>> corner = HeadMesh(np.vstack([np.zeros(3), np.eye(3)]), [[0, 1, 2, 3]], [5])
    >>> path = Path(tempfile.mkdtemp()) / "result.msh"
    >>> corner.write(path, {"normE": np.array([1.5])}, {"v": np.arange(4.0)})
    >>> mesh, cell_data, point_data = read_fields(path)
    >>> cell_data["magnE"].tolist(), point_data["v"].tolist()
    ([1.5], [0.0, 1.0, 2.0, 3.0])
    """
    path = Path(path)
    match path.suffix.lower():
        case ".msh":
            found = read_gmsh(path)
            mesh, cells, points = found.mesh, found.element_data, found.node_data
        case ".vtu":
            from meshes.formats.vtk_io import read_vtu

            mesh, cells, points = read_vtu(path)
        case _:
            raise InputError(f"unknown mesh file type {path.suffix or path.name!r}; known are {KNOWN}")
    return mesh, _named_as_today(cells), _named_as_today(points)


def _named_as_today(fields: Mapping[str, NDArray]) -> Fields:
    kept = {name: np.asarray(values, np.float64) for name, values in fields.items() if not np.isnan(values).all()}
    return {new if (new := OLD_NAMES.get(name, name)) not in kept else name: each for name, each in kept.items()}


def write_mesh(
    mesh: HeadMesh,
    path: str | Path,
    cell_data: Mapping[str, NDArray[np.floating]] | None = None,
    point_data: Mapping[str, NDArray[np.floating]] | None = None,
) -> None:
    """Write a head mesh with fields per tetrahedron and per node; the file appears only when it is whole.

    Parameters
    ----------
    mesh : HeadMesh
    path : path
        Its suffix says the format.
    cell_data : mapping of str to (M,) or (M, c) array, optional
        Fields per tetrahedron.
    point_data : mapping of str to (N,) or (N, c) array, optional
        Fields per node.

    Raises
    ------
    InputError
        If the suffix is not known or a field has the wrong shape.
    WriteError
        If the file cannot be written.
    """
    path = Path(path)
    match path.suffix.lower():
        case ".msh":
            write_gmsh(path, mesh, cell_data, point_data)
        case ".vtu":
            from meshes.formats.vtk_io import write_vtu

            write_vtu(path, mesh, cell_data, point_data)
        case _:
            raise InputError(f"unknown mesh file type {path.suffix or path.name!r}; known are {KNOWN}")
