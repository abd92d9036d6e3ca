"""The whole road on the embedded head, and what a second run does again."""

import json
import re
import xml.etree.ElementTree as ElementTree
from datetime import UTC, datetime

import nibabel
import numpy as np
import pytest

from cli.main import run
from meshes import HeadMesh
from targeting.navigation.navigators import navigator_file
from targeting.plans.schema import schema
from targeting.plans.tms import read_plan
from targeting.study import plan_state
from targeting.subject import MAKING, Subject

pytestmark = pytest.mark.slow

# of a plan whose cortex has folds
STAGES = (*plan_state.STAGES[:-1], "aim-certainty", plan_state.STAGES[-1])


@pytest.fixture(scope="module")
def planned(tmp_path_factory):
    """A folder in which ``target plan colin27 --density fast`` ran."""
    folder = tmp_path_factory.mktemp("road") / "colin27"
    assert run(["plan", "colin27", "--density", "fast", "--as", ".", "--quiet", "--out", str(folder)]) == 0
    return folder


def redone(folder, *options):
    """Stages that a further run makes again, in order."""
    before = {stage: (folder / f"{stage}.json").stat().st_mtime_ns for stage in STAGES}
    assert run(["plan", "colin27", "--density", "fast", "--as", ".", "--quiet", "--out", str(folder), *options]) == 0
    return [stage for stage in STAGES if (folder / f"{stage}.json").stat().st_mtime_ns != before[stage]]


def test_the_plan_holds_what_was_promised(planned):
    import jsonschema

    document = json.loads((planned / "plan.json").read_text())
    jsonschema.validate(document, schema())
    made = read_plan(planned / "plan.json")
    assert made.frame.name == "RAS mm of T1"
    assert made.target.side == "left" and made.target.center_mm[0] < 0
    assert any("left assumed" in each.text for each in made.warnings)
    assert made.tape.near in (planned / "treatment_sheet.html").read_text(encoding="utf-8")
    best = made.placements[0]
    assert best.direct_dose_v_per_m == pytest.approx(best.dose_v_per_m, rel=5e-3)
    assert made.search.direct_solves_by.startswith("embedded ")
    assert made.search.command == "target plan colin27 --as . --density fast"
    assert (made.search.head, made.search.mesh) == ("embedded", "fast")
    assert "mm from C" in (planned / "plan.html").read_text(encoding="utf-8")  # the hand area lies under C1 and C3
    assert best.direct_mean_e_v_per_m >= best.direct_dose_v_per_m
    assert best.max_e_v_per_m <= best.peak_e_v_per_m
    assert best.distance_mm >= 4 - 0.1
    assert made.seconds.keys() == set(STAGES) - {"files"}
    # over the hand area, and the coil's z axis points from the scalp to the target's side of the head
    pose, scalp = np.array(best.pose), np.array(best.scalp_mm)
    head = HeadMesh.read(planned / "head.msh")
    outside = head.points_mm[np.unique(head.boundary())]
    nearest = outside[np.argmin(np.linalg.norm(outside - made.target.center_mm, axis=1))]
    assert np.linalg.norm(scalp - nearest) < 25
    assert pose[:3, 2] @ (np.array(made.target.center_mm) - pose[:3, 3]) > 0
    # back to front and towards the midline, across the left central sulcus (Brasil-Neto 1992)
    current = pose[:3, 1] * made.coil.current_direction_y
    assert current @ [0.5, 0.866, 0.0] > 0.5
    assert len({tuple(np.round(each.pose, 3).ravel()) for each in made.placements}) == len(made.placements) == 5


def test_all_files_are_there_and_agree(planned):
    from atlases.warp import load_warp
    from targeting.navigation import brainsight, localite

    made = read_plan(planned / "plan.json")
    session = navigator_file("localite", made.created)
    for vendor, name in ((brainsight, "plan_brainsight.txt"), (localite, session)):
        poses = vendor.read(planned / name)
        for pose, placement in zip(poses, made.placements, strict=True):
            assert pose.matrix_mm == pytest.approx(np.array(placement.pose), abs=2e-3)
    ElementTree.parse(planned / session)
    # as SimNIBS's reader asks: a Localite session's name, and a time in it
    stamp = re.findall(r"InstrumentMarker(\d*).xml", str(planned / session))[0]
    assert datetime.strptime(stamp[:14], "%Y%m%d%H%M%S").replace(tzinfo=UTC) == datetime.fromisoformat(made.created)
    datetime.strptime(stamp, "%Y%m%d%H%M%f")
    report = (planned / "plan.html").read_text()
    assert "<html" in report and "http://" not in report.replace("http://www.w3.org", "")
    image = nibabel.load(planned / "magnE.nii.gz")
    assert image.shape == tuple(made.frame.shape)
    assert np.allclose(image.affine, made.frame.affine)
    in_mni = nibabel.load(planned / "magnE_MNI152.nii.gz")
    x, y, z = load_warp(planned / "mni_warp.npz").to_mni(np.array([made.target.center_mm]))[0]
    here, across = (np.linalg.inv(in_mni.affine) @ [each, y, z, 1] for each in (x, -x))
    at = [float(in_mni.dataobj[tuple(np.rint(each[:3]).astype(int))]) for each in (here, across)]
    assert x < 0 and at[0] == pytest.approx(made.placements[0].dose_v_per_m, rel=0.5) and at[0] > 2 * at[1]
    assert 'View "target"' in (planned / "coil.geo").read_text()
    field = HeadMesh.read(planned / "E.msh")
    assert len(field.tets) == len(HeadMesh.read(planned / "head.msh").tets)
    assert (planned / "E.vtu").stat().st_size > 1e6
    assert not list(planned.glob(f"{MAKING}*"))


def test_a_further_run_redoes_just_what_depends_on_a_change(planned, capfd):
    assert redone(planned) == []
    assert redone(planned, "--hair-mm", "6") == ["search", "robustness", "confirm", "aim-certainty", "files"]
    assert read_plan(planned / "plan.json").placements[0].distance_mm >= 6 - 0.1
    states = {row.stage: row.state for row in Subject.named("colin27", planned).status(STAGES)}
    assert set(states.values()) == {"done"}
    capfd.readouterr()
    assert run(["status", "colin27", "--out", str(planned), "--json"]) == 0
    assert [row["state"] for row in json.loads(capfd.readouterr().out)] == ["done"] * len(STAGES)


def test_a_bad_second_command_leaves_the_first_plan_as_it_was(planned, capfd):
    before = {path.name: path.stat().st_mtime_ns for path in planned.iterdir()}
    assert run(["plan", "colin27", "--aim", "ras:0,0,300", "--as", ".", "--out", str(planned)]) == 2
    assert "plan.json" in before
    changed = {path.name for path in planned.iterdir() if before.get(path.name) != path.stat().st_mtime_ns}
    assert changed <= {".target.lock", "target.log"}
    assert capfd.readouterr().err.splitlines()[-1].startswith("target: ")


def test_the_cortex_lies_in_grey_matter_with_left_on_the_left(planned):
    from meshes.folds.agreement import agreement
    from meshes.formats.gifti import read_surface
    from meshes.formats.tissue_files import embedded_head
    from targeting.study.cortex_stage import load_cortex

    tissues, head = embedded_head(), HeadMesh.read(planned / "head.msh")
    to_voxel = np.linalg.inv(tissues.affine_mm)
    folds = load_cortex(planned).folds
    for layer in ("white", "pial"):  # half of it follows the mesh's own interfaces closely
        assert agreement(load_cortex(planned), head, layer).median_mm < 0.5
    for side, sign in (("lh", -1), ("rh", 1)):
        surface = read_surface(planned / f"{side}.central.surf.gii")
        x = surface.points_mm
        assert 50_000 < len(x) < 125_000
        assert 700 < surface.area_mm2 / 100 < 1150  # of a side in adults
        assert (x[:, 0] * sign > 0).mean() > 0.99 and np.abs(x[:, 0]).max() > 60
        cortex = folds[side].cortex  # the rest is the medial wall, over which the surface closes
        voxel = np.rint(x[cortex] @ to_voxel[:3, :3].T + to_voxel[:3, 3]).astype(int)
        assert (tissues.labels[tuple(voxel.T)] == 2).mean() > 0.99
        # the cerebellum and the brain stem are not cortex, the poles and the vertex are
        assert not ((x[:, 1] < -25) & (x[:, 2] < -35)).mean() > 0.001
        reach = [x[:, 1].max(), x[:, 1].min(), x[:, 2].max()]
        assert np.all(np.abs(np.array(reach) - [71, -105, 82]) < 8)
        values = [nibabel.load(planned / f"{side}.{name}.func.gii").darrays[0].data for name in ("magnE", "normalE")]
        assert all(each.shape == (len(x),) for each in values)
        missing = np.isnan(values[0])
        # no grey matter is near on the medial wall, and in one spot where the surface dips to the ventricle's trigone
        assert missing[~cortex].all() and missing[cortex].mean() < 3e-3
        spot = x[missing & cortex]
        assert not len(spot) or np.linalg.norm(spot - spot.mean(0), axis=1).max() < 15
        assert np.all(np.abs(values[1][~missing]) <= values[0][~missing] * 1.001 + 1e-6)
    field = np.linalg.norm(np.load(planned / "confirm.npz")["e_v_per_m"][head.tissue == 2], axis=1)
    left = nibabel.load(planned / "lh.magnE.func.gii").darrays[0].data
    assert 0.7 * field.max() < np.nanmax(left) <= 1.1 * field.max()  # the target is on the left
    assert np.nanmax(values[0]) < 0.8 * np.nanmax(left)
