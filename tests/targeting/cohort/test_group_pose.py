"""One pose for all: where it lies on each head, what it gives there, and what an own pose gains over it."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
from cohort_group import KIND, SMALL, SPOT_MM, made_up, worked_person
from heads import layered_ball
from plans import one_plan

from atlases.scalp import Scalp
from atlases.warp import MniWarp
from meshes.errors import InputError
from targeting import Coil
from targeting.cohort.group_gain import compared_with_others, median_interval
from targeting.cohort.group_plans import Planned
from targeting.cohort.group_pose import HeadAtWork, MniPose, mean_pose
from targeting.cohort.person import Folders
from targeting.tms.placement import casing_distance_mm

WIDE = (0.9, 1.1, 1.05)  # of a head, in MNI152


def head_at(tmp_path, stretch=(1.0, 1.0, 1.0), shift=(0.0, 0.0, 0.0)):
    """A ball whose warp stretches and moves MNI152, which here is a ball of 92 mm."""
    affine = np.diag([*stretch, 1.0])
    affine[:3, 3] = shift
    head = layered_ball(14.0, stretch)
    moved = type(head)(head.points_mm + shift, head.tets, head.tissue)
    plan = replace(one_plan(), search=replace(one_plan().search, hair_mm=5.0))
    planned = Planned("01", "", tmp_path, "x", plan, "done", "", KIND)
    at_work = HeadAtWork(planned, Folders(tmp_path, tmp_path, tmp_path))
    known = {
        "head": moved,
        "scalp": Scalp.of(moved),
        "warp": MniWarp(affine, np.zeros((2, 2, 2, 3), np.float32), np.zeros(3), 1.0),
        "coil": Coil.named("figure8-70mm"),
    }
    at_work.__dict__.update(known)  # what it would read from the work folder
    return at_work


def unit(*vector):
    return np.array(vector) / np.linalg.norm(vector)


def test_a_pose_is_set_down_where_the_warp_puts_it_turned_as_the_warp_turns_it(tmp_path):
    shift = (12.0, -7.0, 3.0)
    at_work = head_at(tmp_path, WIDE, shift)
    outwards = unit(-0.5, -0.2, 0.84)
    handle = unit(-0.6, -0.7, -0.5)
    pose = at_work.set_down(MniPose(92.0 * outwards, handle))
    expected_mm = 92.0 * outwards * WIDE + shift
    along_axis = (pose[:3, 3] - expected_mm) @ pose[:3, 2]
    assert np.linalg.norm(pose[:3, 3] - expected_mm - along_axis * pose[:3, 2]) < 3.0  # mm, on a coarse ball
    turned = handle * WIDE
    flat = turned - (turned @ pose[:3, 2]) * pose[:3, 2]
    assert -pose[:3, 1] @ unit(*flat) > np.cos(np.radians(1.0))
    assert pose[:3, 2] @ unit(*(outwards / WIDE)) < -np.cos(
        np.radians(6.0)
    )  # into the head, along the ellipsoid's normal
    assert np.linalg.det(pose[:3, :3]) == pytest.approx(1.0)
    assert casing_distance_mm(at_work.scalp, at_work.coil, pose) == pytest.approx(5.0, abs=0.05)


def test_left_stays_left_in_a_pose_that_goes_to_mni_and_back(tmp_path):
    at_work = head_at(tmp_path, WIDE)
    left = MniPose(92.0 * unit(-0.8, 0.1, 0.6), unit(-0.5, -0.8, -0.4))
    pose = at_work.set_down(left)
    scalp_mm, _ = at_work.scalp.feet(at_work.warp.to_subject(left.scalp_mm[None]))
    best = replace(one_plan().placements[0], pose=pose.tolist(), scalp_mm=scalp_mm[0].tolist())
    at_work = replace(at_work, planned=replace(at_work.planned, plan=replace(one_plan(), placements=[best])))
    at_work.__dict__["warp"] = MniWarp(np.diag([*WIDE, 1.0]), np.zeros((2, 2, 2, 3), np.float32), np.zeros(3), 1.0)
    back = at_work.mni_pose
    assert back.scalp_mm[0] < -60
    assert np.linalg.norm(back.scalp_mm - left.scalp_mm) < 3.0
    along_scalp = left.handle - (left.handle @ unit(*left.scalp_mm)) * unit(*left.scalp_mm)
    assert back.handle @ unit(*along_scalp) > np.cos(np.radians(5.0))


def test_the_mean_of_places_and_handles():
    poses = [MniPose(np.array([-50.0, y, 70.0]), unit(-1, x, 0)) for y, x in ((-10.0, -0.2), (-20.0, 0.2))]
    mean = mean_pose(poses)
    assert mean.scalp_mm.tolist() == [-50.0, -15.0, 70.0]
    assert mean.handle.tolist() == pytest.approx([-1.0, 0.0, 0.0])


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    """Three balls: two of one shape whose poses are a search's, and one whose pose is far from theirs."""
    folders = made_up(tmp_path_factory.mktemp("group"), ("01", "02", "03"))
    far = MniPose(92.0 * SMALL * unit(-0.3, 0.75, 0.6), unit(-0.3, -0.8, 0.5))
    people = [
        worked_person(folders, "01"),
        worked_person(folders, "02", WIDE),
        worked_person(folders, "03", (1.05, 0.95, 1.0), far),
    ]
    return folders, people


@pytest.mark.slow
def test_the_own_pose_gives_the_plans_dose_as_the_search_found_it(people):
    folders, planned = people
    for each in planned:
        at_work = HeadAtWork(each, folders)
        (dose,) = at_work.doses_v_per_m([at_work.own_pose])
        assert dose == pytest.approx(each.dose_v_per_m, rel=1e-3)
        whole = at_work.dose_map.dose(at_work.coil, at_work.own_pose)  # with the field made all round the head
        assert dose == pytest.approx(whole, rel=1e-5)


@pytest.mark.slow
def test_each_is_compared_with_the_others_and_loses_by_a_pose_that_is_far(people):
    folders, planned = people
    names = [each.person for each in planned]
    pairs, pose = compared_with_others(planned, names, folders)
    assert [each.person for each in pairs] == names and not any(each.why for each in pairs)
    first, second = pairs[:2]
    assert first.ratio > 1.1 and second.ratio > 1.1  # the mean of the others is drawn away by the third's
    others = [HeadAtWork(each, folders).mni_pose for each in planned[1:]]
    at_work = HeadAtWork(planned[0], folders)
    (by_hand,) = at_work.doses_v_per_m([at_work.set_down(mean_pose(others))])
    assert first.common_v_per_m == pytest.approx(by_hand, rel=1e-6)  # without the person's own pose
    assert pose.n == 3
    assert first.depth_mm == pytest.approx(92 * SMALL - np.linalg.norm(SPOT_MM), abs=3)


@pytest.mark.slow
def test_who_does_not_count_is_in_nobodys_mean_and_compared_all_the_same(people):
    folders, planned = people
    pairs, pose = compared_with_others(planned, ["sub-01", "sub-02"], folders)
    assert pose.n == 2
    first, second, third = pairs
    # each of the first two is compared with the other alone, whose pose is a search's, too
    assert 0.9 < first.ratio < 1.1 and 0.9 < second.ratio < 1.1
    assert third.ratio is not None and third.ratio < 0.9  # its own pose is far from its target


@pytest.mark.slow
def test_what_is_gone_is_said_in_a_line(people, tmp_path):
    folders, planned = people
    gone = replace(folders, work=tmp_path / "nowhere")
    pairs, pose = compared_with_others(planned, [each.person for each in planned], gone)
    assert {each.why for each in pairs} == {"the work folder is gone"} and pose is None
    assert all(each.ratio is None and each.depth_mm is None for each in pairs)
    copied = replace(folders, work=tmp_path / "work")
    shutil.copytree(folders.work, copied.work)
    (copied.work / "sub-02" / "plans" / "spot-left" / "dosemap.npz").unlink()
    other = replace(planned[0].plan.placements[0], dose_v_per_m=2 * planned[0].dose_v_per_m)
    changed = [replace(planned[0], plan=replace(planned[0].plan, placements=[other])), *planned[1:]]
    pairs, _ = compared_with_others(changed, [each.person for each in changed], copied)
    assert pairs[0].why == "the work folder holds another plan than the derivatives"
    assert pairs[1].why == "its dose map is gone from the work folder" and pairs[1].depth_mm is not None
    assert pairs[2].ratio is not None


def test_nobody_else_is_no_common_pose(tmp_path):
    planned = Planned("01", "", tmp_path, "x", one_plan(), "done", "", KIND)
    pairs, pose = compared_with_others([planned], ["sub-01"], Folders(tmp_path, tmp_path, tmp_path / "work"))
    assert pose is None and pairs[0].ratio is None and "gone" in pairs[0].why


def test_a_place_that_no_coil_reaches_is_refused(tmp_path, monkeypatch):
    at_work = head_at(tmp_path)
    monkeypatch.setattr("targeting.cohort.group_pose.allowed", lambda distance_mm, _: np.zeros_like(distance_mm, bool))
    with pytest.raises(InputError, match="cannot lie at the common place"):
        at_work.set_down(MniPose(np.array([0.0, 0.0, 92.0]), unit(0, -1, 0)))


@pytest.mark.parametrize(("n", "k"), [(5, None), (6, 1), (9, 2), (10, 2), (12, 3), (20, 6), (100, 40)])
def test_the_median_lies_in_the_interval_as_tables_have_it(n, k):
    # by hand from the binomial distribution, as the tables of the sign test have it: n = 10: 2 (1 + 10) / 2¹⁰ = 2.1 %
    found = median_interval(np.arange(1.0, n + 1))
    assert found.median == (n + 1) / 2
    assert (found.low, found.high) == ((None, None) if k is None else (k, n + 1 - k))
