"""Caps on the field where it is not wanted: its root mean square over a region, or |E| at every point of it.

All are second-order cones in the currents, a cap in V/m as well as one that grows with the target's dose.  A peak cap has
one cone for every point; only the few that a solution touches are ever given to the solver (``Programme`` adds those that
a solution breaks, and solves again).
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

    def used(self, leadfield: Leadfield, currents_a: NDArray[np.float64]) -> float:
        """How much of it these currents use, 1 being all."""
        return rms_v_per_m(leadfield, self.region, currents_a) / self.cap_v_per_m


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

    def used(self, leadfield: Leadfield, currents_a: NDArray[np.float64]) -> float:
        """How much of it these currents use, 1 being all."""
        e = field_v_per_m(leadfield, self.region.points, currents_a)
        return float(np.linalg.norm(e, axis=1).max()) / self.cap_v_per_m


@dataclass(frozen=True, eq=False)
class ShareCap:
    """The root mean square of |E| over a region stays at or below a share of the target's dose.

    Parameters
    ----------
    region : Region
    row : (n,) float64
        The dose that counts: what 1 A through each electrode adds to it, V/m.  Currents without a dose break the cap.
    share : float
        Above 0.
    """

    region: Region
    row: NDArray[np.float64]
    share: float

    def __post_init__(self) -> None:
        if not (np.isfinite(self.share) and self.share > 0):
            raise InputError(
                f"the share of the dose allowed in {self.region.name!r} must be above 0, not {self.share:g}"
            )

    @property
    def words(self) -> str:
        """For messages."""
        return f"{self.share:.3g} of the target's dose (root mean square) in {self.region.name}"

    def used(self, leadfield: Leadfield, currents_a: NDArray[np.float64]) -> float:
        """How much of it these currents use, 1 being all."""
        dose, rms = float(self.row @ currents_a), rms_v_per_m(leadfield, self.region, currents_a)
        return rms / (self.share * dose) if dose > 0 else np.inf if rms > 0 else 0.0


Cap = RmsCap | PeakCap | ShareCap


def rms_v_per_m(leadfield: Leadfield, region: Region, currents_a: NDArray[np.float64]) -> float:
    """The root mean square of |E| over a region, V/m."""
    e = field_v_per_m(leadfield, region.points, currents_a)
    return float(np.sqrt(region.weights @ (e**2).sum(1)))


def _positive(cap_v_per_m: float, region: Region) -> None:
    if not (np.isfinite(cap_v_per_m) and cap_v_per_m > 0):
        raise InputError(f"the cap on the field in {region.name!r} must be above 0 V/m, not {cap_v_per_m:g}")
