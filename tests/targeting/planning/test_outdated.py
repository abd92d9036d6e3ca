"""A plan that no longer follows from what it was made of: refused by all that use it, taken with --anyway, and said."""

import json
import shutil

import pytest
from planned_ball import planned_ball
from seen_ball import seen_ball

from cli.main import run
from meshes import InputError
from targeting.live import LiveDose
from targeting.study.field_basis_stage import cortical_basis
from targeting.study.plan_state import check_stands, stages_behind, why_outdated
from targeting.subject import Stage, Subject
from targeting.viewer.request import ViewRequest


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return seen_ball(tmp_path_factory.mktemp("outdated") / "ball").folder


@pytest.fixture
def subject(made, tmp_path):
    shutil.copytree(made, tmp_path / "ball")
    return Subject.named("ball", tmp_path / "ball")


def another_target(subject):
    """What a second plan for another target leaves when it is stopped half way."""
    mesh = subject.recorded("mesh", lambda folder: None)
    other = {"aim": "another"}
    stage = Stage(
        "target", 1, lambda there: (there / "target.npz").write_bytes(b"x"), lambda _: None, {}, other, [mesh]
    )
    with subject.locked():
        subject.run(stage)


def changed_file(subject):
    (subject.folder / "dosemap.npz").write_bytes(b"PK")


def changed_plan(subject):
    plan = subject.folder / "plan.json"
    plan.write_text(plan.read_text().replace('"rank": 1', '"rank":  1'))


def made_by_another_version(subject):
    record = json.loads((subject.folder / "search.json").read_text())
    record["made_from"]["package"] = "0.0.7"
    (subject.folder / "search.json").write_text(json.dumps(record))


def without_record(subject):
    (subject.folder / "files.json").unlink()


KINDS = [
    (another_target, r"target changed"),
    (changed_file, r"dosemap: its files were changed or removed"),
    (changed_plan, r"files: its files were changed or removed"),
    (made_by_another_version, r"search: made by version 0.0.7"),
    (without_record, r"files: there is no files.json"),
]


@pytest.mark.slow
def test_a_plan_that_stands_passes(subject, caplog):
    check_stands(subject)
    assert why_outdated(subject) == "" and not caplog.records
    assert stages_behind(subject, "files")[-1] == "files" and "dosemap" in stages_behind(subject, "files")


@pytest.mark.parametrize(("outdate", "why"), KINDS)
def test_every_command_on_a_plan_refuses_an_outdated_one(subject, outdate, why, capfd):
    outdate(subject)
    before = {path: path.read_bytes() for path in subject.folder.iterdir()}
    name, place = subject.name, ["--out", str(subject.folder)]
    png = ["--screenshot", str(subject.folder / "new.png")]
    for words in (["export", name, "--to", "localite"], ["view", name, *png], ["serve", name]):
        assert run([*words, *place]) == 2
        said = capfd.readouterr().err.strip().splitlines()[-1]
        assert "is outdated (" in said and "run 'target plan ball' again" in said and "--anyway" in said
    with pytest.raises(InputError, match=why):
        check_stands(subject)
    assert {path: path.read_bytes() for path in subject.folder.iterdir()} == before


@pytest.mark.slow
def test_anyway_it_is_taken_and_said(subject, tmp_path, capfd):
    changed_plan(subject)
    place = ["--out", str(subject.folder)]
    poses = tmp_path / "poses.xml"
    assert run(["export", "ball", "--to", "localite", "--file", str(poses), "--anyway", *place]) == 0
    assert "is outdated (files: its files were changed or removed) and taken as it is" in capfd.readouterr().err
    assert poses.is_file()
    request = ViewRequest.of("ball", subject.folder, None, 1, (), None, None, "magnE", None, tmp_path / "a.vtp", True)
    assert request.carried_out() == [tmp_path / "a.vtp"]
    assert LiveDose.of(subject, anyway=True).plan.subject == "ball"


def test_what_is_beside_an_outdated_plan_is_asked_too(made, subject, tmp_path):
    changed_file(subject)
    arguments = (None, 1, (str(subject.folder),), None, None, "magnE", tmp_path / "both.png", None)
    with pytest.raises(InputError, match=r"is outdated \(dosemap"):
        ViewRequest.of("ball", made, *arguments)


def test_a_basis_asks_of_its_own_stages_only(subject):
    changed_plan(subject)  # no basis is made from it
    assert why_outdated(subject, "dosemap") == ""
    (subject.folder / "target.npz").write_bytes(b"x")
    with pytest.raises(InputError, match=r"is outdated \(target: its files"):
        cortical_basis(subject)


def test_an_input_that_changed_outdates_and_one_that_is_gone_does_not(tmp_path):
    from targeting import Coil

    coil = tmp_path / "mine.ccd"
    Coil.named("circular-mc125").write(coil)
    subject = planned_ball(tmp_path / "ball", coil=coil)
    assert why_outdated(subject) == ""
    text = coil.read_text()
    coil.unlink()
    assert why_outdated(subject) == ""
    coil.write_text(text + "\n")
    assert why_outdated(subject) == "search: mine.ccd changed"
