r"""A survey of the scalp from coarse to fine: which of all places may hold a pose worth having.

The best dose changes smoothly from place to place: what the field does within a few millimetres is set by how far the coil's
windings are from the cortex, centimetres.  So it is first known at places ``COARSE_MM`` apart.  At a place q between them it
may be larger: by how much is taken from how fast it changes from one such place c to others n near it,

    ln worth(q) ≤ max over c near q of ln worth(c) + g_c |q − c|,   g_c = max over n near c of |ln(worth(c)/worth(n))|/|c − n|.

For a peak v exp(−r²/2s²) seen from δ away, with the next place h farther, the growth allowed for is (2δ + h) δ/2s², more than
twice the δ²/2s² there is.  Where this bound comes near the best, all places are glanced at: at ``GLANCE_ANGLES_DEG`` alone,
as ⟨E⟩ between them follows by its Fourier series to 0.5 % of the best (a coil that rocks on its wings: 5 %).  Those that then
come near the best are worth a close look, at every angle.  ``tests/targeting/tms/test_survey.py`` compares with the search that
looks everywhere.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from atlases.scalp import thinned
from targeting.tms.pose_table import PoseTable

COARSE_MM = 8.0
GLANCE_ANGLES_DEG: NDArray[np.floating] = np.arange(-180.0, 180.0, 30.0)
NEAR = 1.75  # times COARSE_MM: places that tell of one another
LEAST = 1e-6  # of the largest: what is worth less is taken as this much, where growth is a ratio
CLOSER_SHARE = 0.9  # of the best: what a place must have at a glance to be looked at closely
SURE = 0.9  # of that share: what a place may have, for all that is known of those near it, to be glanced at

Worth = Callable[[PoseTable], NDArray[np.float64]]
Promise = Callable[[NDArray[np.float64], NDArray[np.float64]], NDArray[np.float64]]


def survey(
    points_mm: NDArray[np.float64],
    look: Callable[[NDArray[np.float64], NDArray[np.floating]], PoseTable],
    worth: Worth,
    share: float = CLOSER_SHARE,
    promise: Promise | None = None,
    promise_share: float = 0.0,
) -> tuple[PoseTable, NDArray[np.bool_]]:
    """Glance at places all over, and at all where it may be worth it.

    Parameters
    ----------
    points_mm : (p, 3) float64
        All places.
    look : callable
        Makes the table of some places and angles.
    worth : callable
        What each place of a table is worth, (p,), −inf where no pose is possible.
    share : float
        Of the best; 0 takes all places.
    promise : callable, optional
        What else makes a place worth a glance: takes places and what they are worth.
    promise_share : float
        Of the largest promise.

    Returns
    -------
    PoseTable
        The places that were glanced at.
    (q,) bool
        Which of them to look at closely.
    """
    few = thinned(points_mm, COARSE_MM)
    first = look(points_mm[few], GLANCE_ANGLES_DEG)
    worth_first = worth(first)
    hopeful = promising(points_mm, few, worth_first, SURE * share)
    if promise:
        hopeful |= promising(points_mm, few, promise(first.points_mm, worth_first), promise_share)
    hopeful[few] = False
    second = look(points_mm[hopeful], GLANCE_ANGLES_DEG)
    found = np.concatenate([worth_first, worth(second)])
    close = found >= share * found.max() if share > 0 and found.max() > 0 else np.ones(len(found), bool)
    return PoseTable.joined([first, second]), close


def promising(
    points_mm: NDArray[np.float64], few: NDArray[np.int64], worth: NDArray[np.float64], share: float
) -> NDArray[np.bool_]:
    """Which places may be worth a share of the best of a few of them, or more.

    Parameters
    ----------
    points_mm : (p, 3) float64
        Places.
    few : (k,) int64
        Which of them are known, at most ``COARSE_MM`` from any other.
    worth : (k,) float64
        At those; −inf where no pose is possible: such a place tells nothing of others.
    share : float
        0 takes all places.

    Returns
    -------
    (p,) bool

    Examples
    --------
    >>> import numpy as np
    >>> from targeting.tms.survey import promising
    >>> x_mm = np.arange(0.0, 301.0, 3.0)
    >>> points = np.c_[x_mm, 0 * x_mm, 0 * x_mm]
    >>> few = np.arange(0, len(points), 2)
    >>> close = x_mm[promising(points, few, np.exp(-((x_mm[few] - 150.0) ** 2) / (2 * 30.0**2)), 0.8)]
    >>> bool(close.min() < 150 - 20 and close.max() > 150 + 20), len(close) < len(points) / 2
    (True, True)
    """
    best = float(worth.max(initial=-np.inf))
    if share <= 0 or best <= 0:
        return np.ones(len(points_mm), bool)
    known = cKDTree(points_mm[few])
    level, can = np.log(np.maximum(worth / best, LEAST)), np.isfinite(worth)
    pairs = known.query_pairs(NEAR * COARSE_MM, output_type="ndarray")
    pairs = pairs[can[pairs].all(1)]
    apart_mm = np.linalg.norm(points_mm[few[pairs[:, 0]]] - points_mm[few[pairs[:, 1]]], axis=1)
    growth_per_mm = np.zeros(len(few))
    for end in range(2):
        np.maximum.at(growth_per_mm, pairs[:, end], np.abs(level[pairs[:, 0]] - level[pairs[:, 1]]) / apart_mm)
    reach = cKDTree(points_mm).sparse_distance_matrix(known, NEAR * COARSE_MM, output_type="ndarray")
    reach = reach[can[reach["j"]]]
    bound = np.full(len(points_mm), -np.inf)
    np.maximum.at(bound, reach["i"], level[reach["j"]] + growth_per_mm[reach["j"]] * reach["v"])
    return bound >= np.log(share)
