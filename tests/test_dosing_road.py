"""A motor threshold given to the whole road: the other stages are stood in for, these two and the plan are real."""

from types import SimpleNamespace

import numpy as np
import pytest
from heads import LEFT_SPOT, layered_ball

from atlases.aim import AimedTarget
from cli.main import run
from meshes.errors import InputError
from targeting import plan, road
from targeting.plans.tms import read_plan, write_plan
from targeting.stages.confirm import Confirmed
from targeting.stages.head import FrameImage, Segmented
from targeting.stages.hotspot import Hotspot
from targeting.subject import Done, Stage, Subject
from targeting.tms import TmsSearch

OURS = ("dosing_stage", "files_stage")
POSES = np.eye(4)[None]


def searched():
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
    confirmed = Confirmed(np.ones((len(head.tets), 3), np.float32), one, one, one, 2 * one, np.zeros((1, 3)))
    aimed = AimedTarget(LEFT_SPOT, LEFT_SPOT.center_mm, None, ())
    spot = Hotspot([-40.0, -20.0, 50.0], 7.0, "left", "measured", np.eye(4).tolist(), 1.5, ["motor hotspot: moved"])
    values = {"mesh": head, "target": aimed, "search": searched(), "confirm": confirmed, "hotspot": spot}

    def standing_in(name):
        def make(room):
            (room / f"{name}.txt").write_text(name)
            return values.get(name)

        return Stage(name, 1, make, lambda _: values.get(name))

    for attribute in dir(road):
        if attribute.endswith("_stage") and attribute not in OURS:
            name = {"dose_map_stage": "dosemap"}.get(attribute, attribute.removesuffix("_stage"))
            monkeypatch.setattr(road, attribute, lambda *_, name=name: standing_in(name))
    segmented = Segmented(tmp_path, "head", frame, ("of the image",))
    monkeypatch.setattr(road, "run_segment", lambda *_: Done("segment", "0", 0.0, lambda: segmented))
    monkeypatch.setattr(road, "run_cortex", lambda *_: (None, []))
    monkeypatch.setattr(road, "write_files", lambda room, _, made: write_plan(room / "plan.json", made))
    subject = Subject.named("colin27", tmp_path / "colin27")

    def planned(**asked):
        before = {path: path.stat().st_mtime_ns for path in subject.folder.glob("*.json")}
        made = plan(subject, aim="ras:-45,-20,45", density="fast", **asked)
        after = {path.stem for path in subject.folder.glob("*.json") if before.get(path) != path.stat().st_mtime_ns}
        return made, after & {"hotspot", "dosing", "files", "search"}

    return SimpleNamespace(plan=planned, subject=subject)


def test_without_a_threshold_nothing_is_added(short_road):
    made, ran = short_road.plan()
    assert made.dosing is None and ran == {"search", "files"}
    assert not (short_road.subject.folder / "dosing.json").exists()


def test_a_threshold_adds_the_block_its_warnings_come_first_and_a_change_redoes_only_what_depends_on_it(short_road):
    made, ran = short_road.plan(rmt_percent=50, rmt_at_mm=(-40.0, -20.0, 50.0), protocol="psi-10hz", dose_fraction=1.0)
    assert ran == {"search", "hotspot", "dosing", "files"}
    # 50 × 1.5 / 1.0 = 75 % is held at 60 %: 10 s trains at 120 % exceed 4.2 s
    assert (made.dosing.asked_percent, made.dosing.given_percent) == (pytest.approx(75), pytest.approx(60))
    assert made.dosing.clamp == "motor threshold" and made.dosing.target_side == made.dosing.hotspot_side == "left"
    danger, first, second, *others = [each.text for each in made.warnings]
    assert danger.startswith("protocol psi-10hz: trains of 10 s") and "4.2 s" in danger
    assert [each.item for each in made.unaccepted] == ["trains"]
    assert "held at 60.0 % MSO" in first and "gets 80 % of it" in first
    assert "110 %" in second
    assert "motor hotspot: moved" in others and "of the image" in others
    assert read_plan(short_road.subject.folder / "plan.json") == made
    assert {"hotspot", "dosing"} <= made.seconds.keys()
    assert road.stages_of(short_road.subject)[-3:] == ["hotspot", "dosing", "files"]
    states = {row.stage: row.state for row in short_road.subject.status(["hotspot", "dosing"])}
    assert states["hotspot"] == "done"

    again, ran = short_road.plan(rmt_percent=40, rmt_at_mm=(-40.0, -20.0, 50.0))
    assert ran == {"dosing", "files"}
    assert again.dosing.protocol is None and again.dosing.given_percent == pytest.approx(48)
    _, ran = short_road.plan()
    assert ran == {"files"}
    assert road.stages_of(short_road.subject)[-3:] != ["hotspot", "dosing", "files"]


def test_the_same_from_the_command_line(short_road, capfd):
    words = ["plan", "colin27", "--out", str(short_road.subject.folder), "--aim", "ras:-45,-20,45", "--density", "fast"]
    asked = ["--rmt", "50", "--rmt-at", "-40,-20,50", "--dose-fraction", "0.9", "--stimulator", "magstim-rapid"]
    assert run([*words, *asked, "--quiet"]) == 0
    out = capfd.readouterr().out
    (line,) = (each for each in out.splitlines() if each.startswith("output"))
    # 0.9 × 75 = 67.5 % asked; 60 % of 114.73 A/µs at 1 V/m
    assert "60.0 % MSO (asked 67.5 %" in line and "69 of 86 V/m; hotspot and target on the left" in line
    warnings = [each for each in out.splitlines() if each.startswith("warning")]
    assert "the target would need 67.5 % MSO for 90 %" in warnings[0]


def test_a_bad_request_leaves_what_stood_as_it_was(short_road):
    with pytest.raises(InputError, match="--rmt"):
        short_road.plan(protocol="psi-10hz")
    assert not short_road.subject.folder.exists()
