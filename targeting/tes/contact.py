r"""The contact of an electrode with the scalp: the facets under it, cut along its outline, while the mesh stays as it is.

The scalp is spread out in the plane that touches it at the electrode's centre c: a point x goes to the distance |x − c|
in the direction in which it lies from c, seen along the normal.  On a sphere this keeps areas (Lambert's azimuthal map),
so that a pad keeps its size where it bends round the head.  Facets are straight in it, and cut by the outline exactly.
Over bumps (a brow) there is a little more scalp than on a sphere: the outline is drawn in until the area is the pad's.

An electrode is refused where it does not rest on the scalp: where the head model ends under it, where the scalp folds
back, or where it is not smooth: farther off a polynomial of second order than ``GAP_MM`` and ``GAP_SHARE`` of the
electrode's reach, or larger than the outline by ``MOST_EXCESS``.  On Colin27, pads of 50 × 70 mm are 1 to 4 mm off on the
vault, with up to 2 % more area; over a brow 6 mm and 3.5 %; over an ear 9 to 14 mm and 10 to 40 %.

*Integrals* of the shape functions over the part of each triangle inside a convex polygon are exact.  A triangle is cut by
one edge of the polygon after another (Sutherland & Hodgman 1974, Commun. ACM 17:32), its corners carrying their barycentric
coordinates λ, in which the shape functions are N_i = λ_i.  What is left is fanned into triangles with corners λ^a, λ^b, λ^c
and share f of the whole, over which, the whole being of area 1,

    ∫ N_i = f/3 Σ_v λ_i^v,     ∫ N_i N_j = f/12 (Σ_v λ_i^v λ_j^v + Σ_v λ_i^v Σ_v λ_j^v).
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numba
import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components

from atlases.scalp import Scalp
from atlases.scalp_positions import ScalpPositions
from meshes.errors import InputError
from targeting.tes.electrodes import Electrode

MM2_PER_M2 = 1e6
FARTHEST_MM = 30.0  # of a given centre from the scalp; farther is another head, or no millimetres
CORNERS = 96  # of the polygon that stands for a circle, of the same area
LEAST_COVER = 0.985  # of the outline that scalp must fill
MOST_FOLD = 0.02  # of the outline that may be covered more than once
GAP_MM, GAP_SHARE = 2.0, 0.14
MOST_EXCESS = 0.08
ROOM = 1.05  # how much the outline may have to grow, on a scalp more pointed than round
DRAWN_IN, STEPS = 1e-4, 8  # the area is right to this share
SMALLEST_FRAME_MM = 8.0  # the scalp round a small electrode that tells how it lies
LATTICE = 12  # steps along a facet's sides, where two electrodes are tested for overlap
MOST_OVERLAP_MM2 = 2.0
DISC_MM = 12.0  # ROAST's discs (6 mm radius); SimNIBS' leadfields have 10 mm

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Contact:
    """The contact of one electrode.

    Parameters
    ----------
    electrode : Electrode
    center_mm : (3,) float64
        Its centre on the scalp.
    axes : (3, 3) float64
        Rows: unit x, y, and z out of the head.
    scale : float
        By which distances in its plane are longer than on the scalp, a few per cent at most.
    facets : (f,) int64
        Triangles of the scalp under it.
    facet_nodes : (f, 3) int64
        Their nodes in the head mesh.
    facet_load_m2 : (f, 3) float64
        ∫ N_i over the part of each facet in contact.
    nodes : (k,) int64
        All nodes of the head mesh that it touches.
    load_m2 : (k,) float64
        ∫ N_i over the contact.
    mass_m2 : (k, k) csr_matrix
        ∫ N_i N_j over the contact.
    """

    electrode: Electrode
    center_mm: NDArray[np.float64]
    axes: NDArray[np.float64]
    scale: float
    facets: NDArray[np.int64]
    facet_nodes: NDArray[np.int64]
    facet_load_m2: NDArray[np.float64]
    nodes: NDArray[np.int64]
    load_m2: NDArray[np.float64]
    mass_m2: sp.csr_matrix

    @property
    def area_mm2(self) -> float:
        """Area of scalp in contact, mm²."""
        return MM2_PER_M2 * float(self.load_m2.sum())

    def spread(self, points_mm: NDArray[np.float64]) -> NDArray[np.float64]:
        """Points of the scalp in the electrode's own plane, (..., 2) mm for (..., 3)."""
        return self.scale * _spread(points_mm, self.center_mm, self.axes)

    def covers(self, flat_mm: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Whether points (..., 2) of its plane lie within its outline."""
        electrode = self.electrode
        if electrode.shape == "rectangle":
            return np.all(np.abs(flat_mm) < np.array(electrode.size_mm) / 2, axis=-1)
        radius = np.asarray(np.linalg.norm(flat_mm, axis=-1))
        inner = electrode.size_mm[1] / 2 if electrode.shape == "ring" else -1.0
        return (radius < electrode.size_mm[0] / 2) & (radius > inner)


def lay_on(scalp: Scalp, electrode: Electrode) -> Contact:
    """Lay an electrode on the scalp.

    Raises
    ------
    InputError
        If its centre is not near the scalp, or it does not rest on it all over.
    """
    feet, triangle = scalp.feet(electrode.center_mm)
    center = feet[0]
    off = float(np.linalg.norm(center - electrode.center_mm))
    if off > FARTHEST_MM:
        raise InputError(
            f"electrode {electrode.name} is {off:.0f} mm off the scalp: give its centre in RAS mm of this head's T1"
        )
    radius = max(electrode.reach_mm, SMALLEST_FRAME_MM)
    axes = electrode.axes(scalp.patch_normals(center[None], radius)[0])
    middles = scalp.points_mm[scalp.triangles].mean(1)
    widest = np.linalg.norm(scalp.points_mm[scalp.triangles] - middles[:, None], axis=2).max()
    candidates = np.flatnonzero(np.linalg.norm(middles - center, axis=1) < electrode.reach_mm * 1.01 + widest)
    corners = scalp.points_mm[scalp.triangles[candidates]]
    flat = _spread(corners, center, axes)

    pool = np.flatnonzero(_inside(electrode, flat / ROOM)[0] > 0)
    pool = pool[_joined(scalp.triangles[candidates[pool]], scalp.triangles[triangle[0]])]
    facets, flat, corners = candidates[pool], flat[pool], corners[pool]
    area_m2 = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1) / 2e6
    share, first, second = _inside(electrode, flat)
    under = share > 0
    on_cut = bool(scalp.on_cut[scalp.triangles[facets[under]]].any())
    heights = (corners[under] - center) @ axes[2]
    _check_rest(electrode, on_cut, flat[under], share[under], MM2_PER_M2 * float(share @ area_m2), heights)
    scale = 1.0
    for _ in range(STEPS):
        excess = MM2_PER_M2 * float(share @ area_m2) / electrode.area_mm2
        if abs(excess - 1) < DRAWN_IN:
            break
        scale *= np.sqrt(excess)
        share, first, second = _inside(electrode, scale * flat)
    under = share > 0
    facets, area_m2, first, second = facets[under], area_m2[under], first[under], second[under]
    facet_nodes, facet_load = scalp.nodes[scalp.triangles[facets]], area_m2[:, None] * first
    nodes, place = np.unique(facet_nodes, return_inverse=True)
    place = place.reshape(-1, 3)
    load = np.bincount(place.ravel(), facet_load.ravel(), len(nodes)).astype(np.float64)
    rows, columns = np.repeat(place, 3, axis=1), np.tile(place, (1, 3))
    mass = sp.coo_matrix(
        ((area_m2[:, None, None] * second).ravel(), (rows.ravel(), columns.ravel())), shape=(len(nodes),) * 2
    ).tocsr()
    return Contact(
        electrode,
        center,
        axes,
        float(scale),
        facets=facets,
        facet_nodes=facet_nodes,
        facet_load_m2=facet_load,
        nodes=nodes,
        load_m2=load,
        mass_m2=mass,
    )


def lay_all(scalp: Scalp, electrodes: Sequence[Electrode]) -> tuple[Contact, ...]:
    """Lay several electrodes on the scalp at once.

    Raises
    ------
    InputError
        If one does not rest on it, or two overlap.
    """
    contacts = tuple(lay_on(scalp, electrode) for electrode in electrodes)
    for i, one in enumerate(contacts):
        for other in contacts[:i]:
            overlap = overlap_mm2(scalp, one, other)
            if overlap > MOST_OVERLAP_MM2:
                raise InputError(
                    f"electrodes {other.electrode.name} and {one.electrode.name} overlap by {overlap:.0f} mm²: "
                    "move them apart or make them smaller"
                )
    return contacts


def overlap_mm2(scalp: Scalp, one: Contact, other: Contact) -> float:
    """Scalp under both of two electrodes, mm², from a lattice of points on the facets that both touch."""
    away = np.linalg.norm(one.center_mm - other.center_mm)
    both = np.intersect1d(one.facets, other.facets)
    if away > one.electrode.reach_mm + other.electrode.reach_mm or not len(both):
        return 0.0
    i, j = np.meshgrid(np.arange(LATTICE), np.arange(LATTICE), indexing="ij")
    inside = i + j < LATTICE
    u, v = (i[inside] + 1 / 3) / LATTICE, (j[inside] + 1 / 3) / LATTICE
    barycentric = np.stack([1 - u - v, u, v], axis=1)
    corners = scalp.points_mm[scalp.triangles[both]]
    shared = one.covers(barycentric @ one.spread(corners)) & other.covers(barycentric @ other.spread(corners))
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1) / 2
    return float(area @ shared.mean(1))


def _spread(points_mm: NDArray, center_mm: NDArray, axes: NDArray) -> NDArray[np.float64]:
    offset = points_mm - center_mm
    flat = offset @ axes[:2].T
    length = np.linalg.norm(flat, axis=-1, keepdims=True)
    return flat * np.linalg.norm(offset, axis=-1, keepdims=True) / np.maximum(length, 1e-9)


def _inside(electrode: Electrode, flat: NDArray) -> tuple[NDArray, NDArray, NDArray]:
    """Integrals of :func:`cut_triangles` over the outline; a ring is one disc less another."""
    if electrode.shape == "rectangle":
        w, h = electrode.size_mm
        return cut_triangles(flat, np.array([[-w, -h], [w, -h], [w, h], [-w, h]]) / 2)
    outer = cut_triangles(flat, _circle(electrode.size_mm[0]))
    if electrode.shape == "disc":
        return outer
    inner = cut_triangles(flat, _circle(electrode.size_mm[1]))
    share, first, second = (a - b for a, b in zip(outer, inner, strict=True))
    return np.where(share > 1e-12, share, 0.0), first, second


def _circle(diameter_mm: float) -> NDArray[np.float64]:
    """A polygon of the circle's area, (CORNERS, 2)."""
    step = 2 * np.pi / CORNERS
    radius = diameter_mm / 2 * np.sqrt(step / np.sin(step))
    angle = step * np.arange(CORNERS)
    return radius * np.stack([np.cos(angle), np.sin(angle)], axis=1)


def _joined(triangles: NDArray, start: NDArray) -> NDArray[np.bool_]:
    """Which of the triangles hang together with ``start`` (or, in a ring, with the most), by shared nodes."""
    used, corners = np.unique(triangles, return_inverse=True)
    corners = corners.reshape(-1, 3)
    edges = np.concatenate([corners[:, [0, 1]], corners[:, [1, 2]]])
    graph = sp.coo_matrix((np.ones(len(edges), np.int8), (edges[:, 0], edges[:, 1])), shape=(len(used),) * 2)
    piece = connected_components(graph, directed=False)[1]
    at_start = piece[np.isin(used, start)]
    wanted = at_start[0] if len(at_start) else np.bincount(piece[corners[:, 0]]).argmax()
    return np.asarray(piece[corners[:, 0]] == wanted)


def _check_rest(
    electrode: Electrode,
    on_cut: bool,
    flat: NDArray,
    share: NDArray,
    area_mm2: float,
    heights: NDArray,
) -> None:
    """Refuse an electrode that hangs over an edge, a fold, or a bump."""
    who = f"electrode {electrode.name}"
    edge = flat[:, 1] - flat[:, 0], flat[:, 2] - flat[:, 0]
    signed = share * (edge[0][:, 0] * edge[1][:, 1] - edge[0][:, 1] * edge[1][:, 0]) / 2
    cover = signed.sum() / electrode.area_mm2
    if on_cut or cover < LEAST_COVER:
        raise InputError(f"{who} hangs over the edge of the head model: move it up, turn it, or make it smaller")
    fold = (np.abs(signed).sum() - signed.sum()) / electrode.area_mm2
    excess = area_mm2 / electrode.area_mm2 - 1
    gap = _gap_mm(flat, heights)
    if fold > MOST_FOLD or excess > MOST_EXCESS or gap > GAP_MM + GAP_SHARE * electrode.reach_mm:
        raise InputError(
            f"{who} does not rest on the scalp there (it stands {gap:.0f} mm off, as over an ear, an eye or the nose): "
            "move it, turn it, or make it smaller"
        )


def _gap_mm(flat: NDArray, heights: NDArray) -> float:
    """Farthest of the corners from the smooth surface of second order through them, mm."""
    x, y = flat.reshape(-1, 2).T / 10
    terms = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=1)
    fit = np.linalg.lstsq(terms, heights.ravel(), rcond=None)[0]
    return float(np.abs(terms @ fit - heights.ravel()).max())


def cut_triangles(
    triangles: NDArray[np.float64], polygon: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Integrals over the part of each triangle inside the polygon, the whole triangle's area being 1.

    Parameters
    ----------
    triangles : (t, 3, 2) float64
        In the plane, wound either way.
    polygon : (m, 2) float64
        Convex, counter-clockwise.

    Returns
    -------
    share : (t,)
        Of the triangle's area inside.
    first : (t, 3)
        ∫ N_i.
    second : (t, 3, 3)
        ∫ N_i N_j.

    Examples
    --------
    >>> import numpy as np
    >>> corner = np.array([[[0.0, 0], [1, 0], [0, 1]]])
    >>> square = np.array([[0.0, 0], [0.5, 0], [0.5, 0.5], [0, 0.5]])
    >>> share, first, second = cut_triangles(corner, square)
    >>> float(share[0]), first[0].tolist()
    (0.5, [0.25, 0.125, 0.125])
    >>> bool(np.allclose(second.sum(2), first))
    True
    """
    return _cut(np.ascontiguousarray(triangles, dtype=np.float64), np.ascontiguousarray(polygon, dtype=np.float64))


@numba.njit(cache=True)
def _cut(triangles: NDArray, polygon: NDArray) -> tuple[NDArray, NDArray, NDArray]:
    m = len(polygon)
    share, first, second = np.zeros(len(triangles)), np.zeros((len(triangles), 3)), np.zeros((len(triangles), 3, 3))
    here, there = np.zeros((m + 6, 5)), np.zeros((m + 6, 5))
    for t in range(len(triangles)):
        count = 3
        for i in range(3):
            here[i] = 0.0
            here[i, 0], here[i, 1], here[i, 2 + i] = triangles[t, i, 0], triangles[t, i, 1], 1.0
        for k in range(m):
            ax, ay = polygon[k, 0], polygon[k, 1]
            ex, ey = polygon[(k + 1) % m, 0] - ax, polygon[(k + 1) % m, 1] - ay
            kept = 0
            for i in range(count):
                j = (i + 1) % count
                a = ex * (here[i, 1] - ay) - ey * (here[i, 0] - ax)  # positive inside
                b = ex * (here[j, 1] - ay) - ey * (here[j, 0] - ax)
                if a >= 0:
                    there[kept] = here[i]
                    kept += 1
                if (a > 0 and b < 0) or (a < 0 and b > 0):
                    there[kept] = here[i] + a / (a - b) * (here[j] - here[i])
                    kept += 1
            here, there, count = there, here, kept
            if count < 3:
                break
        for v in range(1, count - 1):
            p, q, r = here[0], here[v], here[v + 1]
            f = abs(  # the area in barycentric coordinates, the whole being 1
                (q[3] - p[3]) * (r[4] - p[4]) - (q[4] - p[4]) * (r[3] - p[3])
            )
            share[t] += f
            for i in range(3):
                total_i = p[2 + i] + q[2 + i] + r[2 + i]
                first[t, i] += f / 3 * total_i
                for j in range(3):
                    total_j = p[2 + j] + q[2 + j] + r[2 + j]
                    products = p[2 + i] * p[2 + j] + q[2 + i] * q[2 + j] + r[2 + i] * r[2 + j]
                    second[t, i, j] += f / 12 * (products + total_i * total_j)
    return share, first, second


def resting_electrodes(
    scalp: Scalp, positions: ScalpPositions, names: Sequence[str]
) -> tuple[list[Electrode], dict[str, str]]:
    """Discs of 12 mm at those of the named positions where one rests on the scalp.

    Parameters
    ----------
    scalp : Scalp
    positions : ScalpPositions
        The head's 10-10 or 10-5 positions.
    names : sequence of str
        Of the positions to try.

    Returns
    -------
    electrodes : list of Electrode
        Those that rest on the scalp.
    refused : dict
        Name → why, of those that do not (over an ear, on the edge of the image).

    Raises
    ------
    InputError
        If there is no position of a name, or none can hold an electrode.
    """
    electrodes, refused = [], {}
    for name in names:
        electrode = Electrode(name, positions.point_mm(name), size_mm=(DISC_MM,))
        try:
            lay_on(scalp, electrode)
        except InputError as error:
            refused[name] = str(error)
        else:
            electrodes.append(electrode)
    if refused:
        log.info("%d positions of the cap cannot hold an electrode: %s", len(refused), ", ".join(refused))
    if len(electrodes) < 2:
        raise InputError("fewer than two positions of the cap can hold an electrode: check the fiducials")
    return electrodes, refused
