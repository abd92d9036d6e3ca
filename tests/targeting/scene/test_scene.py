"""Scenes as values and as files: what is in them, where, on which side, and what is refused."""

import json
import re
from dataclasses import asdict, replace

import numpy as np
import pytest
import pyvista as pv
from planned_ball import SPOT
from viewed_head import folded_cortex, pads, viewed_head

from cli.main import run
from meshes import HeadMesh
from meshes.errors import InputError
from targeting import Pose
from targeting.fem import HeadConductor
from targeting.fem.second_order import near_target
from targeting.goals.record import PlanGoal, PlanPlace
from targeting.navigation import brainsight, localite
from targeting.plans.tms import read_plan, write_plan
from targeting.records.places import ALSO, AVOIDED
from targeting.scene import Layer
from targeting.scene.cameras import CAMERAS, camera
from targeting.scene.colors import GREY_MATTER, SPARED, color_scale, paint
from targeting.scene.compare import EACH_CURRENT, PERCENT, draw_beside, on_one_scale, seen_together, told_apart
from targeting.scene.delivered import delivered_scene, read_delivered
from targeting.scene.export import merged, off_screen, picture
from targeting.scene.planned import planned_scene
from targeting.study.head_stages import HEAD_FILE, FrameImage
from targeting.study.surfaces import HeadSurfaces
from targeting.subject import Subject
from targeting.viewer.export import export
from targeting.viewer.widgets.controls import groups

pytestmark = pytest.mark.slow


def without_t1(made):
    frame = FrameImage("ball.msh", "0f" * 32, np.eye(4).tolist(), (10, 10, 10))
    (made.folder / HEAD_FILE).write_text(json.dumps({"frame": asdict(frame)}))
    return made


@pytest.fixture(scope="module")
def subject(tmp_path_factory):
    return without_t1(viewed_head(tmp_path_factory.mktemp("viewed") / "ball"))


@pytest.fixture(scope="module")
def scene(subject):
    return planned_scene(subject)


def test_a_planned_scene_has_its_layers_where_they_are(scene):
    assert scene.names == ("scalp", "skull", "cortex", "target", "target, dashed", "coil", "coil edges", "handle")
    assert groups(scene)["target"] == ["target", "target, dashed"]
    assert scene.unit == "V/m at 1 A/µs" and "left spot" in scene.title
    low, high = scene.bounds_mm
    assert np.allclose([low, high], [[-55.2] * 3, [55.2] * 3], atol=1.5)
    assert np.allclose(scene.layer("target").surface.center, scene.target_mm, atol=0.5)
    pose = scene.coil_pose_mm
    coil = np.asarray(scene.layer("coil").surface.points) @ pose[:3, :3] - pose[:3, 3] @ pose[:3, :3]
    assert coil[:, 2].max() < 0.01  # the casing's face, and nothing before it
    handle = (np.asarray(scene.layer("handle").surface.points) - pose[:3, 3]) @ pose[:3, :3]
    assert handle[:, 1].mean() < -40 and abs(handle[:, 0].mean()) < 1  # along -y
    assert not scene.layer("skull").visible


def test_the_field_is_the_folders_at_the_same_places(subject, scene):
    kept = pv.read(subject.folder / "cortex.vtp")
    cortex = scene.layer("cortex").surface
    for name in ("magnE", "normalE"):
        nearest = [kept.find_closest_point(point) for point in cortex.points[::50]]
        assert np.allclose(cortex[name][::50], kept[name][nearest], equal_nan=True)
    hottest = cortex.points[np.nanargmax(cortex["magnE"])]
    assert hottest[0] < 0 and np.linalg.norm(hottest - scene.target_mm) < 30


def test_the_second_scene_reads_what_the_first_one_thinned(subject, scene, monkeypatch):
    monkeypatch.setattr(HeadSurfaces, "_made", None)
    monkeypatch.setattr(HeadMesh, "read", None)  # which takes longer than all else on a whole head
    again = planned_scene(subject)
    assert np.array_equal(again.layer("cortex").surface.points, scene.layer("cortex").surface.points)


def test_thinned_surfaces_keep_folds_and_outward_normals(monkeypatch):
    from heads import layered_ball

    from targeting.study import surfaces

    monkeypatch.setitem(surfaces.MOST_TRIANGLES, "cortex", 6000)
    cortex = folded_cortex()
    thin = HeadSurfaces.of(layered_ball(14.0, (0.6, 0.6, 0.6)), cortex)
    assert 4000 < thin.cortex.n_cells <= 6000 < len(cortex.whole.triangles)
    assert np.linalg.norm(cortex.whole.points_mm[thin.vertex] - thin.cortex.points, axis=1).max() < 1.0
    for surface in (thin.scalp, thin.cortex):
        outward = np.einsum("ij,ij->i", surface.point_data["Normals"], surface.points)
        assert (outward > 0).mean() > 0.98
    radius = np.linalg.norm(thin.cortex.points, axis=1)
    inside = np.abs(thin.cortex.points[:, 0]) > 8  # away from the cut
    assert np.corrcoef(radius[inside], thin.cortex["crevice"][inside])[0, 1] < -0.6  # deep points are dark


def test_paint_fades_and_leaves_what_is_unknown_grey():
    sheet = pv.PolyData(np.zeros((4, 3)))
    sheet["magnE"] = np.array([0.0, 1.0, 5.0, np.nan])
    sheet["normalE"] = np.array([0.0, 1.0, -1.0, np.nan])
    grey = np.round(GREY_MATTER * 255)
    strong, signed = paint(sheet, "magnE", 1.0), paint(sheet, "normalE", 1.0)
    assert np.abs(strong[[0, 3]] - grey).max() <= 1 and np.array_equal(strong[1], strong[2])
    assert np.array_equal(strong[1], np.round(np.array(color_scale("magnE").colors)[-1] * 255))
    assert signed[1, 0] > 2 * signed[1, 2] and signed[2, 2] > 2 * signed[2, 0]  # red into the cortex, blue out of it


@pytest.mark.parametrize("name", CAMERAS)
def test_cameras_stand_where_they_are_called(scene, name):
    seen = camera(scene, name)
    toward = (seen.position_mm - seen.focus_mm) / np.linalg.norm(seen.position_mm - seen.focus_mm)
    wanted = {"left": [-1, 0, 0], "right": [1, 0, 0], "top": [0, 0, 1], "front": [0, 1, 0], "back": [0, -1, 0]}
    pose = scene.coil_pose_mm
    assert np.allclose(toward, wanted.get(name, -pose[:3, 2]), atol=1e-9)
    assert abs(toward @ seen.up) < 1e-9
    if name == "coil":
        assert np.allclose(seen.up, pose[:3, 1])  # the handle is below


def test_electrodes_lie_on_the_scalp_with_their_size_and_sign():
    left, right, *edges = pads([2.0, -1.5])
    assert [each.name for each in edges] == ["electrode C3 edges", "electrode C4 edges"]
    assert left.opacity < 0.1 and all(
        each.opacity == 1 and each.surface.n_cells for each in edges
    )  # never tints the cortex
    assert (left.label, right.label) == ("C3 +2 mA", "C4 −1.5 mA")
    assert left.surface.center[0] < 0 < right.surface.center[0] and left.color != right.color
    radius = np.linalg.norm(left.surface.points, axis=1)
    assert radius.min() > 55.2 and radius.max() < 61.5
    x, _, z = left.surface.points.T
    across = np.degrees(np.ptp(np.arctan2(z, -x)))  # 30 mm of chord each side of the centre, on a ball of 55.2 mm
    assert across == pytest.approx(np.degrees(4 * np.arcsin(7.5 / 55.2)), rel=0.06)
    assert np.ptp(left.surface.points[:, 1]) == pytest.approx(40.0, rel=0.08)


def test_one_scale_is_honest_about_what_can_be_compared(scene):
    weak = replace(scene, top_v_per_m=0.4)
    assert {each.top_v_per_m for each in on_one_scale([scene, weak])} == {scene.top_v_per_m}
    montage = replace(scene, unit="V/m at 2 mA", target_e_v_per_m=0.25, top_v_per_m=0.5)
    other = replace(montage, unit="V/m at 1.5 mA")
    assert [each.unit for each in on_one_scale([montage, other])] == [EACH_CURRENT] * 2
    coil, pad = on_one_scale([replace(scene, target_e_v_per_m=2.0), montage])
    assert coil.unit == pad.unit == PERCENT and "2 mA" in pad.title and "1 A/µs" in coil.title
    before, after = (each.layer("cortex").surface["magnE"] for each in (montage, pad))
    assert np.allclose(after, before * 400, equal_nan=True) and pad.top_v_per_m >= 200
    with pytest.raises(InputError, match="no field value at its target"):
        on_one_scale([scene, replace(montage, target_e_v_per_m=None)])
    with pytest.raises(InputError, match="two to 4"):
        on_one_scale([scene])


def shaken(pose, rng):
    """The pose a few millimetres and degrees beside."""
    from scipy.spatial.transform import Rotation

    matrix = pose.matrix_mm.copy()
    matrix[:3, :3] = matrix[:3, :3] @ Rotation.from_rotvec(rng.normal(0, 0.05, 3)).as_matrix()
    matrix[:3, 3] += rng.normal(0, 1.5, 3)
    return Pose(matrix, name="pulse")


def recorded(file, poses, told=()):
    """The poses as Brainsight's samples; ``told``: target and driver of each, if the file has them."""
    text = brainsight.to_string(poses).replace("# Target Name", "# Sample Name")
    if told:
        lines = text.splitlines()
        lines[6] += "\tAssoc. Target\tCrosshairs Driver"
        lines[7:] = [line + "\t" + "\t".join(words) for line, words in zip(lines[7:], told, strict=True)]
        text = "\n".join(lines) + "\n"
    file.write_text(text)
    return file


@pytest.fixture(scope="module")
def planned(subject):
    return Pose(np.array(read_plan(subject.folder / "plan.json").placements[0].pose))


def test_delivered_pulses_become_a_scene_of_their_mean(subject, planned, tmp_path):
    pulses = [shaken(planned, np.random.default_rng(seed)) for seed in range(12)]
    scene = delivered_scene(subject, read_delivered(recorded(tmp_path / "session.txt", pulses)))
    assert "mean of 12 pulses" in scene.title and "% of the planned dose" in scene.title
    away, turned = (float(x) for x in re.search(r"pulses, ([\d.]+) mm and (\d+)° from the plan", scene.title).groups())
    assert away < 2 and turned < 4
    assert re.search(r"all within [3-7]\.\d mm and \d° of their mean", scene.title)
    assert scene.layer("pulses").surface.n_points >= 12
    assert np.allclose(scene.coil_pose_mm[:3, 3], np.mean([each.center_mm for each in pulses], 0), atol=1e-3)
    assert np.nanmax(scene.layer("cortex").surface["magnE"]) > 0.3


def test_the_planned_pose_delivered_gives_the_planned_field(planned, tmp_path):
    as_plans_are = lambda head: near_target(HeadConductor(head), SPOT)  # noqa: E731
    subject = without_t1(viewed_head(tmp_path / "ball", as_plans_are))
    file = tmp_path / "markers.xml"
    localite.write(file, [planned])
    delivered = delivered_scene(subject, read_delivered(file))
    assert (
        "100 % of the planned dose" in delivered.title
        and "delivered (target 'pose', row 1 of 1, 0.0 mm" in delivered.title
    )
    fields = (each.layer("cortex").surface["magnE"] for each in (delivered, planned_scene(subject)))
    assert np.allclose(*fields, rtol=1e-3, equal_nan=True)


def test_planned_and_delivered_lie_in_one_picture_with_a_legend(subject, planned, tmp_path):
    moved = planned.matrix_mm.copy()
    moved[:3, 3] += 6.0 * moved[:3, 1]
    file = tmp_path / "markers.xml"
    localite.write(file, [Pose(moved)])
    scene = delivered_scene(subject, read_delivered(file))
    inks = {words.split()[1].rstrip(":"): color for color, words in scene.legend}
    for name, pose, ink in (("", moved, inks["delivered"]), (" planned", planned.matrix_mm, inks["planned"])):
        layer = scene.layer(f"coil edges{name}")
        local = (np.asarray(layer.surface.points) - pose[:3, 3]) @ pose[:3, :3]
        assert np.ptp(local[:, 0]) / 2 == pytest.approx(
            np.abs(local[:, 0]).max(), rel=0.02
        )  # its own pose is its middle
        assert np.abs(local[:, 2].max()) < 1.5 and layer.color == ink
    assert inks["planned"] != inks["delivered"]
    assert any(words.endswith("delivered: 6.0 mm and 0° from it") for _, words in scene.legend)
    assert [layer.label for layer in scene.layers if layer.label] == ["target", "handle"]  # one handle is named


def test_plans_side_by_side_say_what_they_do_not_have_in_common(subject, scene):
    plan = read_plan(subject.folder / "plan.json")
    other = replace(
        plan, target=replace(plan.target, name="psi", side="right"), coil=replace(plan.coil, name="double-cone-110mm")
    )
    right = replace(scene, target_mm=scene.target_mm * [-1, 1, 1], outward=scene.outward * [-1, 1, 1])
    first, same, unlike = told_apart([scene, scene, right], [plan, plan, other])
    assert first.legend == same.legend == ()
    assert [words for _, words in unlike.legend] == [
        "≠ target: right psi (first: left left spot)",
        "≠ coil: double-cone-110mm (first: coil: figure8-70mm)",
    ]
    assert seen_together([first, same]) and not seen_together([first, unlike])
    plotter = off_screen((400, 200), 2)
    draw_beside(on_one_scale([first, unlike]), plotter, "target")
    plotter.render_window.Render()
    toward = [-np.array(each.camera.GetDirectionOfProjection()) for each in plotter.renderers]
    assert toward[0][0] < -0.3 and toward[1][0] > 0.3  # each looks at its own side
    assert plotter.renderers[1].actors["words legend 0"].input == unlike.legend[0][1]
    plotter.close()


def test_a_delivered_pulse_in_the_head_is_said(subject, planned, tmp_path, caplog):
    deep = planned.matrix_mm.copy()
    deep[:3, 3] += 7 * deep[:3, 2]  # 4 mm off as planned: 3 mm in
    file = recorded(tmp_path / "session.txt", [planned, Pose(deep)])
    scene = delivered_scene(subject, read_delivered(file))
    assert re.search(r"casing up to (2\.[5-9]|3\.[0-5]) mm in the head", scene.title)
    assert "in 1 of 2 pulses of" in caplog.text and "check the navigator's registration" in caplog.text


def test_of_what_was_delivered_the_plans_own_target_is_shown_and_what_was_left_out_is_said(subject, planned, tmp_path):
    own = f"{read_plan(subject.folder / 'plan.json').target.name}-1"
    other = np.diag([-1.0, -1, 1, 1]) @ planned.matrix_mm  # on the other side
    told = [(own, "Coil 1"), (own, "Coil 1"), ("right", "Coil 1"), ("(null)", "Pointer")]
    file = recorded(tmp_path / "session.txt", [planned, planned, Pose(other), Pose(np.eye(4))], told)
    scene = delivered_scene(subject, read_delivered(file))
    for words in (
        "mean of 2 pulses, 0.0 mm and 0° from the plan, 100 % of the planned dose",
        f"2 of 3 pulses, those at {own}",
        "1 of 4 samples left out: not of a coil (Pointer)",
    ):
        assert words in scene.title
    with pytest.raises(InputError, match="several targets"):
        delivered_scene(subject, read_delivered(recorded(file, [planned, planned], [("a", "Coil 1"), ("b", "Coil 1")])))
    flipped = Pose(planned.matrix_mm @ np.diag([-1.0, 1, -1, 1]))
    with pytest.raises(InputError, match=r"pulse 'pose' \(row 1\) of .* faces away from the head"):
        delivered_scene(subject, read_delivered(recorded(file, [flipped])))


def test_a_field_basis_is_used_when_it_stands(subject, scene, tmp_path, monkeypatch):
    import shutil

    from targeting.scene import live_cortex
    from targeting.study import field_basis_stage as field_basis_stage

    monkeypatch.setattr(field_basis_stage, "_errors", lambda *_: {"none": [0.0]})
    monkeypatch.setattr(live_cortex, "solved", None)
    other = Subject.named("ball", shutil.copytree(subject.folder, tmp_path / "ball"))
    field_basis_stage.cortical_basis(other, sources=60)
    file = tmp_path / "markers.xml"
    localite.write(file, [Pose(scene.coil_pose_mm)])
    delivered = delivered_scene(other, read_delivered(file)).layer("cortex").surface
    for name in ("magnE", "normalE"):
        direct, quick = scene.layer("cortex").surface[name], delivered[name]
        known = np.isfinite(direct)
        assert np.corrcoef(direct[known], quick[known])[0, 1] > 0.99


@pytest.fixture
def with_places(subject, tmp_path):
    """The same plan with a region to spare on the left and a further target on the right."""
    import shutil

    folder = shutil.copytree(subject.folder, tmp_path / "ball")
    plan = read_plan(folder / "plan.json")
    score = [0.5] * len(plan.placements)
    places = [
        PlanPlace("face", AVOIDED, "left", [-40.0, 0, 10], 6.0, "a test", score, 0.5, None),
        PlanPlace("leg", ALSO, "right", [20.0, -5, 36], 4.0, "a test", score, 0.5, 0.9),
    ]
    goal = PlanGoal("dose", "the dose", "V/m", score, score, 0.5, 0.0, 0.5, 0.5, 1.0, places)
    write_plan(folder / "plan.json", replace(plan, goal=goal))
    return folder


def test_spared_regions_and_further_targets_are_seen_where_they_are(with_places, scene):
    found = planned_scene("ball", out=with_places)
    spared, further = (found.layer(name) for name in ("spared region 1", "further target 2"))
    assert (spared.label, further.label) == ("spare face", "also leg")
    assert np.allclose(spared.surface.center, [-40, 0, 10], atol=0.5)
    assert np.allclose(further.surface.center, [20, -5, 36], atol=0.5)
    for layer, place in ((spared, [-40, 0, 10]), (further, [20, -5, 36])):
        rim = layer.surface.points - np.array(place)
        out = np.array(place) / np.linalg.norm(place)  # of a ball about the origin
        assert np.abs(rim @ out).max() < 0.4 * np.linalg.norm(rim, axis=1).max()  # across it; along it: 1
        away = np.linalg.norm([layer.label_mm - found.target_mm, place - found.target_mm], axis=1)
        assert away[0] > away[1]  # so that no word lies over the target's
    assert spared.color == SPARED != further.color == found.layer("target").color
    assert spared.mark and further.mark and not found.layer("coil").mark
    assert [name for name in scene.names if name.startswith(("spared", "further"))] == []


def test_titles_name_every_target_and_no_spared_region(with_places):
    from targeting.report.header import running_texts

    plan = read_plan(with_places / "plan.json")
    own = f"{plan.target.side} {plan.target.name}".strip()
    assert planned_scene("ball", out=with_places).title == f"{plan.subject}: {own} and right leg, {plan.coil.name}"
    assert running_texts(plan)[1] == f"{plan.target.name} {plan.target.side}".strip() + ", also leg right"


def test_a_spared_region_has_its_button_and_words_in_the_page_and_in_the_window(with_places):
    from targeting.scene.web.section import section_of

    found = planned_scene("ball", out=with_places)
    page = section_of(found)
    for words in ("spared regions", "further targets", "spare face", "also leg"):
        assert words in page
    assert groups(found)["spared regions"] == ["spared region 1"]
    assert groups(found)["further targets"] == ["further target 2"]
    hidden = found.without("spared region 1").without("further target 2")
    violet = np.array([int(SPARED[i : i + 2], 16) for i in (1, 3, 5)])

    def violets(scene):
        return int((np.abs(picture(scene, "left", (400, 300)).astype(int) - violet).max(axis=2) < 40).sum())

    assert violets(found) > 40 and violets(hidden) < 5


def test_another_placement_has_its_own_pose_and_field(subject, scene, tmp_path):
    import shutil

    folder = shutil.copytree(subject.folder, tmp_path / "ball")
    plan = read_plan(folder / "plan.json")
    pose = shaken(Pose(scene.coil_pose_mm), np.random.default_rng(3))
    away = pose.matrix_mm.copy()
    away[:3, 3] -= 15 * away[:3, 2]
    second = replace(plan.placements[0], rank=2, pose=away.tolist(), dose_v_per_m=0.5)
    write_plan(folder / "plan.json", replace(plan, placements=[*plan.placements, second]))
    other = planned_scene("ball", out=folder, placement=2)
    assert other.title.endswith("placement 2") and np.allclose(other.coil_pose_mm, away)
    assert other.target_e_v_per_m == pytest.approx(0.5 * scene.target_e_v_per_m)
    strong, weak = (np.nanmax(each.layer("cortex").surface["magnE"]) for each in (scene, other))
    assert 0.2 * strong < weak < 0.9 * strong


def test_without_a_cortex_the_outside_of_the_brain_is_shown(tmp_path):
    from planned_ball import planned_ball

    scene = planned_scene(planned_ball(tmp_path / "ball"))
    brain = scene.layer("cortex").surface
    assert np.linalg.norm(brain.points, axis=1).mean() == pytest.approx(74 * 0.6, rel=0.08)
    assert "normalE" not in brain.point_data and np.nanmax(brain["magnE"]) > 0.3
    assert brain.points[np.nanargmax(brain["magnE"])][0] < 0


def test_poses_of_another_head_are_refused(subject, tmp_path):
    file = tmp_path / "other.txt"
    far = np.diag([1.0, -1.0, -1.0, 1.0])
    far[:3, 3] = [90, 90, 200]
    brainsight.write(file, [Pose(far)])
    with pytest.raises(InputError, match=r"mm from the planned one: check that they are of this head"):
        delivered_scene(subject, read_delivered(file))


def test_exports_hold_all_layers_and_ask_nothing_of_the_network(scene, tmp_path):
    for ending in ("vtp", "gltf", "html"):
        export(scene, tmp_path / f"scene.{ending}")
    whole = pv.read(tmp_path / "scene.vtp")
    assert list(whole.field_data["layers"]) == [f"{k}: {name}" for k, name in enumerate(scene.names)]
    cortex = whole.points[whole["layer"] == scene.names.index("cortex")]
    assert np.allclose(cortex, scene.layer("cortex").surface.points)
    assert np.isnan(whole["magnE"][whole["layer"] == 0]).all() and whole["rgb"].shape == (whole.n_points, 3)
    drawing = json.loads((tmp_path / "scene.gltf").read_text())
    assert len(drawing["meshes"]) == sum(layer.visible for layer in scene.layers)
    assert all(buffer["uri"].startswith("data:") for buffer in drawing["buffers"])
    assert all("COLOR_0" in mesh["primitives"][0]["attributes"] for mesh in drawing["meshes"])
    boxes = [drawing["accessors"][mesh["primitives"][0]["attributes"]["POSITION"]] for mesh in drawing["meshes"]]
    shown = [layer.surface for layer in scene.layers if layer.visible]
    for box, surface in zip(boxes, shown, strict=True):  # metres, left is x, up is y, the front is z
        low, high = (1e-3 * np.array(surface.bounds)[k::2] for k in (0, 1))
        assert np.allclose(
            [box["min"], box["max"]], [[-high[0], low[2], low[1]], [-low[0], high[2], high[1]]], atol=1e-5
        )
    page = (tmp_path / "scene.html").read_text(encoding="utf-8")
    assert "kitware.github.io" not in page and 'src="http' not in page
    assert not list(tmp_path.glob(".part-*"))


def test_a_hidden_layer_is_in_the_vtp_only(scene):
    assert "skull" in " ".join(merged(scene).field_data["layers"])


def test_a_layer_says_what_it_lacks():
    with pytest.raises(InputError, match="no values 'magnE'"):
        Layer("cortex", pv.Sphere(), "#ffffff", scalars="magnE")


def viewed(subject, *options):
    return run(["view", "ball", "--out", str(subject.folder), "--quiet", *options])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--camera", "lft"], "did you mean 'left'"),
        (["--with", "tacs"], "did you mean 'tdcs'"),
        (["--with", "hd-tdcs"], "there is no hd-tdcs plan"),
        (["--screenshot", "ball.jpg"], "valid: .png"),
        (["--export", "ball.obj"], "valid: .html, .gltf, .vtp"),
        (["--screenshot", "nowhere/ball.png"], "there is no folder nowhere"),
        (["--screenshot", "ball.png", "--placement", "7"], "there is no placement 7; the plan has 1 to 1"),
        (["--screenshot", "ball.png", "--beside", "nobody"], "there is no plan of 'nobody'"),
        (["--screenshot", "ball.png", "--beside", ":tdsc"], "did you mean 'tdcs'"),
        (["--export", "ball.vtp", "--beside", "ball"], "--export writes one scene"),
        (["--screenshot", "ball.png", "--delivered", "session.txt"], "cannot read session.txt"),
        (["--placement", "2"], "the window has a list"),
        (["--field", "normal"], "did you mean 'normalE'"),
    ],
)
def test_the_command_says_in_one_line_what_is_wrong(subject, options, words, capfd, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert viewed(subject, *options) == 2
    said = capfd.readouterr().err.strip().splitlines()
    assert len(said) == 1 and words in said[0]
    assert list(tmp_path.iterdir()) == []


def test_the_command_writes_what_was_asked_for(subject, capfd, tmp_path):
    both = tmp_path / "both.png"
    assert viewed(subject, "--screenshot", str(both), "--beside", "ball", "--camera", "top", "--json") == 0
    assert json.loads(capfd.readouterr().out) == {"files": [str(both)]}
    from matplotlib.image import imread

    assert imread(both).shape[:2] == (820, 1800)


def test_without_the_viewers_packages_one_line_tells_how_to_get_them(subject, capfd, monkeypatch):
    monkeypatch.setattr("targeting.viewer.request.find_spec", lambda name: None)
    assert viewed(subject) == 2
    assert "pip install '.[viewer]'" in capfd.readouterr().err


def test_a_plan_of_another_mesh_is_refused(subject, tmp_path):
    import shutil

    folder = tmp_path / "ball"
    shutil.copytree(subject.folder, folder)
    sidecar = json.loads((folder / "files.json").read_text())
    sidecar["made_from"]["after"]["mesh"] = "0" * 64
    (folder / "files.json").write_text(json.dumps(sidecar))
    with pytest.raises(InputError, match=r"outdated \(mesh changed\)"):
        planned_scene(Subject.named("ball", folder))
    (folder / "head.msh").unlink()
    with pytest.raises(InputError, match=r"the mesh in .* is gone or changed"):
        planned_scene(Subject.named("ball", folder))
