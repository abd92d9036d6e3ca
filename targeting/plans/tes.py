"""TesPlan: a montage of electrodes with its currents, as ``plan.json`` holds it when ``modality`` is "tdcs".

It is the other branch of ``plan.schema.json``: frame and target are a TMS plan's, and where that has a coil and poses,
this one has a ``montage``.  Fields are in V/m at the currents of the plan and scale with them; positive currents flow
into the head (anodes).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from meshes.errors import InputError
from targeting.goals.tes_record import PlanTesGoal, check_tes_goal
from targeting.modality import KINDS
from targeting.plans.older_versions import as_now
from targeting.plans.patient import check_who
from targeting.plans.tape import PlanLandmarks
from targeting.plans.tms import SCHEMA_VERSION, SHAPES, Frame, PlanTarget
from targeting.records.json_records import (
    check_version,
    checked_document,
    read_kind,
    read_plan_file,
    require,
    write_json,
)
from targeting.records.pole import PlanPole, check_pole
from targeting.records.warnings import DANGER, PlanWarning, check_warnings, of_kind

MODALITY = "tdcs"
BALANCE_MA = 1e-6  # currents of a plan sum to zero within this


@dataclass(frozen=True)
class PlanElectrode:
    """One electrode and its current."""

    name: str
    scalp_mm: list[float]  # its centre on the scalp
    current_ma: float  # positive: anode, into the head
    shape: str
    size_mm: list[float]  # (diameter,), (width, height), or (outer, inner) diameter
    y_axis: list[float]  # unit vector along the electrode's height, in the scalp's tangent plane
    area_mm2: float  # in contact with the scalp
    density_a_per_m2: float  # current over that area
    from_nasion_mm: float  # along the scalp, as a tape measure lies
    from_inion_mm: float
    from_left_ear_mm: float
    from_right_ear_mm: float


@dataclass(frozen=True)
class PlanTesDose:
    """What a montage does at its currents."""

    montage: str
    total_current_ma: float
    dose_v_per_m: float  # |volume-weighted mean E vector| over the target, or its component along ``direction``
    mean_e_v_per_m: float  # volume-weighted mean of |E| over the target
    max_e_v_per_m: float  # in the target
    grey_mean_e_v_per_m: float  # volume-weighted mean of |E| over all grey matter
    peak_e_v_per_m: float  # in grey matter, exceeded in 0.1 % of its volume
    peak_mm: list[float]
    focality: float  # mean |E| in the target over the mean |E| in grey matter
    stronger_cm3: float  # grey matter outside the target whose |E| exceeds the target's mean


@dataclass(frozen=True)
class PlanStandard:
    """The standard montage on the same head, and how the plan compares with it."""

    dose: PlanTesDose
    electrodes: dict[str, float]  # position → current, mA
    dose_ratio: (
        float | None
    )  # the plan's dose over the standard's, at the same total current; None unless both are positive
    focality_ratio: float
    same_dose_ma: float | None  # total current at which the plan's montage gives the dose of the standard


@dataclass(frozen=True)
class PlanOptimum:
    """How good the montage is among all that the limits allow, on the leadfield."""

    objective: str
    candidates: int  # positions that could be used
    dose_v_per_m: float  # by the leadfield, of the currents as a stimulator takes them
    unrounded_dose_v_per_m: float  # of the currents as they were found, before they were rounded to 0.1 mA
    bound_v_per_m: float | None  # no montage within the limits has more, whatever its number of electrodes
    gap: float | None  # what of the bound is missed by the currents as they were found
    binding: list[str]  # the limits that hold it there


@dataclass(frozen=True)
class PlanSafetyItem:
    """One item of the safety table."""

    name: str
    title: str
    value: float
    limit: float
    unit: str
    what: str
    within: bool
    accepted: bool
    source: str
    checked: str


@dataclass(frozen=True)
class PlanSessionCheck:
    """What is to be seen to at every session, which no model of a head can check."""

    name: str
    title: str
    what: str
    source: str
    checked: str


@dataclass(frozen=True)
class TesPlan:
    """A plan for one target and one montage."""

    subject: str
    kind: str  # of KINDS
    frame: Frame
    target: PlanTarget
    montage_name: str
    montage: list[PlanElectrode]
    total_current_ma: float
    minutes: float
    objective: str  # what dose_v_per_m is, in words
    dose: PlanTesDose
    pole: PlanPole | None  # which pole acts on the target; None for a map, whose sign varies over the cortex
    standard: PlanStandard | None  # None for the standard montage itself and where it does not fit; a warning says why
    optimum: PlanOptimum | None  # None for a montage chosen by name
    goal: PlanTesGoal | None  # what else was asked of it: regions to spare, further targets, a map
    landmarks: PlanLandmarks
    safety: list[PlanSafetyItem]
    session_checks: list[PlanSessionCheck]
    charge_c: float
    brain_e_v_per_m: float  # exceeded in 0.1 % of the volume of grey and white matter
    eye_e_v_per_m: float | None  # exceeded in 1 % of the volume of the eyes
    search: dict[str, float | int | str]
    warnings: list[PlanWarning]  # in order: dangers, warnings, notes
    versions: dict[str, str]
    seconds: dict[str, float]
    conductivity_s_per_m: dict[str, float]
    pain_side: str = ""  # "left" or "right"; "": not given
    patient_id: str = ""  # as the user wrote it, never from an image; "": not given
    created: str = ""  # ISO 8601, UTC
    schema_version: str = SCHEMA_VERSION
    modality: str = MODALITY

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        from targeting.cards.plan import tes_plan_card

        return tes_plan_card(self)

    @property
    def unaccepted(self) -> list[PlanWarning]:
        """The dangers that nobody accepted: with one, the plan is not to be used."""
        return of_kind(self.warnings, DANGER)


def to_dict(plan: TesPlan) -> dict[str, Any]:
    """The plan as ``plan.json`` holds it.

    Raises
    ------
    ValueError
        If the plan is not one that :func:`from_dict` accepts, for example because a number is not finite.
    """
    return checked_document(plan, from_dict)


def from_dict(document: object) -> TesPlan:
    """The tDCS plan that a parsed ``plan.json`` holds.

    Raises
    ------
    InputError
        If it is a TMS plan, a field is missing, unknown or of the wrong kind, or the currents do not sum to zero.
    """
    known: dict[str, Any] = document if isinstance(document, dict) else {}
    if known.get("modality", MODALITY) != MODALITY:
        raise InputError(f"its modality is {known['modality']!r}, not {MODALITY!r}: give the plan of a montage")
    document = as_now(document, SCHEMA_VERSION)
    check_version(document.get("schema_version") if isinstance(document, dict) else None, SCHEMA_VERSION)
    plan: TesPlan = read_kind(TesPlan, document, "", SCHEMA_VERSION)
    _check(plan)
    return plan


def write_tes_plan(path: str | Path, plan: TesPlan) -> None:
    """Write ``plan.json``; an existing file is replaced only when the new one is complete.

    Raises
    ------
    InputError
        If the file cannot be written.
    ValueError
        If the plan is not valid (:func:`to_dict`).
    """
    write_json(path, to_dict(plan))


def read_tes_plan(path: str | Path) -> TesPlan:
    """Read the ``plan.json`` of a montage.

    Raises
    ------
    InputError
        If the file is missing, is not JSON, or is not a tDCS plan; the message names the field.
    """
    return read_plan_file(path, from_dict, "run `target plan NAME --with tdcs` first")


def _check(plan: TesPlan) -> None:
    """What the annotations cannot say."""
    require(plan.kind in KINDS, f"kind must be one of {', '.join(KINDS)}, not {plan.kind!r}")
    require(plan.subject != "", "subject is empty")
    require(
        plan.target.side in ("left", "right", ""), f"target.side must be left, right or '', not {plan.target.side!r}"
    )
    require(plan.target.shape in SHAPES, f"target.shape must be one of {', '.join(SHAPES)}, not {plan.target.shape!r}")
    require(len(plan.montage) >= 2, "montage has fewer than two electrodes")
    names = [each.name for each in plan.montage]
    require(len(set(names)) == len(names), "montage has two electrodes of one name")
    currents = [each.current_ma for each in plan.montage]
    require(abs(sum(currents)) <= BALANCE_MA, f"montage: the currents sum to {sum(currents):g} mA, not zero")
    into = sum(ma for ma in currents if ma > 0)
    require(abs(into - plan.total_current_ma) <= BALANCE_MA, f"total_current_ma is not the anodes' sum, {into:g} mA")
    require(plan.minutes > 0, "minutes must be positive")
    check_warnings(plan.warnings)
    check_who(plan.pain_side, plan.patient_id)
    if plan.goal is not None:
        check_tes_goal(plan.goal)
    if plan.pole is not None:
        check_pole(plan.pole)
    for i, each in enumerate(plan.montage):
        where = f"montage[{i}]"
        for name in ("scalp_mm", "y_axis"):
            require(len(getattr(each, name)) == 3, f"{where}.{name} must be three numbers")
        require(each.area_mm2 > 0, f"{where}.area_mm2 must be positive")
    for dose in (plan.dose, *((plan.standard.dose,) if plan.standard else ())):
        sizes = (dose.mean_e_v_per_m, dose.max_e_v_per_m, dose.grey_mean_e_v_per_m, dose.peak_e_v_per_m)
        require(min(*sizes, dose.stronger_cm3, dose.focality) >= 0, f"{dose.montage}: a size is negative")
