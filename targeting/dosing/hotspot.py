"""The motor hotspot, where a threshold was found, and the field that the coil gives there.

The hotspot is the user's own point, or the atlas's M1 of the measured muscle (hand, leg or face) on the target's side.  Its
field is the size of the mean E vector over the ball round it, from a dose map of its own, at the pose of the same coil that
makes it largest, or at the measured pose.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from atlases.aim import AimedTarget, resolve_target
from atlases.target import Target
from atlases.targets import targets
from atlases.warp import MniWarp
from meshes.errors import InputError
from meshes.head import HeadMesh
from targeting.coils.equivalent import searchable
from targeting.dosing.request import DoseRequest, threshold_rows
from targeting.modality import REFERENCE_DIDT_A_PER_S
from targeting.navigation.measured_pose import measured
from targeting.pose import Pose
from targeting.pose_gate import PoseGate
from targeting.study.coil_aim import CoilAim
from targeting.study.head_stages import Segmentation
from targeting.study.study import Study
from targeting.tms import DoseMap, TmsSearch, search_tms

FARTHEST_POSE_MM = 80.0  # from the coil's face to a cortical hotspot it stimulates; scalp to cortex is 10 to 30 mm


@dataclass(frozen=True)
class Hotspot:
    """Where the threshold was found and the field there at 1 A/µs."""

    center_mm: list[float]
    radius_mm: float
    side: str
    source: str
    pose: list[list[float]]
    e_v_per_m: float
    warnings: list[str]
    of: str = "m1-hand"  # the named target whose angle its poses have

    @property
    def current_toward(self) -> tuple[float, float, float] | None:
        """The direction in which the induced current is to run there, RAS."""
        return targets()[self.of].current_toward(self.side)


def hotspot_target(
    request: DoseRequest, side: str | None, head: HeadMesh, warp: MniWarp | None
) -> tuple[Target, str, list[str]]:
    """The hotspot as a target, where its place comes from, and warnings.

    Parameters
    ----------
    request : DoseRequest
    side : str or None
        Of the hotspot, where the atlas gives it.
    head : HeadMesh
    warp : MniWarp or None
        For a hotspot of the atlas.
    """
    muscle = targets()[request.hotspot]
    if request.rmt_at_mm is None:
        place = resolve_target(request.hotspot, side, head, warp)
        source = f"the atlas's M1 {request.muscle}: {place.target.source}"
    else:
        point = ",".join(f"{x:g}" for x in request.rmt_at_mm)
        place = resolve_target(f"ras:{point}", None, head, radius_mm=muscle.radius_mm)
        source = "measured motor hotspot, given by the user"
    target = replace(place.target, current_toward=muscle.current_toward(place.target.side))
    return target, source, [f"motor hotspot: {each}" for each in place.warnings]


def hotspot_of(
    request: DoseRequest, study: Study, aim: CoilAim, target: Target, dose_map: DoseMap, tissues: Segmentation | None
) -> tuple[NDArray[np.float64], NDArray[np.float64], str, list[str]]:
    """The pose of the threshold (4, 4), the mean field in the hotspot (3,), V/m at 1 A/µs, its source, and warnings.

    Parameters
    ----------
    request : DoseRequest
        Perhaps with a measured pose; else the best pose of a search.
    study : Study
    aim : CoilAim
        Turned as the muscle's own target wants it.
    target : Target
        The hotspot.
    dose_map : DoseMap
        Of the hotspot.
    tissues : Segmentation, optional
        Whose T1 a measured pose's file is held against.

    Raises
    ------
    InputError
        If a measured pose is far from the hotspot or cannot be of this coil.
    """
    gate = PoseGate(study.scalp, aim.coil)
    if request.rmt_pose is None:
        return _best(study, aim, target, dose_map, gate)
    worlds = tissues.frame.worlds(tissues.folder) if tissues else None
    found = measured(threshold_rows(request.rmt_pose, worlds), gate, aim.hair_mm)
    pose = found.pose.matrix_mm
    away = float(np.linalg.norm(pose[:3, 3] - target.center_mm))
    if away > FARTHEST_POSE_MM:
        raise InputError(
            f"the pose in {request.rmt_pose.path} is {away:.0f} mm from the hotspot; check its frame, or `rmt_at_mm`"
        )
    warnings = [f"motor hotspot: {each}" for each in (*found.warnings, *found.left_out)]
    e = dose_map.mean_e_v_per_m(searchable(aim.coil), pose[None], REFERENCE_DIDT_A_PER_S)[0]
    rows = "; ".join((found.words, *found.rows))
    return pose, e, f"threshold of the pose in {request.rmt_pose.path.name} ({rows})", warnings


def _best(
    study: Study, aim: CoilAim, target: Target, dose_map: DoseMap, gate: PoseGate
) -> tuple[NDArray[np.float64], NDArray[np.float64], str, list[str]]:
    found = search_tms(
        study.head.value,
        target,
        aim.coil,
        aim.hair_mm,
        dose_map=dose_map,
        scalp=study.scalp,
        didt_a_per_s=REFERENCE_DIDT_A_PER_S,
        keep=1,
        orientation=aim.orientation(study, target),
    )
    if fault := gate.fault(Pose(found.poses[0])):
        raise RuntimeError(f"the hotspot's best pose: {fault}")
    return found.poses[0], found.mean_e_v_per_m[0], "threshold taken to be of its best pose", []


def own_hotspot(aimed_target: AimedTarget, search: TmsSearch) -> Hotspot:
    """The target as the hotspot: its own plan."""
    target = aimed_target.target
    return Hotspot(
        center_mm=[float(x) for x in target.center_mm],
        radius_mm=float(target.radius_mm),
        side=target.side,
        source=f"the target itself, at its best pose: {target.source}",
        pose=np.asarray(search.poses[0], dtype=np.float64).tolist(),
        e_v_per_m=e_per_a_per_us(search),
        warnings=[],
    )


def e_per_a_per_us(search: TmsSearch) -> float:
    """|mean E| of the best pose at 1 A/µs."""
    return float(np.linalg.norm(search.mean_e_v_per_m[0])) * REFERENCE_DIDT_A_PER_S / search.didt_a_per_s
