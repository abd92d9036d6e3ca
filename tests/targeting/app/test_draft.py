"""What a person answers in the window of ``target app``: the request it makes, and what is said against it, where."""

import json
from pathlib import Path

import pytest

from meshes import InputError
from targeting.app.draft import (
    Draft,
    head_refusal,
    in_the_window,
    option_named,
    refusals,
    side_words,
    value_of,
)
from targeting.modality import HD, PADS
from targeting.plans.tms import read_plan
from targeting.study.tes_request import TesRequest
from targeting.study.tms_request import TmsRequest


@pytest.fixture
def draft(tmp_path):
    return Draft(tmp_path, "colin27", values={"aim": "m1-hand", "pain_side": "right"})


def test_answers_make_the_same_request_as_the_command_line(draft):
    asked = draft.with_values(rmt_percent=45.0, stimulator="magstim-rapid", density="fast", montage="m1-so")
    wanted = TmsRequest(pain_side="right", rmt_percent=45.0, stimulator="magstim-rapid", density="fast")
    assert asked.request == wanted  # what only a montage takes does no harm
    words = "target plan colin27 --pain-side right --density fast --rmt 45 --stimulator magstim-rapid"
    assert sorted(asked.command().split()) == sorted(words.split())


def test_a_montage_takes_its_own_answers(tmp_path):
    asked = Draft(tmp_path, "colin27", HD, {"pain_side": "left", "max_current_ma": 3.0, "coil": "double-cone-110mm"})
    assert asked.request == TesRequest(kind=HD, pain_side="left", max_current_ma=3.0)
    assert refusals(asked) == []


def test_a_draft_is_the_same_in_the_other_process(draft):
    asked = draft.with_values(t1=Path("/data/T1 scan.nii.gz"), rmt_percent=45.5)
    again = Draft.from_json(asked.to_json())
    assert again.request == asked.request and again.subject == asked.subject and again.kind == asked.kind
    json.loads(asked.to_json())


def test_pain_on_one_side_is_a_target_on_the_other(draft):
    assert "in the LEFT half" in side_words(None, "right") and "Pain on the RIGHT" in side_words(None, "right")
    assert "in the RIGHT half" in side_words(None, "left") and "in the LEFT half" in side_words("left", None)
    assert draft.question().study.aim.side == "left"
    assert draft.with_values(pain_side="left").question().study.aim.side == "right"


def test_the_side_is_asked_even_where_the_library_would_assume_it(draft):
    without = draft.with_values(pain_side=None)
    assert [each.field for each in refusals(without)] == ["pain_side"]
    assert refusals(without.with_values(side="right")) == []
    assert refusals(without.with_values(aim="mni:-37,-21,58")) == []  # coordinates have the side of their x
    assert [each.field for each in refusals(without.with_values(aim="area:OP1"))] == ["pain_side"]


@pytest.mark.parametrize(
    ("answers", "field", "words"),
    [
        ({"rmt_percent": 200.0}, "rmt_percent", "between 1 and 100 %"),
        ({"protocol": "m1-pain-10hz"}, "protocol", "“resting motor threshold”"),
        ({"protocol": "psi-10hz", "rmt_percent": 50.0}, "rmt_percent", "“muscle of the threshold” leg"),
        ({"coil": "nothing"}, "coil", "there is no built-in coil"),
        ({"stimulator": "magpro-r30", "rmt_percent": 50.0}, "stimulator", "leave out “stimulator”"),
        ({"aim": "dlfpc"}, "aim", "did you mean 'dlpfc'"),
        ({"aim": "dlpfc-fox", "pain_side": "left"}, "aim", "for the left side only"),
        ({"patient_id": "x" * 100}, "patient_id", "60 letters"),
        ({"density": "fine"}, "density", "unknown density"),
    ],
)
def test_each_refusal_stands_at_the_field_it_concerns_and_names_no_flag(draft, answers, field, words):
    (refusal,) = refusals(draft.with_values(**answers))
    assert refusal.field == field and words in refusal.words
    assert "--" not in refusal.words and "`" not in refusal.words and "\n" not in refusal.words


def test_a_refusal_without_a_name_is_of_the_answer_without_which_it_is_not_said(draft, monkeypatch):
    def question(self):
        if self.values.get("coil") == "double-cone-110mm" and "stimulator" in self.values:
            raise InputError("these two do not go together")

    monkeypatch.setattr(Draft, "question", question)
    asked = draft.with_values(patient_id="anna", stimulator="magstim-rapid", coil="double-cone-110mm")
    assert refusals(asked)[0].field in ("stimulator", "coil")
    assert refusals(asked.with_values(coil=None)) == []


def test_all_numbers_that_are_out_of_range_are_said_at_once(tmp_path):
    asked = Draft(tmp_path, "colin27", PADS, {"pain_side": "left", "max_current_ma": 20.0, "density": "fine"})
    assert [each.field for each in refusals(asked)] == ["max_current_ma", "density"]


@pytest.mark.parametrize(
    ("name", "values", "field", "words"),
    [
        ("", {}, "subject", "give the subject a name"),
        ("an na", {}, "subject", "cannot be used"),
        ("anna", {}, "t1", "drop or choose a T1"),
        ("anna", {"t1": "/nowhere/T1.nii"}, "t1", "there is no file"),
        ("anna", {"t2": "/nowhere/T2.nii"}, "t2", "“T1 image”"),
        ("colin27", {"t1": "/nowhere/T1.nii"}, "subject", "another name"),
    ],
)
def test_what_is_wrong_with_a_head_is_said_in_the_first_step(tmp_path, name, values, field, words):
    refusal = head_refusal(Draft(tmp_path, name, values=values))
    assert refusal.field == field and words in refusal.words


def test_a_name_that_is_taken_is_no_name_for_another_head(short_road, tmp_path):
    short_road.plan(rmt_percent=52)
    (tmp_path / "anna").mkdir()
    record = json.loads((tmp_path / "colin27" / "search.json").read_text())
    (tmp_path / "anna" / "segment.json").write_text(json.dumps({**record, "stage": "segment"}))
    refusal = head_refusal(Draft(tmp_path, "anna", values={"t1": "/nowhere/T1.nii"}))
    assert refusal.field == "subject" and "choose it from the list" in refusal.words
    assert read_plan(tmp_path / "colin27" / "plan.json").subject == "colin27"


def test_a_mesh_of_another_density_is_refused_at_its_field(tmp_path):
    (tmp_path / "colin27").mkdir()
    record = {"stage": "mesh", "made_from": {"parameters": {"density": "fast"}}}
    record |= {"paths": {}, "outputs": {}, "digest": "", "seconds": 1.0}
    (tmp_path / "colin27" / "mesh.json").write_text(json.dumps(record))
    asked = Draft(tmp_path, "colin27", values={"density": "standard", "pain_side": "left"})
    assert head_refusal(asked).field == "density" and "target head colin27" in head_refusal(asked).words
    assert [each.field for each in refusals(asked)] == ["density"]
    assert head_refusal(asked.with_values(density="fast")) is None


def test_nothing_is_wrong_with_the_demonstration(tmp_path):
    assert head_refusal(Draft(tmp_path, "colin27")) is None
    assert list(tmp_path.iterdir()) == []  # nothing was written


def test_numbers_are_read_as_people_write_them():
    percent = option_named("rmt_percent")
    assert [value_of(percent, text) for text in ("52", " 52,5 ", "52 %", "")] == [52.0, 52.5, 52.0, None]
    with pytest.raises(InputError, match="a number in %"):
        value_of(percent, "fifty")


def test_flags_and_options_are_called_by_their_labels():
    assert in_the_window("give `pain_side=left` or --rmt, not --elsewhere") == (
        "give “side of the pain” left or “resting motor threshold”, not --elsewhere"
    )
