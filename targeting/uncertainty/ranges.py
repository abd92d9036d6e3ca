"""Published ranges of the conductivities (``ranges.toml``), each tissue independent and beta(3, 3) distributed.

beta(3, 3) over [low, high] is the choice of Saturnino 2019 (NeuroImage 188:821): a smooth hump that ends at both limits.
The whole skull's range spans a factor of ten, and it is its logarithm that is distributed so: ours (``ranges.toml``).
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta, qmc

from meshes.errors import InputError
from targeting.fem.conductivity import CONDUCTIVITY_S_PER_M, tissue_names

SHAPE = 3.0  # both parameters of the beta distribution
KNOWN = (
    "every conductivity is given, so the dose has no spread to state: leave out `uncertainty` or "
    "some `conductivity_s_per_m`"
)
DISTRIBUTION = "independent, beta(3, 3) over each range, over its logarithm for the skull"
LINEAR, LOGARITHMIC = "linear", "logarithmic"


@dataclass(frozen=True)
class Range:
    """Published limits of one tissue's conductivity, S/m, and the ``scale`` on which it is beta distributed."""

    tissue: str
    low_s_per_m: float
    high_s_per_m: float
    source: str
    scale: str = LINEAR

    def at(self, share: NDArray[np.float64]) -> NDArray[np.float64]:
        """The conductivity at shares (n,) of the way from low to high on its scale, S/m."""
        if self.scale == LOGARITHMIC:
            return np.asarray(self.low_s_per_m * (self.high_s_per_m / self.low_s_per_m) ** share)
        return self.low_s_per_m + (self.high_s_per_m - self.low_s_per_m) * share


@cache
def published_ranges() -> dict[str, Range]:
    """The table, by tissue name.

    Examples
    --------
    >>> from targeting.uncertainty import published_ranges
    >>> published_ranges()["gm"].low_s_per_m, published_ranges()["gm"].high_s_per_m
    (0.1, 0.6)
    """
    text = resources.files("targeting.uncertainty").joinpath("ranges.toml").read_text(encoding="utf-8")
    return {
        name: Range(name, row["low"], row["high"], row["source"], row.get("scale", LINEAR))
        for name, row in tomllib.loads(text).items()
    }


def ranges_of(tissue: NDArray[np.integer], conductivity_s_per_m: Mapping[str, float]) -> list[Range]:
    """The ranges that count for a head: tissues it has, whose value is the table's and not the user's own.

    Parameters
    ----------
    tissue : (M,) int
        Tissue code of each tetrahedron.
    conductivity_s_per_m : mapping
        What the plan used; a value that differs from the default table was given, and is taken as known.

    Raises
    ------
    InputError
        If nothing is left that may vary.
    """
    present = tissue_names(tissue)
    found = [each for each in varying(conductivity_s_per_m) if each.tissue in present]
    if not found:
        raise InputError(KNOWN)
    return found


def varying(conductivity_s_per_m: Mapping[str, float]) -> list[Range]:
    """The ranges of the tissues whose value is the table's; InputError if there is none."""
    found = [
        each for name, each in published_ranges().items() if conductivity_s_per_m[name] == CONDUCTIVITY_S_PER_M[name]
    ]
    if not found:
        raise InputError(KNOWN)
    return found


def conductivity_samples(ranges: list[Range], unit: NDArray[np.float64]) -> NDArray[np.float64]:
    """Points of the unit cube (n, d) as conductivities (n, d), S/m."""
    shares = beta.ppf(unit, SHAPE, SHAPE)
    return np.column_stack([each.at(share) for each, share in zip(ranges, shares.T, strict=True)])


def spanning_samples(ranges: list[Range], count: int) -> NDArray[np.float64]:
    """Conductivities (count, d) spread evenly over the whole box, for training, S/m; ``count`` a power of two."""
    shares = sobol_points(len(ranges), count, seed=1)
    return np.column_stack([each.at(share) for each, share in zip(ranges, shares.T, strict=True)])


def sobol_points(dimension: int, count: int, seed: int) -> NDArray[np.float64]:
    """Scrambled Sobol points in the open unit cube, (count, dimension); the same ones every time."""
    return qmc.Sobol(dimension, seed=seed).random(count).clip(1e-12, 1 - 1e-12)
