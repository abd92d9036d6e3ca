"""What the plans of both arms have in common: the version of the format, whom and when they are of, how they are read."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, TypeVar

from msgspec import Meta

from meshes.errors import InputError
from targeting.plans.older_versions import as_now
from targeting.records.json_records import read_json, read_record, require
from targeting.records.kinds import AtLeastZero, NonEmpty, OneOf, Side
from targeting.records.places import Frame, PlanTarget
from targeting.records.warnings import DANGER, PlanWarning, of_kind

SCHEMA_VERSION = "1.6"
LONGEST_ID = 60  # letters of an identifier that a line of a printed page has space for

AnyPlan = TypeVar("AnyPlan", bound="PlanOfEither")

# fields that both plans have, each at its own place in the file
SubjectName = Annotated[NonEmpty, "Name of the subject."]
WorldFrame = Annotated[Frame, "The world frame of every coordinate in the plan."]
PlannedTarget = Annotated[PlanTarget, "The piece of cortex the plan is for."]
DoseMeaning = Annotated[str, "What dose_v_per_m is, in words."]
Warnings = Annotated[
    list[PlanWarning],
    "What a person must know before using the plan: dangers, then warnings, then notes; empty if nothing.",
]
Versions = Annotated[dict[str, str], "Versions of the programs that made the plan."]
Seconds = Annotated[dict[str, AtLeastZero], "Seconds each stage took."]
Conductivities = Annotated[dict[str, AtLeastZero], "Conductivity of each tissue, S/m."]
PainSide = Annotated[Side, "Side of the body that hurts; '' if not given."]
PatientId = Annotated[
    str,
    Meta(max_length=LONGEST_ID),
    "Whom the plan is for, as the user wrote it, never taken from an image; '' if not given.",
]
Created = Annotated[str, "When the plan was made, ISO 8601, UTC; empty if not known."]
FormatVersion = Annotated[str, OneOf(SCHEMA_VERSION), "Version of this format."]


class PlanOfEither:
    """What plans of a coil and plans of electrodes have in common; its fields are declared by the two plans."""

    warnings: Warnings
    patient_id: PatientId

    @property
    def unaccepted(self) -> list[PlanWarning]:
        """The dangers that nobody accepted: with one, the plan is not to be used."""
        return of_kind(self.warnings, DANGER)

    def check(self, where: str) -> None:
        """Refuse an identifier that is not one short line."""
        require(checked_patient_id(self.patient_id) == self.patient_id, "patient_id has blanks around it")


def plan_from(kind: type[AnyPlan], document: object) -> AnyPlan:
    """Make a plan of a parsed ``plan.json`` of this version or an older one.

    Raises
    ------
    InputError
        If it is of an unknown version, a field is missing, unknown or wrong, or the fields contradict each other.
    """
    document = as_now(document, SCHEMA_VERSION)
    version = document.get("schema_version") if isinstance(document, dict) else None
    if isinstance(version, str) and version != SCHEMA_VERSION:  # one that states none is told by its missing field
        raise InputError(f"it is of version {version!r} and this program reads {SCHEMA_VERSION!r}: make the plan again")
    return read_record(kind, document, SCHEMA_VERSION)


def read_plan_file(path: str | Path, read: Callable[[object], AnyPlan], missing: str) -> AnyPlan:
    """Read a plan from its file.

    Parameters
    ----------
    path : path
    read : callable
        Makes the plan of the parsed document.
    missing : str
        The end of the message where there is no file.

    Raises
    ------
    InputError
        If the file is missing, is not JSON, or is not such a plan; the line names the file.
    """
    path = Path(path)
    document = read_json(path, "a plan", f"there is no plan at {path}: {missing}")
    try:
        return read(document)
    except InputError as error:
        raise InputError(f"{path} cannot be used: {error}") from None


def checked_patient_id(text: str | None) -> str:
    """The identifier without blanks around it, "" for none.

    Raises
    ------
    InputError
        If it is too long, or holds a control character (a line's end, or one that turns the direction of writing).

    Examples
    --------
    >>> checked_patient_id(" P-012 "), checked_patient_id(None)
    ('P-012', '')
    """
    identifier = (text or "").strip()
    if len(identifier) > LONGEST_ID:
        raise InputError(f"`patient_id` takes at most {LONGEST_ID} letters, not {len(identifier)}")
    if any(unicodedata.category(each).startswith(("C", "Zl", "Zp")) for each in identifier):
        raise InputError("`patient_id` takes one line of plain text: leave out control characters")
    return identifier
