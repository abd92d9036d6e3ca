"""Whom a plan is for, as its user writes it: never taken from an image, shown on every page, in no reproduction command."""

from __future__ import annotations

import unicodedata

from meshes.errors import InputError
from targeting.records.json_records import require

LONGEST = 60  # letters of an identifier that a line of a printed page has room for


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
    told = (text or "").strip()
    if len(told) > LONGEST:
        raise InputError(f"--patient-id takes at most {LONGEST} letters, not {len(told)}")
    if any(unicodedata.category(each).startswith(("C", "Zl", "Zp")) for each in told):
        raise InputError("--patient-id takes one line of plain text: leave out control characters")
    return told


def check_who(pain_side: str, patient_id: str) -> None:
    """What the annotations cannot say of whom a plan is for.

    Raises
    ------
    InputError
        If the side is none, or the identifier is not one short line.
    """
    require(pain_side in ("left", "right", ""), f"pain_side must be left, right or '', not {pain_side!r}")
    require(checked_patient_id(patient_id) == patient_id, "patient_id has blanks around it")
