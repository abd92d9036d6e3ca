"""The fields of a coil: A and B at points, and sources moved into another frame.

Per ampere of coil current (formulas in :mod:`targeting.coils.sources`); the primary electric field of a pulse is
E = −A · dI/dt.  The sums run over all pairs, compiled and in parallel over the points: about 1e8 pairs a second and
core, exact to rounding, so no tree or multipole method stands between a coil and its field.
"""

from __future__ import annotations

from typing import overload

import numpy as np
from numba import njit, prange
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import map_coordinates

from meshes.errors import InputError
from targeting.coils.coil import Coil
from targeting.coils.sources import CurrentElements, MagneticDipoles, PotentialGrid, Source

MU0_OVER_4PI = 1e-7  # T·m/A


@njit(parallel=True, fastmath=True, cache=True)
def _dipole_potential(points, centers, moments):  # type: ignore[no-untyped-def]
    out = np.empty_like(points)
    for i in prange(points.shape[0]):
        ax = ay = az = 0.0
        for k in range(centers.shape[0]):
            x = points[i, 0] - centers[k, 0]
            y = points[i, 1] - centers[k, 1]
            z = points[i, 2] - centers[k, 2]
            r2 = x * x + y * y + z * z
            s = 1.0 / (r2 * np.sqrt(r2))
            ax += (moments[k, 1] * z - moments[k, 2] * y) * s
            ay += (moments[k, 2] * x - moments[k, 0] * z) * s
            az += (moments[k, 0] * y - moments[k, 1] * x) * s
        out[i, 0] = ax
        out[i, 1] = ay
        out[i, 2] = az
    return out


@njit(parallel=True, fastmath=True, cache=True)
def _dipole_field(points, centers, moments):  # type: ignore[no-untyped-def]
    out = np.empty_like(points)
    for i in prange(points.shape[0]):
        bx = by = bz = 0.0
        for k in range(centers.shape[0]):
            x = points[i, 0] - centers[k, 0]
            y = points[i, 1] - centers[k, 1]
            z = points[i, 2] - centers[k, 2]
            r2 = x * x + y * y + z * z
            s = 1.0 / (r2 * np.sqrt(r2))
            along = 3.0 * (moments[k, 0] * x + moments[k, 1] * y + moments[k, 2] * z) / r2
            bx += (along * x - moments[k, 0]) * s
            by += (along * y - moments[k, 1]) * s
            bz += (along * z - moments[k, 2]) * s
        out[i, 0] = bx
        out[i, 1] = by
        out[i, 2] = bz
    return out


@njit(parallel=True, fastmath=True, cache=True)
def _element_potential(points, centers, elements):  # type: ignore[no-untyped-def]
    out = np.empty_like(points)
    for i in prange(points.shape[0]):
        ax = ay = az = 0.0
        for k in range(centers.shape[0]):
            x = points[i, 0] - centers[k, 0]
            y = points[i, 1] - centers[k, 1]
            z = points[i, 2] - centers[k, 2]
            s = 1.0 / np.sqrt(x * x + y * y + z * z)
            ax += elements[k, 0] * s
            ay += elements[k, 1] * s
            az += elements[k, 2] * s
        out[i, 0] = ax
        out[i, 1] = ay
        out[i, 2] = az
    return out


@njit(parallel=True, fastmath=True, cache=True)
def _element_field(points, centers, elements):  # type: ignore[no-untyped-def]
    out = np.empty_like(points)
    for i in prange(points.shape[0]):
        bx = by = bz = 0.0
        for k in range(centers.shape[0]):
            x = points[i, 0] - centers[k, 0]
            y = points[i, 1] - centers[k, 1]
            z = points[i, 2] - centers[k, 2]
            r2 = x * x + y * y + z * z
            s = 1.0 / (r2 * np.sqrt(r2))
            bx += (elements[k, 1] * z - elements[k, 2] * y) * s
            by += (elements[k, 2] * x - elements[k, 0] * z) * s
            bz += (elements[k, 0] * y - elements[k, 1] * x) * s
        out[i, 0] = bx
        out[i, 1] = by
        out[i, 2] = bz
    return out


def vector_potential(coil: Coil | Source, points_mm: ArrayLike) -> NDArray[np.float64]:
    """A of a coil or of one source, per ampere of coil current.

    Parameters
    ----------
    coil : Coil or one of its sources
    points_mm : (n, 3) array_like
        In the frame of the coil (of the source).

    Returns
    -------
    (n, 3) float64
        T·m per ampere.  A sampled grid is interpolated by cubic splines and is zero outside.

    Examples
    --------
    One dipole along z, seen from +x: A points along +y, 1e-7 · m / r².

    >>> import numpy as np
    >>> from targeting.coils.sources import MagneticDipoles
    >>> dipole = MagneticDipoles(np.zeros((1, 3)), np.array([[0.0, 0.0, 1.0]]))
    >>> bool(np.allclose(vector_potential(dipole, [[100.0, 0.0, 0.0]]), [[0.0, 1e-5, 0.0]]))
    True
    """
    points_mm = _points(points_mm)
    if isinstance(coil, Coil):
        return np.sum([vector_potential(source, points_mm) for source in coil.sources], axis=0)
    if isinstance(coil, PotentialGrid):
        return _interpolated(coil, points_mm)
    points_m, centers_m = points_mm * 1e-3, np.ascontiguousarray(coil.points_mm) * 1e-3
    if isinstance(coil, MagneticDipoles):
        a = _dipole_potential(points_m, centers_m, np.ascontiguousarray(coil.moments_a_m2))
    else:
        a = _element_potential(points_m, centers_m, np.ascontiguousarray(coil.elements_mm) * 1e-3)
    a *= MU0_OVER_4PI  # in place: points may be millions
    return a


def magnetic_field(coil: Coil | Source, points_mm: ArrayLike) -> NDArray[np.float64]:
    """B of a coil or of one source, (n, 3) tesla per ampere; for a grid the curl of the sampled A."""
    points_mm = _points(points_mm)
    if isinstance(coil, Coil):
        return np.sum([magnetic_field(source, points_mm) for source in coil.sources], axis=0)
    if isinstance(coil, PotentialGrid):
        return _interpolated(_curl(coil), points_mm)
    points_m, centers_m = points_mm * 1e-3, np.ascontiguousarray(coil.points_mm) * 1e-3
    if isinstance(coil, MagneticDipoles):
        return MU0_OVER_4PI * _dipole_field(points_m, centers_m, np.ascontiguousarray(coil.moments_a_m2))
    return MU0_OVER_4PI * _element_field(points_m, centers_m, np.ascontiguousarray(coil.elements_mm) * 1e-3)


@overload
def transformed(source: MagneticDipoles, matrix_mm: ArrayLike) -> MagneticDipoles: ...
@overload
def transformed(source: Source, matrix_mm: ArrayLike) -> Source: ...
def transformed(source: Source, matrix_mm: ArrayLike) -> Source:
    """Move a source by a rigid 4 × 4 matrix (millimetres), for instance a pose: coil frame → world.

    Then ``vector_potential(transformed(s, m), p)`` is ``vector_potential(s, inverse(m) p)``, turned by m's rotation.

    Raises
    ------
    InputError
        If the matrix shears, scales or mirrors: dipoles and wires would not follow it in the same way.
    """
    matrix = np.asarray(matrix_mm, dtype=np.float64)
    rotation = matrix[:3, :3]
    if np.abs(rotation.T @ rotation - np.eye(3)).max() > 1e-3 or np.linalg.det(rotation) < 0:
        raise InputError("a coil can only be moved by a rigid right-handed matrix; this one shears, scales or mirrors")
    if isinstance(source, PotentialGrid):
        return PotentialGrid(source.a_t_m @ rotation.T, matrix @ source.affine_mm)
    points_mm = source.points_mm @ rotation.T + matrix[:3, 3]
    if isinstance(source, MagneticDipoles):
        return MagneticDipoles(points_mm, source.moments_a_m2 @ rotation.T)
    return CurrentElements(points_mm, source.elements_mm @ rotation.T)


def current_direction_y(sources: tuple[Source, ...]) -> int:
    """Which way the induced current runs 20 mm below the coil's centre for dI/dt > 0: +1 along +y, −1 along −y, or 0.

    E = −A · dI/dt there.  0 if A_y is not the dominant component, or if the field there is weak against its maximum
    at that depth (under the hole of a circular coil).
    """
    step = np.arange(-80.0, 81.0, 20.0)
    plane_mm = np.stack(np.meshgrid(step, step, [20.0], indexing="ij"), -1).reshape(-1, 3)
    everywhere = np.sum([vector_potential(source, plane_mm) for source in sources], axis=0)
    center = everywhere[len(everywhere) // 2]
    size = np.linalg.norm(center)
    if size < 0.3 * np.linalg.norm(everywhere, axis=1).max() or abs(center[1]) < 0.9 * size:
        return 0
    return int(-np.sign(center[1]))


def _points(points_mm: ArrayLike) -> NDArray[np.float64]:
    points = np.ascontiguousarray(points_mm, dtype=np.float64)
    if points.ndim != 2 or points.shape[1] != 3:
        raise InputError(f"points must have shape (n, 3), not {points.shape}")
    return points


def _interpolated(grid: PotentialGrid, points_mm: NDArray[np.float64]) -> NDArray[np.float64]:
    inverse = np.linalg.inv(grid.affine_mm)
    index = points_mm @ inverse[:3, :3].T + inverse[:3, 3]
    parts = [map_coordinates(grid.a_t_m[..., i], index.T, order=3, mode="nearest") for i in range(3)]
    inside = np.all((index >= -1e-6) & (index <= np.array(grid.a_t_m.shape[:3]) - 1 + 1e-6), axis=1)
    return np.stack(parts, axis=1) * inside[:, None]


def _curl(grid: PotentialGrid) -> PotentialGrid:
    """Curl of a sampled A on the same grid, by central differences."""
    by_index = np.stack(np.gradient(grid.a_t_m, axis=(0, 1, 2)), axis=-1)  # (..., component, axis)
    by_metre = by_index @ np.linalg.inv(grid.affine_mm[:3, :3]) * 1e3
    curl = np.stack(
        [by_metre[..., (i + 2) % 3, (i + 1) % 3] - by_metre[..., (i + 1) % 3, (i + 2) % 3] for i in range(3)], -1
    )
    return PotentialGrid(curl, grid.affine_mm)
