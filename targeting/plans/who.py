"""Whom a plan is for, which target, and on which sides: "pain left → coil right"."""

from __future__ import annotations

from targeting.plans.tes import TesPlan
from targeting.plans.tms import Plan

NOT_GIVEN = "side of the pain: not given"


def sides_words(plan: Plan | TesPlan) -> str:
    """The side of the pain and of what acts on it."""
    if not plan.pain_side:
        return NOT_GIVEN
    what = "coil" if isinstance(plan, Plan) else "electrodes"
    return (
        f"pain {plan.pain_side} → {what} {plan.target.side}".rstrip() if plan.target.side else f"pain {plan.pain_side}"
    )


def target_words(plan: Plan | TesPlan) -> str:
    """The target with its side."""
    return f"{plan.target.name} {plan.target.side}".strip()


def running_words(plan: Plan | TesPlan) -> list[str]:
    """What stands at the head of a page and of every sheet of paper it is printed on: patient, subject, target, sides."""
    patient = f"patient {plan.patient_id}" if plan.patient_id else ""
    return [each for each in (patient, plan.subject, target_words(plan), sides_words(plan)) if each]
