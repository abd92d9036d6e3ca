"""A plan's files for a navigator: its own are named as they stand, others are written."""

import json
from dataclasses import asdict

import numpy as np
import pytest
from planned_ball import planned_ball

from targeting.navigation import brainsight
from targeting.planning.navigator_export import export_plan
from targeting.plans.tms import read_plan, write_plan
from targeting.study.head_stages import HEAD_FILE, FrameImage
from targeting.study.plan_state import why_outdated
from targeting.subject import Stage

pytestmark = pytest.mark.slow

OWN = ("plan_localite_EntryTarget1.xml", "plan_localite_InstrumentMarker1.xml", "plan_brainsight.txt")


def test_the_plans_own_files_stay_as_they_are(tmp_path):
    subject = planned_ball(tmp_path / "ball")
    frame = FrameImage("ball.nii.gz", "0f" * 32, np.eye(4).tolist(), (10, 10, 10))
    about = {"way": "head", "frame": asdict(frame), "warnings": [], "charm_warp": False}
    (subject.folder / HEAD_FILE).write_text(json.dumps(about))
    plan = read_plan(subject.folder / "plan.json")

    def make(there):
        write_plan(there / "plan.json", plan)
        for name in OWN:
            (there / name).write_text("as an older version wrote it")
        return plan

    after = [subject.recorded(name, lambda there: None) for name in ("mesh", "target", "dosemap", "search")]
    with subject.locked():
        subject.run(Stage("files", 2, make, lambda there: read_plan(there / "plan.json"), after=after))
    assert {each.name for each in export_plan(subject, "localite")} == set(OWN[:2])  # both are to be copied
    assert [each.name for each in export_plan(subject, "brainsight")] == [OWN[2]]
    assert (subject.folder / OWN[2]).read_text() == "as an older version wrote it" and why_outdated(subject) == ""
    (elsewhere,) = export_plan(subject, "brainsight", tmp_path)
    poses = [each.matrix_mm for each in brainsight.read(elsewhere)]
    assert np.allclose(poses, [each.pose for each in plan.placements], atol=1e-3)
    assert [each.name for each in export_plan(subject, "robot")] == ["plan_robot.json"] and why_outdated(subject) == ""
