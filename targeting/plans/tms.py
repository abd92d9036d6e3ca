"""Plan: the answer, as it is written to ``plan.json`` and read by the report, the exports and the viewer.

``plan.schema.json`` beside this file (JSON Schema 2020-12) describes every field and its unit.  The reader accepts what
the schema accepts and checks what a schema cannot say: poses are rigid, ranks run 1, 2, 3 … with falling dose.
Every field is always written; what is not known is null, and a number that is not finite is never written.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from meshes.errors import InputError
from targeting.comparison.record import ComparedCoil, check_comparison
from targeting.dosing.record import PlanDosing, check_dosing
from targeting.goals.record import PlanGoal, check_goal
from targeting.plans.angle import PlanAngle, check_angle
from targeting.plans.older_versions import as_now
from targeting.plans.patient import check_who
from targeting.plans.pulse import PlanPulse, check_pulse
from targeting.plans.tape import PlanTape, check_tape
from targeting.pose import Pose
from targeting.records.json_records import (
    check_version,
    checked_document,
    read_kind,
    read_plan_file,
    require,
    write_json,
)
from targeting.records.warnings import DANGER, PlanWarning, check_warnings, of_kind
from targeting.robustness.record import PlanRobustness, check_robustness
from targeting.uncertainty.record import PlanUncertainty, check_uncertainty

SCHEMA_VERSION = "1.6"
SHAPES = ("ball", "mask", "map")
SPOT_MM = 4.0  # radius of the ring that marks a mask's middle, or a map's strongest spot


@dataclass(frozen=True)
class Frame:
    """The world frame of every coordinate in the plan: RAS mm of one image, known by its hash."""

    name: str  # "RAS mm of T1"
    image: str  # file name, no path
    sha256: str
    affine: list[list[float]]  # voxel → RAS mm of the image
    shape: list[int]


@dataclass(frozen=True)
class PlanTarget:
    """What the plan is for; ``asked_mm`` is the point before snapping to grey matter."""

    name: str
    side: str
    center_mm: list[float]
    radius_mm: float
    snapped_mm: float
    source: str
    asked_mm: list[float]
    mni_mm: list[float] | None
    volume_mm3: float
    shape: str  # of SHAPES: the ball of this radius, a mask or map whose volume a ball of this radius has

    @property
    def ring_mm(self) -> float:
        """Radius of the ring that marks it in pictures; for a mask or a map, which have outlines, only of where it is."""
        return self.radius_mm if self.shape == "ball" else SPOT_MM


@dataclass(frozen=True)
class PlanCoil:
    """The coil the poses are for."""

    name: str
    max_didt_a_per_s: float | None
    source: str
    current_direction_y: int
    rated_on: str = ""  # the stimulator that max_didt_a_per_s is of; "" if not known


@dataclass(frozen=True)
class Placement:
    """One ranked coil pose and its dose at 1 A/µs (dI/dt = 1e6 A/s)."""

    rank: int
    pose: list[list[float]]  # coil → world, mm; +z into the head, +y away from the handle
    scalp_mm: list[float]  # scalp point under the coil centre
    angle_deg: float  # of the induced current direction in the scalp's tangent plane
    angle_from: str  # what angle_deg is measured from, in words
    distance_mm: float  # smallest casing-to-scalp distance
    dose_v_per_m: float  # |volume-weighted mean E vector| over the target, or its component along ``direction``
    max_e_v_per_m: float  # in the target
    peak_e_v_per_m: float  # in grey matter anywhere
    peak_mm: list[float]
    direct_dose_v_per_m: float | None = None  # first placement only: from a direct forward solve
    direct_mean_e_v_per_m: float | None = None  # first placement only: volume-weighted mean of |E|
    # why no better: with the centre of the casing's face at the distance asked for, ...
    closer_dose_v_per_m: float | None = None  # ... the dose would be this, ...
    closer_depth_mm: float | None = None  # ... but the casing this much too near to the head, or in it, ...
    closer_at_mm: list[float] | None = None  # ... here; 0 mm: nothing holds it off; None: not known


@dataclass(frozen=True)
class Plan:
    """A plan for one target and one coil."""

    subject: str
    frame: Frame
    target: PlanTarget
    coil: PlanCoil
    placements: list[Placement]
    objective: str  # what dose_v_per_m is, in words
    search: dict[str, float | int | str]  # poses tried, steps, hair_mm
    warnings: list[PlanWarning]  # in order: dangers, warnings, notes
    versions: dict[str, str]
    seconds: dict[str, float]
    conductivity_s_per_m: dict[str, float] = field(default_factory=dict)
    uncertainty: PlanUncertainty | None = None
    robustness: PlanRobustness | None = None
    dosing: PlanDosing | None = None
    goal: PlanGoal | None = None  # what placements are ranked by, if not by the dose
    pulse: PlanPulse | None = None  # None: a plan of before 1.6, whose fields are of a rising current
    angle: PlanAngle | None = None  # None: a plan of before 1.6
    tape: PlanTape | None = None  # None: without a registration, where the landmarks are is not known
    comparison: list[ComparedCoil] = field(default_factory=list)  # the plan's own coil first; empty: none was compared
    schema_version: str = SCHEMA_VERSION
    modality: str = "tms"
    pain_side: str = ""  # "left" or "right"; "": not given
    patient_id: str = ""  # as the user wrote it, never from an image; "": not given
    created: str = ""  # ISO 8601, UTC

    @property
    def unaccepted(self) -> list[PlanWarning]:
        """The dangers that nobody accepted: with one, the plan is not to be used."""
        return of_kind(self.warnings, DANGER)

    @property
    def effective_sign(self) -> int:
        """Sign of dI/dt in the phase that the plan's fields are of, in the sense of the coil's file."""
        return 1 if self.pulse is None else self.pulse.effective_sign

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        from targeting.cards.plan import plan_card

        return plan_card(self)


def schema() -> dict[str, Any]:
    """The JSON Schema of ``plan.json``.

    Examples
    --------
    >>> from targeting.plans.tms import schema
    >>> schema()["$defs"]["tms"]["properties"]["modality"]["const"]
    'tms'
    """
    text = resources.files("targeting.plans").joinpath("plan.schema.json").read_text(encoding="utf-8")
    return json.loads(text)


def to_dict(plan: Plan) -> dict[str, Any]:
    """The plan as ``plan.json`` holds it: plain dicts, lists, numbers and text.

    Raises
    ------
    ValueError
        If the plan is not one that :func:`from_dict` accepts, for example because a number is not finite.
    """
    return checked_document(plan, from_dict)


def from_dict(document: object) -> Plan:
    """The plan that a parsed ``plan.json`` holds.

    Raises
    ------
    InputError
        If a field is missing, unknown or of the wrong kind, a number is not finite, or a pose is not rigid.
    """
    if isinstance(document, dict) and document.get("modality") == "tdcs":
        raise InputError(
            "it is the plan of a montage (modality 'tdcs'), not of a coil: give the plan.json of a TMS plan"
        )
    document = as_now(document, SCHEMA_VERSION)
    check_version(document.get("schema_version") if isinstance(document, dict) else None, SCHEMA_VERSION)
    plan: Plan = read_kind(Plan, document, "", SCHEMA_VERSION)
    _check(plan)
    return plan


def write_plan(path: str | Path, plan: Plan) -> None:
    """Write ``plan.json``; an existing file is replaced only when the new one is complete.

    Raises
    ------
    InputError
        If the file cannot be written.
    ValueError
        If the plan is not valid (:func:`to_dict`).
    """
    write_json(path, to_dict(plan))


def read_plan(path: str | Path) -> Plan:
    """Read ``plan.json``.

    Raises
    ------
    InputError
        If the file is missing, is not JSON, or is not a plan; the message names the field.
    """
    return read_plan_file(path, from_dict, "run `target plan` first")


def _check(plan: Plan) -> None:
    """What the annotations cannot say."""
    target, coil = plan.target, plan.coil
    require(plan.modality == "tms", f"modality must be 'tms', not {plan.modality!r}")
    require(plan.subject != "", "subject is empty")
    require(len(plan.frame.shape) == 3 and min(plan.frame.shape) > 0, "frame.shape must be three positive numbers")
    _check_matrix(plan.frame.affine, "frame.affine")
    require(target.side in ("left", "right", ""), f"target.side must be left, right or '', not {target.side!r}")
    _check_point(target.center_mm, "target.center_mm")
    _check_point(target.asked_mm, "target.asked_mm")
    if target.mni_mm is not None:
        _check_point(target.mni_mm, "target.mni_mm")
    require(target.radius_mm > 0, "target.radius_mm must be positive")
    require(target.shape in SHAPES, f"target.shape must be one of {', '.join(SHAPES)}, not {target.shape!r}")
    require(min(target.snapped_mm, target.volume_mm3) >= 0, "target: snapped_mm and volume_mm3 must be ≥ 0")
    if coil.max_didt_a_per_s is not None:
        require(coil.max_didt_a_per_s > 0, "coil.max_didt_a_per_s must be positive or null")
    require(coil.current_direction_y in (-1, 0, 1), "coil.current_direction_y must be -1, 0 or 1")
    require(min(plan.seconds.values(), default=0) >= 0, "seconds must be ≥ 0")
    require(min(plan.conductivity_s_per_m.values(), default=0) >= 0, "conductivity_s_per_m must be ≥ 0")
    require(len(plan.placements) > 0, "there is no placement in it")
    if plan.uncertainty is not None:
        check_uncertainty(plan.uncertainty)
    if plan.robustness is not None:
        check_robustness(plan.robustness)
    if plan.dosing is not None:
        check_dosing(plan.dosing)
    if plan.pulse is not None:
        check_pulse(plan.pulse)
    if plan.angle is not None:
        check_angle(plan.angle)
    if plan.tape is not None:
        check_tape(plan.tape)
    check_warnings(plan.warnings)
    check_who(plan.pain_side, plan.patient_id)
    check_comparison(plan.comparison)
    for i, placement in enumerate(plan.placements):
        _check_placement(placement, i)
    if plan.goal is not None:
        check_goal(plan.goal, len(plan.placements))
        return
    doses = [placement.dose_v_per_m for placement in plan.placements]
    require(doses == sorted(doses, reverse=True), "placements are not ranked by falling dose_v_per_m")


def _check_placement(placement: Placement, i: int) -> None:
    where = f"placements[{i}]"
    require(placement.rank == i + 1, f"{where}.rank must be {i + 1}, not {placement.rank}")
    _check_point(placement.scalp_mm, f"{where}.scalp_mm")
    _check_point(placement.peak_mm, f"{where}.peak_mm")
    if placement.closer_at_mm is not None:
        _check_point(placement.closer_at_mm, f"{where}.closer_at_mm")
    require(min(placement.max_e_v_per_m, placement.peak_e_v_per_m) >= 0, f"{where}: a field strength is negative")
    _check_matrix(placement.pose, f"{where}.pose")
    try:
        Pose(np.array(placement.pose))
    except InputError as error:
        raise InputError(f"{where}.pose: {error}") from None


def _check_point(point: list[float], where: str) -> None:
    require(len(point) == 3, f"{where} must be three numbers")


def _check_matrix(matrix: list[list[float]], where: str) -> None:
    require([len(row) for row in matrix] == [4] * 4, f"{where} must be 4 × 4 numbers")
