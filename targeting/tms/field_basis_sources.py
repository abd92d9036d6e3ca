r"""Which sources to solve for, and where to feel a coil: the two surfaces of a field basis.

No current flows in air.  So whatever a coil outside a closed surface does inside it is told by its magnetic field on that
surface, and could as well be done by magnetic dipoles normal to another closed surface between the coil and the head (the
equivalence principle; both surfaces follow the scalp here, at a given distance):

- *sensors* lie inside the head, deep enough for the field there to be smooth between them, and tell what a coil does;
- *sources* are dipoles some way off the scalp, and do the same.  Windings come nearer than that; but fields go on smoothly
  from the head outward for a while, and sources 30 mm away fit a coil's field at the cortex with half as many of them as
  sources 10 mm away do (400 and 200 of them leave 14 and 2 % of a figure-of-eight's B, 95th percentile, on colin27).

Of thousands of candidate sources those are taken whose fields at the sensors span the others' best: a QR decomposition
with column pivoting (an interpolative decomposition: Cheng et al. 2005, SIAM J. Sci. Comput. 26:1389) of the candidates'
fields, sketched by random rows (Halko et al. 2011, SIAM Rev. 53:217).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.linalg
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from atlases.scalp import Scalp
from meshes.mesher.points import poisson_disk
from targeting.coils.sources import MagneticDipoles

MU0_OVER_4PI = 1e-7
SOURCES_MM = 30.0  # off the scalp: windings may be nearer, but smooth fields fit each other with fewer of them
SOURCE_SPACING_MM = 8.0
SENSORS_MM = -10.0
SENSOR_SPACING_MM = 11.0
SENSED_WITHIN_MM = 80.0  # of the rows: farther parts of the head do not matter to them
INFLUENCE_MM = 30.0  # at this distance from the rows the field counts a quarter
OVERSAMPLING = 1.3  # random rows of the sketch, per source wanted


@dataclass(frozen=True, eq=False)
class Sensors:
    """Points that feel a coil, ``points_mm`` (P, 3), and what each counts, ``weight`` (P,)."""

    points_mm: NDArray[np.float64]
    weight: NDArray[np.float64]

    @classmethod
    def round_rows(cls, scalp: Scalp, points_mm: NDArray[np.float64], spacing_mm: float = SENSOR_SPACING_MM) -> Sensors:
        """Sensors under the scalp that matter to rows at some points (K, 3)."""
        places, _ = level(scalp, SENSORS_MM, spacing_mm)
        distance = cKDTree(points_mm).query(places)[0]
        near = distance < max(SENSED_WITHIN_MM, float(distance.min()) + SENSED_WITHIN_MM)
        return cls(places[near], 1 / (1 + (distance[near] / INFLUENCE_MM) ** 2) ** 2)


def level(scalp: Scalp, distance_mm: float, spacing_mm: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Points at a distance from the scalp (negative inside), ``spacing_mm`` or more apart, and unit normals there."""
    import pyvista as pv

    grid = scalp.distance
    image = pv.ImageData(dimensions=grid.mm.shape, spacing=(grid.step_mm,) * 3, origin=grid.origin_mm)
    image["mm"] = grid.mm.ravel(order="F")
    surface = image.contour([distance_mm], scalars="mm", method="flying_edges", compute_normals=True)
    points = np.asarray(surface.points, np.float64)
    normals = np.asarray(surface.point_data["Normals"], np.float64)
    offset = points - points.min(0)
    order = np.random.default_rng(0).permutation(len(points))
    keep = poisson_disk(offset, np.full(len(points), spacing_mm), order, offset.max(0), spacing_mm)
    return points[keep], normals[keep] / np.linalg.norm(normals[keep], axis=1, keepdims=True)


def dipole_fields(sources: MagneticDipoles, points_mm: NDArray[np.float64]) -> NDArray[np.float32]:
    """B of each dipole at points (P, 3), (3 P, D) tesla; row 3 p + axis."""
    x = (points_mm[:, None, :] - sources.points_mm[None]).astype(np.float32) * np.float32(1e-3)
    moments = sources.moments_a_m2.astype(np.float32)
    r2 = np.einsum("pdx,pdx->pd", x, x)
    along = 3 * np.einsum("pdx,dx->pd", x, moments) / r2
    x *= along[..., None]
    x -= moments
    x *= (np.float32(MU0_OVER_4PI) / (r2 * np.sqrt(r2)))[..., None]
    return np.ascontiguousarray(np.swapaxes(x, 1, 2)).reshape(-1, len(moments))


def chosen_sources(scalp: Scalp, sensors: Sensors, count: int, seed: int = 0) -> MagneticDipoles:
    """``count`` unit dipoles (1 A·m²) round the head whose fields at the sensors span those of all others best."""
    places, normals = level(scalp, SOURCES_MM, SOURCE_SPACING_MM)
    candidates = MagneticDipoles(places, normals)
    fields = dipole_fields(candidates, sensors.points_mm) * np.repeat(sensors.weight, 3)[:, None].astype(np.float32)
    count = min(count, *fields.shape)
    rows = int(OVERSAMPLING * count)
    if rows < len(fields):
        mix = np.random.default_rng(seed).standard_normal((rows, len(fields)), np.float32)
        fields = mix @ fields
    best = np.sort(scipy.linalg.qr(fields, mode="r", pivoting=True)[1][:count])
    return MagneticDipoles(places[best], normals[best])
