r"""The magnetic field of many current moments, everywhere outside the head, from one regular grid.

Moments J_e (A·m, at points r_e) are spread onto grid nodes with cubic Lagrange weights, which keep every polynomial moment
up to degree three, so that a few millimetres away the nodes' field is the moments' field.  A sum over nodes of a kernel of
the distance is a convolution, done by FFT:

    A(r) = 1e-7 Σ J/|r − r'|,        B(r) = ∇ × A = 1e-7 Σ J × (r − r')/|r − r'|³.

Between the nodes B and A are read with the same cubic Lagrange weights.
"""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray
from scipy import fft

MU0_OVER_4PI = 1e-7
FFT_THREADS = 2


@dataclass(frozen=True)
class Grid:
    """A regular grid aligned with the world: node (i, j, k) is at ``origin_mm + spacing_mm * (i, j, k)``."""

    origin_mm: NDArray[np.float64]
    spacing_mm: float
    shape: tuple[int, int, int]

    @classmethod
    def covering(cls, points_mm: NDArray[np.float64], margin_mm: float, spacing_mm: float) -> Grid:
        """The smallest grid with its nodes at multiples of the spacing that holds the points with a margin."""
        low = np.floor((points_mm.min(0) - margin_mm) / spacing_mm) - 2
        high = np.ceil((points_mm.max(0) + margin_mm) / spacing_mm) + 2
        nx, ny, nz = (int(n) for n in high - low + 1)
        return cls(low * spacing_mm, spacing_mm, (nx, ny, nz))


@numba.njit(cache=True, inline="always")
def lagrange(f):  # type: ignore[no-untyped-def]
    """Cubic Lagrange weights of nodes −1, 0, 1, 2 for a point at 0 ≤ f < 1."""
    return (
        -f * (f - 1) * (f - 2) / 6,
        (f + 1) * (f - 1) * (f - 2) / 2,
        -(f + 1) * f * (f - 2) / 2,
        (f + 1) * f * (f - 1) / 6,
    )


@numba.njit(cache=True)
def _spread(points_mm, moments, origin_mm, spacing_mm, nx, ny, nz):  # type: ignore[no-untyped-def]
    out = np.zeros((nx, ny, nz, moments.shape[1]))
    for e in range(len(points_mm)):
        x = (points_mm[e, 0] - origin_mm[0]) / spacing_mm
        y = (points_mm[e, 1] - origin_mm[1]) / spacing_mm
        z = (points_mm[e, 2] - origin_mm[2]) / spacing_mm
        i, j, k = int(np.floor(x)), int(np.floor(y)), int(np.floor(z))
        wx, wy, wz = lagrange(x - i), lagrange(y - j), lagrange(z - k)
        for a in range(4):
            for b in range(4):
                for c in range(4):
                    w = wx[a] * wy[b] * wz[c]
                    for m in range(moments.shape[1]):
                        out[i + a - 1, j + b - 1, k + c - 1, m] += w * moments[e, m]
    return out


def spread(points_mm: NDArray[np.float64], moments: NDArray[np.float64], grid: Grid) -> NDArray[np.float64]:
    """Moments (M, c) at points (M, 3) as moments of the grid's nodes, (nx, ny, nz, c)."""
    return _spread(points_mm, np.ascontiguousarray(moments), grid.origin_mm, grid.spacing_mm, *grid.shape)


class Convolution:
    """Sums over the nodes of a source grid of 1/r and r/r³, at the nodes of a larger grid of the same spacing."""

    def __init__(self, source: Grid, target: Grid) -> None:
        self._shape = target.shape
        self._padded = [
            fft.next_fast_len(s + t - 1, real=True) for s, t in zip(source.shape, target.shape, strict=True)
        ]
        offset = np.rint((target.origin_mm - source.origin_mm) / target.spacing_mm).astype(int)
        axes = []
        for axis, (size, n_target) in enumerate(zip(self._padded, target.shape, strict=True)):
            lag = np.arange(size)
            lag = np.where(lag < n_target, lag, lag - size) + offset[axis]
            axes.append(lag * target.spacing_mm * 1e-3)
        self._x = np.meshgrid(*axes, indexing="ij", sparse=True)
        r2 = self._x[0] ** 2 + self._x[1] ** 2 + self._x[2] ** 2
        with np.errstate(divide="ignore"):
            self._inverse_r = np.where(r2 > 0, 1 / np.sqrt(r2), 0.0)

    def _transform(self, values: NDArray) -> NDArray:
        return fft.rfftn(values.astype(np.float32), self._padded, workers=FFT_THREADS)

    def _inverse(self, spectrum: NDArray) -> NDArray[np.float32]:
        nx, ny, nz = self._shape
        return fft.irfftn(spectrum, self._padded, workers=FFT_THREADS)[:nx, :ny, :nz]

    def vector_potential(self, moments: NDArray[np.floating]) -> NDArray[np.float32]:
        """A at the target nodes for node moments (nx, ny, nz, 3k): (…, 3k)."""
        kernel = self._transform(MU0_OVER_4PI * self._inverse_r)
        return np.stack(
            [self._inverse(self._transform(moments[..., m]) * kernel) for m in range(moments.shape[3])], axis=-1
        )

    def magnetic_field(self, moments: NDArray[np.floating]) -> NDArray[np.float32]:
        """B at the target nodes for node moments (nx, ny, nz, 3k): (…, 3k)."""
        kernel = [self._transform(MU0_OVER_4PI * x * self._inverse_r**3) for x in self._x]
        out = np.empty((*self._shape, moments.shape[3]), np.float32)
        for first in range(0, moments.shape[3], 3):
            j = [self._transform(moments[..., first + axis]) for axis in range(3)]
            for axis in range(3):
                y, z = (axis + 1) % 3, (axis + 2) % 3
                out[..., first + axis] = self._inverse(j[y] * kernel[z] - j[z] * kernel[y])
        return out
