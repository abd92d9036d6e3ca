"""Which stages the plans in a subject's folder have: those of every plan, and those that were asked for."""

from __future__ import annotations

from targeting.plans.tes import KINDS
from targeting.stages.tes import stage_names
from targeting.subject import Subject

STAGES = ("segment", "mesh", "register", "target", "cortex", "dosemap", "search", "robustness", "confirm", "files")
OF_THE_HEAD = STAGES[:5]  # those a montage has, too
BEFORE_SEARCH = ("regions", "alone")  # of an objective other than the dose
ON_REQUEST = ("goal", "uncertainty", "hotspot", "dosing", "comparison")
BESIDE = ("basis",)  # made by a command of its own, and nothing of the plan follows it


def stages_of(subject: Subject) -> list[str]:
    """The stages the subject's plans have: those of every plan, those its last one was asked for, those of its montages."""
    asked = subject.made_from("files").get("after", {})
    beside = (name for name in BESIDE if subject.made_from(name))
    coil = [*STAGES[:-1], *beside, *(name for name in ON_REQUEST if name in asked), STAGES[-1]]
    searched = coil.index("search")
    coil[searched:searched] = [name for name in BEFORE_SEARCH if name in asked]
    of_montages = [*(name for kind in KINDS for name in stage_names(kind)), "interference"]
    montages = [name for name in of_montages if subject.made_from(name)]
    if montages and not subject.made_from("search"):
        coil = [name for name in coil if name in OF_THE_HEAD]
    return list(dict.fromkeys([*coil, *montages]))
