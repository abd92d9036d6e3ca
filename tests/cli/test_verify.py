"""``target verify``: a folder as it was planned passes, and every change in it is found and named."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from planned_ball import SPOT, planned_ball
from tes_ball import write_ball
from tes_commands import command

from cli.main import run
from meshes import HeadMesh, InputError
from targeting import Coil, Pose, simulate_tms
from targeting.fem import HeadConductor
from targeting.fem.second_order import near_target
from targeting.navigation.navigators import navigator_file, navigators_of_plans
from targeting.planning import tes as tes_road
from targeting.planning.tms_files import write_navigator
from targeting.plans.gate import plan_gate
from targeting.plans.tes import read_tes_plan, write_tes_plan
from targeting.plans.tms import read_plan, write_plan
from targeting.study.study import Study
from targeting.subject import Stage, Subject
from targeting.tes.montage_files import write_bids, write_montage_table
from targeting.tms import DoseMap
from targeting.tms.confirmation import confirm
from targeting.verification import verify

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The planned ball with the doses its pose really has, two placements, and both navigators' files."""
    subject = planned_ball(tmp_path_factory.mktemp("verify") / "ball")
    folder = subject.folder
    plan, head, coil = read_plan(folder / "plan.json"), HeadMesh.read(folder / "head.msh"), Coil.named("figure8-70mm")
    pose = Pose(np.array(plan.placements[0].pose))
    finer = near_target(HeadConductor(head), SPOT)
    solved = confirm(head, SPOT, [simulate_tms(finer, coil, pose).e_v_per_m])
    first = replace(
        plan.placements[0],
        dose_v_per_m=DoseMap.load(folder / "dosemap.npz").dose(coil, pose.matrix_mm),
        direct_dose_v_per_m=float(solved.direct_dose_v_per_m[0]),
        direct_mean_e_v_per_m=float(solved.direct_mean_e_v_per_m[0]),
        max_e_v_per_m=float(solved.max_e_v_per_m[0]),
        peak_e_v_per_m=float(solved.peak_e_v_per_m[0]),
    )
    farther = np.array(first.pose)
    farther[:3, 3] -= 6.0 * farther[:3, 2]
    second = replace(
        first,
        rank=2,
        pose=farther.tolist(),
        dose_v_per_m=0.8 * first.dose_v_per_m,
        direct_dose_v_per_m=None,
        direct_mean_e_v_per_m=None,
    )
    true = replace(plan, placements=[first, second], created="2026-03-01T09:30:05+00:00")

    def files(there):
        write_plan(there / "plan.json", true)
        for navigator in navigators_of_plans():
            write_navigator(true, navigator, there, plan_gate(subject, true))

    after = [subject.recorded(name, lambda _: None) for name in ("mesh", "target", "dosemap", "search")]
    with subject.locked():
        subject.run(Stage("files", 4, files, lambda _: None, after=after))
    return folder


@pytest.fixture
def subject(made, tmp_path):
    shutil.copytree(made, tmp_path / "ball")
    return Subject.named("ball", tmp_path / "ball")


def failed(subject, **more):
    return {check.name: check.words for check in verify(subject, **more) if not check.passed}


def flip(path, at):
    """Change one byte."""
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


def rewritten(subject, stage="files"):
    """Make the stage's record fit the files again, as someone would who knows the folder."""
    record = subject.record(stage)
    outputs = record["outputs"]

    def make(folder):
        for name in outputs:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(subject.folder / name, folder / name)

    after = [subject.recorded(name, lambda _: None) for name in record["made_from"]["after"]]
    assert all(after)
    parameters = {**record["made_from"]["parameters"], "again": True}
    with subject.locked():
        subject.run(Stage(stage, 99, make, lambda _: None, {}, parameters, after))


def with_placement(plan, rank, **changes):
    placements = [replace(each, **changes) if each.rank == rank else each for each in plan.placements]
    return replace(plan, placements=placements)


def moved(plan, rank, mm):
    pose = np.array(plan.placements[rank - 1].pose)
    pose[:3, 3] += mm
    return with_placement(plan, rank, pose=pose.tolist())


def test_a_folder_as_it_was_planned_passes(subject, capfd):
    assert run(["verify", "ball", "--out", str(subject.folder), "--quiet"]) == 0
    lines = capfd.readouterr().out.splitlines()
    assert lines[-1].startswith("all ") and lines[-1].endswith(" checks passed")
    assert [line.split()[0] for line in lines[:5]] == ["mesh", "target", "dosemap", "search", "files"]
    direct = next(line for line in lines if line.startswith("direct dose"))
    assert "(at most 1.0e-05)" in direct


@pytest.mark.parametrize(
    ("file", "stage"),
    [("head.msh", "mesh"), ("plan.json", "files"), ("plan_brainsight.txt", "files"), ("dosemap.npz", "dosemap")],
)
@pytest.mark.parametrize("share", [0.3, 0.9])
def test_one_changed_byte_is_found_wherever_it_is(subject, capfd, file, stage, share):
    path = subject.folder / file
    flip(path, int(share * path.stat().st_size))
    assert run(["verify", "ball", "--out", str(subject.folder), "--json", "--quiet"]) == 1
    answer = json.loads(capfd.readouterr().out)
    bad = {check["name"]: check["words"] for check in answer["checks"] if not check["passed"]}
    assert not answer["passed"] and f"{file} is not as it was written" in bad[stage]


def test_without_the_mesh_of_the_record_nothing_is_solved(subject):
    flip(subject.folder / "head.msh", 5000)
    assert "not solved again, as mesh changed" in failed(subject)["dose"]


def test_a_changed_pose_is_found_by_the_solve_and_by_both_files_even_where_the_hashes_fit(subject):
    plan = read_plan(subject.folder / "plan.json")
    write_plan(subject.folder / "plan.json", moved(plan, 1, [0.0, 0.1, 0.0]))
    rewritten(subject)
    bad = failed(subject)
    names = [navigator_file(each, plan.created) for each in navigators_of_plans()]
    assert {"direct dose", "mean |E|", *names} <= set(bad) and "files" not in bad
    assert "pose 1 is another: 2 poses read back, at most 0.1000 mm" in bad[names[1]]


@pytest.mark.parametrize(
    ("field", "name"),
    [("direct_dose_v_per_m", "direct dose"), ("max_e_v_per_m", "largest |E|"), ("peak_e_v_per_m", "peak")],
)
def test_a_changed_dose_is_found_even_where_the_hashes_fit(subject, field, name):
    plan = read_plan(subject.folder / "plan.json")
    changed = with_placement(plan, 1, **{field: 1.0001 * getattr(plan.placements[0], field)})
    write_plan(subject.folder / "plan.json", changed)
    rewritten(subject)
    assert list(failed(subject)) == [name]


def test_a_mesh_of_other_tissues_is_found_where_its_own_hash_fits(subject):
    head = HeadMesh.read(subject.folder / "head.msh")
    tissue = head.tissue.copy()
    tissue[(tissue == 3) & (head.centroids_mm[:, 0] < 0)] = 4  # no CSF on the left
    HeadMesh(head.points_mm, head.tets, tissue).write(subject.folder / "head.msh")
    rewritten(subject, "mesh")
    bad = failed(subject)
    assert bad["dose"] == "not solved again, as target, search changed"
    assert bad["files"] == "it follows another result of mesh than the folder's"


def test_a_file_exported_elsewhere_is_read_back(subject, tmp_path):
    plan, gate = read_plan(subject.folder / "plan.json"), plan_gate(subject, read_plan(subject.folder / "plan.json"))
    right, wrong = tmp_path / "right.xml", tmp_path / "wrong.txt"
    write_navigator(plan, "localite", right, gate)
    write_navigator(moved(plan, 2, [0.0, 0.0, 0.5]), "brainsight", wrong, gate)
    bad = failed(subject, exported=[right, wrong])
    assert list(bad) == ["wrong.txt"] and "pose 2 is another" in bad["wrong.txt"]
    wrong.write_text(wrong.read_text().replace("NIfTI:Q:Aligned", "NIfTI:S:Scanner"))
    assert "it is not in NIfTI:Q:Aligned" in failed(subject, exported=[wrong])["wrong.txt"]
    wrong.unlink()
    assert list(failed(subject, exported=[wrong])) == ["wrong.txt"]


def test_a_plan_that_is_gone_or_a_record_that_is_no_record(subject, tmp_path):
    (subject.folder / "search.json").write_text("{}")
    (subject.folder / "plan.json").unlink()
    bad = failed(subject)
    assert bad["search"] == "search.json is no record of this stage"
    assert "plan.json is gone" in bad["files"] and "it follows search, of which there is no record" in bad["files"]
    assert "there is no plan" in bad["plan.json"]
    with pytest.raises(InputError, match="there is no plan in"):
        verify(Subject.named("nobody", tmp_path / "nobody"))


def tables(folder, _, plan):
    write_tes_plan(folder / "plan.json", plan)
    write_montage_table(folder / "montage.csv", plan.montage)
    write_bids(folder, plan.montage, plan.landmarks, plan.frame)


@pytest.fixture(scope="module")
def montage(tmp_path_factory):
    """A folder with a montage on the ball."""
    folder = tmp_path_factory.mktemp("montage")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Study, "_cortex", (None, []))
        patch.setattr(tes_road, "write_tes_files", tables)  # pictures take half a minute
        assert command(write_ball(folder, 10.0), folder / "ball", "tdcs", "--montage", "m1-so") == 0
    return folder / "ball"


def test_a_montage_is_solved_again_and_its_tables_read_back(montage, tmp_path):
    shutil.copytree(montage, tmp_path / "ball")
    subject = Subject.named("ball", tmp_path / "ball")
    checks = verify(subject)
    assert all(check.passed for check in checks), checks
    assert {"tdcs dose", "tdcs peak", "tdcs/montage.csv", "tdcs/electrodes.tsv"} <= {check.name for check in checks}

    path, forward = subject.folder / "tdcs" / "plan.json", np.array([0.0, 1.0, 0.0])
    plan = read_tes_plan(path)
    other = [
        replace(plan.montage[0], scalp_mm=(plan.montage[0].scalp_mm + forward).tolist()),
        *plan.montage[1:],
    ]
    write_tes_plan(path, replace(plan, montage=other))
    bad = failed(subject)
    assert {"tdcs-files", "tdcs dose", "tdcs/montage.csv", "tdcs/electrodes.tsv"} <= set(bad)
    write_tes_plan(path, replace(plan, dose=replace(plan.dose, dose_v_per_m=1.001 * plan.dose.dose_v_per_m)))
    assert set(failed(subject)) == {"tdcs-files", "tdcs dose"}
