"""Localise a muscle in the cortex: how likely each place is, and whether that names one.

The neurons may answer to the size of the field or to its part along or across the cortex' normal: magnitude and tangential part
explained most in Weise et al. 2020 (NeuroImage 209:116486).  Which it is in this person the responses say, too: a place's
probability is the sum over the three, so that a hotspot on which they disagree is uncertain, as it is.  The parts along and
across the normal are known less well than the size, as they depend on how each place faces: their likelihoods count less in
where the responses come from (``COUNTED_OF_PLACES``, found on simulated muscles as the count of pulses was).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from targeting.mapping.certainty import (
    CHANCE,
    EDGE_MM,
    FOUND_WITHIN_MM,
    SHUFFLES,
    SpotCertainty,
    certainty_of,
)
from targeting.mapping.direction import current_directions
from targeting.mapping.places import MAGNITUDE, NORMAL, QUANTITIES, TANGENTIAL, Places
from targeting.mapping.recruitment import ALIKE_PULSES, SIGMOID, counted_pulses, explained, log_amplitude

MOST_MORE = 300
COUNTED_OF_PLACES = {MAGNITUDE: 1.0, NORMAL: 0.35, TANGENTIAL: 0.5}


@dataclass(frozen=True, eq=False)
class Explained:
    """How well each place explains sets of responses, by each quantity of the field.

    Parameters
    ----------
    quantities : tuple of str
    r2, log_likelihood : (Q, D, V) float
    """

    quantities: tuple[str, ...]
    r2: NDArray[np.floating]
    log_likelihood: NDArray[np.floating]

    def of_places(self, areas_mm2: NDArray[np.float64]) -> NDArray[np.floating]:
        """Log of each place's likelihood, whichever quantity it is, (D, V)."""
        counted = np.array([COUNTED_OF_PLACES[name] for name in self.quantities])[:, None, None]
        each = counted * self.log_likelihood
        each -= np.logaddexp.reduce(each + np.log(areas_mm2), axis=2, keepdims=True)
        with np.errstate(divide="ignore"):  # a quantity that is impossible
            return np.logaddexp.reduce(each + np.log(self.of_quantities(areas_mm2))[:, :, None], axis=0)

    def of_quantities(self, areas_mm2: NDArray[np.float64]) -> NDArray[np.floating]:
        """Probability of each quantity, whichever place it is, (Q, D)."""
        evidence = np.logaddexp.reduce(self.log_likelihood + np.log(areas_mm2), axis=2)
        return np.exp(evidence - np.logaddexp.reduce(evidence, axis=0))


def explained_by(
    parts: Mapping[str, NDArray[np.float32]],
    log_mep: NDArray[np.float64],
    weights: NDArray[np.floating] | None = None,
    curve: str = SIGMOID,
    beside: NDArray[np.float64] | None = None,
) -> Explained:
    """Regress sets of responses on each quantity of the field at every place.

    Parameters
    ----------
    parts : mapping of str to (n, V) float32
        The quantities of each pulse's field.
    log_mep, weights, curve, beside
        As for :func:`targeting.mapping.recruitment.curves_of`.
    """
    found = [explained(part, log_mep, weights, curve, beside) for part in parts.values()]
    r2, likelihood = (np.stack(each) for each in zip(*found, strict=True))
    return Explained(tuple(parts), r2, likelihood)


@dataclass(frozen=True, eq=False)
class Localised:
    """Where a muscle's responses come from, and what that rests on.

    Parameters
    ----------
    looked_at : (W,) int64
        Indices of the places that the pulses reached; all other arrays are of these.
    certainty : SpotCertainty
    r2 : (W,) float
        Of the best curve of the likely quantity.
    quantities : dict of str to float
        The probability of each.
    chance_r2 : float
        What the best place reaches with shuffled responses in 99 of 100.
    faults : tuple of str
        Why no hotspot is given; none where one is.
    more_pulses : int or None
        About how many more would bring the radius below what is asked; None where none are needed, or more do not help.
    """

    looked_at: NDArray[np.int64]
    certainty: SpotCertainty
    r2: NDArray[np.floating]
    quantities: dict[str, float]
    chance_r2: float
    faults: tuple[str, ...]
    more_pulses: int | None

    @property
    def quantity(self) -> str:
        """The one that is most likely."""
        return max(self.quantities, key=lambda name: self.quantities[name])

    @property
    def best_r2(self) -> float:
        """Of the best place."""
        return float(self.r2.max())


def localise(
    places: Places,
    e_v_per_m: NDArray[np.float32],
    mep_uv: NDArray[np.float64],
    poses: NDArray[np.float64],
    curve: str = SIGMOID,
    quantities: Sequence[str] = QUANTITIES,
) -> Localised:
    """Find the hotspot.

    Parameters
    ----------
    places : Places
    e_v_per_m : (n, V, 3) float32
        The field of each pulse at all places.
    mep_uv : (n,) float64
    poses : (n, 4, 4) float64
        Of the coil: which way the current runs may count, too, whichever place it is.
    curve : {"sigmoid", "linear"}
    quantities : sequence of str
        Of the field, which may be what the neurons answer to.
    """
    looked_at = places.reached(e_v_per_m)
    parts = {name: places.quantity(e_v_per_m, name)[:, looked_at] for name in quantities}
    y = log_amplitude(mep_uv)
    beside = current_directions(poses)
    found = explained_by(parts, y[None], curve=curve, beside=beside)
    areas = places.areas_mm2[looked_at]
    certainty = certainty_of(found.of_places(areas)[0], places.points_mm[looked_at], areas)
    shares = dict(zip(quantities, found.of_quantities(areas)[:, 0].tolist(), strict=True))
    likely = max(shares, key=lambda name: shares[name])
    r2 = found.r2[list(quantities).index(likely), 0]
    chance = _chance_r2(parts, y, curve, beside)
    at_edge = float(places.edge_mm[looked_at[certainty.spot]]) < EDGE_MM
    faults = _faults(float(r2.max()), chance, certainty, at_edge)
    more = None if certainty.radius_mm <= FOUND_WITHIN_MM else _more_pulses(len(y), certainty.radius_mm)
    return Localised(looked_at, certainty, r2, shares, chance, faults, more)


def _chance_r2(
    parts: Mapping[str, NDArray[np.float32]], log_mep: NDArray[np.float64], curve: str, beside: NDArray[np.float64]
) -> float:
    """What the best R² of all places and quantities reaches in 99 of 100 sets of the responses given to other pulses."""
    rng = np.random.default_rng(0)
    shuffled = np.stack([rng.permutation(log_mep) for _ in range(SHUFFLES)])
    return float(np.quantile(explained_by(parts, shuffled, curve=curve, beside=beside).r2.max(axis=(0, 2)), 1 - CHANCE))


def _faults(r2: float, chance: float, certainty: SpotCertainty, at_edge: bool) -> tuple[str, ...]:
    found = []
    if r2 <= chance:
        found.append(
            f"the responses follow the field no better than chance (R² {r2:.2f}; shuffled responses reach {chance:.2f})"
        )
    if certainty.radius_mm > FOUND_WITHIN_MM:
        found.append(
            f"the likely places lie too far apart (95 % within {certainty.radius_mm:.0f} mm; {FOUND_WITHIN_MM:g} mm is asked)"
        )
    if at_edge:
        found.append(
            "the best place lies at the edge of the cortex that was searched: take a plan whose target is nearer"
        )
    return tuple(found)


def _more_pulses(pulses: int, radius_mm: float) -> int | None:
    """How many more make the radius small enough, if it shrinks with the root of what the pulses count."""
    needed = float(counted_pulses(pulses)) * (radius_mm / FOUND_WITHIN_MM) ** 2
    if needed >= ALIKE_PULSES:
        return None
    more = needed / (1 - needed / ALIKE_PULSES) - pulses
    return None if more > MOST_MORE else int(np.ceil(max(more, 10.0) / 10) * 10)
