r"""Temporal interference by two pairs of electrodes: the envelope of their beat, and the best pairs of a leadfield.

*Search.*  Every two pairs count, but most need not be computed.  At no point does the swing of the envelope pass 2 |E| of
either pair.  So with the pairs sorted by the mean of that over the target, each is only put together with the stronger
ones, and once a pair's own mean is below the best montages so far, neither it nor any after it can better them.  What is
kept is the same as if all had been computed.

*Envelope.*  Where the fields E₁ and E₂ of the pairs meet, the field along a unit n beats between |E₁·n| + |E₂·n| and their
difference: its envelope swings by 2 min(|E₁·n|, |E₂·n|), peak to peak.  Over all n (Grossman et al. 2017, Cell 169:1029),
with the stronger called E₁ and E₂ turned to within 90° of it, the largest swing is

    2 |E₂|                          if |E₂| ≤ E₁·E₂/|E₂|        (along E₂ itself E₁ is the larger)
    2 |E₂ × (E₁ − E₂)| / |E₁ − E₂|    otherwise                 (along the n where both are equal)

The fields are those of direct current; conductivities are a little higher at the kHz that are used.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numba
import numpy as np
from numpy.typing import ArrayLike, NDArray

from meshes.errors import InputError
from targeting.tes.optimise.limits import Limits
from targeting.tes.optimise.region import Region, drawn, field_v_per_m

if TYPE_CHECKING:
    from targeting.tes.leadfield import Leadfield


PARALLEL = 1e-9  # relative: nearer than that to the border of the two cases the first one is exact enough
log = logging.getLogger(__name__)
KEEP = 20
PAIRS_AT_ONCE = 64
SAMPLES = 2000  # points of the rest of the grey matter by which montages are compared; the finalists use all
FINALISTS = 40


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


@dataclass(frozen=True, eq=False)
class Interference:
    """Montages of two pairs, ranked.

    ``pairs`` (m, 2, 2) int: anode and cathode of the first and the second pair, as indices into ``names``;
    ``currents_a`` (m, 2) A, amplitude in each pair; ``swing_v_per_m`` (m,) mean swing of the envelope in the target, peak
    to peak; ``elsewhere_v_per_m`` (m,) the same over the rest of the grey matter.  ``tried`` montages were possible,
    ``computed`` had to be looked at to know that none is better.
    """

    names: tuple[str, ...]
    pairs: NDArray[np.int64]
    currents_a: NDArray[np.float64]
    swing_v_per_m: NDArray[np.float64]
    elsewhere_v_per_m: NDArray[np.float64]
    tried: int
    computed: int

    @property
    def focality(self) -> NDArray[np.float64]:
        """Swing in the target over the mean swing elsewhere, (m,)."""
        return self.swing_v_per_m / self.elsewhere_v_per_m

    def words(self, k: int = 0) -> str:
        """One of them for a reader: 'C3 – Fp2 1 mA, T7 – Cz 1 mA'."""
        each = zip(self.pairs[k], self.currents_a[k], strict=True)
        return ", ".join(f"{self.names[a]} – {self.names[b]} {1e3 * i:.3g} mA" for (a, b), i in each)


def search_interference(
    leadfield: Leadfield,
    target: Region,
    limits: Limits | None = None,
    direction: ArrayLike | None = None,
    shares: ArrayLike = (0.5,),
    keep: int = KEEP,
) -> Interference:
    """The two pairs with the largest mean swing of the envelope in a target, of all there are.

    Parameters
    ----------
    leadfield : Leadfield
    target : Region
    limits : Limits, optional
        The total is that of both pairs together: by default 1 mA in each.
    direction : (3,) or (m, 3), optional
        The swing along it (say the cortical normal); without one the largest over all directions, point by point.
    shares : (S,)
        Of the total in one of the pairs, the other taking the rest, either way round.
    keep : int
        How many to return.

    Raises
    ------
    InputError
        With fewer than four electrodes, or for impossible shares or directions.
    """
    search = _Search.over(leadfield, target, limits or Limits(), direction, shares)
    found = _Ranking.empty(keep)
    computed = 0
    for first in range(0, len(search.amplitude), PAIRS_AT_ONCE):
        if search.amplitude[first] <= found.least:
            break  # this pair and all after it are weaker than the montages kept
        swings, count = search.block(first)
        computed += count
        found = found.with_block(swings, first)
        search.tell(first, found.least)
    return _result(leadfield, target, search, found, computed)


def focal_interference(
    leadfield: Leadfield,
    target: Region,
    swing_v_per_m: float,
    limits: Limits | None = None,
    direction: ArrayLike | None = None,
    shares: ArrayLike = (0.5,),
    keep: int = KEEP,
) -> Interference:
    """Of all two pairs with the wanted swing in a target, those with the most of it relative to the rest of the grey matter.

    The mean swing (over all directions) elsewhere is first judged at ``SAMPLES`` points of the rest of the grey matter,
    drawn by volume (the same on every run), and at all of them for the ``FINALISTS`` best; ranked is the swing in the
    target over that elsewhere.

    Parameters
    ----------
    leadfield : Leadfield
    target : Region
    swing_v_per_m : float
        The wanted swing, peak to peak.
    limits : Limits, optional
        The total is that of both pairs together.
    direction : (3,) or (m, 3), optional
        The swing along it; without one the largest over all directions.
    shares : (S,)
        Of the total in one of the pairs.
    keep : int
        How many to return.

    Raises
    ------
    InputError
        If no two pairs reach the wanted swing; the message says what they reach.
    """
    limits = limits or Limits()
    if not (np.isfinite(swing_v_per_m) and swing_v_per_m > 0):
        raise InputError(f"the wanted swing must be above 0 V/m, not {swing_v_per_m:g}")
    search = _Search.over(leadfield, target, limits, direction, shares)
    outside = target.outside(leadfield)
    sample = drawn(outside, SAMPLES)
    elsewhere = _pair_rows(leadfield, sample.points, search.pairs, None), sample.weights.astype(np.float32)
    found, computed = _Ranking.empty(FINALISTS), 0
    for first in range(0, len(search.amplitude), PAIRS_AT_ONCE):
        if search.amplitude[first] < swing_v_per_m:
            break
        swings, count = search.block(first)
        computed += count
        score = _over_elsewhere(*elsewhere, swings, search.currents_a, first, swing_v_per_m, found.least)
        found = found.with_block(score, first)
        search.tell(first, swing_v_per_m)
    if not len(found.score):
        best = search_interference(leadfield, target, limits, direction, shares, 1).swing_v_per_m[0]
        raise InputError(
            f"two pairs get at most {best:.3g} V/m of envelope in {target.name} under {limits.words}, "
            f"not {swing_v_per_m:.3g} V/m: ask for less or allow more current"
        )
    result = _result(leadfield, target, search, found, computed)
    return _reordered(result, np.argsort(-result.focality, kind="stable")[:keep])


@dataclass(frozen=True, eq=False)
class _Ranking:
    """The best montages so far: score (m,) falling, and which they are, (m, 3) pair, pair and share."""

    score: NDArray[np.float64]
    which: NDArray[np.int64]
    keep: int

    @classmethod
    def empty(cls, keep: int) -> _Ranking:
        return cls(np.empty(0), np.empty((0, 3), np.int64), keep)

    @property
    def least(self) -> float:
        """What a montage must pass to be kept."""
        return float(self.score[-1]) if len(self.score) == self.keep else 0.0

    def with_block(self, score: NDArray[np.float32], first: int) -> _Ranking:
        better = np.argwhere(score > self.least)
        values = np.concatenate([self.score, score[tuple(better.T)].astype(np.float64)])
        which = np.concatenate([self.which, better + np.array([first, 0, 0])])
        order = np.argsort(-values, kind="stable")[: self.keep]
        return _Ranking(values[order], which[order], self.keep)


@dataclass(frozen=True, eq=False)
class _Search:
    """All pairs, the strongest in the target first.

    ``pairs`` (P, 2) electrodes; ``rows`` (P, m, 3 or 1) float32 field of 1 A in each at the target's points (or its
    component along the direction); ``amplitude`` (P,) the most swing any montage with that pair has; ``currents_a`` (S, 2).
    """

    pairs: NDArray[np.int64]
    rows: NDArray[np.float32]
    weights: NDArray[np.float32]
    amplitude: NDArray[np.float64]
    currents_a: NDArray[np.float64]

    @classmethod
    def over(
        cls, leadfield: Leadfield, target: Region, limits: Limits, direction: ArrayLike | None, shares: ArrayLike
    ) -> _Search:
        n = len(leadfield.names)
        if n < 4 or (limits.electrodes or 4) < 4:
            raise InputError("temporal interference takes two pairs: four electrodes at least")
        first = np.atleast_1d(np.asarray(shares, float))
        if first.ndim != 1 or not ((first > 0) & (first < 1)).all():
            raise InputError("the share of the current in one pair lies between 0 and 1, both left out")
        first = np.unique(np.round(np.concatenate([first, 1 - first]), 12))
        currents = np.minimum(limits.total_a * np.column_stack([first, 1 - first]), limits.per_electrode_a)
        pairs = np.column_stack(np.triu_indices(n, 1))
        rows = _pair_rows(leadfield, target.points, pairs, direction)
        amplitude = 2 * currents.max() * np.linalg.norm(rows, axis=2) @ target.weights
        order = np.argsort(-amplitude, kind="stable")
        weights = target.weights.astype(np.float32)
        return cls(pairs[order], rows[order], weights, amplitude[order], currents)

    def tell(self, first: int, least_v_per_m: float) -> None:
        """Progress: how many pairs were put together, and how many are strong enough to be."""
        strong = int((self.amplitude > least_v_per_m).sum())
        log.info("two pairs: %d of %d pairs looked at", min(first + PAIRS_AT_ONCE, strong), strong)

    def block(self, first: int) -> tuple[NDArray[np.float32], int]:
        """Mean swings of ``PAIRS_AT_ONCE`` pairs with each stronger one, (b, P', S), and how many montages these are."""
        last = min(first + PAIRS_AT_ONCE, len(self.pairs))
        return _swings(self.rows, self.weights, self.pairs, self.currents_a.astype(np.float32), first, last)


def _pair_rows(
    leadfield: Leadfield, points: NDArray[np.int64], pairs: NDArray[np.int64], direction: ArrayLike | None
) -> NDArray[np.float32]:
    """Field of 1 A in every pair, (P, m, 3) V/m, or its component along directions, (P, m, 1)."""
    rows = leadfield.e_v_per_m_per_a[:, points]
    if direction is not None:
        along = np.asarray(direction, float)
        if along.shape not in ((3,), (len(points), 3)) or not (np.linalg.norm(along, axis=-1) > 0).all():
            raise InputError(f"a direction is three numbers, not all zero, or three for each of {len(points)} points")
        along = along / np.linalg.norm(along, axis=-1, keepdims=True)
        rows = (rows * along).sum(-1, keepdims=True).astype(np.float32)
    return rows[pairs[:, 0]] - rows[pairs[:, 1]]


def _result(leadfield: Leadfield, target: Region, search: _Search, ranking: _Ranking, computed: int) -> Interference:
    """The kept montages with their swings in float64, ranked by them."""
    p, q, s = ranking.which.T
    pairs, currents = np.stack([search.pairs[p], search.pairs[q]], axis=1), search.currents_a[s]
    outside = target.outside(leadfield)
    swing, elsewhere = np.empty(len(p)), np.empty(len(p))
    for k in range(len(p)):
        a, b = (search.rows[i].astype(float) * current for i, current in zip((p[k], q[k]), currents[k], strict=True))
        swing[k] = target.weights @ _swing(a, b)
        fields = [
            _pair_field(leadfield, outside, pair, current) for pair, current in zip(pairs[k], currents[k], strict=True)
        ]
        elsewhere[k] = outside.weights @ envelope(*fields)
    n = len(leadfield.names)
    possible = len(search.currents_a) * n * (n - 1) * (n - 2) * (n - 3) // 8
    names = tuple(leadfield.names)
    return _reordered(
        Interference(names, pairs, currents, swing, elsewhere, possible, computed), np.argsort(-swing, kind="stable")
    )


def _swing(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """From fields (m, 3) over all directions, from components (m, 1) along theirs."""
    return envelope(a, b) if a.shape[-1] == 3 else 2 * np.minimum(np.abs(a), np.abs(b))[..., 0]


def _pair_field(leadfield: Leadfield, region: Region, pair: NDArray[np.int64], current_a: float) -> NDArray[np.float64]:
    currents = np.zeros(len(leadfield.names))
    currents[pair] = current_a, -current_a
    return field_v_per_m(leadfield, region.points, currents)


def _reordered(interference: Interference, order: NDArray[np.int64]) -> Interference:
    return Interference(
        interference.names,
        interference.pairs[order],
        interference.currents_a[order],
        interference.swing_v_per_m[order],
        interference.elsewhere_v_per_m[order],
        interference.tried,
        interference.computed,
    )


@numba.njit(cache=True, inline="always")
def _swing_at(rows: NDArray, p: int, q: int, k: int, i1: float, i2: float) -> float:
    """Swing at point k of pairs p and q with currents i1 and i2: :func:`envelope`, or along a direction."""
    if rows.shape[2] == 1:
        return 2 * min(abs(rows[p, k, 0]) * i1, abs(rows[q, k, 0]) * i2)
    a0, a1, a2 = rows[p, k, 0] * i1, rows[p, k, 1] * i1, rows[p, k, 2] * i1
    b0, b1, b2 = rows[q, k, 0] * i2, rows[q, k, 1] * i2, rows[q, k, 2] * i2
    aa, bb = a0 * a0 + a1 * a1 + a2 * a2, b0 * b0 + b1 * b1 + b2 * b2
    ab = abs(a0 * b0 + a1 * b1 + a2 * b2)
    weak = min(aa, bb)
    if weak <= ab:
        return 2 * np.sqrt(weak)
    c0, c1, c2 = a1 * b2 - a2 * b1, a2 * b0 - a0 * b2, a0 * b1 - a1 * b0
    return 2 * np.sqrt(min((c0 * c0 + c1 * c1 + c2 * c2) / (aa + bb - 2 * ab), weak))


@numba.njit(cache=True, parallel=True)
def _swings(
    rows: NDArray, weights: NDArray, pairs: NDArray, currents: NDArray, first: int, last: int
) -> tuple[NDArray, int]:
    """Mean swings (last − first, last, S) of pairs with each stronger one, 0 where they share an electrode."""
    out = np.zeros((last - first, last, len(currents)), np.float32)
    counts = np.zeros(last - first, np.int64)
    for row in numba.prange(last - first):
        p = first + row
        for q in range(p):
            a, b, c, d = pairs[p, 0], pairs[p, 1], pairs[q, 0], pairs[q, 1]
            if a in (c, d) or b in (c, d):
                continue
            for s in range(len(currents)):
                total = np.float32(0)
                for k in range(len(weights)):
                    total += weights[k] * _swing_at(rows, p, q, k, currents[s, 0], currents[s, 1])
                out[row, q, s] = total
                counts[row] += 1
    return out, counts.sum()


@numba.njit(cache=True, parallel=True)
def _over_elsewhere(
    rows: NDArray,
    weights: NDArray,
    swings: NDArray,
    currents: NDArray,
    first: int,
    least_swing: float,
    least_ratio: float,
) -> NDArray:
    """Swing in the target over the mean swing elsewhere; 0 where one is below what is wanted."""
    out = np.zeros_like(swings)
    for row in numba.prange(len(swings)):
        for q in range(first + row):
            for s in range(len(currents)):
                swing = swings[row, q, s]
                if swing < least_swing:
                    continue
                most = swing / least_ratio if least_ratio > 0 else np.inf
                total = 0.0
                for k in range(len(weights)):
                    total += weights[k] * _swing_at(rows, first + row, q, k, currents[s, 0], currents[s, 1])
                    if total > most:  # already more elsewhere than any of the finalists has
                        break
                else:
                    out[row, q, s] = swing / total if total > 0 else np.inf
    return out
