"""Poses of the coil that a map asks for: the one that reaches the hotspot best, and those whose responses would tell most.

Among poses that the coil can have near the hotspot, the next pulses are those for which the places that are still likely
predict the most different responses: with p the places' probabilities and y the logarithm of the response that each predicts
at each pose, the rows √p (y − ȳ) are chosen one after another by the part that those before do not span (a QR decomposition
with pivoting).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from atlases.scalp import Scalp
from meshes.mesher.points import poisson_disk
from targeting.mapping.localise import Localised
from targeting.mapping.places import Places
from targeting.mapping.recruitment import SIGMOID, curves_of, log_amplitude
from targeting.pose import Pose
from targeting.pose_gate import PoseGate
from targeting.tms.orientation import faces_away
from targeting.tms.placement import place

NEAR_MM, SPACING_MM, STEP_DEG = 25.0, 7.0, 15.0
FINER = 3.0  # the second round, near the best of the first
NEXT = 10
ALONG = 0.9  # cosine to the preferred direction
REACHED_MM = 0.5


@dataclass(frozen=True, eq=False)
class BestPose:
    """The pose whose field at the hotspot is largest.

    Parameters
    ----------
    matrix_mm : (4, 4) float64
    per_didt : float
        The field there, V/m per A/s, in the likely quantity.
    """

    matrix_mm: NDArray[np.float64]
    per_didt: float


@dataclass(frozen=True, eq=False)
class Candidates:
    """Poses that the coil can have, with its fields.

    Parameters
    ----------
    poses : (P, 4, 4) float64
    e_v_per_m : (P, V, 3) float32
        At all places at 1 A/s.
    """

    poses: NDArray[np.float64]
    e_v_per_m: NDArray[np.float32]


def candidates(
    places: Places,
    gate: PoseGate,
    over_mm: NDArray[np.float64],
    hair_mm: float,
    side: str,
    near_mm: float = NEAR_MM,
    angles_deg: NDArray[np.floating] | None = None,
) -> Candidates:
    """Poses tangential to the scalp near a point, handles away from the face, none in the head.

    Parameters
    ----------
    places : Places
    gate : PoseGate
    over_mm : (3,) float64
        The point in the cortex or on the scalp.
    hair_mm : float
    side : {"left", "right"}
    near_mm : float
        How far from the scalp over the point.
    angles_deg : (a,) float64, optional
        Of the current; default: every 15°.
    """
    scalp, coil = gate.scalp, gate.coil
    angles = np.arange(0.0, 180.0, STEP_DEG) if angles_deg is None else angles_deg
    points = _scalp_points(scalp, over_mm, near_mm)
    poses, reached = place(scalp, coil, points, angles, hair_mm)
    poses = poses[np.abs(reached - hair_mm) < REACHED_MM]
    wrong = ~faces_away(-poses[:, :3, 1], side)
    poses[wrong, :3, :2] *= -1  # turned by 180° about its axis: the same size of the field
    poses = np.array([each for each in poses if not gate.fault(Pose(each))]).reshape(-1, 4, 4)
    return Candidates(poses, places.basis.e_v_per_m(coil, poses, 1.0))


def best_pose(
    places: Places,
    gate: PoseGate,
    localised: Localised,
    hair_mm: float,
    side: str,
    first: Candidates,
    toward: NDArray[np.float64] | None = None,
) -> BestPose | None:
    """The pose with the largest field at the hotspot, along a preferred direction where there is one; None if none is free.

    Parameters
    ----------
    places : Places
    gate : PoseGate
    localised : Localised
    hair_mm : float
    side : {"left", "right"}
    first : Candidates
    toward : (3,) float64, optional
        Unit vector along which the current is to run.
    """
    spot = int(localised.looked_at[localised.certainty.spot])

    def best(some: Candidates) -> BestPose | None:
        if not len(some.poses):
            return None
        size = places.quantity(some.e_v_per_m, localised.quantity)[:, spot].astype(np.float64)
        if toward is not None:
            e = some.e_v_per_m[:, spot]
            along = np.abs(e @ toward) / np.maximum(np.linalg.norm(e, axis=1), 1e-30)
            size = np.where(along >= ALONG, size, 0.0)
        i = int(size.argmax())
        return BestPose(some.poses[i], float(size[i])) if size[i] > 0 else None

    coarse = best(first)
    if coarse is None:
        return None
    from targeting.tms.placement import current_angle_deg

    middle = current_angle_deg(coarse.matrix_mm, gate.coil.current_direction_y)[0]
    angles = middle + np.arange(-STEP_DEG, STEP_DEG + 1, STEP_DEG / 3)
    near = candidates(places, gate, coarse.matrix_mm[:3, 3], hair_mm, side, SPACING_MM, angles)
    finer = best(near)
    return finer if finer is not None and finer.per_didt > coarse.per_didt else coarse


def next_poses(
    places: Places,
    localised: Localised,
    e_v_per_m: NDArray[np.float32],
    mep_uv: NDArray[np.float64],
    free: Candidates,
    didt_a_per_s: float,
    curve: str = SIGMOID,
    count: int = NEXT,
) -> NDArray[np.float64]:
    """The poses whose responses would tell most, (count, 4, 4), the most telling first.

    Parameters
    ----------
    places : Places
    localised : Localised
    e_v_per_m : (n, V, 3) float32
        The field of each pulse so far.
    mep_uv : (n,) float64
    free : Candidates
    didt_a_per_s : float
        Of the next pulses.
    curve : {"sigmoid", "linear"}
    count : int
    """
    chosen, name = localised.looked_at, localised.quantity
    e, y = places.quantity(e_v_per_m, name)[:, chosen], log_amplitude(mep_uv)[None]
    ahead = places.quantity(free.e_v_per_m, name)[:, chosen] * didt_a_per_s
    top = e.max(axis=0)
    least, predicted = np.full(len(chosen), np.inf), np.zeros((len(ahead), len(chosen)))
    for each in curves_of(e, y, curve=curve):
        better = each.unexplained[0] < least
        least = np.where(better, each.unexplained[0], least)
        predicted[:, better] = each.log_mep(ahead, top)[:, better]
    p = localised.certainty.probability
    apart = np.sqrt(p) * (predicted - (predicted @ p)[:, None])
    order = scipy.linalg.qr(apart.T, mode="r", pivoting=True, check_finite=False)[1]
    return free.poses[order[:count]]


def _scalp_points(scalp: Scalp, over_mm: NDArray[np.float64], near_mm: float) -> NDArray[np.float64]:
    """Points of the scalp near a place, some millimetres apart."""
    middle = scalp.points_mm[scalp.nearest(over_mm)]
    away = np.linalg.norm(scalp.points_mm - middle, axis=1)
    points = scalp.points_mm[(away <= near_mm) & ~scalp.on_cut]
    spacing = SPACING_MM if near_mm > SPACING_MM else FINER
    offset = points - points.min(0)
    order = np.argsort(np.linalg.norm(points - middle, axis=1))
    keep = poisson_disk(offset, np.full(len(points), spacing), order, offset.max(0), spacing)
    return np.asarray(points[keep], np.float64)
