r"""What a dose becomes when the coil is not quite where it should be, and the pose that minds it least.

A navigated coil misses its pose by some shift along the scalp, some turn about its axis and some tilt; the operator keeps
the casing at its distance.  Errors are drawn evenly: shifts from a disc of radius ``shift_mm``, turns from ± ``turn_deg``,
tilts from a cone of ``tilt_deg`` (a quasi-random Sobol sequence, the same one for every pose).  The same hotspot, looked for
again, was found 8.1 ± 3.3 mm away by the same and 10.3 ± 3.3 mm by another operator (Sollmann 2013): a coil led back to a
pose by a navigator does better, and ±5 mm, ±10°, 5° are taken as what is left.

The *worst case* is the dose that 95 % of the errors exceed.  The *robust* pose is the one whose worst case is largest,
looked for among every scalp point where the dose can come near the best.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import qmc

from atlases.scalp import Scalp
from meshes.errors import InputError
from targeting.coils.coil import Coil
from targeting.coils.equivalent import searchable
from targeting.tms.dose_map import DoseMap, dose_of
from targeting.tms.field import DIDT_A_PER_S
from targeting.tms.placement import allowed, carry, push_out, turn

log = logging.getLogger(__name__)

DRAWS = 128
WORST_PERCENT = 5.0
NEAR_BEST = 0.9  # the share of the best dose that counts as near it
REACH_MM, STEP_MM = 30.0, 2.0
TURN_STEP_DEG = 2.0


@dataclass(frozen=True)
class PlacementError:
    """How far a placed coil may be from its pose, at most."""

    shift_mm: float = 5.0
    turn_deg: float = 10.0
    tilt_deg: float = 5.0

    def __post_init__(self) -> None:
        for name, most in (("shift_mm", 30.0), ("turn_deg", 180.0), ("tilt_deg", 45.0)):
            value = getattr(self, name)
            if not 0 <= value <= most:
                raise InputError(f"a placement error's {name} must lie between 0 and {most:g}, not {value}")

    def draws(self, n: int = DRAWS) -> NDArray[np.float64]:
        """Errors, (n, 5): shift along the coil's x and y (mm), turn counter-clockwise, tilt about x and y (radians)."""
        u = qmc.Sobol(5, seed=0).random(n)
        shift = self.shift_mm * np.sqrt(u[:, 0])[:, None] * _circle(u[:, 1])
        tilt = np.radians(self.tilt_deg) * np.sqrt(u[:, 3])[:, None] * _circle(u[:, 4])
        return np.column_stack([shift, np.radians(self.turn_deg) * (2 * u[:, 2] - 1), tilt])


@dataclass(frozen=True, eq=False)
class Robustness:
    """How much of a pose's dose survives placement errors; doses at ``didt_a_per_s`` of the search.

    Parameters
    ----------
    error : PlacementError
    worst_v_per_m, mean_v_per_m : float
        The planned pose's dose: exceeded by 95 % of the errors, and on average.
    robust_pose : (4, 4) float64
        The pose with the largest worst case.
    robust_dose_v_per_m, robust_worst_v_per_m : float
        Its dose where it should be, and its worst case.
    robust_scalp_mm : (3,) float64
    within_mm : float
        The coil moved by less than this along the scalp, its current kept in direction, keeps 90 % of the dose.
    turn_deg : (2,) float
        From how far clockwise (negative) to how far counter-clockwise it may be turned, keeping 90 %.
    points_mm : (P, 3), share : (P,)
        Scalp points round the pose, and the share of its dose the coil has there, NaN where it cannot stand.
    """

    error: PlacementError
    worst_v_per_m: float
    mean_v_per_m: float
    robust_pose: NDArray[np.float64]
    robust_dose_v_per_m: float
    robust_worst_v_per_m: float
    robust_scalp_mm: NDArray[np.float64]
    within_mm: float
    turn_deg: tuple[float, float]
    points_mm: NDArray[np.float64]
    share: NDArray[np.float64]


def robustness(
    scalp: Scalp,
    coil: Coil,
    dose_map: DoseMap,
    pose_mm: NDArray[np.float64],
    candidates_mm: NDArray[np.float64],
    hair_mm: float,
    unit: NDArray[np.float64] | None = None,
    error: PlacementError | None = None,
    didt_a_per_s: float = DIDT_A_PER_S,
) -> Robustness:
    """Try a pose, and others that might be steadier, under placement errors.

    Parameters
    ----------
    scalp : Scalp
    coil : Coil
    dose_map : DoseMap
    pose_mm : (4, 4)
        The planned pose.
    candidates_mm : (n, 4, 4)
        Poses that may be the robust one; the planned pose is always among them.
    hair_mm : float
        Casing to scalp.
    unit : (3,), optional
        The direction the dose is the component along; without it the dose is the size of the mean field.
    error : PlacementError, optional
    didt_a_per_s : float
    """
    error = error or PlacementError()
    source = searchable(coil)

    def dose(poses: NDArray[np.float64]) -> NDArray[np.float64]:
        e = dose_map.mean_e_v_per_m(source, poses.reshape(-1, 4, 4), didt_a_per_s).reshape(*poses.shape[:-2], 3)
        return dose_of(e, unit)

    everyone = np.concatenate([pose_mm[None], candidates_mm])
    missed, distance = misplaced(scalp, coil, everyone, error.draws(), hair_mm)
    log.info("%d poses under %d placement errors each", len(everyone), missed.shape[1])
    doses = np.where(allowed(distance, hair_mm), dose(missed), np.nan)
    doses[np.isnan(doses).mean(axis=1) > 0.5] = 0.0  # where the coil can hardly stand there is no robust pose
    worst = np.nanpercentile(doses, WORST_PERCENT, axis=1)
    steady = int(np.argmax(worst))

    planned = float(dose(pose_mm[None])[0])
    points, share = _share_around(scalp, coil, pose_mm, hair_mm, dose)
    turns = np.radians(np.arange(0.0, 180.0 + 1e-9, TURN_STEP_DEG))
    turned = np.zeros((2 * len(turns), 5))
    turned[:, 2] = np.concatenate([-turns, turns])
    by_turn = dose(misplaced(scalp, coil, pose_mm[None], turned, hair_mm)[0])[0].reshape(2, -1) / planned
    lost = [np.flatnonzero(side < NEAR_BEST) for side in by_turn]
    reach = [float(np.degrees(turns[max(each[0] - 1, 0)])) if len(each) else 180.0 for each in lost]
    return Robustness(
        error=error,
        worst_v_per_m=float(worst[0]),
        mean_v_per_m=float(np.nanmean(doses[0])),
        robust_pose=everyone[steady],
        robust_dose_v_per_m=float(dose(everyone[steady][None])[0]),
        robust_worst_v_per_m=float(worst[steady]),
        robust_scalp_mm=scalp.points_mm[scalp.nearest(everyone[steady][:3, 3])],
        within_mm=_radius(points, share, pose_mm[:3, 3]),
        turn_deg=(-reach[0], reach[1]),
        points_mm=points,
        share=share,
    )


def misplaced(
    scalp: Scalp, coil: Coil, poses_mm: NDArray[np.float64], errors: NDArray[np.float64], hair_mm: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Poses (n, 4, 4) under errors (e, 5): where the coil then stands, (n, e, 4, 4), and its distance, (n, e).

    The coil is shifted along the scalp, its current keeping its direction, then turned and tilted, and lifted or lowered
    until its casing is ``hair_mm`` off the scalp again.
    """
    out, distance = np.empty((len(poses_mm), len(errors), 4, 4)), np.empty((len(poses_mm), len(errors)))
    # the coil's z points away from who looks from outside: counter-clockwise for them is against it
    turned = turn(2, -errors[:, 2]) @ turn(0, errors[:, 3]) @ turn(1, errors[:, 4])
    for n, pose in enumerate(poses_mm):
        away = pose[:3, 3] + errors[:, :1] * pose[:3, 0] + errors[:, 1:2] * pose[:3, 1]
        points, normals = _under(scalp, away)
        axes = carried(pose, normals) @ turned
        placed, reached = push_out(scalp, coil, points, normals, axes[:, None], hair_mm)
        out[n], distance[n] = placed[:, 0], reached[:, 0]
    return out, distance


def carried(pose_mm: NDArray[np.float64], normals: NDArray[np.float64]) -> NDArray[np.float64]:
    """Axes (n, 3, 3) of a pose taken to other normals by the smallest rotation of its z onto each −normal."""
    y = carry(pose_mm[:3, 1], pose_mm[:3, 2], -normals)
    return np.stack([np.cross(y, -normals), y, -normals], axis=-1)


def _under(scalp: Scalp, points_mm: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The scalp's nodes nearest to points (n, 3), moved sideways to stand under them, and the normals there."""
    nearest = scalp.points_mm[scalp.nearest(points_mm)]
    normals = scalp.patch_normals(nearest)
    sideways = points_mm - nearest
    return nearest + sideways - (sideways * normals).sum(1, keepdims=True) * normals, normals


def _share_around(scalp, coil, pose_mm, hair_mm, dose):  # type: ignore[no-untyped-def]
    """Scalp points round a pose, (P, 3), and the share of its dose there, the current's direction kept."""
    start = scalp.points_mm[scalp.nearest(pose_mm[:3, 3])]
    points = scalp.samples(start, REACH_MM, STEP_MM)
    normals = scalp.patch_normals(points)
    poses, distance = push_out(scalp, coil, points, normals, carried(pose_mm, normals)[:, None], hair_mm)
    share = dose(poses[:, 0]) / dose(pose_mm[None])[0]
    return points, np.where(allowed(distance[:, 0], hair_mm), share, np.nan)


def _radius(points_mm: NDArray, share: NDArray, center_mm: NDArray) -> float:
    """Distance from the pose's foot to the nearest point that has lost more than a tenth."""
    foot = points_mm[np.argmin(np.linalg.norm(points_mm - center_mm, axis=1))]
    lost = ~(share >= NEAR_BEST)
    return float(np.linalg.norm(points_mm[lost] - foot, axis=1).min()) if lost.any() else REACH_MM


def _circle(u: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.stack([np.cos(2 * np.pi * u), np.sin(2 * np.pi * u)], axis=1)
