"""Plans of every version that is read: one made by the program of its time, for each arm, is kept in tests/data/plans."""

import json
from pathlib import Path

import jsonschema
import pytest

from meshes import InputError
from targeting.plans import tes, tms
from targeting.plans.older_versions import OLDER
from targeting.plans.schema import schema
from targeting.plans.shared import SCHEMA_VERSION

KEPT = Path(__file__).parents[2] / "data" / "plans"
ARMS = {"tms": tms, "tdcs": tes}
FILES = sorted(KEPT.glob("*.json"))


def test_every_version_that_is_read_has_an_example_of_both_arms():
    assert {path.stem for path in FILES} == {f"{version}-{arm}" for version in (*OLDER, SCHEMA_VERSION) for arm in ARMS}
    for path in FILES:
        document = json.loads(path.read_text(encoding="utf-8"))
        assert path.stem == f"{document['schema_version']}-{document['modality']}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_plan_of_any_version_is_read_and_written_as_one_of_now(path):
    text = path.read_text(encoding="utf-8")
    before = json.loads(text)
    arm = ARMS[before["modality"]]
    plan = arm.from_dict(before)
    document = arm.to_dict(plan)
    jsonschema.validate(document, schema(), jsonschema.Draft202012Validator)
    assert document["schema_version"] == SCHEMA_VERSION and arm.from_dict(document) == plan
    for name in ("subject", "frame", "objective", "search", "versions", "seconds", "conductivity_s_per_m", "created"):
        assert document[name] == before[name], name
    assert [each.text for each in plan.warnings] == [
        each if isinstance(each, str) else each["text"] for each in before["warnings"]
    ]


@pytest.mark.parametrize("arm", ARMS)
def test_a_plan_of_now_is_written_again_to_the_byte(arm, tmp_path):
    path, again = KEPT / f"{SCHEMA_VERSION}-{arm}.json", tmp_path / "plan.json"
    if arm == "tms":
        tms.write_plan(again, tms.read_plan(path))
    else:
        tes.write_tes_plan(again, tes.read_tes_plan(path))
    assert again.read_bytes() == path.read_bytes()


@pytest.mark.parametrize("version", ["1.2", "1.8", "2.0"])
@pytest.mark.parametrize("arm", ARMS)
def test_a_plan_of_a_version_that_is_not_known_is_refused(version, arm):
    document = json.loads((KEPT / f"{SCHEMA_VERSION}-{arm}.json").read_text(encoding="utf-8"))
    with pytest.raises(InputError, match=f"of version '{version}' and this program reads '{SCHEMA_VERSION}'"):
        ARMS[arm].from_dict(document | {"schema_version": version})
