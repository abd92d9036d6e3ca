"""Sources of a coil's magnetic vector potential A: dipoles, current elements, or a sampled grid.

With μ0/4π = 1e-7 T·m/A, lengths in metres, and per ampere of coil current:

- magnetic dipole m at r':        A(r) = 1e-7 · m × (r − r') / |r − r'|³
- current element dl at r':       A(r) = 1e-7 · dl / |r − r'|
- sampled grid:                   A interpolated, zero outside the grid

The primary electric field is E = −dA/dt = −A · dI/dt.  Points are millimetres in the coil frame.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class MagneticDipoles:
    """Dipoles ``points_mm`` (K, 3) with ``moments_a_m2`` (K, 3), A·m² per ampere."""

    points_mm: NDArray[np.float64]
    moments_a_m2: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class CurrentElements:
    """Straight wire pieces: centres ``points_mm`` (K, 3), oriented lengths ``elements_mm`` (K, 3)."""

    points_mm: NDArray[np.float64]
    elements_mm: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class PotentialGrid:
    """A on a regular grid: ``a_t_m`` (nx, ny, nz, 3), T·m per ampere, components in the coil frame.

    ``affine_mm`` (4, 4) takes a voxel index to coil-frame millimetres.
    """

    a_t_m: NDArray[np.float64]
    affine_mm: NDArray[np.float64]


Source = MagneticDipoles | CurrentElements | PotentialGrid


def reversed_source(source: Source) -> Source:
    """The same source with its current reversed."""
    if isinstance(source, MagneticDipoles):
        return replace(source, moments_a_m2=-source.moments_a_m2)
    if isinstance(source, CurrentElements):
        return replace(source, elements_mm=-source.elements_mm)
    return replace(source, a_t_m=-source.a_t_m)
