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


def test_the_schema_that_is_shipped_is_what_the_records_make():
    assert schema() == make_schema(), "run: python -m targeting.plans.schema"
    jsonschema.Draft202012Validator.check_schema(schema())
    assert schema()["$id"].endswith("plan:1.6") and "1.6" in schema()["title"]


@pytest.mark.parametrize("arm", ["tms", "tdcs"])
def test_it_says_what_the_schema_said_that_was_written_by_hand(arm):
    before, now = resolved(BY_HAND)["$defs"][arm], resolved(schema())["$defs"][arm]
    found = differences(before, now)
    assert set(found) == OF_SEARCH
    kinds = {member["type"] for member in now["properties"]["search"]["properties"].values()}
    assert kinds <= {"string", "number", "integer"}  # each of them was allowed before
    for key in ("description", "oneOf", "title", "$schema"):
        assert schema()[key] == BY_HAND[key]
