r"""How much current a montage may carry, and the montages at the corner of that.

Currents x (A, positive into the head) sum to zero; the injected total Σ max(x, 0) = ½ Σ|x| is at most T, every |x_i| at
most c, and at most N of them differ from zero.  A linear dose a·x is largest when the currents, sorted, follow the sorted
a (rearrangement inequality): the highest a take c each until the total is spent, the lowest −c each.  Of N electrodes
⌊N/2⌋ at most can pair up at c, so N only lowers the total to ⌊N/2⌋ c; no search is needed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from meshes.errors import InputError

TOTAL_A = 2e-3  # the defaults of the field's planning software, of clinical practice at most (Bikson 2016: up to 4 mA)
PER_ELECTRODE_A = 1e-3
AT_LIMIT = 1e-4  # relative: closer than that a limit is called reached


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
