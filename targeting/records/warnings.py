"""What a person must know before using a plan: dangers, warnings and notes, in one list that every reader of it shows.

A *danger* forbids the plan's use: the page and the sheets say so in red, and the command ends with exit code 3.  Some
dangers are limits that a person may decide to go beyond; they have an ``item``, the name ``--accept-risk`` takes, and an
accepted one is a warning that says so.  A coil in the head or a target on the wrong side has no item.  A *warning* is to
be weighed, a *note* only tells.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated

from meshes.choices import one_of
from targeting.records.json_records import require
from targeting.records.kinds import OneOf

KINDS = DANGER, WARNING, NOTE = ("danger", "warning", "note")
TMS_RISKS = ("trains", "interval", "rmt-120", "mso-100")  # what --accept-risk takes for a coil's plan
OPTION = "--accept-risk"


@dataclass(frozen=True)
class PlanWarning:
    """One thing to know; ``item`` is what ``--accept-risk`` takes, "" where there is nothing to accept."""

    kind: Annotated[
        str,
        OneOf(*KINDS),
        "danger: the plan is not to be used before it is solved; warning: to be weighed; note: only tells.",
    ]
    text: Annotated[str, "In one sentence."]
    item: Annotated[str, "The name by which --accept-risk takes a danger; '' where there is nothing to accept."] = ""
    accepted: Annotated[bool, "Whether it is a danger that the user accepted; it is a warning then."] = False

    def check(self, where: str) -> None:
        """Refuse an accepted warning that was no danger with an item."""
        fine = not self.accepted or (self.kind == WARNING and self.item != "")
        require(fine, f"{where}: only a danger with an item can be accepted, and is a warning then")


def danger(text: str, item: str = "", accepted: Collection[str] = ()) -> PlanWarning:
    """What forbids the plan's use; a warning, if its ``item`` is among the ``accepted`` ones.

    Examples
    --------
    >>> danger("total current 6 mA is above 4 mA", "total-current").text
    'total current 6 mA is above 4 mA; lower it, or accept it with --accept-risk total-current'
    >>> danger("total current 6 mA is above 4 mA", "total-current", ["total-current"])
    PlanWarning(kind='warning', text='total current 6 mA is above 4 mA (accepted)', item='total-current', accepted=True)
    """
    if item and item in accepted:
        return PlanWarning(WARNING, f"{text} (accepted)", item, accepted=True)
    how = f"; lower it, or accept it with {OPTION} {item}" if item else ""
    return PlanWarning(DANGER, text + how, item)


def warning(text: str) -> PlanWarning:
    """What is to be weighed before the plan is used."""
    return PlanWarning(WARNING, text)


def note(text: str) -> PlanWarning:
    """What only tells."""
    return PlanWarning(NOTE, text)


def in_order(warnings: Iterable[PlanWarning]) -> list[PlanWarning]:
    """Dangers, warnings, notes; each kind in the order given, and nothing twice."""
    return sorted(dict.fromkeys(warnings), key=lambda each: KINDS.index(each.kind))


def of_kind(warnings: Sequence[PlanWarning], kind: str) -> list[PlanWarning]:
    """Those of one kind."""
    return [each for each in warnings if each.kind == kind]


def checked_risks(accepted: Iterable[str], valid: Collection[str]) -> tuple[str, ...]:
    """The items a user accepts, sorted, if all can be accepted.

    Raises
    ------
    InputError
        If one cannot; the line names those that can.

    Examples
    --------
    >>> checked_risks(["train"], TMS_RISKS)
    Traceback (most recent call last):
    ...
    meshes.errors.InputError: unknown item of `accept_risk` 'train', did you mean 'trains'? valid: trains, interval, \
rmt-120, mso-100
    """
    return tuple(sorted({one_of(each, valid, "item of `accept_risk`") for each in accepted}))
