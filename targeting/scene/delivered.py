"""Poses that were really delivered, as a navigator recorded them, and the scene of the coil where it was.

Brainsight's samples and Localite's trigger markers are pulses; where a file holds planned poses only, those are taken.
Of many pulses the mean pose is shown: the mean place and the chordal mean of the rotations (Markley et al. 2007, J Guid
Control Dyn 30:1193), and every pulse's place as a dot.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from atlases.scalp import Scalp
from meshes.errors import InputError
from targeting.coils.coil import Coil
from targeting.navigation import brainsight, localite
from targeting.navigation.rigid import read_text
from targeting.plans.coil import planned_coil
from targeting.plans.tms import read_plan
from targeting.pose import Pose
from targeting.pose_gate import fault_at
from targeting.scene.layer import Layer, Scene
from targeting.scene.parts import coil_layers
from targeting.scene.planned import assembled, surfaces_of, target_e_of
from targeting.scene.surfaces import head_of
from targeting.subject import Subject
from targeting.tms.placement import casing_distance_mm

log = logging.getLogger(__name__)

PULSE_COLOR, PULSE_MM = "#2b2b2b", 1.2
FARTHEST_MM = 60.0  # of a pulse from the planned coil; farther is another head's file, or another frame


@dataclass(frozen=True, eq=False)
class Delivered:
    """Recorded poses of one file.

    Parameters
    ----------
    poses : tuple of Pose
        RAS mm of the T1.
    source : str
        The file's name.
    kind : {"pulses", "targets"}
        What the file calls them.
    """

    poses: tuple[Pose, ...]
    source: str
    kind: str

    @property
    def mean(self) -> Pose:
        """The mean pose."""
        from scipy.spatial.transform import Rotation

        matrices = np.array([pose.matrix_mm for pose in self.poses])
        matrix = np.eye(4)
        matrix[:3, :3] = Rotation.from_matrix(matrices[:, :3, :3]).mean().as_matrix()
        matrix[:3, 3] = matrices[:, :3, 3].mean(0)
        return Pose(matrix, name="delivered")

    def off(self, planned: Pose) -> tuple[float, float]:
        """How far the mean pose is from a planned one: mm between the coils' centres, and degrees of rotation."""
        mean = self.mean
        turn = planned.matrix_mm[:3, :3].T @ mean.matrix_mm[:3, :3]
        angle = np.degrees(np.arccos(np.clip((np.trace(turn) - 1) / 2, -1, 1)))
        return float(np.linalg.norm(mean.center_mm - planned.center_mm)), float(angle)


def read_delivered(path: str | Path) -> Delivered:
    """Read the poses of a Brainsight ``.txt`` or a Localite ``.xml``.

    Raises
    ------
    InputError
        If it is neither, is damaged, or holds no pose.
    """
    path = Path(path)
    text, source = read_text(path), str(path)
    poses, kind = [], "pulses"
    if "<TriggerMarkerList" in text:
        poses = [pulse.pose for pulse in localite.triggers_from_string(text, source)]
    elif "# Sample Name\t" in text:
        poses = brainsight.samples_from_string(text, source)
    if not poses:
        kind = "targets"
        poses = (localite if text.lstrip().startswith("<") else brainsight).from_string(text, source)
    if not poses:
        raise InputError(f"{path} holds no pose of a tracked coil; export it again with its pulses")
    return Delivered(tuple(poses), path.name, kind)


def delivered_scene(subject: Subject, delivered: Delivered) -> Scene:
    """The scene of a TMS plan's coil where it was delivered; its field from the basis, or from one solve.

    Raises
    ------
    InputError
        If there is no TMS plan, or the poses are not near the planned one.
    """
    from targeting.scene.field_at import cortical_field_at

    if not (subject.folder / "plan.json").is_file():
        raise InputError(f"delivered poses are compared with a coil's plan, and there is none in {subject.folder}")
    plan = read_plan(subject.folder / "plan.json")
    pose, planned = delivered.mean, Pose(np.array(plan.placements[0].pose))
    away, turned = delivered.off(planned)
    if away > FARTHEST_MM:
        raise InputError(
            f"the poses in {delivered.source} are {away:.0f} mm from the planned one: check that they are of this head "
            "and in RAS mm of its T1"
        )
    meshed, folded = head_of(subject)
    surfaces, coil = surfaces_of(subject, meshed, folded), planned_coil(subject, plan)
    values = cortical_field_at(subject, coil, pose, surfaces)
    scene = assembled(plan, surfaces, values, coil_layers(coil, pose), "V/m at 1 A/µs", -planned.direction_mm, pose)
    many = f"mean of {len(delivered.poses)} {delivered.kind}, " if len(delivered.poses) > 1 else ""
    share = dose_share(subject, coil, pose, planned)
    words = "" if share is None else f", {share:.0%} of the planned dose"
    deepest, said = _in_the_head(delivered, Scalp.of(meshed.value), coil)
    if said:
        log.warning("%s", said)
        words += f"; casing up to {deepest:.1f} mm in the head"
    return replace(
        scene,
        title=f"{plan.subject}: delivered ({many}{away:.1f} mm and {turned:.0f}° from the plan{words})",
        target_e_v_per_m=None if share is None else share * target_e_of(plan),
    ).with_layer(_dots(delivered.poses))


def _in_the_head(delivered: Delivered, scalp: Scalp, coil: Coil) -> tuple[float, str]:
    """How deep in the head the casing was at most, mm, and what is to be said of it; empty if it was outside."""
    distances = [casing_distance_mm(scalp, coil, pose.matrix_mm) for pose in delivered.poses]
    faults = [fault for each in sorted(distances) if (fault := fault_at(each))]
    if not faults:
        return 0.0, ""
    many = f"{len(faults)} of {len(distances)} {delivered.kind}"
    return -min(distances), f"in {many} of {delivered.source}, at most, {faults[0]}: check the registration"


def dose_share(subject: Subject, coil: Coil, pose: Pose, planned: Pose) -> float | None:
    """Size of the mean E vector over the target at a pose over that at the planned one; None without a dose map."""
    from targeting.coils.equivalent import searchable
    from targeting.tms import DoseMap

    mapped = subject.recorded("dosemap", lambda folder: DoseMap.load(folder / "dosemap.npz"))
    if mapped is None:
        return None
    both = np.stack([pose.matrix_mm, planned.matrix_mm])
    here, there = np.linalg.norm(mapped.value.mean_e_v_per_m(searchable(coil), both, 1e6), axis=1)
    return float(here / there)


def _dots(poses: tuple[Pose, ...]) -> Layer:
    """The places of the pulses."""
    import pyvista as pv

    places: NDArray[np.float32] = np.array([pose.center_mm for pose in poses], np.float32)
    ball = pv.Sphere(radius=PULSE_MM, theta_resolution=8, phi_resolution=8)
    dots = pv.PolyData(places).glyph(geom=ball, scale=False, orient=False)
    for name in list(dots.point_data):
        if name != "Normals":
            del dots.point_data[name]
    return Layer("pulses", dots, PULSE_COLOR)
