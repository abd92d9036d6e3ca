"""Placement errors: on a ball everything is known by symmetry, and a worst case is never better than the plan."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest
import pyvista
from heads import LEFT_SPOT
from studies import done, study_of

from meshes import InputError
from targeting import Coil, search_tms
from targeting.coils.builtin import coil_names
from targeting.plans.tms import Placement
from targeting.robustness.record import PlanRobustness
from targeting.robustness.robustness import PlacementError, misplaced, robustness, taken_to
from targeting.robustness.stage import robustness_stage
from targeting.robustness.words import robustness_facts
from targeting.study.coil_aim import CoilAim
from targeting.tms.placement import casing_distance_mm, current_angle_deg, place
from targeting.tms.pose_table import Judge

HAIR_MM = 4.0


@pytest.fixture(scope="module")
def coil():
    return Coil.named("figure8-70mm")


@pytest.fixture(scope="module")
def found(conductor, scalp, dose_map, coil):
    return search_tms(conductor, LEFT_SPOT, coil, HAIR_MM, dose_map=dose_map, scalp=scalp, radius_mm=60)


@pytest.fixture(scope="module")
def result(scalp, dose_map, coil, found):
    return robustness(scalp, coil, dose_map, found.poses, found.scalp_mm)


def test_errors_fill_their_ranges_evenly():
    draws = PlacementError(5.0, 10.0, 4.0).draws(1024)
    shift, tilt = np.linalg.norm(draws[:, :2], axis=1), np.linalg.norm(draws[:, 3:], axis=1)
    assert shift.max() <= 5.0
    assert np.mean(shift**2) == pytest.approx(12.5, rel=0.02)  # a disc of radius r: r²/2
    assert np.degrees(np.abs(draws[:, 2])).max() == pytest.approx(10.0, rel=0.02)
    assert np.degrees(tilt).max() <= 4.0
    assert np.abs(draws.mean(axis=0)).max() < 0.05


@pytest.mark.parametrize("wrong", [{"shift_mm": -1.0}, {"turn_deg": 200.0}, {"tilt_deg": float("nan")}])
def test_impossible_errors_are_refused(wrong):
    with pytest.raises(InputError, match=next(iter(wrong))):
        PlacementError(**wrong)


@pytest.mark.slow
@pytest.mark.parametrize("name", coil_names())
@pytest.mark.parametrize("leaning", [{}, {"tilt_deg": 10.0, "extra_mm": 6.0}], ids=["flat", "leaning"])
def test_no_error_is_the_pose_itself(conductor, scalp, dose_map, name, leaning):
    """Also of a coil whose wings rest, and of one tilted and held farther off (which no dose asks for)."""
    coil = Coil.named(name)
    foot = scalp.points_mm[scalp.nearest([-60.0, 10.0, 60.0])]
    judge = Judge(scalp, coil, dose_map, HAIR_MM, 1e6, None, None, 1.0)
    poses = judge.at(foot[None], np.array([40.0]))
    if leaning:
        poses, _ = judge.leaning(poses, **leaning)
    tried = 0
    for pose, distance in zip(poses.poses[::17], poses.distance_mm[::17], strict=True):
        (again,), (can,) = misplaced(scalp, coil, pose, foot, np.zeros((1, 5)))
        assert can and np.abs(again - pose).max() < 0.05  # mm along the normal: a push is good to 0.02
        assert casing_distance_mm(scalp, coil, again) == pytest.approx(distance, abs=0.05)
        tried += 1
    assert tried == (1 if not leaning else tried) and tried >= 1


def test_a_coil_with_wings_is_rocked_wherever_it_is_misplaced(scalp):
    coil = Coil.named("double-cone-110mm")
    foot = scalp.points_mm[scalp.nearest(LEFT_SPOT.center_mm)]
    pose = place(scalp, coil, foot[None], np.array([20.0]), HAIR_MM)[0][0, 0]
    errors = PlacementError(tilt_deg=0.0).draws(32)
    poses, can = misplaced(scalp, coil, pose, foot, errors)
    assert can.all()
    casing = coil.casing.points_mm
    for each in poses:
        mm = scalp.signed_distance_mm(casing @ each[:3, :3].T + each[:3, 3])
        assert abs(mm[casing[:, 0] < 0].min() - mm[casing[:, 0] >= 0].min()) < 0.25  # both wings rest


def test_a_candidate_stands_on_the_head_before_it_is_one(scalp):
    """A double cone taken to other places: never at the scalp point itself, where its wings would be in the head."""
    coil = Coil.named("double-cone-110mm")
    foot = scalp.points_mm[scalp.nearest(LEFT_SPOT.center_mm)]
    pose = place(scalp, coil, foot[None], np.array([20.0]), HAIR_MM)[0][0, 0]
    points = scalp.samples(foot, 40.0, 8.0)
    poses, can = taken_to(scalp, coil, pose, foot, points)
    assert can.mean() > 0.9 and len(can) > 20
    surface = pyvista.PolyData.from_regular_faces(scalp.points_mm, scalp.triangles)
    for each, point in zip(poses[can], points[can], strict=True):
        casing = pyvista.PolyData(coil.casing.points_mm @ each[:3, :3].T + each[:3, 3])
        exact = casing.compute_implicit_distance(surface)["implicit_distance"]
        assert exact.min() == pytest.approx(HAIR_MM, abs=0.4)  # a coarse ball's edges on the grid
        assert np.linalg.norm(each[:3, 3] - point) > HAIR_MM + 5


@pytest.mark.slow
def test_a_misplaced_coil_is_where_it_was_put(scalp, coil, found):
    """8 mm along its own +x, 20° counter-clockwise seen from outside, 6° of tilt; never in the head."""
    pose = found.poses[0]
    errors = np.array([[8.0, 0, 0, 0, 0], [0, 0, np.radians(20), 0, 0], [0, 0, 0, np.radians(6), 0]])
    (moved, turned, tilted), _ = misplaced(scalp, coil, pose, found.scalp_mm[0], errors)
    assert (moved[:3, 3] - pose[:3, 3]) @ pose[:3, 0] == pytest.approx(8.0, abs=1.0)
    assert abs((moved[:3, 3] - pose[:3, 3]) @ pose[:3, 1]) < 1.0
    before, after = (current_angle_deg(each, coil.current_direction_y)[0] for each in (pose, turned))
    assert (after - before) % 360 == pytest.approx(20, abs=0.6)  # angles count counter-clockwise seen from outside
    assert np.degrees(np.arccos(tilted[:3, 2] @ pose[:3, 2])) == pytest.approx(6, abs=0.6)
    for each in (moved, turned, tilted):
        assert casing_distance_mm(scalp, coil, each) == pytest.approx(HAIR_MM, abs=0.1)
        assert np.abs(each[:3, :3].T @ each[:3, :3] - np.eye(3)).max() < 1e-9
        assert np.linalg.det(each[:3, :3]) > 0


def test_the_worst_case_is_below_the_mean_and_the_mean_below_the_plan(result, found):
    assert result.worst_v_per_m < result.mean_v_per_m < found.dose_v_per_m[0] * 1.001
    assert result.robust_worst_v_per_m >= result.worst_v_per_m
    assert result.robust_dose_v_per_m <= found.dose_v_per_m[0] * 1.001


def test_turning_costs_the_cosine(scalp, dose_map, coil, found, result):
    """Over the middle of a ball a turned coil turns the field with it: along one direction 90 % last to 25.8°."""
    mean = dose_map.mean_e_v_per_m(coil, found.poses[0])[0]
    along = robustness(scalp, coil, dose_map, found.poses[:1], found.scalp_mm[:1], unit=mean / np.linalg.norm(mean))
    assert np.abs(along.turn_deg) == pytest.approx([25, 25], abs=1.6)  # looked at every 2°
    assert along.turn_deg[0] < 0 < along.turn_deg[1]
    assert result.turn_deg == (-180.0, 180.0)  # its size stays


def test_ninety_per_cent_reaches_as_far_as_it_says(result, found):
    away = np.linalg.norm(result.points_mm - found.scalp_mm[0], axis=1)
    assert 3 < result.within_mm < 30
    assert np.nanmin(result.share[away < result.within_mm - 2]) > 0.89
    assert np.nanmin(result.share[away < result.within_mm + 4]) < 0.9


def test_smaller_errors_cost_less(scalp, dose_map, coil, found, result):
    small = robustness(scalp, coil, dose_map, found.poses[:1], found.scalp_mm[:1], error=PlacementError(2.0, 4.0, 2.0))
    assert small.worst_v_per_m > result.worst_v_per_m
    assert small.within_mm == result.within_mm


def test_the_report_says_what_the_numbers_mean():
    best = Placement(1, np.eye(4).tolist(), [-40.0, -20, 90], 45.0, "front", 4.0, 1.0, 1.2, 2.0, [0.0, 0, 0])
    steady = PlanRobustness(
        5.0, 10.0, 5.0, 0.80, 0.95, 9.04, 40.0, 56.0, np.eye(4).tolist(), [-41.0, -20.0, 90.0], 0.98, 0.88
    )
    words = " ".join(f"{fact.name}: {fact.text}: {fact.more}" for fact in robustness_facts(steady, best.scalp_mm))
    assert "at least 0.800 V/m" in words
    assert "40° clockwise to 56° counter-clockwise" in words
    assert "at (-41.0, -20.0, 90.0) mm".replace("-", "−") in words.replace("-", "−")
    assert (
        robustness_facts(dataclasses.replace(steady, robust_worst_v_per_m=0.801), best.scalp_mm)[2].value
        == "placement 1"
    )


@pytest.mark.slow
def test_the_stage_writes_what_it_reads(tmp_path, conductor, scalp, dose_map, coil, found):
    study = study_of(conductor.head, SimpleNamespace(target=LEFT_SPOT))
    aim = CoilAim(coil=coil, hair_mm=HAIR_MM)
    stage = robustness_stage(study, aim, done("dosemap", dose_map), done("search", found))
    made = stage.make(tmp_path)
    read = stage.load(tmp_path)
    assert read.error == made.error == PlacementError()
    for each in dataclasses.fields(made):
        assert np.array_equal(getattr(read, each.name), getattr(made, each.name), equal_nan=each.name == "share")
    assert made.robust_worst_v_per_m >= made.worst_v_per_m
