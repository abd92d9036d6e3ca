"""Optimum: the currents an optimiser found, how good they are, and how much better any others could be."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from targeting.tes.optimise.limits import Limits

NEGLIGIBLE = 1e-5  # of the largest current: an interior-point solver's zero


@dataclass(frozen=True, eq=False)
class Optimum:
    """What an optimiser found.

    Parameters
    ----------
    objective : str
        Its name in ``OBJECTIVES``.
    names : tuple of str
        All n electrodes of the leadfield.
    currents_a : (n,) float64
        A, positive into the head; they sum to zero.
    dose_v_per_m : float
        Mean field in the target, along the direction asked for or in magnitude; of several targets the least.
    value, bound : float
        The objective at these currents, and a value that no currents within the limits can better (None where no useful
        one is known).
    binding : tuple of str
        The limits that are used up, in words.
    """

    objective: str
    names: tuple[str, ...]
    currents_a: NDArray[np.float64]
    dose_v_per_m: float
    value: float
    bound: float | None
    binding: tuple[str, ...]

    @property
    def gap(self) -> float | None:
        """How far the bound is from the value, relative: 0 is proven best, None not proven at all."""
        if self.bound is None:
            return None
        size = max(abs(self.value), abs(self.bound))
        return abs(self.value - self.bound) / size if size else 0.0

    @property
    def electrodes(self) -> dict[str, float]:
        """The electrodes that carry current, strongest first, and their currents in A."""
        order = np.argsort(-np.abs(self.currents_a), kind="stable")
        return {self.names[i]: float(self.currents_a[i]) for i in order if self.currents_a[i] != 0}


def settled(currents_a: NDArray[np.float64], limits: Limits) -> NDArray[np.float64]:
    """A solver's currents with its zeros made zero, the sum zero and no limit passed, (n,) A.

    Examples
    --------
    >>> settled(np.array([1e-3, 3e-10, -1.0000003e-3]), Limits()).round(9).tolist()
    [0.001, 0.0, -0.001]
    """
    size = np.abs(currents_a)
    x = np.where(size > NEGLIGIBLE * size.max(), currents_a, 0.0)
    if not x.any():
        return x
    x -= x.sum() * np.abs(x) / np.abs(x).sum()
    over = max(x.clip(0).sum() / limits.total_a, np.abs(x).max() / limits.per_electrode_a, 1.0)
    return x / over
