"""Derivatives of people who are made up, with a known effect in known places: what the group level reads."""

import json
import struct
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
from cohort_data import write_dataset
from heads import layered_ball
from plans import one_plan
from studies import study_of

from atlases import Target
from atlases.aim import AimedTarget
from atlases.scalp import Scalp
from atlases.warp import MniWarp, save_warp
from meshes import HeadMesh
from targeting import Coil
from targeting.cohort.derivatives import label_of
from targeting.cohort.group_maps import FSLR, MNI, file_of, write_values
from targeting.cohort.group_plans import PlanKind, Planned, read_plans
from targeting.cohort.group_pose import HeadAtWork, MniPose
from targeting.cohort.person import Folders, Outcome
from targeting.coils.coil import fingerprint
from targeting.fem import HeadConductor
from targeting.planning.tms_stages import dose_map_stage
from targeting.plans import tes
from targeting.plans.tms import Placement, PlanCoil, write_plan
from targeting.study.conduction import Conduction
from targeting.study.head_stages import load_registration
from targeting.study.target_stage import load_target, save_target
from targeting.subject import Stage, Subject
from targeting.tms.search import search_tms

SMALL, HAIR_MM = 0.6, 4.0  # of a ball of 92 mm radius
SPOT_MM = np.array([-27.0, -12.0, 27.0])
VERTICES = 59412  # of the cortex in a CIFTI file of fs_LR 32k
KIND = PlanKind("m1handleft", "m1-hand", "left", "tms", "figure-of-eight", "1 A/µs", "|E|", "m1handleft")
VOLUMES_ML = {"intracranial": 1500.0, "grey": 650.0, "skull": 600.0}


def made_up(root: Path, labels=("01", "02", "03"), rows=None) -> Folders:
    """A dataset and the places of its derivatives."""
    write_dataset(root / "data", people=labels, rows=rows)
    return Folders(root / "data", root / "out", root / "out" / "work")


def coil_plan(label="01", dose_v_per_m=1.0, side="left", scalp_mm=90.0, **changes):
    """A coil's plan: its target on one side, its coil so many millimetres above it."""
    plan, sign = one_plan(), -1 if side == "left" else 1
    target = replace(plan.target, side=side, center_mm=[sign * 37.0, -21.0, 58.0], mni_mm=[sign * 37.0, -21.0, 58.0])
    best = replace(plan.placements[0], dose_v_per_m=dose_v_per_m, scalp_mm=[sign * 37.0, -21.0, scalp_mm])
    named = replace(plan.search, name=f"m1-hand-{side}")
    return replace(plan, subject=f"sub-{label}", target=target, placements=[best], search=named, **changes)


def write_person(
    folders: Folders, label: str, plan=None, session="", volumes_ml=None, flags=None, picture=True
) -> Planned:
    """A person's plan, head and picture in the derivatives; maps are written by :func:`write_field`."""
    plan = plan or coil_plan(label)
    place = folders.derivatives / f"sub-{label}" / (f"ses-{session}" if session else "")
    person = f"sub-{label}" + (f"_ses-{session}" if session else "")
    for each in ("nibs", "figures"):
        (place / each).mkdir(parents=True, exist_ok=True)
    kind = "" if plan.modality == "tms" else f"-{plan.kind}"
    name = label_of(f"{plan.search.name}{kind}")
    write = write_plan if plan.modality == "tms" else tes.write_tes_plan
    write(place / "nibs" / f"{person}_desc-{name}_plan.json", plan)
    head = {"VolumesMl": VOLUMES_ML if volumes_ml is None else volumes_ml, "VolumeFlags": flags or {}}
    (place / "nibs" / f"{person}_head.json").write_text(json.dumps(head))
    if picture:
        (place / "figures" / f"{person}_desc-headcheck_T1w.png").write_bytes(png())
    return Planned(label, session, place, name, plan, "done", "", replace(KIND, name=name, label=name))


def write_field(planned: Planned, on_fslr=None, in_mni=None) -> None:
    """A person's maps: V/m at the vertices of the cortex, and in the voxels of MNI152."""
    for space, values in ((FSLR, on_fslr), (MNI, in_mni)):
        if values is not None:
            write_values(file_of(planned, space), space, np.asarray(values, np.float64), "made up")


def write_outcome(folders: Folders, label: str, state: str, words: str, step="plan") -> None:
    """How a person's run ended."""
    Outcome(f"sub-{label}", step, state, words).save(folders)


def png(width=6, height=2) -> bytes:
    """A black picture."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = zlib.compress(b"".join(b"\0" + b"\0" * width for _ in range(height)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def worked_person(folders: Folders, label: str, stretch=(1.0, 1.0, 1.0), pose: MniPose | None = None) -> Planned:
    """A small ball of a person with its dose map and a warp that stretches MNI152 to it; the plan's pose is a search's.

    With ``pose`` it is that of MNI152, set down on this head.
    """
    head = layered_ball(14.0, tuple(SMALL * np.array(stretch)))
    target = Target.sphere(SPOT_MM * stretch, 8.0, name="left spot", side="left")
    coil = Coil.named("figure8-70mm")
    subject = Subject.named(f"sub-{label}", folders.work / f"sub-{label}").of("spot-left")
    warp = MniWarp(np.diag([*stretch, 1.0]), np.zeros((2, 2, 2, 3), np.float32), np.zeros(3), 1.0)

    def keep(name, write, load, after=(), **parameters):
        def make(there):
            write(there)
            return load(there)

        return subject.run(Stage(name, 1, make, load, {}, parameters, after))

    aimed = AimedTarget(target, target.center_mm, None, ())
    with subject.locked():
        mesh = keep(
            "mesh", lambda there: head.write(there / "head.msh"), lambda there: HeadMesh.read(there / "head.msh")
        )
        keep("register", lambda there: save_warp(warp, there / "mni_warp.npz"), load_registration)
        hit = keep(
            "target",
            lambda there: save_target(there / "target.npz", aimed),
            lambda there: load_target(there / "target.npz"),
        )
        study = study_of(mesh, hit, conductor=HeadConductor(head), conduction=Conduction.of())
        dose_map = subject.run(dose_map_stage(study)).value
        named = {"coil": coil.name, "coil_sha256": fingerprint(coil), "direction": None}
        keep("search", lambda there: (there / "search.txt").write_text("one"), lambda there: None, [mesh], **named)
    scalp = Scalp.of(mesh.value)
    found = search_tms(mesh.value, target, coil, HAIR_MM, dose_map=dose_map, scalp=scalp, radius_mm=60.0, keep=1)
    best = replace(
        one_plan().placements[0],
        pose=found.poses[0].tolist(),
        scalp_mm=found.scalp_mm[0].tolist(),
        dose_v_per_m=float(found.dose_v_per_m[0]),
    )
    planned = _ball_plan(folders, label, target, coil, best)
    if pose is None:
        return planned
    at_work = HeadAtWork(planned, folders)
    matrix = at_work.set_down(pose)
    at_mm, _ = scalp.feet(at_work.warp.to_subject(pose.scalp_mm[None]))
    (dose,) = at_work.doses_v_per_m([matrix])
    best = replace(best, pose=matrix.tolist(), scalp_mm=at_mm[0].tolist(), dose_v_per_m=dose)
    return _ball_plan(folders, label, target, coil, best)


def _ball_plan(folders: Folders, label: str, target: Target, coil: Coil, best: Placement) -> Planned:
    plan = one_plan()
    spot = replace(plan.target, name=target.name, side="left", center_mm=target.center_mm.tolist())
    tool = PlanCoil(coil.name, coil.max_didt_a_per_s, coil.source, coil.current_direction_y)
    named = replace(plan.search, name="spot-left", hair_mm=HAIR_MM)
    kept = replace(plan, subject=f"sub-{label}", target=spot, coil=tool, placements=[best], search=named)
    write_person(folders, label, kept)
    found, _ = read_plans(folders, [label])
    return found[0]
