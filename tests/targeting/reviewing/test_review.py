"""Reviews of simulated sessions give back how they were made: place, angle, output, drift, what was lost, and the dose."""

import json
import shutil
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from planned_ball import HAIR_MM, SPOT
from prescribed_ball import MAX_A_PER_US, PERCENT, prescribed_ball
from recorded_sessions import brainsight_session, localite_session, trains
from sessions import said

from cli.main import run
from meshes import HeadMesh
from targeting import Pose, review, simulate_tms
from targeting.course.log import add_to_log
from targeting.dosing import protocol_named
from targeting.fem import HeadConductor
from targeting.fem.second_order import near_target
from targeting.live import LiveDose
from targeting.navigation.world import in_the_plans_world
from targeting.reviewing.recorded import read_recorded
from targeting.reviewing.review import reviewed
from targeting.tms.confirmation import confirm
from targeting.tms.placement import place

pytestmark = pytest.mark.slow

PEER = Path(__file__).parents[4] / "shared" / "peer"
PROTOCOL = protocol_named("m1-pain-10hz")
WITHOUT_T1 = partial(in_the_plans_world, worlds=None)  # as the ball is


@pytest.fixture(scope="module")
def subject(tmp_path_factory):
    return prescribed_ball(tmp_path_factory.mktemp("review") / "ball")


@pytest.fixture(scope="module")
def live(subject):
    return LiveDose.of(subject)


@pytest.fixture(scope="module")
def planned(live):
    return np.array(live.plan.placements[0].pose)


@pytest.fixture
def looked(subject, live):
    """Review files without writing anything."""
    return lambda *files: reviewed(subject, read_recorded(files, live.plan, WITHOUT_T1), live)


def moved(pose, *by_mm):
    out = pose.copy()
    out[:3, 3] += by_mm
    return out


def lifted(pose, mm):
    return moved(pose, *(-mm * pose[:3, 2]))


def warned(found, *words):
    return any(all(word in each.text for word in words) for each in found.warnings if each.kind == "warning")


def test_a_session_as_planned_is_a_yes_with_all_of_the_dose(looked, planned, tmp_path):
    found = looked(localite_session(tmp_path / "a.xml", [planned] * 3000, trains(PROTOCOL), percent=PERCENT))
    (session,) = found.sessions
    assert found.verdict.answer == "yes" and found.verdict.low == pytest.approx(1.0, abs=1e-6)
    assert (session.summary.pulses, session.summary.on_head, found.verdict.of) == (3000, 3000, 3000)
    assert [each.pulses for each in session.blocks] == [100] * 30
    assert session.summary.distance_mm == pytest.approx(0, abs=1e-6)
    assert session.summary.dose_v_per_m == pytest.approx(found.planned.dose_per_a_us * MAX_A_PER_US * PERCENT / 100)
    assert [each for each in found.warnings if each.kind == "warning"] == []


def test_a_shift_toward_the_nose_is_found_and_its_dose_is_a_forward_solve(subject, live, looked, planned, tmp_path):
    shifted = moved(planned, 0, 5, 0)
    found = looked(localite_session(tmp_path / "a.xml", [shifted] * 40, percent=PERCENT))
    one = found.sessions[0].summary
    np.testing.assert_allclose(one.offset_mm, [0, 5, 0], atol=1e-6)
    assert one.distance_mm == pytest.approx(5.0)
    assert one.turned_deg == pytest.approx(0, abs=1e-3)
    head = HeadMesh.read(subject.folder / "head.msh")
    conductor = near_target(HeadConductor(head), SPOT)
    solved = [simulate_tms(conductor, live.coil, Pose(each)).e_v_per_m for each in (shifted, planned)]
    there, plan = confirm(head, SPOT, solved).direct_dose_v_per_m
    didt = PERCENT / 100 * MAX_A_PER_US
    assert one.dose_v_per_m == pytest.approx(there * didt, rel=5e-3)  # the map's own accuracy
    assert one.share == pytest.approx(there / plan, rel=5e-3)
    assert one.lost_percent == pytest.approx(100 * (1 - there / plan), abs=0.5)
    assert abs(one.lost_percent) > 1


def test_a_turned_handle_is_found_with_its_way_round(live, looked, planned, tmp_path):
    plan = live.plan.placements[0]
    over = np.array([plan.scalp_mm])
    for turn in (20.0, -35.0):  # angles of the plan grow counter-clockwise seen from outside
        turned = place(live.scalp, live.coil, over, np.array([plan.angle_deg + turn]), HAIR_MM)[0][0, 0]
        found = looked(localite_session(tmp_path / f"{turn}.xml", [turned] * 40, percent=PERCENT))
        one = found.sessions[0].summary
        assert one.handle_deg == pytest.approx(turn, abs=1e-3)
        assert one.turned_deg == pytest.approx(abs(turn), abs=1e-3) and one.tilt_deg == pytest.approx(0, abs=1e-3)
        assert warned(found, "turned 35° clockwise") == (turn < -20)
    # a coil held the wrong way round has half of its angles just below 180° and half just above −180°
    angles = plan.angle_deg + 180.0 + np.linspace(-4, 4, 41)
    round_about = [place(live.scalp, live.coil, over, np.array([each]), HAIR_MM)[0][0, 0] for each in angles]
    found = looked(localite_session(tmp_path / "round.xml", round_about, percent=PERCENT))
    assert abs(found.sessions[0].summary.handle_deg) == pytest.approx(180, abs=1e-3) and warned(found, "turned 180°")
    tilt = np.eye(4)
    tilt[1:3, 1:3] = [[np.cos(0.2), -np.sin(0.2)], [np.sin(0.2), np.cos(0.2)]]
    tilted = lifted(planned @ tilt, 8.0)
    one = looked(localite_session(tmp_path / "tilt.xml", [tilted] * 40, percent=PERCENT)).sessions[0].summary
    assert one.tilt_deg == pytest.approx(np.degrees(0.2), abs=1e-3)
    assert one.handle_deg == pytest.approx(0, abs=1e-3)


def test_half_the_output_is_half_the_dose_and_a_no(looked, planned, tmp_path):
    found = looked(localite_session(tmp_path / "a.xml", [planned] * 3000, trains(PROTOCOL), percent=PERCENT / 2))
    assert found.verdict.answer == "no" and found.verdict.low == pytest.approx(0.5, abs=1e-6)
    assert found.sessions[0].summary.lost_percent == pytest.approx(50, abs=1e-4)
    by_didt = localite_session(tmp_path / "b.xml", [planned] * 3000, didt_a_per_us=MAX_A_PER_US * PERCENT / 200)
    found = looked(by_didt)
    assert found.verdict.low == pytest.approx(0.5, abs=1e-6)
    assert found.sessions[0].summary.dose_v_per_m == pytest.approx(found.planned.dose_v_per_m / 2)
    strong = looked(localite_session(tmp_path / "c.xml", [planned] * 3000, percent=1.5 * PERCENT))
    assert strong.verdict.answer == "more" and strong.verdict.in_all == pytest.approx(1.5, abs=1e-6)
    assert strong.verdict.low == pytest.approx(1.0)  # a strong pulse counts as one
    assert warned(strong, "more than planned")


def test_strong_pulses_do_not_make_up_for_those_that_missed(looked, planned, tmp_path):
    percent = np.where(np.arange(3000) % 2, 1.6 * PERCENT, 0.4 * PERCENT)
    found = looked(localite_session(tmp_path / "a.xml", [planned] * 3000, percent=percent))
    assert found.verdict.in_all == pytest.approx(1.0, abs=1e-6)
    assert found.verdict.low == pytest.approx(0.7, abs=1e-6) and found.verdict.answer == "no"


def test_an_output_that_is_not_recorded_is_said_and_doses_are_at_equal_intensity(looked, planned, tmp_path):
    for values in ({}, {"percent": 0.0, "didt_a_per_us": 0.0}):  # a stimulator that is not connected gives zeros
        found = looked(localite_session(tmp_path / f"{len(values)}.xml", [planned] * 3000, **values))
        assert not found.own_intensity and warned(found, "records no output", "equal intensity")
        assert found.verdict.low == pytest.approx(1.0, abs=1e-6) and found.verdict.answer == "not known"
        assert np.isnan(found.pulses.dose_v_per_m).all() and np.isnan(found.pulses.own_share).all()
    few = looked(localite_session(tmp_path / "few.xml", [planned] * 300))
    assert few.verdict.answer == "no" and few.verdict.low == pytest.approx(0.1, abs=1e-6)  # at whatever intensity
    some = np.where(np.arange(3000) < 600, 0.0, PERCENT)
    found = looked(localite_session(tmp_path / "some.xml", [planned] * 3000, percent=some))
    assert found.own_intensity and warned(found, "600 pulses no output")
    assert (found.verdict.low, found.verdict.high) == (pytest.approx(0.8), pytest.approx(1.0))


def test_an_output_that_contradicts_the_reported_current_is_warned_of(looked, planned, tmp_path):
    at_plan = PERCENT / 100 * MAX_A_PER_US
    same = localite_session(tmp_path / "a.xml", [planned] * 3000, percent=PERCENT, didt_a_per_us=0.97 * at_plan)
    other = localite_session(tmp_path / "b.xml", [planned] * 3000, percent=PERCENT, didt_a_per_us=1.3 * at_plan)
    assert not warned(looked(same), "another coil")
    assert warned(looked(other), "another coil, stimulator or pulse?")


def test_a_drift_over_an_hour_is_found(looked, planned, tmp_path):
    hand = np.random.default_rng(7)
    time_s = np.linspace(0, 3600, 3000)
    along = planned[:3, 0] * 0.6 - planned[:3, 1] * 0.8
    poses = [moved(lifted(planned, 2.0), *(3.0 * t / 3600 * along + hand.normal(0, 0.5, 3))) for t in time_s]
    found = looked(localite_session(tmp_path / "a.xml", poses, time_s, percent=PERCENT))
    drift = found.sessions[0].drift
    assert drift.told and drift.mm == pytest.approx(3.0, abs=0.15) and drift.low_mm < 3.0 < drift.high_mm
    assert np.dot(drift.direction, along) > 0.99 and drift.minutes == pytest.approx(60)
    assert warned(found, "the coil drifted", "in 60 min")
    still = [moved(lifted(planned, 2.0), *hand.normal(0, 0.5, 3)) for _ in time_s]
    drift = looked(localite_session(tmp_path / "b.xml", still, time_s, percent=PERCENT)).sessions[0].drift
    assert not drift.told and drift.mm < 0.3


def test_pulses_that_the_camera_did_not_see_make_the_answer_a_range(looked, planned, tmp_path):
    poses = [None if k % 5 == 0 else planned for k in range(3000)]
    found = looked(localite_session(tmp_path / "a.xml", poses, trains(PROTOCOL), percent=PERCENT))
    assert found.verdict.answer == "not known"
    assert (found.verdict.low, found.verdict.high) == (pytest.approx(0.8, abs=1e-6), pytest.approx(1.0, abs=1e-6))
    assert found.sessions[0].summary.untracked == 600 and warned(found, "600 of 3,000 pulses")
    assert np.isnan(found.pulses.dose_v_per_m[::5]).all()
    few = looked(localite_session(tmp_path / "b.xml", poses[:600], percent=PERCENT))
    assert few.verdict.answer == "no" and warned(few, "600 pulses were given of 3,000 prescribed")


def test_a_coil_off_the_head_and_one_in_it_are_counted_apart(looked, planned, tmp_path):
    poses = [planned] * 40 + [lifted(planned, 60.0)] * 6 + [lifted(planned, -20.0)] * 3
    found = looked(localite_session(tmp_path / "a.xml", poses, percent=PERCENT))
    one = found.sessions[0].summary
    assert (one.pulses, one.on_head, one.off_head, one.impossible) == (49, 40, 6, 3)
    assert warned(found, "6 of 49 pulses", "off the head") and warned(found, "3 of 49 pulses", "no coil can be")
    assert (found.pulses.dose_v_per_m[40:46] < 0.2 * found.pulses.dose_v_per_m[0]).all()
    assert np.isnan(found.pulses.dose_v_per_m[46:]).all()
    near = looked(localite_session(tmp_path / "b.xml", [lifted(planned, -HAIR_MM - 2.0)] * 40, percent=PERCENT))
    assert warned(near, "2.", "mm in the head")


def test_a_session_of_another_head_or_frame_is_refused_in_a_line(looked, planned, tmp_path):
    mirror = np.diag([-1.0, 1.0, 1.0, 1.0])
    mirrored = localite_session(tmp_path / "mirror.xml", [mirror @ planned @ mirror] * 40, percent=PERCENT)
    assert "mm from the planned pose" in said(looked, mirrored)
    left_handed = localite_session(tmp_path / "hand.xml", [mirror @ planned] * 40)
    assert "left-handed" in said(looked, left_handed)
    as_lps = localite_session(tmp_path / "lps.xml", [planned] * 40, percent=PERCENT, space="LPS")
    assert looked(as_lps).sessions[0].summary.distance_mm == pytest.approx(0, abs=1e-6)
    as_lps.write_text(as_lps.read_text().replace('"LPS"', '"RAS"'))
    assert "mm from the planned pose" in said(looked, as_lps)
    inside = localite_session(tmp_path / "in.xml", [lifted(planned, -25.0)] * 30 + [planned] * 10, percent=PERCENT)
    assert "30 of 40 pulses" in said(looked, inside)
    away = localite_session(tmp_path / "away.xml", [lifted(planned, 50.0)] * 40, percent=PERCENT)
    assert "from the scalp" in said(looked, away)
    unseen = localite_session(tmp_path / "unseen.xml", [None] * 40, percent=PERCENT)
    assert "none of the 40 pulses" in said(looked, unseen)


def test_pulses_for_other_targets_and_by_other_coils_are_told_apart(looked, planned, tmp_path):
    hot = [(moved(lifted(planned, 10), 0, 20, 0), "hotspot", "Stim. TTL", "Coil 1")] * 30
    own = [(planned, "left spot-1", "Stim. TTL", "Coil 1")] * 50
    tools = [(planned, "(null)", "Button", "Pointer"), (planned, "left spot-1", "Button", "Coil 1")]
    file = brainsight_session(tmp_path / "a.txt", [*hot, *own, *tools])
    found = looked(file)
    assert found.sessions[0].summary.pulses == 50 and found.sessions[0].summary.distance_mm < 1e-3
    states = {(each.target, each.state): each.pulses for each in found.sessions[0].labels}
    assert states[("hotspot", "other target")] == 30 and states[("left spot-1", "recorded by hand")] == 1
    assert states[("no target", "no coil")] == 1
    (hotspot,) = (each for each in found.sessions[0].labels if each.target == "hotspot")
    assert hotspot.distance_mm == pytest.approx(np.linalg.norm(hot[0][0][:3, 3] - planned[:3, 3]), abs=1e-3)
    assert 0 < hotspot.share < 0.8 and found.sessions[0].summary.share == pytest.approx(1.0, abs=1e-3)
    second = [(planned, "left spot-1", "Stim. TTL", "Coil 2")] * 5
    both = brainsight_session(tmp_path / "b.txt", [*own, *second])
    line = said(looked, both)
    assert "several coils" in line and "b.txt:left spot-1, Coil 1" in line
    found = looked(f"{both}:left spot-1, Coil 1")
    assert found.sessions[0].summary.pulses == 50 and warned(found, "not counted: 5 by another coil (Coil 2)")
    assert looked(f"{both}:Coil 2").sessions[0].summary.pulses == 5
    renamed = [
        (pose, "M1" if target == "left spot-1" else target, cause, by) for pose, target, cause, by in [*hot, *own]
    ]
    named = brainsight_session(tmp_path / "c.txt", renamed)
    assert "several targets" in said(looked, named)
    assert looked(f"{named}:M1").sessions[0].summary.pulses == 50
    assert "'hotspot'" in said(looked, f"{named}:nobody")
    two = looked(file, f"{both}:Coil 2")
    assert warned(two, "not all of one coil", "session 1 Coil 1, session 2 Coil 2")


def test_sessions_become_a_course_and_none_is_given_twice(looked, planned, tmp_path):
    days = [localite_session(tmp_path / f"{k}.xml", [planned] * n, percent=PERCENT) for k, n in enumerate((3000, 1500))]
    found = looked(*days)
    assert [each.verdict.answer for each in found.sessions] == ["yes", "no"]
    assert found.verdict.low == pytest.approx(0.75, abs=1e-6) and found.verdict.of == 6000
    assert any("sessions reviewed: 2 of the protocol's" in each.text for each in found.warnings)
    copy = shutil.copy(days[0], tmp_path / "copy.xml")
    assert "the same session" in said(looked, days[0], copy)
    assert "nothing to review" in said(looked)
    targets = tmp_path / "targets.txt"
    from targeting.navigation import brainsight

    brainsight.write(targets, [Pose(planned, "left spot-1")])
    assert "holds no pulse" in said(looked, targets)


def test_a_plan_without_a_prescription_is_held_against_what_was_given(live, planned, tmp_path):
    bare = prescribed_ball(tmp_path / "bare", dosing=False)
    file = localite_session(tmp_path / "a.xml", [planned] * 40 + [None] * 2, percent=55.0)
    found = review(bare, [file], write=False)
    assert not found.own_intensity and found.verdict.of == 42 and found.verdict.answer == "not known"
    assert found.sessions[0].summary.dose_v_per_m == pytest.approx(0.55 * MAX_A_PER_US * found.planned.dose_per_a_us)
    assert any("prescribes no output" in each.text for each in found.warnings)
    assert any("names no protocol" in each.text for each in found.warnings)


@pytest.mark.skipif(not PEER.is_dir(), reason="real navigator files (../shared/peer) are not here")
def test_files_of_real_navigators_are_of_other_heads_and_refused_in_a_line(looked):
    files = [path for folder in ("navigation", "navigation-more") for path in sorted((PEER / folder).rglob("*"))]
    files = [
        path for path in files if path.suffix in (".txt", ".xml", ".mrk", ".stmpx") and "electrodes" not in path.parts
    ]
    assert len(files) > 20
    for path in files:
        assert str(path.name) in said(looked, path), path


def test_nothing_is_written_over_and_the_files_say_what_the_review_says(subject, planned, tmp_path, capsys):
    hand = np.random.default_rng(3)
    poses = [None if k % 9 == 0 else moved(lifted(planned, 1), *hand.normal(0, 0.4, 3)) for k in range(300)]
    file = localite_session(tmp_path / "a.xml", poses, trains(PROTOCOL, 3), percent=PERCENT)
    first = review(subject, [file])
    page = (first.folder / "review.html").read_bytes()
    (subject.plan_folder / ".making-review").mkdir()  # of a run that was killed
    second = review(subject, [file])
    assert (first.folder.name, second.folder.name) == ("001", "002")
    assert (first.folder / "review.html").read_bytes() == page
    assert not (subject.plan_folder / ".making-review").exists()
    rows = [line.split("\t") for line in (first.folder / "pulses.tsv").read_text(encoding="utf-8").splitlines()]
    document = json.loads((first.folder / "review.json").read_text(encoding="utf-8"), parse_constant=pytest.fail)
    assert rows[0] == list(document["columns"]) and len(rows) == 301 and {len(row) for row in rows} == {len(rows[0])}
    table = [dict(zip(rows[0], row, strict=True)) for row in rows[1:]]
    assert table[0]["state"] == "not tracked" and table[0]["dose_v_per_m"] == "n/a"
    assert float(table[1]["dose_v_per_m"]) == pytest.approx(first.pulses.dose_v_per_m[1], rel=1e-5)
    assert float(table[1]["lost_percent"]) == pytest.approx(100 * (1 - first.share[1]), abs=1e-3)
    assert document["verdict"]["low"] == first.verdict.low and document["sessions"][0]["summary"]["untracked"] == 34
    capsys.readouterr()
    other = localite_session(tmp_path / "b.xml", poses[:200], percent=PERCENT)
    words = ["review", "ball", "--out", str(subject.folder), "--json", "--quiet", "--session", str(file), str(other)]
    assert run(words) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["headline"].startswith("No: ") and len(answer["sessions"]) == 2 and answer["folder"].endswith("003")
    assert run([*words[:4], "--quiet", "--session", str(file)]) == 0
    assert capsys.readouterr().out.startswith("No: the target got")
    assert run([*words[:4], "--session", str(tmp_path / "none.xml")]) == 2
    assert run(words[:4]) == 2
    assert "--session" in capsys.readouterr().err


def test_ten_thousand_pulses_take_seconds(subject, live, planned, tmp_path):
    import time

    hand = np.random.default_rng(0)
    poses = [moved(lifted(planned, 2), *each) for each in hand.normal(0, 1, (10_000, 3))]
    file = localite_session(tmp_path / "a.xml", poses, percent=PERCENT)
    start = time.perf_counter()
    found = reviewed(subject, read_recorded([file], live.plan, WITHOUT_T1), live)
    assert len(found.pulses) == 10_000 and time.perf_counter() - start < 30  # benchmarks/review.py measures it


def test_the_log_stands_beside_the_dose(subject, live, planned, tmp_path):
    days = [localite_session(tmp_path / f"{k}.xml", [planned] * (3000 - k), percent=PERCENT) for k in range(2)]
    add_to_log(subject, session=1, rmt_percent=52, nrs=6, adverse="none")
    add_to_log(subject, session=days[1], nrs=4)
    add_to_log(subject, session=9, nrs=2)
    found = reviewed(subject, read_recorded(days, live.plan, WITHOUT_T1), live)
    assert [[line.nrs for line in found.logged(each)] for each in found.sessions] == [[6.0], [4.0]]
    assert any("session 9, of which no file" in each.text for each in found.warnings)
    log = subject.folder / "course" / "log.jsonl"
    whole = log.read_bytes()
    try:
        log.write_bytes(whole.replace(b'"nrs": 6.0', b'"nrs": 3.0'))
        assert "line 1 was changed" in said(reviewed, subject, read_recorded(days, live.plan, WITHOUT_T1), live)
    finally:
        log.write_bytes(whole)
