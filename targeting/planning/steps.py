"""The steps of a plan, foreseen from what was asked for.

Two of a coil's plan turn out only on the way: a comparison of coils for a deep target is one step more than foreseen, and a
head whose folds are not known has one less.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from targeting.progress.steps import Step
from targeting.study.plan_state import BEFORE_SEARCH, of_cap
from targeting.study.steps import HEAD, HEAD_AND_TARGET, steps_of

if TYPE_CHECKING:
    from targeting.planning.tes import TesQuestion
    from targeting.planning.tms import TmsQuestion


def tms_steps(question: TmsQuestion) -> list[Step]:
    """The steps of a coil's plan, in their order."""
    regions, dose, aim = question.regions, question.dose, question.study.aim
    before = {
        "hotspot": dose is not None and not (aim is not None and dose.is_the_target(aim)),
        "dosemap": True,
        BEFORE_SEARCH[0]: regions is not None,
        BEFORE_SEARCH[1]: regions is not None and bool(regions.also),
    }
    after = {
        "goal": regions is not None,
        "uncertainty": question.request.uncertainty,
        "dosing": dose is not None,
        "comparison": bool(question.others),
    }
    asked = [[name for name, is_asked in each.items() if is_asked] for each in (before, after)]
    poses = ("search", "robustness", "confirm", "aim-certainty")
    return steps_of(question.study, (*HEAD_AND_TARGET, *asked[0], *poses, *asked[1], "surfaces", "files"))


def tes_steps(question: TesQuestion) -> list[Step]:
    """The steps of a montage's plan, in their order."""
    request = question.request
    of_kind = {
        "places": question.regions is not None,
        of_cap("positions", request.cap): True,
        of_cap("leadfield", request.cap): request.montage is None,
        "search": True,
        "confirm": True,
        "aim-certainty": not question.network,
    }
    own = [name if "positions" in name else f"{request.kind}-{name}" for name, is_asked in of_kind.items() if is_asked]
    head = (*HEAD, "cortex", f"{request.kind}-network") if question.network else HEAD_AND_TARGET
    return steps_of(question.study, (*head, *own, "surfaces", f"{request.kind}-files"))
