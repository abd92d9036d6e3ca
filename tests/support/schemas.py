"""JSON schemas with every reference in its place, so that two of them can be compared."""


def resolved(schema, part=None):
    """A part of a schema (the whole one by default) without references, and nullable kinds in one form."""
    part = schema if part is None else part
    if isinstance(part, list):
        return [resolved(schema, each) for each in part]
    if not isinstance(part, dict):
        return part
    if "$ref" in part:
        target = schema
        for key in part["$ref"].removeprefix("#/").split("/"):
            target = target[key]
        part = {**target, **{key: each for key, each in part.items() if key != "$ref"}}
    if "anyOf" in part and {"type": "null"} in part["anyOf"]:
        (other,) = (resolved(schema, each) for each in part["anyOf"] if each != {"type": "null"})
        rest = {key: each for key, each in part.items() if key != "anyOf"}
        part = {**other, **rest, "type": [other["type"], "null"]}
    found = {}
    for key, each in part.items():
        if key == "properties":
            found[key] = {name: resolved(schema, member) for name, member in each.items()}
        elif key in ("required", "type", "enum") and isinstance(each, list):
            found[key] = sorted(each)
        else:
            found[key] = resolved(schema, each)
    return found


def differences(one, other, path=""):
    """Where two resolved schemas differ: path → the two values, None where one has nothing."""
    if isinstance(one, dict) and isinstance(other, dict):
        found = {}
        for key in sorted({*one, *other}):
            found |= differences(one.get(key), other.get(key), f"{path}/{key}")
        return found
    return {} if one == other else {path: (one, other)}
