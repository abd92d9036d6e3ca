"""The JSON Schema of ``plan.json``, made from the records that are written and read.

``plan.schema.json`` beside this file is what this module makes; write it again after a change of a record with::

    python -m targeting.plans.schema

What a record says of a field (type, limits, meaning) is all that the schema says of it.
"""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path
from typing import Any

import msgspec

from targeting.plans.shared import SCHEMA_VERSION
from targeting.plans.tes import TesPlan
from targeting.plans.tms import TmsPlan
from targeting.records.json_records import strict_form

FILE = "plan.schema.json"
ID = f"urn:target-nibs:plan:{SCHEMA_VERSION}"  # of the format's version, wherever the file is kept
REF = "#/$defs/"
ABOUT = (
    "A plan: where to hold a TMS coil (`modality` tms), or where to put electrodes and with which currents (`modality` "
    "tdcs), for one target in one subject, and what field that makes there. Every coordinate is in millimetres in the "
    "frame named by `frame`."
)
OF_TMS = (
    "Where to hold a TMS coil for one target in one subject, and what field it makes there. Every coordinate is in "
    "millimetres in the frame named by `frame`. Every field strength is in V/m at dI/dt = 1 A/µs (1e6 A/s) and scales "
    "linearly with dI/dt."
)
OF_TES = (
    "Which electrodes to put where, and with which currents, for one target in one subject, and what field that makes "
    "there. Every field strength is in V/m at the currents of the plan and scales with them. Positive currents flow into "
    "the head (anodes)."
)
POINT = {"type": "array", "items": {"type": "number"}, "minItems": 3, "maxItems": 3}
MATRIX = {
    "type": "array",
    "items": {"type": "array", "items": {"type": "number"}, "minItems": 4, "maxItems": 4},
    "minItems": 4,
    "maxItems": 4,
}
NAMED = {"point": POINT, "matrix": MATRIX}


def schema() -> dict[str, Any]:
    """Read the JSON Schema of ``plan.json`` that is shipped.

    Examples
    --------
    >>> from targeting.plans.schema import schema
    >>> schema()["$defs"]["tms"]["properties"]["modality"]["const"]
    'tms'
    """
    text = resources.files("targeting.plans").joinpath(FILE).read_text(encoding="utf-8")
    return json.loads(text)


def make_schema() -> dict[str, Any]:
    """Make the JSON Schema of ``plan.json`` from the records."""
    _, parts = msgspec.json.schema_components([strict_form(TmsPlan), strict_form(TesPlan)], ref_template=REF + "{name}")
    text = json.dumps(parts)
    shared = {name for name in parts if text.count(f'"{REF}{name}"') > 1}
    found = {name: _tidy(part, parts, shared) for name, part in parts.items()}
    roots = {"tms": {"description": OF_TMS, **found["TmsPlan"]}, "tdcs": {"description": OF_TES, **found["TesPlan"]}}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": ID,
        "title": f"plan.json, version {SCHEMA_VERSION}",
        "description": ABOUT,
        "oneOf": [{"$ref": REF + name} for name in roots],
        "$defs": {**roots, **{name: found[name] for name in sorted(shared)}, **NAMED},
    }


def _tidy(part: Any, parts: dict[str, Any], shared: set[str]) -> Any:
    """A part of msgspec's schema as a person writes it: a record that is used once stands where it is used."""
    if isinstance(part, list):
        return [_tidy(each, parts, shared) for each in part]
    if not isinstance(part, dict):
        return part
    if part.get("type") == "object" and "properties" in part:
        members = {name: _tidy(each, parts, shared) for name, each in part["properties"].items()}
        rest = {key: each for key, each in part.items() if key not in ("title", "properties", "required")}
        return {**rest, "required": part.get("required", []), "properties": members}
    part = {key: _tidy(each, parts, shared) for key, each in part.items()}
    meaning = {"description": part.pop("description")} if "description" in part else {}
    if "$ref" in part and (name := part["$ref"].removeprefix(REF)) not in shared and name in parts:
        part = _tidy(parts[name], parts, shared)
    if len(part.get("enum", [])) == 1:
        part = {"const": part["enum"][0]}
    for name, form in NAMED.items():
        if part == form:
            part = {"$ref": REF + name}
    if "anyOf" in part and len(part["anyOf"]) == 2 and {"type": "null"} in part["anyOf"]:
        (other,) = (each for each in part["anyOf"] if each != {"type": "null"})
        if "type" in other:
            part = {**other, "type": [other["type"], "null"]}
    return {**meaning, **part}


if __name__ == "__main__":
    made = json.dumps(make_schema(), indent=2, ensure_ascii=False)
    Path(__file__).with_name(FILE).write_text(made + "\n", encoding="utf-8")
