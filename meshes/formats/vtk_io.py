"""VTK ``.vtu``: the head as an unstructured grid that ParaView and PyVista open, compressed, tissue as cell data.

Files are written by VTK and read without it: VTK's reader trusts a file's counts, and a damaged file ends the program.
Layout (VTK file formats, "XML File Formats"): pieces of points, cells (``connectivity``, ``offsets``, ``types``) and data, each
a ``DataArray`` in ascii, inline base64 or as a place in ``AppendedData`` (raw or base64).  Binary arrays begin with a count of
bytes, compressed ones with the number of blocks, a block's size, the last block's size, and the packed size of each block.
"""

from __future__ import annotations

import binascii
import logging
import lzma
import re
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

import numpy as np
import pyvista as pv
from numpy.typing import NDArray
from vtkmodules.vtkCommonCore import vtkObject
from vtkmodules.vtkIOXML import vtkXMLUnstructuredGridWriter

from meshes.errors import InputError
from meshes.formats.safe_xml import parsed_xml
from meshes.head import HeadMesh
from meshes.whole_files import written_whole

logger = logging.getLogger(__name__)

TISSUE = "tissue"
TISSUE_NAMES_OF_OTHERS = (TISSUE, "gmsh:physical", "tag", "label", "labels", "MaterialID")  # other writers' names
MOST_BYTES = 1 << 31  # of one array; 40 million tetrahedra take two thirds of it
KINDS = {f"{sign}Int{bits}": f"{kind}{bits // 8}" for sign, kind in (("", "i"), ("U", "u")) for bits in (8, 16, 32, 64)}
FAULTS = (ValueError, LookupError, TypeError, OverflowError, zlib.error, lzma.LZMAError)


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

    Parameters
    ----------
    path : path
    mesh : HeadMesh
    cell_data : mapping of str to (M,) or (M, c) array, optional
        Fields per tetrahedron.
    point_data : mapping of str to (N,) or (N, c) array, optional
        Fields per node.

    Raises
    ------
    InputError
        If a field has the wrong length.
    WriteError
        If the file cannot be written.
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


KINDS |= {"Float32": "f4", "Float64": "f8"}

Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True, eq=False)
class VtuArrays:
    """What the pieces hold together.

    Parameters
    ----------
    points_mm : (N, 3) float64
    connectivity, offsets, types : (c,), (n,), (n,) int64
        Nodes of all cells in a row, where each cell ends in it, and VTK's code of each cell.
    cell_data, point_data : dict of str to (n,) or (n, c), (N,) or (N, c)
        Of the names that every piece has.
    """

    points_mm: NDArray[np.float64]
    connectivity: NDArray[np.int64]
    offsets: NDArray[np.int64]
    types: NDArray[np.int64]
    cell_data: Arrays
    point_data: Arrays

    def cells(self, kind: int, nodes: int) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
        """The cells of one kind, (k, nodes), and which of all cells they are, (n,) bool.

        Raises
        ------
        ValueError
            If one of them has another number of nodes.
        """
        of_kind = self.types == kind
        begins = np.concatenate([[0], self.offsets[:-1]])[of_kind]
        if (self.offsets[of_kind] - begins != nodes).any():
            raise ValueError(f"a cell of type {kind} has not {nodes} nodes")
        return self.connectivity[begins[:, None] + np.arange(nodes)].astype(np.int32), of_kind


def read_arrays(content: bytes) -> VtuArrays:
    """Parse the bytes of a ``.vtu`` file.

    Raises
    ------
    one of ``FAULTS``
        If it is damaged, or states more than it holds.
    """
    text, appended, kind = _split(content)
    root = parsed_xml(text)
    decoder = _Decoder(root, appended, kind)
    pieces = [_piece(piece, decoder) for piece in root.iterfind("UnstructuredGrid/Piece")]
    if not pieces:
        raise ValueError("it has no piece")
    nodes = np.cumsum([0, *(len(each.points_mm) for each in pieces)])
    rows = np.cumsum([0, *(len(each.connectivity) for each in pieces)])
    return VtuArrays(
        np.concatenate([each.points_mm for each in pieces]),
        np.concatenate([each.connectivity + first for each, first in zip(pieces, nodes, strict=False)]),
        np.concatenate([each.offsets + first for each, first in zip(pieces, rows, strict=False)]),
        np.concatenate([each.types for each in pieces]),
        _together([each.cell_data for each in pieces]),
        _together([each.point_data for each in pieces]),
    )


def _together(pieces: list[Arrays]) -> Arrays:
    return {
        name: np.concatenate([each[name] for each in pieces]) for name in pieces[0] if all(name in p for p in pieces)
    }


def _split(content: bytes) -> tuple[bytes, bytes, str]:
    """The XML without its appended data, the appended data after their ``_``, and how they are encoded."""
    found = re.search(rb"<AppendedData([^>]*)>\s*_", content)
    if found is None:
        return content, b"", "raw"
    end = content.rfind(b"</AppendedData>")
    if end < found.end():
        raise ValueError("the appended data do not end")
    text = content[: found.start()] + content[end + len(b"</AppendedData>") :]
    appended = content[found.end() : end]
    return (text, appended.rstrip(), "base64") if b"base64" in found[1] else (text, appended, "raw")


def _piece(piece: Element, decoder: _Decoder) -> VtuArrays:
    many, cells = int(piece.attrib["NumberOfPoints"]), int(piece.attrib["NumberOfCells"])
    (points,) = decoder.arrays(piece.find("Points"), many).values()
    ends = decoder.arrays(piece.find("Cells"), cells, ("offsets", "types"))
    offsets, types = (ends[name].astype(np.int64) for name in ("offsets", "types"))
    many_nodes = int(offsets[-1]) if cells else 0
    connectivity = decoder.arrays(piece.find("Cells"), many_nodes, ("connectivity",))["connectivity"].astype(np.int64)
    if points.shape != (many, 3):
        raise ValueError("points are missing")
    if cells and (offsets[0] < 0 or (np.diff(offsets) < 0).any()):
        raise ValueError("cells end where no nodes are")
    if len(connectivity) and not 0 <= connectivity.min() <= connectivity.max() < many:
        raise ValueError("a cell names a node that is not there")
    data = (decoder.arrays(piece.find(name), length) for name, length in (("CellData", cells), ("PointData", many)))
    return VtuArrays(points.astype(np.float64), connectivity, offsets, types, *data)


class _Decoder:
    """Turns the ``DataArray`` elements of one file into arrays."""

    def __init__(self, root: Element, appended: bytes, kind: str) -> None:
        if root.tag != "VTKFile" or root.get("type") != "UnstructuredGrid":
            raise ValueError("it is no VTK unstructured grid")
        self.order = {"LittleEndian": "<", "BigEndian": ">"}[root.get("byte_order", "LittleEndian")]
        self.header = np.dtype(self.order + {"UInt32": "u4", "UInt64": "u8"}[root.get("header_type", "UInt32")])
        self.appended, self.raw = appended, kind == "raw"
        compressor = root.get("compressor")
        self.unpack = UNPACKERS[compressor] if compressor else None

    def arrays(self, parent: Element | None, rows: int, names: tuple[str, ...] = ()) -> Arrays:
        """The numeric arrays of an element by name (all, or those asked for), each of so many rows."""
        found = {}
        for element in () if parent is None else parent.iterfind("DataArray"):
            name = element.get("Name", "")
            if element.get("type") not in KINDS or (names and name not in names):
                continue  # words and bits
            components = int(element.get("NumberOfComponents", "1") or 1)
            values = self._values(element, rows * components)
            found[name] = values if components == 1 else values.reshape(rows, components)
        return found

    def _values(self, element: Element, many: int) -> NDArray[Any]:
        """The ``many`` values of one array."""
        kind = np.dtype(self.order + KINDS[element.attrib["type"]])
        if not 0 <= many * kind.itemsize <= MOST_BYTES:
            raise ValueError(f"an array of {many} values")
        match element.get("format", "ascii"):
            case "ascii":
                values = np.array((element.text or "").split()).astype(kind)
            case "binary":
                content = "".join((element.text or "").split()).encode("ascii")
                values = np.frombuffer(self._block(content, False, many * kind.itemsize), kind)
            case "appended":
                offset = int(element.attrib["offset"])
                if not 0 <= offset < max(1, len(self.appended)):
                    raise ValueError("an array begins where nothing is")
                values = np.frombuffer(self._block(self.appended[offset:], self.raw, many * kind.itemsize), kind)
            case other:
                raise ValueError(f"an array in the unknown format {other}")
        if len(values) != many:
            raise ValueError(f"{len(values)} values for {many}")
        return values

    def _block(self, content: bytes, raw: bool, expected: int) -> bytes:
        """The bytes of one array, which ``content`` begins with; ValueError unless as many as ``expected``."""
        size = self.header.itemsize
        if self.unpack is None:
            if not raw:  # a count with padding stands alone, else the values follow in the same run
                alone = b"=" in content[: _encoded(size)]
                content = (
                    _plain(content, _encoded(size)) + _plain(content[_encoded(size) :]) if alone else _plain(content)
                )
            many = int(np.frombuffer(content, self.header, 1)[0])
            return _exactly(content[size:], many)
        head = content if raw else _plain(content, _encoded(3 * size))
        blocks, whole, last = (int(n) for n in np.frombuffer(head, self.header, 3))
        stated = blocks * whole - (whole - last if blocks and last else 0)
        if blocks * size > len(content) or last > whole or stated != expected:
            raise ValueError("an array states more or less than it must hold")
        length = (3 + blocks) * size
        head = content if raw else _plain(content, _encoded(length))
        packed = [int(n) for n in np.frombuffer(head, self.header, blocks, 3 * size)]
        body = content[length:] if raw else _plain(content[_encoded(length) :])
        if sum(packed) > len(body):
            raise ValueError("the file ends early")
        sizes, at, parts = [whole] * blocks, 0, []
        if blocks and last:
            sizes[-1] = last
        for many, unpacked in zip(packed, sizes, strict=True):
            parts.append(_exactly(self.unpack(body[at : at + many], unpacked), unpacked))
            at += many
        return b"".join(parts)


def _encoded(size: int) -> int:
    """Characters of base64 that so many bytes take."""
    return (size + 2) // 3 * 4


def _plain(content: bytes, characters: int | None = None) -> bytes:
    """What base64 says up to its end; further arrays may follow it."""
    content = content[:characters]
    end = content.find(b"=")
    whole = len(content) // 4 * 4 if end < 0 else end // 4 * 4 + 4
    return binascii.a2b_base64(content[:whole], strict_mode=True)


def _exactly(content: bytes, many: int) -> bytes:
    if len(content) < many:
        raise ValueError("the file ends early")
    return content[:many]


def _zlib(packed: bytes, size: int) -> bytes:
    return zlib.decompressobj().decompress(packed, max(1, size))


def _lzma(packed: bytes, size: int) -> bytes:
    return lzma.LZMADecompressor().decompress(packed, size)


def _lz4(packed: bytes, size: int) -> bytes:
    from vtkmodules.vtkIOCore import vtkLZ4DataCompressor

    out, given = np.zeros(size, np.uint8), np.frombuffer(packed, np.uint8).copy()
    done = vtkLZ4DataCompressor().Uncompress(given, len(given), out, size)  # type: ignore[call-overload]
    return out[:done].tobytes()


UNPACKERS: dict[str, Callable[[bytes, int], bytes]] = {
    "vtkZLibDataCompressor": _zlib,
    "vtkLZMADataCompressor": _lzma,
    "vtkLZ4DataCompressor": _lz4,
}
