"""Plans that earlier versions of the format wrote, as this one would have written them.

1.3 knew no goal of a montage; before 1.5 a target did not say whether it is a ball, a mask or a map; before 1.6 a montage did
not say which pole acts, its currents were not rounded and it named no checks of a session, a coil's plan knew neither the
pulse, nor the angle in the clinic's words, nor whose motor threshold was meant, no plan the side of the pain or the patient,
and warnings were lines of one kind.
"""

from __future__ import annotations

from typing import Any

from targeting.plans.older_dosing import dosing_now, row_now
from targeting.records.json_records import plain
from targeting.records.warnings import DANGER, OPTION, WARNING, PlanWarning

OLDER = ("1.3", "1.4", "1.5")


def as_now(document: object, now: str) -> object:
    """A parsed ``plan.json`` of an earlier version in the form of version ``now``; any other as it is.

    Examples
    --------
    >>> as_now({"schema_version": "1.4", "target": {"name": "psi", "source": "a paper"}}, "1.6")
    {'schema_version': '1.6', 'target': {'name': 'psi', 'source': 'a paper', 'shape': 'ball'}, 'pulse': None, \
'angle': None, 'tape': None, 'pain_side': '', 'patient_id': ''}
    """
    if not isinstance(document, dict) or document.get("schema_version") not in OLDER:
        return document
    plan: dict[str, Any] = {**document, "schema_version": now}
    if plan.get("modality") == "tdcs" and document["schema_version"] == "1.3":
        plan.setdefault("goal", None)
    if plan.get("modality") == "tdcs":
        plan = {"pole": None, "session_checks": [], **plan}
        optimum = plan.get("optimum")
        if isinstance(optimum, dict) and "dose_v_per_m" in optimum:
            plan["optimum"] = {"unrounded_dose_v_per_m": optimum["dose_v_per_m"], **optimum}
    if isinstance(plan.get("target"), dict) and "shape" not in plan["target"]:
        plan["target"] = {**plan["target"], "shape": _shape(plan)}
    if plan.get("modality") != "tdcs":
        plan |= {"pulse": None, "angle": None, "tape": None}
        if isinstance(plan.get("coil"), dict):
            plan["coil"] = {**plan["coil"], "rated_on": ""}
        if isinstance(plan.get("dosing"), dict):
            plan["dosing"] = dosing_now(plan["dosing"])
        if isinstance(plan.get("comparison"), list):
            plan["comparison"] = [row_now(each) for each in plan["comparison"]]
    plan |= {"pain_side": "", "patient_id": ""}
    if isinstance(plan.get("warnings"), list):
        plan["warnings"] = [_warning(each) if isinstance(each, str) else each for each in plan["warnings"]]
    return plan


def _warning(line: str) -> dict[str, Any]:
    """A line of before 1.6: a warning, but where it says how a limit that was passed may be accepted, a danger."""
    told, accept, item = line.rpartition(f", or say {OPTION} ")
    if accept and told:
        return plain(PlanWarning(DANGER, line, item))
    return plain(PlanWarning(WARNING, line))


def _shape(plan: dict[str, Any]) -> str:
    goal = plan.get("goal")
    if isinstance(goal, dict) and goal.get("network") is not None:
        return "map"
    return "mask" if plan["target"].get("source") == "mask given by the user" else "ball"
