"""The plan of a montage: electrodes with their currents, as ``plan.json`` holds them when ``modality`` is "tdcs".

It is the other branch of ``plan.schema.json``: frame and target are a coil's plan's, and where that has a coil and poses,
this one has a ``montage``.  Fields are in V/m at the currents of the plan and scale with them; positive currents flow
into the head (anodes).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar

from msgspec import Meta

from meshes.brief import brief
from meshes.errors import InputError
from targeting.aim_certainty.record import PlanAimCertainty
from targeting.goals.tes_record import PlanTesGoal
from targeting.modality import KINDS
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
from targeting.plans.tms import SEARCH
from targeting.records.json_records import checked_document, require, write_json
from targeting.records.kinds import AtLeastZero, OneOf, Positive
from targeting.records.montage import PlanElectrode, PlanOptimum
from targeting.records.places import PlanLandmarks
from targeting.records.pole import PlanPole
from targeting.tes.montage_dose import MontageDose
from targeting.tes.safety import SafetyItem, SessionCheck

MODALITY = "tdcs"
BALANCE_MA = 1e-6  # currents of a plan sum to zero within this


@dataclass(frozen=True)
class PlanStandard:
    """The standard montage on the same head, and how the plan compares with it."""

    dose: Annotated[MontageDose, "What the standard montage does, from a direct solve."]
    electrodes: Annotated[dict[str, float], "Its positions and their currents, mA."]
    dose_ratio: Annotated[
        float | None,
        "The plan's dose over the standard's, at the same total current; null unless both are positive.",
    ]
    focality_ratio: Annotated[float, "The plan's focality over the standard's."]
    same_dose_ma: Annotated[
        float | None,
        "Total current at which the plan's montage gives the dose that the standard gives at its own, mA; null "
        "unless both are positive.",
    ]


@dataclass(frozen=True)
class TesSearchSummary:
    """How a montage's plan came about; None: not known, or not asked for."""

    SPARSE: ClassVar = True

    head: Annotated[str | None, "What the head was made from: embedded, T1, labels, a head's folder ..."] = None
    mesh: Annotated[str | None, "Density of the mesh: standard, fast, or as given."] = None
    montage: Annotated[str | None, "Name of the montage that was given, or: from a file."] = None
    direction: Annotated[str | None, "Direction the dose was the component along: none, normal, or given."] = None
    cortex: Annotated[str | None, "Where the cortical surface is from; none without one."] = None
    objective: Annotated[str | None, "Name of what was optimised."] = None
    max_current_ma: Annotated[float | None, "Limit on the total current, mA."] = None
    max_per_electrode_ma: Annotated[float | None, "Limit on each electrode's current, mA."] = None
    max_electrodes: Annotated[int | None, "Limit on the number of electrodes."] = None
    cap: Annotated[str | None, "Positions that could be used: 10-10 or 10-5."] = None
    white_matter: Annotated[str | None, "How the white matter's conductivity tensors were made."] = None
    command: Annotated[str | None, "The command line that makes the plan again."] = None
    name: Annotated[str | None, "Name of the plan among its subject's, and of its folder."] = None
    current_kept_by_scalp: Annotated[float | None, "Share of the current that stays in the scalp."] = None


@dataclass(frozen=True)
class TesPlan(PlanOfEither):
    """A plan for one target and one montage."""

    subject: SubjectName
    kind: Annotated[str, OneOf(*KINDS), "tdcs: two pads; hd-tdcs: several small electrodes."]
    frame: WorldFrame
    target: PlannedTarget
    montage_name: Annotated[str, "Name of the montage: a published one's, or of the optimum."]
    montage: Annotated[list[PlanElectrode], Meta(min_length=2), "The electrodes."]
    total_current_ma: Annotated[Positive, "Sum of the anodes' currents, mA."]
    minutes: Annotated[Positive, "Duration of a session, min."]
    objective: DoseMeaning
    dose: Annotated[MontageDose, "What the montage does, from a direct solve."]
    pole: Annotated[
        PlanPole | None,
        "Which of anode and cathode acts on the target; null where the target is a map, whose sign varies over the"
        " cortex.",
    ]
    standard: Annotated[
        PlanStandard | None,
        "The standard montage (M1-SO) on the same head, and how the plan compares with it; null where it does not "
        "fit there, and for the standard montage itself.",
    ]
    optimum: Annotated[
        PlanOptimum | None,
        "How good the montage is among all the limits allow; null for a montage chosen by name.",
    ]
    goal: Annotated[
        PlanTesGoal | None,
        "What else was asked of the montage: regions to spare, further targets, or a map that is the target; null "
        "if nothing.",
    ]
    landmarks: Annotated[PlanLandmarks, "The points a tape measure starts from."]
    safety: Annotated[list[SafetyItem], "Every item of the safety table that applies."]
    session_checks: Annotated[
        list[SessionCheck],
        "What is to be seen to at every session, which no model of a head can check; empty in plans of versions "
        "before 1.6.",
    ]
    charge_c: Annotated[AtLeastZero, "Total current times duration, C."]
    brain_e_v_per_m: Annotated[AtLeastZero, "|E| that 0.1 % of the volume of grey and white matter exceeds, V/m."]
    eye_e_v_per_m: Annotated[
        AtLeastZero | None,
        "|E| that 1 % of the volume of the eyes exceeds, V/m; null for a head without eyes.",
    ]
    search: Annotated[TesSearchSummary, SEARCH]
    warnings: Warnings
    versions: Versions
    seconds: Seconds
    conductivity_s_per_m: Conductivities
    pain_side: PainSide = ""
    patient_id: PatientId = ""
    created: Created = ""
    aim_certainty: Annotated[
        PlanAimCertainty | None,
        "How sure the aim is: what the mean |E| would be if the place to be stimulated lies elsewhere than the target; null "
        "where the folds of the target's hemisphere are not known.",
    ] = None
    schema_version: FormatVersion = SCHEMA_VERSION
    modality: Annotated[str, OneOf(MODALITY), "Kind of stimulation: transcranial direct current."] = MODALITY

    __repr__ = brief("subject", "kind", "target", "montage_name", "montage", "total_current_ma", "warnings", "created")

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        from targeting.cards.plan import tes_plan_card

        return tes_plan_card(self)

    def check(self, where: str) -> None:
        """Refuse electrodes of one name and currents that do not sum to zero."""
        super().check(where)
        names = [each.name for each in self.montage]
        require(len(set(names)) == len(names), "montage has two electrodes of one name")
        currents = [each.current_ma for each in self.montage]
        require(abs(sum(currents)) <= BALANCE_MA, f"montage: the currents sum to {sum(currents):g} mA, not zero")
        into = sum(ma for ma in currents if ma > 0)
        require(
            abs(into - self.total_current_ma) <= BALANCE_MA, f"total_current_ma is not the anodes' sum, {into:g} mA"
        )


def to_dict(plan: TesPlan) -> dict[str, Any]:
    """Make the document of a plan.

    Raises
    ------
    ValueError
        If the plan is not one that :func:`from_dict` accepts, for example because a number is not finite.
    """
    return checked_document(plan, from_dict)


def from_dict(document: object) -> TesPlan:
    """Make a montage's plan of a parsed ``plan.json``, of this version or an older one.

    Raises
    ------
    InputError
        If it is a TMS plan, a field is missing, unknown or of the wrong kind, or the currents do not sum to zero.
    """
    known: dict[str, Any] = document if isinstance(document, dict) else {}
    if known.get("modality", MODALITY) != MODALITY:
        raise InputError(f"its modality is {known['modality']!r}, not {MODALITY!r}: give the plan of a montage")
    return plan_from(TesPlan, document)


def write_tes_plan(path: str | Path, plan: TesPlan) -> None:
    """Write ``plan.json``; an existing file is replaced only when the new one is complete.

    Raises
    ------
    WriteError
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
