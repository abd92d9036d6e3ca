"""Region: weighted points of a leadfield, and the field there as small matrices of the currents.

Whatever an optimiser asks of the field is linear or quadratic in the currents, so K points shrink to a row of n numbers
(a mean component), three rows (a mean vector) or an n × n form (a mean square), and no programme ever sees K.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from meshes.errors import InputError

if TYPE_CHECKING:
    from atlases import Target
    from meshes import HeadMesh
    from targeting.tes.leadfield import Leadfield

ALIKE = 1e-12  # of the largest eigenvalue: 1e-6 of the field
BLOCK = 20_000  # points at a time: n × 3 × BLOCK doubles are 36 MB for 74 electrodes


@dataclass(frozen=True, eq=False)
class Region:
    """Points of a leadfield and their weights.

    Parameters
    ----------
    points : (m,) int64
        Indices into the leadfield's points.
    weights : (m,) float64
        At least 0; they are scaled to sum to 1.
    name : str
        As it is called in messages.

    Raises
    ------
    InputError
        If it is empty or has no weight.
    """

    points: NDArray[np.int64]
    weights: NDArray[np.float64]
    name: str = "target"

    def __post_init__(self) -> None:
        points, weights = np.asarray(self.points, np.int64), np.asarray(self.weights, np.float64)
        if len(points) == 0 or not weights.sum() > 0:
            raise InputError(
                f"the region {self.name!r} holds no grey matter of the leadfield; make it larger or move it"
            )
        object.__setattr__(self, "points", points)
        object.__setattr__(self, "weights", weights / weights.sum())

    @classmethod
    def of_target(cls, leadfield: Leadfield, head: HeadMesh, target: Target) -> Region:
        """The grey matter of a target.

        Raises
        ------
        InputError
            If none of it, or not all, is in the leadfield.
        """
        tets, weights = target.weights(head)
        order = np.argsort(leadfield.tets)
        place = order[np.searchsorted(leadfield.tets, tets, sorter=order).clip(max=len(order) - 1)]
        if (np.asarray(leadfield.tets)[place] != tets).any():
            raise InputError(f"the leadfield does not cover the target {target.name!r}; make it anew for this head")
        return cls(place, weights, target.name)

    @classmethod
    def ball(cls, leadfield: Leadfield, center_mm: ArrayLike, radius_mm: float, name: str = "target") -> Region:
        """All points within a radius, by volume.

        Parameters
        ----------
        leadfield : Leadfield
        center_mm : (3,)
            RAS mm.
        radius_mm : float
        name : str
            For messages.
        """
        apart = np.linalg.norm(leadfield.points_mm - np.asarray(center_mm, float), axis=1)
        points = np.flatnonzero(apart <= radius_mm)
        return cls(points, leadfield.volume_mm3[points], name)

    def outside(self, leadfield: Leadfield) -> Region:
        """All other points of the leadfield, by volume."""
        rest = np.ones(len(leadfield.points_mm), bool)
        rest[self.points] = False
        return Region(np.flatnonzero(rest), leadfield.volume_mm3[rest], f"outside {self.name}")

    def mean_rows(self, leadfield: Leadfield) -> NDArray[np.float64]:
        """Mean field vector per ampere of every electrode, (3, n) V/m per A."""
        total = np.zeros((3, len(leadfield.names)))
        for points, weights in self._blocks():
            total += np.einsum("nkd,k->dn", leadfield.e_v_per_m_per_a[:, points], weights, dtype=np.float64)
        return total

    def row(self, leadfield: Leadfield, direction: ArrayLike) -> NDArray[np.float64]:
        """Mean component along one direction (3,) or along each point's own (m, 3), (n,) V/m per A."""
        along = np.asarray(direction, float)
        if along.shape not in ((3,), (len(self.points), 3)) or not np.isfinite(along).all():
            raise InputError(f"a direction is three finite numbers, or three for each of {len(self.points)} points")
        length = np.linalg.norm(along, axis=-1, keepdims=True)
        if not (length > 0).all():
            raise InputError("a direction of length 0 points nowhere; give another")
        if along.ndim == 1:
            return along / length @ self.mean_rows(leadfield)
        weighted = self.weights[:, None] * along / length
        return np.einsum("nkd,kd->n", leadfield.e_v_per_m_per_a[:, self.points], weighted, dtype=np.float64)

    def mean_square(self, leadfield: Leadfield) -> NDArray[np.float64]:
        """Q with xᵀQx the weighted mean of |E|² under currents x, (n, n) (V/m)²/A²."""
        n = len(leadfield.names)
        total = np.zeros((n, n))
        for points, weights in self._blocks():
            rows = leadfield.e_v_per_m_per_a[:, points].astype(np.float64)
            rows *= np.sqrt(weights)[:, None]
            flat = rows.reshape(n, -1)
            total += flat @ flat.T
        return total

    def _blocks(self) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float64]]]:
        for start in range(0, len(self.points), BLOCK):
            yield self.points[start : start + BLOCK], self.weights[start : start + BLOCK]


def drawn(region: Region, count: int) -> Region:
    """``count`` of a region's points drawn by weight (the same on every run), weighing alike; all if it has no more."""
    if len(region.points) <= count:
        return region
    some = np.random.default_rng(0).choice(len(region.points), count, replace=False, p=region.weights)
    return Region(region.points[np.sort(some)], np.ones(count), region.name)


def root(form: NDArray[np.float64]) -> NDArray[np.float64]:
    """R with RᵀR = form, for a symmetric form without negative values but for rounding.

    It has a row for every direction that matters: fields of many electrodes are alike in a small region.
    """
    values, vectors = np.linalg.eigh((form + form.T) / 2)
    matter = values > ALIKE * values.max()
    return np.sqrt(values[matter])[:, None] * vectors[:, matter].T


def field_v_per_m(
    leadfield: Leadfield, points: NDArray[np.int64], currents_a: NDArray[np.float64]
) -> NDArray[np.float64]:
    """E at some of a leadfield's points, (m, 3) V/m; with few electrodes only theirs are read."""
    rows = leadfield.e_v_per_m_per_a
    used = np.flatnonzero(currents_a)
    if 3 * len(used) > len(rows) and 3 * len(points) > rows.shape[1]:
        # one pass over the whole in float32, as it is stored: right to 1e-6
        return (currents_a.astype(rows.dtype) @ rows.reshape(len(rows), -1)).reshape(-1, 3)[points].astype(np.float64)
    total = np.zeros((len(points), 3))
    for i in used:
        total += currents_a[i] * rows[i, points]
    return total
