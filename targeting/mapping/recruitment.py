r"""Regress a muscle's responses on the electric field at every place of the cortex: one recruitment curve a place.

Where the neurons lie that drive a muscle, its responses follow the field; elsewhere they follow it less, as pulses from many
sides make fields of many shapes (Weise et al. 2020, NeuroImage 209:116486; Numssen et al. 2021, NeuroImage 245:118654).  The
variability of motor evoked potentials is multiplicative and their recruitment a sigmoid of it (Goetz et al. 2014, Brain
Stimul 7:541), so the curve is one of the logarithm of the peak-to-peak amplitude,

    log10 MEP = a + b · S((E − c) / w),   S(x) = 1 / (1 + exp(−x)),   b > 0,

or, "linear", log10 MEP = a + b E.  E is |E|, or the size of its part along or across the cortex' normal.  For each c and w
of a grid, in units of the largest field at that place, a and b follow by linear regression; so thousands of places and
hundreds of sets of responses (simulated, shuffled) cost a few matrix products for each point of the grid.

The likelihood of a curve is that of normal residuals, (1 − R²)^(−m/2), and a place's is the mean over the grid.  m is less than
the number of pulses: what the calculated field is wrong by is alike in pulses from alike places, so it does not average out.
Of n pulses m = n / (1 + n / 40) count, which was found on simulated muscles that lie between the places looked at: the
truth was then in the region of 95 % in more than nine of ten (tests/targeting/mapping/test_truth.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, logit

SIGMOID, LINEAR = CURVES = ("sigmoid", "linear")
MIDDLES = np.arange(0.3, 1.15, 0.05)  # c, of the largest field at the place
WIDTHS = np.array([0.02, 0.04, 0.08, 0.16])  # w
FLOOR_UV = 10.0  # smaller ones are the amplifier's: Goetz 2019's model has its noise about 8 µV
THRESHOLD_UV = 50.0  # the response that defines the resting motor threshold
ALIKE_PULSES = 40.0
LEAST_VARIANCE = 1e-6


def log_amplitude(mep_uv: ArrayLike) -> NDArray[np.float64]:
    """log10 of peak-to-peak amplitudes in µV; those below the amplifier's noise count as the noise."""
    return np.log10(np.maximum(np.asarray(mep_uv, np.float64), FLOOR_UV))


def counted_pulses(pulses: ArrayLike) -> NDArray[np.float64]:
    """How many independent pulses a number of pulses is worth.

    Examples
    --------
    >>> counted_pulses([40, 100, 300]).round(1).tolist()
    [20.0, 28.6, 35.3]
    """
    n = np.asarray(pulses, np.float64)
    return n / (1 + n / ALIKE_PULSES)


@dataclass(frozen=True, eq=False)
class Curves:
    """One shape of the curve at every place, fitted to sets of responses.

    Parameters
    ----------
    middle_v_per_m, width_v_per_m : (V,) float
        c and w; NaN of a straight line.
    base, height : (D, V) float
        a and b of each set of responses; of a straight line the height is at the largest field.
    unexplained : (D, V) float
        1 − R².
    """

    middle_v_per_m: NDArray[np.floating]
    width_v_per_m: NDArray[np.floating]
    base: NDArray[np.floating]
    height: NDArray[np.floating]
    unexplained: NDArray[np.floating]

    def threshold(self, top_v_per_m: NDArray[np.floating]) -> NDArray[np.floating]:
        """The field at which half of the responses are above 50 µV, (D, V); NaN where no field of the curve does that.

        Parameters
        ----------
        top_v_per_m : (V,) float
            The largest field at each place.
        """
        with np.errstate(divide="ignore", invalid="ignore"):
            share = (np.log10(THRESHOLD_UV) - self.base) / self.height
            at = share * top_v_per_m if np.isnan(self.middle_v_per_m).all() else self._at(share)
        return np.where((share > 0) & np.isfinite(at), at, np.nan)

    def log_mep(self, e_v_per_m: NDArray[np.floating], top_v_per_m: NDArray[np.floating]) -> NDArray[np.floating]:
        """What the curve of the first set of responses predicts at fields (m, V): (m, V), log10 µV."""
        if np.isnan(self.middle_v_per_m).all():
            share = e_v_per_m / top_v_per_m
        else:
            share = expit((e_v_per_m - self.middle_v_per_m) / self.width_v_per_m)
        return self.base[0] + self.height[0] * share

    def _at(self, share: NDArray[np.floating]) -> NDArray[np.floating]:
        return self.middle_v_per_m + self.width_v_per_m * logit(share)


def curves_of(
    e_v_per_m: NDArray[np.float32],
    log_mep: NDArray[np.float64],
    weights: NDArray[np.floating] | None = None,
    curve: str = SIGMOID,
    beside: NDArray[np.float64] | None = None,
) -> Iterator[Curves]:
    """Fit every shape of the grid, one after another.

    Parameters
    ----------
    e_v_per_m : (n, V) float32
        A part of the field of each pulse at each place.
    log_mep : (D, n) float
        Sets of responses, log10 µV.
    weights : (D, n) float, optional
        What each pulse counts in each set; default: 1.
    curve : {"sigmoid", "linear"}
    beside : (n, k) float64, optional
        What else the responses may depend on, linearly, wherever they come from; R² is of what it leaves.

    Yields
    ------
    Curves
    """
    top = np.maximum(e_v_per_m.max(axis=0), 1e-9)
    w = np.ones_like(log_mep, np.float32) if weights is None else np.asarray(weights, np.float32)
    w = np.asarray(w / w.sum(axis=1, keepdims=True, dtype=np.float64), np.float32)
    q = _orthonormal(w, np.zeros((len(e_v_per_m), 0)) if beside is None else beside)
    wq = w[:, None] * q
    of_y = np.einsum("dkn,dn->dk", wq, log_mep)
    y = log_mep - np.einsum("dk,dkn->dn", of_y, q)
    spread = (w * y**2).sum(axis=1, keepdims=True)  # (D, 1)
    wy = np.asarray(w * y, np.float32)
    flat_wq = np.asarray(wq.reshape(-1, wq.shape[2]), np.float32)
    share = e_v_per_m / top
    for middle, width in _shapes(curve):
        s = share if curve == LINEAR else expit((share - np.float32(middle)) / np.float32(width))
        of_s = (flat_wq @ s).reshape(*q.shape[:2], -1)
        variance = np.maximum(w @ (s * s) - (of_s**2).sum(axis=1), LEAST_VARIANCE)
        covariance = np.maximum(wy @ s, 0.0)  # responses that fall with the field are none of this place
        height = covariance / variance
        unexplained = np.maximum(1 - covariance * height / np.maximum(spread, 1e-12), 1e-6)
        yield Curves(top * middle, top * width, of_y[:, :1] - height * of_s[:, 0], height, unexplained)


def best_curve(e_v_per_m: NDArray[np.float32], log_mep: NDArray[np.float64], curve: str = SIGMOID) -> Curves:
    """The shape that leaves least unexplained of one set of responses (n,) to the field at one place (n,)."""
    shapes = curves_of(e_v_per_m[:, None], log_mep[None], curve=curve)
    return min(shapes, key=lambda each: float(each.unexplained[0, 0]))


def _orthonormal(weights: NDArray[np.floating], beside: NDArray[np.float64]) -> NDArray[np.float64]:
    """A constant and other columns (n, k), made orthonormal under each set of weights (D, n): (D, 1 + k, n)."""
    columns = np.column_stack([np.ones(len(beside)), beside])
    gram = np.einsum("dn,ni,nj->dij", weights, columns, columns) + 1e-9 * np.eye(columns.shape[1])
    return np.linalg.solve(np.linalg.cholesky(gram), np.broadcast_to(columns.T, (len(gram), *columns.T.shape)))


def _shapes(curve: str) -> list[tuple[float, float]]:
    return [(np.nan, np.nan)] if curve == LINEAR else [(float(c), float(w)) for c in MIDDLES for w in WIDTHS]


def explained(
    e_v_per_m: NDArray[np.float32],
    log_mep: NDArray[np.float64],
    weights: NDArray[np.floating] | None = None,
    curve: str = SIGMOID,
    beside: NDArray[np.float64] | None = None,
) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """R² of the best curve and the log-likelihood of each place, (D, V) each.

    Parameters
    ----------
    e_v_per_m, log_mep, weights, curve, beside
        As for :func:`curves_of`.
    """
    least, likelihood = np.inf, -np.inf
    pulses = len(e_v_per_m) if weights is None else np.asarray(weights).sum(axis=1, keepdims=True)
    for each in curves_of(e_v_per_m, log_mep, weights, curve, beside):
        least = np.minimum(least, each.unexplained)
        likelihood = np.logaddexp(likelihood, log_likelihood(each, pulses))
    return 1 - np.asarray(least), np.asarray(likelihood) - np.log(len(_shapes(curve)))


def log_likelihood(curves: Curves, pulses: ArrayLike) -> NDArray[np.floating]:
    """Of each place, (D, V), by the number of pulses in each set."""
    return -counted_pulses(pulses) / 2 * np.log(curves.unexplained)
