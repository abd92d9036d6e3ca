"""The viewer: a coil that is moved over a scalp and back, what is saved of it, and a real window with a real mouse."""

import json
import re

import numpy as np
import pytest
from matplotlib.image import imread
from screen import in_window, virtual_screen
from seen_ball import BLOB_MM, seen_ball
from stored_pictures import MOST, changed, stored

from meshes import InputError
from targeting.live.protocol import Request
from targeting.navigation import brainsight, localite
from targeting.plans.tms import read_plan
from targeting.scene.brain_field import BrainField
from targeting.scene.colors import color_scale
from targeting.scene.directions import PLANES
from targeting.tms.placement import casing_distance_mm
from targeting.viewer import open_window
from targeting.viewer.coil_on_scalp import CoilOnScalp, live_coil
from targeting.viewer.saved_poses import FILE, forget_pose, of_image, read_saved, save_pose, saved_pose
from targeting.viewer.scene_view import FEW_PIXELS
from targeting.viewer.slices import PlanImage, Slicer
from targeting.words.numbers import three_digits

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def subject(tmp_path_factory):
    return seen_ball(tmp_path_factory.mktemp("viewer") / "ball")


@pytest.fixture(scope="module")
def live(subject):
    return live_coil(subject).live


@pytest.fixture
def coil(live):
    return CoilOnScalp(live)


# the coil, without a window


def test_a_coil_that_is_moved_rests_on_the_scalp_and_has_the_dose_of_its_pose(coil, live):
    coil.grab()
    for back in (4.0, 9.0, 15.0):
        assert coil.move_to(coil.live.scalp.feet(coil.stands[0].scalp_mm - [0.0, back, 0.0])[0][0])
    coil.drop()
    assert coil.pose[1, 3] < coil.stands[0].pose[1, 3] - 10  # it went back, and nowhere else
    assert casing_distance_mm(live.scalp, live.coil, coil.pose) == pytest.approx(coil.hair_mm, abs=0.05)
    mean = live.dose_map.mean_e_v_per_m(live.coil, coil.pose, 1e6)[0]
    assert coil.dose()["dose_v_per_m"] == pytest.approx(np.linalg.norm(mean), rel=1e-6)
    there = coil.difference()
    assert there.moved_mm == pytest.approx(np.linalg.norm(coil.pose[:3, 3] - coil.stands[0].pose[:3, 3]))
    assert there.percent_of_plan == pytest.approx(live.answer(Request(coil.pose))["percent_of_plan"])
    assert abs(there.turned_deg) < 0.5 < there.tilted_deg  # the heading is carried along, the head is round


def test_a_way_there_and_back_in_one_drag_ends_where_it_began(coil):
    coil.grab()
    for y, z in ((10, 0), (10, 10), (-5, 12), (0, 0)):
        coil.move_to(coil.live.scalp.feet(coil.stands[0].scalp_mm + np.array([0.0, y, z]))[0][0])
    coil.drop()
    assert np.abs(coil.pose - coil.stands[0].pose).max() < 0.05


@pytest.mark.parametrize("degrees", [20.0, -35.0])
def test_a_turn_has_its_sign_and_its_size(coil, degrees):
    before, _ = coil.angle_deg
    coil.turn(degrees)
    assert coil.difference().turned_deg == pytest.approx(degrees, abs=0.01)
    assert coil.angle_deg[0] - before == pytest.approx(
        degrees, abs=0.01
    )  # counted as the plan counts: counter-clockwise


def test_moves_are_undone_one_by_one_and_made_again(coil, monkeypatch):
    clock = [0.0]
    monkeypatch.setattr("targeting.viewer.coil_on_scalp.time.monotonic", lambda: clock[0])
    poses = [coil.pose]
    for move in (lambda: coil.turn(5), lambda: coil.nudge(np.array([0.0, 6.0, 0.0])), lambda: coil.put(coil.stands[1])):
        clock[0] += 10
        move()
        poses.append(coil.pose)
    for pose in reversed(poses[:-1]):
        coil.undo()
        assert np.allclose(coil.pose, pose)
    assert not coil.can_undo
    for pose in poses[1:]:
        coil.redo()
        assert np.allclose(coil.pose, pose)
    coil.undo()
    clock[0] += 10
    coil.turn(1)
    assert not coil.can_redo  # a new move leaves the old way
    coil.turn(1)  # at once: goes on
    coil.undo()
    assert np.allclose(coil.pose, poses[2])


def test_where_the_image_ends_no_coil_can_rest(coil, live, monkeypatch):
    monkeypatch.setitem(live.scalp.__dict__, "on_cut", np.ones(len(live.scalp.points_mm), bool))
    before = coil.pose
    assert not coil.nudge(np.array([0.0, 5.0, 0.0]))
    assert coil.pose is before and not coil.can_undo


# what is saved


def test_saved_poses_survive_and_never_touch_the_plan(coil, live, subject, tmp_path):
    plan_bytes = (subject.folder / "plan.json").read_bytes()
    coil.turn(10)
    record = saved_pose(
        "behind", live.plan, live.coil.name, coil.pose, coil.stand.scalp_mm, coil.angle_deg, coil.dose()
    )
    save_pose(tmp_path, record)
    save_pose(tmp_path, record)
    again = read_saved(tmp_path)
    assert [each.name for each in again] == ["behind", "behind (2)"]
    assert np.array_equal(again[0].pose, coil.pose) and again[0].dose_v_per_m == coil.dose()["dose_v_per_m"]
    assert [each.name for each in forget_pose(tmp_path, "behind")] == ["behind (2)"]
    assert (subject.folder / "plan.json").read_bytes() == plan_bytes
    stand = coil.standing(np.array(again[0].pose), np.array(again[0].scalp_mm), again[0].distance_mm)
    assert np.array_equal(stand.pose, coil.pose)
    assert of_image(again, live.plan) == again
    other = save_pose(tmp_path, type(record)(**{**vars(record), "image_sha256": "ab" * 32}))
    assert len(of_image(other, live.plan)) == len(other) - 1  # of another image: other places


def test_a_pose_in_the_head_is_not_saved(coil, live, tmp_path):
    down = coil.pose.copy()
    down[:3, 3] += 9 * down[:3, 2]
    dose = live.answer(Request(down))
    record = saved_pose("deep", live.plan, live.coil.name, down, coil.stand.scalp_mm, coil.angle_deg, dose)
    with pytest.raises(InputError, match=r"'deep' is not saved: the casing is \d\.\d mm inside the head"):
        save_pose(tmp_path, record)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("text", ["{", '{"schema_version": "9"}', '{"schema_version": "1.0", "poses": [{"name": 1}]}'])
def test_a_damaged_file_of_poses_is_told_and_left_alone(tmp_path, text, coil, live):
    (tmp_path / FILE).write_text(text)
    record = saved_pose("new", live.plan, "coil", coil.pose, coil.stand.scalp_mm, coil.angle_deg, coil.dose())
    with pytest.raises(InputError, match=FILE):
        save_pose(tmp_path, record)
    assert (tmp_path / FILE).read_text() == text


# slices


def test_slices_are_neurological_whatever_way_the_voxels_run(subject):
    image = PlanImage.of(subject)
    assert image.affine_mm[0, 0] < 0 and image.words == "T1"  # the image itself runs from right to left
    slicer = Slicer.of(image)
    for plane in PLANES:
        picture = slicer.picture(plane, BLOB_MM)
        row, column = np.argwhere(picture == 255).mean(0)
        assert np.allclose(slicer.pixel(plane, BLOB_MM), (column, row), atol=1.0)
        assert np.allclose(slicer.place(plane, column, row, BLOB_MM), BLOB_MM, atol=1.0)
        if plane.letters[:2] == ("L", "R"):
            assert column < picture.shape[1] / 3  # the person's left is the picture's
        if plane.letters[2] == "S":
            assert row < picture.shape[0] / 2
        if plane.letters[0] == "A":
            assert column < picture.shape[1] / 2  # the face looks to the left edge
    assert image.tissue_at(np.array([0.0, 0.0, 0.0])) == "white matter"
    assert image.tissue_at(np.array([54.0, 0.0, 0.0])) == "scalp"
    assert image.tissue_at(np.array([500.0, 0.0, 0.0])) == "outside"


def test_a_slices_field_lies_where_its_pixels_do(subject):
    slicer = Slicer.of(PlanImage.of(subject))
    field = BrainField.planned(subject, "tms")
    target = np.array(read_plan(subject.folder / "plan.json").target.center_mm)
    for plane in PLANES:
        view = slicer.view(plane, target)
        for place in (target, target + np.array([11.0, -7.0, 5.0])):
            column, row = slicer.pixel(plane, place)
            assert view.project(place)[:2] == pytest.approx((column + 0.5, row + 0.5), abs=1e-6)
        strength = field.in_plane(view)
        assert strength.shape == slicer.picture(plane, target).shape
        row, column = np.unravel_index(np.nanargmax(strength), strength.shape)
        there = slicer.place(plane, column, row, target)
        assert there[0] < -15 and np.linalg.norm(there - target) < 30  # over the left, as the coil is


# what a user can get wrong


def test_without_a_screen_or_a_plan_there_is_one_line(subject, monkeypatch, tmp_path):
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    with pytest.raises(InputError, match="screen"):
        open_window(subject)
    with pytest.raises(InputError, match="run 'target plan nobody' first"):
        open_window("nobody", tmp_path / "nothing")
    with pytest.raises(InputError, match="tdcs"):
        open_window(subject, modality="tdcs")


# the window


@pytest.fixture(scope="module")
def session(subject, tmp_path_factory):
    """A person's session at the window, once: the pictures' folder, and what was seen."""
    pictures = tmp_path_factory.mktemp("pictures")
    with virtual_screen() as display:
        in_window("viewer_session.py", display, subject.folder, pictures, seconds=300.0)
    return pictures, json.loads((pictures / "seen.json").read_text())


@pytest.fixture(scope="module")
def seen(session):
    return session[1]


@pytest.fixture(scope="module")
def picture(session):
    return lambda name: np.round(imread(session[0] / f"{name}.png")[..., :3] * 255).astype(int)


def teal(rgb):
    """The coil's colour: pixels (row, column)."""
    return np.argwhere((rgb[..., 2] - rgb[..., 0] > 60) & (rgb[..., 1] - rgb[..., 0] > 40))


def hot(rgb):
    """A strong field's colours: red, and not the target's magenta, which is half as blue as it is red."""
    return np.argwhere((rgb[..., 0] > 120) & (rgb[..., 2] < 0.4 * rgb[..., 0]) & (rgb[..., 1] < 0.7 * rgb[..., 0]))


def small(rgb):
    """As the stored pictures of windows are."""
    rows, columns = (np.linspace(0, n - 1, 320).round().astype(int) for n in rgb.shape[:2])
    return rgb[rows][:, columns].astype(np.uint8)


def test_the_window_looks_as_it_did(picture):
    front = small(picture("front"))
    kept = stored("window-front", front)
    assert changed(front, kept) <= MOST
    broken = [small(picture(name)) for name in ("front without coil", "front without cortex")]
    for other in (*broken, front[:, ::-1]):  # and the wrong hemisphere
        assert changed(other, kept) > 2 * MOST


def test_a_dragged_coil_with_its_field_looks_as_it_did(picture):
    dragged = small(picture("dragged with basis"))
    kept = stored("window-dragged", dragged)
    assert changed(dragged, kept) <= MOST
    assert changed(small(picture("dragged")), kept) > 2 * MOST  # the same without a field


def test_the_coil_is_over_the_left_and_can_be_hidden(picture, seen):
    front, top = picture("front"), picture("top")
    assert len(teal(front)) > 2000
    assert teal(front)[:, 1].mean() > seen["head in front"] + 40  # face to face: the person's left is on the right
    assert teal(top)[:, 1].mean() < seen["head in top"] - 15  # the handle lies over the middle
    assert len(teal(picture("front without coil"))) < 100
    assert not any(seen[f"box {name}"] for name in ("coil", "cortex", "scalp"))


def test_cortex_and_scalp_can_be_hidden(picture):
    field = picture("front without coil")
    assert len(hot(field)) > 1000  # with the bar's own colours
    assert len(hot(picture("front without cortex"))) < 0.8 * len(hot(field))
    skin = np.abs(picture("front") - picture("front without scalp")).sum(-1) > 6
    assert skin.mean() > 0.02


def test_the_threshold_and_the_component_change_the_cortex(picture):
    field, grey, normal = picture("field"), picture("field above the top"), picture("normal")
    middle = slice(0, int(0.75 * field.shape[0]))  # above the colour bar
    beyond = np.abs(grey - 255 * np.array(color_scale("magnE").colors)[-1]).max(-1) < 12  # a thousandth of the cortex
    assert 0 < beyond[middle].sum() < 200
    grey[beyond] = 255
    assert len(hot(field[middle])) > 500 > 10 * len(hot(grey[middle])) + 400
    assert np.abs(field[middle] - normal[middle]).sum(-1).max() > 100
    blue = (normal[..., 2] - normal[..., 0] > 60) & (normal[..., 1] < 160)
    assert blue.sum() > 200  # of the signed scale's lower end
    assert (field[..., 2] - field[..., 0] > 60).sum() < 50


def test_a_click_on_the_cortex_is_a_place_with_a_tissue_and_a_field(seen):
    place, words = seen["picked"]
    assert np.linalg.norm(np.array(place) - [-40.0, 5.0, 8.0]) < 6 and place[0] < -30
    assert re.search(r"RAS x −\d", words) and "grey matter" in words and re.search(r"\|E\| 0\.\d+ V/m", words)
    assert np.allclose(np.array(seen["picked in a slice"])[[0, 2]], [-30.0, 20.0], atol=1.5)
    at, width = seen["blob in the axial slice"]
    assert at < width / 3


def test_the_axial_slice_is_bright_on_the_left(picture):
    axial = picture("axial")
    bright = np.argwhere(axial.min(-1)[:, 30:-30] > 250)
    assert len(bright) > 20 and np.median(bright[:, 1]) + 30 < axial.shape[1] / 2


def test_the_field_over_the_axial_slice_is_strong_on_the_left_round_the_target(picture, seen):
    plain, field, contour = (picture(name) for name in ("axial", "axial field", "axial contour"))
    x, y = seen["target in the axial slice"]
    assert x < 0.45 * field.shape[1]
    strong = hot(field)
    assert len(hot(plain)) < 20 < 200 < len(strong)
    assert np.median(strong[:, 1]) < 0.5 * field.shape[1] and np.abs(np.median(strong, axis=0) - [y, x]).max() < 60
    cyan = np.argwhere((contour[..., 0] < 90) & (contour[..., 1] > 180) & (contour[..., 2] > 200))
    assert len(cyan) > 30 and np.median(cyan[:, 1]) < 0.5 * field.shape[1]
    assert not ((field[..., 0] < 90) & (field[..., 1] > 180) & (field[..., 2] > 200)).any()


def test_the_mouse_drags_the_coil_and_the_dose_follows(seen, live, subject):
    planned, dragged = seen["planned"], seen["dragged"]
    assert planned["row"] == 0 and not planned["unsaved"] and not planned["undo"]
    assert np.array_equal(planned["pose"], live.plan.placements[0].pose)
    pose = np.array(dragged["pose"])
    assert 5 < np.linalg.norm(pose[:3, 3] - np.array(planned["pose"])[:3, 3]) < 40
    assert casing_distance_mm(live.scalp, live.coil, pose) == pytest.approx(4.0, abs=0.05)
    dose = live.answer(Request(pose))
    assert dragged["dose"] == f"{three_digits(dose['dose_v_per_m'])} V/m"
    assert f"{dose['percent_of_plan']:.1f} % of its dose" in dragged["words"]
    assert dragged["row"] is None and dragged["unsaved"] and dragged["undo"]
    assert dragged["largest"] is None and "GB of memory" in dragged["field"]  # no basis: grey, and it is said


def test_what_was_dragged_is_seen(picture):
    assert len(hot(picture("dragged")[:-200])) < 50  # a cortex without a known field
    assert len(teal(picture("dragged"))) > 5000


def test_a_picture_on_its_way_has_fewer_pixels_and_the_mouse_still_hits(seen):
    moving, resting = seen["dragging"], seen["at rest"]
    assert moving["drawn"] < 1.01 * FEW_PIXELS < moving["shown"] == resting["shown"] == resting["drawn"]
    assert np.allclose(moving["at"], resting["at"], atol=1.5)  # pixels: the smaller frame has whole ones, too
    assert moving["off_mm"] < 1e-3 and resting["off_mm"] < 1e-3


def test_the_coil_turns_and_moves_are_undone(seen):
    poses = {
        name: np.array(seen[name]["pose"]) for name in ("dragged", "turned", "undone", "redone", "twisted", "back")
    }
    turn = poses["dragged"][:3, :3].T @ poses["turned"][:3, :3]
    assert np.degrees(np.arccos((np.trace(turn) - 1) / 2)) > 3
    assert np.linalg.norm(poses["dragged"][:3, 3] - poses["turned"][:3, 3]) < 3
    assert np.array_equal(poses["undone"], poses["dragged"]) and np.array_equal(poses["redone"], poses["turned"])
    assert not np.allclose(poses["twisted"], poses["turned"])
    moved = np.linalg.norm(np.array(seen["by keys"]["pose"])[:3, 3] - poses["twisted"][:3, 3])
    assert 1.0 < moved < 4.0  # two steps of a millimetre at the scalp, the coil is a little farther out
    assert np.array_equal(poses["back"], seen["planned"]["pose"])
    assert seen["back"]["row"] == 0 and not seen["back"]["unsaved"]


def test_with_its_basis_the_field_follows(seen, session, live):
    assert seen["basis"] == ""
    plan, dragged = seen["plan with basis"], seen["dragged with basis"]
    assert plan["largest"] == pytest.approx(seen["planned"]["largest"])  # at the plan it is the plan's own
    assert dragged["largest"] not in (None, plan["largest"])
    under = np.array(dragged["pose"])
    beside = np.array(seen["strongest at"]) - under[:3, 3]
    assert beside @ under[:3, 2] > 0  # the strongest place is under the coil ...
    assert np.linalg.norm(beside - (beside @ under[:3, 2]) * under[:3, 2]) < 25  # ... near its axis
    import pyvista as pv

    scene = pv.read(session[0] / "scene.vtp")
    assert scene.n_points > 1000


def test_placements_are_stepped_through_with_the_keys(seen, subject):
    plan = read_plan(subject.folder / "plan.json")
    assert seen["second"]["row"] == 1 and np.array_equal(seen["second"]["pose"], plan.placements[1].pose)
    assert seen["first again"]["row"] == 0 and np.array_equal(seen["first again"]["pose"], plan.placements[0].pose)


def test_a_pose_is_saved_listed_and_exported(seen, session, subject):
    pose = np.array(seen["saved"]["pose"])
    assert seen["saved"]["saved_row"] == 0 and not seen["saved"]["unsaved"]
    assert np.array_equal(seen["saved chosen"]["pose"], pose)
    assert [each.name for each in read_saved(subject.folder)] == ["my pose"]
    for vendor in (brainsight, localite):
        [written] = vendor.read(session[0] / f"{vendor.__name__.rpartition('.')[2]}.out")
        assert np.allclose(written.matrix_mm, pose, atol=2e-3) and "my pose" in written.name


def test_leaving_an_unsaved_pose_is_asked_about(seen):
    assert seen["stayed"] and seen["gone"]
    assert all("not saved" in words for words in seen["asked"]) and len(seen["asked"]) == 2
