"""Dosing on the road: the hotspot's field, the block of the plan, what people read, and what a further run redoes."""

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import jsonschema
import numpy as np
import pytest
from dosing_blocks import COIL, CONFIRMED, FOUND, SPOT, block, request_of
from heads import LEFT_SPOT, layered_ball
from studies import done, study_of

from atlases import Target
from atlases.aim import AimedTarget
from meshes.errors import InputError
from targeting import DoseMap, Pose
from targeting.dosing.hotspot import own_hotspot
from targeting.dosing.record import dosing_warnings
from targeting.dosing.request import DoseRequest, threshold_rows
from targeting.dosing.stage import dosing_stage, hotspot_stage
from targeting.dosing.words import dosing_line
from targeting.fem import HeadConductor
from targeting.fem.second_order import near_target
from targeting.navigation import brainsight, localite
from targeting.navigation.pose_file import PoseFile
from targeting.plans.schema import schema
from targeting.plans.tms import from_dict, to_dict
from targeting.records.json_records import check_record
from targeting.report.features import dosing_section
from targeting.study.aim import Aim
from targeting.study.coil_aim import CoilAim
from targeting.study.stronger_targets import stronger_targets
from targeting.study.tms_request import TmsRequest
from targeting.subject import Subject

# |mean E| is 2 V/m at 2 A/µs, so 1 V/m at 1 A/µs


def kinds(made, accepted=()):
    return [(each.kind, each.item) for each in dosing_warnings(made, accepted)]


# a threshold alone


def test_a_threshold_alone_recommends_no_output_and_says_what_it_means():
    made = block()
    check_record(made, "dosing")
    assert (made.hotspot_e_v_per_m, made.target_e_v_per_m) == (1.2, 1.0)
    assert made.threshold_v_per_m == pytest.approx(0.5 * 114.73 * 1.2)
    assert made.at_threshold_fraction == pytest.approx(1 / 1.2)
    assert made.at_threshold_v_per_m == pytest.approx(0.5 * 114.73)
    of_output = (made.asked_percent, made.given_percent, made.percent_of_rmt, made.given_fraction, made.peak_fraction)
    assert of_output == (None,) * 5 and (made.asked, made.clamp, made.limits_percent) == ("", "none", {})
    assert [each.text for each in dosing_warnings(made)] == ["no output asked for: give --protocol or --match-field"]
    line = dosing_line(made)
    assert line.startswith(
        "no output asked for: give --protocol or --match-field; with the coil here, 100 % of the hand's"
    )
    assert "MSO" not in line and "57 V/m, 83 % of the field that the hotspot gets by it, 69 V/m" in line
    page = dosing_section(made)
    assert "not asked for" in page and "At 100 % of the motor threshold the target would get" in page
    assert "% MSO</b>" not in page.split("dI/dt at 100 % MSO")[0]


# a protocol


def test_a_protocols_own_output_is_the_headline_whatever_the_target_needs():
    made = block(protocol="m1-pain-10hz", rmt=52.0)  # 41.6
    check_record(made, "dosing")
    assert (made.given_percent, made.clamp, made.asked) == (41, "none", "protocol")
    assert made.asked_percent == made.protocol.own_percent == pytest.approx(41.6)
    assert made.percent_of_rmt == pytest.approx(100 * 41 / 52)
    assert made.given_fraction == pytest.approx(41 / 52 / 1.2)
    assert made.target_v_per_m == pytest.approx(0.41 * 114.73) and made.didt_a_per_s == pytest.approx(0.41 * 114.73e6)
    assert made.peak_fraction == pytest.approx(3 * 41 / (1.2 * 52))
    (finding,) = made.protocol.findings
    assert finding.kind == "not covered" and "published use" in finding.text
    line = dosing_line(made)
    assert line.startswith(
        "41 % MSO, 78.8 % of the hand's motor threshold (52.0 %), the intensity of protocol m1-pain-10hz;"
    )
    assert "subthreshold in the target, at the protocol's intensity: 47 V/m, 66 % of the field at threshold" in line
    first, second = dosing_warnings(made)
    assert (first.kind, second.kind) == ("note", "note") and "not covered by the table" in first.text
    assert "subthreshold in the target" in second.text


def test_in_the_protocols_own_target_it_is_as_in_the_trials():
    made = block(protocol="psi-10hz", muscle="leg")
    assert made.protocol.on_its_target and made.given_percent == 40
    assert "subthreshold in the target, as in the trials: 46 V/m, 67 % of the field at threshold" in dosing_line(made)
    strong = block(protocol="psi-10hz", muscle="leg", hotspot=replace(SPOT, e_v_per_m=0.7))
    assert "at or above threshold in the target, as in the trials: 46 V/m, 114 %" in dosing_line(strong)


def test_the_20_hz_protocol_in_clinical_use_is_neither_beyond_a_limit_nor_at_no_intensity():
    made = block(protocol="m1-pain-20hz")
    text = " ".join(each.text for each in dosing_warnings(made))
    assert made.given_percent == 40 and all(kind == "note" for kind, _ in kinds(made))
    assert "exceed" not in text and "at no intensity" not in text and "published use: " in text


def own_protocol(tmp_path, **changed):
    values = {"frequency_hz": 10.0, "pulses_per_train": 40, "trains": 10, "inter_train_s": 26.0, "sessions": 1}
    values |= {"intensity_fraction_rmt": 1.0, "paper": '"ours"', **changed}
    path = tmp_path / "ours.toml"
    path.write_text("".join(f"{name} = {value}\n" for name, value in values.items()))
    return path


@pytest.mark.parametrize(
    ("changed", "rmt", "given_percent", "items"),
    [
        ({"intensity_fraction_rmt": 1.2}, 50, 60, []),
        ({"intensity_fraction_rmt": 1.2}, 90, 100, ["mso-100"]),  # 108, of which 100 are 111 %
        ({"intensity_fraction_rmt": 1.25, "pulses_per_train": 20}, 48, 60, ["rmt-120"]),
        ({"intensity_fraction_rmt": 1.21}, 45, 54, []),  # 54.45: rounded down it is 120 %
        ({"pulses_per_train": 100, "intensity_fraction_rmt": 1.2}, 50, 60, ["trains"]),  # 10 s, where 4.2 are allowed
        ({"inter_train_s": 1.0, "intensity_fraction_rmt": 1.1}, 50, 55, ["interval"]),
        ({"inter_train_s": 0.5, "intensity_fraction_rmt": 1.5, "pulses_per_train": 100}, 80, 100,
         ["mso-100", "rmt-120", "trains", "interval"]),
    ],
)  # fmt: skip
def test_beyond_a_limit_of_its_own_a_protocol_is_a_danger_until_that_is_accepted(
    tmp_path, changed, rmt, given_percent, items
):
    made = block(rmt=rmt, protocol=own_protocol(tmp_path, **changed))
    assert made.given_percent == given_percent
    assert [item for kind, item in kinds(made) if kind == "danger"] == items
    assert not [item for kind, item in kinds(made, items) if kind == "danger"]
    for item in items[:1]:
        assert [each for kind, each in kinds(made, [item]) if kind == "danger"] == items[1:]


# muscles


def test_a_threshold_of_another_muscle_is_refused_in_one_line_with_the_two_ways_out():
    with pytest.raises(InputError) as refused:
        request_of(protocol="psi-10hz")
    line = str(refused.value)
    assert "\n" not in line and "of the leg's motor threshold and `rmt_percent` is the hand's" in line
    assert "`rmt_muscle=leg`" in line and "`muscle_ratio=X`" in line
    assert request_of(protocol="psi-10hz", muscle="leg").muscle == "leg"
    assert request_of(protocol="psi-10hz", ratio=1.4).muscle == "hand"
    for wrong in ({"ratio": 1.4}, {"ratio": 1.4, "protocol": "m1-pain-10hz"}, {"ratio": 40, "protocol": "psi-10hz"}):
        with pytest.raises(InputError, match="`muscle_ratio`"):
            request_of(**wrong)
    with pytest.raises(InputError, match="hand, leg, face"):
        request_of(muscle="foot")


def test_a_ratio_of_two_muscles_is_used_and_said():
    made = block(protocol="psi-10hz", ratio=1.4)
    assert made.given_percent == 56 and made.percent_of_rmt == pytest.approx(112)
    assert made.percent_of_own_rmt == pytest.approx(80) and made.given_fraction == pytest.approx(1.12 / 1.2)
    texts = {each.text: each for each in dosing_warnings(made)}
    (said,) = (each for text, each in texts.items() if "taken as 70.0 % MSO, 1.4 times the hand's" in text)
    assert said.kind == "warning" and "the leg's motor threshold" in said.text
    # 112 % of the hand's threshold, where the table counts 120: 10 s are too long
    assert [item for kind, item in kinds(made) if kind == "danger"] == ["trains"]
    assert "80.0 % of the leg's motor threshold (taken as 70.0 %, 1.4 times the hand's) and 112.0 %" in dosing_line(
        made
    )
    # the smaller of two thresholds counts, also where it is the protocol's
    assert block(protocol="psi-10hz", ratio=0.8).percent_of_smaller_rmt == pytest.approx(100 * 32 / 40)


def test_the_plan_of_a_muscles_own_target_is_the_hotspots_unless_something_else_was_measured():
    hand, leg = Aim("m1-hand", "left"), Aim("m1-leg", "left")
    assert request_of().is_the_target(hand) and not request_of().needs_registration(hand)
    assert not request_of().is_the_target(leg) and request_of(muscle="leg").is_the_target(leg)
    assert not request_of(muscle="leg").is_the_target(hand) and request_of(muscle="leg").needs_registration(hand)
    assert request_of(muscle="face").hotspot == "m1-face"
    assert not request_of(at=(-38.0, -20, 55)).is_the_target(hand)
    assert request_of().needs_registration(Aim("psi", "left"))
    assert not request_of(at=(-38.0, -20, 55)).needs_registration(Aim("psi", "left"))
    own = own_hotspot(AimedTarget(LEFT_SPOT, LEFT_SPOT.center_mm, None, ()), FOUND)
    assert own.e_v_per_m == pytest.approx(1.0) and own.side == "left" and "target itself" in own.source


# a field to match


def test_a_matched_field_is_held_at_the_strongest_field_in_grey_matter():
    made = block(match=0.9)  # 54 % MSO; 3 V/m somewhere: 0.9 × 50 × 1.2 / 3
    check_record(made, "dosing")
    assert made.asked_percent == pytest.approx(54) and (made.given_percent, made.clamp) == (18, "peak")
    assert made.peak_fraction == pytest.approx(0.9) and made.asked == "match-field"
    assert made.limits_percent == pytest.approx({"motor threshold": 60, "stimulator": 100, "peak": 18})
    line = dosing_line(made)
    assert line.startswith(
        "18 % MSO, 36.0 % of the hand's motor threshold (50.0 %); held by: the limit on the strongest field"
    )
    (held,) = dosing_warnings(made)
    assert held.kind == "warning" and "would need 54.0 % MSO for 90 % of the field at motor threshold" in held.text
    assert "held at 18 % MSO by the limit on the strongest field in grey matter" in held.text
    assert "gets 30 % of it (21 V/m of 69 V/m)" in held.text


def test_where_the_target_is_the_hotspot_every_place_gets_the_share_and_nothing_holds_it():
    spot = replace(SPOT, e_v_per_m=1.0)
    made = block(match=0.9, own=True, hotspot=spot, name="m1-hand")
    assert (made.given_percent, made.clamp, made.held_by) == (45, "none", "") and "peak" not in made.limits_percent
    assert "for 90 % of the field at threshold" in dosing_line(made) and dosing_warnings(made) == []


def test_a_protocols_intensity_holds_a_matched_field():
    made = block(match=1.2, own=True, protocol="m1-pain-10hz", hotspot=replace(SPOT, e_v_per_m=1.0), name="m1-hand")
    assert (made.given_percent, made.clamp) == (40, "protocol")
    assert (
        "held by: the protocol's intensity (80 % of the hand's motor threshold); the field asked for takes 60.0 %"
        in dosing_line(made)
    )


# in every plan


def test_sides_are_stated_and_a_threshold_of_the_other_side_is_a_warning():
    assert "hotspot and target on the left" in dosing_line(block())
    made = block(side="right")
    assert "hotspot on the left, target on the right" in dosing_line(made)
    line, _ = dosing_warnings(made)
    assert "threshold is of the left hemisphere and the target is on the right" in line.text and line.kind == "warning"


def test_a_rating_is_a_stimulators_and_without_one_the_volts_are_left_out():
    assert block().max_didt_of == "figure8-70mm on a Magstim Rapid" and "Drakaki" in block().max_didt_source
    weak = replace(COIL, max_didt_a_per_s=50e6, rated_on="")
    assert block(coil=weak).max_didt_a_per_s == 50e6 and block(coil=weak).max_didt_of == ""
    named = block(coil=weak, stimulator="magstim-rapid")
    assert named.max_didt_a_per_s == 114.73e6 and "Drakaki" in named.max_didt_source
    assert named.max_didt_of == "figure8-70mm on a Magstim Rapid"
    assert "<b>115 A/µs</b> <span>figure8-70mm on a Magstim Rapid: " in dosing_section(named)
    unknown = block(coil=replace(COIL, max_didt_a_per_s=None), protocol="m1-pain-10hz")
    assert unknown.threshold_v_per_m is None and unknown.given_percent == 40
    assert "V/m" not in dosing_line(unknown)
    assert any("no maximum dI/dt" in each.text for each in dosing_warnings(unknown))


PLANS = [
    {},
    {"protocol": "psi-10hz", "muscle": "leg"},
    {"protocol": "psi-10hz", "ratio": 1.4},
    {"protocol": "itbs"},
    {"match": 1.5},
    {"match": 0.5, "protocol": "m1-pain-20hz"},
    {"stimulator": "magstim-rapid"},
]


@pytest.mark.parametrize("asked", PLANS)
def test_the_plan_with_it_is_valid_and_reads_back(asked):
    from plans import one_plan

    made = replace(block(**asked), stronger={"op4": 1.4})
    document = json.loads(json.dumps(to_dict(replace(one_plan(), dosing=made))))
    jsonschema.validate(document, schema())
    assert from_dict(document).dosing == made


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("clamp", "both"),
        ("hotspot_side", "up"),
        ("given_percent", 99),
        ("given_percent", None),
        ("hotspot_mm", [1.0]),
        ("muscle", "foot"),
        ("asked", "more"),
        ("match_field", 0.9),
    ],
)
def test_a_plan_with_a_wrong_block_is_refused(field, value):
    with pytest.raises(InputError, match="dosing"):
        check_record(replace(block(protocol="m1-pain-10hz"), **{field: value}), "dosing")


@pytest.mark.parametrize("value", [40.5, "40", True])
def test_an_output_is_a_whole_number_in_the_plans_file_too(value):
    from plans import one_plan

    document = to_dict(replace(one_plan(), dosing=block(protocol="m1-pain-10hz")))
    document["dosing"]["given_percent"] = value
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, schema())
    with pytest.raises(InputError, match="given_percent must be a whole number"):
        from_dict(document)


def test_less_than_one_percent_is_nothing_and_is_said():
    made = block(match=0.04)  # 2.4 % asked, 0.8 by the strongest field
    check_record(made, "dosing")
    assert made.given_percent == 0 and made.protocol is None and made.given_fraction == 0.0
    assert any("rounded down to nothing" in each.text for each in dosing_warnings(made))
    assert "<b>0 % MSO</b>" in dosing_section(made)


def test_console_and_report_say_it_and_escape():
    made = replace(block(protocol="m1-pain-10hz", match=2.0), stronger={"op4": 1.4})
    assert dosing_line(made).startswith("40 % MSO, 80.0 % of the hand's motor threshold (50.0 %); held by: ")
    page = dosing_section(made)
    assert "<b>40 % MSO</b>" in page and "<b>120.0 % MSO</b>" in page and "op4 (1.4 times)" in page
    assert "measured &lt;here&gt;" in page and "30 trains of 10 s, 10 Hz" in page and "published use" in page
    assert dosing_section(None) == ""


def test_a_request_without_a_threshold_is_none_or_refused():
    assert DoseRequest.of(TmsRequest(), COIL) is None
    assert (
        DoseRequest.of(TmsRequest(stimulator="magstim-rapid"), COIL) is None
    )  # its current setting counts without one
    asked = {"rmt_muscle": "leg", "rmt_at_mm": (1.0, 2.0, 3.0), "rmt_pose": "a.txt", "match_field": 0.9}
    asked |= {"protocol": "psi-10hz", "muscle_ratio": 1.4}
    for name, value in asked.items():
        with pytest.raises(InputError, match=f"`{name}` needs the motor threshold: give `rmt_percent=PERCENT`"):
            DoseRequest.of(TmsRequest(**{name: value}), COIL)


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


def over(point_mm):
    """A pose 97 mm from the ball's middle, over a point, its y forward."""
    z = -np.array(point_mm) / np.linalg.norm(point_mm)
    y = np.cross(z, [1.0, 0, 0]) / np.linalg.norm(np.cross(z, [1.0, 0, 0]))
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = np.c_[np.cross(y, z), y, z], -97 * z
    return pose


def at_the_hotspot(request, ball, aimed_target=None, registration=None):
    head, conductor = ball
    study = study_of(
        head, aimed_target, conductor=conductor, registration=registration, aim=registration and Aim("psi", "left")
    )
    return hotspot_stage(request, study, CoilAim(coil=COIL))


def run(subject, stage):
    with subject.locked():
        return subject.run(stage)


@pytest.mark.parametrize(("name", "vendor"), [("found.txt", brainsight), ("FOUND.XML", localite)])
def test_a_measured_pose_is_read_from_either_navigator(tmp_path, name, vendor):
    vendor.write(tmp_path / name, [Pose(over([45.0, -20, 45]), "right"), Pose(over(AT), "left")])
    (row,) = threshold_rows(PoseFile(tmp_path / name, "left"), None).records
    assert row.pose.matrix_mm == pytest.approx(over(AT), abs=2e-3)
    with pytest.raises(InputError, match="2 targets: 'right', 'left'"):
        request_of(pose=tmp_path / name)


@pytest.mark.slow
def test_the_field_of_a_measured_pose_is_the_dose_maps(tmp_path, ball, coarse):
    file = tmp_path / "found.txt"
    brainsight.write(file, [Pose(over(AT))])
    subject = Subject.named("s1", tmp_path / "s1")
    asked = request_of(at=AT, pose=file)
    spot = run(subject, at_the_hotspot(asked, ball)).value
    assert spot.side == "left" and spot.center_mm == pytest.approx(AT) and "found.txt" in spot.source
    there = Target.sphere(AT, spot.radius_mm)
    dose_map = DoseMap.build(near_target(ball[1], there), there)
    assert spot.e_v_per_m == pytest.approx(dose_map.dose(COIL, over(AT)), rel=1e-3)
    # another threshold is not another field; another pose is
    again = run(subject, at_the_hotspot(replace(asked, rmt_percent=60.0, match_field=0.9), ball))
    assert again.reused and again.value == spot
    brainsight.write(file, [Pose(over([-46.0, -20, 45]))])
    assert at_the_hotspot(asked, ball).files["rmt_pose"] == file
    assert not run(subject, at_the_hotspot(asked, ball)).reused


def test_without_a_pose_it_is_the_best_one_of_a_search_over_the_atlas_hand_on_the_targets_side(
    tmp_path, ball, coarse, monkeypatch
):
    hand = AimedTarget(replace(LEFT_SPOT, name="m1-hand"), LEFT_SPOT.center_mm, None, ("moved far",))
    asked, searches = [], []

    def resolve(name, side, head, warp, *, cortex):
        assert cortex is None  # this head has none
        asked.append((name, side, warp))
        return hand

    def search(head, target, coil, hair_mm, *, dose_map, didt_a_per_s, keep, **_):
        searches.append((target.name, coil.name, hair_mm, keep))
        e = dose_map.mean_e_v_per_m(coil, over(AT)[None], didt_a_per_s)
        return SimpleNamespace(poses=over(AT)[None], mean_e_v_per_m=e)

    monkeypatch.setattr("targeting.dosing.hotspot.resolve_target", resolve)
    monkeypatch.setattr("targeting.dosing.hotspot.search_tms", search)
    insula = AimedTarget(replace(LEFT_SPOT, name="psi"), LEFT_SPOT.center_mm, None, ())
    stage = at_the_hotspot(request_of(), ball, insula, done("register", "a warp"))
    spot = run(Subject.named("s1", tmp_path / "s1"), stage).value
    assert asked == [("m1-hand", "left", "a warp")]
    assert searches == [("m1-hand", COIL.name, 4.0, 1)]
    assert spot.warnings == ["motor hotspot: moved far"] and "best pose" in spot.source and "M1 hand" in spot.source
    stage = at_the_hotspot(request_of(muscle="leg"), ball, insula, done("register", "a warp"))
    assert not run(Subject.named("s1", tmp_path / "s1"), stage).reused and asked[1][0] == "m1-leg"
    assert 0.2 < spot.e_v_per_m < 5


def test_a_pose_far_from_the_hotspot_is_refused(tmp_path, ball, coarse):
    file = tmp_path / "found.txt"
    brainsight.write(file, [Pose(over(AT))])
    stage = at_the_hotspot(request_of(at=(45.0, -20.0, 45.0), pose=file), ball)
    with pytest.raises(InputError, match="mm from the hotspot"):
        run(Subject.named("s1", tmp_path / "s1"), stage)


@pytest.mark.slow
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
    aimed_target = AimedTarget(LEFT_SPOT, LEFT_SPOT.center_mm, None, ())
    before = (study_of(None, aimed_target), CoilAim(coil=COIL), done("search", FOUND), done("confirm", CONFIRMED))

    def dosed(request):
        return run(subject, dosing_stage(request, *before, done("hotspot", SPOT)))

    first = dosed(request_of(protocol="m1-pain-10hz"))
    again = dosed(request_of(protocol="m1-pain-10hz"))
    assert not first.reused and again.reused
    assert again.value == first.value == block(protocol="m1-pain-10hz", name=LEFT_SPOT.name)
    for changed in (
        {"rmt": 51.0, "protocol": "m1-pain-10hz"},
        {"rmt": 51.0, "protocol": "psi-10hz", "ratio": 1.4},
        {"rmt": 51.0, "protocol": "psi-10hz", "ratio": 1.3},
        {"rmt": 51.0},
        {"rmt": 51.0, "match": 1.0},
        {"rmt": 51.0, "match": 1.0, "stimulator": "magstim-rapid"},
    ):
        assert not dosed(request_of(**changed)).reused and dosed(request_of(**changed)).reused


def test_named_targets_with_more_field_than_the_target_are_listed(ball, monkeypatch):
    head, _ = ball
    size = np.zeros((len(head.tets), 3), np.float32)
    size[:, 0] = np.where(head.centroids_mm[:, 2] > 50, 3.0, 1.0)  # more field above
    points = {"op4": (-20.0, -20.0, 62.0), "dpi": (-64.0, -10.0, 10.0)}

    def resolve(name, side, *_, **__):
        if name not in points:
            raise InputError("no grey matter there")
        assert side == "left"
        return AimedTarget(Target.sphere(points[name], 12.0), np.zeros(3), None, ())

    monkeypatch.setattr("atlases.aim.resolve_target", resolve)
    found = stronger_targets(size, replace(LEFT_SPOT, center_mm=np.array([-64.0, -20.0, 8.0])), head, None)
    assert list(found) == ["op4"] and found["op4"] == pytest.approx(3.0, rel=0.1)


def test_the_new_stages_are_told_of_by_status_after_a_plan_with_them(tmp_path):
    from targeting.study.plan_state import ON_REQUEST, stages_of

    subject = Subject.named("s1", tmp_path / "s1")
    assert "dosing" in ON_REQUEST and "dosing" not in stages_of(subject)
    sidecar = {"made_from": {"after": {"dosing": "0", "hotspot": "1"}}, "stage": "files"}
    subject.folder.mkdir()
    Path(subject.folder / "files.json").write_text(
        json.dumps({**sidecar, "paths": {}, "outputs": {}, "digest": "", "seconds": 0})
    )
    assert stages_of(subject)[-3:] == ["hotspot", "dosing", "files"]
