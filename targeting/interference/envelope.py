r"""Temporal interference: two pairs at two nearby high frequencies, and the envelope of their beat.

Where the fields E₁ and E₂ of the pairs meet, the field along a unit n beats between |E₁·n| + |E₂·n| and their difference:
its envelope swings by 2 min(|E₁·n|, |E₂·n|), peak to peak.  Over all n (Grossman et al. 2017, Cell 169:1029), with the
stronger called E₁ and E₂ turned to within 90° of it, the largest swing is

    2 |E₂|                          if |E₂| ≤ E₁·E₂/|E₂|        (along E₂ itself E₁ is the larger)
    2 |E₂ × (E₁ − E₂)| / |E₁ − E₂|    otherwise                 (along the n where both are equal)

The fields are those of direct current; conductivities are a little higher at the kHz that are used.
:mod:`targeting.interference.two_pairs` searches the best electrodes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

PARALLEL = 1e-9  # relative: nearer than that to the border of the two cases the first one is exact enough


def envelope(e1_v_per_m: ArrayLike, e2_v_per_m: ArrayLike) -> NDArray[np.float64]:
    """The largest swing of the envelope over all directions, peak to peak, (...) V/m.

    Parameters
    ----------
    e1_v_per_m, e2_v_per_m : (..., 3)
        Amplitudes of the two fields; their signs do not matter.

    Examples
    --------
    Along x both fields are 1 V/m or more; of two at right angles the diagonal sees the most of both:

    >>> float(envelope([2.0, 0, 0], [1.0, 0, 0])), float(envelope([1.0, 0, 0], [0, 1.0, 0]).round(6))
    (2.0, 1.414214)
    """
    a, b = np.broadcast_arrays(np.asarray(e1_v_per_m, float), np.asarray(e2_v_per_m, float))
    aa, bb, ab = (a * a).sum(-1), (b * b).sum(-1), np.abs((a * b).sum(-1))
    weak, strong = np.minimum(aa, bb), np.maximum(aa, bb)
    apart = np.maximum(strong + weak - 2 * ab, np.finfo(float).tiny)
    crossed = (aa * bb - ab**2).clip(0) / apart  # |E₂ × (E₁ − E₂)| = |E₂ × E₁|
    return 2 * np.sqrt(np.where(weak <= ab * (1 + PARALLEL), weak, np.minimum(crossed, weak)))


def envelope_along(e1_v_per_m: ArrayLike, e2_v_per_m: ArrayLike, direction: ArrayLike) -> NDArray[np.float64]:
    """The swing of the envelope along one direction, peak to peak, (...) V/m.

    Parameters
    ----------
    e1_v_per_m, e2_v_per_m, direction : (..., 3)

    Examples
    --------
    >>> float(envelope_along([2.0, 0, 0], [1.0, 5, 0], [1, 0, 0]))
    2.0
    """
    n = np.asarray(direction, float)
    n = n / np.linalg.norm(n, axis=-1, keepdims=True)
    return 2 * np.minimum(np.abs((np.asarray(e1_v_per_m) * n).sum(-1)), np.abs((np.asarray(e2_v_per_m) * n).sum(-1)))
