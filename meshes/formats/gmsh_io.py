"""Gmsh ``.msh`` files of version 2.2, binary and ascii: read as SimNIBS writes them.

Layout (Gmsh reference manual, "MSH file format version 2"): sections ``$MeshFormat``, ``$Nodes``, ``$Elements`` and any
number of ``$NodeData``, ``$ElementData``, ``$ElementNodeData``.  Nodes and elements carry numbers that need not be
consecutive; data name them by number.  Triangles (type 2) and tetrahedra (type 4) are taken, other elements left out.
The first tag of an element (physical) is its tissue, SimNIBS' code; a tissue's surface triangles carry 1000 + code.

A binary file is read as a few large arrays; only the section headers are parsed as text.  Long runs of elements of one
layout are taken at once, also where a writer put a header before every element.  :mod:`meshes.formats.gmsh_writer` writes.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meshes.errors import InputError
from meshes.formats.gmsh_writer import TET, TRIANGLE, write_gmsh
from meshes.head import HeadMesh

__all__ = ["GmshFile", "read_gmsh", "write_gmsh"]

logger = logging.getLogger(__name__)
# nodes of each element type, from the manual's list
NODES_OF_TYPE = dict(zip(range(1, 20), (2, 3, 4, 4, 8, 6, 5, 3, 6, 9, 10, 27, 18, 14, 1, 8, 20, 15, 13), strict=True))
MAX_COMPONENTS = 81  # of a field; Gmsh itself knows 1, 3 and 9
DATA_SECTIONS = ("NodeData", "ElementData", "ElementNodeData")


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


Block = tuple[int, NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]  # type, numbers, first tags, nodes

NODES_OF_TYPE |= dict(zip(range(20, 32), (9, 10, 12, 15, 15, 21, 4, 5, 6, 20, 35, 56), strict=True)) | {92: 64, 93: 125}


class Sections:
    """What the sections say, still by the file's own numbers."""

    def __init__(self) -> None:
        self.node_numbers: NDArray[np.int64] = np.zeros(0, np.int64)
        self.points: NDArray[np.float64] = np.zeros((0, 3))
        self.elements: list[Block] = []
        self.fields: dict[str, dict[str, tuple[NDArray[np.int64], NDArray[np.float64]]]] = {
            section: {} for section in DATA_SECTIONS
        }


def read_sections(data: bytes, path: Path) -> Sections:
    """Parse the bytes of a ``.msh`` file.

    Raises
    ------
    InputError
        If they are truncated, damaged, of another version or byte order.
    """
    reader, found = _Reader(data, path), Sections()
    while (section := reader.next_section()) is not None:
        if section == "MeshFormat":
            reader.read_format()
        elif section == "Nodes":
            found.node_numbers, found.points = reader.read_nodes()
        elif section == "Elements":
            found.elements = reader.read_elements()
        elif section in DATA_SECTIONS:
            name, numbers, values = reader.read_data(per_node=section == "ElementNodeData")
            found.fields[section][name] = (numbers, values)
        else:
            reader.skip(section)
            continue
        reader.end_section(section)
    return found


class _Reader:
    """A position in the bytes of a file; every read checks that the bytes are there."""

    def __init__(self, data: bytes, path: Path) -> None:
        self.data, self.path, self.at, self.binary = data, path, 0, False

    def damaged(self, what: str) -> InputError:
        return InputError(f"{self.path} is truncated or damaged ({what}); copy or make it again")

    def line(self) -> str:
        end = self.data.find(b"\n", self.at)
        if end < 0:
            raise self.damaged("a line ends early")
        text = self.data[self.at : end].decode("utf-8", "replace").strip()
        self.at = end + 1
        return text

    def integer(self) -> int:
        text = self.line()
        try:
            return int(text)
        except ValueError:
            raise self.damaged(f"a count is missing before {text[:20]!r}") from None

    def next_section(self) -> str | None:
        while self.data[self.at : self.at + 1].isspace():
            self.at += 1
        if self.at == len(self.data):
            return None
        if self.data[self.at : self.at + 1] != b"$":
            raise self.damaged("no section where one should begin")
        return self.line()[1:]

    def skip(self, section: str) -> None:
        end = self.data.find(f"$End{section}".encode(), self.at)
        if end < 0:
            raise self.damaged(f"${section} does not end")
        self.at = end
        self.end_section(section)

    def end_section(self, section: str) -> None:
        word = f"$End{section}".encode()
        begin = self.at
        while self.data[begin : begin + 1].isspace():
            begin += 1
        if self.data[begin : begin + len(word)] != word:
            raise self.damaged(f"${section} does not end where it should")
        end = self.data.find(b"\n", begin)
        self.at = len(self.data) if end < 0 else end + 1

    def array(self, dtype: Any, count: int) -> NDArray:
        """The next ``count`` binary records."""
        dtype = np.dtype(dtype)
        if count < 0 or self.at + count * dtype.itemsize > len(self.data):
            raise self.damaged("it ends early")
        values = np.frombuffer(self.data, dtype, count, self.at)
        self.at += values.nbytes
        return values

    def numbers(self, dtype: type) -> NDArray:
        """All ascii numbers up to the section's end."""
        end = self.data.find(b"$", self.at)
        if end < 0:
            raise self.damaged("a section does not end")
        text = self.data[self.at : end]
        self.at = end
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # numpy only warns about words among the numbers
            try:
                return np.fromstring(text, dtype=dtype, sep=" ")
            except (DeprecationWarning, ValueError):
                raise self.damaged("words where numbers should be") from None

    def read_format(self) -> None:
        words = self.line().split()
        if len(words) != 3:
            raise self.damaged("$MeshFormat is not three numbers")
        version, kind, size = words
        if version not in ("2", "2.0", "2.1", "2.2"):
            raise InputError(
                f"{self.path} is a Gmsh {version} file, this reads 2.2: "
                f"convert it with `gmsh {self.path.name} -save -format msh22 -o NEW.msh`"
            )
        if kind not in ("0", "1") or size != "8":
            raise self.damaged(f"unknown file type {kind} or number size {size}")
        self.binary = kind == "1"
        if self.binary and (one := int(self.array("<i4", 1)[0])) != 1:
            if one == 1 << 24:
                raise InputError(f"{self.path} is big-endian; save it again on a current (little-endian) computer")
            raise self.damaged("the byte order mark is wrong")

    def read_nodes(self) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        count = self.integer()
        if self.binary:
            rows = self.array([("number", "<i4"), ("point", "<f8", 3)], count)
            return rows["number"].astype(np.int64), rows["point"].astype(np.float64)
        values = self.numbers(np.float64)
        if len(values) != count * 4:
            raise self.damaged(f"{count} nodes announced, {len(values) / 4:g} found")
        table = values.reshape(-1, 4)
        return table[:, 0].astype(np.int64), table[:, 1:]

    def read_elements(self) -> list[Block]:
        """Blocks of (type, numbers, first tags, nodes) in the file's order."""
        count = self.integer()
        return list(self._binary_blocks(count) if self.binary else self._ascii_blocks(count))

    def _binary_blocks(self, left: int) -> Iterator[Block]:
        while left > 0:
            kind, follow, n_tags = (int(v) for v in self.array("<i4", 3))
            width = 1 + n_tags + self._nodes_of(kind)
            if follow < 1 or n_tags < 0 or follow > left:
                raise self.damaged("an element block has an impossible size")
            if follow > 1:
                table = self.array("<i4", follow * width).reshape(follow, width)
            else:  # some writers put a header before every element: take all that follow with the same header
                self.at -= 12
                whole = min(left, (len(self.data) - self.at) // (4 * (width + 3)))
                rows = np.frombuffer(self.data, "<i4", whole * (width + 3), self.at).reshape(whole, width + 3)
                table = rows[: _leading(rows, {0: kind, 1: 1, 2: n_tags})]
                if len(table) == 0:
                    raise self.damaged("it ends early")
                self.at += table.shape[0] * 4 * (width + 3)
                table = table[:, 3:]
            left -= len(table)
            yield kind, *_columns(table.astype(np.int64), n_tags)

    def _ascii_blocks(self, left: int) -> Iterator[Block]:
        flat = self.numbers(np.int64)
        at = 0
        while left > 0:
            if at + 3 > len(flat):
                raise self.damaged("elements are missing")
            kind, n_tags = int(flat[at + 1]), int(flat[at + 2])
            if n_tags < 0:
                raise self.damaged("an element has an impossible number of tags")
            width = 3 + n_tags + self._nodes_of(kind)
            whole = min(left, (len(flat) - at) // width)
            rows = flat[at : at + whole * width].reshape(whole, width)
            run = _leading(rows, {1: kind, 2: n_tags})
            if run == 0:
                raise self.damaged("elements are missing")
            at += run * width
            left -= run
            yield kind, *_columns(np.delete(rows[:run], (1, 2), axis=1), n_tags)
        if at != len(flat):
            raise self.damaged("more elements than announced")

    def _nodes_of(self, kind: int) -> int:
        if kind not in NODES_OF_TYPE:
            raise self.damaged(f"unknown element type {kind}")
        return NODES_OF_TYPE[kind]

    def read_data(self, per_node: bool) -> tuple[str, NDArray[np.int64], NDArray[np.float64]]:
        """Name, numbers (n,) and values (n,) or (n, c); per node (n, 4) or (n, 4, c), tetrahedra only."""
        strings = [self.line() for _ in range(self.integer())]
        for _ in range(self.integer()):
            self.line()
        integers = [self.integer() for _ in range(self.integer())]
        if len(integers) < 3 or integers[2] < 0 or not 1 <= integers[1] <= MAX_COMPONENTS:
            raise self.damaged("a data section has no size")
        step, components, count = integers[:3]
        name = strings[0].strip('"') if strings else "data"
        name += f" (step {step})" if step else ""
        if per_node:
            numbers, values = self._per_node_data(count, components)
        elif self.binary:
            rows = self.array([("number", "<i4"), ("value", "<f8", (components,))], count)
            numbers, values = rows["number"].astype(np.int64), rows["value"].reshape(count, components)
        else:
            flat = self.numbers(np.float64)
            if len(flat) != count * (1 + components):
                raise self.damaged(f"the values of {name!r} are missing")
            table = flat.reshape(count, 1 + components)
            numbers, values = table[:, 0].astype(np.int64), table[:, 1:]
        return name, numbers, values[..., 0] if components == 1 else np.array(values)

    def _per_node_data(self, left: int, components: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        flat = None if self.binary else self.numbers(np.float64)
        at = 0
        numbers, values = [np.zeros(0, np.int64)], [np.zeros((0, 4, components))]
        while left > 0:
            if flat is None:
                nodes = int(self.array("<i4", 2)[1])
                self.at -= 8
            else:
                nodes = int(flat[at + 1]) if at + 1 < len(flat) else 0
            if not 0 < nodes <= 125:
                raise self.damaged("values per element and node are missing")
            record = np.dtype([("number", "<i4"), ("nodes", "<i4"), ("value", "<f8", (nodes, components))])
            width = record.itemsize if flat is None else 2 + nodes * components
            whole = min(left, ((len(self.data) - self.at) if flat is None else (len(flat) - at)) // width)
            if flat is None:
                rows = np.frombuffer(self.data, record, whole, self.at)
                run = _leading(rows["nodes"][:, None], {0: nodes})
                number, value = rows["number"][:run], rows["value"][:run]
                self.at += run * width
            else:
                table = flat[at : at + whole * width].reshape(whole, width)
                run = _leading(table, {1: nodes})
                number, value = table[:run, 0], table[:run, 2:].reshape(run, nodes, components)
                at += run * width
            if run == 0:
                raise self.damaged("values per element and node are missing")
            left -= run
            if nodes == 4:
                numbers.append(number.astype(np.int64))
                values.append(value)
        return np.concatenate(numbers), np.concatenate(values)


def _leading(rows: NDArray, wanted: dict[int, int]) -> int:
    """How many leading rows have these values in these columns; windows double, so a run costs only its length."""
    done, window = 0, 64
    while done < len(rows):
        part = rows[done : done + window]
        fits = np.ones(len(part), bool)
        for column, value in wanted.items():
            fits &= part[:, column] == value
        if not fits.all():
            return done + int(fits.argmin())
        done += len(part)
        window *= 2
    return done


def _columns(table: NDArray[np.int64], n_tags: int) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Numbers, tags (physical, or elementary where that is 0) and nodes of rows that hold number, tags, nodes."""
    tags = table[:, 1] if n_tags else np.zeros(len(table), np.int64)
    if n_tags > 1:
        tags = np.where(tags == 0, table[:, 2], tags)
    return table[:, 0], tags, table[:, 1 + n_tags :]
