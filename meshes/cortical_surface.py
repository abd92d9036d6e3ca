"""The mid-cortical surfaces: triangles halfway through the grey matter, one surface for each hemisphere.

Triangles are wound so that their normals point outward, from white matter to the pial surface.  Where a hemisphere's surface
was made by its folds (:mod:`meshes.folds`), :class:`Folds` has what else is known at each of its vertices: where the cortex
begins and ends, how thick it is, how deep in a sulcus it lies, and which place of the group's cortex it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from meshes.brief import brief
from meshes.errors import InputError


def edges_of(triangles: NDArray[np.integer]) -> NDArray[np.integer]:
    """The three sides of each triangle as pairs of vertices, (3 T, 2): an edge between two triangles comes twice.

    Examples
    --------
    >>> import numpy as np
    >>> edges_of(np.array([[0, 1, 2]])).tolist()
    [[0, 1], [1, 2], [2, 0]]
    """
    return np.vstack([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])


@dataclass(frozen=True, eq=False)
class CorticalSurface:
    """A sheet of triangles, open or closed.

    Parameters
    ----------
    points_mm : (V, 3) float64
        Vertices, RAS mm of the subject's T1.
    triangles : (T, 3) int32
        Vertices of each triangle, normals outward.

    Raises
    ------
    InputError
        If the shapes are not these, or a triangle names a vertex that is not there.

    Examples
    --------
    >>> import numpy as np
    >>> from meshes.cortical_surface import CorticalSurface
    >>> sheet = CorticalSurface(np.vstack([np.zeros(3), np.eye(3)[:2]]), np.array([[0, 1, 2]]))
    >>> sheet.normals[0].tolist(), float(sheet.area_mm2)
    ([0.0, 0.0, 1.0], 0.5)
    """

    points_mm: NDArray[np.float64]
    triangles: NDArray[np.int32]

    __repr__ = brief()

    def __post_init__(self) -> None:
        for name, kind in (("points_mm", np.float64), ("triangles", np.int32)):
            value = np.array(getattr(self, name), dtype=kind)
            if value.ndim != 2 or value.shape[1] != 3:
                raise InputError(f"CorticalSurface.{name} must have shape (n, 3), not {value.shape}")
            value.flags.writeable = False
            object.__setattr__(self, name, value)
        if len(self.triangles) and (self.triangles.min() < 0 or self.triangles.max() >= len(self.points_mm)):
            raise InputError("a triangle names a vertex that is not there; the surface is damaged")

    @cached_property
    def face_vectors_mm2(self) -> NDArray[np.float64]:
        """Each triangle's outward normal times its area, (T, 3)."""
        a, b, c = (self.points_mm[self.triangles[:, i]] for i in range(3))
        return np.cross(b - a, c - a) / 2

    @cached_property
    def area_vectors_mm2(self) -> NDArray[np.float64]:
        """A third of the face vectors round each vertex, (V, 3): its outward normal, as long as its area where flat."""
        sums = np.zeros_like(self.points_mm)
        for corner in range(3):
            for axis in range(3):
                face = self.face_vectors_mm2[:, axis]
                sums[:, axis] += np.bincount(self.triangles[:, corner], face, len(sums))
        return sums / 3

    @cached_property
    def vertex_areas_mm2(self) -> NDArray[np.float64]:
        """A third of the triangles round each vertex, (V,): they sum to the sheet's area."""
        thirds = np.repeat(np.linalg.norm(self.face_vectors_mm2, axis=1) / 3, 3)
        return np.bincount(self.triangles.ravel(), thirds, len(self.points_mm)).astype(np.float64)

    @cached_property
    def normals(self) -> NDArray[np.float64]:
        """Outward unit normal at each vertex, the area-weighted mean of its triangles', (V, 3)."""
        length = np.linalg.norm(self.area_vectors_mm2, axis=1, keepdims=True)
        return self.area_vectors_mm2 / np.maximum(length, 1e-12)

    @property
    def area_mm2(self) -> float:
        """Area of the sheet."""
        return float(np.linalg.norm(self.face_vectors_mm2, axis=1).sum())

    def part(self, vertices: NDArray[np.bool_]) -> CorticalSurface:
        """The triangles whose three vertices are all chosen, (V,) bool, with the vertices they use."""
        kept = self.triangles[vertices[self.triangles].all(axis=1)]
        used = np.zeros(len(self.points_mm), bool)
        used[kept] = True
        return CorticalSurface(self.points_mm[used], (np.cumsum(used) - 1)[kept])

    def piece_of_vertex(self) -> NDArray[np.int32]:
        """The number of the connected piece that each vertex belongs to, (V,)."""
        from scipy.sparse import coo_matrix
        from scipy.sparse.csgraph import connected_components

        edges = edges_of(self.triangles)
        graph = coo_matrix((np.ones(len(edges), bool), tuple(edges.T)), shape=(len(self.points_mm),) * 2)
        return connected_components(graph, directed=False)[1]

    def largest_piece(self) -> CorticalSurface:
        """The connected piece with the largest area."""
        if not len(self.triangles):
            return self
        piece = self.piece_of_vertex()
        area = np.bincount(piece[self.triangles[:, 0]], np.linalg.norm(self.face_vectors_mm2, axis=1))
        return self.part(piece == area.argmax())


@dataclass(frozen=True, eq=False)
class Folds:
    """What is known of a closed hemisphere at each vertex of its central surface.

    Parameters
    ----------
    white_mm, pial_mm : (V, 3) float64
        Where the cortex begins, at white matter, and ends, RAS mm.
    thickness_mm : (V,) float64
    depth_mm : (V,) float64
        How far below the hull that bridges the sulci, 0 on a crown.
    sphere : (V, 3) float64
        The hemisphere unfolded to a unit sphere.
    fslr : (V, 3) float64
        The same sphere turned and stretched until its folds lie on the group's: unit vectors of the fs_LR sphere.
    cortex : (V,) bool
        What is cortex by the group; the rest is the medial wall, over which the surface closes.

    Raises
    ------
    InputError
        If the shapes are not these, or a number is not finite.

    Examples
    --------
    >>> import numpy as np
    >>> from meshes.cortical_surface import Folds
    >>> Folds(np.zeros((2, 3)), np.zeros((2, 3)), np.zeros(2), np.zeros(3), np.eye(3)[:2], np.eye(3)[:2], np.ones(2, bool))
    Traceback (most recent call last):
    ...
    meshes.errors.InputError: Folds.depth_mm has 3 rows, Folds.white_mm 2; they are of different surfaces
    """

    white_mm: NDArray[np.float64]
    pial_mm: NDArray[np.float64]
    thickness_mm: NDArray[np.float64]
    depth_mm: NDArray[np.float64]
    sphere: NDArray[np.float64]
    fslr: NDArray[np.float64]
    cortex: NDArray[np.bool_]

    __repr__ = brief()

    def __post_init__(self) -> None:
        for name in (each.name for each in fields(self)):
            value = np.array(getattr(self, name), dtype=bool if name == "cortex" else np.float64)
            shape = (len(value),) if name in ("thickness_mm", "depth_mm", "cortex") else (len(value), 3)
            if value.shape != shape or not np.isfinite(value).all():
                raise InputError(f"Folds.{name} must be finite and have shape {shape}, not {value.shape}")
            if len(value) != len(self.white_mm):
                raise InputError(
                    f"Folds.{name} has {len(value)} rows, Folds.white_mm {len(self.white_mm)}; "
                    "they are of different surfaces"
                )
            value.flags.writeable = False
            object.__setattr__(self, name, value)


@dataclass(frozen=True, eq=False)
class Cortex:
    """The mid-cortical surfaces of the two hemispheres.

    Parameters
    ----------
    left, right : CorticalSurface
        Left is the person's left.
    source : str
        Where they came from, in words for a report.
    folds : mapping of str to Folds
        By ``lh`` and ``rh``: of the hemispheres whose folds are known, vertex for vertex of ``left`` and ``right``.
    why_no_folds : str
        Why they are not known, in words; "" where they are.
    """

    left: CorticalSurface
    right: CorticalSurface
    source: str
    folds: Mapping[str, Folds] = field(default_factory=dict)
    why_no_folds: str = ""

    __repr__ = brief()

    def __post_init__(self) -> None:
        for side, folds in self.folds.items():
            if len(folds.white_mm) != len(self.hemispheres[side].points_mm):
                raise InputError(f"the folds of {side} are not those of its surface: they have other vertices")

    @property
    def hemispheres(self) -> dict[str, CorticalSurface]:
        """By the names that files use: ``lh`` and ``rh``."""
        return {"lh": self.left, "rh": self.right}

    @cached_property
    def is_cortex(self) -> NDArray[np.bool_]:
        """Which vertices of :attr:`whole` are cortex, (V,): all, but for the medial wall of folded hemispheres."""
        counts = {side: len(surface.points_mm) for side, surface in self.hemispheres.items()}
        of_side = [self.folds[side].cortex if side in self.folds else np.ones(n, bool) for side, n in counts.items()]
        return np.concatenate(of_side)

    @cached_property
    def whole(self) -> CorticalSurface:
        """Both as one surface: the left's vertices, then the right's."""
        return CorticalSurface(
            np.vstack([self.left.points_mm, self.right.points_mm]),
            np.vstack([self.left.triangles, self.right.triangles + np.int32(len(self.left.points_mm))]),
        )
