"""The casing of a coil: a closed surface whose points are dense enough to be checked against the scalp.

Where the surface comes from is said in the coil's ``casing_note``:

- a coil file with a casing of its own: that surface, thinned to one point per cell of a few millimetres;
- a built-in coil: a plate round each wing, from the published outline and thickness;
- a coil file that holds only sources (``.ccd``): drawn round them.  In such files z = 0 is the casing's face to the
  head (Drakaki et al. 2022, doi 10.1016/j.brs.2022.04.017; the shallowest dipoles of the measured D70 lie at −3 mm,
  of the MCF-B65 at −5 mm), so a flat coil becomes a plate under z = 0; an angled coil, whose wings reach down beside
  the head (z > 0), becomes a height field: over every (x, y) the space from the lowest to the highest source near by.

A head is nearly flat over a few millimetres: a point every ``SPACING_MM`` leaves every place of the face within 4 mm of
a point, 0.1 mm of depth on a scalp of 80 mm radius.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import ConvexHull, Delaunay, cKDTree

from meshes.errors import InputError
from targeting.coils.coil import Casing
from targeting.coils.sources import CurrentElements, MagneticDipoles, PotentialGrid, Source

SPACING_MM = 6.0
FLAT_MM = 1.0  # sources no higher than this above z = 0: a flat coil
WIDEST_MM = 2000.0  # no coil is wider, and a grid of points over it would not fit into the memory
SIDE_MM = 2.0  # wall between the outermost source and the casing's side and back
GRID_PLATE_MM = (180.0, 100.0, 20.0)  # the common figure-of-eight, where a file says nothing of the coil's size


def plate(
    outline_mm: NDArray[np.float64],
    face_mm: float,
    back_mm: float,
    opening_mm: float = 0.0,
    frame_mm: NDArray[np.float64] | None = None,
) -> Casing:
    """A flat plate: the convex hull of an outline in the plane, from ``back_mm`` to ``face_mm`` along z.

    Parameters
    ----------
    outline_mm : (n, 2)
    face_mm, back_mm : float
        Where the side to the head and the other side lie; back < face.
    opening_mm : float
        Radius of a round opening about the plate's origin.
    frame_mm : (4, 4), optional
        Where the plate's frame lies in the coil's.
    """
    hull = outline_mm[ConvexHull(outline_mm).vertices]
    steps = np.linalg.norm(np.roll(hull, -1, axis=0) - hull, axis=1)
    along = np.concatenate([[0.0], np.cumsum(steps)])
    count = max(8, int(np.ceil(along[-1] / SPACING_MM)))
    where = np.arange(count) * along[-1] / count
    closed = np.vstack([hull, hull[:1]])
    rim = np.stack([np.interp(where, along, closed[:, i]) for i in range(2)], axis=1)
    low, high = rim.min(axis=0), rim.max(axis=0)
    x, y = (np.arange(low[i] + SPACING_MM / 2, high[i], SPACING_MM) for i in range(2))
    inner = np.stack(np.meshgrid(x, y, indexing="ij"), -1).reshape(-1, 2)
    inner[:, 0] += (np.round((inner[:, 1] - low[1]) / SPACING_MM) % 2) * SPACING_MM / 2  # staggered rows
    equations = ConvexHull(rim).equations
    free = (inner @ equations[:, :2].T + equations[:, 2] < -SPACING_MM / 3).all(axis=1)
    if opening_mm:
        angle = np.linspace(0, 2 * np.pi, int(np.ceil(2 * np.pi * opening_mm / SPACING_MM)), endpoint=False)
        rim = np.vstack([rim, opening_mm * np.c_[np.cos(angle), np.sin(angle)]])
        free &= np.linalg.norm(inner, axis=1) > opening_mm + SPACING_MM / 3
    flat = np.vstack([rim, inner[free]])
    cells, back_cells = _triangulated(flat, opening_mm), _triangulated(rim, opening_mm)
    n = len(flat)
    points = np.vstack([np.c_[flat, np.full(n, face_mm)], np.c_[rim, np.full(len(rim), back_mm)]])
    triangles = np.vstack([cells, back_cells[:, ::-1] + n, _walls(cells, n)])
    if frame_mm is not None:
        points = points @ frame_mm[:3, :3].T + frame_mm[:3, 3]
    return Casing(points, triangles.astype(np.int32))


def joined(casings: list[Casing]) -> Casing:
    """Join several surfaces to one."""
    offsets = np.cumsum([0] + [len(casing.points_mm) for casing in casings[:-1]])
    triangles = [casing.triangles + offset for casing, offset in zip(casings, offsets, strict=True)]
    return Casing(np.vstack([casing.points_mm for casing in casings]), np.vstack(triangles).astype(np.int32))


def casing_around(sources: tuple[Source, ...]) -> tuple[Casing, str]:
    """A casing for a coil file that has none, and the note that says how it was drawn."""
    points = [_places(source) for source in sources if not isinstance(source, PotentialGrid)]
    if not points:
        x, y, thick = GRID_PLATE_MM
        box = np.array([[-x, -y], [x, -y], [x, y], [-x, y]]) / 2
        note = f"assumed: a plate of {x:.0f} × {y:.0f} × {thick:.0f} mm under z = 0; the A-field file does not say"
        return plate(box, 0.0, -thick), note
    windings = np.vstack(points)
    apart_mm = float(np.ptp(windings, axis=0).max())
    if apart_mm > WIDEST_MM:
        raise InputError(f"the coil's parts lie up to {apart_mm / 1e3:.3g} m apart; correct their positions or unit")
    if windings[:, 2].max() <= FLAT_MM:
        circle = np.linspace(0, 2 * np.pi, 12, endpoint=False)
        wide = windings[:, None, :2] + SIDE_MM * np.c_[np.cos(circle), np.sin(circle)]
        drawn = plate(wide.reshape(-1, 2), max(0.0, windings[:, 2].max()), windings[:, 2].min() - SIDE_MM)
        return drawn, "drawn round the sources; its face is z = 0"
    return height_field(windings), "drawn round the sources as a height field; wings reach down beside the head"


def height_field(windings_mm: NDArray[np.float64]) -> Casing:
    """The space between the lowest and the highest source near each (x, y), closed at the sides.

    Near means three quarters of the sources' own spacing, so that the space between two wings is not filled up.
    """
    flat = windings_mm[:, :2]
    apart = np.median(cKDTree(windings_mm).query(windings_mm, k=2)[0][:, 1]) if len(flat) > 1 else SPACING_MM
    step = float(np.clip(apart, 4.0, SPACING_MM))
    low, high = flat.min(axis=0) - step, flat.max(axis=0) + step
    shape = np.ceil((high - low) / step).astype(int) + 1
    nodes = low + step * np.stack(np.meshgrid(*[np.arange(k) for k in shape], indexing="ij"), -1)
    near = cKDTree(flat).query_ball_point(nodes, 0.75 * step)
    top, bottom = np.full(shape, np.nan), np.full(shape, np.nan)
    for index in np.ndindex(*shape):
        if near[index]:
            z = windings_mm[near[index], 2]
            top[index], bottom[index] = z.max(), z.min() - SIDE_MM
    # a source's own cell is always full: what is still missing at its corners is taken from the source
    missing = np.isnan(top)
    cells = np.floor((flat - low) / step).astype(int)
    corners = (cells[:, None] + [[0, 0], [1, 0], [1, 1], [0, 1]]).reshape(-1, 2)
    heights = np.repeat(windings_mm[:, 2], 4)
    open_corner = missing[corners[:, 0], corners[:, 1]]
    at = tuple(corners[open_corner].T)
    np.fmax.at(top, at, heights[open_corner])
    np.fmin.at(bottom, at, heights[open_corner] - SIDE_MM)
    full = ~np.isnan(top)
    cell = full[:-1, :-1] & full[1:, :-1] & full[1:, 1:] & full[:-1, 1:]
    number = np.arange(full.size).reshape(shape)
    a, b, c, d = (part[cell] for part in (number[:-1, :-1], number[1:, :-1], number[1:, 1:], number[:-1, 1:]))
    face = np.vstack([np.c_[a, b, c], np.c_[a, c, d]])
    triangles = np.vstack([face, face[:, ::-1] + full.size, _walls(face, full.size)])
    points = np.vstack([np.c_[nodes.reshape(-1, 2), z.ravel()] for z in (top, bottom)])
    casing = _compact(points, triangles)
    return Casing(np.vstack([casing.points_mm, _along_steep_edges(points, _edges(face))]), casing.triangles)


def _along_steep_edges(points_mm: NDArray[np.float64], edges: NDArray[np.int64]) -> NDArray[np.float64]:
    """Further points (of no triangle) where the face drops faster than the grid follows, (n, 3)."""
    edges = edges[edges[:, 0] < edges[:, 1]]
    a, b = points_mm[edges[:, 0]], points_mm[edges[:, 1]]
    pieces = np.ceil(np.linalg.norm(b - a, axis=1) / (2 * SPACING_MM)).astype(int)
    between = [a[pieces == k] + (b - a)[pieces == k] * i / k for k in range(2, pieces.max() + 1) for i in range(1, k)]
    return np.concatenate([np.zeros((0, 3)), *between])


def thinned(points_mm: NDArray[np.float64], triangles: NDArray[np.integer], spacing_mm: float = SPACING_MM) -> Casing:
    """A fine surface with one of its own points kept per cell of a grid; triangles that collapse are dropped."""
    cells = np.floor(points_mm / spacing_mm).astype(np.int64)
    off_center = np.linalg.norm(points_mm / spacing_mm - cells - 0.5, axis=1)
    order = np.argsort(off_center, kind="stable")
    _, first, which = np.unique(cells[order], axis=0, return_index=True, return_inverse=True)
    new = np.empty(len(points_mm), np.int64)
    new[order] = which.ravel()
    faces = new[triangles]
    a, b, c = faces.T
    faces = faces[(a != b) & (b != c) & (a != c)]
    _, unique = np.unique(np.sort(faces, axis=1), axis=0, return_index=True)
    return Casing(points_mm[order[first]], faces[np.sort(unique)].astype(np.int32))


def _places(source: MagneticDipoles | CurrentElements) -> NDArray[np.float64]:
    """Where a source is, without the dipoles that are too weak to be winding."""
    if isinstance(source, CurrentElements):
        return source.points_mm
    strength = np.linalg.norm(source.moments_a_m2, axis=1)
    return source.points_mm[strength >= 0.01 * strength.max()]


def _edges(triangles: NDArray[np.int64]) -> NDArray[np.int64]:
    """Directed edges of triangles, (3k, 2)."""
    return np.vstack([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])


def _walls(face: NDArray[np.int64], back: int) -> NDArray[np.int64]:
    """Triangles from the open edges of a face to the same edges ``back`` numbers on."""
    edges = _edges(face)
    there = {(int(i), int(j)) for i, j in edges}
    i, j = np.array([edge for edge in there if edge[::-1] not in there]).T
    return np.vstack([np.c_[i, back + i, back + j], np.c_[i, back + j, j]])


def _triangulated(points: NDArray[np.float64], opening_mm: float = 0.0) -> NDArray[np.int64]:
    """Counter-clockwise Delaunay triangles of a convex set whose straight sides hold many points.

    The points are first drawn in a little, more the further out they are, so that straight sides bulge and rounding
    cannot drop a point from the hull.  Triangles within the opening about the origin are left out.
    """
    centered = points - points.mean(axis=0)
    cells = Delaunay(centered * (1 - 1e-7 * (centered**2).sum(axis=1, keepdims=True))).simplices.astype(np.int64)
    a, b, c = (points[cells[:, i]] for i in range(3))
    u, v = b - a, c - a
    turned = u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0] < 0
    cells[turned] = cells[turned][:, ::-1]
    return cells[np.linalg.norm(points[cells].mean(axis=1), axis=1) >= opening_mm]


def _compact(points: NDArray[np.float64], triangles: NDArray[np.int64]) -> Casing:
    used, renumbered = np.unique(triangles, return_inverse=True)
    return Casing(points[used], renumbered.reshape(triangles.shape).astype(np.int32))
