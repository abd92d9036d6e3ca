"""What ``target plan`` says before all else: whom for, which side, what is dangerous."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from targeting.plans.tes import TesPlan
    from targeting.plans.tms import Plan
    from targeting.records.warnings import PlanWarning

Line = tuple[str, str]  # of a summary: a name and a statement


def accepted_risks(accepted: Sequence[str] | None, kinds: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Which of the items a user accepts belong to which modality of ``--with``.

    Raises
    ------
    InputError
        If one belongs to none of them; the line names those that do.

    Examples
    --------
    >>> accepted_risks(["trains", "charge"], ["tms", "tdcs"])
    {'tms': ('trains',), 'tdcs': ('charge',)}
    """
    from targeting.records.warnings import TMS_RISKS, checked_risks
    from targeting.tes.safety import limits

    valid = {kind: TMS_RISKS if kind == "tms" else tuple(limits()) for kind in kinds}
    checked = checked_risks(accepted or (), list(dict.fromkeys(item for items in valid.values() for item in items)))
    return {kind: tuple(each for each in checked if each in items) for kind, items in valid.items()}


def unsafe_lines(plan: Plan | TesPlan) -> list[Line]:
    """What stands before everything else if the plan is not to be used."""
    n = len(plan.unaccepted)
    return [("UNSAFE", f"do not use this plan: {n} danger{'' if n == 1 else 's'}, told below")] if n else []


def who_lines(plan: Plan | TesPlan) -> list[Line]:
    """Whom the plan is for, and on which sides."""
    from targeting.words.target import sides_sentence

    sides = sides_sentence(plan.pain_side, plan.target.side, plan.modality)
    return [*([("patient", plan.patient_id)] if plan.patient_id else []), ("sides", sides)]


def warning_lines(warnings: Sequence[PlanWarning]) -> list[Line]:
    """The plan's list, a line each."""
    words = {"danger": "DANGER", "warning": "warning", "note": "note"}
    return [(words[each.kind], each.text) for each in warnings]
