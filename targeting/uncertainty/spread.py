"""The spread of a plan over the published conductivities: of its dose, and of where the best pose would be.

Conductivities are drawn as quasi-random (Sobol) points, the same ones every time; each draw costs a small matrix product
(:class:`~targeting.uncertainty.DoseSurrogate`).  A tissue's share is its main effect, the part of the dose's variance that
goes when that tissue's conductivity is known: first-order Sobol index by Saltelli's estimator (Saltelli 2010, Comput. Phys.
Commun. 181:259, mean of f(B)(f(AB_i) − f(A)) over the variance).

Where the best pose would be is looked for among poses round the planned one: every place within ``AROUND_MM`` on the scalp,
every turn within ``AROUND_DEG``.  Because the dose is flat round its maximum, what the planned pose loses against each
draw's own best says more than how far away that is.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from atlases import Target
from atlases.scalp import Scalp
from meshes.errors import InputError
from targeting.coils.coil import Coil
from targeting.coils.equivalent import searchable
from targeting.coils.sources import PotentialGrid
from targeting.fem.conductor import HeadConductor
from targeting.tms.dose_map import dose_of
from targeting.tms.field import DIDT_A_PER_S
from targeting.tms.placement import allowed, carry, current_angle_deg, place, reference_directions
from targeting.uncertainty.ranges import DISTRIBUTION, Range, conductivity_samples, ranges_of, sobol_points
from targeting.uncertainty.reduced_basis import DoseSurrogate, PoseDoses

log = logging.getLogger(__name__)

DRAWS = 2048
POSE_DRAWS = 512
AROUND_MM, STEP_MM = 18.0, 2.0
AROUND_DEG, STEP_DEG = 90.0, 5.0  # all turns: half a turn more is the same line of current
INTERVAL = (5.0, 50.0, 95.0)  # percentiles
CHUNK = 32


@dataclass(frozen=True)
class DoseSpread:
    """What published conductivities make of a plan; doses at 1 A/µs.

    Parameters
    ----------
    dose_v_per_m : (3,) float
        5th percentile, median and 95th percentile of the planned pose's dose.
    nominal_dose_v_per_m : float
        The same surrogate's dose at the plan's own conductivities.
    shift_mm, turn_deg : float
        95 % of the draws have their best pose within this distance and this turn of the planned one.
    lost_share : float
        95 % of the draws lose no more than this share of the dose by keeping the planned pose.
    shares : dict
        Tissue → main effect on the planned pose's dose, largest first.
    ranges : list of Range
    draws : int
    distribution : str
    """

    dose_v_per_m: tuple[float, float, float]
    nominal_dose_v_per_m: float
    shift_mm: float
    turn_deg: float
    lost_share: float
    shares: dict[str, float]
    ranges: list[Range]
    draws: int = DRAWS
    distribution: str = DISTRIBUTION


def dose_spread(
    conductor: HeadConductor,
    target: Target,
    coil: Coil,
    pose_mm: NDArray[np.float64],
    hair_mm: float,
    unit: NDArray[np.float64] | None = None,
    scalp: Scalp | None = None,
    didt_a_per_s: float = DIDT_A_PER_S,
) -> DoseSpread:
    """How the dose and the best pose vary when each conductivity varies over its published range.

    Parameters
    ----------
    conductor : HeadConductor
        With the plan's conductivities; those that differ from the default table are taken as known.
    target : Target
    coil : Coil
    pose_mm : (4, 4) float64
        The planned pose.
    hair_mm : float
        Casing to scalp, for the poses round the planned one.
    unit : (3,) float64, optional
        The direction the dose is the component along; without it the dose is the size of the mean field.
    scalp : Scalp, optional
    didt_a_per_s : float

    Raises
    ------
    InputError
        If nothing may vary, or the coil's sources are not known.
    """
    head, source = conductor.head, with_sources(coil)
    ranges = ranges_of(head.tissue, conductor.conductivity_s_per_m)
    surrogate = DoseSurrogate.build(conductor, target, ranges)
    poses = poses_around(scalp or Scalp.of(head), coil, pose_mm, hair_mm)
    log.info("modes coupled to %d poses", len(poses))
    doses = surrogate.couple(source, poses, didt_a_per_s)
    planned = PoseDoses(doses.direct_v_per_m[:1], doses.per_mode_v_per_m[:1])

    def planned_dose(sigma: NDArray[np.float64]) -> NDArray[np.float64]:
        return dose_of(planned.mean_e_v_per_m(surrogate.mode_weights(sigma)), unit)[:, 0]

    d = len(ranges)
    points = sobol_points(2 * d, DRAWS, seed=3)
    first, second = conductivity_samples(ranges, points[:, :d]), conductivity_samples(ranges, points[:, d:])
    dose = planned_dose(first)
    shares = main_effects(planned_dose, first, second)
    best, lost = _best_poses(doses, surrogate.mode_weights(first[:POSE_DRAWS]), unit)
    low, median, high = np.percentile(dose, INTERVAL)
    return DoseSpread(
        dose_v_per_m=(float(low), float(median), float(high)),
        nominal_dose_v_per_m=float(planned_dose(surrogate.nominal_s_per_m()[None])[0]),
        shift_mm=float(np.percentile(np.linalg.norm(poses[best, :3, 3] - poses[0, :3, 3], axis=1), 95)),
        turn_deg=float(np.percentile(turns_deg(poses[0], poses[best]), 95)),
        lost_share=float(np.percentile(lost, 95)),
        shares={ranges[i].tissue: float(shares[i]) for i in np.argsort(-shares, kind="stable")},
        ranges=ranges,
    )


def with_sources(coil: Coil) -> Coil:
    """The coil as dipoles and wires.

    Raises
    ------
    InputError
        If it is a sampled A-field that no sheet of dipoles makes: thousands of poses would take hours.
    """
    source = searchable(coil)
    if any(isinstance(each, PotentialGrid) for each in source.sources):
        raise InputError(f"`uncertainty` needs the sources of {coil.name}: give the coil as a .ccd or .tcd file")
    return source


def main_effects(
    function: Callable[[NDArray], NDArray], first: NDArray[np.float64], second: NDArray[np.float64]
) -> NDArray[np.float64]:
    """First-order Sobol indices of ``function`` (n, d) → (n,) from two independent samples (n, d): (d,)."""
    at_first, at_second = function(first), function(second)
    both = np.concatenate([at_first, at_second])
    variance = both.var()
    middle = both.mean()  # taking the mean off first keeps the estimator's noise small
    effects = np.zeros(first.shape[1])
    for i in range(len(effects)):
        mixed = first.copy()
        mixed[:, i] = second[:, i]
        effects[i] = np.mean((at_second - middle) * (function(mixed) - at_first))
    return np.clip(effects / variance, 0, 1) if variance > 0 else effects


def poses_around(scalp: Scalp, coil: Coil, pose_mm: NDArray[np.float64], hair_mm: float) -> NDArray[np.float64]:
    """The pose itself and those round it that the coil can be brought to, (P, 4, 4).

    Parameters
    ----------
    scalp : Scalp
    coil : Coil
    pose_mm : (4, 4) float64
        Coil to head, mm.
    hair_mm : float
        From the casing to the scalp.
    """
    nearest = scalp.points_mm[scalp.nearest(pose_mm[:3, 3])]
    points = scalp.samples(nearest, AROUND_MM, STEP_MM)
    normals = scalp.patch_normals(points)
    _, superior = reference_directions(normals)  # angles count from another direction on the forehead
    turns = np.arange(-AROUND_DEG, AROUND_DEG + 1e-9, STEP_DEG).astype(np.float64)
    found = [pose_mm[None]]
    for here in (points[superior], points[~superior]):
        if len(here) == 0:
            continue
        middle = here[np.argmin(np.linalg.norm(here - nearest, axis=1))]
        carried = np.eye(4)
        carried[:3, 2] = -scalp.patch_normals(middle[None])[0]
        carried[:3, 1] = carry(pose_mm[:3, 1], pose_mm[:3, 2], carried[None, :3, 2])[0]
        angle, _ = current_angle_deg(carried, coil.current_direction_y)
        poses, distance = place(scalp, coil, here, angle + turns, hair_mm)
        found.append(poses[allowed(distance, hair_mm)])
    return np.concatenate(found)


def turns_deg(pose_mm: NDArray[np.float64], others_mm: NDArray[np.float64]) -> NDArray[np.float64]:
    """By how much each of the poses (n, 4, 4) is turned about its own axis against one pose, degrees (n,)."""
    carried = carry(pose_mm[:3, 1], pose_mm[:3, 2], others_mm[:, :3, 2])
    return np.degrees(np.arccos(np.einsum("ni,ni->n", carried, others_mm[:, :3, 1]).clip(-1, 1)))


def _best_poses(doses: PoseDoses, weights: NDArray, unit: NDArray | None) -> tuple[NDArray[np.int64], NDArray]:
    """Each draw's best pose, and the share of its dose that pose 0 loses."""
    best, lost = [], []
    for first in range(0, len(weights), CHUNK):
        dose = dose_of(doses.mean_e_v_per_m(weights[first : first + CHUNK]), unit)
        best.append(dose.argmax(axis=1))
        lost.append(1 - dose[:, 0] / dose.max(axis=1))
    return np.concatenate(best), np.concatenate(lost)
