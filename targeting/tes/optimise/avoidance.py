"""Caps on the field where it is not wanted: its root mean square over a region, or |E| at every point of it.

Both are second-order cones in the currents.  A peak cap has one cone for every point; only the few that a solution
touches are ever given to the solver (``Programme`` adds those that a solution breaks, and solves again).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from meshes.errors import InputError
from targeting.tes.optimise.region import Region, field_v_per_m

if TYPE_CHECKING:
    from targeting.tes.leadfield import Leadfield


@dataclass(frozen=True, eq=False)
class RmsCap:
    """The root mean square of |E| over a region stays at or below ``cap_v_per_m``."""

    region: Region
    cap_v_per_m: float

    def __post_init__(self) -> None:
        _positive(self.cap_v_per_m, self.region)

    @property
    def words(self) -> str:
        """For messages."""
        return f"{self.cap_v_per_m:g} V/m (root mean square) in {self.region.name}"

    def used_v_per_m(self, leadfield: Leadfield, currents_a: NDArray[np.float64]) -> float:
        """What these currents make of it."""
        e = field_v_per_m(leadfield, self.region.points, currents_a)
        return float(np.sqrt(self.region.weights @ (e**2).sum(1)))


@dataclass(frozen=True, eq=False)
class PeakCap:
    """|E| stays at or below ``cap_v_per_m`` at every point of a region (to 0.01 %)."""

    region: Region
    cap_v_per_m: float

    def __post_init__(self) -> None:
        _positive(self.cap_v_per_m, self.region)

    @property
    def words(self) -> str:
        """For messages."""
        return f"{self.cap_v_per_m:g} V/m everywhere in {self.region.name}"

    def used_v_per_m(self, leadfield: Leadfield, currents_a: NDArray[np.float64]) -> float:
        """What these currents make of it."""
        return float(np.linalg.norm(field_v_per_m(leadfield, self.region.points, currents_a), axis=1).max())


Cap = RmsCap | PeakCap


def _positive(cap_v_per_m: float, region: Region) -> None:
    if not (np.isfinite(cap_v_per_m) and cap_v_per_m > 0):
        raise InputError(f"the cap on the field in {region.name!r} must be above 0 V/m, not {cap_v_per_m:g}")
