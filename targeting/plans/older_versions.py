"""Plans that earlier versions of the format wrote, as the present one would have written them.

Policy.  A version is MAJOR.MINOR.  MINOR grows when a field is added, or a field may say more than before, and an older plan
can be completed (with null, an empty text, or what the rest of it says); such a plan is read as one of now.  MAJOR grows when
a field changes its meaning or its unit, goes, or gets another name; an older plan is then refused, because a number that is
read in another meaning is worse than none.  (1.6 renamed a field of the dosing block; that was before this policy, and
dosing blocks are translated here.)  Every MINOR version since 1.3 is read, the first one that both arms wrote; one is dropped
only together with a MAJOR step.  A plan of a newer version than the program's is refused.  One plan of every version
that is read, made by the program of its time, is kept in ``tests/data/plans``.

What was added: 1.4 the goal of a montage; 1.5 whether a target is a ball, a mask or a map; 1.6 which pole of a montage acts,
currents that are rounded, the checks of a session, a coil's pulse, its angle in the clinic's words, its place by tape, whose
motor threshold is meant, the side of the pain, the patient, and warnings of three kinds; 1.7 patches of cortex as targets, and
how sure the aim is.

Dosing blocks and coil comparisons of before 1.6 matched a field always, by a protocol's intensity where one was given, and
said outputs to a fraction of a percent: what is read from them is rounded down, as everything is that a stimulator is set to.
"""

from __future__ import annotations

from typing import Any

from targeting.dosing.motor_threshold import whole_percent
from targeting.records.json_records import plain
from targeting.records.warnings import DANGER, OPTION, WARNING, PlanWarning

OLDER = ("1.3", "1.4", "1.5", "1.6")
NUMBERS = ("given_percent", "target_e_v_per_m", "hotspot_e_v_per_m", "fraction")
OF_OUTPUT = ("percent_of_rmt", "given_fraction", "didt_a_per_s", "target_v_per_m", "peak_fraction")
HELD = {"stimulator": "the stimulator's full output", "motor threshold": "120 % of the motor threshold"}


def as_now(document: object, now: str) -> object:
    """A parsed ``plan.json`` of an earlier version in the form of version ``now``; any other as it is.

    Examples
    --------
    >>> as_now({"schema_version": "1.4", "target": {"name": "psi", "source": "a paper"}}, "1.7")
    {'schema_version': '1.7', 'target': {'name': 'psi', 'source': 'a paper', 'shape': 'ball', 'patch': None}, 'pulse': None, \
'angle': None, 'tape': None, 'pain_side': '', 'patient_id': '', 'aim_certainty': None}
    """
    if not isinstance(document, dict) or document.get("schema_version") not in OLDER:
        return document
    plan: dict[str, Any] = {**document, "schema_version": now}
    if document["schema_version"] != "1.6":
        plan = _as_1_6(plan, document["schema_version"])
    if isinstance(plan.get("target"), dict):
        plan["target"] = {**plan["target"], "patch": None}
    return plan | {"aim_certainty": None}


def _as_1_6(plan: dict[str, Any], version: str) -> dict[str, Any]:
    """A plan of 1.3 to 1.5 with what 1.6 added."""
    if plan.get("modality") == "tdcs" and version == "1.3":
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
            plan["dosing"] = _dosing(plan["dosing"])
        if isinstance(plan.get("comparison"), list):
            plan["comparison"] = [_row(each) for each in plan["comparison"]]
    plan |= {"pain_side": "", "patient_id": ""}
    if isinstance(plan.get("warnings"), list):
        plan["warnings"] = [_warning(each) if isinstance(each, str) else each for each in plan["warnings"]]
    return plan


def _warning(line: str) -> dict[str, Any]:
    """A line of before 1.6: a warning, but where it says how a limit that was passed may be accepted, a danger."""
    limit, accept, item = line.rpartition(f", or say {OPTION} ")
    if accept and limit:
        return plain(PlanWarning(DANGER, line, item))
    return plain(PlanWarning(WARNING, line))


def _shape(plan: dict[str, Any]) -> str:
    goal = plan.get("goal")
    if isinstance(goal, dict) and goal.get("network") is not None:
        return "map"
    return "mask" if plan["target"].get("source") == "mask given by the user" else "ball"


def _dosing(old: dict[str, Any]) -> dict[str, Any]:
    """A dosing block of 1.3 to 1.5; what it did not know is empty, and the muscle is not guessed."""
    if not all(isinstance(old.get(name), int | float) and old[name] > 0 for name in NUMBERS):
        return old  # its reader says what is wrong with it
    block: dict[str, Any] = dict.fromkeys(OF_OUTPUT) | old
    given, whole = block["given_percent"], whole_percent(block["given_percent"])
    for name in OF_OUTPUT:
        if block[name] is not None:
            block[name] *= whole / given
    share = block["target_e_v_per_m"] / block["hotspot_e_v_per_m"]
    at_threshold = block.get("threshold_v_per_m")
    block |= {
        "muscle": "",
        "muscle_ratio": None,
        "at_threshold_fraction": share,
        "at_threshold_v_per_m": None if at_threshold is None else share * at_threshold,
        "asked": "match-field",
        "match_field": block.pop("fraction"),
        "given_percent": whole,
        "held_by": HELD.get(str(block.get("clamp")), ""),
        "limits_percent": {},
        "max_didt_of": "",
        "protocol": _protocol(block["protocol"]) if isinstance(block.get("protocol"), dict) else None,
    }
    return block


def _row(old: object) -> object:
    """A row of the comparison of 1.3 to 1.5."""
    return {**old, "given_fraction": None, "given_v_per_m": None} if isinstance(old, dict) else old


def _protocol(old: dict[str, Any]) -> dict[str, Any]:
    words = ("spacing", "muscle", "pulse", "target", "population", "result", "evidence", "published_use")
    known = {name: value for name, value in old.items() if name != "checked"}  # notes of whoever wrote the table
    return {
        **known,
        **dict.fromkeys(words, ""),
        "burst_pulses": 1,
        "burst_hz": None,
        "on_its_target": False,
        "unverified": [],
        "findings": [_finding(text) for text in old.get("findings", [])],
    }


def _finding(text: str) -> dict[str, str]:
    """A finding by its words: a plan did not say of which kind it was."""
    kind = "untested"
    if "25 % margin" in text:
        kind = "margin"
    elif any(word in text for word in ("exceed", "unsafe", "outside the safety table")):
        kind = "exceeds"
    return {"kind": kind, "item": "interval" if "between trains" in text else "trains", "text": text}
