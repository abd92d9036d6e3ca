r"""Say where the responses come from, how certain that is, and whether it can be said at all.

The probability of a place is its area of cortex times its likelihood (:mod:`targeting.mapping.recruitment`), over all
places that were looked at.  The *hotspot* is the place that is nearest to the truth on average, and its *radius* that of the
ball round it that holds 95 % of the probability.  A hotspot is given only where

- the responses follow the field better than chance: R² of the best place is above that of the best place of 99 of 100 sets
  of the same responses, shuffled among the pulses;
- the radius is at most ``FOUND_WITHIN_MM``;
- it does not lie at the edge of what was looked at, beyond which a better place may be.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from meshes.weighted import weighted_quantile
from targeting.mapping.recruitment import SIGMOID, curves_of, log_likelihood
from targeting.study.measured_hotspot import Within

FOUND_WITHIN_MM = 10.0
HELD = 0.95
INTERVAL = (0.025, 0.975)
SHUFFLES = 100
CHANCE = 0.01
EDGE_MM = 5.0
FIELD_OFF = 0.07  # what a field at one place is wrong by: the pose's millimetre, and places between those looked at
COUNTED = 1e-6  # of the largest probability; places below it do not matter to the hotspot


@dataclass(frozen=True, eq=False)
class SpotCertainty:
    """Where a muscle's responses come from.

    Parameters
    ----------
    probability : (V,) float64
        Of each place; they sum to one.
    spot : int
        The place that is the hotspot.
    expected_off_mm : float
        The mean distance of the truth from it.
    radius_mm : float
        Of the ball round it that holds 95 % of the probability; at least as far as the next place, as between them nothing
        was looked at.
    area_mm2 : float
        Of the smallest part of the cortex that does.
    """

    probability: NDArray[np.float64]
    spot: int
    expected_off_mm: float
    radius_mm: float
    area_mm2: float


def certainty_of(
    log_likelihood: NDArray[np.floating], points_mm: NDArray[np.float64], areas_mm2: NDArray[np.float64]
) -> SpotCertainty:
    """The hotspot and its certainty.

    Parameters
    ----------
    log_likelihood : (V,) float
    points_mm : (V, 3) float64
    areas_mm2 : (V,) float64
    """
    weight = areas_mm2 * np.exp(log_likelihood - log_likelihood.max())
    probability = np.asarray(weight / weight.sum(), np.float64)
    likely = np.flatnonzero(probability > COUNTED * probability.max())
    p = probability[likely] / probability[likely].sum()
    apart = np.linalg.norm(points_mm[likely, None] - points_mm[None, likely], axis=2)
    expected = apart @ p
    best = int(expected.argmin())
    order = np.argsort(-probability[likely] / areas_mm2[likely])
    held = order[: int(np.searchsorted(np.cumsum(p[order]), HELD)) + 1]
    apart_mm = float(np.sqrt(2 / np.sqrt(3) * areas_mm2[likely[best]]))  # of even triangles: the next place's distance
    return SpotCertainty(
        probability,
        int(likely[best]),
        float(expected[best]),
        max(float(weighted_quantile(apart[best], p, HELD)), apart_mm),
        float(areas_mm2[likely[held]].sum()),
    )


def threshold_of(
    e_per_best: NDArray[np.float32],
    log_mep: NDArray[np.float64],
    probability: NDArray[np.float64],
    curve: str = SIGMOID,
) -> Within | None:
    """The intensity at which half of the responses are above 50 µV, over all places and curves, each as likely as it is.

    It is counted at each place's own best pose: a place farther off has less field at threshold, and at its best pose, too.

    Parameters
    ----------
    e_per_best : (n, V) float32
        The field of each pulse at each place, over the field there per A/s at the pose that is best for it: A/s.
    log_mep : (n,) float
    probability : (V,) float64
        Of the places.
    curve : {"sigmoid", "linear"}

    Returns
    -------
    Within or None
        A/s, with what the field itself may be wrong by; None where the curves do not reach the threshold.
    """
    likely = np.flatnonzero(probability > COUNTED * probability.max())
    e = e_per_best[:, likely]
    top, found, likelihoods = e.max(axis=0), [], []
    for each in curves_of(e, log_mep[None], curve=curve):
        found.append(each.threshold(top)[0])
        likelihoods.append(log_likelihood(each, len(log_mep))[0])
    log_weight = np.stack(likelihoods)
    share = np.exp(log_weight - log_weight.max(axis=0))
    weight = share / share.sum(axis=0) * probability[likely]
    at = np.stack(found)
    known = np.isfinite(at)
    if weight[known].sum() < HELD * weight.sum():
        return None
    low, middle, high = (weighted_quantile(at[known], weight[known], q) for q in (INTERVAL[0], 0.5, INTERVAL[1]))
    return Within(float(middle), float(low * (1 - FIELD_OFF)), float(high * (1 + FIELD_OFF)))
