"""Distances along the scalp, as a tape measure lies: geodesics between landmarks and the places of electrodes or a coil.

The points are put into the scalp's triangles as corners, and a path along its edges is flipped straight (Sharp & Crane
2020, "You can find geodesic paths in triangle meshes by just flipping edges"): what comes out is a straightest path on
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
from atlases.scalp import Scalp, scalp_feet
from atlases.scalp_curve import scalp_curve
from meshes.choices import one_of
from meshes.errors import InputError

LANDMARKS = ("Nz", "Iz", "LPA", "RPA")
INSIDE = 1e-3  # a point nearer to a triangle's edge than this share of it is moved inside: no slivers


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

        feet, owners = scalp_feet(scalp, np.array([np.asarray(p, float) for p in named_mm.values()]))
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
