"""The surfaces a scene draws: scalp, skull and cortex with few triangles, kept in the subject's folder.

A head has some 300 000 triangles on its cortex alone.  They are thinned by quadric error metrics (Garland and Heckbert
1997, SIGGRAPH, p. 209), which keep folds and drop triangles where a surface is flat.  That takes seconds, so stage
"surfaces" keeps the result; a scene is then there at once.

``crevice`` says how deep a point lies in a fold: the height of its smoothed surroundings above it along the normal,
0 on a crown and 1 at :data:`DEEPEST_MM`.  It is what FreeSurfer calls sulcal depth, by other means.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary, ref

import numpy as np
from numpy.typing import NDArray

from meshes.cortical_surface import Cortex
from meshes.head import HeadMesh
from meshes.tissue_codes import Tissue
from targeting.subject import Done, Stage

if TYPE_CHECKING:
    import pyvista as pv

log = logging.getLogger(__name__)

FILE = "surfaces.npz"
MOST_TRIANGLES = {"scalp": 30_000, "skull": 30_000, "cortex": 60_000}
INSIDE_SKULL = (Tissue.WM, Tissue.GM, Tissue.CSF, 9)  # 9: blood, of SimNIBS' heads
BONE = (Tissue.SKULL, 7, 8)
BRAIN = (Tissue.WM, Tissue.GM)
SURROUNDINGS_MM = 20.0  # how far the smoothing that gives them reaches: about a fold and its neighbours
DEEPEST_MM = 6.0


@dataclass(frozen=True, eq=False)
class HeadSurfaces:
    """Thinned surfaces of a head.

    Parameters
    ----------
    scalp, skull, cortex : pyvista.PolyData
        RAS mm, with ``Normals``; the cortex with ``crevice`` (0 to 1).  The skull may be empty.
    vertex : (n,) int64
        For each point of the cortex the nearest vertex of the surface it was made from: of ``Cortex.whole``, or a node
        of the mesh.
    has_cortex : bool
        Whether the cortex is the mid-cortical surface, and not the outside of the brain.
    """

    scalp: pv.PolyData
    skull: pv.PolyData
    cortex: pv.PolyData
    vertex: NDArray[np.int64]
    has_cortex: bool

    @classmethod
    def of(cls, head: HeadMesh, cortex: Cortex | None) -> HeadSurfaces:
        """Take the surfaces out of a head and thin them (seconds); the same objects again are known."""
        known = _MADE.get(head)
        if known is not None and known[0]() is cortex:
            return known[1]
        made = cls._made(head, cortex)
        _MADE[head] = (ref(cortex) if cortex is not None else lambda: None, made)
        return made

    @classmethod
    def _made(cls, head: HeadMesh, cortex: Cortex | None) -> HeadSurfaces:
        from scipy.spatial import cKDTree

        scalp = _compact(head.points_mm, head.boundary())[0]
        skull = _compact(head.points_mm, head.boundary([*INSIDE_SKULL, *BONE]))[0]
        if cortex is None:
            sheet, nodes = _compact(head.points_mm, head.boundary(BRAIN))
        else:
            sheet, nodes = _compact(cortex.whole.points_mm, cortex.whole.triangles)
        sheet = _with_normals(sheet)
        thin = _thinned(sheet, MOST_TRIANGLES["cortex"])
        nearest = cKDTree(sheet.points).query(thin.points)[1]
        thin.point_data["crevice"] = crevice(thin).astype(np.float32)
        thin.point_data["Normals"] = sheet.point_data["Normals"][nearest]  # the light still sees the fine surface
        return cls(
            _thinned(scalp, MOST_TRIANGLES["scalp"]),
            _thinned(skull, MOST_TRIANGLES["skull"]),
            thin,
            nodes[nearest],
            cortex is not None,
        )

    def save(self, path: Path) -> None:
        """Write them as ``.npz``."""
        arrays = {"vertex": self.vertex, "folded": np.array(self.has_cortex), **dict(self.cortex.point_data)}
        for name, surface in self._named.items():
            arrays[f"{name}_points_mm"] = np.asarray(surface.points, np.float32)
            arrays[f"{name}_triangles"] = surface.regular_faces.astype(np.int32)
        np.savez(path, **arrays)

    @classmethod
    def load(cls, path: Path) -> HeadSurfaces:
        """Read what :meth:`save` wrote."""
        import pyvista as pv

        with np.load(path, allow_pickle=False) as arrays:
            scalp, skull, cortex = (
                _with_normals(pv.PolyData.from_regular_faces(arrays[f"{n}_points_mm"], arrays[f"{n}_triangles"]))
                for n in ("scalp", "skull", "cortex")
            )
            for name in ("crevice", "Normals"):
                cortex.point_data[name] = arrays[name]
            cortex.point_data.active_normals_name = "Normals"
            return cls(scalp, skull, cortex, arrays["vertex"], bool(arrays["folded"]))

    @property
    def _named(self) -> dict[str, pv.PolyData]:
        return {"scalp": self.scalp, "skull": self.skull, "cortex": self.cortex}


# a plan's report draws the head that the stage before it has thinned; nothing outlives its head
_MADE: WeakKeyDictionary[HeadMesh, tuple[Callable[[], Cortex | None], HeadSurfaces]] = WeakKeyDictionary()


def surfaces_stage(head: Done[HeadMesh], cortex: Done[Cortex] | None) -> Stage[HeadSurfaces]:
    """Stage "surfaces": what scenes draw of the head."""

    def make(folder: Path) -> HeadSurfaces:
        log.info("thinning the surfaces")
        made = HeadSurfaces.of(head.value, cortex.value if cortex else None)
        made.save(folder / FILE)
        return made

    def load(folder: Path) -> HeadSurfaces:
        return HeadSurfaces.load(folder / FILE)

    after: list[Done[Any]] = [head, *([cortex] if cortex else [])]
    return Stage("surfaces", 2, make, load, parameters={"triangles": MOST_TRIANGLES}, after=after)


def crevice(surface: pv.PolyData) -> NDArray[np.float64]:
    """How deep each point lies in a fold, 0 on a crown, 1 at the bottom of a sulcus, (n,)."""
    import scipy.sparse as sp

    points = np.asarray(surface.points, np.float64)
    a, b, c = surface.regular_faces.T
    rows, columns = np.concatenate([a, b, c, b, c, a]), np.concatenate([b, c, a, a, b, c])
    joined = sp.csr_matrix((np.ones(len(rows)), (rows, columns)), shape=(len(points),) * 2)
    joined = joined + sp.identity(len(points))
    joined.data[:] = 1.0
    mean = sp.diags(1 / np.asarray(joined.sum(1)).ravel()) @ joined
    edge_mm = float(np.linalg.norm(points[rows] - points[columns], axis=1).mean())
    smooth = points
    for _ in range(round((SURROUNDINGS_MM / edge_mm) ** 2)):  # a mean over neighbours spreads as a random walk does
        smooth = mean @ smooth
    above = np.einsum("ij,ij->i", smooth - points, np.asarray(surface.point_data["Normals"], np.float64))
    return np.clip(0.5 + above / DEEPEST_MM, 0, 1)


def _compact(points_mm: NDArray[np.float64], triangles: NDArray[np.int32]) -> tuple[pv.PolyData, NDArray[np.int64]]:
    """Some triangles with only the points they use, and which those were."""
    import pyvista as pv

    nodes, compact = np.unique(triangles, return_inverse=True)
    faces = compact.reshape(-1, 3).astype(np.int32)
    return pv.PolyData.from_regular_faces(points_mm[nodes].astype(np.float32), faces), nodes.astype(np.int64)


def _thinned(surface: pv.PolyData, most: int) -> pv.PolyData:
    if surface.n_cells > most:
        surface = surface.decimate(1 - most / surface.n_cells, volume_preservation=True)
    return _with_normals(surface)


def _with_normals(surface: pv.PolyData) -> pv.PolyData:
    """With a smooth outward normal at each point; triangles keep their order."""
    if not surface.n_cells:
        return surface
    return surface.compute_normals(
        cell_normals=False, split_vertices=False, consistent_normals=False, auto_orient_normals=False
    )


def on_scene(surfaces: HeadSurfaces, values: Mapping[str, NDArray[np.floating]]) -> dict[str, NDArray[np.floating]]:
    """Values at the vertices of the surface the scene's cortex was made from, at the points of the scene's cortex."""
    return {name: np.asarray(value)[surfaces.vertex] for name, value in values.items()}
