"""A planned subject in a few seconds: a small coarse ball, its real dose map, and a plan of one pose on its left."""

from pathlib import Path

import numpy as np
from heads import layered_ball
from studies import study_of

from atlases import Target
from atlases.aim import AimedTarget
from atlases.scalp import Scalp
from meshes import HeadMesh
from targeting import Coil
from targeting.coils.coil import fingerprint
from targeting.fem import HeadConductor
from targeting.planning.tms_stages import dose_map_stage
from targeting.plans.tms import Placement, Plan, PlanCoil, TmsSearchSummary, read_plan, write_plan
from targeting.records.places import Frame, PlanTarget
from targeting.study.conduction import Conduction
from targeting.study.target_stage import load_target, save_target
from targeting.subject import Stage, Subject
from targeting.tms.placement import casing_distance_mm, place

SMALL = 0.6  # of a ball of 92 mm radius
SPOT = Target.sphere([-27.0, -12.0, 27.0], 8.0, name="left spot")
HAIR_MM = 4.0


def planned_ball(folder: Path, coil: str | Path = "figure8-70mm", direction=None, image_sha256="0f" * 32) -> Subject:
    """Make the folder; ``coil`` is a built-in one or a file."""
    head = layered_ball(14.0, (SMALL, SMALL, SMALL))
    file = coil if isinstance(coil, Path) else None
    tool = Coil.read(file) if file else Coil.named(str(coil))
    subject = Subject.named("ball", folder)

    def keep(name, write, load, after=(), files=None, **parameters):
        def make(there):
            write(there)
            return load(there)

        return subject.run(Stage(name, 1, make, load, files or {}, parameters, after))

    aimed_at = AimedTarget(SPOT, SPOT.center_mm, None, ())
    with subject.locked():
        mesh = keep(
            "mesh", lambda there: head.write(there / "head.msh"), lambda there: HeadMesh.read(there / "head.msh")
        )
        aimed_target = keep(
            "target",
            lambda there: save_target(there / "target.npz", aimed_at),
            lambda there: load_target(there / "target.npz"),
            [mesh],
        )
        study = study_of(mesh, aimed_target, conductor=HeadConductor(head), conduction=Conduction.of())
        dose_map = subject.run(dose_map_stage(study))
        search = keep(
            "search",
            lambda there: (there / "search.txt").write_text("one pose"),
            lambda there: None,
            [mesh, aimed_target, dose_map],
            {"coil": file} if file else {},
            coil=tool.name,
            coil_sha256=fingerprint(tool),
            direction=direction,
        )
        keep(
            "files",
            lambda there: write_plan(there / "plan.json", _plan(head, tool, image_sha256)),
            lambda there: read_plan(there / "plan.json"),
            [mesh, aimed_target, dose_map, search],
        )
    return subject


def _plan(head, coil, image_sha256):
    scalp = Scalp.of(head)
    over = scalp.points_mm[scalp.nearest(SPOT.center_mm * 1.4)]
    pose = place(scalp, coil, over[None], np.array([40.0]), HAIR_MM)[0][0, 0]
    center = SPOT.center_mm.tolist()
    placement = Placement(
        rank=1,
        pose=pose.tolist(),
        scalp_mm=over.tolist(),
        angle_deg=40.0,
        angle_from="anterior",
        distance_mm=casing_distance_mm(scalp, coil, pose),
        dose_v_per_m=1.0,  # made up: what is served comes from the map
        max_e_v_per_m=1.0,
        peak_e_v_per_m=1.0,
        peak_mm=center,
    )
    return Plan(
        subject="ball",
        frame=Frame("RAS mm of T1", "ball.nii.gz", image_sha256, np.eye(4).tolist(), [10, 10, 10]),
        target=PlanTarget("left spot", "left", center, SPOT.radius_mm, 0.0, "made up", center, None, 1000.0, "ball"),
        coil=PlanCoil(coil.name, coil.max_didt_a_per_s, coil.source, coil.current_direction_y),
        placements=[placement],
        objective="size of the volume-weighted mean E vector over the target",
        search=TmsSearchSummary(),
        warnings=[],
        versions={},
        seconds={},
    )
