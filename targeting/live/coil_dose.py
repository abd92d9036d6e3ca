"""Answer requests of the live protocol: the dose at a coil's current pose, from the dose map of a planned subject.

The number is the dose map's, so it is the plan's own; ``percent_of_plan`` is its share of what the *same coil* gives in
the plan's first pose, so it is 100 where the coil should be.  A pose that no coil can have (the casing in the head) is
answered all the same, with a warning: what is to be done about it is for the person who holds the coil.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from atlases.scalp import Scalp
from meshes.choices import one_of
from meshes.errors import InputError
from meshes.head import HeadMesh
from targeting.coils.builtin import named_coils
from targeting.coils.coil import Coil
from targeting.coils.equivalent import searchable
from targeting.coils.sources import PotentialGrid
from targeting.live.protocol import SCHEMA_VERSION, Request
from targeting.navigation.navigators import frames, pose_in
from targeting.plans.gate import planned_coil
from targeting.plans.tms import Plan, read_plan
from targeting.pose import Pose
from targeting.pose_gate import MOST_OFF_MM, PoseGate, fault_at
from targeting.subject import Subject
from targeting.tms.dose_map import DoseMap

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class LiveDose:
    """What a server needs to answer: the plan, the target's dose map, the scalp and a coil.

    Parameters
    ----------
    plan : Plan
    dose_map : DoseMap
        Of the plan's target.
    scalp : Scalp
    coil : Coil
        The one that is meant when a request names none.
    direction : (3,) float64 or None
        Unit vector the dose is a component along; None for the size of the mean field.
    """

    plan: Plan
    dose_map: DoseMap
    scalp: Scalp
    coil: Coil
    direction: NDArray[np.float64] | None = None
    _planned: dict[str, float] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, subject: Subject, coil: str | Path | None = None, anyway: bool = False) -> LiveDose:
        """A planned subject, ready to be asked: reads its folder and makes the field round the head (seconds).

        Parameters
        ----------
        subject : Subject
        coil : str or path, optional
            A built-in coil or a coil file, instead of the plan's coil.
        anyway : bool
            Take an outdated plan, too; it is warned of.

        Raises
        ------
        InputError
            If there is no valid plan in the folder, or the coil cannot be used.
        """
        other = Coil.read(coil) if coil and Path(coil).suffix else Coil.named(str(coil)) if coil else None
        plan = _valid_plan(subject, anyway)
        tool = other.driven(plan.effective_sign) if other else planned_coil(subject, plan)
        dose_map = subject.recorded("dosemap", lambda folder: DoseMap.load(folder / "dosemap.npz"))
        head = subject.recorded("mesh", lambda folder: HeadMesh.read(folder / "head.msh"))
        if dose_map is None or head is None:
            raise InputError(f"the dose map or the mesh of {subject.name} is gone; run 'target plan' again")
        log.info("the scalp")
        live = cls(plan, dose_map.value, Scalp.of(head.value), tool, planned_direction(subject, head.value))
        live.warm_up()
        return live

    def warm_up(self) -> None:
        """Make what is made once (field, distances to the scalp, compiled code), so that no request waits for it."""
        away = np.array(self.plan.placements[0].pose)
        away[:3, 3] -= 500.0 * away[:3, 2]
        for matrix in (np.array(self.plan.placements[0].pose), away):
            self.answer(Request(matrix))

    @cached_property
    def hello(self) -> dict[str, Any]:
        """What a client is told first: whom, what and which image this is about."""
        plan, rated = self.plan, self.coil.max_didt_a_per_s
        slow = any(isinstance(source, PotentialGrid) for source in searchable(self.coil).sources)
        return {
            "hello": "target",
            "schema_version": SCHEMA_VERSION,
            "subject": plan.subject,
            "target": plan.target.name,
            "side": plan.target.side,
            "target_mm": plan.target.center_mm,
            "coil": self.coil.name,
            "max_didt_a_per_us": rated and rated / 1e6,
            "frame": plan.frame.name,
            "image": plan.frame.image,
            "image_sha256": plan.frame.sha256,
            "dose": self._words,
            "plan_pose": plan.placements[0].pose,
            "plan_dose_v_per_m": self._planned_dose(self.coil),
            "frames": list(frames()),
            "coils": list(self._coils),
            "warnings": [
                *(["this coil's sampled field has no fast form: an answer takes long"] if slow else []),
                *self._planned_faults(self.coil),
            ],
        }

    def answer(self, request: Request) -> dict[str, Any]:
        """The reply's fields (without its id).

        Raises
        ------
        InputError
            If the frame or the coil is not known, or the pose is not rigid.
        """
        coil = self._coils[one_of(request.coil or self.coil.name, self._coils, "coil")]
        pose = pose_in(request.frame, request.matrix_mm)
        mean = self.dose_map.mean_e_v_per_m(searchable(coil), pose, request.didt_a_per_us * 1e6)[0]
        dose = self._dose(mean)
        distance = PoseGate(self.scalp, coil).distance_mm(pose)
        if not np.isfinite([dose, distance]).all():
            raise InputError("there is no dose at this pose: a winding lies on a source inside the head")
        return {
            "dose_v_per_m": dose,
            "mean_e_v_per_m": mean.tolist(),
            "percent_of_plan": 100.0 * dose / (request.didt_a_per_us * self._planned_dose(coil)),
            "scalp_distance_mm": distance,
            "warnings": self._warnings(coil, pose, distance, request.didt_a_per_us),
        }

    @cached_property
    def _coils(self) -> dict[str, Coil]:
        """The coils that may be asked for: this one and the built-in ones."""
        sign = self.plan.effective_sign
        return {name: coil.driven(sign) for name, coil in named_coils().items()} | {self.coil.name: self.coil}

    @property
    def _words(self) -> str:
        if self.direction is None:
            return "size of the volume-weighted mean E vector over the target"
        along = ", ".join(f"{x:.4f}" for x in self.direction)
        return f"component of the volume-weighted mean E vector over the target along ({along})"

    def _dose(self, mean: NDArray[np.float64]) -> float:
        return float(np.linalg.norm(mean) if self.direction is None else mean @ self.direction)

    def _planned_dose(self, coil: Coil) -> float:
        """The coil's dose in the plan's first pose at 1 A/µs."""
        if coil.name not in self._planned:
            pose = Pose(np.array(self.plan.placements[0].pose))
            self._planned[coil.name] = self._dose(self.dose_map.mean_e_v_per_m(searchable(coil), pose, 1e6)[0])
        return self._planned[coil.name]

    def _planned_faults(self, coil: Coil) -> list[str]:
        """What is wrong with the plan's first pose for this coil, which may be another than the plan's."""
        fault = PoseGate(self.scalp, coil).fault(Pose(np.array(self.plan.placements[0].pose)))
        pose = f"the plan's first pose, of {self.plan.coil.name}, is none of {coil.name}"
        return [f"{pose} ({fault}): do not lead to it, nor by percent_of_plan"] if fault else []

    def _warnings(self, coil: Coil, pose: Pose, distance_mm: float, didt_a_per_us: float) -> list[str]:
        found = []
        if fault := fault_at(distance_mm):
            found.append(f"{fault}: check the registration; the dose holds outside the head only")
        if distance_mm > (most := (self.plan.search.hair_mm or 0.0) + MOST_OFF_MM):
            found.append(
                f"the coil is {distance_mm:.0f} mm from the scalp, more than {most:.0f}: too far from the head"
            )
        if coil.name != self.plan.coil.name:
            found += self._planned_faults(coil)
        if pose.direction_mm @ (np.array(self.plan.target.center_mm) - pose.center_mm) < 0:
            found.append("the coil faces away from the target: check the frame")
        rated = coil.max_didt_a_per_s
        if rated is not None and didt_a_per_us * 1e6 > rated * 1.001:
            found.append(f"{didt_a_per_us:g} A/µs is above the coil's maximum of {rated / 1e6:.1f} A/µs")
        return found


def _valid_plan(subject: Subject, anyway: bool) -> Plan:
    from targeting.study.plan_state import check_stands

    if not (subject.plan_folder / "plan.json").is_file():
        raise InputError(f"there is no plan in {subject.plan_folder}; run 'target plan {subject.name}' first")
    check_stands(subject, anyway=anyway)
    return read_plan(subject.plan_folder / "plan.json")


def planned_direction(subject: Subject, head: HeadMesh) -> NDArray[np.float64] | None:
    """The unit vector the plan ranked by; the cortex's normal is taken from the same surface."""
    direction = subject.made_from("search")["parameters"].get("direction")
    if direction is None:
        return None
    from targeting.study.study import RecordedStudy
    from targeting.tms.direction import direction_vector

    study = RecordedStudy.of(subject, lambda stage: f"the {stage} of {subject.name} is gone; run 'target plan' again")
    target = study.target.value.target
    return direction_vector(head, target, direction, study.cortex.value if study.cortex else None)
