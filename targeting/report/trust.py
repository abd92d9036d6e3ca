"""Whether to trust a plan, in one box: how many dangers or warnings it has, and the worst of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from targeting.records.warnings import DANGER, WARNING, PlanWarning, of_kind
from targeting.words.numbers import sentence

LONGEST = 110  # letters of a warning that a page's header shows; the whole of it stands below


@dataclass(frozen=True)
class Trust:
    """The box of a page's header: ``kind`` is its colour, ``reasons`` how many dangers forbid the plan's use."""

    value: str
    more: str
    kind: str
    reasons: str = ""


def trust_of(warnings: Sequence[PlanWarning]) -> Trust:
    """The box for a plan's warnings; notes do not count.

    Examples
    --------
    >>> from targeting.records.warnings import danger, note, warning
    >>> few = [warning("the neck is cut"), warning("no maximum"), note("left assumed")]
    >>> trust_of(few[2:]).value, trust_of(few).value
    ('✓ No warnings', '! 2 warnings')
    >>> trust_of([danger("the coil reaches 2 mm into the head"), *few]).value
    '✕ Do not use yet'
    """
    dangers, others = of_kind(warnings, DANGER), of_kind(warnings, WARNING)
    if dangers:
        return Trust("✕ Do not use yet", _short(dangers[0].text), "red", _count(len(dangers), "reason"))
    if others:
        return Trust(f"! {_count(len(others), 'warning')}", _short(others[0].text), "amber")
    return Trust("✓ No warnings", "Neither the plan nor the head model raises one.", "calm")


def _short(line: str) -> str:
    line = sentence(line)
    return line if len(line) <= LONGEST else line[:LONGEST].rsplit(" ", 1)[0].rstrip(",;:(") + " …"


def _count(n: int, what: str) -> str:
    return f"{n} {what}{'' if n == 1 else 's'}"
