"""Compared coils: what the limits leave of a target by hand, and both coils on a deep target of a lopsided ball."""

import dataclasses
import json
import re
from types import SimpleNamespace

import jsonschema
import numpy as np
import pytest
from dosing_blocks import block
from heads import layered_ball
from plans import one_plan
from report_ball import Reader
from schemas import resolved
from studies import done, study_of

from atlases import Target, targets
from atlases.aim import AimedTarget
from atlases.scalp import Scalp
from cli.main import run as run_command
from meshes import InputError, Tissue
from targeting import Coil, DoseMap, Pose, search_tms
from targeting.coils.files import ChosenCoil
from targeting.comparison.compared import best_pose
from targeting.comparison.record import CoilOnTarget, compare
from targeting.comparison.request import DEEP_COILS, compared_coils, why_deep
from targeting.comparison.stage import Comparison, comparison_stage
from targeting.comparison.words import comparison_lines, comparison_sentence
from targeting.dosing import fields_at_threshold, matched_output, protocol_named
from targeting.dosing.hotspot import Hotspot, e_per_a_per_us
from targeting.dosing.reach import (
    NOT_ASKED,
    OUT,
    UNKNOWN,
    WITHIN,
    Threshold,
    full_output_percent,
    output_limits,
    reach_by_rating,
    reach_from_threshold,
)
from targeting.dosing.stage import MAP_FILE
from targeting.engines.protocol import EmbeddedEngine
from targeting.fem import HeadConductor
from targeting.fem.second_order import near_target
from targeting.planning import tms as road
from targeting.planning.tms_files import warnings_of
from targeting.plans.schema import schema
from targeting.plans.tms import from_dict, to_dict
from targeting.records.json_records import check_record
from targeting.records.warnings import note
from targeting.report.features import comparison_section
from targeting.study.coil_aim import CoilAim, orientation
from targeting.study.plan_state import stages_of
from targeting.subject import Stage, Subject
from targeting.tms.angle import AngleRequest
from targeting.tms.confirmation import Confirmation
from targeting.tms.field import simulate_tms

FIGURE8 = "figure8-70mm on a Magstim Rapid"

# limits, by hand


def test_without_a_threshold_the_rating_tells_and_the_verdict_is_on_matching_the_threshold_field():
    near, far = reach_by_rating(0.8, 100e6), reach_by_rating(0.5, 100e6)  # 80 and 50 of 60 V/m
    assert (near.verdict, far.verdict) == (WITHIN, OUT)
    assert near.needed_didt_a_per_s == pytest.approx(75e6) and far.limits[0].share == pytest.approx(50 / 60)
    what = "the field at motor threshold (taken as 60 V/m)"
    assert near.words.startswith(f"matching {what} is within reach: it takes 75 A/µs; 100 A/µs (its rated maximum) ")
    assert "would give 1.3 times as much" in near.words
    assert far.words == f"matching {what} is out of reach: 100 A/µs (its rated maximum) gives the target 83 % of it"
    assert "100 A/µs (figure8-70mm on a Magstim Rapid) gives" in reach_by_rating(0.5, 100e6, FIGURE8).words
    unknown = reach_by_rating(0.5, None)
    assert unknown.verdict == UNKNOWN
    assert unknown.words == (
        f"whether {what} can be matched is not known: no maximum dI/dt of this coil is known; it takes 120 A/µs"
    )
    with pytest.raises(InputError, match="no field"):
        reach_by_rating(0.0, 100e6)


def test_exactly_at_a_limit_is_within_reach_and_a_hair_below_is_never_said_to_be_all_of_it():
    assert reach_by_rating(0.6, 100e6).verdict == WITHIN
    short = reach_by_rating(0.5999, 100e6)
    assert short.verdict == OUT and "99 % of" in short.words


def reach(e_target, e_hotspot=1.0, fraction=1.0, e_rmt=60.0, peak=None, protocol=None, ratio=1.0, full=200.0):
    threshold = Threshold(fraction, e_rmt, None if protocol is None else protocol_named(protocol), ratio)
    return reach_from_threshold(threshold, e_target, e_hotspot, peak, full, "full output")


@pytest.mark.parametrize(("e_target", "verdict"), [(0.8, OUT), (0.95, WITHIN)])
def test_with_a_threshold_the_limits_are_those_of_the_dosing(e_target, verdict):
    """RMT 50 %, hotspot 1.1 V/m: held or not as the dosing's own calculation."""
    fields = fields_at_threshold(50, 1.1, e_target, 100e6)
    limits = output_limits(Threshold(1.0, fields.threshold_v_per_m), 200.0, "full output", 1.1, None)
    output = matched_output(fields, 1.0, limits)
    made = reach(e_target, 1.1, e_rmt=fields.threshold_v_per_m)
    assert (made.verdict == WITHIN) == (output.held_by == "none") == (verdict == WITHIN)
    assert made.needed_percent_of_rmt == pytest.approx(100 * output.asked_percent / 50)
    shares = {each.name: each.share for each in made.limits}
    assert shares["stimulator"] == pytest.approx(100 / output.asked_percent)
    assert shares["motor threshold"] == pytest.approx(60 / output.asked_percent)
    assert made.needed_didt_a_per_s == pytest.approx(output.asked_percent / 100 * 100e6)


def test_the_strongest_field_in_grey_matter_holds_every_coil():
    made = reach(0.8, peak=2.0)
    assert made.verdict == OUT and made.binding.name == "peak" and made.binding.share == pytest.approx(0.4)
    assert (
        "is out of reach: the limit on the strongest field in grey matter" in made.words and "40 % of it" in made.words
    )


def test_another_coil_has_a_threshold_of_its_own():
    """E_RMT 55 V/m.  A coil with 2 V/m at the hotspot has its threshold at 27.5 A/µs, and 80 A/µs are 291 % of it."""
    assert full_output_percent(55.0, 2.0, 80e6) == pytest.approx(100 * 80 / 27.5)
    assert full_output_percent(55.0, 2.0, None) is None and full_output_percent(None, 2, 8e7) is None
    made = reach(1.5, 2.0, e_rmt=55.0, full=full_output_percent(55.0, 2.0, 80e6))
    assert made.verdict == OUT and made.binding.name == "motor threshold"  # it needs 133 % of its threshold
    assert made.words == (
        "matching 100 % of the field at motor threshold (55 V/m) is out of reach: 120 % of the motor threshold gives the "
        "target 90 % of it"
    )


def test_a_protocols_intensity_and_trains_limit_a_matched_field():
    shares = {each.name: each.share for each in reach(0.8, fraction=0.8, protocol="psi-10hz").limits}
    assert shares["protocol"] == pytest.approx(0.8)  # 80 % of the 100 that are needed
    assert shares["trains"] == pytest.approx(1.1)  # the last column that does not forbid 10 s at 10 Hz
    # 4 s at 20 Hz are too long from the table's first column on, 90 %; below it the table says nothing
    below = {each.name: each for each in reach(0.8, fraction=0.8, protocol="m1-pain-20hz").limits}["trains"]
    assert below.share == pytest.approx(0.9, rel=1e-5) and "less than 90 % of the motor threshold" in below.words
    assert reach(1.0, fraction=0.8, protocol="m1-pain-20hz").verdict == WITHIN
    assert "trains" not in [each.name for each in reach(0.7, protocol="itbs").limits]
    # the leg's threshold is 1.4 times the hand's: 80 % of it are 112 of the hand's, whose limits count
    shares = {each.name: each.share for each in reach(1.0, protocol="psi-10hz", ratio=1.4).limits}
    assert (shares["protocol"], shares["trains"]) == (pytest.approx(1.12), pytest.approx(1.1))
    assert {each.name: each.share for each in reach(1.0, ratio=0.8).limits}["motor threshold"] == pytest.approx(0.96)


def test_a_known_limit_that_forbids_it_counts_more_than_an_unknown_one():
    assert reach(0.5, e_rmt=None, full=None).verdict == OUT  # 200 % of the threshold
    unknown = reach_from_threshold(Threshold(1.0, None), 0.9, 1.0, None, None, "no rating")
    assert unknown.verdict == UNKNOWN
    assert unknown.words == (
        "whether 100 % of the field at motor threshold can be matched is not known: no rating; it takes 111 % of the motor "
        "threshold"
    )


# rows of the plan


def on_target(
    coil="figure8-70mm", top=100e6, e_target=0.5, e_hotspot=None, dose=0.5, stronger=None, highest=2.0, rated_on=""
):
    return CoilOnTarget(
        coil, top, np.eye(4).tolist(), [-60.0, -20.0, 40.0], 4.0, 10.3, dose, dose, 2.0, [-55.0, -20.0, 35.0], 4200.0,
        stronger, e_target, highest, e_hotspot, rated_on,
    )  # fmt: skip


def test_the_plans_own_coil_is_the_one_of_the_threshold():
    """Without any rating the own coil's reach is known, another's is not."""
    bare = dataclasses.replace(Coil.named("figure8-70mm"), max_didt_a_per_s=None)
    dosing = block(coil=bare, match=1.0)  # RMT 50 %, 1.2 V/m
    here = {"e_target": 1.2, "e_hotspot": 1.2, "highest": 1.2}
    own, other = compare([on_target(top=None, **here)] * 2, dosing)
    assert own.reach == WITHIN and own.shares == pytest.approx({"stimulator": 2.0, "motor threshold": 1.2, "peak": 1.0})
    assert other.reach == UNKNOWN and other.shares["stimulator"] is None
    known = compare([on_target(top=None, **here), on_target(**here)], dosing)
    assert "coil is known that the motor threshold was found with" in known[1].verdict


def test_the_target_is_the_hotspot_where_there_is_no_other():
    (row, _) = compare([on_target(e_target=1.2)] * 2, block(match=1.0))
    assert row.needed_percent_of_rmt == pytest.approx(100) and row.reach == WITHIN and "peak" not in row.shares


def test_a_named_stimulator_counts_and_what_its_table_lacks_is_not_known():
    dosing = block(stimulator="magstim-rapid", match=1.0)
    figure8 = on_target(top=1e6, e_target=1.2, e_hotspot=1.2, highest=1.2)
    round_coil = dataclasses.replace(figure8, coil="circular-mc125")
    own, other = compare([figure8, round_coil], dosing)
    assert own.shares["stimulator"] == 2.0
    assert other.reach == UNKNOWN
    assert "the maximum dI/dt of this coil on magstim-rapid is not in the table" in other.verdict
    cone = dataclasses.replace(figure8, coil="double-cone-110mm", e_target_v_per_m=0.5, highest_e_v_per_m=0.5)
    stronger = dataclasses.replace(dosing, threshold_v_per_m=200.0)
    (_, weak) = compare([figure8, cone], stronger)
    assert "84 A/µs (double-cone-110mm on a Magstim Rapid) gives the target" in weak.verdict


def test_with_a_protocol_a_row_says_what_the_trials_intensity_gives_and_is_no_verdict():
    dosing = block(protocol="psi-10hz", muscle="leg", rmt=51.0)  # 40.8, so 40 % MSO; threshold 70.2 V/m
    threshold = 0.51 * 114.73 * 1.2
    assert dosing.threshold_v_per_m == pytest.approx(threshold)
    rows = [on_target(e_target=1.0, e_hotspot=1.2), on_target("double-cone-110mm", 84e6, e_target=0.9, e_hotspot=3.0)]
    own, other = compare(rows, dosing)
    assert own.given_fraction == pytest.approx(dosing.given_fraction) == pytest.approx(40 / 51 / 1.2)
    assert own.given_v_per_m == pytest.approx(dosing.target_v_per_m)
    assert own.verdict == "subthreshold in the target, as in the trials: 46 V/m, 65 % of the field at threshold"
    # 80 % of the threshold the other coil would have
    assert other.given_fraction == pytest.approx(0.8 * 0.9 / 3.0) and other.given_v_per_m == pytest.approx(
        0.24 * threshold
    )
    assert other.verdict == "subthreshold in the target, as in the trials: 17 V/m, 24 % of the field at threshold"
    for row in (own, other):
        assert row.reach == NOT_ASKED and row.shares == {} and row.needed_percent_of_rmt is None
        assert "reach" not in row.verdict
    (elsewhere, _) = compare(rows, block(protocol="psi-10hz", muscle="leg", name="dlpfc"))
    assert elsewhere.verdict.startswith("subthreshold in the target, at the protocol's intensity: ")
    (strong, _) = compare([on_target(e_target=1.8, e_hotspot=1.2), rows[1]], block(protocol="m1-pain-10hz"))
    assert strong.verdict.startswith("at or above threshold in the target, at the protocol's intensity: ")
    # a coil that cannot: full output is 30 % of the threshold with it
    (_, weak) = compare([rows[0], on_target("weak", 0.3 * threshold / 3.0 * 1e6, e_target=0.9, e_hotspot=3.0)], dosing)
    assert (
        weak.given_fraction == pytest.approx(0.3 * 0.3) and "at full output, 7 A/µs (its rated maximum)" in weak.verdict
    )
    text = comparison_sentence([own, other])
    assert "of the field at threshold the target gets 65 % with figure8-70mm, 24 % with double-cone-110mm" in text


def test_the_protocol_in_clinical_use_is_never_out_of_reach_at_no_intensity():
    (row, _) = compare([on_target(e_target=1.2)] * 2, block(protocol="m1-pain-20hz", own=True, name="m1-hand"))
    assert "reach" not in row.verdict and "no intensity" not in row.verdict
    assert row.verdict.startswith("subthreshold in the target, as in the trials: ")


def test_a_threshold_alone_says_what_the_target_gets_at_it():
    (row, _) = compare([on_target(e_target=1.0, e_hotspot=1.2)] * 2, block())
    assert row.verdict == "subthreshold in the target, at the motor threshold: 57 V/m, 83 % of the field at threshold"
    assert row.reach == NOT_ASKED


def test_the_plan_with_it_is_valid_and_reads_back():
    rows = compare([on_target(stronger={"op4": 1.8}), on_target("double-cone-110mm", None)], None)
    document = json.loads(json.dumps(to_dict(dataclasses.replace(one_plan(), comparison=rows))))
    jsonschema.validate(document, schema())
    assert from_dict(document).comparison == rows
    described = resolved(schema())["$defs"]["tms"]["properties"]["comparison"]["items"]
    names = {each.name for each in dataclasses.fields(rows[0])}
    assert set(described["properties"]) == names == set(described["required"])
    for wrong in ({"reach": "perhaps"}, {"peak_mm": [1.0]}, {"above_mm3": -1.0}):
        with pytest.raises(InputError, match="comparison"):
            check_record(dataclasses.replace(rows[0], **wrong), "comparison[0]")


def test_report_and_console_say_it_and_escape():
    rows = compare(
        [on_target("<b>", stronger={"op4": 1.8}), on_target("cone", dose=0.8, e_target=0.8), on_target("file", None)],
        None,
    )
    plan = dataclasses.replace(one_plan(), comparison=rows)
    page = str(comparison_section(plan))
    text = " ".join(Reader(page).text.split())
    assert "<b>" in text and re.search(r'<th scope="row"[^>]*>&lt;b&gt;</th>', page)
    assert "(taken as 60 V/m) is out of reach: 100 A/µs (its rated maximum) gives the target 83 % of it." in text
    assert "is within reach: " in text and "can be matched is not known: no maximum dI/dt" in text
    assert text.count("holds the middle of its face 10.3 mm off the scalp") == 3
    assert "In mean |E|, more than the target get op4 (1.8 times)." in text and "could not be registered" in text
    # the peak of 2 V/m over doses of 0.5 and 0.8; 80 and 50 of 60 V/m
    assert "every coil other grey matter gets more than the target, 2.5 to 4.0 times its dose" in comparison_sentence(
        rows
    )
    assert "the limits leave cone 133 %, <b> 83 %." in comparison_sentence(rows)
    first, second, third = comparison_lines(plan.comparison)
    assert first.startswith(
        "<b>: dose 0.500 V/m, peak elsewhere 2.00 V/m (4.00 times the dose) at x −55.0, y −20.0, z 35.0 mm; matching"
    )
    assert "within reach" in second and "not known" in third
    assert comparison_section(one_plan()) == "" and comparison_lines(one_plan().comparison) == []


def test_the_warning_of_a_target_out_of_reach_is_the_comparisons():
    plan = dataclasses.replace(one_plan(), comparison=compare([on_target("figure-of-eight")] * 2, None))
    (line,) = (each.text for each in warnings_of(plan, False) if "reach" in each.text)
    assert line == f"figure-of-eight: {plan.comparison[0].verdict}"
    fine = dataclasses.replace(plan, comparison=compare([on_target(e_target=0.9)] * 2, None))
    assert not any("reach" in each.text for each in warnings_of(fine, False))


# which coils


def test_operculo_insular_targets_are_deep_by_name_and_points_by_depth():
    assert {name for name, each in targets().items() if each.deep} == {
        *("psi", "dpi", "op1", "op2-3", "op4", "s2"),
        "acc",
    }
    head = layered_ball(14.0)  # of 92 mm radius
    shallow, deep = (Target.sphere([-x, 0.0, 0.0], 8.0) for x in (70.0, 55.0))
    assert why_deep("ras:-70,0,0", shallow, lambda: head) == ""
    assert "37 mm under the scalp, deeper than 35 mm" in why_deep("ras:-55,0,0", deep, lambda: head)
    assert why_deep("psi", shallow, lambda: pytest.fail("needs no head")) == "psi is a deep target"
    assert why_deep("m1-hand", deep, lambda: pytest.fail("needs no head")) == ""


def test_each_coil_is_compared_once_and_the_plans_own_comes_first(tmp_path):
    file = tmp_path / "cone.ccd"
    Coil.named("double-cone-110mm").write(file)
    own = ChosenCoil.of(str(file))
    assert own.file == file
    names = [
        each.file or each.coil.name for each in compared_coils(own, [own, ChosenCoil.of("circular-mc125")], "deep")
    ]
    assert names == [file, *DEEP_COILS, "circular-mc125"]
    assert compared_coils(own, [], "") == ()


@pytest.mark.parametrize(("word", "said"), [("figure8-70m", "figure8-70mm"), ("nowhere.ccd", "nowhere.ccd")])
def test_a_coil_that_is_not_there_stops_before_anything_is_made(capfd, tmp_path, monkeypatch, word, said):
    monkeypatch.chdir(tmp_path)
    assert run_command(["plan", "colin27", "--compare", "double-cone-110mm", "--compare", word]) == 2
    out, err = capfd.readouterr()
    assert out == "" and err.count("\n") == 1 and said in err
    assert list(tmp_path.iterdir()) == []


def test_on_the_road_the_rows_reach_plan_console_and_status(short_road, monkeypatch, capfd):
    asked = []

    def standing_in(coils, *_):
        asked.append([each.coil.name for each in coils])
        rows = [on_target(), on_target("double-cone-110mm", 84e6, e_target=0.8)]
        made = Comparison(rows, ["circular-mc125 is not compared: it does not fit"])

        def make(folder):
            (folder / "rows.txt").write_text("rows")
            return made

        return Stage("comparison", 1, make, lambda _: made)

    monkeypatch.setattr(road, "comparison_stage", standing_in)
    plain, _ = short_road.plan()
    assert plain.comparison == [] and asked == [] and stages_of(short_road.subject)[-1] == "files"
    made, ran = short_road.plan(compare=["double-cone-110mm", "circular-mc125"])
    assert asked == [["figure8-70mm", "double-cone-110mm", "circular-mc125"]] and "files" in ran
    assert [each.reach for each in made.comparison] == [OUT, WITHIN]
    assert made.search.coils_compared_because == "asked for" and "comparison" in made.seconds
    assert note("circular-mc125 is not compared: it does not fit") in made.warnings
    assert stages_of(short_road.subject)[-2:] == ["comparison", "files"]
    words = [
        "plan",
        "colin27",
        "--as",
        ".",
        "--out",
        str(short_road.subject.folder),
        "--aim",
        "psi",
        "--density",
        "fast",
    ]
    assert run_command([*words, "--quiet"]) == 0
    lines = [each for each in capfd.readouterr().out.splitlines() if each.startswith("compared")]
    assert asked[-1] == list(DEEP_COILS)  # nobody asked
    assert "out of reach" in lines[0] and "within reach" in lines[1]


# on a lopsided ball, a target in its white matter, low on the left

DEEP = dataclasses.replace(Target.sphere([-24.0, -14.0, 16.0], 10.0, name="deep spot"), tissue=int(Tissue.WM))
SPOT_MM = [-30.0, -12.0, 44.0]
COILS = tuple(ChosenCoil.of(name) for name in DEEP_COILS)
RADIUS_MM = 25.0


@pytest.fixture(scope="module")
def ball():
    head = layered_ball(14.0, (0.8, 0.95, 0.85))
    conductor = near_target(HeadConductor(head), DEEP)
    return conductor, DoseMap.build(conductor, DEEP, spacing_mm=5.0)


@pytest.fixture(scope="module")
def search(ball):
    return search_tms(ball[0], DEEP, COILS[0].coil, dose_map=ball[1], radius_mm=RADIUS_MM, keep=2)


@pytest.fixture
def run(ball, search, tmp_path, monkeypatch):
    """Runs the stage with some coils; the search looks near the target only, to save time."""
    conductor, dose_map = ball
    monkeypatch.setattr("targeting.comparison.compared.NEAR_MM", RADIUS_MM)
    monkeypatch.setattr("targeting.comparison.compared.RIM_MM", 0.0)
    field = simulate_tms(conductor, COILS[0].coil, Pose(search.poses[0]))
    one = np.ones(2)
    confirmation = Confirmation(field.e_v_per_m.astype(np.float32), one, one, one, one, np.zeros((2, 3)))
    subject = Subject.named("ball", tmp_path / "ball")

    def run(coils=COILS, hotspot=None, direction=None):
        aimed_target = AimedTarget(DEEP, DEEP.center_mm, None, ())
        study = study_of(conductor.head, aimed_target, conductor=conductor)
        aim = CoilAim(coil=coils[0].coil, direction=direction)
        before = (done("dosemap", dose_map), done("search", search), done("confirm", confirmation))
        with subject.locked():
            spot = hotspot and subject.run(hotspot)
            return subject.run(comparison_stage(coils, study, aim, *before, EmbeddedEngine(), spot))

    return run


@pytest.mark.slow
def test_both_coils_on_a_deep_target(ball, search, run):
    head = ball[0].head
    made = run()
    figure8, cone = made.value.coils
    assert made.value.left_out == [] and [figure8.coil, cone.coil] == list(DEEP_COILS)
    assert np.array(figure8.pose) == pytest.approx(search.poses[0])
    for each, chosen in zip((figure8, cone), COILS, strict=True):
        # a direct solve of that coil at that pose, from scratch
        e = simulate_tms(ball[0], chosen.coil, Pose(np.array(each.pose))).e_v_per_m
        tets, weight = DEEP.weights(head)
        assert each.direct_dose_v_per_m == pytest.approx(np.linalg.norm(weight @ e[tets]), rel=1e-5)
        assert each.direct_dose_v_per_m == pytest.approx(each.dose_v_per_m, rel=0.02)
        assert each.e_target_v_per_m == pytest.approx(each.dose_v_per_m)
        grey = head.tissue == Tissue.GM
        size = np.linalg.norm(e, axis=1)
        assert each.peak_e_v_per_m == pytest.approx(size[grey].max(), rel=1e-5)
        assert each.highest_e_v_per_m == pytest.approx(each.peak_e_v_per_m)  # a target in white matter
        assert each.above_mm3 == pytest.approx(
            head.volumes_mm3[grey & (size > each.direct_dose_v_per_m)].sum(), rel=1e-3
        )
        assert each.peak_mm[0] < 0 and each.scalp_mm[0] < 0  # on the target's side
        assert each.peak_e_v_per_m > each.direct_dose_v_per_m  # deep
        assert each.stronger is None  # nothing registered this ball
    assert figure8.middle_mm == pytest.approx(4, abs=1) and cone.middle_mm > 9  # its wings reach round the head
    # the deeper-reaching coil reaches deeper
    ratio = [each.peak_e_v_per_m / each.direct_dose_v_per_m for each in (figure8, cone)]
    assert ratio[1] < ratio[0]
    again = run()
    assert again.reused and again.value == made.value
    assert not run((*COILS, ChosenCoil.of("circular-mc125"))).reused


@pytest.mark.slow
def test_along_a_direction_the_dose_is_the_component(run, ball):
    along = run(direction=(0.0, -1.0, 0.2)).value.coils[1]
    e = simulate_tms(ball[0], COILS[1].coil, Pose(np.array(along.pose))).e_v_per_m
    tets, weight = DEEP.weights(ball[0].head)
    unit = np.array([0.0, -1.0, 0.2]) / np.linalg.norm([0.0, -1.0, 0.2])
    # the stimulator's setting makes the effective current run along it, the handle away from the face
    assert along.direct_dose_v_per_m == pytest.approx(abs((weight @ e[tets]) @ unit), rel=1e-5)
    assert along.pose[1][1] > 0


@pytest.mark.slow
def test_the_field_at_a_hotspot_of_its_own_is_looked_for_with_each_coil(ball, run):
    where = Target.sphere(SPOT_MM, 9.0)
    there = DoseMap.build(ball[0], where, spacing_mm=5.0)
    spot = Hotspot(SPOT_MM, 9.0, "left", "measured", np.eye(4).tolist(), 1.5, [])

    def make(folder):
        there.save(folder / MAP_FILE)
        return spot

    figure8, cone = run(hotspot=Stage("hotspot", 1, make, lambda _: spot)).value.coils
    assert figure8.e_hotspot_v_per_m == 1.5  # with the coil of the threshold it is the stage's own
    as_of_the_hand = dataclasses.replace(where, current_toward=(1.0, 1.0, 0.0))
    scalp = Scalp.of(ball[0].head)
    found = search_tms(
        ball[0], where, COILS[1].coil, dose_map=there, scalp=scalp, radius_mm=RADIUS_MM, keep=1,
        orientation=orientation(AngleRequest.of(None, "m1-hand"), as_of_the_hand, scalp, None),
    )  # fmt: skip
    assert cone.e_hotspot_v_per_m == pytest.approx(e_per_a_per_us(found), rel=1e-3)


def test_a_coil_that_does_not_fit_leaves_the_others(run, monkeypatch):
    def search(head, target, coil, *args, **more):
        if coil.name == "circular-mc125":
            raise InputError("the coil cannot be placed anywhere near the target without entering the head")
        return search_tms(head, target, coil, *args, **more)

    monkeypatch.setattr("targeting.comparison.compared.search_tms", search)
    made = run((COILS[0], ChosenCoil.of("circular-mc125"), COILS[1])).value
    assert [each.coil for each in made.coils] == list(DEEP_COILS)
    assert made.left_out == [
        "circular-mc125 is not compared: the coil cannot be placed anywhere near the target without entering the head"
    ]


@pytest.mark.slow
@pytest.mark.parametrize(("at_mm", "searches"), [(30.0, [60.0]), (50.0, [60.0, "whole head"])])
def test_the_whole_head_is_searched_only_if_the_best_is_at_the_rim(ball, monkeypatch, at_mm, searches):
    scalp, asked = Scalp.of(ball[0].head), []
    nearest = scalp.points_mm[scalp.nearest(DEEP.center_mm)]

    def search(*_, radius_mm="whole head", **more):
        asked.append(radius_mm)
        return SimpleNamespace(scalp_mm=nearest[None] + np.array([0.0, at_mm, 0.0]))

    monkeypatch.setattr("targeting.comparison.compared.search_tms", search)
    best_pose(scalp, DEEP, COILS[1].coil, 4.0, ball[1])
    assert asked == searches
