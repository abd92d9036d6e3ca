"""Whom a plan is for and on which sides, in the words that every page of it has: pain left → coil right."""

from __future__ import annotations

from targeting.plans.tes import TesPlan
from targeting.plans.tms import Plan
from targeting.report.old_page import RESEARCH
from targeting.report.parts import esc, sentence, when

NOT_GIVEN = "side of the pain: not given"


def sides_words(plan: Plan | TesPlan) -> str:
    """The side of the pain and of what acts on it."""
    if not plan.pain_side:
        return NOT_GIVEN
    what = "coil" if isinstance(plan, Plan) else "electrodes"
    return (
        f"pain {plan.pain_side} → {what} {plan.target.side}".rstrip() if plan.target.side else f"pain {plan.pain_side}"
    )


def sides_of(plan: Plan | TesPlan) -> str:
    """The same for a page's header, HTML."""
    return f'<strong class="sides">{esc(sentence(sides_words(plan)))}</strong>'


def target_words(plan: Plan | TesPlan) -> str:
    """The target with its side."""
    return f"{plan.target.name} {plan.target.side}".strip()


def kicker(kind: str, plan: Plan | TesPlan) -> str:
    """The first line of a page, HTML: what it is, for whom, and when it was made."""
    patient = f" · patient <strong>{esc(plan.patient_id)}</strong>" if plan.patient_id else ""
    return f"{kind} for <strong>{esc(plan.subject)}</strong>{patient}{when(plan.created)}"


def running(plan: Plan | TesPlan) -> str:
    """The line at the head of a page, and of every sheet of paper it is printed on, HTML."""
    patient = f"patient {plan.patient_id}" if plan.patient_id else ""
    told = (RESEARCH, patient, plan.subject, target_words(plan), sides_words(plan))
    return " · ".join(f"<b>{esc(each)}</b>" if i == 0 else esc(each) for i, each in enumerate(told) if each)
