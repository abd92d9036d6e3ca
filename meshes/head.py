"""HeadMesh: the head as conforming tetrahedra, each of one tissue; immutable.

Points are RAS millimetres of the subject's T1.  Tetrahedra are positively oriented, det(p1-p0, p2-p0, p3-p0) > 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from meshes.brief import brief
from meshes.errors import InputError

# the face opposite node i, its normal pointing away from node i
FACES = np.array([[1, 2, 3], [0, 3, 2], [0, 1, 3], [0, 2, 1]])


@dataclass(frozen=True, eq=False)
class HeadMesh:
    """A tetrahedral head.

    Parameters
    ----------
    points_mm : (N, 3) float64
        Nodes, RAS mm.
    tets : (M, 4) int32
        Nodes of each tetrahedron, positively oriented.
    tissue : (M,) int32
        Tissue code of each tetrahedron (:class:`~meshes.tissue_codes.Tissue`; other codes of other programs are kept).
    triangles : (K, 3) int32, optional
        Surface triangles that came with the file (kept when it is written again).
    triangle_tissue : (K,) int32, optional
        Their tags (SimNIBS: 1000 + tissue).

    Examples
    --------
    >>> import numpy as np
    >>> from meshes import HeadMesh
    >>> corner = HeadMesh(np.vstack([np.zeros(3), np.eye(3)]), np.array([[0, 1, 2, 3]]), np.array([5]))
    >>> float(corner.volumes_mm3[0].round(4))
    0.1667
    """

    points_mm: NDArray[np.float64]
    tets: NDArray[np.int32]
    tissue: NDArray[np.int32]
    triangles: NDArray[np.int32] = field(default_factory=lambda: np.zeros((0, 3), np.int32))
    triangle_tissue: NDArray[np.int32] = field(default_factory=lambda: np.zeros(0, np.int32))

    __repr__ = brief()

    def __post_init__(self) -> None:
        shapes = {"points_mm": (3,), "tets": (4,), "tissue": (), "triangles": (3,), "triangle_tissue": ()}
        for name, tail in shapes.items():
            kind = np.float64 if name == "points_mm" else np.int32
            value = np.array(getattr(self, name), dtype=kind)
            if value.shape[1:] != tail or value.ndim != 1 + len(tail):
                raise InputError(f"HeadMesh.{name} must have shape (n, {', '.join(map(str, tail))}), not {value.shape}")
            value.flags.writeable = False
            object.__setattr__(self, name, value)
        if len(self.tets) != len(self.tissue):
            raise InputError(f"{len(self.tets)} tetrahedra but {len(self.tissue)} tissue codes")
        if len(self.tets) and (self.tets.min() < 0 or self.tets.max() >= len(self.points_mm)):
            raise InputError("a tetrahedron names a node that is not there; the mesh file is damaged")

    @classmethod
    def read(cls, path: str | Path) -> HeadMesh:
        """Read ``.msh`` (Gmsh 2.2, binary or ascii) or ``.vtu``; tetrahedra keep the file's order."""
        from meshes.formats.mesh_files import read_mesh

        return read_mesh(Path(path))

    def write(
        self,
        path: str | Path,
        cell_data: Mapping[str, NDArray[np.floating]] | None = None,
        point_data: Mapping[str, NDArray[np.floating]] | None = None,
    ) -> None:
        """Write ``.msh`` or ``.vtu`` with fields per tetrahedron and per node, (M,) or (M, 3), (N,) or (N, 3)."""
        from meshes.formats.mesh_files import write_mesh

        write_mesh(self, Path(path), cell_data or {}, point_data or {})

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        from meshes.cards import head_card

        return head_card(self)

    @cached_property
    def volumes_mm3(self) -> NDArray[np.float64]:
        """Volume of each tetrahedron, (M,)."""
        a, b, c, d = (self.points_mm[self.tets[:, i]] for i in range(4))
        return np.einsum("ij,ij->i", np.cross(b - a, c - a), d - a) / 6

    @cached_property
    def centroids_mm(self) -> NDArray[np.float64]:
        """Centre of each tetrahedron, (M, 3)."""
        return self.points_mm[self.tets].mean(axis=1)

    def part(self, tets: NDArray[np.bool_] | NDArray[np.integer]) -> HeadMesh:
        """Some tetrahedra, (M,) bool or (k,) int, with the nodes they have, in the same order."""
        nodes, corners = np.unique(self.tets[tets], return_inverse=True)
        return HeadMesh(self.points_mm[nodes], corners.reshape(-1, 4).astype(np.int32), self.tissue[tets])

    def boundary(self, tissues: Iterable[int] | None = None) -> NDArray[np.int32]:
        """Outer faces of the union of some tissues (all of them if None), (K, 3), normals pointing outward."""
        from meshes.topology import lone_faces

        tets = self.tets if tissues is None else self.tets[np.isin(self.tissue, list(tissues))]
        return lone_faces(tets, len(self.points_mm))
