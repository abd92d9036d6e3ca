"""The way to a coil's plan with all that takes long replaced by small values."""

from types import SimpleNamespace

import numpy as np
import pytest
from heads import LEFT_SPOT, layered_ball
from studies import done

from atlases.aim import AimedTarget
from targeting import plan
from targeting.dosing.hotspot import Hotspot
from targeting.planning import tms as road
from targeting.plans.tms import write_plan
from targeting.study.head_stages import FrameImage, Segmentation
from targeting.study.study import Study
from targeting.subject import Stage, Subject
from targeting.tms import TmsSearch
from targeting.tms.confirmation import Confirmation

OURS = ("dosing_stage", "files_stage")


POSES = np.eye(4)[None]


def search():
    one = np.ones(1)
    return TmsSearch(
        poses=POSES,
        dose_v_per_m=one,
        mean_e_v_per_m=np.array([[0.0, 0.8, 0.6]]),
        scalp_mm=np.zeros((1, 3)),
        angle_deg=one,
        angle_from=["the front"],
        distance_mm=4 * one,
        scalp_points_mm=np.zeros((1, 3)),
        best_dose_at_point_v_per_m=one,
        angles_deg=one,
        dose_by_angle_v_per_m=one,
        tried=1,
        refused=0,
        didt_a_per_s=1e6,
    )


@pytest.fixture
def short_road(monkeypatch, tmp_path):
    """A road whose stages write a word, except dosing and files; it says which ran."""
    head = layered_ball(14.0)
    frame = FrameImage("T1.nii.gz", "ab" * 32, np.eye(4).tolist(), (9, 9, 9))
    one = np.ones(1)
    confirmation = Confirmation(np.ones((len(head.tets), 3), np.float32), one, one, one, 2 * one, np.zeros((1, 3)))
    aimed_target = AimedTarget(LEFT_SPOT, LEFT_SPOT.center_mm, None, ())
    spot = Hotspot([-40.0, -20.0, 50.0], 7.0, "left", "measured", np.eye(4).tolist(), 1.5, ["motor hotspot: moved"])
    values = {"mesh": head, "target": aimed_target, "search": search(), "confirm": confirmation, "hotspot": spot}

    def standing_in(name):
        def make(folder):
            (folder / f"{name}.txt").write_text(name)
            return values.get(name)

        return Stage(name, 1, make, lambda _: values.get(name))

    for attribute in dir(road):
        if attribute.endswith("_stage") and attribute not in OURS:
            name = {"dose_map_stage": "dosemap"}.get(attribute, attribute.removesuffix("_stage"))
            monkeypatch.setattr(road, attribute, lambda *_, name=name: standing_in(name))
    segmentation = Segmentation(tmp_path, "head", frame, ("of the image",))
    monkeypatch.setattr(Study, "tissues", done("segment", segmentation))
    monkeypatch.setattr(Study, "_cortex", (None, []))
    stages = {"mesh": "head", "register": "registration", "target": "target", "surfaces": "surfaces"}
    for name, attribute in stages.items():
        monkeypatch.setattr(Study, attribute, property(lambda study, name=name: study.run(standing_in(name))))
    monkeypatch.setattr(road, "write_files", lambda folder, _, made: write_plan(folder / "plan.json", made))
    subject = Subject.named("colin27", tmp_path / "colin27")

    def planned(**asked):
        before = {path: path.stat().st_mtime_ns for path in subject.folder.glob("*.json")}
        made = plan(subject.of("."), aim="ras:-45,-20,45", density="fast", **asked)
        after = {path.stem for path in subject.folder.glob("*.json") if before.get(path) != path.stat().st_mtime_ns}
        return made, after & {"hotspot", "dosing", "files", "search"}

    return SimpleNamespace(plan=planned, subject=subject)
