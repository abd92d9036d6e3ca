r"""The search for the best coil pose: every scalp point, every angle, on the dose map.

dose = |⟨E⟩|, the magnitude of the volume-weighted mean field vector over the target, or ⟨E⟩·t for a direction t.  Nothing
is descended.  All poses are looked at: every place of the scalp ``STEP_MM`` apart, every angle ``ANGLE_STEP_DEG`` apart,
the best angle between them in closed form (``pose_table``), with the coil's parts condensed (``coils.condensed``).  Then
all poses of a fine grid round the best places, the coil with all its parts; if asked for, tilted and farther off, too.

Another objective than the dose (``objectives``) need not be linear in the coil: it is asked about the poses the dose says
are worth it, ``CANDIDATES`` of them spread over all places where the dose comes near the best, and again round the best.

Turning a symmetric coil by 180° reverses E and leaves |E|; of the two the pose is kept whose field at the target points
forward (posterior → anterior, the direction that is used over the motor cortex).

A better pose may be impossible: the coil closer, were it not for a part of its casing that would be in the head.  For each
ranked placement the search says what the dose would be with the centre of the casing's face at the distance asked for, and
where the casing would then enter deepest.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from atlases import Target
from atlases.scalp import Scalp
from meshes import HeadMesh
from meshes.cortical_surface import Cortex
from meshes.errors import InputError
from targeting.coils.coil import Coil
from targeting.coils.condensed import condensed
from targeting.fem import HeadConductor
from targeting.tms.direction import direction_vector
from targeting.tms.dose_map import DoseMap, dose_of
from targeting.tms.field import DIDT_A_PER_S
from targeting.tms.judged_poses import Judge, JudgedPoses, apart
from targeting.tms.objectives import Objective
from targeting.tms.placement import current_angle_deg
from targeting.tms.pose_table import PoseTable

log = logging.getLogger(__name__)

HAIR_MM = 4.0
WHOLE_HEAD_MM = 400.0
STEP_MM = 3.0
ANGLE_STEP_DEG = 5.0
FINE_PLACES = 3
FINE_RADIUS_MM = 5.0
FINE_STEP_MM = 1.5
FINE_ANGLE_STEP_DEG = 1.0
FINE_ANGLE_REACH_DEG = 8.0
CANDIDATES = 3000  # poses an objective is asked about before it is refined
CANDIDATE_ANGLE_STEP_DEG = 15.0
MAX_TILT_DEG = 20.0
MAX_EXTRA_MM = 50.0
DISTINCT_MM = 5.0  # ranked placements are at least this far apart on the scalp


@dataclass(frozen=True, eq=False)
class TmsSearch:
    """What the search found; doses at ``didt_a_per_s``.

    ``poses`` (n, 4, 4) are ranked, best first, at least ``DISTINCT_MM`` apart, each with its best angle; with each its
    ``dose_v_per_m`` (n,), ``mean_e_v_per_m`` (n, 3), ``scalp_mm`` (n, 3), ``angle_deg`` (n,), ``angle_from`` and casing
    ``distance_mm`` (n,).  ``best_dose_at_point_v_per_m`` (P,) is the best dose over all angles at ``scalp_points_mm``
    (P, 3), all over the scalp, −inf where the coil cannot be; ``dose_by_angle_v_per_m`` (A,) the dose over ``angles_deg``
    (A,) at the best place.  ``tried`` poses were evaluated, ``refused`` of them could not be placed.

    With the centre of the casing's face at the distance asked for, were it possible, a placement's dose would be
    ``closer_dose_v_per_m`` (n,); the casing would then be ``closer_depth_mm`` (n,) too deep at ``closer_at_mm`` (n, 3).
    ``objective`` (n,) is the score of an objective other than the dose, NaN without one.
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
    closer_dose_v_per_m: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    closer_depth_mm: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    closer_at_mm: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 3)))
    objective: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))


def search_tms(
    head: HeadMesh | HeadConductor,
    target: Target,
    coil: Coil,
    hair_mm: float = HAIR_MM,
    direction: ArrayLike | str | None = None,
    dose_map: DoseMap | None = None,
    scalp: Scalp | None = None,
    radius_mm: float = WHOLE_HEAD_MM,
    didt_a_per_s: float = DIDT_A_PER_S,
    keep: int = 5,
    cortex: Cortex | None = None,
    objective: Objective | None = None,
    tilt_deg: float = 0.0,
    extra_mm: float = 0.0,
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
        How far round the scalp point nearest to the target to look; by default the whole head.
    didt_a_per_s : float
    keep : int
        How many ranked placements to return.
    cortex : Cortex, optional
        The mid-cortical surfaces whose normal is meant by "normal"; without them, that of the mesh's pial surface.
    objective : Objective, optional
        Rank by its score instead of the dose.
    tilt_deg, extra_mm : float
        Try the coil tilted by up to this angle either way (0 to 20°) and up to this much farther off (0 to 50 mm), too.

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
    for what, value, low, high, unit_word in (
        ("hair thickness", hair_mm, 0.0, 50.0, "mm"),
        ("search radius", radius_mm, 5.0, WHOLE_HEAD_MM, "mm"),
        ("tilt", tilt_deg, 0.0, MAX_TILT_DEG, "degrees"),
        ("extra distance", extra_mm, 0.0, MAX_EXTRA_MM, "mm"),
    ):
        if not low <= value <= high:
            raise InputError(f"the {what} must lie between {low:g} and {high:g} {unit_word}, not {value}")
    mesh = head.head if isinstance(head, HeadConductor) else head
    unit = direction_vector(mesh, target, direction, cortex)
    dose_map = dose_map or DoseMap.build(head, target)
    scalp = scalp or Scalp.of(mesh)
    nearest = scalp.points_mm[scalp.nearest(target.center_mm)]
    points = scalp.samples(nearest, radius_mm, STEP_MM)
    if len(points) == 0:
        raise InputError("no scalp within reach of the target; the head may be cut there")
    angles = np.arange(-180.0, 180.0, ANGLE_STEP_DEG)
    log.info("%d places, %d poses on the scalp", len(points), len(points) * len(angles))
    table = PoseTable.of(scalp, coil, dose_map, points, angles, hair_mm, didt_a_per_s, condensed(coil), _told)
    tried, refused = table.tried, table.refused
    if tried == refused:
        raise InputError("the coil cannot be placed anywhere near the target without entering the head")
    best_at_point, angle_at_point = table.best(unit)
    judge = Judge(scalp, coil, dose_map, hair_mm, didt_a_per_s, unit, objective, float(best_at_point.max()))

    if objective:
        wide = judge.at(*_candidates(points, objective.promise(points, best_at_point), objective.least_share))
        tried += len(wide.worth)
        wide = wide if unit is not None else wide.forward
        start = wide.best(FINE_PLACES, FINE_RADIUS_MM)
        places, angle_there = start.scalp_mm, start.angles_deg(coil.current_direction_y)
    else:
        chosen = apart(points, best_at_point, FINE_PLACES, FINE_RADIUS_MM)
        places, angle_there = points[chosen], angle_at_point[chosen]
        others = apart(points, best_at_point, 4 * keep, DISTINCT_MM)  # the rest of the ranking
        wide = judge.at(points[others], angle_at_point[others][:, None])
    found = [wide]
    turns = np.arange(-FINE_ANGLE_REACH_DEG, FINE_ANGLE_REACH_DEG + 1e-9, FINE_ANGLE_STEP_DEG)
    for place_mm, angle in zip(places, angle_there, strict=True):
        fine = scalp.samples(place_mm, FINE_RADIUS_MM, FINE_STEP_MM)
        found.append(judge.at(fine, angle + turns))
        tried += len(fine) * len(turns)
        refused += len(fine) * len(turns) - len(found[-1].worth)
    if tilt_deg or extra_mm:
        leaning, more = judge.leaning(JudgedPoses.joined(found).best(2 * keep, DISTINCT_MM), tilt_deg, extra_mm)
        found.append(leaning)
        tried, refused = tried + more, refused + more - len(leaning.worth)
    everything = JudgedPoses.joined(found)
    ranked = (everything if unit is not None else everything.forward).best(keep, DISTINCT_MM)
    if len(ranked.worth) == 0:
        raise InputError("the coil cannot be placed anywhere near the target without entering the head")

    turned = [current_angle_deg(pose, coil.current_direction_y) for pose in ranked.poses]
    round_best = PoseTable.of(scalp, coil, dose_map, ranked.scalp_mm[:1], angles, hair_mm, didt_a_per_s, judge.source)
    closer, depth, deepest = _closer(scalp, coil, ranked.poses, ranked.scalp_mm, hair_mm)
    return TmsSearch(
        poses=ranked.poses,
        dose_v_per_m=dose_of(ranked.mean_e_v_per_m, unit),
        mean_e_v_per_m=ranked.mean_e_v_per_m,
        scalp_mm=ranked.scalp_mm,
        angle_deg=np.array([angle for angle, _ in turned]),
        angle_from=[origin for _, origin in turned],
        distance_mm=ranked.distance_mm,
        scalp_points_mm=points,
        best_dose_at_point_v_per_m=best_at_point,
        angles_deg=angles,
        dose_by_angle_v_per_m=dose_of(round_best.mean_e_v_per_m.astype(float), unit)[0],
        tried=tried,
        refused=refused,
        didt_a_per_s=didt_a_per_s,
        closer_dose_v_per_m=dose_of(dose_map.mean_e_v_per_m(judge.source, closer, didt_a_per_s), unit),
        closer_depth_mm=depth,
        closer_at_mm=deepest,
        objective=ranked.worth if objective else np.full(len(ranked.worth), np.nan),
    )


def _told(done: int, of: int) -> None:
    log.info("%d of %d places", done, of)


def _candidates(points_mm: NDArray, promise: NDArray, least_share: float) -> tuple[NDArray, NDArray]:
    """Places worth an objective's time, evenly thinned to ``CANDIDATES`` poses, and the angles to try there."""
    angles = np.arange(-180.0, 180.0, CANDIDATE_ANGLE_STEP_DEG)
    good = points_mm[promise >= least_share * promise.max()]
    spacing = STEP_MM
    kept = good
    while len(kept) * len(angles) > CANDIDATES:
        spacing *= 1.2
        kept = good[apart(good, np.zeros(len(good)), len(good), spacing)]
    return kept, angles


def _closer(
    scalp: Scalp, coil: Coil, poses: NDArray, scalp_mm: NDArray, hair_mm: float
) -> tuple[NDArray, NDArray, NDArray]:
    """Poses with the face's centre at the distance asked for, how much too deep the casing then is, and where."""
    closer = poses.copy()
    normals = scalp.patch_normals(scalp_mm)
    away = ((poses[:, :3, 3] - scalp_mm) * normals).sum(1) - hair_mm
    closer[:, :3, 3] -= np.maximum(away, 0.0)[:, None] * normals
    depth, deepest = np.empty(len(poses)), np.empty((len(poses), 3))
    for n, pose in enumerate(closer):
        casing = coil.casing.points_mm @ pose[:3, :3].T + pose[:3, 3]
        distance = scalp.signed_distance_mm(casing)
        depth[n], deepest[n] = max(hair_mm - distance.min(), 0.0), casing[distance.argmin()]
    return closer, depth, deepest
