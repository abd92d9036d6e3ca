r"""Limits of a montage: currents, number of electrodes, a stimulator's steps, and caps on the field in regions.

*Limits.*  Currents x (A, positive into the head) sum to zero; the injected total Σ max(x, 0) = ½ Σ|x| is at most T, every
|x_i| at most c, and at most N of them differ from zero.  A linear dose a·x is largest when the currents, sorted, follow the
sorted a (rearrangement inequality): the highest a take c each until the total is spent, the lowest −c each.  Of N
electrodes ⌊N/2⌋ at most can pair up at c, so N only lowers the total to ⌊N/2⌋ c; no search is needed.

*Caps* hold the root mean square of |E| over a region, or |E| at every point of it, below a value.  All are second-order
cones in the currents, a cap in V/m as well as one that grows with the target's dose.  A peak cap has one cone for every
point; only the few that a solution touches are ever given to the solver (``Programme`` adds those that a solution breaks,
and solves again).

*Steps.*  A stimulator is set in whole steps of 0.1 mA, and the currents must still sum to zero.  Each pole is shared out by
largest remainders (Hamilton's method): every electrode first gets the whole steps of its part of the pole's total, and the
steps that are left go to the largest fractions.  So no current is more than a step off its part unless a limit holds it,
both poles get the same number of steps, and an electrode whose part rounds to nothing drops out.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from meshes.errors import InputError
from targeting.tes.optimise.region import Region, field_v_per_m

if TYPE_CHECKING:
    from targeting.tes.leadfield import Leadfield


TOTAL_A = 2e-3  # the defaults of the field's planning software, of clinical practice at most (Bikson 2016: up to 4 mA)
PER_ELECTRODE_A = 1e-3
AT_LIMIT = 1e-4  # relative: closer than that a limit is called reached
STEP_A = 1e-4  # a tenth of a milliampere, as stimulators for the clinic are set (unverified: no manual was re-read)
SLACK = 1e-6  # of a step: 0.3 mA is three steps


@dataclass(frozen=True)
class Limits:
    """What a stimulator and a protocol allow.

    Parameters
    ----------
    total_a : float
        Largest sum of the positive currents, A.
    per_electrode_a : float
        Largest current of one electrode, either sign, A.
    electrodes : int or None
        How many may carry current; None for all there are.

    Raises
    ------
    InputError
        For limits under which no current flows.

    Examples
    --------
    >>> Limits(2e-3, 1e-3).pattern(6).tolist()
    [0.001, 0.001, 0.0, 0.0, -0.001, -0.001]
    >>> Limits(2e-3, 1e-3, electrodes=8).words
    '2 mA in total, 1 mA per electrode and 8 electrodes'
    """

    total_a: float = TOTAL_A
    per_electrode_a: float = PER_ELECTRODE_A
    electrodes: int | None = None

    def __post_init__(self) -> None:
        for value, what in ((self.total_a, "total current"), (self.per_electrode_a, "current per electrode")):
            if not (np.isfinite(value) and value > 0):
                raise InputError(f"the largest {what} must be above 0 mA, not {1e3 * value:g} mA")
        if self.electrodes is not None and self.electrodes < 2:
            raise InputError(f"a montage needs at least 2 electrodes, not {self.electrodes}")

    def usable_a(self, n: int) -> float:
        """The largest total that n electrodes can carry under these limits, A."""
        return min(self.total_a, self.per_electrode_a * (min(n, self.electrodes or n) // 2))

    def pattern(self, n: int) -> NDArray[np.float64]:
        """The strongest currents of n electrodes, sorted from the most positive, (n,) A."""
        total, each = self.usable_a(n), self.per_electrode_a
        filled = np.clip(total - each * np.arange(n // 2), 0.0, each)
        currents = np.zeros(n)
        currents[: len(filled)] = np.where(filled > 1e-12 * each, filled, 0.0)
        return currents - currents[::-1]

    def without(self, n: int) -> dict[str, Limits]:
        """The same limits for n electrodes with one of them lifted, by the lifted one's name."""
        lifted = {
            "total current": replace(self, total_a=n * self.per_electrode_a),
            "current per electrode": replace(self, per_electrode_a=self.total_a),
        }
        return lifted if self.electrodes is None else {**lifted, "number of electrodes": replace(self, electrodes=None)}

    @property
    def words(self) -> str:
        """The limits as a reader wants them."""
        words = [f"{1e3 * self.total_a:g} mA in total", f"{1e3 * self.per_electrode_a:g} mA per electrode"]
        if self.electrodes is not None:
            words.append(f"{self.electrodes} electrodes")
        return ", ".join(words[:-1]) + " and " + words[-1]

    def reached(self, currents_a: NDArray[np.float64]) -> tuple[str, ...]:
        """Which of the limits these currents use up, in words."""
        found = []
        if currents_a.clip(0).sum() >= self.total_a * (1 - AT_LIMIT):
            found.append(f"{1e3 * self.total_a:g} mA in total")
        full = int((np.abs(currents_a) >= self.per_electrode_a * (1 - AT_LIMIT)).sum())
        if full:
            found.append(f"{1e3 * self.per_electrode_a:g} mA per electrode (at {full})")
        if self.electrodes is not None and np.count_nonzero(currents_a) >= self.electrodes:
            found.append(f"{self.electrodes} electrodes")
        return tuple(found)


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


def in_steps(currents_a: NDArray[np.float64], limits: Limits, step_a: float = STEP_A) -> NDArray[np.int64]:
    """The nearest currents a stimulator can be set to, (n,) in steps; they sum to zero exactly.

    Parameters
    ----------
    currents_a : (n,) float64
        They sum to zero, within the limits.
    limits : Limits
        They hold for the rounded currents, too: a limit between two steps is that of the lower one.
    step_a : float

    Raises
    ------
    InputError
        If no current flows, or a limit is below one step.

    Examples
    --------
    >>> in_steps(np.array([1.26e-3, 0.74e-3, -0.98e-3, -0.98e-3, -0.04e-3]), Limits(2e-3, 2e-3)).tolist()
    [13, 7, -10, -10, 0]
    """
    most, each = (int(np.floor(limit / step_a + SLACK)) for limit in (limits.total_a, limits.per_electrode_a))
    if min(most, each) < 1:
        raise InputError(f"a stimulator is set in steps of {1e3 * step_a:g} mA: allow at least one of them")
    if not np.any(currents_a):
        raise InputError("no current flows, so there is nothing to round")
    poles = currents_a.clip(0), (-currents_a).clip(0)
    able = min(each * int(np.count_nonzero(pole)) for pole in poles)
    total = min(max(1, round(float(poles[0].sum()) / step_a)), most, able)
    into, out_of = (_shared_out(pole / pole.sum() * total, each, total) for pole in poles)
    return into - out_of


def off_grid(currents_a: ArrayLike, step_a: float = STEP_A) -> bool:
    """Whether some current is no whole number of steps.

    Examples
    --------
    >>> off_grid(np.array([2e-3, -0.5e-3, -1.5e-3])), off_grid(np.array([1.5e-3, -0.375e-3, -1.125e-3]))
    (False, True)
    """
    steps = np.asarray(currents_a, dtype=np.float64) / step_a
    return bool((np.abs(steps - np.round(steps)) > SLACK).any())


def _shared_out(parts: NDArray[np.float64], most: int, total: int) -> NDArray[np.int64]:
    """Whole numbers of at most ``most`` that sum to ``total``, nearest to ``parts``, which sum to it; none where 0 is."""
    whole = np.minimum(np.floor(parts + SLACK).astype(np.int64), most)
    while (left := total - int(whole.sum())) > 0:
        short = np.where((parts > 0) & (whole < most), parts - whole, -np.inf)
        order = np.argsort(-short, kind="stable")
        whole[order[: min(left, int(np.isfinite(short).sum()))]] += 1
    return whole
