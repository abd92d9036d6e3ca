r"""The electric field on the mid-cortical surface: |E|, and its component normal to the cortex.

E jumps where conductivity does, so values on both sides of an interface must not be mixed.  Inside grey matter E is
smooth, and the surface runs through its middle: at each vertex the linear field

    E(x) ≈ E₀ + G (x − x₀)

that fits E best, in least squares, at the centroids of the nearest tetrahedra of grey matter (and of no other tissue)
gives E₀.  In a first-order solution E is most accurate at the centroids, and the fit averages its errors.

The normal component is **positive where the field points into the cortex**, from the pial surface to white matter.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from meshes.cortical_surface import Cortex, CorticalSurface
from meshes.errors import InputError
from meshes.formats.gifti import write_values
from meshes.head import HeadMesh
from meshes.tissue_codes import Tissue
from meshes.whole_files import written_whole

NEIGHBOURS = 20
FARTHEST_MM = 4.0  # without a centroid this near there is no grey matter at a vertex
STIFFNESS = 1e-3  # keeps the fit from slopes that the neighbours' places do not determine
CHUNK = 20_000  # vertices at a time


@dataclass(frozen=True, eq=False)
class CorticalField:
    """The field on both hemispheres.

    Parameters
    ----------
    cortex : Cortex
    e_v_per_m : (V, 3) float64
        E at the vertices of ``cortex.whole``; NaN on the medial wall, and where no grey matter is near.
    """

    cortex: Cortex
    e_v_per_m: NDArray[np.float64]

    @classmethod
    def of(cls, cortex: Cortex, head: HeadMesh, e_v_per_m: NDArray[np.floating]) -> CorticalField:
        """The field of some tetrahedra, (M, 3), taken to the surface."""
        found = field_at(head, e_v_per_m, cortex.whole.points_mm)
        found[~cortex.is_cortex] = np.nan
        return cls(cortex, found)

    @property
    def magnitude_v_per_m(self) -> NDArray[np.float64]:
        """|E|, (V,)."""
        return np.linalg.norm(self.e_v_per_m, axis=1)

    @property
    def normal_v_per_m(self) -> NDArray[np.float64]:
        """E along the inward normal, (V,): positive from the pial surface to white matter."""
        return normal_component(self.cortex.whole, self.e_v_per_m)

    def of_side(self, values: NDArray) -> dict[str, NDArray]:
        """Values on both hemispheres, (V, ...), by hemisphere."""
        count = len(self.cortex.left.points_mm)
        return {"lh": values[:count], "rh": values[count:]}


def normal_component(surface: CorticalSurface, e_v_per_m: NDArray[np.float64]) -> NDArray[np.float64]:
    """E along the inward normal of a surface, (V,): positive from the pial surface to white matter."""
    return -np.einsum("ij,ij->i", e_v_per_m, surface.normals)


def field_at(
    head: HeadMesh, e_v_per_m: NDArray[np.floating], points_mm: NDArray[np.float64], tissue: int = Tissue.GM
) -> NDArray[np.float64]:
    """E of one tissue at points in it.

    Parameters
    ----------
    head : HeadMesh
    e_v_per_m : (M, 3) float
        Per tetrahedron.
    points_mm : (n, 3) float
        RAS mm.
    tissue : int
        Only tetrahedra of this tissue count.

    Returns
    -------
    (n, 3) float64
        V/m; NaN where the nearest centroid of the tissue is over 4 mm away.

    Raises
    ------
    InputError
        If the field does not fit the mesh, or the mesh has no such tissue.
    """
    if e_v_per_m.shape != (len(head.tets), 3):
        raise InputError(f"the E-field has shape {e_v_per_m.shape}, the mesh needs ({len(head.tets)}, 3)")
    weights = sampling(head, points_mm, tissue)
    out = weights @ np.asarray(e_v_per_m, np.float64)
    out[np.diff(weights.indptr) == 0] = np.nan
    return out


def sampling(head: HeadMesh, points_mm: NDArray[np.float64], tissue: int = Tissue.GM) -> sp.csr_matrix:
    """The fit as weights: E at points (n, 3) is ``sampling(...) @ e_v_per_m`` of a field (M, 3).

    Returns
    -------
    (n, M) csr_matrix
        Rows sum to one; a row is empty where the nearest centroid of the tissue is over 4 mm away.

    Raises
    ------
    InputError
        If the mesh has no such tissue.
    """
    chosen = np.flatnonzero(head.tissue == tissue)
    if not len(chosen):
        raise InputError(f"the mesh has no tissue {tissue}; its codes are {np.unique(head.tissue).tolist()}")
    places = head.centroids_mm[chosen]
    tree = cKDTree(places)
    near = np.zeros(len(points_mm), bool)
    tets, weights = [np.empty(0, np.int64)], [np.empty(0)]
    for start in range(0, len(points_mm), CHUNK):
        here = points_mm[start : start + CHUNK]
        distance, nearest = tree.query(here, k=range(1, min(NEIGHBOURS, len(chosen)) + 1), workers=-1)
        close = distance[:, 0] <= FARTHEST_MM
        near[start : start + CHUNK] = close
        tets.append(chosen[nearest[close]].ravel())
        weights.append(_fit_weights(places[nearest[close]] - here[close, None]).ravel())
    rows = np.concatenate([[0], np.cumsum(near * min(NEIGHBOURS, len(chosen)))])
    values = (np.concatenate(weights), np.concatenate(tets), rows)
    return sp.csr_matrix(values, shape=(len(points_mm), len(head.tets)))


def _fit_weights(offsets_mm: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weights (n, k) of values at offsets (n, k, 3) from each of n points in their linear fit there.

    The slopes are found about the neighbours' mean place, with a little stiffness against those that their spread does
    not determine: where all lie in a plane, nothing is made up across it.
    """
    middle = offsets_mm.mean(1, keepdims=True)
    about = offsets_mm - middle
    moment = np.swapaxes(about, 1, 2) @ about
    stiffness = STIFFNESS * np.trace(moment, axis1=1, axis2=2) + 1e-12
    reach = np.linalg.solve(moment + stiffness[:, None, None] * np.eye(3), np.swapaxes(middle, 1, 2))
    return 1 / offsets_mm.shape[1] - (about @ reach)[:, :, 0]


def strength_at_nodes(head: HeadMesh, e_v_per_m: NDArray[np.floating]) -> NDArray[np.float64]:
    """|E| at the nodes of the mesh, (N,), of a field (M, 3): for heads without a mid-cortical surface."""
    return grey_at_nodes(head, np.linalg.norm(e_v_per_m, axis=1))


def grey_at_nodes(head: HeadMesh, values: NDArray[np.floating]) -> NDArray[np.float64]:
    """Values of tetrahedra (M,) at the nodes, (N,): :func:`tissue_at_nodes` of grey matter."""
    return tissue_at_nodes(head, values, Tissue.GM)


def tissue_at_nodes(head: HeadMesh, values: NDArray[np.floating], tissue: int) -> NDArray[np.float64]:
    """Values of tetrahedra (M,) at the nodes, (N,): their volume-weighted mean over one tissue round a node.

    NaN where there is none of it, as of grey matter at the brain stem.
    """
    chosen = np.flatnonzero(head.tissue == tissue)
    volume, n = head.volumes_mm3[chosen], len(head.points_mm)
    nodes = head.tets[chosen].ravel()
    weight = np.bincount(nodes, np.repeat(volume, 4), n)
    total = np.bincount(nodes, np.repeat(values[chosen] * volume, 4), n)
    return np.where(weight > 0, total / np.where(weight > 0, weight, 1), np.nan)


def write_cortical_field(folder: str | Path, field: CorticalField, conditions: str = "1 A/us") -> list[Path]:
    """Write the field on the surfaces.

    Parameters
    ----------
    folder : path
        Must exist.
    field : CorticalField
    conditions : str
        The currents it is for, as the files shall say.

    Returns
    -------
    list of Path
        ``?h.magnE.func.gii`` and ``?h.normalE.func.gii`` (V/m; normal: positive into the cortex), to be laid on
        ``?h.central.surf.gii``; and ``cortex.vtp``, both sides with ``E``, ``magnE`` and ``normalE``, for ParaView.

    Raises
    ------
    WriteError
        If a file cannot be written.
    """
    folder = Path(folder)
    values = {"magnE": field.magnitude_v_per_m, "normalE": field.normal_v_per_m}
    written = []
    for side in field.cortex.hemispheres:
        for name, value in values.items():
            written.append(folder / f"{side}.{name}.func.gii")
            write_values(written[-1], field.of_side(value)[side], f"{name} (V/m at {conditions})", side)
    written.append(folder / "cortex.vtp")
    _write_vtp(written[-1], field, values)
    return written


def _write_vtp(path: Path, field: CorticalField, values: dict[str, NDArray[np.float64]]) -> None:
    import pyvista as pv

    whole = field.cortex.whole
    mesh = pv.PolyData.from_regular_faces(whole.points_mm.astype(np.float32), whole.triangles)
    for name, value in {"E": field.e_v_per_m, **values}.items():
        mesh.point_data[name] = value.astype(np.float32)
    side = np.zeros(len(whole.points_mm), np.uint8)
    side[len(field.cortex.left.points_mm) :] = 1
    mesh.point_data["hemisphere"] = side  # 0 left, 1 right
    with written_whole(path) as temporary:
        temporary.touch()  # this raises where VTK would only print
        mesh.save(temporary)
