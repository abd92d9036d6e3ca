"""The plan of a coil, as it is written to ``plan.json`` and read by the report, the exports and the viewer.

``plan.schema.json`` beside this file (JSON Schema 2020-12) describes every field and its unit; it is made from the records
here (:mod:`targeting.plans.schema`).  The reader accepts what the schema accepts and checks what a schema cannot say: poses
are rigid, ranks run 1, 2, 3 … with falling dose.  Every field is always written (only what ``search`` does not know is left
out); what is not known is null, and a number that is not finite is never written.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from meshes.brief import brief
from meshes.errors import InputError
from targeting.aim_certainty.record import PlanAimCertainty
from targeting.comparison.record import ComparedCoil
from targeting.dosing.record import PlanDosing
from targeting.goals.record import PlanGoal
from targeting.plans.handling import PlanAngle, PlanPulse
from targeting.plans.shared import (
    SCHEMA_VERSION,
    Conductivities,
    Created,
    DoseMeaning,
    FormatVersion,
    PainSide,
    PatientId,
    PlannedTarget,
    PlanOfEither,
    Seconds,
    SubjectName,
    Versions,
    Warnings,
    WorldFrame,
    plan_from,
    read_plan_file,
)
from targeting.pose import Pose
from targeting.records.json_records import checked_document, require, write_json
from targeting.records.kinds import AtLeastZero, Count, Matrix, OneOf, Point, Positive
from targeting.records.places import PlanTape
from targeting.robustness.record import PlanRobustness
from targeting.uncertainty.record import PlanUncertainty

MODALITY = "tms"
SEARCH = (
    "How the search was done: poses tried, steps in mm and degrees, hair in mm, and whose the direct solves are (engine and "
    "its version). The names carry the units."
)


@dataclass(frozen=True)
class PlanCoil:
    """The coil the poses are for."""

    name: Annotated[str, "Name of the coil."]
    max_didt_a_per_s: Annotated[
        Positive | None,
        "Largest rate of change of the coil current on the stimulator rated_on, A/s; null if not known.",
    ]
    source: Annotated[str, "File name or publication the coil model comes from."]
    current_direction_y: Annotated[
        int,
        OneOf(-1, 0, 1),
        "Direction of the induced current under the coil centre for dI/dt > 0: 1 along +y of the coil (away from "
        "the handle), -1 along -y, 0 if neither dominates.",
    ]
    rated_on: Annotated[str, "The stimulator that maximum is of; empty if not known."] = ""


@dataclass(frozen=True)
class Placement:
    """One ranked coil pose and its dose at 1 A/µs (dI/dt = 1e6 A/s)."""

    rank: Annotated[Count, "1 is the best."]
    pose: Annotated[
        Matrix,
        "Rigid matrix from coil coordinates to the world frame, mm, 4 rows of 4. The coil's +z points into the "
        "head, its +y away from the handle, x = y × z; the origin is the centre of the casing's face.",
    ]
    scalp_mm: Annotated[Point, "Scalp point under the coil centre, mm."]
    angle_deg: Annotated[float, "Angle of the induced current in the scalp's tangent plane, degrees."]
    angle_from: Annotated[str, "What angle_deg is measured from and which way it grows, in words."]
    distance_mm: Annotated[float, "Smallest distance from the casing to the scalp, mm."]
    dose_v_per_m: Annotated[float, "The dose in the target at 1 A/µs, V/m; what it is stands in `objective`."]
    max_e_v_per_m: Annotated[AtLeastZero, "Largest |E| in the target at 1 A/µs, V/m."]
    peak_e_v_per_m: Annotated[AtLeastZero, "Largest |E| in grey matter anywhere at 1 A/µs, V/m."]
    peak_mm: Annotated[Point, "Where that peak is, mm."]
    direct_dose_v_per_m: Annotated[
        float | None,
        "The dose from a direct forward solve at 1 A/µs, V/m; null where none was made.",
    ] = None
    direct_mean_e_v_per_m: Annotated[
        float | None,
        "Volume-weighted mean of |E| in the target from that solve at 1 A/µs, V/m; null where none was made.",
    ] = None
    closer_dose_v_per_m: Annotated[
        float | None,
        "Why no better: the dose here, at 1 A/µs, if the centre of the casing's face could come to the distance "
        "asked for, V/m; null if not known.",
    ] = None
    closer_depth_mm: Annotated[
        AtLeastZero | None,
        "By how much the casing would then be nearer to the head than asked for, mm; 0 where it is not held off; "
        "null if not known.",
    ] = None
    closer_at_mm: Annotated[
        Point | None,
        "Where the casing would then be nearest to the head, or deepest in it, mm; null if not known.",
    ] = None

    def check(self, where: str) -> None:
        """Refuse a pose that is not rigid."""
        try:
            Pose(np.array(self.pose))
        except InputError as error:
            raise InputError(f"{where}.pose: {error}") from None


@dataclass(frozen=True)
class TmsSearchSummary:
    """How a coil's plan came about; None: not known, or not asked for."""

    SPARSE: ClassVar = True

    head: Annotated[str | None, "What the head was made from: embedded, T1, labels, a head's folder ..."] = None
    mesh: Annotated[str | None, "Density of the mesh: standard, fast, or as given."] = None
    hair_mm: Annotated[float | None, "Hair between the casing and the scalp, mm."] = None
    direction: Annotated[str | None, "Direction the dose was the component along: none, normal, or x,y,z."] = None
    tilt_deg: Annotated[float | None, "Largest tilt tried, degrees."] = None
    extra_mm: Annotated[float | None, "Largest extra distance tried, mm."] = None
    poses_tried: Annotated[int | None, "Number of poses whose dose was evaluated."] = None
    cortex: Annotated[str | None, "Where the cortical surface is from; none without one."] = None
    direct_solves_by: Annotated[str | None, "Engine of the direct solves, and its version."] = None
    coils_compared_because: Annotated[str | None, "Why other coils were compared."] = None
    white_matter: Annotated[str | None, "How the white matter's conductivity tensors were made."] = None
    command: Annotated[str | None, "The command line that makes the plan again."] = None
    name: Annotated[str | None, "Name of the plan among its subject's, and of its folder."] = None


@dataclass(frozen=True)
class TmsPlan(PlanOfEither):
    """A plan for one target and one coil."""

    subject: SubjectName
    frame: WorldFrame
    target: PlannedTarget
    coil: Annotated[PlanCoil, "The coil that the poses are for."]
    placements: Annotated[list[Placement], Meta(min_length=1), "Coil placements, best first."]
    objective: DoseMeaning
    search: Annotated[TmsSearchSummary, SEARCH]
    warnings: Warnings
    versions: Versions
    seconds: Seconds
    conductivity_s_per_m: Conductivities = field(default_factory=dict)
    uncertainty: Annotated[
        PlanUncertainty | None,
        "What published ranges of conductivity make of placement 1, doses at 1 A/µs; null if it was not asked for.",
    ] = None
    robustness: Annotated[
        PlanRobustness | None,
        "What placement errors make of placement 1, and the pose that minds them least; doses at 1 A/µs; null in "
        "plans without.",
    ] = None
    dosing: Annotated[
        PlanDosing | None,
        "What a motor threshold means for the target at placement 1, and the stimulator output by a protocol or to"
        " match a field; null if no threshold was given. What is of an output is null where none was asked for.",
    ] = None
    goal: Annotated[
        PlanGoal | None,
        "What the placements are ranked by and what regions get, at 1 A/µs; lists have a number for each "
        "placement; null if they are ranked by the dose.",
    ] = None
    pulse: Annotated[
        PlanPulse | None,
        "How the stimulator drives the coil, and what that makes of the current in the brain; null in plans of "
        "before 1.6, whose fields are those of a rising coil current. Fields and angles of the plan are those of "
        "the effective phase. That the coil file's sign is the first phase in the normal setting is assumed.",
    ] = None
    angle: Annotated[
        PlanAngle | None,
        "How placement 1 is turned, in the clinic's words; null in plans of before 1.6. Angles of the handle are "
        "counted in the scalp's tangent plane from the midline (straight back: up where the scalp faces forward, "
        "down where it faces backward), degrees, positive outwards.",
    ] = None
    tape: Annotated[
        PlanTape | None,
        "Where the coil's centre of placement 1 lies on the scalp, by tape; null without a registration.",
    ] = None
    comparison: Annotated[
        list[ComparedCoil],
        "Coils at their best poses for the same target, the plan's own first; empty if none were compared. Doses "
        "and fields at 1 A/µs, of a direct solve unless said otherwise.",
    ] = field(default_factory=list)
    aim_certainty: Annotated[
        PlanAimCertainty | None,
        "How sure the aim is: what the mean |E| would be if the place to be stimulated lies elsewhere than the target; null "
        "where the folds of the target's hemisphere are not known.",
    ] = None
    schema_version: FormatVersion = SCHEMA_VERSION
    modality: Annotated[str, OneOf("tms"), "Kind of stimulation: transcranial magnetic stimulation."] = "tms"
    pain_side: PainSide = ""
    patient_id: PatientId = ""
    created: Created = ""

    __repr__ = brief("subject", "target", "coil", "placements", "warnings", "created")

    @property
    def poses_mm(self) -> NDArray[np.float64]:
        """Coil → world (RAS mm of the T1) of each placement, best first, (n, 4, 4)."""
        return np.array([placement.pose for placement in self.placements], np.float64)

    @property
    def effective_sign(self) -> int:
        """Sign of dI/dt in the phase that the plan's fields are of, in the sense of the coil's file."""
        return 1 if self.pulse is None else self.pulse.effective_sign

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        from targeting.cards.plan import plan_card

        return plan_card(self)

    def check(self, where: str) -> None:
        """Refuse ranks that do not count from 1, and a ranking by another dose or for other placements."""
        super().check(where)
        for i, placement in enumerate(self.placements):
            require(placement.rank == i + 1, f"placements[{i}].rank must be {i + 1}, not {placement.rank}")
        if self.goal is not None:
            same = len(self.goal.score) == len(self.placements)
            require(same, "goal.score must have a number for each placement")
            return
        doses = [placement.dose_v_per_m for placement in self.placements]
        require(doses == sorted(doses, reverse=True), "placements are not ranked by falling dose_v_per_m")


Plan = TmsPlan


def to_dict(plan: TmsPlan) -> dict[str, Any]:
    """Make the document of a plan: plain dicts, lists, numbers and text.

    Raises
    ------
    ValueError
        If the plan is not one that :func:`from_dict` accepts, for example because a number is not finite.
    """
    return checked_document(plan, from_dict)


def from_dict(document: object) -> TmsPlan:
    """Make a plan of a parsed ``plan.json``, of this version or an older one.

    Raises
    ------
    InputError
        If a field is missing, unknown or of the wrong kind, a number is not finite, or a pose is not rigid.
    """
    if isinstance(document, dict) and document.get("modality") == "tdcs":
        raise InputError(
            "it is the plan of a montage (modality 'tdcs'), not of a coil: give the plan.json of a TMS plan"
        )
    return plan_from(TmsPlan, document)


def write_plan(path: str | Path, plan: TmsPlan) -> None:
    """Write ``plan.json``; an existing file is replaced only when the new one is complete.

    Raises
    ------
    WriteError
        If the file cannot be written.
    ValueError
        If the plan is not valid (:func:`to_dict`).
    """
    write_json(path, to_dict(plan))


def read_plan(path: str | Path) -> TmsPlan:
    """Read ``plan.json``.

    Raises
    ------
    InputError
        If the file is missing, is not JSON, or is not a plan; the message names the field.
    """
    return read_plan_file(path, from_dict, "run `target plan` first")
