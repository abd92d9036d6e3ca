"""Distances along the scalp as a tape measure gives them: the tight curve through three points, and geodesics between two.

The curve: the plane through three points cuts the scalp in a closed line; the piece from the first through the second to the
third is pulled tight, as a tape is, so that it spans hollows (the nasion's, those round an ear) and roughness of the mesh.

Geodesics between landmarks and the places of electrodes or a coil: the points are put into the scalp's triangles as corners,
and a path along its edges is flipped straight (Sharp & Crane 2020, "You can find geodesic paths in triangle meshes by just
flipping edges").  The result is a straightest path on
the polyhedron, exact but for the polyhedron itself, which lies inside a smooth head.  For triangles of 4 mm on a head of
90 mm that is 1e-4 of the length; measured on a sphere it is below 0.3 % (``tests/test_scalp_tape.py``).  A tape
pulled tight spans hollows that a geodesic goes through: from nasion over Cz to inion Colin27 has 392.8 mm by the one and
393.2 mm by the other.  Hair, the tape's width and the finger on the nasion make it some millimetres in practice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from atlases.fiducials import Fiducials
from atlases.scalp import Scalp
from meshes.choices import one_of
from meshes.errors import InputError

LANDMARKS = ("Nz", "Iz", "LPA", "RPA")
INSIDE = 1e-3  # a point nearer to a triangle's edge than this share of it is moved inside: no slivers


@dataclass(frozen=True, eq=False)
class ScalpCurve:
    """A tape along the scalp.

    Parameters
    ----------
    points_mm : (k, 3) float64
        Its corners, in order.
    middle_mm : float
        How far along it the second point lies.
    """

    points_mm: NDArray[np.float64]
    middle_mm: float

    @property
    def along_mm(self) -> NDArray[np.float64]:
        """Length up to each corner, (k,)."""
        return np.append(0.0, np.cumsum(np.linalg.norm(np.diff(self.points_mm, axis=0), axis=1)))

    @property
    def length_mm(self) -> float:
        """From end to end."""
        return float(self.along_mm[-1])

    def at(self, lengths_mm: ArrayLike) -> NDArray[np.float64]:
        """Points at lengths along it, (n, 3)."""
        along, lengths = self.along_mm, np.atleast_1d(np.asarray(lengths_mm, float))
        return np.stack([np.interp(lengths, along, self.points_mm[:, axis]) for axis in range(3)], axis=1)


def scalp_curve(scalp: Scalp, first_mm: ArrayLike, second_mm: ArrayLike, third_mm: ArrayLike) -> ScalpCurve:
    """The curve over the scalp through three points on it.

    Parameters
    ----------
    scalp : Scalp
    first_mm, second_mm, third_mm : (3,) array
        The points, in the order in which the curve goes through them.

    Raises
    ------
    InputError
        If they lie in a line, or the scalp is open between them.
    """
    three = np.stack([np.asarray(p, float) for p in (first_mm, second_mm, third_mm)])
    across = np.cross(three[1] - three[0], three[2] - three[0])
    if np.linalg.norm(across) < 1.0:
        raise InputError("three points on the scalp lie in a line, or two are the same: check the fiducials")
    across /= np.linalg.norm(across)
    loops = _section(scalp, three[0], across)
    if not loops:
        raise InputError("the scalp cannot be measured through these points: check the fiducials")
    places = [[_nearest(loop, point) for point in three] for loop in loops]
    best = int(np.argmin([sum(off for _, off in place) for place in places]))
    loop, (first, second, third) = loops[best], [at for at, _ in places[best]]
    total = _lengths(loop)[-1]
    if (second - first) % total > (third - first) % total:
        loop = loop[::-1]
        first, second, third = (total - at for at in (first, second, third))
    return _joined(_piece(loop, first, second), _piece(loop, second, third), across)


def _joined(before: NDArray, after: NDArray, across: NDArray) -> ScalpCurve:
    """Two pieces as one tape, the place nearest their joint being its middle."""
    tight = _pulled_tight(np.concatenate([before, after[1:]]), across)
    curve = ScalpCurve(tight, 0.0)
    return ScalpCurve(tight, _nearest(tight, before[-1])[0] if len(tight) > 1 else curve.length_mm)


def _section(scalp: Scalp, point: NDArray, across: NDArray) -> list[NDArray[np.float64]]:
    """Closed lines in which a plane cuts the scalp, each (k, 3) with its first point again at the end."""
    height = (scalp.points_mm - point) @ across
    height[height == 0] = 1e-12
    above = height[scalp.triangles] > 0
    cut = scalp.triangles[above.any(1) & ~above.all(1)].astype(np.int64)
    above = height[cut] > 0
    alone = np.where(above.sum(1) == 1, above.argmax(1), (~above).argmax(1))  # the corner on its own side
    row = np.arange(len(cut))
    n = len(scalp.points_mm)
    keys = []
    for step in (1, 2):
        a, b = cut[row, alone], cut[row, (alone + step) % 3]
        keys.append(np.minimum(a, b) * n + np.maximum(a, b))
    edges, ends = np.unique(np.stack(keys, axis=1), return_inverse=True)
    ends = ends.reshape(-1, 2)
    low, high = np.divmod(edges, n)
    share = height[low] / (height[low] - height[high])
    places = scalp.points_mm[low] + share[:, None] * (scalp.points_mm[high] - scalp.points_mm[low])
    return [places[loop] for loop in _loops(ends, len(edges))]


def _loops(ends: NDArray[np.int64], count: int) -> list[list[int]]:
    """Closed walks over segments (s, 2) between points; open ones, at holes of a surface, are left out."""
    beside: list[list[int]] = [[] for _ in range(count)]
    for a, b in ends.tolist():
        beside[a].append(b)
        beside[b].append(a)
    seen, loops = [False] * count, []
    for start in range(count):
        if seen[start] or len(beside[start]) != 2:
            continue
        walk, here, before = [start], beside[start][0], start
        seen[start] = True
        while here != start and len(beside[here]) == 2 and not seen[here]:
            seen[here] = True
            walk.append(here)
            here, before = next((n for n in beside[here] if n != before), start), here
        if here == start and len(walk) > 2:
            loops.append([*walk, start])
    return loops


def _lengths(line: NDArray) -> NDArray[np.float64]:
    return np.append(0.0, np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1)))


def _nearest(line: NDArray, point: NDArray) -> tuple[float, float]:
    """How far along a line its nearest place to a point lies, and how far off that is."""
    a, along = line[:-1], np.diff(line, axis=0)
    length2 = np.maximum((along**2).sum(1), 1e-300)
    share = np.clip(((point - a) * along).sum(1) / length2, 0, 1)
    off = np.linalg.norm(a + share[:, None] * along - point, axis=1)
    best = int(off.argmin())
    return float(_lengths(line)[best] + share[best] * np.sqrt(length2[best])), float(off[best])


def _piece(loop: NDArray, start: float, end: float) -> NDArray[np.float64]:
    """The piece of a closed line from one length along it on to another, over its seam if need be."""
    along = _lengths(loop)
    total = along[-1]
    start, end = start % total, end % total
    if end < start:
        end += total
    twice, lengths = np.concatenate([loop, loop[1:]]), np.concatenate([along, total + along[1:]])
    inside = (lengths > start) & (lengths < end)
    ends = np.stack([np.interp([start, end], lengths, twice[:, axis]) for axis in range(3)], axis=1)
    return np.concatenate([ends[:1], twice[inside], ends[1:]])


def _pulled_tight(line: NDArray, across: NDArray) -> NDArray[np.float64]:
    """A line in a plane without the corners that turn inward, its ends kept (Graham's scan along it)."""
    u = line[-1] - line[0]
    if np.linalg.norm(u) < 1e-9:
        return line
    u /= np.linalg.norm(u)
    flat = np.stack([(line - line[0]) @ u, (line - line[0]) @ np.cross(across, u)], axis=1)
    if flat[:, 1].mean() < 0:
        flat[:, 1] *= -1
    kept: list[int] = []
    for i, (x, y) in enumerate(flat.tolist()):
        while len(kept) > 1:
            (ax, ay), (bx, by) = flat[kept[-2]], flat[kept[-1]]
            if (bx - ax) * (y - by) - (by - ay) * (x - bx) < 0:  # turns right: bulges out
                break
            kept.pop()
        kept.append(i)
    return line[kept]


def on_scalp(scalp: Scalp, points_mm: ArrayLike) -> NDArray[np.float64]:
    """Points (n, 3) moved onto the scalp."""
    return scalp.feet(points_mm)[0]


@dataclass(frozen=True, eq=False)
class ScalpRuler:
    """Measures along one scalp between points that have names.

    Parameters
    ----------
    points_mm, triangles : (n, 3) float64, (k, 3) int
        The scalp with the points among its corners.
    places : mapping
        Name → index of its corner.
    """

    points_mm: NDArray[np.float64]
    triangles: NDArray[np.int64]
    places: Mapping[str, int]
    _solver: Any = None

    @classmethod
    def of(cls, scalp: Scalp, named_mm: Mapping[str, ArrayLike]) -> ScalpRuler:
        """A ruler for some points, which are put on the scalp if they are off it.

        Raises
        ------
        InputError
            If the scalp is not a surface that paths can be laid on.
        """
        import potpourri3d as pp3d

        feet, owners = scalp.feet(np.array([np.asarray(p, float) for p in named_mm.values()]))
        points, triangles, places = with_points(scalp.points_mm, scalp.triangles, feet, owners)
        try:
            solver = pp3d.EdgeFlipGeodesicSolver(points, triangles)
        except (RuntimeError, ValueError) as error:
            raise InputError(
                f"no distances along this scalp: its surface is not a clean one ({' '.join(str(error).split())}); "
                "check the mesh with 'target mesh --check'"
            ) from None
        return cls(points, triangles, dict(zip(named_mm, places, strict=True)), solver)

    def path_mm(self, start: str, end: str) -> NDArray[np.float64]:
        """The path between two points, (p, 3), RAS mm."""
        a, b = (self.places[one_of(name, self.places, "point on the scalp")] for name in (start, end))
        if a == b:
            return self.points_mm[[a]]
        return np.asarray(self._solver.find_geodesic_path(a, b), dtype=np.float64)

    def distance_mm(self, *names: str) -> float:
        """Length of the path from point to point.

        Raises
        ------
        InputError
            If there is no point of a name.
        """
        legs = [self.path_mm(a, b) for a, b in pairwise(names)]
        return float(sum(np.linalg.norm(np.diff(leg, axis=0), axis=1).sum() for leg in legs))


@dataclass(frozen=True)
class TapeMeasure:
    """What a tape measure shows on one head.

    Parameters
    ----------
    landmarks_mm : mapping
        Nz, Iz, LPA, RPA → RAS mm, on the scalp.
    nasion_to_inion_mm, ear_to_ear_mm : float
        Over the vertex, as the 10-10 positions are measured: spanning the hollows on the way.
    places_mm : mapping
        Place → its distances from Nz, Iz, LPA and RPA.
    """

    landmarks_mm: Mapping[str, tuple[float, float, float]]
    nasion_to_inion_mm: float
    ear_to_ear_mm: float
    places_mm: Mapping[str, tuple[float, float, float, float]]


def tape_measure(
    scalp: Scalp, fiducials: Fiducials, vertex_mm: ArrayLike, places_mm: Mapping[str, ArrayLike]
) -> TapeMeasure:
    """Measure a head and where electrodes, or a coil's centre, go on it.

    Parameters
    ----------
    scalp : Scalp
    fiducials : Fiducials
    vertex_mm : (3,) float
        Cz, RAS mm.
    places_mm : mapping
        Name → its centre, RAS mm.

    Raises
    ------
    InputError
        If the scalp cannot be measured.
    """
    corners = dict(zip(LANDMARKS, fiducials.points_mm, strict=True))
    marked = {f"place {name}": point for name, point in places_mm.items()}
    ruler = ScalpRuler.of(scalp, {**corners, **marked})

    def from_landmarks(name: str) -> tuple[float, float, float, float]:
        nasion, inion, left, right = (ruler.distance_mm(corner, f"place {name}") for corner in LANDMARKS)
        return nasion, inion, left, right

    on_scalp = {name: ruler.points_mm[ruler.places[name]].tolist() for name in LANDMARKS}
    return TapeMeasure(
        landmarks_mm={name: (x, y, z) for name, (x, y, z) in on_scalp.items()},
        nasion_to_inion_mm=scalp_curve(scalp, fiducials.nasion_mm, vertex_mm, fiducials.inion_mm).length_mm,
        ear_to_ear_mm=scalp_curve(scalp, fiducials.lpa_mm, vertex_mm, fiducials.rpa_mm).length_mm,
        places_mm={name: from_landmarks(name) for name in places_mm},
    )


def with_points(
    points_mm: NDArray[np.float64],
    triangles: NDArray[np.integer],
    feet_mm: NDArray[np.float64],
    owners: NDArray[np.integer],
) -> tuple[NDArray[np.float64], NDArray[np.int64], list[int]]:
    """A surface with further corners inside its triangles.

    Parameters
    ----------
    points_mm, triangles : (n, 3), (k, 3)
    feet_mm : (p, 3) float
        Points of the surface, and
    owners : (p,) int
        the triangle each lies in.

    Returns
    -------
    points_mm, triangles, places : (n + p, 3), (k + 2 p, 3), list of int
        The new surface, and each point's index in it.

    Examples
    --------
    >>> import numpy as np
    >>> corner = np.eye(3)
    >>> points, triangles, places = with_points(corner, np.array([[0, 1, 2]]), corner.mean(0)[None], np.array([0]))
    >>> triangles.tolist(), places
    ([[3, 1, 2], [0, 3, 2], [0, 1, 3]], [3])
    """
    points = list(points_mm)
    pieces = {int(owner): [list(map(int, triangles[owner]))] for owner in set(owners.tolist())}
    places = []
    for foot, owner in zip(feet_mm, owners.tolist(), strict=True):
        inside = pieces[owner]
        shares = [_barycentric(foot, np.array([points[i] for i in piece])) for piece in inside]
        best = int(np.argmax([share.min() for share in shares]))
        piece, share = inside.pop(best), np.maximum(shares[best], INSIDE)
        new = len(points)
        points.append(share / share.sum() @ np.array([points[i] for i in piece]))
        a, b, c = piece
        inside += [[new, b, c], [a, new, c], [a, b, new]]
        places.append(new)
    whole = np.delete(np.asarray(triangles, np.int64), list(pieces), axis=0)
    added = np.array([piece for many in pieces.values() for piece in many], np.int64).reshape(-1, 3)
    return np.array(points), np.concatenate([whole, added]), places


def _barycentric(point: NDArray[np.float64], corners: NDArray[np.float64]) -> NDArray[np.float64]:
    edges = (corners[1:] - corners[0]).T
    u, v = np.linalg.lstsq(edges, point - corners[0], rcond=None)[0]
    return np.array([1 - u - v, u, v])
