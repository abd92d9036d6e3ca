"""One head, many plans: beside each other, none lost, each found by its name; the head as it was made."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from tes_ball import LEFT_SPOT_MM, write_ball

from cli.main import run
from meshes.errors import InputError
from targeting import list_plans
from targeting.planning import tes as tes_road
from targeting.plans.tes import read_tes_plan, write_tes_plan
from targeting.study.plan_name import plan_name
from targeting.study.study import Study
from targeting.study.tes_request import TesRequest
from targeting.study.tms_request import TmsRequest
from targeting.subject import IN_THE_FOLDER, Stage, Subject

LEFT = "ras:" + ",".join(map(str, LEFT_SPOT_MM))
RIGHT = "ras:" + ",".join(map(str, (-LEFT_SPOT_MM[0], *LEFT_SPOT_MM[1:])))


@pytest.mark.parametrize(
    ("request_", "side", "name"),
    [
        (TmsRequest(), "left", "m1-hand-left"),
        (TmsRequest(coil="figure8-70mm", aim="psi"), "right", "psi-right"),
        (TmsRequest(coil="measured/My coil.v2.ccd"), "left", "m1-hand-left-My_coil"),
        (TmsRequest(hotspot_mm=(-38, -20, 55)), "left", "m1-hand-left-hotspot"),
        (TmsRequest(aim="ras:-40.5,-20,55"), None, "ras_-40.5_-20_55"),
        (TmsRequest(aim="mni:there/mask of M1.nii.gz"), "left", "mask_of_M1-left"),
        (TmsRequest(aim="lh.aparc.annot:precentral"), "left", "lh_precentral-left"),
        (TesRequest(kind="hd-tdcs", network="mni:pain.nii.gz"), None, "pain"),
        (TesRequest(montage="m1-so"), "right", "m1-hand-right-m1-so"),
    ],
)
def test_a_plan_is_named_after_what_is_asked_for(request_, side, name):
    assert plan_name(request_, side) == name
    assert Subject.named("s1").of(name).plan == name


def stage(name, made, after=(), **parameters):
    """A stage that notes that it ran, and writes a file of some size."""

    def make(folder):
        made.append(name)
        (folder / f"{name}.bin").write_bytes(name.encode() * 1000)
        return name

    return Stage(name, 1, make, lambda folder: (folder / f"{name}.bin").read_text()[: len(name)], {}, parameters, after)


def test_the_head_is_made_once_and_what_plans_share_is_linked(tmp_path):
    made: list[str] = []
    hand, leg = (Subject.named("s1", tmp_path / "s1").of(name) for name in ("hand", "leg"))
    with hand.locked():
        mesh = hand.run(stage("mesh", made))
        target = hand.run(stage("target", made, [mesh], at="hand"))
        hand.run(stage("dosemap", made, [target]))
    with leg.locked():
        mesh = leg.run(stage("mesh", made))
        assert mesh.reused and mesh.value == "mesh"
        same = leg.run(stage("target", made, [mesh], at="hand"))  # the same target, such as for another coil
        assert same.reused and same.digest == target.digest and same.value == "target"
        other = leg.run(stage("dosemap", made, [same], finer=True))
        assert not other.reused
    assert made == ["mesh", "target", "dosemap", "dosemap"]
    assert (tmp_path / "s1" / "mesh.bin").is_file() and not (leg.plan_folder / "mesh.bin").exists()
    files = [each.plan_folder / "target.bin" for each in (hand, leg)]
    assert files[0].samefile(files[1])  # one file on the disk
    with leg.locked():  # a plan's own stage made anew leaves the other's as it is
        leg.run(stage("target", made, [mesh], at="leg"))
    assert not files[0].samefile(files[1]) and hand.recorded("target", lambda folder: None) is not None
    assert {row.stage: row.state for row in hand.status(["mesh", "target", "dosemap"])} == dict.fromkeys(
        ("mesh", "target", "dosemap"), "done"
    )


def test_a_plan_in_which_nothing_was_made_leaves_no_folder(tmp_path):
    subject = Subject.named("s1/psi-right", tmp_path / "s1")
    with subject.locked():
        subject.run(stage("mesh", []))
        subject.plan_folder.mkdir(parents=True)
    assert (tmp_path / "s1" / "mesh.json").is_file() and not (tmp_path / "s1" / "plans").exists()


def plan_file(folder, text="{}"):
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("files.json", "plan.json"):
        (folder / name).write_text(text)


def test_the_plan_that_is_meant_is_said_where_there_are_several(tmp_path):
    home = tmp_path / "s1"
    home.mkdir()
    assert Subject.planned("s1", home).plan == ""  # what reads it says that there is none
    with pytest.raises(InputError, match="s1 has no plan 'leg': it has none yet"):
        Subject.planned("s1/leg", home)
    plan_file(home / "plans" / "leg")
    assert Subject.planned("s1", home).plan == "leg"
    plan_file(home / "plans" / "hand")
    with pytest.raises(InputError, match=r"s1 has 2 plans \(hand, leg\): say which, such as s1/leg"):
        Subject.planned("s1", home)
    assert Subject.planned("s1/hand", home).plan_folder == home / "plans" / "hand"
    with pytest.raises(InputError, match="s1 has no plan 'foot': it has hand, leg"):
        Subject.planned("s1/foot", home)
    plan_file(home)  # of an older version
    assert Subject.named("s1", home).plans() == [IN_THE_FOLDER, "hand", "leg"]
    assert Subject.planned("s1/.", home).plan_folder == home
    for wrong in ("s1/", "s1/../x", "s1/a/b", "s1/.hidden"):
        with pytest.raises(InputError, match="subject name"):
            Subject.named(wrong, home)


@pytest.fixture(scope="module")
def ball(tmp_path_factory):
    return write_ball(tmp_path_factory.mktemp("ball"), 12.0)


@pytest.fixture(scope="module")
def person(ball, tmp_path_factory):
    """A person with a head and two plans of pads, one for each side."""
    head, marks = ball
    out = ["--out", str(tmp_path_factory.mktemp("person") / "s1"), "--quiet"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Study, "_cortex", (None, []))
        patch.setattr(tes_road, "write_tes_files", lambda folder, _, plan: write_tes_plan(folder / "plan.json", plan))
        asked = ["plan", "s1", "--radius", "10", "--with", "tdcs", "--positions", str(marks), *out]
        assert run([*asked, "--aim", LEFT, "--head", str(head)]) == 0
        assert run([*asked, "--aim", RIGHT, "--as", "other-side"]) == 0  # of the head there is
        yield out[1], asked


@pytest.mark.slow
def test_two_plans_of_one_head_stand_beside_each_other(person, capfd):
    out, _ = person
    rows = list_plans("s1", out)
    names = [row.name for row in rows]
    assert names == [f"s1/{plan_name(TesRequest(aim=LEFT), None)}", "s1/other-side"]
    assert [row.state for row in rows] == ["done", "done"] and all(row.dose_v_per_m > 0 for row in rows)
    left, right = (read_tes_plan(row.file) for row in rows)
    assert left.target.center_mm[0] < -10 and right.target.center_mm[0] > 10
    assert left.search.name == names[0].split("/")[1] and " --as " not in left.search.command
    assert right.search.name == "other-side" and "--as other-side" in right.search.command
    capfd.readouterr()
    assert run(["plans", "s1", "--out", out]) == 0
    listed = capfd.readouterr().out
    assert "s1/other-side" in listed and "V/m at 2 mA" in listed
    assert run(["status", "s1", "--out", out, "--json"]) == 0
    status = json.loads(capfd.readouterr().out)
    assert [row["stage"] for row in status].count("mesh") == 1  # the head's once
    assert {row["plan"] for row in status if row["stage"] == "tdcs-search"} == {each.split("/")[1] for each in names}
    assert run(["verify", "s1", "--out", out]) == 2
    assert "s1 has 2 plans" in capfd.readouterr().err
    # a plan that was begun and never finished is one of those among which a name chooses: it has a row, too
    begun = Path(out) / "plans" / "begun"
    begun.mkdir()
    try:
        (begun / "search.json").write_text("{}")
        assert [(row.name, row.state) for row in list_plans("s1", out) if not row.kind] == [("s1/begun", "unfinished")]
        assert run(["plans", "s1", "--out", out]) == 0
        assert "unfinished: it has no plan.json" in " ".join(capfd.readouterr().out.split())
    finally:
        shutil.rmtree(begun)
    # a coil looks at one of them by its name
    assert run(["montages", "equal-dose", out]) == 2
    assert "has 2 plans of montages" in capfd.readouterr().err
    assert run(["montages", "equal-dose", f"{out}/other-side", "--json"]) == 0
    assert np.isclose(json.loads(capfd.readouterr().out)[0]["dose_v_per_m"], right.dose.dose_v_per_m)


@pytest.mark.slow
def test_what_would_make_the_head_anew_is_refused_in_a_plan(person, ball, tmp_path, capfd):
    out, asked = person
    before = {path: path.stat().st_mtime_ns for path in (tmp_path.parent / out).rglob("*.json")}
    another = write_ball(tmp_path, 14.0)[0]
    assert run([*asked, "--aim", LEFT, "--head", str(another)]) == 2
    line = capfd.readouterr().err.splitlines()[-1]
    assert "the head of s1 was made from another HEAD file" in line and "target head s1 --head ball.msh" in line
    assert "its 2 plans will be outdated" in line
    labels = tmp_path / "labels.nii.gz"
    labels.write_bytes(b"")
    assert run([*asked, "--aim", LEFT, "--labels", str(labels)]) == 2
    assert "the head of s1 was made from a finished mesh" in capfd.readouterr().err
    assert before == {path: path.stat().st_mtime_ns for path in (tmp_path.parent / out).rglob("*.json")}
    assert run([*asked, "--aim", LEFT, "--head", str(ball[0])]) == 0  # the same head is no other


@pytest.mark.slow
def test_a_plan_that_is_replaced_is_named(person, caplog):
    _, asked = person
    assert run([*asked, "--aim", RIGHT, "--as", "other-side", "--minutes", "10"]) == 0
    (line,) = [each.getMessage() for each in caplog.records if "replaces" in each.getMessage()]
    assert line.startswith("this replaces plan s1/other-side, made with: target plan s1 ") and "--minutes" not in line
    caplog.clear()
    assert run([*asked, "--aim", RIGHT, "--as", "other-side", "--minutes", "10"]) == 0
    assert not [each for each in caplog.records if "replaces" in each.getMessage()]


@pytest.mark.slow
def test_two_names_for_one_plan_are_refused(person, capfd):
    _, asked = person
    words = [each if each != "s1" else "s1/hand" for each in asked]
    assert run([*words, "--aim", LEFT, "--as", "leg"]) == 2
    assert "two names for one plan" in capfd.readouterr().err
