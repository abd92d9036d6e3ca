"""plan.json: what is written can be read, its schema accepts it, and both refuse what is not a plan."""

import copy
import dataclasses
import json
import math
import typing
from dataclasses import replace

import jsonschema
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plans import one_plan
from schemas import resolved
from scipy.spatial.transform import Rotation

from meshes import InputError
from meshes.errors import WriteError
from targeting.dosing.record import PlanDosing, PlanFinding, PlanProtocol
from targeting.planning.tms_files import warnings_of
from targeting.plans import tms as plan_file
from targeting.plans.schema import schema
from targeting.plans.shared import checked_patient_id
from targeting.plans.tms import Placement, Plan, PlanCoil, TmsSearchSummary, read_plan, to_dict, write_plan
from targeting.records.places import SHAPES, Frame, PlanLandmarks, PlanTape, PlanTarget
from targeting.records.warnings import (
    KINDS,
    TMS_RISKS,
    WARNING,
    PlanWarning,
    checked_risks,
    danger,
    in_order,
    note,
    warning,
)
from targeting.robustness.record import PlanRobustness
from targeting.uncertainty.record import PlanUncertainty
from targeting.words.target import extent_sentence, ring_sentence, sides_sentence, target_line
from targeting.words.templates import environment

numbers = st.floats(-1e9, 1e9, allow_nan=False)
positive = st.floats(1e-6, 1e9)
text = st.text(st.characters(codec="utf-8"), max_size=20)
points = st.lists(numbers, min_size=3, max_size=3)


def texts(told):
    return [each.text for each in told]


def warnings():
    kinds = st.builds(PlanWarning, st.sampled_from(KINDS), text, text)
    return kinds | st.builds(PlanWarning, st.just(WARNING), text, text.filter(bool), st.just(True))


@st.composite
def poses(draw: st.DrawFn) -> list[list[float]]:
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.random(random_state=draw(st.integers(0, 2**31))).as_matrix()
    matrix[:3, 3] = draw(st.lists(st.floats(-200, 200), min_size=3, max_size=3))
    return matrix.tolist()


def tapes():
    marks = st.builds(PlanLandmarks, points, points, points, points, positive, positive, text)
    return st.builds(PlanTape, text, positive, positive, positive, positive, marks)


@st.composite
def uncertainties(draw: st.DrawFn) -> PlanUncertainty:
    low, median, high = sorted(draw(points))
    limits = {
        name: sorted(draw(st.lists(positive, min_size=2, max_size=2))) for name in draw(st.sets(text, max_size=3))
    }
    sizes = [draw(positive) for _ in range(3)]
    shares = draw(st.dictionaries(text, numbers, max_size=3))
    return PlanUncertainty(
        low, median, high, *sizes, shares, limits, draw(text), draw(st.lists(text, max_size=2)), 2048
    )


@st.composite
def robustnesses(draw: st.DrawFn) -> PlanRobustness:
    worst, better = sorted(draw(st.lists(positive, min_size=2, max_size=2)))
    sizes = [draw(positive) for _ in range(8)]
    return PlanRobustness(*sizes[:3], worst, *sizes[3:7], draw(poses()), draw(points), sizes[7], better)


def summaries():
    words, maybe = st.none() | text, st.none() | numbers
    counts = st.none() | st.integers(0, 10**12)
    return st.builds(TmsSearchSummary, words, words, maybe, words, maybe, maybe, counts, *[words] * 5)


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    doses = sorted(draw(st.lists(numbers, min_size=1, max_size=3)), reverse=True)
    placements = [
        Placement(
            rank=i + 1,
            pose=draw(poses()),
            scalp_mm=draw(points),
            angle_deg=draw(numbers),
            angle_from=draw(text),
            distance_mm=draw(numbers),
            dose_v_per_m=dose,
            max_e_v_per_m=draw(positive),
            peak_e_v_per_m=draw(positive),
            peak_mm=draw(points),
            direct_dose_v_per_m=draw(st.none() | numbers),
            direct_mean_e_v_per_m=draw(st.none() | numbers),
            closer_dose_v_per_m=draw(st.none() | numbers),
            closer_depth_mm=draw(st.none() | positive),
            closer_at_mm=draw(st.none() | points),
        )
        for i, dose in enumerate(doses)
    ]
    return Plan(
        subject=draw(text.filter(bool)),
        frame=Frame(
            "RAS mm of T1",
            draw(text),
            draw(text),
            draw(poses()),
            draw(st.lists(st.integers(1, 999), min_size=3, max_size=3)),
        ),
        target=PlanTarget(
            draw(text),
            draw(st.sampled_from(["left", "right", ""])),
            draw(points),
            draw(positive),
            draw(positive),
            draw(text),
            draw(points),
            draw(st.none() | points),
            draw(positive),
            draw(st.sampled_from(SHAPES)),
        ),
        coil=PlanCoil(draw(text), draw(st.none() | positive), draw(text), draw(st.sampled_from([-1, 0, 1]))),
        placements=placements,
        objective=draw(text),
        search=draw(summaries()),
        warnings=draw(st.lists(warnings(), max_size=3)),
        versions=draw(st.dictionaries(text, text, max_size=3)),
        seconds=draw(st.dictionaries(text, positive, max_size=3)),
        conductivity_s_per_m=draw(st.dictionaries(text, positive, max_size=3)),
        uncertainty=draw(st.none() | uncertainties()),
        robustness=draw(st.none() | robustnesses()),
        pain_side=draw(st.sampled_from(["left", "right", ""])),
        patient_id=draw(st.sampled_from(["", "P-012", "Zoë <b>"])),
        tape=draw(st.none() | tapes()),
        created=draw(text),
    )


def refuses(document: object) -> str:
    """The one line read_plan's core says about a bad document (fails if it says nothing)."""
    with pytest.raises(InputError) as caught:
        plan_file.from_dict(document)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_the_schema_is_a_schema_and_describes_every_field() -> None:
    jsonschema.Draft202012Validator.check_schema(schema())
    tms = resolved(schema())["$defs"]["tms"]
    records = {
        Plan: tms,
        Frame: tms["properties"]["frame"],
        PlanTarget: tms["properties"]["target"],
        PlanCoil: tms["properties"]["coil"],
        Placement: tms["properties"]["placements"]["items"],
        PlanUncertainty: tms["properties"]["uncertainty"],
        PlanRobustness: tms["properties"]["robustness"],
        PlanDosing: tms["properties"]["dosing"],
        PlanProtocol: (of_protocol := tms["properties"]["dosing"]["properties"]["protocol"]),
        PlanFinding: of_protocol["properties"]["findings"]["items"],
    }
    for record, description in records.items():
        names = {f.name for f in dataclasses.fields(record)}
        assert set(description["properties"]) == names == set(description["required"])
        assert description["additionalProperties"] is False
        assert all(entry["description"] for entry in description["properties"].values())


@pytest.mark.slow
@settings(deadline=None, max_examples=60)
@given(plan=plans())
def test_what_is_written_is_read_back_and_fits_the_schema(plan: Plan, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("plan") / "plan.json"
    write_plan(path, plan)
    assert read_plan(path) == plan
    jsonschema.validate(json.loads(path.read_text(encoding="utf-8")), schema(), jsonschema.Draft202012Validator)
    assert [p.name for p in path.parent.iterdir()] == ["plan.json"]


def test_numpy_values_are_written_as_numbers(tmp_path) -> None:
    plan = one_plan()
    first = dataclasses.replace(
        plan.placements[0],
        rank=np.int64(1),
        pose=np.eye(4),
        scalp_mm=np.array([1.0, 2, 3], np.float32),
        dose_v_per_m=np.float32(1.5),
    )
    write_plan(
        tmp_path / "plan.json", dataclasses.replace(plan, placements=(first,), seconds={"mesh": np.float64(2.0)})
    )
    back = read_plan(tmp_path / "plan.json").placements[0]
    assert (back.rank, back.pose, back.scalp_mm, back.dose_v_per_m) == (1, np.eye(4).tolist(), [1.0, 2.0, 3.0], 1.5)


def paths_of(value: object, path: tuple = ()) -> list[tuple]:
    """The way to every member of every record with fixed members (not of the free name → value tables)."""
    found = []
    if isinstance(value, dict):
        for key, item in value.items():
            found.append((*path, key))
            if key not in ("versions", "seconds", "conductivity_s_per_m", "shares", "ranges_s_per_m"):
                found += paths_of(item, (*path, key))
    elif isinstance(value, list):
        for i, item in enumerate(value):
            found += paths_of(item, (*path, i))
    return found


def parent_of(document: dict, path: tuple) -> typing.Any:
    for key in path[:-1]:
        document = document[key]
    return document


VALIDATOR = jsonschema.Draft202012Validator(schema())


@pytest.mark.slow
@pytest.mark.parametrize("path", paths_of(to_dict(one_plan())), ids=str)
def test_a_missing_unknown_or_mistyped_field_is_refused_by_schema_and_reader(path: tuple) -> None:
    good = to_dict(one_plan())
    missing, unknown, mistyped = (copy.deepcopy(good) for _ in range(3))
    del parent_of(missing, path)[path[-1]]
    parent_of(unknown, path)["surprise"] = 1
    parent_of(mistyped, path)[path[-1]] = True
    for bad in (unknown, mistyped):
        with pytest.raises(jsonschema.ValidationError):
            VALIDATOR.validate(bad)
        refuses(bad)
    assert "surprise" in refuses(unknown)
    if path[0] == "search" and len(path) > 1:  # where what is not known is left out
        VALIDATOR.validate(missing)
        plan_file.from_dict(missing)
        return
    with pytest.raises(jsonschema.ValidationError):
        VALIDATOR.validate(missing)
    assert str(path[-1]) in refuses(missing)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda d: d["placements"].clear(), "placement"),
        (lambda d: d["placements"][0]["pose"].pop(), "pose"),
        (lambda d: d["placements"][0]["pose"][0].append(1.0), "pose"),
        (lambda d: d["placements"][1]["scalp_mm"].pop(), "scalp_mm"),
        (lambda d: d["target"].update(side="links"), "side"),
        (lambda d: d["target"].update(mni_mm=[]), "mni_mm"),
        (lambda d: d["target"].update(radius_mm=0), "radius_mm"),
        (lambda d: d["target"].update(shape="cube"), "shape"),
        (lambda d: d["coil"].update(max_didt_a_per_s=0), "max_didt"),
        (lambda d: d["coil"].update(max_didt_a_per_s=-1), "max_didt"),
        (lambda d: d["coil"].update(current_direction_y=2), "current_direction_y"),
        (lambda d: d["frame"].update(shape=[1, 2]), "shape"),
        (lambda d: d["frame"].update(shape=[1, 2, 2.5]), "shape"),
        (lambda d: d.update(schema_version="2.0"), "2.0"),
        (lambda d: d.update(schema_version=1.0), "schema_version"),
        (lambda d: d.update(modality="tes"), "modality"),
        (lambda d: d.update(seconds={"mesh": -1}), "seconds"),
        (lambda d: d.update(search={"hair_mm": None}), "hair_mm"),
        (lambda d: d.update(warnings="none"), "warnings"),
        (lambda d: d["uncertainty"].update(dose_lost_share=-0.1), "lost"),
        (lambda d: d["robustness"].update(within_mm=-1), "within"),
        (lambda d: d["robustness"]["robust_pose"].pop(), "robust_pose"),
        (lambda d: d["uncertainty"].update(ranges_s_per_m={"gm": [0.1]}), "ranges_s_per_m"),
        (lambda d: d["uncertainty"].update(ranges_s_per_m={"gm": [0, 0.1]}), "ranges_s_per_m"),
    ],
)
def test_schema_and_reader_refuse(change, word) -> None:
    document = to_dict(one_plan())
    change(document)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, schema(), jsonschema.Draft202012Validator)
    assert word in refuses(document)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda d: d["placements"][0]["pose"][0].__setitem__(0, 2.0), "rigid"),
        (lambda d: d["placements"][0]["pose"][0].__setitem__(0, -1.0), "mirrored"),
        (lambda d: d["placements"][1].update(rank=1), "rank"),
        (lambda d: d["uncertainty"].update(dose_low_v_per_m=1.1), "uncertainty"),
        (lambda d: d["robustness"].update(robust_worst_v_per_m=0.1), "worst"),
        (lambda d: d["uncertainty"].update(ranges_s_per_m={"gm": [0.6, 0.1]}), "ranges_s_per_m"),
        (lambda d: d["placements"][1].update(dose_v_per_m=5.0), "ranked"),
        (lambda d: d["placements"][0].update(dose_v_per_m=math.inf), "dose_v_per_m is not a finite number"),
        (lambda d: d["placements"][0].update(dose_v_per_m=10**400), "dose_v_per_m is not a finite number"),
    ],
)
def test_the_reader_refuses_what_a_schema_cannot_see(change, word) -> None:
    document = to_dict(one_plan())
    change(document)
    assert word in refuses(document)


@pytest.mark.parametrize("document", [None, [], 3, "plan", True])
def test_a_document_that_is_no_object_is_refused(document) -> None:
    assert "object" in refuses(document)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_not_finite_is_never_written(bad, tmp_path) -> None:
    path = tmp_path / "plan.json"
    path.write_text("before")
    plan = one_plan()
    for broken in (
        dataclasses.replace(plan, seconds={"mesh": bad}),
        dataclasses.replace(plan, search=TmsSearchSummary(hair_mm=bad)),
        dataclasses.replace(plan, placements=[dataclasses.replace(plan.placements[0], peak_mm=[bad, 0.0, 0.0])]),
    ):
        with pytest.raises(ValueError, match="finite"):
            write_plan(path, broken)
    assert path.read_text() == "before"
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b'{"subject": NaN}', b"[" * 100_000])
def test_a_file_that_is_not_json_gets_one_line(content, tmp_path) -> None:
    path = tmp_path / "plan.json"
    path.write_bytes(content)
    with pytest.raises(InputError, match="not a plan") as caught:
        read_plan(path)
    assert "\n" not in str(caught.value)


def test_a_missing_file_and_a_missing_folder_get_one_line(tmp_path) -> None:
    with pytest.raises(InputError, match="no plan"):
        read_plan(tmp_path / "plan.json")
    with pytest.raises(InputError, match="cannot read"):
        read_plan(tmp_path)
    with pytest.raises(WriteError, match="cannot write"):
        write_plan(tmp_path / "nowhere" / "plan.json", one_plan())


@pytest.mark.parametrize(("source", "shape"), [("someone 2020", "ball"), ("mask given by the user", "mask")])
@pytest.mark.parametrize("version", ["1.3", "1.4"])
def test_plans_of_before_are_read_and_say_what_their_target_is(version, source, shape):
    document = to_dict(one_plan())
    document["schema_version"] = version
    document["target"]["source"] = source
    del document["target"]["shape"]
    read = plan_file.from_dict(document)
    assert (read.target.shape, read.schema_version) == (shape, to_dict(one_plan())["schema_version"])
    document["schema_version"] = "1.2"
    with pytest.raises(InputError, match=r"1\.2"):
        plan_file.from_dict(document)


def test_a_target_is_called_what_it_is():
    size_of = environment().get_template("report/parts.html.jinja").module.target_size
    ball = one_plan().target
    mask, of_map = replace(ball, name="roi", shape="mask"), replace(ball, name="map net", side="", shape="map")
    assert "within 10.0 mm of" in extent_sentence(ball) and "radius" in size_of(ball)
    for each in (mask, of_map):
        for words in (target_line(each), extent_sentence(each), size_of(each)):
            assert "radius" not in words and "within" not in words and "cm³" in words
    assert "left roi" in target_line(mask) and "weighted" in extent_sentence(of_map)
    assert mask.ring_mm == of_map.ring_mm < mask.radius_mm and ball.ring_mm == ball.radius_mm
    assert "outline" in ring_sentence(ball, 1.0) and "no outline" not in ring_sentence(ball, 1.0)
    assert "whole target lies under" in ring_sentence(ball, 30.0)
    for each in (mask, of_map):
        assert "no outline" in ring_sentence(each, 1.0) and "whole target" not in ring_sentence(each, 30.0)
        assert "30 mm deep" in ring_sentence(each, 30.0)


def test_the_strongest_field_is_said_to_be_elsewhere_only_if_it_is():
    plan = one_plan()  # whose peak is 2 V/m
    weak = replace(plan, placements=[replace(plan.placements[0], dose_v_per_m=0.5, direct_mean_e_v_per_m=0.5)])
    said = ["not in the target" in " ".join(texts(warnings_of(weak, elsewhere))) for elsewhere in (True, False)]
    assert said == [True, False]


def test_warnings_of_before_were_lines_and_a_limit_that_was_passed_is_a_danger():
    document = to_dict(one_plan())
    document |= {
        "schema_version": "1.5",
        "warnings": ["the neck is cut", "total current 6 mA: lower it, or say --accept-risk charge"],
    }
    cut, passed = plan_file.from_dict(document).warnings
    assert cut == PlanWarning(WARNING, "the neck is cut")
    assert (passed.kind, passed.item, passed.accepted) == ("danger", "charge", False)


def test_a_dosing_of_before_matched_a_field_and_is_read_rounded_down():
    """As 1.5 wrote it for colin27's PSI: 62.4 % MSO, 120 % of a threshold of 52."""
    protocol = {
        "name": "psi-10hz", "frequency_hz": 10.0, "pulses_per_train": 100, "trains": 15, "inter_train_s": 50.0, "sessions": 1,
        "intensity_fraction_rmt": 0.8, "own_percent": 41.6, "own_fraction": 0.298, "paper": "a paper", "checked": "recalled",
        "note": "", "findings": ["trains of 10 s exceed the longest safe train", "the time between trains was tried up to"],
    }  # fmt: skip
    old = {
        "rmt_percent": 52.0, "hotspot_mm": [38.0, -20.0, 55.0], "hotspot_radius_mm": 7.0, "hotspot_side": "right",
        "target_side": "right", "hotspot_source": "measured", "hotspot_pose": np.eye(4).tolist(),
        "hotspot_e_v_per_m": 0.6876, "target_e_v_per_m": 0.25584, "fraction": 0.8, "asked_percent": 111.8,
        "given_percent": 62.4, "clamp": "motor threshold", "percent_of_rmt": 120.0, "given_fraction": 0.4465,
        "stimulator": "", "max_didt_a_per_s": 114730000.0, "max_didt_source": "the coil's rating", "didt_a_per_s": 71591520.0,
        "threshold_v_per_m": 41.022, "target_v_per_m": 18.316, "peak_fraction": 2.737, "stronger": {"op4": 2.99},
        "protocol": protocol,
    }  # fmt: skip
    document = to_dict(one_plan()) | {"schema_version": "1.5", "dosing": old}
    del document["coil"]["rated_on"]
    read = plan_file.from_dict(document)
    made = read.dosing
    assert (made.given_percent, made.asked, made.match_field, made.clamp) == (62, "match-field", 0.8, "motor threshold")
    assert made.percent_of_rmt == pytest.approx(100 * 62 / 52) and made.target_v_per_m == pytest.approx(
        18.316 * 62 / 62.4
    )
    assert made.at_threshold_fraction == pytest.approx(0.25584 / 0.6876)
    assert (made.muscle, made.protocol.muscle, made.protocol.unverified, read.coil.rated_on) == ("", "", [], "")
    assert [(each.kind, each.item) for each in made.protocol.findings] == [
        ("exceeds", "trains"),
        ("untested", "interval"),
    ]
    jsonschema.validate(to_dict(read), schema(), jsonschema.Draft202012Validator)
    document["dosing"] = old | {"given_percent": "62.4"}
    with pytest.raises(InputError, match="dosing"):
        plan_file.from_dict(document)


@pytest.mark.parametrize(
    "wrong", [PlanWarning("red", "x"), PlanWarning("danger", "x", "trains", True), PlanWarning(WARNING, "x", "", True)]
)
def test_a_warning_of_no_kind_or_accepted_without_an_item_is_refused(wrong):
    with pytest.raises(ValueError, match=r"warnings\[0\]"):
        to_dict(replace(one_plan(), warnings=[wrong]))


def test_dangers_come_first_nothing_comes_twice_and_only_items_can_be_accepted():
    told = [note("a"), warning("b"), danger("c", "trains"), note("a"), danger("d")]
    assert texts(in_order(told)) == ["c; lower it, or accept it with --accept-risk trains", "d", "b", "a"]
    plan = replace(one_plan(), warnings=in_order(told))
    assert texts(plan.unaccepted) == texts(plan.warnings)[:2]
    taken = replace(plan, warnings=[danger("c", "trains", ["trains", ""]), danger("d", "", [""])])
    assert texts(taken.unaccepted) == ["d"] and taken.warnings[0].accepted
    with pytest.raises(InputError, match="valid: trains, interval, rmt-120, mso-100"):
        checked_risks(["charge"], TMS_RISKS)


@pytest.mark.parametrize("wrong", ["two\nlines", "turned \u202e round", "P" * 61, "a\x00b", "a\u2028b"])
def test_a_patients_id_is_one_short_line(wrong):
    with pytest.raises(InputError, match="patient_id"):
        checked_patient_id(wrong)
    with pytest.raises(ValueError, match="patient_id"):
        to_dict(replace(one_plan(), patient_id=wrong))


def sides_of(plan):
    return sides_sentence(plan.pain_side, plan.target.side, plan.modality)


def test_whom_a_plan_is_for_is_kept_and_plans_of_before_say_nothing_of_it():
    assert checked_patient_id("  Müller, Zoë 7 ") == "Müller, Zoë 7" and checked_patient_id(None) == ""
    document = to_dict(replace(one_plan(), pain_side="right", patient_id="P-012"))
    jsonschema.validate(document, schema())
    read = plan_file.from_dict(document)
    assert (read.pain_side, read.patient_id) == ("right", "P-012")
    assert sides_of(read) == f"pain right → coil {read.target.side}"
    del document["pain_side"], document["patient_id"]
    old = plan_file.from_dict({**document, "schema_version": "1.5", "warnings": []})
    assert (old.pain_side, old.patient_id) == ("", "") and sides_of(old) == "side of the pain: not given"
    with pytest.raises(ValueError, match="pain_side"):
        to_dict(replace(one_plan(), pain_side="both"))
