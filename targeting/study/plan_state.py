"""The names of the stages of a plan, and whether a plan in a subject's folder still follows from all it was made of."""

from __future__ import annotations

import logging

from meshes.errors import InputError
from targeting.modality import KINDS
from targeting.subject import Subject

log = logging.getLogger(__name__)

STAGES = ("segment", "mesh", "register", "cortex", "target", "dosemap", "search", "robustness", "confirm", "files")
OF_THE_HEAD = STAGES[:5]  # those a montage has, too
BEFORE_SEARCH = ("goal-regions", "alone")  # of an objective other than the dose
ON_REQUEST = ("aim-certainty", "goal", "uncertainty", "hotspot", "dosing", "comparison")
SHARED = ("positions", "positions-10-5")  # by both kinds of montages
OWN = (  # with the kind before them
    *("places", "network", "leadfield", "leadfield-10-5"),
    *("search", "confirm", "aim-certainty", "files"),
)
BESIDE = ("basis",)  # made by a command of its own, and nothing of the plan follows it


def stage_names(kind: str) -> tuple[str, ...]:
    """The stages of a kind of montage, in their order.

    Examples
    --------
    >>> stage_names("tdcs")
    ('positions', 'positions-10-5', 'tdcs-places', 'tdcs-network', 'tdcs-leadfield', 'tdcs-leadfield-10-5', \
'tdcs-search', 'tdcs-confirm', 'tdcs-aim-certainty', 'tdcs-files')
    """
    return (*SHARED, *(f"{kind}-{name}" for name in OWN))


def of_cap(name: str, cap: str) -> str:
    """The name of a stage or its files for a cap; the 10-10 system's has none.

    Examples
    --------
    >>> of_cap("positions", "10-10"), of_cap("positions", "10-5")
    ('positions', 'positions-10-5')
    """
    return name if cap == "10-10" else f"{name}-{cap}"


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


def last_stage(modality: str) -> str:
    """The stage that writes a plan: of a coil ("tms"), or of a kind of montage.

    Examples
    --------
    >>> last_stage("tms"), last_stage("hd-tdcs")
    ('files', 'hd-tdcs-files')
    """
    return f"{modality}-files" if modality in KINDS else "files"


def stages_behind(subject: Subject, stage: str) -> list[str]:
    """A stage and all that it follows by the folder's records, in their order."""
    found: set[str] = set()
    wanted = [stage]
    while wanted:
        name = wanted.pop()
        if name not in found:
            found.add(name)
            wanted += subject.made_from(name).get("after", {})
    known = stages_of(subject)
    return [*(name for name in known if name in found), *sorted(found - set(known))]


def why_outdated(subject: Subject, stage: str = "files") -> str:
    """What no longer matches of a stage or of those it follows, such as "target: its files were changed"; "" if all does.

    An input file that is gone is no reason: what was made of it still stands.
    """
    rows = {row.stage: row for row in subject.status(stages_behind(subject, stage))}
    if rows[stage].state == "done":
        return ""
    changed = next(row for row in rows.values() if row.state != "done")
    return f"{changed.stage}: {changed.why or f'there is no {changed.stage}.json'}"


def check_stands(subject: Subject, stage: str = "files", anyway: bool = False) -> None:
    """Refuse a plan that no longer follows from all it was made of.

    Parameters
    ----------
    subject : Subject
    stage : str
        The stage that is built on: of a plan its :func:`last_stage`.
    anyway : bool
        Warn only.

    Raises
    ------
    InputError
        If it does not, and not ``anyway``.
    """
    why = why_outdated(subject, stage)
    if not why:
        return
    kind = next((kind for kind in reversed(KINDS) if stage.startswith(f"{kind}-")), "")
    again = f"target plan {subject.name}" + (f" --with {kind}" if kind else "")
    what = f"the plan in {subject.plan_folder / kind} is outdated ({why})"
    if not anyway:
        raise InputError(f"{what}; run '{again}' again, or take it as it is with `anyway`")
    log.warning("%s and taken as it is; run '%s' again", what, again)
