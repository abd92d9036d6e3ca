"""What an angle that is asked for means on one head: the fold at the target, believed only where it is near the published one.

The walls round a target may be those of the wrong fold, or torn.  Published optima over the motor cortex scatter by 13.7°
(standard deviation; Balslev 2007, J Neurosci Methods 162:309): a fold whose handle would be farther than ``BELIEVED_DEG`` from
the target's usual angle to the midline is not believed, nor is a handle farther from it chosen.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from atlases import Target
from atlases.scalp import Scalp
from meshes.cortical_surface import Cortex
from targeting.tms.angle import DIRECTION, FOLD, MIDLINE, AngleRequest
from targeting.tms.fold import fold_at
from targeting.tms.orientation import REACH_DEG, Orientation, handle_deg, handle_directions

BELIEVED_DEG = 30.0  # about two standard deviations
FORWARD_AND_MEDIAL = {"left": (1.0, 1.0, 0.0), "right": (-1.0, 1.0, 0.0)}  # where nothing is published of a target
USUAL_DEG = 45.0


def orientation_of(
    rule: str,
    midline_deg: float | None,
    usual_deg: float | None,
    target: Target,
    cortex: Cortex | None,
    normal: NDArray[np.float64],
) -> Orientation:
    """How the coil may be turned.

    Parameters
    ----------
    rule : {"fold", "midline", "free", "direction"}
    midline_deg : float, optional
        The handle's angle to the midline ("midline").
    usual_deg : float, optional
        The target's published angle; without one every fold is believed, and 45° stands in where there is none.
    target : Target
    cortex : Cortex, optional
        Mid-cortical surfaces; without them there is no fold.
    normal : (3,) float64
        The scalp's outward normal over the target.
    """
    toward = target.current_toward or (FORWARD_AND_MEDIAL[target.side or "left"] if rule == FOLD else None)
    way = None if toward is None else np.array(toward) / np.linalg.norm(toward)
    fold = None
    if cortex is not None:
        ahead = np.array(FORWARD_AND_MEDIAL[target.side or "left"]) if way is None else way
        fold = fold_at(cortex, target.center_mm, normal, ahead)
    across = fold.across if fold is not None and fold.is_clear else None
    if rule == MIDLINE:
        assert midline_deg is not None
        why = f"{midline_deg:g}° to the midline, as asked for"
        return Orientation(MIDLINE, target.side, across, midline_deg, way, 0.0, why)
    if rule != FOLD:
        why = "the dose's own direction" if rule == DIRECTION else "the largest dose over all angles"
        return Orientation(rule, target.side, across, None, way, 0.0, why)
    usual = USUAL_DEG if usual_deg is None else usual_deg
    if across is None:
        why = f"no clear wall of a fold at the target, so {usual:g}° to the midline, as is usual"
        return Orientation(MIDLINE, target.side, None, usual, way, 0.0, why)
    handle = fold_handle_deg(across, normal, target.side)
    if usual_deg is not None and abs(handle - usual_deg) > BELIEVED_DEG:
        why = (
            f"the wall found at the target would turn the handle {handle:.0f}° to the midline, more than {BELIEVED_DEG:g}° "
            f"from the usual {usual_deg:g}°: it is not believed, and the handle is at {usual_deg:g}°"
        )
        return Orientation(MIDLINE, target.side, across, usual_deg, way, 0.0, why)
    low, high = handle - REACH_DEG, handle + REACH_DEG
    if usual_deg is not None:
        low, high = max(low, usual_deg - BELIEVED_DEG), min(high, usual_deg + BELIEVED_DEG)
    middle = (low + high) / 2
    axis = -handle_directions(normal[None], middle, target.side)[0]
    why = (
        f"the current across the fold at the target (handle {handle:.0f}° to the midline), and between {low:.0f}° and "
        f"{high:.0f}° the largest dose"
    )
    return Orientation(FOLD, target.side, across, None, way, (high - low) / 2, why, axis)


def fold_handle_deg(across: NDArray[np.float64], normal: NDArray[np.float64], side: str) -> float:
    """The handle's angle to the midline when the current that runs away from it runs along ``across``."""
    pose = np.eye(4)
    pose[:3, :3] = np.stack([np.cross(across, -normal), across, -normal], axis=1)
    return handle_deg(pose, side)


def orientation(asked: AngleRequest, target: Target, scalp: Scalp, cortex: Cortex | None) -> Orientation:
    """How the coil may be turned over a target: :func:`orientation_of` with the scalp's normal there."""
    over = scalp.points_mm[scalp.nearest(target.center_mm)]
    normal = scalp.patch_normals(over[None])[0]
    return orientation_of(asked.rule, asked.midline_deg, asked.usual_deg, target, cortex, normal)
