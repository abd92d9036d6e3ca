r"""The search for the best coil pose: the whole scalp, every angle, on the dose map.

dose = |⟨E⟩|, the magnitude of the volume-weighted mean field vector over the target, or ⟨E⟩·t for a direction t.  Nothing
is descended.  The whole scalp is looked at, from coarse to fine (``survey``): of all places ``STEP_MM`` apart those that may
come near the best are looked at with every angle ``ANGLE_STEP_DEG`` apart, the best angle between them in closed form
(``pose_table``), with the coil's parts condensed (``coils.condensed``).  Then all poses of a fine grid round the best places,
the coil with all its parts; if asked for, tilted and farther off, too.

Another objective than the dose (``objectives``) need not be linear in the coil: it is asked about the poses the dose says
are worth it, ``CANDIDATES`` of them spread over all places where the dose comes near the best, and again round the best.

Turning a symmetric coil by 180° reverses E and leaves |E|: of the two the pose is kept whose handle points away from the face,
and the stimulator's current setting makes the effective current run as it is wanted (``orientation``).  Fields, angles and
doses are those of the effective phase.

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
from atlases.scalp import Scalp, thinned
from meshes import HeadMesh
from meshes.cortical_surface import Cortex
from meshes.errors import InputError
from targeting.coils.coil import Coil
from targeting.coils.condensed import condensed
from targeting.fem import HeadConductor
from targeting.stimulators.pulse import NORMAL
from targeting.tms.angle import FREE, MIDLINE
from targeting.tms.direction import direction_vector
from targeting.tms.dose_map import DoseMap, dose_of
from targeting.tms.field import DIDT_A_PER_S
from targeting.tms.objectives import Objective
from targeting.tms.orientation import Drive, Orientation, handle_deg, tangent
from targeting.tms.placement import current_angle_deg, rotations
from targeting.tms.pose_table import Judge, JudgedPoses, PoseTable, apart
from targeting.tms.survey import CLOSER_SHARE, survey

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
CANDIDATE_ANGLES = np.arange(-180.0, 180.0, 15.0)
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
    (A,) at the best place.  Scalp points lie ``STEP_MM`` apart where the dose comes near the best, and farther apart elsewhere,
    where their dose is that of a first glance.  ``tried`` poses were evaluated, ``refused`` of them could not be placed.

    With the centre of the casing's face at the distance asked for, were it possible, a placement's dose would be
    ``closer_dose_v_per_m`` (n,); the casing would then be ``closer_depth_mm`` (n,) too deep at ``closer_at_mm`` (n, 3).
    ``objective`` (n,) is the score of an objective other than the dose, NaN without one.

    ``effective_sign`` is the sign of dI/dt in the effective phase, in the sense of the coil's file, in the stimulator's
    setting ``current``; ``as_wanted`` whether the current then runs as it is wanted (1, 0; −1: either way will do).
    ``rule`` and ``why`` say what set the angle; ``fold_deg`` is the handle's angle to the midline, at placement 1, with the
    current straight across the fold, NaN where that is not known.
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
    effective_sign: int = 1
    current: str = NORMAL
    as_wanted: int = -1
    rule: str = FREE
    why: str = ""
    fold_deg: float = float("nan")

    def ranked_by(self, unit: NDArray[np.float64] | None) -> NDArray[np.float64] | None:
        """The direction (3,) along which the effective phase has the dose: the one asked for, or its reverse.

        It is the reverse where the stimulator's setting is not the one that makes the current run as it is wanted.
        """
        return unit if unit is None or self.as_wanted != 0 else -unit


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
    orientation: Orientation | None = None,
    drive: Drive | None = None,
    closer_share: float = CLOSER_SHARE,
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
    orientation : Orientation, optional
        Which angles may be chosen; without one, all with the handle away from the face.
    drive : Drive, optional
        Which phase of the pulse excites, and the stimulator's current setting; by default the first, in whichever setting
        makes the current run as it is wanted.
    closer_share : float
        Look at all angles where a first glance shows this share of the best dose (0 to 1; 0 looks everywhere, which takes
        ten times as long).

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
        ("share that is looked at closely", closer_share, 0.0, 1.0, "of the best"),
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
    over_target = scalp.patch_normals(nearest[None])[0]
    turned = (orientation or Orientation(side=target.side)).with_handle_at(over_target)

    def look(places: NDArray, angles_deg: NDArray) -> PoseTable:
        log.info("%d places, %d poses on the scalp", len(places), len(places) * len(angles_deg))
        return PoseTable.of(scalp, coil, dose_map, places, angles_deg, hair_mm, didt_a_per_s, condensed(coil), _told)

    def permitted(table: PoseTable) -> NDArray[np.bool_]:
        normals = scalp.patch_normals(table.points_mm)
        y_axes = rotations(normals, table.angles_deg, coil.current_direction_y)[..., 1]
        return turned.allows(y_axes, normals, np.nan_to_num(table.mean_e_v_per_m), coil, ANGLE_STEP_DEG / 2)

    def worth(table: PoseTable) -> NDArray[np.float64]:
        rough = table.at_angles(angles)
        may = permitted(rough)
        # which sense of the current is wanted is known later: what either gives counts
        return np.maximum(rough.best(unit, may)[0], rough.reversed.best(unit, may)[0] if unit is not None else -np.inf)

    promise = (objective.promise, objective.least_share) if objective else (None, 0.0)
    glance, close = survey(points, look, worth, closer_share, *promise)
    table = look(glance.points_mm[close], angles)
    tried, refused = glance.tried + table.tried, glance.refused + table.refused
    if tried == refused:
        raise InputError("the coil cannot be placed anywhere near the target without entering the head")
    may, normals = permitted(table), scalp.patch_normals(table.points_mm)
    phase = _phase(table, may, unit, turned.wanted_current(normals), drive or Drive())
    if phase.ranked_sign < 0:
        table, glance = table.reversed, glance.reversed
    best_at_point, angle_at_point = table.best(unit, may)
    rough = glance.at_angles(angles)
    searched_mm, best_there = glance.points_mm, rough.best(unit, permitted(rough))[0]
    best_there[close] = best_at_point
    if best_at_point.max() == -np.inf:
        raise InputError(
            f"the coil cannot be placed near the target as its angle is wanted ({turned.why}): give another `angle`"
        )
    angle_at_point = turned.clipped_deg(angle_at_point[:, None], normals, coil)[:, 0]
    judge = Judge(
        scalp,
        coil,
        dose_map,
        hair_mm,
        phase.ranked_sign * didt_a_per_s,
        unit,
        objective,
        float(best_at_point.max()),
        turned,
    )

    if objective:
        wide_mm = _candidates(searched_mm, objective.promise(searched_mm, best_there), objective.least_share)
        spread = CANDIDATE_ANGLES if turned.rule == FREE else turned.reach_deg * np.linspace(-1.0, 1.0, 5)
        centers = turned.centers_deg(scalp.patch_normals(wide_mm), coil.current_direction_y)
        asked = spread if centers is None else centers[:, None] + spread
        wide = judge.at(wide_mm, asked)
        tried += len(wide.worth)
        start = wide.best(FINE_PLACES, FINE_RADIUS_MM)
        places, angle_there = start.scalp_mm, start.angles_deg(coil.current_direction_y)
    else:
        chosen = apart(table.points_mm, best_at_point, FINE_PLACES, FINE_RADIUS_MM)
        places, angle_there = table.points_mm[np.array(chosen)], angle_at_point[chosen]
        others = apart(table.points_mm, best_at_point, 4 * keep, DISTINCT_MM)  # the rest of the ranking
        wide = judge.at(table.points_mm[others], angle_at_point[others][:, None])
    found = [wide]
    turns = np.arange(-FINE_ANGLE_REACH_DEG, FINE_ANGLE_REACH_DEG + 1e-9, FINE_ANGLE_STEP_DEG)
    if turned.rule == MIDLINE:  # one angle alone may be
        turns = np.zeros(1)
    for place_mm, angle in zip(places, angle_there, strict=True):
        fine = scalp.samples(place_mm, FINE_RADIUS_MM, FINE_STEP_MM)
        found.append(judge.at(fine, angle + turns))
        tried += len(fine) * len(turns)
        refused += len(fine) * len(turns) - len(found[-1].worth)
    if tilt_deg or extra_mm:
        leaning, more = judge.leaning(JudgedPoses.joined(found).best(2 * keep, DISTINCT_MM), tilt_deg, extra_mm)
        found.append(leaning)
        tried, refused = tried + more, refused + more - len(leaning.worth)
    ranked = JudgedPoses.joined(found).best(keep, DISTINCT_MM)
    if len(ranked.worth) == 0:
        raise InputError("the coil cannot be placed anywhere near the target without entering the head")

    sense = coil.current_direction_y * phase.sign
    current_deg = [current_angle_deg(pose, sense) for pose in ranked.poses]
    round_best = PoseTable.of(
        scalp, coil, dose_map, ranked.scalp_mm[:1], angles, hair_mm, judge.didt_a_per_s, judge.source
    )
    by_angle = dose_of(round_best.mean_e_v_per_m.astype(float), unit)[0]
    if sense * coil.current_direction_y < 0:  # the effective current runs the other way than the file's
        half = len(angles) // 2
        by_angle = np.concatenate([by_angle[half:], by_angle[:half]])
    closer, depth, deepest = _closer(scalp, coil, ranked.poses, ranked.scalp_mm, hair_mm)
    return TmsSearch(
        poses=ranked.poses,
        dose_v_per_m=dose_of(ranked.mean_e_v_per_m, unit),
        mean_e_v_per_m=ranked.mean_e_v_per_m * (phase.sign * phase.ranked_sign),
        scalp_mm=ranked.scalp_mm,
        angle_deg=np.array([angle for angle, _ in current_deg]),
        angle_from=[origin for _, origin in current_deg],
        distance_mm=ranked.distance_mm,
        scalp_points_mm=searched_mm,
        best_dose_at_point_v_per_m=best_there,
        angles_deg=angles,
        dose_by_angle_v_per_m=by_angle,
        tried=tried,
        refused=refused,
        didt_a_per_s=didt_a_per_s,
        closer_dose_v_per_m=dose_of(dose_map.mean_e_v_per_m(judge.source, closer, judge.didt_a_per_s), unit),
        closer_depth_mm=depth,
        closer_at_mm=deepest,
        objective=ranked.worth if objective else np.full(len(ranked.worth), np.nan),
        effective_sign=phase.sign,
        current=phase.current,
        as_wanted=phase.as_wanted,
        rule=turned.name,
        why=turned.why,
        fold_deg=_fold_deg(ranked.poses[0], turned),
    )


@dataclass(frozen=True)
class _Phase:
    """The effective phase: its sign, the setting, and the sign that ranks poses (the wanted one, whatever the setting)."""

    sign: int
    current: str
    as_wanted: int
    ranked_sign: int


def _phase(
    table: PoseTable, may: NDArray[np.bool_], unit: NDArray | None, wanted: NDArray | None, drive: Drive
) -> _Phase:
    """Which sign of dI/dt the effective phase has, and the best pose of the table wants it to have."""
    e = np.where(may[..., None], np.nan_to_num(table.mean_e_v_per_m.astype(np.float64)), 0.0)
    worth = np.linalg.norm(e, axis=-1) if unit is None else np.abs(e @ unit)
    p, a = np.unravel_index(int(worth.argmax()), worth.shape)
    way = unit if unit is not None else None if wanted is None else wanted[p]
    along = 0.0 if way is None else float(e[p, a] @ way)
    want = int(np.sign(along))
    current = drive.current or (drive.current_for(want) if want else NORMAL)
    sign = drive.sign_of(current)
    return _Phase(sign, current, int(sign == want) if want else -1, want or sign)


def _fold_deg(pose: NDArray[np.float64], orientation: Orientation) -> float:
    if orientation.across is None:
        return float("nan")
    across = pose.copy()
    across[:3, 1] = tangent(orientation.across, -pose[None, :3, 2])[0]
    return handle_deg(across, orientation.side)


def _told(done: int, of: int) -> None:
    log.info("%d of %d places", done, of)


def _candidates(points_mm: NDArray, promise: NDArray, least_share: float) -> NDArray:
    """Places worth an objective's time, evenly thinned to ``CANDIDATES`` poses."""
    good = points_mm[promise >= least_share * promise.max()]
    spacing = STEP_MM
    kept = good
    while len(kept) * len(CANDIDATE_ANGLES) > CANDIDATES:
        spacing *= 1.2
        kept = good[thinned(good, spacing)]
    return kept


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
