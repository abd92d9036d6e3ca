"""A coil's plan: its winner solved again from the mesh and the pose, and navigators' files read back."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from meshes.errors import InputError
from meshes.head import HeadMesh
from targeting.engines import ENGINES, by_engine, solved_by
from targeting.modality import REFERENCE_DIDT_A_PER_S
from targeting.navigation.brainsight import NEW_NAMES, system_of
from targeting.navigation.navigators import navigator_file, navigators_of_plans
from targeting.navigation.pose_file import PoseFile
from targeting.plans.gate import planned_coil
from targeting.plans.tms import Plan, read_plan
from targeting.pose import Pose
from targeting.records.places import plan_target
from targeting.study.conduction import Conduction
from targeting.study.head_stages import FrameImage
from targeting.study.target_stage import load_target
from targeting.subject import Subject, sha256
from targeting.tms.confirmation import confirm
from targeting.verification.check import UNREADABLE, Check, checked, same_number

if TYPE_CHECKING:
    from atlases.aim import AimedTarget

WRITTEN = 1e-9  # numbers are written with all their digits
MOVED_MM, TURNED_DEG = 1e-3, 0.02  # files round places and axes to 4 digits
BEFORE_THE_SOLVE = ("segment", "mesh", "target", "cortex", "search")  # what a dose cannot be judged without


def coil_checks(subject: Subject, spoilt: Collection[str], exported: Sequence[Path] = ()) -> list[Check]:
    """The checks of the coil's plan; ``spoilt`` are stages whose files are not those of the record."""
    try:
        plan = read_plan(subject.plan_folder / "plan.json")
    except InputError as error:
        return [Check("plan.json", False, str(error))]
    found = [Check("plan.json", True, f"{plan.target.side} {plan.target.name}, {len(plan.placements)} placements")]
    if subject.record("segment") is not None:
        found.append(checked("frame", lambda: _frame(subject, plan)))
    if "search.npz" in (subject.record("search") or {}).get("outputs", {}):
        found.append(checked("placements", partial(_placements, subject, plan)))
    changed = [stage for stage in BEFORE_THE_SOLVE if stage in spoilt]
    if changed:
        found.append(Check("dose", False, f"not solved again, as {', '.join(changed)} changed"))
    else:
        found += _doses(subject, plan)
    written = [subject.plan_folder / navigator_file(each, plan.created) for each in navigators_of_plans()]
    return found + [checked(file.name, partial(_read_back, subject, plan, file)) for file in (*written, *exported)]


def _frame(subject: Subject, plan: Plan) -> Check:
    frame = FrameImage.kept_in(subject.folder)
    if (plan.frame.sha256, plan.frame.affine) != (frame.sha256, frame.affine_mm):
        return Check("frame", False, f"the plan's frame is not that of {frame.name}, which the head was made from")
    if frame.copy and sha256(subject.folder / frame.copy) != frame.sha256:
        return Check("frame", False, f"{frame.copy} is not {frame.name}, as the plan names it by its hash")
    return Check("frame", True, f"{plan.frame.name} {frame.name}, known by its hash")


def _placements(subject: Subject, plan: Plan) -> Check:
    """Poses and doses beside those that the search left."""
    with np.load(subject.plan_folder / "search.npz", allow_pickle=False) as arrays:
        poses, doses = arrays["poses"], arrays["dose_v_per_m"]
    if len(poses) != len(plan.placements):
        return Check("placements", False, f"the plan has {len(plan.placements)}, the search found {len(poses)}")
    for each, pose, dose in zip(plan.placements, poses, doses, strict=True):
        stated, sought = np.append(each.pose, each.dose_v_per_m), np.append(pose, dose)
        if not np.allclose(stated, sought, rtol=0, atol=WRITTEN):
            return Check("placements", False, f"pose or dose of placement {each.rank} is not what the search found")
    return Check("placements", True, f"{len(poses)} poses and doses as the search found them")


def _doses(subject: Subject, plan: Plan) -> list[Check]:
    """The target and the winner's numbers."""
    try:
        aim = load_target(subject.plan_folder / "target.npz")
        head = HeadMesh.read(subject.folder / "head.msh")
        return [_target(plan, aim, head), *_solved(subject, plan, aim, head)]
    except UNREADABLE as error:
        return [Check("dose", False, f"not solved again: {error}")]


def _target(plan: Plan, aim: AimedTarget, head: HeadMesh) -> Check:
    there = plan_target(aim, head)
    off = float(np.linalg.norm(np.subtract(plan.target.center_mm, there.center_mm)))
    same = off <= MOVED_MM and (plan.target.side, plan.target.radius_mm) == (there.side, there.radius_mm)
    place = ", ".join(f"{x:.1f}" for x in there.center_mm)
    return Check("plan's target", same, f"{there.side} {there.name} at ({place}) mm, {off:.3f} mm from the plan's")


def _solved(subject: Subject, plan: Plan, aim: AimedTarget, head: HeadMesh) -> list[Check]:
    """The winner's field by a forward solve, and what the plan says of it."""
    from targeting.fem.second_order import near_target
    from targeting.live.coil_dose import planned_direction
    from targeting.tms.field import simulate_tms

    best = plan.placements[0]
    recorded = Conduction.recorded(subject.made_from("dosemap"))
    sigma = plan.conductivity_s_per_m or recorded.conductivity_s_per_m
    conductor = near_target(Conduction(sigma, recorded.anisotropy).conductor(head), aim.target)
    engine = ENGINES.named(solved_by(plan.search.direct_solves_by)[0])
    coil, pose = planned_coil(subject, plan), Pose(np.array(best.pose))
    field = simulate_tms(conductor, coil, pose, REFERENCE_DIDT_A_PER_S, recovery=engine.recovery)
    now = confirm(head, aim.target, [field.e_v_per_m], planned_direction(subject, head))
    found = [
        same_number(
            "dose", "of the search, V/m at 1 A/µs", best.dose_v_per_m, now.direct_dose_v_per_m[0], engine.agreement
        )
    ]
    of_fields = [
        ("direct dose", best.direct_dose_v_per_m, now.direct_dose_v_per_m[0]),
        ("mean |E|", best.direct_mean_e_v_per_m, now.direct_mean_e_v_per_m[0]),
        ("largest |E|", best.max_e_v_per_m, now.max_e_v_per_m[0]),
        ("peak", best.peak_e_v_per_m, now.peak_e_v_per_m[0]),
    ]
    words = (
        f"solved again{f' here, in the plan{whose}' if (whose := by_engine(plan.search.direct_solves_by)) else ''}, V/m"
    )
    if best.direct_dose_v_per_m is None:
        return found
    return found + [
        same_number(each, words, float(stated), float(again), engine.solved_again)
        for each, stated, again in of_fields
        if stated is not None
    ]


def _read_back(subject: Subject, plan: Plan, file: Path) -> Check:
    """The poses in a navigator's file beside the plan's."""
    session = PoseFile(file).read()
    entry = FrameImage.kept_in(subject.folder).entry if subject.record("segment") is not None else None
    system = NEW_NAMES[0] if entry is None else system_of(entry.form, entry.code)
    before_253 = f"NIfTI:{system.rpartition(':')[2]}"  # as Brainsight named it before that version
    if session.system not in ("", system, before_253):
        return Check(file.name, False, f"it is not in {system}, the entry of the image that the plan is in")
    poses = [each.pose for each in session.targets if each.pose is not None]
    if len(poses) != len(plan.placements):
        return Check(file.name, False, f"it has {len(poses)} poses, the plan {len(plan.placements)}")
    pairs = zip(plan.placements, poses, strict=True)
    moved, turned = np.transpose([_apart(np.array(each.pose), pose.matrix_mm) for each, pose in pairs])
    worst = int(np.argmax(np.maximum(moved / MOVED_MM, turned / TURNED_DEG)))
    words = (
        f"{len(poses)} poses read back, at most {moved.max():.4f} mm and {turned.max():.3f}° from the plan's "
        f"(at most {MOVED_MM:g} mm and {TURNED_DEG:g}°)"
    )
    good = bool(moved.max() <= MOVED_MM and turned.max() <= TURNED_DEG)
    return Check(file.name, good, words if good else f"pose {worst + 1} is another: {words}")


def _apart(one: np.ndarray, other: np.ndarray) -> tuple[float, float]:
    """Millimetres and degrees between two poses."""
    chord = float(np.linalg.norm(one[:3, :3] - other[:3, :3])) / (2 * np.sqrt(2))  # sin of half the angle
    return float(np.linalg.norm(one[:3, 3] - other[:3, 3])), float(np.degrees(2 * np.arcsin(min(chord, 1.0))))
