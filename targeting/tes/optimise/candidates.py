r"""All montages of one kind, ranked by dose: every pair of electrodes, and every 4×1 ring.

*Pairs.*  With one anode and one cathode the field of a pair is (L_i − L_j) I: n (n − 1) / 2 pairs cost one subtraction each.

*Rings* are a centre electrode with four returns round it.  All choices of four are looked at among the positions ``NEAR``
to ``FAR`` times the wanted radius away.  Seen from above the centre, the best has the least Σ (r/R − 1)² + Σ (gap/90° −
1)², r their distances and gap the angles between neighbours. A centre at the cap's rim has no four round it: its largest
gap is over ``WIDEST_GAP_DEG`` and it gives no ring.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from meshes.errors import InputError
from targeting.tes.optimise.limits import Limits
from targeting.tes.optimise.magnitude import anodal_sign
from targeting.tes.optimise.region import Region

if TYPE_CHECKING:
    from targeting.tes.leadfield import Leadfield

RADIUS_MM = 70.0  # C3 with F3, Cz, P3 and T7: the usual HD ring has its returns one 10-20 step away
NEAR, FAR = 0.7, 1.4
WIDEST_GAP_DEG = 130.0
NEIGHBOURS = 20  # nearest to the radius: 4845 choices


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

    Parameters
    ----------
    leadfield : Leadfield
    target : Region
    currents_a : (m, n) float64
        Of each candidate, A.
    limits : Limits
    direction : (3,) or (m, 3), optional
        RAS.
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


def ring_of(scalp_mm: NDArray[np.float64], center: int, radius_mm: float = RADIUS_MM) -> tuple[int, ...] | None:
    """The four positions that surround one best, or None where there are none.

    Parameters
    ----------
    scalp_mm : (n, 3)
    center : int
    radius_mm : float

    Examples
    --------
    >>> grid = np.array([[x, y, 0.0] for x in (-60, 0, 60) for y in (-60, 0, 60)])
    >>> ring_of(grid, 4)
    (1, 3, 5, 7)
    >>> ring_of(grid, 0) is None
    True
    """
    away = scalp_mm - scalp_mm[center]
    distance = np.linalg.norm(away, axis=1)
    near = np.flatnonzero((distance >= NEAR * radius_mm) & (distance <= FAR * radius_mm))
    near = near[np.argsort(np.abs(distance[near] - radius_mm), kind="stable")[:NEIGHBOURS]]
    if len(near) < 4:
        return None
    # seen along the scalp's normal there: the plane through the neighbours, with the centre as origin
    _, _, axes = np.linalg.svd(away[near] - away[near].mean(0))
    angle = np.arctan2(away @ axes[1], away @ axes[0])
    chosen = np.array(list(combinations(near, 4)))
    turns = np.sort(angle[chosen], axis=1)
    gaps = np.rad2deg(np.diff(turns, axis=1, append=turns[:, :1] + 2 * np.pi))
    cost = ((distance[chosen] / radius_mm - 1) ** 2).sum(1) + ((gaps / 90 - 1) ** 2).sum(1)
    cost[gaps.max(1) > WIDEST_GAP_DEG] = np.inf
    best = int(np.argmin(cost))
    return tuple(int(i) for i in np.sort(chosen[best])) if np.isfinite(cost[best]) else None


def best_rings(
    leadfield: Leadfield,
    target: Region,
    direction: ArrayLike | None = None,
    limits: Limits | None = None,
    radius_mm: float = RADIUS_MM,
) -> Candidates:
    """All 4×1 rings at the largest current the limits allow, ranked by dose.

    The centre carries the whole current, so the limit per electrode holds the ring to it; every return takes a quarter.

    Parameters
    ----------
    leadfield : Leadfield
    target : Region
    direction : (3,) or (m, 3), optional
        RAS; without one the magnitude of the mean field counts, and the centre is the anode.
    limits : Limits, optional
    radius_mm : float
        Wanted distance from the centre to its returns.

    Raises
    ------
    InputError
        If no position has a ring of that radius, or five electrodes are more than the limits allow.
    """
    limits = limits or Limits()
    if limits.electrodes is not None and limits.electrodes < 5:
        raise InputError(f"a 4×1 ring has 5 electrodes, and at most {limits.electrodes} are allowed")
    rings = {i: ring for i in range(len(leadfield.names)) if (ring := ring_of(leadfield.scalp_mm, i, radius_mm))}
    if not rings:
        raise InputError(
            f"no position has four others round it at {radius_mm:g} mm; give another radius or a denser cap"
        )
    current = min(limits.total_a, limits.per_electrode_a)
    currents = np.zeros((len(rings), len(leadfield.names)))
    for k, (center, ring) in enumerate(rings.items()):
        currents[k, center] = current
        currents[k, list(ring)] = -current / 4
    return ranked(leadfield, target, currents, limits, direction)
