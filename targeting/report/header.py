"""What the headers of all pages have in common: whom a plan is for, and whether to trust it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from targeting.plans.tes import TesPlan
from targeting.plans.tms import Plan
from targeting.records.warnings import DANGER, WARNING, PlanWarning, of_kind
from targeting.words.numbers import sentence
from targeting.words.target import name_and_side, sides_sentence

LONGEST = 110  # letters of a warning that a page's header shows; the whole of it stands below


@dataclass(frozen=True)
class Trust:
    """A box of the header: ``kind`` is its colour, ``reasons`` how many dangers forbid the plan's use."""

    value: str
    more: str
    kind: str
    reasons: str = ""


def trust_box(warnings: Sequence[PlanWarning]) -> Trust:
    """How many dangers or warnings a plan has, and the worst of them; notes do not count.

    Examples
    --------
    >>> from targeting.records.warnings import danger, note, warning
    >>> few = [warning("the neck is cut"), warning("no maximum"), note("left assumed")]
    >>> trust_box(few[2:]).value, trust_box(few).value
    ('✓ No warnings', '! 2 warnings')
    >>> trust_box([danger("the coil reaches 2 mm into the head"), *few]).value
    '✕ Do not use yet'
    """
    dangers, others = of_kind(warnings, DANGER), of_kind(warnings, WARNING)
    if dangers:
        return Trust("✕ Do not use yet", _short(dangers[0].text), "red", _count(len(dangers), "reason"))
    if others:
        return Trust(f"! {_count(len(others), 'warning')}", _short(others[0].text), "amber")
    return Trust("✓ No warnings", "Neither the plan nor the head model raises one.", "calm")


def running_texts(plan: Plan | TesPlan) -> list[str]:
    """What stands at the head of a page and of every sheet of paper it is printed on: patient, subject, target, sides."""
    patient = f"patient {plan.patient_id}" if plan.patient_id else ""
    return [
        each
        for each in (
            patient,
            plan.subject,
            name_and_side(plan.target, plan.goal.places if plan.goal else ()),
            sides_of(plan),
        )
        if each
    ]


def sides_of(plan: Plan | TesPlan) -> str:
    """The side of the pain and of what acts on it."""
    return sides_sentence(plan.pain_side, plan.target.side, plan.modality)


def _short(line: str) -> str:
    line = sentence(line)
    return line if len(line) <= LONGEST else line[:LONGEST].rsplit(" ", 1)[0].rstrip(",;:(") + " …"


def _count(n: int, what: str) -> str:
    return f"{n} {what}{'' if n == 1 else 's'}"
