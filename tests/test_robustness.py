"""Placement errors: on a ball everything is known by symmetry, and a worst case is never better than the plan."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest
from heads import LEFT_SPOT

from meshes import InputError
from targeting import Coil, search_tms
from targeting.plans.tms import Placement, PlanRobustness
from targeting.report.steadiness import steadiness_facts
from targeting.stages.robustness import robustness_stage
from targeting.subject import Done
from targeting.tms.placement import casing_distance_mm, current_angle_deg
from targeting.tms.robustness import PlacementError, misplaced, robustness

HAIR_MM = 4.0


@pytest.fixture(scope="module")
def coil():
    return Coil.named("figure8-70mm")


@pytest.fixture(scope="module")
def found(conductor, scalp, dose_map, coil):
    return search_tms(conductor, LEFT_SPOT, coil, HAIR_MM, dose_map=dose_map, scalp=scalp, radius_mm=60)


@pytest.fixture(scope="module")
def result(scalp, dose_map, coil, found):
    return robustness(scalp, coil, dose_map, found.poses[0], found.poses[1:], HAIR_MM)


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


def test_no_error_is_the_pose_itself(scalp, coil, found):
    poses, distance = misplaced(scalp, coil, found.poses[:1], np.zeros((1, 5)), HAIR_MM)
    assert np.abs(poses[0, 0] - found.poses[0]).max() < 0.3  # the scalp's normals come from nearest nodes
    assert distance[0, 0] == pytest.approx(HAIR_MM, abs=0.05)


def test_a_misplaced_coil_is_where_it_was_put(scalp, coil, found):
    """8 mm along its own +x, 20° counter-clockwise seen from outside, 6° of tilt; never in the head."""
    pose = found.poses[0]
    errors = np.array([[8.0, 0, 0, 0, 0], [0, 0, np.radians(20), 0, 0], [0, 0, 0, np.radians(6), 0]])
    (moved, turned, tilted), _ = misplaced(scalp, coil, pose[None], errors, HAIR_MM)[0][0], None
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
    along = robustness(
        scalp, coil, dose_map, found.poses[0], found.poses[:0], HAIR_MM, unit=mean / np.linalg.norm(mean)
    )
    assert np.abs(along.turn_deg) == pytest.approx([25, 25], abs=1.6)  # looked at every 2°
    assert along.turn_deg[0] < 0 < along.turn_deg[1]
    assert result.turn_deg == (-180.0, 180.0)  # its size stays


def test_ninety_per_cent_reaches_as_far_as_it_says(result, found):
    away = np.linalg.norm(result.points_mm - found.scalp_mm[0], axis=1)
    assert 3 < result.within_mm < 30
    assert np.nanmin(result.share[away < result.within_mm - 2]) > 0.89
    assert np.nanmin(result.share[away < result.within_mm + 4]) < 0.9


def test_smaller_errors_cost_less(scalp, dose_map, coil, found, result):
    small = robustness(
        scalp, coil, dose_map, found.poses[0], found.poses[:0], HAIR_MM, error=PlacementError(2.0, 4.0, 2.0)
    )
    assert small.worst_v_per_m > result.worst_v_per_m
    assert small.within_mm == result.within_mm


def test_the_report_says_what_the_numbers_mean():
    best = Placement(1, np.eye(4).tolist(), [-40.0, -20, 90], 45.0, "front", 4.0, 1.0, 1.2, 2.0, [0.0, 0, 0])
    steady = PlanRobustness(
        5.0, 10.0, 5.0, 0.80, 0.95, 9.04, 40.0, 56.0, np.eye(4).tolist(), [-41.0, -20.0, 90.0], 0.98, 0.88
    )
    words = " ".join(": ".join(fact) for fact in steadiness_facts(steady, best))
    assert "at least 0.800 V/m" in words
    assert "40° clockwise to 56° counter-clockwise" in words
    assert "at (-41.0, -20.0, 90.0) mm".replace("-", "−") in words.replace("-", "−")
    assert steadiness_facts(dataclasses.replace(steady, robust_worst_v_per_m=0.801), best)[2].value == "the same"


def test_the_stage_writes_what_it_reads(tmp_path, conductor, scalp, dose_map, coil, found):
    def done(name, value):
        return Done(name, "digest", 0.0, lambda: value)

    stage = robustness_stage(
        done("mesh", conductor.head),
        done("target", SimpleNamespace(target=LEFT_SPOT)),
        done("dosemap", dose_map),
        done("search", found),
        coil,
        None,
        HAIR_MM,
        None,
    )
    made = stage.make(tmp_path)
    read = stage.load(tmp_path)
    assert read.error == made.error == PlacementError()
    for each in dataclasses.fields(made):
        assert np.array_equal(getattr(read, each.name), getattr(made, each.name), equal_nan=each.name == "share")
    assert made.robust_worst_v_per_m >= made.worst_v_per_m
