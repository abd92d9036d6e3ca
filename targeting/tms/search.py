r"""The search for the best coil pose: every scalp point round the target, every angle, on the dose map.

dose = |⟨E⟩|, the magnitude of the volume-weighted mean field vector over the target, or ⟨E⟩·t for a direction t.  Nothing
is descended: all poses are looked at, on a coarse grid over the whole neighbourhood and then on a fine one round the best
of them.  Turning a symmetric coil by 180° reverses E and leaves |E|; of the two the pose is kept whose field at the target
points forward (posterior → anterior, the direction that is used over the motor cortex).
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from atlases import Target
from atlases.scalp import Scalp
from meshes import HeadMesh
from meshes.cortical_surface import Cortex
from meshes.errors import InputError
from meshes.tissue_codes import Tissue
from targeting.coils.coil import Coil
from targeting.coils.equivalent import searchable
from targeting.fem import HeadConductor
from targeting.tms.dose_map import DoseMap, dose_of, unit_vector
from targeting.tms.field import DIDT_A_PER_S
from targeting.tms.placement import DISTANCE_TOLERANCE_MM, current_angle_deg, place

log = logging.getLogger(__name__)

HAIR_MM = 4.0
RADIUS_MM = 45.0  # how far from the scalp point nearest to the target poses are tried
STEP_MM = 4.0
ANGLE_STEP_DEG = 10.0
FINE_RADIUS_MM = 6.0
FINE_STEP_MM = 1.5
FINE_ANGLE_STEP_DEG = 2.0
FINE_ANGLE_REACH_DEG = 16.0
CLEAR_SHARE = 0.3  # |mean normal| below this: walls that face each other cancel
DISTINCT_MM = 5.0  # ranked placements are at least this far apart on the scalp


@dataclass(frozen=True, eq=False)
class TmsSearch:
    """What the search found; doses at ``didt_a_per_s``.

    ``poses`` (n, 4, 4) are ranked, best first, at least ``DISTINCT_MM`` apart, each with its best angle; with each its
    ``dose_v_per_m`` (n,), ``mean_e_v_per_m`` (n, 3), ``scalp_mm`` (n, 3), ``angle_deg`` (n,), ``angle_from`` and casing
    ``distance_mm`` (n,).  ``best_dose_at_point_v_per_m`` (P,) is the best dose over all angles at ``scalp_points_mm``
    (P, 3); ``dose_by_angle_v_per_m`` (A,) the dose over ``angles_deg`` (A,) at the best place.  ``tried`` poses were
    evaluated, ``refused`` could not be placed.
    """

    poses: NDArray[np.float64]
    dose_v_per_m: NDArray[np.float64]
    mean_e_v_per_m: NDArray[np.float64]
    scalp_mm: NDArray[np.float64]
    angle_deg: NDArray[np.float64]
    angle_from: list[str]
    distance_mm: NDArray[np.float64]
    scalp_points_mm: NDArray[np.float64]
    best_dose_at_point_v_per_m: NDArray[np.float64]
    angles_deg: NDArray[np.floating]
    dose_by_angle_v_per_m: NDArray[np.float64]
    tried: int
    refused: int
    didt_a_per_s: float


@dataclass(frozen=True, eq=False)
class _Batch:
    """Poses at p points and a angles with their fields."""

    points_mm: NDArray[np.float64]  # (p, 3)
    poses: NDArray[np.float64]  # (p, a, 4, 4)
    distance_mm: NDArray[np.float64]  # (p, a)
    mean_e_v_per_m: NDArray[np.float64]  # (p, a, 3), NaN where the pose is refused


def search_tms(
    head: HeadMesh | HeadConductor,
    target: Target,
    coil: Coil,
    hair_mm: float = HAIR_MM,
    direction: ArrayLike | str | None = None,
    dose_map: DoseMap | None = None,
    scalp: Scalp | None = None,
    radius_mm: float = RADIUS_MM,
    didt_a_per_s: float = DIDT_A_PER_S,
    keep: int = 5,
    cortex: Cortex | None = None,
) -> TmsSearch:
    """Find the coil poses with the largest dose at a target.

    Parameters
    ----------
    head : HeadMesh or HeadConductor
    target : Target
    coil : Coil
    hair_mm : float
        Distance of the casing to the scalp, 0 to 50 mm.
    direction : None, "normal" or (3,)
        Rank by |⟨E⟩| (None), or by the component along the inward cortical normal or along a vector in RAS.
    dose_map, scalp : optional
        Made before, to save the time.
    radius_mm : float
        How far round the scalp point nearest to the target to look.
    didt_a_per_s : float
    keep : int
        How many ranked placements to return.
    cortex : Cortex, optional
        The mid-cortical surfaces whose normal is meant by "normal"; without them, that of the mesh's pial surface.

    Raises
    ------
    InputError
        For impossible values, or when no pose can be placed.

    Examples
    --------
    An octahedron of grey matter stands in for a head:

    >>> import numpy as np
    >>> from atlases import Target
    >>> from meshes import HeadMesh
    >>> from targeting import Coil, search_tms
    >>> corners = 80 * np.vstack([np.eye(3), -np.eye(3), np.zeros((1, 3))])
    >>> eighths = [[6, i, j, k] if (i + j + k) % 2 else [6, j, i, k] for i in (0, 3) for j in (1, 4) for k in (2, 5)]
    >>> head = HeadMesh(corners, eighths, [2] * 8)
    >>> found = search_tms(head, Target.sphere([-25, 25, 25], 20), Coil.named("figure8-70mm"), radius_mm=80, keep=1)
    >>> found.poses.shape, bool(found.scalp_mm[0, 0] < 0)
    ((1, 4, 4), True)
    """
    if not 0 <= hair_mm <= 50:
        raise InputError(f"the hair thickness must lie between 0 and 50 mm, not {hair_mm}")
    if not 5 <= radius_mm <= 200:
        raise InputError(f"the search radius must lie between 5 and 200 mm, not {radius_mm}")
    mesh = head.head if isinstance(head, HeadConductor) else head
    unit = direction_vector(mesh, target, direction, cortex)
    dose_map = dose_map or DoseMap.build(head, target)
    scalp = scalp or Scalp.of(mesh)
    source = searchable(coil)

    def look(points_mm: NDArray, angles_deg: NDArray) -> _Batch:
        poses, distance = place(scalp, coil, points_mm, angles_deg, hair_mm)
        e = dose_map.mean_e_v_per_m(source, poses.reshape(-1, 4, 4), didt_a_per_s).reshape(*distance.shape, 3)
        # a pose that could not be brought to the distance asked for is no pose
        e[np.abs(distance - hair_mm) > 2 * DISTANCE_TOLERANCE_MM] = np.nan
        return _Batch(points_mm, poses, distance, e)

    nearest = scalp.points_mm[scalp.nearest(target.center_mm)]
    points = scalp.samples(nearest, radius_mm, STEP_MM)
    if len(points) == 0:
        raise InputError("no scalp within reach of the target; the head may be cut there")
    angles = np.arange(-180.0, 180.0, ANGLE_STEP_DEG)
    log.info("%d poses on the scalp", len(points) * len(angles))
    wide = look(points, angles)
    tried, refused = wide.distance_mm.size, int(np.isnan(wide.mean_e_v_per_m[..., 0]).sum())
    if tried == refused:
        raise InputError("the coil cannot be placed anywhere near the target without entering the head")
    best_at_point = _best(wide, unit)[0]

    batches = [wide]
    for p in _apart(points, best_at_point, 3, FINE_RADIUS_MM):
        angle = angles[_best(wide, unit)[1][p]]
        fine_points = scalp.samples(points[p], FINE_RADIUS_MM, FINE_STEP_MM)
        fine_angles = angle + np.arange(-FINE_ANGLE_REACH_DEG, FINE_ANGLE_REACH_DEG + 1e-9, FINE_ANGLE_STEP_DEG)
        batches.append(look(fine_points, fine_angles))
        tried += batches[-1].distance_mm.size
        refused += int(np.isnan(batches[-1].mean_e_v_per_m[..., 0]).sum())

    ranked = [(*_best(batch, unit), batch) for batch in batches]
    all_points = np.concatenate([batch.points_mm for batch in batches])
    all_best = np.concatenate([best for best, _, _ in ranked])
    owner = np.concatenate([np.full(len(batch.points_mm), b) for b, batch in enumerate(batches)])
    index = np.concatenate([np.arange(len(batch.points_mm)) for batch in batches])
    chosen = _apart(all_points, all_best, keep, DISTINCT_MM)

    poses, fields, distances = [], [], []
    for c in chosen:
        _, best_angle, batch = ranked[owner[c]]
        p, a = index[c], best_angle[index[c]]
        poses.append(batch.poses[p, a])
        fields.append(batch.mean_e_v_per_m[p, a])
        distances.append(batch.distance_mm[p, a])
    scalp_mm = all_points[chosen]
    turned = [current_angle_deg(pose, coil.current_direction_y) for pose in poses]
    by_angle = np.arange(-180.0, 180.0, 5.0)
    round_best = look(scalp_mm[:1], by_angle)
    return TmsSearch(
        poses=np.array(poses),
        dose_v_per_m=all_best[chosen],
        mean_e_v_per_m=np.array(fields),
        scalp_mm=scalp_mm,
        angle_deg=np.array([angle for angle, _ in turned]),
        angle_from=[origin for _, origin in turned],
        distance_mm=np.array(distances),
        scalp_points_mm=points,
        best_dose_at_point_v_per_m=best_at_point,
        angles_deg=by_angle,
        dose_by_angle_v_per_m=dose_of(round_best.mean_e_v_per_m, unit)[0],
        tried=tried + len(by_angle),
        refused=refused,
        didt_a_per_s=didt_a_per_s,
    )


def _best(batch: _Batch, unit: NDArray[np.float64] | None) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Best dose at each point over the angles, −inf where none is allowed, and the angle's index."""
    dose = dose_of(batch.mean_e_v_per_m, unit)
    allowed = ~np.isnan(dose)
    if unit is None:
        forward = batch.mean_e_v_per_m[..., 1] >= 0
        # a coil whose two senses differ in size keeps both only where no pose points forward
        allowed &= forward | ~(forward & allowed).any(1, keepdims=True)
    dose = np.where(allowed, dose, -np.inf)
    return dose.max(1), dose.argmax(1)


def _apart(points_mm: NDArray, dose: NDArray, count: int, distance_mm: float) -> list[int]:
    """The points with the largest doses, each at least a distance from those before it."""
    chosen: list[int] = []
    for p in np.argsort(-dose, kind="stable"):
        if len(chosen) == count or dose[p] == -np.inf:
            break
        if all(np.linalg.norm(points_mm[p] - points_mm[c]) >= distance_mm for c in chosen):
            chosen.append(int(p))
    return chosen


def direction_vector(
    head: HeadMesh, target: Target, direction: ArrayLike | str | None, cortex: Cortex | None = None
) -> NDArray[np.float64] | None:
    """The unit vector a dose is projected on, or None for the magnitude.

    Raises
    ------
    InputError
        For an unknown word, or a vector that is not three finite numbers, not all zero.
    """
    if direction is None:
        return None
    if isinstance(direction, str):
        if direction != "normal":
            raise InputError(f"unknown direction '{direction}'; give normal, or x,y,z in RAS")
        return inward_normal(head, target, cortex)
    return unit_vector(direction)


def inward_normal(head: HeadMesh, target: Target, cortex: Cortex | None = None) -> NDArray[np.float64]:
    """The mean normal of the cortex in the target, pointing from the pial surface to white matter, (3,).

    It is the area-weighted mean over the vertices of the mid-cortical surface in the target.  Without a surface, or
    where none runs through the target (deep nuclei, cerebellum), that of the mesh's pial surface over the target.

    Raises
    ------
    InputError
        If there is no surface of either kind.
    """
    if cortex is not None:
        area = cortex.whole.area_vectors_mm2[target.holds(cortex.whole.points_mm)]
        total = -area.sum(0)
        if len(area) and np.linalg.norm(total) > 0:
            if np.linalg.norm(total) < CLEAR_SHARE * np.linalg.norm(area, axis=1).sum():
                log.warning(
                    "the cortex folds back on itself in the target: its mean normal says little about its walls"
                )
            return total / np.linalg.norm(total)
        log.warning("no mid-cortical surface in the target: the normal is that of the pial surface over it")
    pial = head.boundary([Tissue.WM, Tissue.GM])
    a, b, c = (head.points_mm[pial[:, i]] for i in range(3))
    near = np.linalg.norm((a + b + c) / 3 - target.center_mm, axis=1) <= target.radius_mm + 2.0
    total = -np.cross(b - a, c - a)[near].sum(0)
    if not near.any() or np.linalg.norm(total) == 0:
        raise InputError("no cortical surface at the target to take a normal from; give --direction x,y,z instead")
    return total / np.linalg.norm(total)
