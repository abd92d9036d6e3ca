"""Drift: how far the coil moved steadily from the start of a session to its end, and what that did to the dose.

The slope is the median of all slopes between two points in time (Theil 1950; Sen 1968, J Am Stat Assoc 63:1379), which a few
strays do not move, with Sen's interval.  Pulses of a train follow one another within a second and say the same; so the points
are medians of runs of pulses.  The interval is that of the slope through them: what a hand wanders slowly to and fro is not in
it.  A drift is told where the interval of one axis excludes none, at 95 % for the three together.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import theilslopes

MOST_POINTS, LEAST_POINTS = 60, 8
LEVEL = 0.95
WORTH_SAYING_MM = 2.0  # less is what a hand and a camera play anyway


@dataclass(frozen=True)
class Drift:
    """A steady movement over a session, from its first pulse to its last.

    Parameters
    ----------
    mm : float
        How far, with the ends of its 95 % interval ``low_mm`` and ``high_mm``.
    direction : tuple of float
        Unit vector of the movement, RAS; zeros where there is none.
    percent : float
        What it did to the dose of a pulse, in percent of the planned dose, with ``low_percent`` and ``high_percent``.
    minutes : float or None
        How long the session took; None where the file has no times, and the order of pulses stands for them.
    told : bool
        Whether it differs from none, and is more than hand and camera play anyway.
    """

    mm: float
    low_mm: float
    high_mm: float
    direction: tuple[float, float, float]
    percent: float
    low_percent: float
    high_percent: float
    minutes: float | None
    told: bool


def drift_of(time_s: NDArray[np.float64], center_mm: NDArray[np.float64], share: NDArray[np.float64]) -> Drift | None:
    """The drift of a session's pulses; None where they are too few to tell.

    Parameters
    ----------
    time_s : (n,) float64
        Of each pulse; NaN where it was not recorded.
    center_mm : (n, 3) float64
        The coil's centre, RAS mm.
    share : (n,) float64
        Dose of each pulse as a share of the planned one.

    Examples
    --------
    A coil that slips 3 mm to the front in an hour, in the hand of a person who trembles:

    >>> import numpy as np
    >>> from targeting.reviewing.drift import drift_of
    >>> time_s = np.arange(0, 3602, 2.0)
    >>> hand = np.random.default_rng(1).normal(0, 0.5, (len(time_s), 3))
    >>> drift = drift_of(time_s, hand + np.outer(time_s / 3600, [0, 3, 0]), np.ones(len(time_s)))
    >>> drift.told, round(drift.mm), drift.minutes, [round(x) for x in drift.direction]
    (True, 3, 60.0, [0, 1, 0])
    """
    timed = bool(np.isfinite(time_s).all())
    order = np.argsort(time_s, kind="stable") if timed else np.arange(len(time_s))
    count = min(MOST_POINTS, len(order) // 3)
    if count < LEAST_POINTS:
        return None
    runs = np.array_split(order, count)
    at = np.arange(len(order), dtype=np.float64) if not timed else time_s[order] - time_s[order[0]]
    if at[-1] <= 0:
        return None
    at_rank = np.empty(len(order))
    at_rank[order] = at / at[-1]
    x = np.array([np.median(at_rank[run]) for run in runs])
    places = np.array([np.median(center_mm[run], axis=0) for run in runs])
    axes = [theilslopes(places[:, axis], x, 1 - (1 - LEVEL) / 3) for axis in range(3)]
    slope = np.array([each[0] for each in axes])
    size = float(np.linalg.norm(slope))
    unit = slope / size if size > 0 else np.zeros(3)
    _, _, low, high = theilslopes(places @ unit, x, LEVEL)
    dose, _, dose_low, dose_high = theilslopes([np.median(share[run]) for run in runs], x, LEVEL)
    moved = any(each[2] > 0 or each[3] < 0 for each in axes)
    return Drift(
        size,
        float(low),
        float(high),
        (float(unit[0]), float(unit[1]), float(unit[2])),
        100 * float(dose),
        100 * float(dose_low),
        100 * float(dose_high),
        float(at[-1]) / 60 if timed else None,
        bool(moved and size >= WORTH_SAYING_MM),
    )
