"""Dipoles that make a sampled A-field, for the search by reciprocity, which needs the coil's sources.

Whatever lies behind a plane z = −d is, seen from before it, a sheet of z dipoles in that plane (the sheet's density
follows from B_z there).  The sheet is taken on a square lattice and its moments fitted by least squares to the samples
from 5 mm before the casing on, each height weighted alike.  The depth d that fits best is kept.  The fit is tested on
samples it has not seen; a coil whose wings reach before z = 0 has no such sheet and is refused.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from meshes.errors import InputError
from targeting.coils.coil import Coil
from targeting.coils.fields import vector_potential
from targeting.coils.sources import CurrentElements, MagneticDipoles, PotentialGrid

log = logging.getLogger(__name__)

LATTICE_MM = 8.0
DEPTHS_MM = (4.0, 5.0, 6.5, 8.0, 10.0, 12.0)
NEAREST_MM, FARTHEST_MM = 5.0, 100.0
MAX_ERROR = 0.01
WIRE_CELL_MM = 2.0  # moves A by under 0.06 % at 5 mm from a finely cut wire (a Brainsway H7 file)


def equivalent_dipoles(grid: PotentialGrid) -> tuple[MagneticDipoles, float]:
    """Dipoles that make the sampled field, and the largest error of A on samples left out of the fit.

    The error is relative to the largest |A| at the same height.

    Raises
    ------
    InputError
        If no sheet of dipoles behind z = 0 makes this field within 1 %.
    """
    points, a, size = _samples(grid)
    strong = (points[:, 2] < points[:, 2].min() + 5) & (_norm(a) > 0.3 * size)  # over the windings
    wide = np.abs(points[strong, :2]).max(axis=0) + LATTICE_MM
    steps = np.ceil(wide / LATTICE_MM).astype(int)
    axes = [LATTICE_MM * np.arange(-n, n + 1) for n in steps]
    lattice = np.stack(np.meshgrid(*axes, [0.0], indexing="ij"), -1).reshape(-1, 3)
    order = np.random.default_rng(0).permutation(len(points))
    fitted, left_out = np.split(order, [min(len(order) * 3 // 4, 6000)])
    left_out = left_out[:4000]
    best, least = None, np.inf
    for depth in DEPTHS_MM:
        dipoles = _fit(lattice - [0, 0, depth], points[fitted], a[fitted], size[fitted])
        wrong = _norm(vector_potential(dipoles, points[left_out]) - a[left_out]) / size[left_out]
        if wrong.max() < least:
            best, least = dipoles, float(wrong.max())
    if best is None or least > MAX_ERROR:
        raise InputError(
            f"this A-field is not that of a flat coil behind z = 0 (error {least:.0%}): "
            "the search needs the coil as a .ccd or .tcd file"
        )
    return best, least


def _samples(grid: PotentialGrid) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Nodes before the casing, A there, and the largest |A| near the same height."""
    index = np.stack(np.meshgrid(*[np.arange(n) for n in grid.a_t_m.shape[:3]], indexing="ij"), -1).reshape(-1, 3)
    points = index @ grid.affine_mm[:3, :3].T + grid.affine_mm[:3, 3]
    near = (points[:, 2] >= NEAREST_MM) & (points[:, 2] <= FARTHEST_MM) & (np.abs(points[:, :2]) <= 150).all(axis=1)
    points, a = points[near], grid.a_t_m.reshape(-1, 3)[near]
    if len(points) < 1000 or not a.any():
        raise InputError(
            "the A-field has too few samples 5 to 100 mm before the coil: sample it finer or give a .ccd file"
        )
    level = np.floor(points[:, 2] / 5).astype(int)
    largest = np.zeros(level.max() + 1)
    np.maximum.at(largest, level, _norm(a))
    return points, a, largest[level]


def _fit(
    lattice: NDArray[np.float64], points: NDArray[np.float64], a: NDArray[np.float64], size: NDArray[np.float64]
) -> MagneticDipoles:
    x, y, z = ((points[:, i, None] - lattice[None, :, i]) * 1e-3 for i in range(3))
    weight = 1e-7 * (x * x + y * y + z * z) ** -1.5 / size[:, None]
    rows = np.vstack([-y * weight, x * weight])
    right = np.concatenate([a[:, 0] / size, a[:, 1] / size])
    normal = rows.T @ rows
    normal[np.diag_indices_from(normal)] += 1e-7 * np.trace(normal) / len(normal)
    m = np.linalg.solve(normal, rows.T @ right)
    return MagneticDipoles(lattice, np.c_[np.zeros((len(m), 2)), m])


def _norm(a: NDArray[np.float64]) -> NDArray[np.float64]:
    """|A| of each row."""
    return np.linalg.norm(a, axis=1)


def merged_wires(wires: CurrentElements, cell_mm: float = WIRE_CELL_MM) -> CurrentElements:
    """Wire pieces that share a cubic cell as one, at their mean place weighted by length."""
    _, cell = np.unique(np.floor(wires.points_mm / cell_mm), axis=0, return_inverse=True)
    length = _norm(wires.elements_mm)

    def summed(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.stack([np.bincount(cell.ravel(), column) for column in values.T], axis=1)

    centers = summed(wires.points_mm * length[:, None]) / np.maximum(np.bincount(cell.ravel(), length), 1e-12)[:, None]
    return CurrentElements(centers, summed(wires.elements_mm))


@lru_cache(maxsize=8)
def searchable(coil: Coil) -> Coil:
    """The coil with its wires merged, and its sampled grids as dipoles where they can be: for many poses, fast."""
    sources = []
    for source in coil.sources:
        if isinstance(source, CurrentElements):
            source = merged_wires(source)
        if isinstance(source, PotentialGrid):
            try:
                source, error = equivalent_dipoles(source)
                log.info("%s: %d equivalent dipoles, right to %.2f %%", coil.name, len(source.points_mm), 100 * error)
            except InputError as refused:
                log.info("%s is searched slowly: %s", coil.name, refused)
        sources.append(source)
    return replace(coil, sources=tuple(sources))
