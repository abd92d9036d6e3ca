"""Whom a plan is for and on which sides, in the words that every page of it has: pain left → coil right."""

from __future__ import annotations

from targeting.plans.tes import TesPlan
from targeting.plans.tms import Plan
from targeting.report.old_page import RESEARCH
from targeting.report.parts import esc, sentence, when
from targeting.words.target import name_and_side, sides_sentence


def sides_of(plan: Plan | TesPlan) -> str:
    """The same for a page's header, HTML."""
    return f'<strong class="sides">{esc(sentence(sides_sentence(plan.pain_side, plan.target.side, plan.modality)))}</strong>'


def kicker(kind: str, plan: Plan | TesPlan) -> str:
    """The first line of a page, HTML: what it is, for whom, and when it was made."""
    patient = f" · patient <strong>{esc(plan.patient_id)}</strong>" if plan.patient_id else ""
    return f"{kind} for <strong>{esc(plan.subject)}</strong>{patient}{when(plan.created)}"


def running(plan: Plan | TesPlan) -> str:
    """The line at the head of a page, and of every sheet of paper it is printed on, HTML."""
    patient = f"patient {plan.patient_id}" if plan.patient_id else ""
    told = (
        RESEARCH,
        patient,
        plan.subject,
        name_and_side(plan.target),
        sides_sentence(plan.pain_side, plan.target.side, plan.modality),
    )
    return " · ".join(f"<b>{esc(each)}</b>" if i == 0 else esc(each) for i, each in enumerate(told) if each)


def running_texts(plan: Plan | TesPlan) -> list[str]:
    """What stands at the head of every sheet of paper: whom the plan is for, the target and the sides."""
    patient = f"patient {plan.patient_id}" if plan.patient_id else ""
    sides = sides_sentence(plan.pain_side, plan.target.side, plan.modality)
    return [each for each in (patient, plan.subject, name_and_side(plan.target), sides) if each]
