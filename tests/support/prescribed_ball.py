"""The planned ball with a prescription: 40 % MSO by the protocol m1-pain-10hz, 30 trains of 100 pulses."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
from dosing_blocks import block
from planned_ball import planned_ball

from targeting.plans.tms import read_plan, write_plan
from targeting.study.head_stages import HEAD_FILE, FrameImage
from targeting.subject import Stage, Subject

PERCENT = 40
MAX_A_PER_US = 114.73  # of the coil


def prescribed_ball(folder: Path, dosing: bool = True) -> Subject:
    """Make the folder; without a dosing the plan prescribes nothing."""
    subject = planned_ball(folder)
    frame = FrameImage("ball.nii.gz", "0f" * 32, np.eye(4).tolist(), (10, 10, 10))
    about = {"way": "head", "frame": asdict(frame), "warnings": [], "charm_warp": False}
    (folder / HEAD_FILE).write_text(json.dumps(about))
    plan = read_plan(folder / "plan.json")
    if not dosing:
        return subject
    plan = replace(plan, dosing=block(name=plan.target.name, protocol="m1-pain-10hz", rmt=50.0))
    assert plan.dosing.given_percent == PERCENT

    def make(there: Path):
        write_plan(there / "plan.json", plan)
        return plan

    after = [subject.recorded(name, lambda there: None) for name in ("mesh", "target", "dosemap", "search")]
    with subject.locked():
        subject.run(Stage("files", 2, make, lambda there: read_plan(there / "plan.json"), after=after))
    return subject
