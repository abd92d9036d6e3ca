"""The window of ``target app``, real, under a virtual screen: from an empty folder to the file that a navigator loads."""

import json
import re

import numpy as np
import pytest
from screen import in_window, virtual_screen
from seen_ball import seen_ball

from targeting.app.draft import in_the_window
from targeting.navigation import brainsight
from targeting.plans.tms import read_plan

pytestmark = pytest.mark.slow


@pytest.fixture
def session(tmp_path):
    """Runs a session of ``app_session.py`` in an empty folder on a laptop's screen; what was seen."""
    pytest.importorskip("pyvistaqt", reason="needs the extra 'viewer'")
    (tmp_path / "pictures").mkdir()
    (tmp_path / "folder").mkdir()

    def run(name, seconds=120.0):
        with virtual_screen("1280x720x24") as display:
            told = in_window(
                "app_session.py", display, name, tmp_path / "folder", tmp_path / "pictures", seconds=seconds
            )
        return json.loads(told.splitlines()[-1])

    run.folder = tmp_path / "folder"
    return run


def test_from_an_empty_folder_to_a_navigator_s_file(session):
    seen = session("from_empty_to_file", 600.0)
    assert seen["at"] == 1 and seen["refused"] == {} and seen["nameless"] == []
    assert (
        seen["side"] == "Pain on the RIGHT of the body: the target is on the other side, in the LEFT half of the brain."
    )
    assert seen["drawn"] == "the brain with m1-hand in its left half, drawn on the left"
    assert seen["size"][0] <= 1280 and seen["size"][1] <= 720
    command = "target plan colin27 --pain-side right --density fast --rmt 45 --protocol m1-pain-10hz --stimulator magstim-rapid"
    assert seen["command"] == command and "in the LEFT half" in seen["title"]
    # on a machine that has made such a head before, and on one that has not
    assert re.search(r"step 2 of 13, about [\w ]+ left( \(a first guess\))?: head mesh", seen["words"])

    # cancelled in the middle: what is finished is there, nothing is half-made, and no lock is held
    assert seen["cancelled"].startswith("Cancelled") and seen["cancel_s"] < 10 and not seen["result_shown"]
    assert "colin27/segment.json" in seen["left"] and "colin27/mesh.json" not in seen["left"]
    assert not [path for path in seen["left"] if ".making" in path or path.endswith(".pid")]

    # planned: the decision, with its warnings, and the command as the plan records it
    plan = read_plan(session.folder / "colin27" / "plans" / "m1-hand-left" / "plan.json")
    assert seen["failed"] == "" and "(from before)" in seen["heard"]
    assert seen["again"] == plan.search.command == command
    assert "m1-hand left" in seen["decision"] and "pain right → coil left" in seen["decision"]
    assert plan.target.side == "left" and plan.target.center_mm[0] < 0
    assert "36 % MSO" in seen["facts"] and plan.dosing.given_percent == 36  # 80 % of 45
    assert all(in_the_window(each.text) in seen["warnings"] for each in plan.warnings)
    assert "--" not in seen["facts"] + seen["warnings"]

    # exported: the plan's poses, as the navigator will read them
    (exported,) = seen["exports"]
    file = session.folder / "for brainsight.txt"
    image = file.with_name("colin27_T1.nii.gz")  # of the demonstration head, to load in the navigator
    assert exported["said"].startswith(f"Written: {file}, {image}. ") and "Brainsight" in exported["said"]
    assert image.is_file()
    poses = [each.matrix_mm for each in brainsight.read(file)]
    assert np.allclose(poses, [each.pose for each in plan.placements], atol=1e-3)
    assert poses[0][0][3] < -20  # left is left


def test_what_is_wrong_is_said_at_its_field_before_anything_is_planned(session):
    seen = session("refusals")
    assert "give the subject a name" in seen["no_name"] and seen["step_without_name"] == 0
    assert "drop or choose a T1" in seen["no_head"] and "notes.txt is no head" in seen["no_image"]
    in_head = {
        "Choose a file …",
        "Choose a DICOM folder …",
        "subjects in this folder",
        "name of the subject",
        "mesh",
        "Next",
    }
    in_target = {"targets", "target", "Pain on the left", "coil", "resting motor threshold", "protocol", "Back", "Plan"}
    assert in_head <= set(seen["tab_in_head"]) and in_target <= set(seen["tab_in_target"])
    assert list(seen["no_side"]) == ["side"] and seen["step_without_side"] == 1
    assert (
        seen["side"] == "Pain on the LEFT of the body: the target is on the other side, in the RIGHT half of the brain."
    )
    assert "it takes a number in %" in seen["no_number"]["rmt_percent"]
    assert "between 1 and 100 %" in seen["too_much"]["rmt_percent"]
    assert "“resting motor threshold”" in seen["protocol"]["protocol"]
    assert seen["no_file"] == [
        "Magstim 70 mm double coil (figure-of-eight)",
        "figure8-70mm",
    ]  # what is shown is what is asked
    assert seen["point_side"] == "left"  # a plan compares it with the side of the coordinates
    assert seen["with_pads"] == {} and not seen["coil_shown"]
    assert seen["step"] == 1 and seen["written"] == ["notes.txt"] and seen["nameless"] == []
    assert all(len(set(keys)) == len(keys) > 5 for keys in seen["keys"]), seen["keys"]  # no key means two things
    # a run that fails says why in a line, and where its log is
    assert seen["locked"].startswith("No plan was made: another run (process ") and "“folder”" in seen["locked"]
    assert "the system stopped it (out of memory?)" in seen["killed"]
    log = session.folder / "colin27" / "target.log"
    assert seen["killed"].endswith(f"(the log is {log})") and "run: target plan colin27" in log.read_text()


def test_a_subject_that_is_here_is_opened_exported_and_looked_at(session):
    seen_ball(session.folder / "ball")
    seen = session("existing")
    assert seen["people"][1:] == ["ball"] and seen["name"] == "ball"
    assert seen["plans"] == ["ball/.: tms, figure8-70mm, 1 V/m at 1 A/µs"]
    assert seen["step"] == 2 and "left spot" in seen["title"]
    plan = read_plan(session.folder / "ball" / "plan.json")
    assert all(each.text in seen["warnings"] for each in plan.warnings)
    in_plan = {
        "Read the report",
        "Move the coil …",
        "Open folder",
        "navigator to export for",
        "Export …",
        "what the plan decides",
    }
    assert in_plan | {"dangers, warnings and notes of the plan"} <= set(seen["tab_in_plan"])
    assert len(set(seen["keys"])) == len(seen["keys"]) > 8, seen["keys"]
    asked = [each["asked"] for each in seen["exports"]]
    assert [len(each) for each in asked] == [1, 2, 2]  # only a file that is there is asked about
    assert asked[1][1] == "poses.txt is there already. Replace it?"
    assert seen["kept"] == "mine" and seen["replaced"] is True
    assert seen["opened"] == [str(session.folder / "ball" / "plan.html"), str(session.folder / "ball")]
    assert seen["coil"] is True and "ball" in seen["viewer"]
    assert seen["plans_then"] == [*seen["plans"], "ball/begun: unfinished"] and seen["can_open"] is False


def test_a_scanner_s_folder_is_dropped(session):
    pytest.importorskip("dcm2niix", reason="needs the extra 'viewer'")
    seen = session("dropped")
    assert [words.split(":")[0] for words in seen["series"]] == ["t1_mprage_sag", "localizer"]
    assert seen["accepted"] and seen["said"] == "scan: 2 series of DICOM"
    assert "too little for a head" in seen["refused"] and seen["step"] == 0
    assert seen["written"] == ["scan"]  # nothing is kept of what no plan is made of
