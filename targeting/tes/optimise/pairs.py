"""The best two electrodes, by looking at every pair.

With one anode and one cathode the field of a pair is (L_i − L_j) I: n (n − 1) / 2 pairs cost one subtraction each.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from targeting.tes.optimise.limits import Limits
from targeting.tes.optimise.magnitude import anodal_sign
from targeting.tes.optimise.region import Region

if TYPE_CHECKING:
    from targeting.tes.leadfield import Leadfield


@dataclass(frozen=True, eq=False)
class Candidates:
    """Montages of one kind, ranked by dose.

    ``currents_a`` (m, n) A; ``dose_v_per_m`` (m,) mean field in the target along the direction asked for or in magnitude;
    ``elsewhere_v_per_m`` (m,) root mean square of |E| outside the target; ``reached`` the limits used up, in words.
    """

    names: tuple[str, ...]
    currents_a: NDArray[np.float64]
    dose_v_per_m: NDArray[np.float64]
    elsewhere_v_per_m: NDArray[np.float64]
    reached: tuple[str, ...]

    @property
    def focality(self) -> NDArray[np.float64]:
        """Dose over the root mean square elsewhere, (m,)."""
        return self.dose_v_per_m / self.elsewhere_v_per_m

    def __len__(self) -> int:
        return len(self.currents_a)

    def by_focality(self) -> Candidates:
        """The same, most focal first."""
        order = np.argsort(-self.focality, kind="stable")
        return Candidates(
            self.names, self.currents_a[order], self.dose_v_per_m[order], self.elsewhere_v_per_m[order], self.reached
        )


def ranked(
    leadfield: Leadfield,
    target: Region,
    currents_a: NDArray[np.float64],
    limits: Limits,
    direction: ArrayLike | None = None,
) -> Candidates:
    """Candidates from their currents (m, n) A, the largest dose first.

    Without a direction the dose is the magnitude of the mean field, and each montage is turned so that of its strongest
    electrodes the one nearest to the target is the anode; along a direction it is turned so that its dose is positive.
    """
    if direction is None:
        dose = np.linalg.norm(currents_a @ target.mean_rows(leadfield).T, axis=1)
        sign = np.array([anodal_sign(leadfield, target, each) for each in currents_a])
    else:
        dose = currents_a @ target.row(leadfield, direction)
        sign = np.where(dose >= 0, 1.0, -1.0)
        dose = np.abs(dose)
    form = target.outside(leadfield).mean_square(leadfield)
    elsewhere = np.sqrt(((currents_a @ form) * currents_a).sum(1).clip(0))
    order = np.argsort(-dose, kind="stable")
    turned = (sign[:, None] * currents_a)[order]
    return Candidates(tuple(leadfield.names), turned, dose[order], elsewhere[order], limits.reached(turned[0]))


def best_pairs(
    leadfield: Leadfield, target: Region, direction: ArrayLike | None = None, limits: Limits | None = None
) -> Candidates:
    """All pairs of electrodes at the largest current the limits allow, ranked by dose.

    Parameters
    ----------
    leadfield : Leadfield
    target : Region
    direction : (3,) or (m, 3), optional
        RAS; without one the magnitude of the mean field counts.
    limits : Limits, optional

    Returns
    -------
    Candidates
        n (n − 1) / 2 of them.
    """
    limits = limits or Limits()
    n = len(leadfield.names)
    first, second = np.triu_indices(n, 1)
    currents = np.zeros((len(first), n))
    current = min(limits.total_a, limits.per_electrode_a)
    currents[np.arange(len(first)), first] = current
    currents[np.arange(len(first)), second] = -current
    return ranked(leadfield, target, currents, limits, direction)
