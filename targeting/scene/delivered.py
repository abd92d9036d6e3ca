"""Poses that were really delivered, as a navigator recorded them, and the scene of the coil where it was and was to be.

Brainsight's samples and Localite's trigger markers are pulses; where a file holds planned poses only, one of those is taken.
Of many pulses of one coil at one place the mean pose is shown, and every pulse's place as a dot; how many were left out and
why stands in the title.  The planned coil lies over it, and a legend says which is which and how far they are apart.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyvista as pv
from numpy.typing import NDArray

from atlases.scalp import Scalp
from meshes.errors import InputError
from targeting.coils.coil import Coil
from targeting.navigation.choice import chosen_pulses
from targeting.navigation.measured_pose import MeasuredPose, apart, measured
from targeting.navigation.pose_file import PoseFile
from targeting.navigation.records import Session
from targeting.plans.gate import planned_coil
from targeting.plans.tms import Plan, read_plan
from targeting.plans.tms_words import pose_names
from targeting.pose import Pose
from targeting.pose_gate import PoseGate
from targeting.scene.colors import COIL
from targeting.scene.layer import Layer, Scene
from targeting.scene.live_cortex import cortical_field_at
from targeting.scene.parts import coil_layers
from targeting.scene.planned import assembled, surfaces_of, target_e_of
from targeting.study.carried_over import carried_over
from targeting.study.study import RecordedStudy
from targeting.subject import Subject
from targeting.words.numbers import degrees, number, percent

log = logging.getLogger(__name__)

DELIVERED, PULSE_MM = "#2b2b2b", 1.2
FARTHEST_MM = 60.0  # of a pulse from the planned coil; farther is another head's file, or another frame


@dataclass(frozen=True, eq=False)
class DeliveredPoses:
    """A navigator's file of delivered poses, and which of them are meant; not yet compared with a plan."""

    file: PoseFile
    session: Session


def read_delivered(word: str | Path) -> DeliveredPoses:
    """Read a navigator's file, named as ``FILE`` or ``FILE:NAME``.

    Raises
    ------
    InputError
        If it is no navigator's file, or is damaged.
    """
    file = PoseFile.of(word)
    return DeliveredPoses(file, file.read())


def delivered_pose(subject: Subject, plan: Plan, delivered: DeliveredPoses, gate: PoseGate) -> MeasuredPose:
    """The pose at which pulses were really given, RAS mm of the plan.

    Parameters
    ----------
    subject : Subject
        Whose T1 the navigator's coordinates are of.
    plan : TmsPlan
    delivered : DeliveredPoses
        The navigator's file.
    gate : PoseGate
        Of the plan's coil and head.

    Raises
    ------
    InputError
        If which rows are meant is not clear, they are in a world that is not this T1's, not near the planned pose, or not
        where a coil can be, or are not one place.
    """
    planned = Pose(np.array(plan.placements[0].pose))
    session, _ = carried_over(delivered.session, subject)
    for remark in session.remarks:
        log.warning("%s: %s", delivered.file.path.name, remark)
    chosen = chosen_pulses(session, delivered.file, "`delivered`", own=pose_names(plan)[:1])
    places = np.array([each.pose.center_mm for each in chosen.records if each.pose is not None])
    away = float(np.linalg.norm(np.median(places, axis=0) - planned.center_mm))
    if away > FARTHEST_MM:
        raise InputError(
            f"the poses in {delivered.file.path.name} are {away:.0f} mm from the planned one: check that they are of this "
            "head and in RAS mm of its T1"
        )
    return measured(chosen, gate, plan.placements[0].distance_mm)


def delivered_scene(subject: Subject, delivered: DeliveredPoses) -> Scene:
    """The scene of a TMS plan's coil where it was delivered, over where it was planned; the field is the delivered one.

    It comes from the field basis, or from one solve.

    Raises
    ------
    InputError
        If there is no TMS plan, or as :func:`delivered_pose`.
    """
    if not (subject.plan_folder / "plan.json").is_file():
        raise InputError(f"delivered poses are compared with a coil's plan, and there is none in {subject.plan_folder}")
    plan = read_plan(subject.plan_folder / "plan.json")
    planned = Pose(np.array(plan.placements[0].pose))
    study = RecordedStudy.of(subject)
    head, cortex = study.head, study.cortex
    coil = planned_coil(subject, plan)
    given = delivered_pose(subject, plan, delivered, PoseGate(Scalp.of(head.value), coil))
    surfaces = surfaces_of(subject, head, cortex)
    values = cortical_field_at(subject, coil, given.pose, surfaces)
    layers = (*_delivered_coil(coil, given.pose), *_planned_coil(coil, planned))
    scene = assembled(plan, surfaces, values, layers, "V/m at 1 A/µs", -planned.direction_mm, given.pose)
    away, turned = apart(planned, given.pose)
    share = _dose_share(subject, coil, given.pose, planned)
    words = [f"{given.words}, {number(away)} mm and {degrees(turned)} from the plan"]
    words[0] += "" if share is None else f", {percent(share)} of the planned dose"
    words += given.remarks
    for said in (*given.left_out, *given.warnings):
        log.warning("%s: %s", delivered.file.path.name, said)
    if given.deepest_mm:
        words.append(f"casing up to {number(given.deepest_mm)} mm in the head")
    return replace(
        scene,
        title=f"{plan.subject}: delivered ({'; '.join(words)})",
        target_e_v_per_m=None if share is None else share * target_e_of(plan),
        legend=(
            (COIL, "━ planned"),
            (DELIVERED, f"━ delivered: {number(away)} mm and {degrees(turned)} from it"),
            (DELIVERED, f"● {'each pulse' if len(given.poses) > 1 else 'the pulse'}"),
        ),
    ).with_layer(_dots(given.poses))


def _delivered_coil(coil: Coil, pose: Pose) -> list[Layer]:
    return [replace(layer, color=DELIVERED) for layer in coil_layers(coil, pose)]


def _planned_coil(coil: Coil, pose: Pose) -> list[Layer]:
    """The planned coil, too; of the two handles only the delivered one is named."""
    return [replace(layer, name=f"{layer.name} planned", label="") for layer in coil_layers(coil, pose)]


def _dose_share(subject: Subject, coil: Coil, pose: Pose, planned: Pose) -> float | None:
    """|mean E| over the target at a pose as a share of that at the planned one; None without a dose map."""
    from targeting.coils.equivalent import searchable
    from targeting.tms import DoseMap

    dose_map = subject.recorded("dosemap", lambda folder: DoseMap.load(folder / "dosemap.npz"))
    if dose_map is None:
        return None
    both = np.stack([pose.matrix_mm, planned.matrix_mm])
    here, there = np.linalg.norm(dose_map.value.mean_e_v_per_m(searchable(coil), both, 1e6), axis=1)
    return float(here / there)


def _dots(poses: tuple[Pose, ...]) -> Layer:
    """The places of the pulses."""
    places: NDArray[np.float32] = np.array([pose.center_mm for pose in poses], np.float32)
    ball = pv.Sphere(radius=PULSE_MM, theta_resolution=8, phi_resolution=8)
    dots = pv.PolyData(places).glyph(geom=ball, scale=False, orient=False)
    for name in list(dots.point_data):
        if name != "Normals":
            del dots.point_data[name]
    return Layer("pulses", dots, DELIVERED)
