"""``target map`` on a small planned head: from a session's file to the hotspot, its files, and what is refused."""

import json
import shutil

import numpy as np
import pytest
from mapping_sessions import localite_triggers, moved, responses_uv
from viewed_head import viewed_head

from atlases.scalp import Scalp
from cli.main import run
from meshes import HeadMesh, InputError
from targeting import Coil
from targeting.mapping import map_motor
from targeting.mapping.places import Places
from targeting.navigation import brainsight, localite
from targeting.plans.tms import read_plan, write_plan
from targeting.pose_gate import PoseGate
from targeting.study import field_basis_stage
from targeting.study.measured_hotspot import read_hotspot
from targeting.subject import Subject
from targeting.tms.placement import place

pytestmark = pytest.mark.slow
COIL, PULSES, DIDT = Coil.named("figure8-70mm"), 120, 70.0
FRAME = {"name": "ball.nii.gz", "sha256": "0f" * 32, "affine_mm": np.eye(4).tolist(), "shape": [10, 10, 10]}


class Mapped:
    """The planned ball with its basis, and a session of a muscle at a known place on its left."""

    def __init__(self, folder):
        self.subject = viewed_head(folder)
        (folder / "head.json").write_text(json.dumps({"frame": FRAME}), encoding="utf-8")
        self.basis = field_basis_stage.cortical_basis(self.subject, sources=80).value
        plan, head = read_plan(folder / "plan.json"), HeadMesh.read(folder / "head.msh")
        self.gate = PoseGate(Scalp.of(head), COIL)
        rng, points = np.random.default_rng(0), self.gate.scalp.points_mm
        over = points[self.gate.scalp.nearest(1.4 * np.array(plan.target.center_mm))]
        near = points[np.linalg.norm(points - over, axis=1) < 22.0]
        poses, _ = place(
            self.gate.scalp, COIL, near[rng.choice(len(near), PULSES)], rng.uniform(0, 180, (PULSES, 1)), 4.0
        )
        self.poses = poses[:, 0]
        places = Places.near(self.basis, np.array(plan.target.center_mm), "left")
        e = places.fields(COIL, moved(self.poses, rng, (0.5, 0.3, 0.1)), np.full(PULSES, DIDT * 1e6))
        size = places.quantity(e, "magnitude")
        away = np.linalg.norm(places.points_mm - plan.target.center_mm, axis=1)
        largest = size.max(axis=0)
        self.spot = int(np.flatnonzero((largest > 0.8 * largest.max()) & (away < 15))[0])
        self.spot_mm, self.threshold = places.points_mm[self.spot], float(largest[self.spot] / 1.5)
        self.mep_uv = responses_uv(size[:, self.spot] / self.threshold, rng)

    def session(self, path, mep_uv=None, poses=None, **more):
        text = localite_triggers(
            self.poses if poses is None else poses, self.mep_uv if mep_uv is None else mep_uv, DIDT, **more
        )
        path.write_text(text, encoding="utf-8")
        return path


@pytest.fixture(scope="module")
def mapped(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(field_basis_stage, "_errors", lambda *_: {"none": [0.0]})
        return Mapped(tmp_path_factory.mktemp("map") / "ball")


def out(mapped):
    return ["--out", str(mapped.subject.folder), "--quiet"]


def test_the_command_finds_the_muscle_and_writes_what_is_needed(mapped, tmp_path, capsys):
    session = mapped.session(tmp_path / "session.xml")
    assert run(["map", "ball", "--session", str(session), *out(mapped), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["found"]
    assert told["pulses"] == PULSES
    assert (told["side"], told["muscle"], told["session"]) == ("left", "hand", "session.xml")
    assert np.linalg.norm(np.array(told["hotspot_mm"]) - mapped.spot_mm) < 5
    within = told["threshold_v_per_m"]
    assert within["low"] < mapped.threshold < within["high"]
    folder = mapped.subject.plan_folder / "mapping"
    assert {each.name for each in folder.iterdir()} >= {"mapping.json", "mapping.html", "mapping_places.tsv"}
    places = np.loadtxt(folder / "mapping_places.tsv", skiprows=1)
    assert places[:, 4].sum() == pytest.approx(1, abs=1e-4)
    assert places[places[:, 4].argmax(), 0] < 0  # left is negative
    page = (folder / "mapping.html").read_text(encoding="utf-8")
    assert "Hotspot of the hand" in page
    assert "—" not in page


def test_the_next_poses_are_the_same_in_both_navigators_and_out_of_the_head(mapped, tmp_path):
    found = map_motor(mapped.subject, mapped.session(tmp_path / "session.xml")).hotspot
    folder = mapped.subject.plan_folder / "mapping"
    files = {"brainsight": brainsight, "localite": localite}
    read = {name: each.read(next(folder.glob(f"map_next_{name}*"))) for name, each in files.items()}
    for poses in read.values():
        assert [each.name for each in poses] == [f"map-{i}" for i in range(1, 11)]
        assert np.array([each.matrix_mm for each in poses]) == pytest.approx(np.array(found.next_poses), abs=2e-3)
        assert not any(mapped.gate.fault(each) for each in poses)
        assert np.mean([each.center_mm[0] for each in poses]) < 0  # left is negative


def test_responses_of_a_table_are_the_same_responses(mapped, tmp_path):
    whole = map_motor(mapped.subject, mapped.session(tmp_path / "session.xml")).hotspot
    bare = mapped.session(tmp_path / "bare.xml", np.full(PULSES, np.nan))
    order = np.random.default_rng(1).permutation(PULSES)
    rows = "".join(f"{i + 1}\t{mapped.mep_uv[i] / 1000:.6f}\n".replace(".", ",") for i in order)
    (tmp_path / "emg.tsv").write_text("pulse\tmep_mv\n" + rows, encoding="utf-8")
    joined = map_motor(mapped.subject, bare, tmp_path / "emg.tsv").hotspot
    assert joined.hotspot_mm == whole.hotspot_mm
    assert joined.r2 == pytest.approx(whole.r2, abs=1e-4)


def test_shuffled_responses_are_not_found_and_say_what_to_do(mapped, tmp_path, capsys):
    shuffled = np.random.default_rng(2).permutation(mapped.mep_uv)
    session = mapped.session(tmp_path / "shuffled.xml", shuffled)
    assert run(["map", "ball", "--session", str(session), *out(mapped)]) == 1
    said = capsys.readouterr().out
    assert "No hotspot was found" in said
    assert "no better than chance" in said
    record = read_hotspot(mapped.subject.plan_folder / "mapping" / "mapping.json")
    assert not record.found
    assert "No hotspot" in (mapped.subject.plan_folder / "mapping" / "mapping.html").read_text(encoding="utf-8")


def test_a_session_over_the_other_side_is_refused(mapped, tmp_path):
    mirror = np.diag([-1.0, 1.0, 1.0, 1.0])
    turned = np.diag([-1.0, 1.0, 1.0, 1.0])  # so that the axes stay right-handed
    session = mapped.session(tmp_path / "right.xml", poses=mirror @ mapped.poses @ turned)
    with pytest.raises(InputError, match="lie over the right of the brain, and the plan's target is on the left"):
        map_motor(mapped.subject, session)


def test_words_and_numbers_that_make_no_sense(mapped, tmp_path):
    session = mapped.session(tmp_path / "session.xml")
    for more, why in (
        ({"muscle": "tongue"}, "muscle 'tongue'"),
        ({"curve": "cubic"}, "curve 'cubic'"),
        ({"quantity": "power"}, "quantity 'power'"),
        ({"percent": 120.0}, "`percent` is of the stimulator's maximum"),
    ):
        with pytest.raises(InputError, match=why):
            map_motor(mapped.subject, session, **more)


def test_a_plan_whose_target_has_no_side_is_refused(mapped, tmp_path):
    copy = tmp_path / "ball"
    shutil.copytree(mapped.subject.folder, copy)
    plan = read_plan(copy / "plan.json")
    object.__setattr__(plan.target, "side", "")
    write_plan(copy / "plan.json", plan)
    with pytest.raises(InputError, match="on neither side"):
        map_motor(Subject.planned("ball", copy), mapped.session(tmp_path / "session.xml"))
