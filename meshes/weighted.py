"""Percentiles of values that stand for unequal parts of a whole: tetrahedra by volume, points of a surface by area."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

SLACK = 1e-12  # sums of weights are rounded: a share that is reached but for this is reached


def weighted_quantile(values: ArrayLike, weights: ArrayLike, share: float) -> NDArray[np.floating]:
    """The smallest value that, together with all smaller ones, holds a share of the weight.

    Parameters
    ----------
    values : (..., n) float
        One set of values, or many; each along the last axis.
    weights : (n,) float
        Not negative, not all zero.
    share : float
        Of the whole weight, 0 to 1: 0.5 for the median.

    Returns
    -------
    (...) float
        Of the type of ``values``.

    Examples
    --------
    >>> import numpy as np
    >>> float(weighted_quantile([3.0, 1.0, 2.0], [1.0, 1.0, 2.0], 0.75))
    2.0
    >>> weighted_quantile([[1.0, 2.0], [8.0, 4.0]], [1.0, 9.0], 0.5).tolist()
    [2.0, 4.0]
    """
    values, weights = np.asarray(values), np.asarray(weights)
    order = np.argsort(values, axis=-1)  # any order of equal values gives the same, so the fastest sort will do
    held = np.cumsum(weights[order], axis=-1)
    enough = held >= max(share, SLACK) * held[..., -1:] * (1 - SLACK)
    first = np.take_along_axis(order, enough.argmax(axis=-1)[..., None], axis=-1)
    return np.take_along_axis(values, first, axis=-1)[..., 0]
