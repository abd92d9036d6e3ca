"""plan.schema.json: it is what the records make, and says what the schema said that was written by hand."""

import json
from pathlib import Path

import jsonschema
import pytest
from schemas import differences, resolved

from targeting.plans.schema import make_schema, schema

BY_HAND = json.loads((Path(__file__).parents[2] / "data" / "plan.schema.1.6.json").read_text(encoding="utf-8"))
# what is not as it was by hand: ``search`` lists its fields, and takes no others
OF_SEARCH = {f"/properties/search/{key}" for key in ("additionalProperties", "properties", "required")}
# what 1.7 added: nothing else changed
OF_1_7 = {
    *("/properties/aim_certainty", "/properties/schema_version/const", "/required"),
    *(f"/properties/target/{each}" for each in ("properties/patch", "required")),
    *(f"/properties/target/properties/shape/{each}" for each in ("description", "enum")),
}


def test_the_schema_that_is_shipped_is_what_the_records_make():
    assert schema() == make_schema(), "run: python -m targeting.plans.schema"
    jsonschema.Draft202012Validator.check_schema(schema())
    assert schema()["$id"].endswith("plan:1.7") and "1.7" in schema()["title"]


@pytest.mark.parametrize("arm", ["tms", "tdcs"])
def test_it_says_what_the_schema_said_that_was_written_by_hand(arm):
    before, now = resolved(BY_HAND)["$defs"][arm], resolved(schema())["$defs"][arm]
    found = differences(before, now)
    assert set(found) == OF_SEARCH | OF_1_7
    for required, added in (("/required", "aim_certainty"), ("/properties/target/required", "patch")):
        old, new = found[required]
        assert set(new) - set(old) == {added} and set(old) <= set(new)
    kinds = {member["type"] for member in now["properties"]["search"]["properties"].values()}
    assert kinds <= {"string", "number", "integer"}  # each of them was allowed before
    for key in ("description", "oneOf", "$schema"):
        assert schema()[key] == BY_HAND[key]
