r"""Robustness of the dose to errors in the coil's placement, and the pose least sensitive to them.

A navigated coil misses its pose by some shift along the scalp, some turn about its axis and some tilt; the operator keeps
the casing at its distance.  A coil taken elsewhere is set down as in the search (one with wings rocked until both rest) and
leans there as the pose did against that; the error's tilt comes on top.  Without an error it stands in the pose itself.

Errors are drawn evenly: shifts from a disc of radius ``shift_mm``, turns from ± ``turn_deg``, tilts from a cone of
``tilt_deg`` (a quasi-random Sobol sequence, the same one for every pose).  The same hotspot, looked for again, was found
8.1 ± 3.3 mm away by the same and 10.3 ± 3.3 mm by another operator (Sollmann 2013): a coil led back to a pose by a navigator
does better, and ±5 mm, ±10°, 5° are taken as what is left.

The *worst case* is the dose that 95 % of the errors exceed.  The *robust* pose is the one whose worst case is largest,
looked for among the poses at every scalp point where the dose can come near the best; one in which the coil cannot stand is
no pose.
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
from targeting.tms.placement import allowed, carry, casing_distance_mm, has_wings, push_out, rest, turn

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
        The pose with the largest worst case, where the coil stands when nothing is amiss.
    robust_dose_v_per_m, robust_worst_v_per_m : float
        Its dose there, and its worst case.
    robust_scalp_mm : (3,) float64
        The scalp point under it.
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
    poses_mm: NDArray[np.float64],
    scalp_mm: NDArray[np.float64],
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
    poses_mm : (n, 4, 4)
        Poses in which the coil stands: the planned one first, then those that may be steadier (:func:`taken_to`).
    scalp_mm : (n, 3)
        The scalp point under each.
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

    draws = error.draws()
    log.info("%d poses under %d placement errors each", len(poses_mm), len(draws))
    missed = [misplaced(scalp, coil, *each, draws) for each in zip(poses_mm, scalp_mm, strict=True)]
    stands = np.stack([can for _, can in missed])
    doses = np.where(stands, dose(np.stack([poses for poses, _ in missed])), np.nan)
    doses[np.isnan(doses).mean(axis=1) > 0.5] = 0.0  # where the coil can hardly stand there is no robust pose
    worst = np.nanpercentile(doses, WORST_PERCENT, axis=1)
    steady = int(np.argmax(worst))

    planned, foot = poses_mm[0], scalp_mm[0]
    as_planned = float(dose(planned[None])[0])
    points = scalp.samples(foot, REACH_MM, STEP_MM)
    around, can = taken_to(scalp, coil, planned, foot, points)
    share = np.where(can, dose(around) / as_planned, np.nan)
    turns = np.radians(np.arange(0.0, 180.0 + 1e-9, TURN_STEP_DEG))
    turned = np.zeros((2 * len(turns), 5))
    turned[:, 2] = np.concatenate([-turns, turns])
    by_turn = dose(misplaced(scalp, coil, planned, foot, turned)[0]).reshape(2, -1) / as_planned
    lost = [np.flatnonzero(side < NEAR_BEST) for side in by_turn]
    reach = [float(np.degrees(turns[max(each[0] - 1, 0)])) if len(each) else 180.0 for each in lost]
    return Robustness(
        error=error,
        worst_v_per_m=float(worst[0]),
        mean_v_per_m=float(np.nanmean(doses[0])),
        robust_pose=poses_mm[steady],
        robust_dose_v_per_m=float(dose(poses_mm[steady][None])[0]),
        robust_worst_v_per_m=float(worst[steady]),
        robust_scalp_mm=scalp_mm[steady],
        within_mm=_radius(points, share, foot),
        turn_deg=(-reach[0], reach[1]),
        points_mm=points,
        share=share,
    )


def misplaced(
    scalp: Scalp,
    coil: Coil,
    pose_mm: NDArray[np.float64],
    scalp_mm: NDArray[np.float64],
    errors: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """A pose over a scalp point under errors (e, 5): where the coil then stands, (e, 4, 4), and whether it can, (e,).

    The coil is shifted along the scalp, its current keeping its direction, then turned and tilted, and lifted or lowered
    until its casing is as far off the scalp as in the pose.

    Parameters
    ----------
    scalp : Scalp
    coil : Coil
    pose_mm : (4, 4) float64
        Coil to head, mm.
    scalp_mm : (3,)
        The scalp point.
    errors : (e, 5)
        Shifts along the coil's x and y axes (mm), a turn and two tilts (radians).
    """
    points, normals = _under(scalp, scalp_mm + errors[:, :1] * pose_mm[:3, 0] + errors[:, 1:2] * pose_mm[:3, 1])
    # the coil's z points away from who looks from outside: counter-clockwise for them is against it
    turned, tilted = turn(2, -errors[:, 2]), turn(0, errors[:, 3]) @ turn(1, errors[:, 4])
    return _held(scalp, coil, pose_mm, scalp_mm, points, normals, turned, tilted)


def taken_to(
    scalp: Scalp,
    coil: Coil,
    pose_mm: NDArray[np.float64],
    scalp_mm: NDArray[np.float64],
    points_mm: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """A pose over a scalp point taken to others (p, 3), its current's direction kept: (p, 4, 4), and whether it can, (p,).

    Parameters
    ----------
    scalp : Scalp
    coil : Coil
    pose_mm : (4, 4) float64
        Coil to head, mm.
    scalp_mm : (3,)
        The scalp point.
    points_mm : (p, 3)
        Other scalp points.
    """
    still = np.tile(np.eye(3), (len(points_mm), 1, 1))
    return _held(scalp, coil, pose_mm, scalp_mm, points_mm, scalp.patch_normals(points_mm), still, still)


def _held(
    scalp: Scalp,
    coil: Coil,
    pose_mm: NDArray,
    scalp_mm: NDArray,
    points_mm: NDArray,
    normals: NDArray,
    turned: NDArray,
    tilted: NDArray,
) -> tuple[NDArray, NDArray]:
    """The pose over other points, turned and tilted there (p, 3, 3); whether the casing is as far off as in the pose."""
    distance = casing_distance_mm(scalp, coil, pose_mm)
    foot, normal = _under(scalp, scalp_mm[None])
    lean = _set_down(scalp, coil, foot, normal, carried(pose_mm, normal), distance)[0].T @ pose_mm[:3, :3]
    axes = _set_down(scalp, coil, points_mm, normals, carried(pose_mm, normals) @ turned, distance) @ lean @ tilted
    poses, reached = push_out(scalp, coil, points_mm, normals, axes[:, None], distance)
    return poses[:, 0], allowed(reached[:, 0], distance)


def _set_down(
    scalp: Scalp, coil: Coil, points_mm: NDArray, normals: NDArray, axes: NDArray, distance_mm: float
) -> NDArray:
    """Axes (p, 3, 3) of a coil set down with these: a flat one keeps them, one with wings rocks until both rest."""
    if not has_wings(coil):
        return axes
    return rest(scalp, coil, points_mm, normals, axes[:, None], distance_mm)[0][:, 0, :3, :3]


def carried(pose_mm: NDArray[np.float64], normals: NDArray[np.float64]) -> NDArray[np.float64]:
    """Axes (n, 3, 3) of a pose taken to other normals by the smallest rotation of its z onto each −normal."""
    y = carry(pose_mm[:3, 1], pose_mm[:3, 2], -normals)
    return np.stack([np.cross(y, -normals), y, -normals], axis=-1)


def _under(scalp: Scalp, points_mm: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Points near the scalp (n, 3) brought along its normals to its nearest nodes' height, and those normals."""
    normals = scalp.patch_normals(points_mm)
    off = points_mm - scalp.points_mm[scalp.nearest(points_mm)]
    return points_mm - (off * normals).sum(1, keepdims=True) * normals, normals


def _radius(points_mm: NDArray, share: NDArray, foot_mm: NDArray) -> float:
    """Distance from the point under the pose to the nearest one that has lost more than a tenth."""
    lost = ~(share >= NEAR_BEST)
    return float(np.linalg.norm(points_mm[lost] - foot_mm, axis=1).min()) if lost.any() else REACH_MM


def _circle(u: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.stack([np.cos(2 * np.pi * u), np.sin(2 * np.pi * u)], axis=1)
