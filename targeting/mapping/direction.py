"""The direction of the current that a muscle prefers, where the responses tell one.

What the size of the field leaves of the responses is regressed on the direction of the field at the hotspot, laid into the
plane of the coils' faces.  A direction is given where that explains more than it does in 99 of 100 shuffled sets.  Its sense
is that of the effective phase of the plan's pulse.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from targeting.mapping.certainty import CHANCE
from targeting.mapping.recruitment import SIGMOID, curves_of

SHUFFLES = 500


def preferred_direction(
    e_v_per_m: NDArray[np.floating],
    part_v_per_m: NDArray[np.float32],
    log_mep: NDArray[np.float64],
    poses: NDArray[np.float64],
    curve: str = SIGMOID,
) -> NDArray[np.float64] | None:
    """A unit vector, RAS; None where the responses do not tell it.

    Parameters
    ----------
    e_v_per_m : (n, 3) float
        At the hotspot.
    part_v_per_m : (n,) float32
        The size of the quantity that the responses follow, there.
    log_mep : (n,) float64
    poses : (n, 4, 4) float64
    curve : {"sigmoid", "linear"}
    """
    best = min(
        curves_of(part_v_per_m[:, None], log_mep[None], curve=curve), key=lambda each: float(each.unexplained[0, 0])
    )
    left = log_mep - best.log_mep(part_v_per_m[:, None], part_v_per_m.max(keepdims=True))[:, 0]
    outwards = -poses[:, :3, 2].mean(axis=0)
    plane = np.linalg.svd(outwards[None] / np.linalg.norm(outwards))[2][1:]  # two unit vectors across it
    flat = np.asarray(e_v_per_m, np.float64) @ plane.T
    flat /= np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-30)
    columns = np.column_stack([np.ones(len(flat)), flat])
    q = np.linalg.qr(columns)[0][:, 1:]  # the directions without what is constant
    rng = np.random.default_rng(0)
    shuffled = np.stack([left, *(rng.permutation(left) for _ in range(SHUFFLES))], axis=1)
    size = np.linalg.norm(q.T @ shuffled, axis=0)
    if size[0] <= np.quantile(size[1:], 1 - CHANCE):
        return None
    slope = np.linalg.lstsq(columns, left, rcond=None)[0][1:]
    toward = slope @ plane
    return np.asarray(toward / np.linalg.norm(toward), np.float64)
