"""Plans that earlier versions of the format wrote, as this one would have written them.

1.3 knew no goal of a montage; before 1.5 a target did not say whether it is a ball, a mask or a map; before 1.6 a montage
did not say which pole acts, its currents were not rounded, and it named no checks of a session.
"""

from __future__ import annotations

from typing import Any

OLDER = ("1.3", "1.4", "1.5")


def as_now(document: object, now: str) -> object:
    """A parsed ``plan.json`` of an earlier version in the form of version ``now``; any other as it is.

    Examples
    --------
    >>> as_now({"schema_version": "1.4", "target": {"name": "psi", "source": "a paper"}}, "1.6")
    {'schema_version': '1.6', 'target': {'name': 'psi', 'source': 'a paper', 'shape': 'ball'}}
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
    return plan


def _shape(plan: dict[str, Any]) -> str:
    goal = plan.get("goal")
    if isinstance(goal, dict) and goal.get("network") is not None:
        return "map"
    return "mask" if plan["target"].get("source") == "mask given by the user" else "ball"
