r"""Reduce a coil to fewer parts with the same field, so that millions of poses can be tried.

Seen from the head, a coil's many small parts say the same thing several times over.  With the vector potential of part k at
probe points in the space that a head can take as column a_k, a pivoted QR puts the columns that say most first, A P = Q R; the
first few of them, each with a new strength, then make the coil's whole field Σ a_k in the sense of least squares (after the
interpolative decomposition of Cheng, Gimbutas, Martinsson, Rokhlin 2005, doi 10.1137/030602678): same places, same
directions.  What k of them cannot make is the rest of Qᵀ Σ a_k, so that the fewest are taken that leave ``TOLERANCE`` of it.

The probe points lie before the casing, from ``DEPTHS_MM[0]`` before it on: closer, there is only scalp, which carries little
of the reciprocal current.  ``tests/test_condensed.py`` holds the doses that follow to 0.5 %.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import qr, solve_triangular
from scipy.spatial import cKDTree

from targeting.coils.coil import Coil
from targeting.coils.equivalent import searchable
from targeting.coils.fields import vector_potential
from targeting.coils.sources import CurrentElements, MagneticDipoles, PotentialGrid, Source

DEPTHS_MM = (6.0, 10.0, 16.0, 25.0, 40.0, 65.0)
BESIDE_MM = 30.0
STEP_MM = 10.0
TOLERANCE = 1e-3


@lru_cache(maxsize=8)
def condensed(coil: Coil, tolerance: float = TOLERANCE) -> Coil:
    """The coil with as few of its parts as its field in a head needs; sampled grids stay as they are.

    Parameters
    ----------
    coil : Coil
    tolerance : float
        Of the field at the probe points, each counted alike.

    Examples
    --------
    >>> from targeting.coils import Coil
    >>> from targeting.coils.condensed import condensed
    >>> coil = Coil.named("figure8-70mm")
    >>> len(condensed(coil).sources[0].points_mm) < len(coil.sources[0].points_mm) / 2
    True
    """
    coil = searchable(coil)
    points = probe_points_mm(coil)
    return replace(coil, sources=tuple(_fewer(source, points, tolerance) for source in coil.sources))


def probe_points_mm(coil: Coil) -> NDArray[np.float64]:
    """Points the head may reach before the casing, (n, 3): a lattice at ``DEPTHS_MM`` before the casing's face."""
    casing = coil.casing.points_mm
    low, high = casing[:, :2].min(0) - BESIDE_MM, casing[:, :2].max(0) + BESIDE_MM
    x, y = (np.arange(low[i], high[i] + STEP_MM, STEP_MM) for i in range(2))
    flat = np.stack(np.meshgrid(x, y, indexing="ij"), -1).reshape(-1, 2)
    # the face over a place, or beside the casing that of its rim
    over = cKDTree(casing[:, :2])
    rim = over.query(flat)[1]
    near = over.query_ball_point(flat, STEP_MM)
    face = np.array([casing[here, 2].max() if here else casing[r, 2] for here, r in zip(near, rim, strict=True)])
    points = np.concatenate([np.c_[flat, face + depth] for depth in DEPTHS_MM])
    return points[cKDTree(casing).query(points)[0] >= DEPTHS_MM[0]]


def _fewer(source: Source, points_mm: NDArray[np.float64], tolerance: float) -> Source:
    if isinstance(source, PotentialGrid):
        return source
    columns = np.stack([vector_potential(part, points_mm).ravel() for part in _parts(source)], axis=1)
    # every probe point counts alike, near the coil or deep
    at_point = np.sqrt((columns**2).reshape(len(points_mm), -1).sum(1))
    columns /= np.repeat(at_point, 3)[:, None]
    # the picking goes column by column, which is slow on many rows: first as few rows as columns, with the same products
    small = qr(columns, mode="r", overwrite_a=True, check_finite=False)[0][: columns.shape[1]]
    q, r, order = qr(small, mode="economic", pivoting=True)
    total = q.T @ small.sum(1)
    left = np.sqrt(np.cumsum(total[::-1] ** 2)[::-1])  # what the first k picked parts cannot make
    kept = max(int((left > tolerance * left[0]).sum()), 1)
    chosen, strength = order[:kept], solve_triangular(r[:kept, :kept], total[:kept])
    if isinstance(source, MagneticDipoles):
        return MagneticDipoles(source.points_mm[chosen], strength[:, None] * source.moments_a_m2[chosen])
    return CurrentElements(source.points_mm[chosen], strength[:, None] * source.elements_mm[chosen])


def _parts(source: MagneticDipoles | CurrentElements) -> list[Source]:
    if isinstance(source, MagneticDipoles):
        return [
            MagneticDipoles(source.points_mm[k : k + 1], source.moments_a_m2[k : k + 1])
            for k in range(len(source.points_mm))
        ]
    return [
        CurrentElements(source.points_mm[k : k + 1], source.elements_mm[k : k + 1])
        for k in range(len(source.points_mm))
    ]
