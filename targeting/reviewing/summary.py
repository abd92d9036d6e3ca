"""Many pulses in a few numbers, and whether the target got the planned dose.

A pulse counts as a whole one when the target got at least the planned dose of it, and as its share when it got less: too strong
a pulse does not make up for one that missed.  What the target got is the sum of these over the pulses prescribed (or, without a
protocol, over those given).  Pulses whose place or output was not recorded may have been anything between none and as the
others: so the answer may be a range.  Where no output can be held against the plan's, it is not known.  Planned means at least
``ENOUGH`` of the dose, which is what this program calls near the best elsewhere too, and less than ``TOO_MUCH`` by a plain sum.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from targeting.reviewing.pulses import Pulses
from targeting.reviewing.recorded import GIVEN, IMPOSSIBLE, OF_THE_PLAN, OFF, UNTRACKED
from targeting.robustness.robustness import NEAR_BEST

ENOUGH, TOO_MUCH = NEAR_BEST, 1.1
YES, NO, MORE, UNKNOWN = "yes", "no", "more", "not known"


@dataclass(frozen=True)
class PulseSummary:
    """Some pulses of the plan in numbers; medians are over those on the head, None where there are none.

    Parameters
    ----------
    name : str
        What they are of.
    pulses : int
        Given by the plan's coil for its target, whatever became of them.
    on_head, untracked, off_head, impossible : int
        Tracked on the head; not seen by the camera; away from the head; recorded where no coil can be.
    distance_mm, most_distance_mm : float or None
        From the planned place: median, and what nine of ten keep within.
    turned_deg, handle_deg, tilt_deg : float or None
        Medians: the whole rotation, the handle's turn (counter-clockwise seen from outside is positive), the axis's tilt.
    offset_mm : tuple of float or None
        Median of the place from the planned one, RAS.
    output_percent, dose_v_per_m : float or None
        Medians at the pulses' own intensity.
    share, low_share : float or None
        Dose as a share of the planned one: median, and what nine of ten reach.
    lost_percent : float or None
        Dose lost by the median pulse, percent of the planned one; negative where the target got more.
    whole : float or None
        Share of the tracked pulses that gave at least ``ENOUGH`` of the planned dose.
    got : float
        Pulses' worth of the planned dose, no pulse counting more than one.
    got_in_all : float
        The same as a plain sum.
    unknown : int
        Pulses whose dose is not known.
    """

    name: str
    pulses: int
    on_head: int
    untracked: int
    off_head: int
    impossible: int
    distance_mm: float | None
    most_distance_mm: float | None
    turned_deg: float | None
    handle_deg: float | None
    tilt_deg: float | None
    offset_mm: tuple[float, float, float] | None
    output_percent: float | None
    dose_v_per_m: float | None
    share: float | None
    low_share: float | None
    lost_percent: float | None
    whole: float | None
    got: float
    got_in_all: float
    unknown: int


@dataclass(frozen=True)
class Verdict:
    """Whether the target got the planned dose.

    Parameters
    ----------
    answer : {"yes", "no", "more", "not known"}
    low, high : float
        The share of the planned dose that it got: at least, and if the pulses of unknown dose were as the others.
    in_all : float
        The share by a plain sum, in which a strong pulse makes up for a weak one.
    of : int
        Pulses that the share is of: prescribed, or without a protocol given.
    """

    answer: str
    low: float
    high: float
    in_all: float
    of: int


def summarised(pulses: Pulses, share: NDArray[np.float64], chosen: NDArray[np.bool_], name: str) -> PulseSummary:
    """Sum up the plan's pulses among those chosen.

    Parameters
    ----------
    pulses : Pulses
    share : (n,) float64
        Of the planned dose, by own or at equal intensity.
    chosen : (n,) bool
    name : str
    """
    chosen = chosen & np.isin(pulses.state, OF_THE_PLAN)
    there = chosen & (pulses.state == GIVEN)
    known = chosen & np.isfinite(share)
    doses = share[known & there]
    offset = np.median(pulses.offset_mm[there], axis=0) if there.any() else None
    median = median_of(doses)
    return PulseSummary(
        name=name,
        pulses=int(chosen.sum()),
        on_head=int(there.sum()),
        untracked=int((chosen & (pulses.state == UNTRACKED)).sum()),
        off_head=int((chosen & (pulses.state == OFF)).sum()),
        impossible=int((chosen & (pulses.state == IMPOSSIBLE)).sum()),
        distance_mm=median_of(pulses.distance_mm[there]),
        most_distance_mm=_quantile(pulses.distance_mm[there], 0.9),
        turned_deg=median_of(pulses.turned_deg[there]),
        handle_deg=median_angle_deg(pulses.handle_deg[there]),
        tilt_deg=median_of(pulses.tilt_deg[there]),
        offset_mm=None if offset is None else (float(offset[0]), float(offset[1]), float(offset[2])),
        output_percent=median_of(pulses.output_percent[there]),
        dose_v_per_m=median_of(pulses.dose_v_per_m[there]),
        share=median,
        low_share=_quantile(doses, 0.1),
        lost_percent=None if median is None else 100 * (1 - median),
        whole=float((doses >= ENOUGH).mean()) if len(doses) else None,
        got=float(np.clip(share[known], 0, 1).sum()),
        got_in_all=float(share[known].sum()),
        unknown=int((chosen & ~known).sum()),
    )


def verdict_of(summaries: list[PulseSummary], prescribed: int | None, own_intensity: bool) -> Verdict:
    """Whether sessions together gave the target the planned dose.

    Parameters
    ----------
    summaries : list of PulseSummary
        One for each session.
    prescribed : int or None
        Pulses of a session; None: those that were given.
    own_intensity : bool
        Whether shares are at the pulses' own intensity.  At an intensity that is not known the answer is not known either,
        unless too few pulses were given, which no intensity makes up for.
    """
    of = sum(prescribed or each.pulses for each in summaries)
    usual = [min(each.share, 1.0) if each.share is not None else 1.0 for each in summaries]
    low = sum(each.got for each in summaries) / max(of, 1)
    high = low + sum(each.unknown * share for each, share in zip(summaries, usual, strict=True)) / max(of, 1)
    in_all = sum(each.got_in_all for each in summaries) / max(of, 1)
    if not own_intensity:
        answer = NO if sum(each.pulses for each in summaries) < ENOUGH * of else UNKNOWN
    elif in_all > TOO_MUCH:
        answer = MORE
    elif low >= ENOUGH:
        answer = YES
    else:
        answer = NO if high < ENOUGH else UNKNOWN
    return Verdict(answer, low, high, in_all, of)


def median_angle_deg(angles_deg: NDArray[np.float64]) -> float | None:
    """The median of angles about their mean direction, in [−180, 180): a coil that is turned round is not one that is straight.

    Examples
    --------
    >>> median_angle_deg(np.array([178.0, -179.0, -177.0])), median_angle_deg(np.array([]))
    (-179.0, None)
    """
    if not len(angles_deg):
        return None
    middle = float(np.degrees(np.angle(np.exp(1j * np.radians(angles_deg)).mean())))
    about = float(np.median(_wrapped(angles_deg - middle)))
    return round(float(_wrapped(np.array(middle + about))), 9)


def _wrapped(angles_deg: NDArray[np.float64]) -> NDArray[np.float64]:
    return (angles_deg + 180.0) % 360.0 - 180.0


def median_of(values: NDArray[np.float64]) -> float | None:
    """The median of those that are known; None where none is."""
    return _quantile(values, 0.5)


def _quantile(values: NDArray[np.float64], at: float) -> float | None:
    known = values[np.isfinite(values)]
    return float(np.quantile(known, at)) if len(known) else None
