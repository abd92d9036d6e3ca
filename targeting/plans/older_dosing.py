"""Dosing blocks and coil comparisons of before plan.json 1.6, as 1.6 would have written them.

They matched a field always, by a protocol's intensity where one was given, and said outputs to a fraction of a percent: what
is read from them is rounded down, as everything is that a stimulator is set to.
"""

from __future__ import annotations

from typing import Any

from targeting.dosing.motor_threshold import whole_percent

NUMBERS = ("given_percent", "target_e_v_per_m", "hotspot_e_v_per_m", "fraction")
OF_OUTPUT = ("percent_of_rmt", "given_fraction", "didt_a_per_s", "target_v_per_m", "peak_fraction")
HELD = {"stimulator": "the stimulator's full output", "motor threshold": "120 % of the motor threshold"}


def dosing_now(old: dict[str, Any]) -> dict[str, Any]:
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


def row_now(old: object) -> object:
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
