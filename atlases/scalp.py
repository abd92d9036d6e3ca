"""The scalp as a surface: its points, its outward normals, and the distance of anything from it.

The surface is the outer boundary of the whole head mesh (air-filled cavities inside do not count).  The signed distance,
positive outside, is exact (nearest triangle) on the nodes of a grid near the scalp and read off trilinearly between;
farther away than ``EXACT_WITHIN_MM`` it is the distance transform of the head's voxels, right to about a millimetre.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numba
import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from meshes import HeadMesh
from meshes.brief import brief
from meshes.rasterise import labels_on_grid
from meshes.topology import elements_of_nodes

GRID_STEP_MM = 2.5
GRID_MARGIN_MM = 40.0
EXACT_WITHIN_MM = 25.0
CUT_TOLERANCE_MM, CUT_FLAT_MM = 1.5, 0.5
NORMAL_RADIUS_MM = 12.0  # a coil's face rests on a patch of about this radius
NEIGHBOURS = 12  # nearest nodes whose triangles are looked at


@dataclass(frozen=True, eq=False)
class DistanceGrid:
    """Signed distances ``mm`` (nx, ny, nz) at ``origin_mm + step_mm * (i, j, k)``, RAS mm."""

    mm: NDArray[np.float32]
    origin_mm: NDArray[np.float64]
    step_mm: float


@dataclass(frozen=True, eq=False)
class Scalp:
    """The head's outer surface.

    Parameters
    ----------
    points_mm : (n, 3) float64
        RAS mm.
    triangles : (k, 3) int32
        Normals outward.
    head : HeadMesh
        Whose surface it is.
    nodes : (n,) int64
        The points' numbers in the head mesh.
    """

    points_mm: NDArray[np.float64]
    triangles: NDArray[np.int32]
    head: HeadMesh
    nodes: NDArray[np.int64]

    __repr__ = brief()

    @classmethod
    def of(cls, head: HeadMesh) -> Scalp:
        """The outer surface of a head mesh: of its largest connected boundary piece; the last head's is kept."""
        return _scalp_of(head)

    @classmethod
    def _of(cls, head: HeadMesh) -> Scalp:
        used, corners = np.unique(head.boundary(), return_inverse=True)
        faces = corners.reshape(-1, 3)
        edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]]])
        graph = sp.coo_matrix((np.ones(len(edges), np.int8), (edges[:, 0], edges[:, 1])), shape=(len(used),) * 2)
        piece = connected_components(graph, directed=False)[1]
        outer = np.bincount(piece[faces[:, 0]]).argmax()
        faces = faces[piece[faces[:, 0]] == outer]
        kept, corners = np.unique(faces, return_inverse=True)
        nodes = used[kept].astype(np.int64)
        return cls(head.points_mm[nodes], corners.reshape(-1, 3).astype(np.int32), head, nodes)

    @cached_property
    def normals(self) -> NDArray[np.float64]:
        """Outward unit normals at the points, (n, 3), weighted by the area of the triangles round each."""
        a, b, c = (self.points_mm[self.triangles[:, i]] for i in range(3))
        area = np.cross(b - a, c - a)
        total = np.stack(
            [np.bincount(self.triangles.ravel(), np.repeat(area[:, x], 3), len(self.points_mm)) for x in range(3)], 1
        )
        return total / np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-12)

    @cached_property
    def tree(self) -> cKDTree:
        """The points, for finding the nearest."""
        return cKDTree(self.points_mm)

    def nearest(self, points_mm: ArrayLike) -> NDArray[np.int64]:
        """Index of the nearest scalp point to each point (n, 3) or (3,)."""
        return self.tree.query(np.asarray(points_mm, float))[1]

    @cached_property
    def _triangles_round(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The triangles round each point, as :func:`~meshes.topology.elements_of_nodes` has them."""
        start, items = elements_of_nodes(self.triangles, len(self.points_mm))
        return start, items

    def feet(self, points_mm: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Nearest place on the scalp to each point, and the triangle it lies in.

        Parameters
        ----------
        points_mm : (p, 3) or (3,) float
            RAS mm.

        Returns
        -------
        feet_mm : (p, 3) float64
        triangles : (p,) int64
        """
        points = np.asarray(points_mm, float).reshape(-1, 3)
        start, items = self._triangles_round
        near = np.atleast_2d(self.tree.query(points, k=min(NEIGHBOURS, len(self.points_mm)))[1])
        feet, found = np.empty_like(points), np.empty(len(points), np.int64)
        for p, point in enumerate(points):
            candidates = np.unique(np.concatenate([items[start[v] : start[v + 1]] for v in near[p]]))
            places = nearest_in_triangles(point, self.points_mm[self.triangles[candidates]])
            best = int(np.argmin(np.linalg.norm(places - point, axis=1)))
            feet[p], found[p] = places[best], candidates[best]
        return feet, found

    def patch_normals(self, points_mm: NDArray[np.float64], radius_mm: float = NORMAL_RADIUS_MM) -> NDArray[np.float64]:
        """Outward normals averaged over the scalp within a radius of each point, (n, 3): how a coil's face would lie."""
        out = np.empty((len(points_mm), 3))
        for i, near in enumerate(self.tree.query_ball_point(points_mm, radius_mm)):
            here = near or [int(self.tree.query(points_mm[i])[1])]
            out[i] = self.normals[here].mean(0)
        return out / np.linalg.norm(out, axis=1, keepdims=True)

    @cached_property
    def on_cut(self) -> NDArray[np.bool_]:
        """Points on a face where the image (not the head) ends: no coil can sit there, (n,).

        A side of the bounding box is a cut if more than 100 mm² of the surface lies in it, and hardly more a millimetre
        farther in: on a round vertex or temple that is three times as much.
        """
        cut = np.zeros(len(self.points_mm), bool)
        a, b, c = (self.points_mm[self.triangles[:, i]] for i in range(3))
        area = np.linalg.norm(np.cross(b - a, c - a), axis=1) / 2
        for axis in range(3):
            for extreme in (self.points_mm[:, axis].min(), self.points_mm[:, axis].max()):
                near, nearer = (
                    np.abs(self.points_mm[:, axis] - extreme) < tolerance
                    for tolerance in (CUT_TOLERANCE_MM, CUT_FLAT_MM)
                )
                along = np.abs(self.normals[self.triangles][:, :, axis]).min(1) > 0.9
                wide, flat = (area[each[self.triangles].all(1) & along].sum() for each in (near, nearer))
                if flat > 100 and wide < 1.3 * flat:
                    cut |= near
        return cut

    def samples(self, center_mm: ArrayLike, radius_mm: float, step_mm: float) -> NDArray[np.float64]:
        """Scalp points about ``step_mm`` apart within a radius of a point, nearest first, none on a cut, (p, 3)."""
        center = np.asarray(center_mm, float)
        whole = self.triangles[~self.on_cut[self.triangles].any(1)]
        points = np.concatenate([self.points_mm[np.unique(whole)], self.points_mm[whole].mean(1)])
        distance = np.linalg.norm(points - center, axis=1)
        near = np.flatnonzero(distance <= radius_mm)
        points = points[near[np.argsort(distance[near], kind="stable")]]
        return points[thinned(points, step_mm)]

    @cached_property
    def distance(self) -> DistanceGrid:
        """The signed distance on a grid round the head."""
        low = np.floor((self.points_mm.min(0) - GRID_MARGIN_MM) / GRID_STEP_MM) * GRID_STEP_MM
        nx, ny, nz = (int(n) for n in np.ceil((self.points_mm.max(0) + GRID_MARGIN_MM - low) / GRID_STEP_MM) + 1)
        affine = np.diag([GRID_STEP_MM, GRID_STEP_MM, GRID_STEP_MM, 1.0])
        affine[:3, 3] = low
        inside = ndimage.binary_fill_holes(labels_on_grid(self.head, affine, (nx, ny, nz)) > 0)
        outside_mm = ndimage.distance_transform_edt(~inside) * GRID_STEP_MM
        mm = np.where(inside, -ndimage.distance_transform_edt(inside) * GRID_STEP_MM, outside_mm)
        close = np.argwhere(np.abs(mm) < EXACT_WITHIN_MM)
        nodes_mm = close * GRID_STEP_MM + low
        _, near = self.tree.query(nodes_mm, k=3, workers=-1)
        start, items = elements_of_nodes(self.triangles, len(self.points_mm))
        exact = _distance(nodes_mm, near, self.points_mm, self.triangles, start, items)
        mm[tuple(close.T)] = np.where(inside[tuple(close.T)], -exact, exact)
        return DistanceGrid(mm.astype(np.float32), low, GRID_STEP_MM)

    def signed_distance_mm(self, points_mm: ArrayLike) -> NDArray[np.float64]:
        """Distance to the scalp, positive outside, (n,); beyond the grid a lower bound."""
        points = np.atleast_2d(np.asarray(points_mm, float))
        return _read_all(self.distance.mm, self.distance.origin_mm, self.distance.step_mm, points)


def thinned(points_mm: NDArray[np.float64], step_mm: float) -> NDArray[np.int64]:
    """Which points (p, 3) are kept so that none is within ``step_mm`` of another and each left out is: the first ones first.

    Examples
    --------
    >>> import numpy as np
    >>> from atlases.scalp import thinned
    >>> thinned(np.array([[0.0, 0, 0], [2, 0, 0], [4, 0, 0], [9, 0, 0]]), 3.0).tolist()
    [0, 2, 3]
    """
    keep = np.ones(len(points_mm), bool)
    tree = cKDTree(points_mm)
    for i in range(len(points_mm)):
        if keep[i]:
            keep[[j for j in tree.query_ball_point(points_mm[i], step_mm) if j > i]] = False
    return np.flatnonzero(keep)


@lru_cache(maxsize=1)  # many stages ask for the same head's, and its distance grid takes seconds
def _scalp_of(head: HeadMesh) -> Scalp:
    return Scalp._of(head)


@numba.njit(cache=True)
def _to_edge2(qx, qy, qz, ex, ey, ez):  # type: ignore[no-untyped-def]
    """Squared distance of a point q to the edge from 0 to e."""
    length2 = ex * ex + ey * ey + ez * ez
    t = min(max((qx * ex + qy * ey + qz * ez) / length2, 0.0), 1.0) if length2 > 0 else 0.0
    return (qx - t * ex) ** 2 + (qy - t * ey) ** 2 + (qz - t * ez) ** 2


@numba.njit(cache=True)
def point_triangle_distance(p, a, b, c):  # type: ignore[no-untyped-def]
    """Distance from a point to a triangle: to its plane if the foot lies inside, else to the nearest edge.

    Parameters
    ----------
    p : (3,) float64
        The point.
    a, b, c : (3,) float64
        The triangle's corners, in the same unit.
    """
    # number by number: small arrays would be made for each of some ten million pairs
    ux, uy, uz = b[0] - a[0], b[1] - a[1], b[2] - a[2]
    vx, vy, vz = c[0] - a[0], c[1] - a[1], c[2] - a[2]
    qx, qy, qz = p[0] - a[0], p[1] - a[1], p[2] - a[2]
    uu, uv, vv = ux * ux + uy * uy + uz * uz, ux * vx + uy * vy + uz * vz, vx * vx + vy * vy + vz * vz
    qu, qv = qx * ux + qy * uy + qz * uz, qx * vx + qy * vy + qz * vz
    det = uu * vv - uv * uv
    if det > 0:
        s, t = (vv * qu - uv * qv) / det, (uu * qv - uv * qu) / det
        if s >= 0 and t >= 0 and s + t <= 1:
            return np.sqrt((qx - s * ux - t * vx) ** 2 + (qy - s * uy - t * vy) ** 2 + (qz - s * uz - t * vz) ** 2)
    third = _to_edge2(qx - ux, qy - uy, qz - uz, vx - ux, vy - uy, vz - uz)
    return np.sqrt(min(_to_edge2(qx, qy, qz, ux, uy, uz), _to_edge2(qx, qy, qz, vx, vy, vz), third))


@numba.njit(cache=True, parallel=True)
def _distance(nodes_mm, near, points_mm, triangles, start, items):  # type: ignore[no-untyped-def]
    out = np.empty(len(nodes_mm))
    for n in numba.prange(len(nodes_mm)):
        best = np.inf
        for k in range(near.shape[1]):
            v = near[n, k]
            for s in range(start[v], start[v + 1]):
                t = triangles[items[s]]
                best = min(
                    best, point_triangle_distance(nodes_mm[n], points_mm[t[0]], points_mm[t[1]], points_mm[t[2]])
                )
        out[n] = best
    return out


@numba.njit(cache=True)
def read_distance(grid, origin_mm, step_mm, x, y, z):  # type: ignore[no-untyped-def]
    """Trilinear value of a distance grid at one point; points beyond it read its border.

    Parameters
    ----------
    grid : (nx, ny, nz) float32
    origin_mm : (3,) float64
        Place of its first node.
    step_mm : float
    x, y, z : float
        The point, mm.
    """
    u = min(max((x - origin_mm[0]) / step_mm, 0.0), grid.shape[0] - 1.001)
    v = min(max((y - origin_mm[1]) / step_mm, 0.0), grid.shape[1] - 1.001)
    w = min(max((z - origin_mm[2]) / step_mm, 0.0), grid.shape[2] - 1.001)
    i, j, k = int(u), int(v), int(w)
    a, b, c = u - i, v - j, w - k
    low = (grid[i, j, k] * (1 - a) + grid[i + 1, j, k] * a) * (1 - b)
    low += (grid[i, j + 1, k] * (1 - a) + grid[i + 1, j + 1, k] * a) * b
    high = (grid[i, j, k + 1] * (1 - a) + grid[i + 1, j, k + 1] * a) * (1 - b)
    high += (grid[i, j + 1, k + 1] * (1 - a) + grid[i + 1, j + 1, k + 1] * a) * b
    return low * (1 - c) + high * c


@numba.njit(cache=True)
def _read_all(grid, origin_mm, step_mm, points_mm):  # type: ignore[no-untyped-def]
    out = np.empty(len(points_mm))
    for p in range(len(points_mm)):
        out[p] = read_distance(grid, origin_mm, step_mm, points_mm[p, 0], points_mm[p, 1], points_mm[p, 2])
    return out


def nearest_in_triangles(point_mm: NDArray[np.float64], corners_mm: NDArray[np.float64]) -> NDArray[np.float64]:
    """The nearest point of each triangle (t, 3, 3) to one point, (t, 3): the foot on its plane, else on an edge.

    Examples
    --------
    >>> import numpy as np
    >>> corner = np.array([[[0.0, 0, 0], [1, 0, 0], [0, 1, 0]]])
    >>> nearest_in_triangles(np.array([0.2, 0.3, 5.0]), corner).tolist()
    [[0.2, 0.3, 0.0]]
    >>> nearest_in_triangles(np.array([-2.0, 0.5, 1.0]), corner).tolist()
    [[0.0, 0.5, 0.0]]
    """
    a, u, v = corners_mm[:, 0], corners_mm[:, 1] - corners_mm[:, 0], corners_mm[:, 2] - corners_mm[:, 0]
    q = point_mm - a
    uu, uv, vv, qu, qv = (np.einsum("ij,ij->i", *pair) for pair in ((u, u), (u, v), (v, v), (q, u), (q, v)))
    det = np.maximum(uu * vv - uv * uv, 1e-300)
    s, t = (vv * qu - uv * qv) / det, (uu * qv - uv * qu) / det
    best = a + s[:, None] * u + t[:, None] * v
    outside = (s < 0) | (t < 0) | (s + t > 1)
    distance = np.where(outside, np.inf, np.linalg.norm(best - point_mm, axis=1))
    for i in range(3):
        first, along = corners_mm[:, i], corners_mm[:, (i + 1) % 3] - corners_mm[:, i]
        length2 = np.maximum(np.einsum("ij,ij->i", along, along), 1e-300)
        share = np.clip(np.einsum("ij,ij->i", point_mm - first, along) / length2, 0, 1)
        place = first + share[:, None] * along
        away = np.linalg.norm(place - point_mm, axis=1)
        better = outside & (away < distance)
        best[better], distance[better] = place[better], away[better]
    return best
