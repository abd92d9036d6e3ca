"""Dosing on the road: the hotspot's field, the block of the plan, what people read, and what a further run redoes."""

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import jsonschema
import numpy as np
import pytest
from heads import LEFT_SPOT, layered_ball

from atlases import Target
from atlases.aim import AimedTarget
from cli.plan import _output
from meshes.errors import InputError
from targeting import Coil, DoseMap, Pose
from targeting.fem import HeadConductor
from targeting.navigation import brainsight, localite
from targeting.plans.dosing import check_dosing, dosing_warnings
from targeting.plans.tms import from_dict, schema, to_dict
from targeting.report.dosing import dosing_section, dosing_words
from targeting.requests.aim import Aim
from targeting.requests.conduction import Conduction
from targeting.requests.dose import DoseRequest, measured_pose
from targeting.stages.dosing import _with_stronger, dosing_of, dosing_stage
from targeting.stages.hotspot import Hotspot, hotspot_stage, own_hotspot
from targeting.subject import Done, Subject

COIL = Coil.named("figure8-70mm")  # 114.73 A/µs
SPOT = Hotspot([-38.0, -20.0, 55.0], 7.0, "left", "measured <here>", np.eye(4).tolist(), 1.2, [])
# |mean E| is 2 V/m at 2 A/µs, so 1 V/m at 1 A/µs
FOUND = SimpleNamespace(poses=np.eye(4)[None], mean_e_v_per_m=np.array([[0.0, 1.2, 1.6]]), didt_a_per_s=2e6)
CONFIRMED = SimpleNamespace(peak_e_v_per_m=np.array([3.0]))


def request_of(rmt=50.0, at=None, pose=None, fraction=None, protocol=None, stimulator=None, coil=COIL):
    return DoseRequest.of(rmt, at, pose, fraction, protocol, stimulator, coil)


def block(side="left", coil=COIL, spot=SPOT, **asked):
    return dosing_of(request_of(coil=coil, **asked), spot, side, FOUND, CONFIRMED, coil)


def test_the_block_by_hand():
    made = block()
    check_dosing(made)
    assert (made.hotspot_e_v_per_m, made.target_e_v_per_m) == (1.2, 1.0)
    assert made.asked_percent == pytest.approx(60) and made.clamp == "none"
    assert made.didt_a_per_s == pytest.approx(0.6 * 114.73e6)
    assert made.threshold_v_per_m == pytest.approx(0.5 * 114.73 * 1.2) == made.target_v_per_m
    # 3 V/m at 1 A/µs, 60 % MSO, against 1.2 at 50 %
    assert made.peak_fraction == pytest.approx(3 * 60 / (1.2 * 50))
    assert made.protocol is None and dosing_warnings(made) == []


def test_the_protocol_sets_the_fraction_and_is_checked_at_the_output_given():
    made = block(protocol="m1-pain-10hz")
    assert made.fraction == 0.8 and made.given_percent == pytest.approx(48)
    assert made.protocol.own_percent == pytest.approx(40) and made.protocol.own_fraction == pytest.approx(0.8 / 1.2)
    (finding,) = made.protocol.findings
    assert "96 % of motor threshold" in finding
    assert dosing_warnings(made) == [f"protocol m1-pain-10hz: {finding}"]
    # the user's word counts; 120 % of the threshold is checked against its own column
    more = block(protocol="m1-pain-10hz", fraction=2.0)
    assert more.fraction == 2.0 and more.clamp == "motor threshold"
    first, second, *_ = dosing_warnings(more)
    assert "held at 60.0 % MSO" in first and "longest safe train of 4.2 s" in second


def test_sides_are_stated_and_a_threshold_of_the_other_side_is_a_warning():
    assert "hotspot and target on the left" in dosing_words(block())
    made = block(side="right")
    assert "hotspot on the left, target on the right" in dosing_words(made)
    (line,) = dosing_warnings(made)
    assert "threshold is of the left hemisphere and the target is on the right" in line


def test_a_stimulator_overrides_the_coils_rating_and_none_leaves_the_volts_out():
    weak = replace(COIL, max_didt_a_per_s=50e6)
    assert block(coil=weak).max_didt_a_per_s == 50e6
    named = block(coil=weak, stimulator="magstim-rapid")
    assert named.max_didt_a_per_s == 114.73e6 and "Drakaki" in named.max_didt_source
    unknown = block(coil=replace(COIL, max_didt_a_per_s=None))
    assert unknown.threshold_v_per_m is None and unknown.given_percent == pytest.approx(60)
    assert "V/m" not in dosing_words(unknown)
    assert "no maximum dI/dt" in dosing_warnings(unknown)[0]


@pytest.mark.parametrize("asked", [{}, {"protocol": "psi-10hz"}, {"fraction": 1.5}, {"stimulator": "magstim-rapid"}])
def test_the_plan_with_it_is_valid_and_reads_back(asked):
    from test_plan_file import one_plan

    made = replace(block(**asked), stronger={"op4": 1.4})
    document = json.loads(json.dumps(to_dict(replace(one_plan(), dosing=made))))
    jsonschema.validate(document, schema())
    assert from_dict(document).dosing == made


@pytest.mark.parametrize(
    ("field", "value"), [("clamp", "both"), ("hotspot_side", "up"), ("given_percent", 99.0), ("hotspot_mm", [1.0])]
)
def test_a_plan_with_a_wrong_block_is_refused(field, value):
    with pytest.raises(InputError, match="dosing"):
        check_dosing(replace(block(), **{field: value}))


def test_console_and_report_say_it_and_escape():
    made = replace(block(protocol="m1-pain-10hz", fraction=2.0), stronger={"op4": 1.4})
    (line,) = _output(made)
    assert line.startswith("output     60.0 % MSO (asked 120.0 %, held by the limit of 120 % of the motor threshold)")
    assert "120 % of the motor threshold: the target gets 100 % of the field at threshold, 69 of 69 V/m" in line
    page = dosing_section(made)
    assert "<b>120.0 % MSO</b>" in page and "<b>60.0 % MSO</b>" in page and "op4 (1.4 times)" in page
    assert "measured &lt;here&gt;" in page and "30 trains of 10 s at 10 Hz" in page and "longest safe train" in page
    assert dosing_section(None) == "" and _output(None) == []


def test_a_request_without_a_threshold_is_none_or_refused():
    assert DoseRequest.of(None, None, None, None, None, None, COIL) is None
    for position in range(1, 6):
        asked = [None, (1.0, 2.0, 3.0), "a.txt", 0.9, "psi-10hz", "magstim-rapid"]
        with pytest.raises(InputError, match="--rmt"):
            DoseRequest.of(*[each if i == position else None for i, each in enumerate(asked)], COIL)


def test_the_m1_hand_plan_is_the_hotspots_unless_something_else_was_measured():
    hand = Aim("m1-hand", "left")
    assert request_of().is_the_target(hand) and not request_of().needs_registration(hand)
    assert not request_of(at=(-38.0, -20, 55)).is_the_target(hand)
    assert request_of().needs_registration(Aim("psi", "left"))
    assert not request_of(at=(-38.0, -20, 55)).needs_registration(Aim("psi", "left"))
    own = own_hotspot(AimedTarget(LEFT_SPOT, LEFT_SPOT.center_mm, None, ()), FOUND)
    assert own.e_v_per_m == pytest.approx(1.0) and own.side == "left" and "target itself" in own.source


# on a ball


@pytest.fixture(scope="module")
def ball():
    head = layered_ball(14.0)
    return head, HeadConductor(head)


AT = (-45.0, -20.0, 45.0)
COARSE_MM = 10.0  # of the dose map: the wiring is tested here, not the field


@pytest.fixture
def coarse(monkeypatch):
    """Dose maps in a second."""
    build = DoseMap.build
    monkeypatch.setattr(DoseMap, "build", lambda head, target: build(head, target, spacing_mm=COARSE_MM))


def done(name, value):
    return Done(name, "0" * 8, 0.0, lambda: value)


def over(point_mm):
    """A pose 97 mm from the ball's middle, over a point, its y forward."""
    z = -np.array(point_mm) / np.linalg.norm(point_mm)
    y = np.cross(z, [1.0, 0, 0]) / np.linalg.norm(np.cross(z, [1.0, 0, 0]))
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = np.c_[np.cross(y, z), y, z], -97 * z
    return pose


def at_the_hotspot(request, ball, aimed=None, registered=None):
    head, conductor = ball
    before = (done("mesh", head), done("target", aimed), registered)
    return hotspot_stage(request, *before, COIL, None, 4.0, Conduction({}), lambda: conductor)


def run(subject, stage):
    with subject.locked():
        return subject.run(stage)


@pytest.mark.parametrize(("name", "vendor"), [("found.txt", brainsight), ("FOUND.XML", localite)])
def test_a_measured_pose_is_read_from_either_navigator(tmp_path, name, vendor):
    vendor.write(tmp_path / name, [Pose(over(AT)), Pose(over([45.0, -20, 45]))])
    assert measured_pose(tmp_path / name).matrix_mm == pytest.approx(over(AT), abs=2e-3)


def test_the_field_of_a_measured_pose_is_the_dose_maps(tmp_path, ball, coarse):
    file = tmp_path / "found.txt"
    brainsight.write(file, [Pose(over(AT))])
    subject = Subject.named("s1", tmp_path / "s1")
    asked = request_of(at=AT, pose=file)
    spot = run(subject, at_the_hotspot(asked, ball)).value
    assert spot.side == "left" and spot.center_mm == pytest.approx(AT) and "found.txt" in spot.source
    dose_map = DoseMap.build(ball[1], Target.sphere(AT, spot.radius_mm))
    assert spot.e_v_per_m == pytest.approx(dose_map.dose(COIL, over(AT)), rel=1e-3)
    # another threshold is not another field; another pose is
    again = run(subject, at_the_hotspot(replace(asked, rmt_percent=60.0, fraction=0.9), ball))
    assert again.reused and again.value == spot
    brainsight.write(file, [Pose(over([-46.0, -20, 45]))])
    assert at_the_hotspot(asked, ball).files["rmt_pose"] == file
    assert not run(subject, at_the_hotspot(asked, ball)).reused


def test_without_a_pose_it_is_the_best_one_of_a_search_over_the_atlas_hand_on_the_targets_side(
    tmp_path, ball, coarse, monkeypatch
):
    hand = AimedTarget(replace(LEFT_SPOT, name="m1-hand"), LEFT_SPOT.center_mm, None, ("moved far",))
    asked, searches = [], []

    def resolve(name, side, head, warp):
        asked.append((name, side, warp))
        return hand

    def search(head, target, coil, hair_mm, *, dose_map, didt_a_per_s, keep):
        searches.append((target.name, coil.name, hair_mm, keep))
        e = dose_map.mean_e_v_per_m(coil, over(AT)[None], didt_a_per_s)
        return SimpleNamespace(poses=over(AT)[None], mean_e_v_per_m=e)

    monkeypatch.setattr("atlases.aim.resolve_target", resolve)
    monkeypatch.setattr("targeting.tms.search_tms", search)
    insula = AimedTarget(replace(LEFT_SPOT, name="psi"), LEFT_SPOT.center_mm, None, ())
    stage = at_the_hotspot(request_of(), ball, insula, done("register", "a warp"))
    spot = run(Subject.named("s1", tmp_path / "s1"), stage).value
    assert asked == [("m1-hand", "left", "a warp")]
    assert searches == [("m1-hand", COIL.name, 4.0, 1)]
    assert spot.warnings == ["motor hotspot: moved far"] and "best pose" in spot.source
    assert 0.2 < spot.e_v_per_m < 5


def test_a_pose_far_from_the_hotspot_is_refused(tmp_path, ball, coarse):
    file = tmp_path / "found.txt"
    brainsight.write(file, [Pose(over(AT))])
    stage = at_the_hotspot(request_of(at=(45.0, -20.0, 45.0), pose=file), ball)
    with pytest.raises(InputError, match="mm from the hotspot"):
        run(Subject.named("s1", tmp_path / "s1"), stage)


@pytest.mark.parametrize(("deeper_mm", "said"), [(0.0, ""), (7.0, "inside the head"), (12.0, "cannot be of this coil")])
def test_a_measured_pose_in_the_head_is_said_and_one_too_deep_is_refused(tmp_path, ball, coarse, deeper_mm, said):
    """The ball's radius is 92 mm and the pose 97 mm from its middle: 5 mm off, 2 mm in, 7 mm in."""
    file = tmp_path / "found.txt"
    pose = over(AT)
    pose[:3, 3] += deeper_mm * pose[:3, 2]
    brainsight.write(file, [Pose(pose)])
    stage = at_the_hotspot(request_of(at=AT, pose=file), ball)
    subject = Subject.named("s1", tmp_path / "s1")
    if deeper_mm > 10:
        with pytest.raises(InputError, match=f"found.txt {said}.*mm inside the head") as caught:
            run(subject, stage)
        assert "\n" not in str(caught.value)
        return
    warnings = [each for each in run(subject, stage).value.warnings if "found.txt" in each]
    assert len(warnings) == bool(said) and all(said in each for each in warnings)


def test_the_dosing_stage_reads_back_and_is_redone_by_what_it_depends_on(tmp_path):
    subject = Subject.named("s1", tmp_path / "s1")
    aimed = AimedTarget(LEFT_SPOT, LEFT_SPOT.center_mm, None, ())
    before = [done("mesh", None), done("target", aimed), None, done("search", FOUND), done("confirm", CONFIRMED)]

    def dosed(request):
        return run(subject, dosing_stage(request, *before, done("hotspot", SPOT), COIL, None))

    first = dosed(request_of(protocol="psi-10hz"))
    again = dosed(request_of(protocol="psi-10hz"))
    assert not first.reused and again.reused
    assert again.value == first.value == block(protocol="psi-10hz")
    assert not dosed(request_of(rmt=51.0, protocol="psi-10hz")).reused
    assert not dosed(request_of(rmt=51.0)).reused
    assert dosed(request_of(rmt=51.0, fraction=1.0)).reused  # 1 is what no word means
    assert not dosed(request_of(rmt=51.0, stimulator="magstim-rapid")).reused


def test_named_targets_with_more_field_than_the_target_are_listed(ball, monkeypatch):
    head, _ = ball
    size = np.zeros((len(head.tets), 3), np.float32)
    size[:, 0] = np.where(head.centroids_mm[:, 2] > 50, 3.0, 1.0)  # more field above
    points = {"op4": (-20.0, -20.0, 62.0), "dpi": (-64.0, -10.0, 10.0)}

    def resolve(name, side, *_):
        if name not in points:
            raise InputError("no grey matter there")
        assert side == "left"
        return AimedTarget(Target.sphere(points[name], 12.0), np.zeros(3), None, ())

    monkeypatch.setattr("atlases.aim.resolve_target", resolve)
    aimed = AimedTarget(replace(LEFT_SPOT, center_mm=np.array([-64.0, -20.0, 8.0])), np.zeros(3), None, ())
    made = _with_stronger(block(), head, aimed, None, SimpleNamespace(e_v_per_m=size))
    assert list(made.stronger) == ["op4"] and made.stronger["op4"] == pytest.approx(3.0, rel=0.1)


def test_the_new_stages_are_told_of_by_status_after_a_plan_with_them(tmp_path):
    from targeting.road import ON_REQUEST, stages_of

    subject = Subject.named("s1", tmp_path / "s1")
    assert "dosing" in ON_REQUEST and "dosing" not in stages_of(subject)
    sidecar = {"made_from": {"after": {"dosing": "0", "hotspot": "1"}}, "stage": "files"}
    subject.folder.mkdir()
    Path(subject.folder / "files.json").write_text(
        json.dumps({**sidecar, "paths": {}, "outputs": {}, "digest": "", "seconds": 0})
    )
    assert stages_of(subject)[-3:] == ["hotspot", "dosing", "files"]
