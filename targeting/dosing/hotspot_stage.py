"""Stage "hotspot", when a motor threshold is given: the field at the place it was found.

The hotspot is a point of the user's, or the atlas's M1 of the measured muscle (hand, leg or face) on the target's side; its
field is the size of the mean E vector over the ball round it, from a dose map of its own, at the pose of the same coil that
makes it largest, or at the measured pose.  Where the target *is* that M1, its plan is the hotspot's and the stage is not
needed.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from meshes.errors import InputError
from targeting.coils.coil import fingerprint
from targeting.dosing.request import DoseRequest, threshold_rows
from targeting.modality import REFERENCE_DIDT_A_PER_S
from targeting.navigation.measured_pose import measured
from targeting.pose import Pose
from targeting.study.aim import Aim
from targeting.study.tms_search import orientation
from targeting.subject import Done, Stage
from targeting.tms.angle import AngleRequest

if TYPE_CHECKING:
    from atlases.aim import AimedTarget
    from atlases.registration import MniWarp
    from meshes.cortical_surface import Cortex
    from meshes.head import HeadMesh
    from targeting.coils.coil import Coil
    from targeting.fem import HeadConductor
    from targeting.study.conduction import Conduction
    from targeting.study.head_stages import Segmented
    from targeting.tms import DoseMap, TmsSearch

NAME, FILE, MAP_FILE = "hotspot", "hotspot_field.json", "hotspot_dosemap.npz"
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
        """Which way the current is wanted there."""
        from atlases.targets import targets

        return targets()[self.of].current_toward(self.side)


def hotspot_stage(
    request: DoseRequest,
    meshed: Done[HeadMesh],
    aimed: Done[AimedTarget],
    registered: Done[MniWarp] | None,
    coil: Coil,
    coil_file: Path | None,
    hair_mm: float,
    conduction: Conduction,
    conductor: Callable[[], HeadConductor],
    cortex: Done[Cortex] | None = None,
    segmented: Done[Segmented] | None = None,
) -> Stage[Hotspot]:
    """Stage "hotspot": its dose map (three solves) and the field at its best, or at its measured, pose.

    The best pose is turned as the muscle's own target wants it, by the fold that ``cortex`` has there.  A measured pose's file
    is held against the T1 that ``segmented`` kept.
    """
    turned = AngleRequest.of(None, request.hotspot)
    side = aimed.value.target.side if request.rmt_at_mm is None else None  # else the point's own

    def make(room: Path) -> Hotspot:
        from atlases.aim import resolve_target
        from atlases.scalp import Scalp
        from atlases.targets import targets
        from targeting.coils.equivalent import searchable
        from targeting.pose_gate import PoseGate
        from targeting.tms import DoseMap, search_tms

        head = meshed.value
        if request.rmt_at_mm is None:
            where = resolve_target(request.hotspot, side, head, registered.value if registered else None)
            source = f"the atlas's M1 {request.muscle}: {where.target.source}"
        else:
            point = ",".join(f"{x:g}" for x in request.rmt_at_mm)
            where = resolve_target(f"ras:{point}", None, head, radius_mm=targets()[request.hotspot].radius_mm)
            source = "measured motor hotspot, given by the user"
        toward = targets()[request.hotspot].current_toward(where.target.side)
        target, warnings = replace(where.target, current_toward=toward), [f"motor hotspot: {w}" for w in where.warnings]
        dose_map = DoseMap.build(conductor(), target)
        dose_map.save(room / MAP_FILE)
        gate = PoseGate(Scalp.of(head), coil)
        if request.rmt_pose is None:
            scalp = Scalp.of(head)
            found = search_tms(
                scalp.head,
                target,
                coil,
                hair_mm,
                dose_map=dose_map,
                scalp=scalp,
                didt_a_per_s=REFERENCE_DIDT_A_PER_S,
                keep=1,
                orientation=orientation(turned, target, scalp, cortex.value if cortex else None),
            )
            pose, e = found.poses[0], found.mean_e_v_per_m[0]
            if fault := gate.fault(Pose(pose)):
                raise RuntimeError(f"the hotspot's best pose: {fault}")
            source += "; threshold taken to be of its best pose"
        else:
            frame = segmented.value.frame if segmented else None
            worlds = frame.worlds(segmented.value.folder) if segmented and frame else None
            found_at = measured(threshold_rows(request.rmt_pose, worlds), gate, hair_mm)
            pose = found_at.pose.matrix_mm
            away = float(np.linalg.norm(pose[:3, 3] - target.center_mm))
            if away > FARTHEST_POSE_MM:
                raise InputError(
                    f"the pose in {request.rmt_pose.path} is {away:.0f} mm from the hotspot; check its frame, or --rmt-at"
                )
            warnings += [f"motor hotspot: {each}" for each in (*found_at.warnings, *found_at.left_out)]
            e = dose_map.mean_e_v_per_m(searchable(coil), pose[None], REFERENCE_DIDT_A_PER_S)[0]
            rows = "; ".join((found_at.words, *found_at.rows))
            source += f"; threshold of the pose in {request.rmt_pose.path.name} ({rows})"
        size = float(np.linalg.norm(e))
        center = [float(x) for x in target.center_mm]
        spot = Hotspot(
            center, float(target.radius_mm), target.side, source, pose.tolist(), size, warnings, request.hotspot
        )
        text = json.dumps(asdict(spot), indent=1, allow_nan=False)
        (room / FILE).write_text(text + "\n", encoding="utf-8")
        return spot

    def load(folder: Path) -> Hotspot:
        return Hotspot(**json.loads((folder / FILE).read_text(encoding="utf-8")))

    files = {"coil": coil_file} if coil_file else {}
    files |= ({"rmt_pose": request.rmt_pose.path} if request.rmt_pose else {}) | conduction.files
    parameters: dict[str, Any] = {
        "at_mm": request.rmt_at_mm,
        "side": side,
        "muscle": request.muscle,
        "rmt_row": request.rmt_pose and request.rmt_pose.name,
        "entry": Aim(request.hotspot, None).entry,
        "coil": coil.name,
        "coil_sha256": fingerprint(coil),
        "hair_mm": hair_mm,
        **turned.parameters,
        **conduction.parameters,
    }
    after: list[Done[Any]] = [meshed, *(each for each in (registered, cortex, segmented) if each)]
    return Stage(NAME, 5, make, load, files=files, parameters=parameters, after=after)


def hotspot_map(done: Done[Hotspot]) -> DoseMap:
    """The hotspot's dose map, as the stage left it in the subject's folder."""
    from targeting.tms import DoseMap

    return DoseMap.load(next(path for path in done.outputs if path.name == MAP_FILE))


def own_hotspot(aimed: AimedTarget, searched: TmsSearch) -> Hotspot:
    """The target as the hotspot: its own plan."""
    target = aimed.target
    return Hotspot(
        center_mm=[float(x) for x in target.center_mm],
        radius_mm=float(target.radius_mm),
        side=target.side,
        source=f"the target itself, at its best pose: {target.source}",
        pose=np.asarray(searched.poses[0], dtype=np.float64).tolist(),
        e_v_per_m=e_per_a_per_us(searched),
        warnings=[],
    )


def e_per_a_per_us(searched: TmsSearch) -> float:
    """|mean E| of the best pose at 1 A/µs."""
    return float(np.linalg.norm(searched.mean_e_v_per_m[0])) * REFERENCE_DIDT_A_PER_S / searched.didt_a_per_s
