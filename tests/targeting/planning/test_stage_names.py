"""A stage's record lies beside its results, so no result may have its name."""

from pathlib import Path

import pytest

from targeting.field_by_area.files import ABOUT
from targeting.modality import KINDS
from targeting.study.plan_state import BEFORE_SEARCH, BESIDE, ON_REQUEST, STAGES, stage_names


@pytest.mark.parametrize("name", [ABOUT, "plan.json", "saved_poses.json"])
def test_no_file_of_a_plan_is_called_like_the_record_of_a_stage(name):
    records = {*STAGES, *BEFORE_SEARCH, *ON_REQUEST, *BESIDE, "surfaces", "interference"}
    records |= {stage for kind in KINDS for stage in stage_names(kind)}
    assert Path(name).stem not in records
