"""Placement on the scalp and the search over poses."""

import numpy as np
import pytest
from heads import LEFT_SPOT, layered_ball
from scipy.spatial import cKDTree

from atlases.scalp import Scalp
from meshes import InputError
from targeting import Coil, Pose
from targeting.tms import search_tms, simulate_tms
from targeting.tms.orientation import faces_away
from targeting.tms.placement import (
    ANGLE_FROM,
    ANGLE_FROM_SUPERIOR,
    casing_distance_mm,
    current_angle_deg,
    has_wings,
    place,
    rotations,
)
from targeting.tms.survey import COARSE_MM


@pytest.fixture(scope="module")
def found(conductor, scalp, dose_map):
    return search_tms(conductor, LEFT_SPOT, Coil.named("figure8-70mm"), dose_map=dose_map, scalp=scalp, radius_mm=60)


@pytest.mark.slow
def test_signed_distance_of_a_sphere():
    scalp = Scalp.of(layered_ball(6.0))
    points = np.random.default_rng(0).normal(size=(200, 3))
    points *= (np.linspace(60, 125, 200) / np.linalg.norm(points, axis=1))[:, None]
    error = scalp.signed_distance_mm(points) - (np.linalg.norm(points, axis=1) - 92.0)
    near = np.abs(scalp.signed_distance_mm(points)) < 20
    assert np.abs(error[near]).max() < 0.3  # the facets' sag, and reading between nodes
    assert np.abs(error).max() < 1.5  # far away the distance is that of voxels


def test_angles_on_the_vertex_are_as_seen_from_above():
    up = np.array([[0.0, 0.0, 1.0]])
    ahead, leftward = rotations(up, np.array([0.0, 90.0]), 1)[0]
    assert np.allclose(ahead[:, 1], [0, 1, 0])
    assert np.allclose(leftward[:, 1], [-1, 0, 0])  # counter-clockwise from above turns anterior to the left
    assert np.allclose(ahead[:, 2], [0, 0, -1])
    assert np.linalg.det(ahead) == pytest.approx(1)


def test_a_coil_file_of_the_other_sign_turns_its_handle_and_keeps_the_current():
    up = np.array([[0.0, 0.0, 1.0]])
    usual, reversed_ = (rotations(up, np.array([30.0]), sign)[0, 0] for sign in (1, -1))
    assert np.allclose(usual[:, 1], -reversed_[:, 1])
    for axes, sign in ((usual, 1), (reversed_, -1)):
        matrix = np.eye(4)
        matrix[:3, :3] = axes
        angle, origin = current_angle_deg(matrix, sign)
        assert angle == pytest.approx(30.0)
        assert origin == ANGLE_FROM


def test_on_the_forehead_angles_are_from_superior():
    matrix = np.eye(4)
    matrix[:3, :3] = rotations(np.array([[0.0, 1.0, 0.0]]), np.array([0.0]), 1)[0, 0]
    assert np.allclose(matrix[:3, 1], [0, 0, 1])
    assert current_angle_deg(matrix, 1) == (pytest.approx(0.0), ANGLE_FROM_SUPERIOR)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["figure8-70mm", "double-cone-110mm", "circular-mc125"])
def test_the_casing_is_put_at_the_distance_asked_for(scalp, name):
    coil = Coil.named(name)
    points = scalp.points_mm[scalp.points_mm[:, 2] > 40][::40]
    poses, distance = place(scalp, coil, points, np.array([-70.0, 20.0]), 4.0)
    for pose, said in zip(poses.reshape(-1, 4, 4), distance.ravel(), strict=True):
        assert said == pytest.approx(4.0, abs=0.03)
        assert casing_distance_mm(scalp, coil, pose) == pytest.approx(said, abs=1e-6)


@pytest.mark.slow
def test_the_best_pose_lies_over_the_target(found, scalp):
    nearest = scalp.points_mm[scalp.nearest(LEFT_SPOT.center_mm)]
    assert np.linalg.norm(found.scalp_mm[0] - nearest) < 15
    assert found.scalp_mm[0][0] < -20


def test_the_ranking_falls_and_places_are_distinct(found):
    assert (np.diff(found.dose_v_per_m) <= 0).all()
    assert np.allclose(np.linalg.norm(found.mean_e_v_per_m, axis=1), found.dose_v_per_m)
    gaps = np.linalg.norm(found.scalp_mm[:, None] - found.scalp_mm[None], axis=2)[
        np.triu_indices(len(found.scalp_mm), 1)
    ]
    assert gaps.min() >= 5
    assert found.best_dose_at_point_v_per_m.max() <= found.dose_v_per_m[0]


@pytest.mark.slow
def test_no_pose_of_a_brute_search_is_better(found, conductor, scalp, dose_map):
    coil = Coil.named("figure8-70mm")
    nearest = scalp.points_mm[scalp.nearest(LEFT_SPOT.center_mm)]
    poses, _ = place(scalp, coil, scalp.samples(nearest, 40.0, 3.0), np.arange(0, 360, 7.0), 4.0)
    doses = np.linalg.norm(dose_map.mean_e_v_per_m(coil, poses.reshape(-1, 4, 4)), axis=1)
    assert found.dose_v_per_m[0] >= 0.995 * doses.max()


def test_the_handle_points_away_from_the_face(found):
    assert faces_away(-found.poses[:, :3, 1], "left").all()
    assert found.effective_sign == 1 and found.current == "normal"  # nothing wants the current another way


def test_the_direct_solve_confirms_the_winner(found, conductor):
    field = simulate_tms(conductor, Coil.named("figure8-70mm"), Pose(found.poses[0]))
    tets, weights = LEFT_SPOT.weights(conductor.head)
    assert np.linalg.norm(weights @ field.e_v_per_m[tets]) == pytest.approx(found.dose_v_per_m[0], rel=0.005)


@pytest.mark.slow
def test_a_direction_ranks_by_the_component(conductor, scalp, dose_map):
    coil = Coil.named("figure8-70mm")
    sideways = search_tms(
        conductor, LEFT_SPOT, coil, direction=[0.0, 0.0, -2.0], dose_map=dose_map, scalp=scalp, keep=1, radius_mm=60
    )
    assert sideways.dose_v_per_m[0] == pytest.approx(-sideways.mean_e_v_per_m[0, 2])
    normal = search_tms(
        conductor, LEFT_SPOT, coil, direction="normal", dose_map=dose_map, scalp=scalp, keep=1, radius_mm=40
    )
    assert 0 < normal.dose_v_per_m[0] <= np.linalg.norm(normal.mean_e_v_per_m[0]) + 1e-12


@pytest.mark.slow
def test_the_whole_scalp_is_searched(conductor, scalp, dose_map):
    coil = Coil.named("figure8-70mm")
    everywhere = search_tms(conductor, LEFT_SPOT, coil, dose_map=dose_map, scalp=scalp, keep=1)
    assert 8_000 < everywhere.tried < 80_000  # from coarse to fine; all of them would be half a million
    assert (np.ptp(everywhere.scalp_points_mm, axis=0) > 0.97 * np.ptp(scalp.points_mm, axis=0)).all()
    gaps = cKDTree(everywhere.scalp_points_mm).query(scalp.points_mm)[0]
    assert gaps.max() < 1.5 * COARSE_MM  # no hole between places
    best = np.linalg.norm(scalp.points_mm - everywhere.scalp_mm[0], axis=1) < 10
    assert gaps[best].max() < 6.0
    far = np.linalg.norm(everywhere.scalp_points_mm - everywhere.scalp_mm[0], axis=1) > 90
    assert everywhere.best_dose_at_point_v_per_m[far].max() < 0.6 * everywhere.dose_v_per_m[0]


@pytest.mark.slow
def test_tilts_and_extra_distance_are_tried_too(found, conductor, scalp, dose_map):
    coil = Coil.named("figure8-70mm")
    options = {"dose_map": dose_map, "scalp": scalp, "radius_mm": 40}
    leaning = search_tms(conductor, LEFT_SPOT, coil, tilt_deg=10.0, extra_mm=9.0, keep=3, **options)
    flat = search_tms(conductor, LEFT_SPOT, coil, keep=3, **options)
    assert leaning.tried > flat.tried + 3 * 25 * 4
    assert leaning.dose_v_per_m[0] >= flat.dose_v_per_m[0]
    for pose, said in zip(leaning.poses, leaning.distance_mm, strict=True):
        assert casing_distance_mm(scalp, coil, pose) == pytest.approx(said, abs=1e-6)
        assert 4.0 - 0.05 <= said <= 13.0 + 0.05


@pytest.mark.slow
@pytest.mark.parametrize("name", ["figure8-70mm", "double-cone-110mm", "circular-mc125"])
def test_the_distance_reached_is_the_smallest_of_all_casing_points(scalp, name):
    """Far lumps of a casing are not looked into; none of them may hold the nearest point."""
    coil = Coil.named(name)
    points = scalp.samples(scalp.points_mm[0], 400.0, 25.0)
    for distance_mm in (2.0, 30.0):
        poses, distance = place(scalp, coil, points, np.array([-100.0, 20.0]), distance_mm)
        each = [casing_distance_mm(scalp, coil, pose) for pose in poses.reshape(-1, 4, 4)]
        assert np.abs(distance.ravel() - each).max() < 1e-9


@pytest.mark.slow
@pytest.mark.parametrize("distance_mm", [1.0, 6.0])
def test_an_angled_coil_rests_on_both_wings(scalp, distance_mm):
    coil = Coil.named("double-cone-110mm")
    assert has_wings(coil) and not has_wings(Coil.named("figure8-70mm"))
    points = scalp.points_mm[scalp.points_mm[:, 2] > 20][::60]
    poses, distance = place(scalp, coil, points, np.array([-80.0, 15.0]), distance_mm)
    assert np.allclose(distance, distance_mm, atol=0.04)
    casing = coil.casing.points_mm
    for pose in poses.reshape(-1, 4, 4):
        assert np.linalg.det(pose[:3, :3]) == pytest.approx(1)
        mm = scalp.signed_distance_mm(casing @ pose[:3, :3].T + pose[:3, 3])
        assert abs(mm[casing[:, 0] < 0].min() - mm[casing[:, 0] >= 0].min()) < 0.15


@pytest.mark.slow
def test_what_the_casing_keeps_a_placement_from(found, conductor, scalp, dose_map):
    flat_on_round = found.closer_depth_mm
    assert (flat_on_round < 0.5).all()  # nothing in the way of a flat coil on a ball
    assert np.allclose(found.closer_dose_v_per_m, found.dose_v_per_m, rtol=0.02)
    coil = Coil.named("double-cone-110mm")
    angled = search_tms(conductor, LEFT_SPOT, coil, dose_map=dose_map, scalp=scalp, keep=1, radius_mm=30)
    assert angled.closer_depth_mm[0] > 5 and angled.closer_dose_v_per_m[0] > 1.1 * angled.dose_v_per_m[0]
    # the place named is in the casing, and that deep in the head or nearer to it than asked for
    there = scalp.signed_distance_mm(angled.closer_at_mm[:1])[0]
    assert 4.0 - there == pytest.approx(angled.closer_depth_mm[0], abs=1e-6)


def test_more_hair_means_less_dose(found, conductor, scalp, dose_map):
    thick = search_tms(
        conductor,
        LEFT_SPOT,
        Coil.named("figure8-70mm"),
        hair_mm=12.0,
        dose_map=dose_map,
        scalp=scalp,
        keep=1,
        radius_mm=40,
    )
    assert thick.dose_v_per_m[0] < 0.9 * found.dose_v_per_m[0]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"hair_mm": -1.0}, "hair"),
        ({"radius_mm": 900.0}, "radius"),
        ({"tilt_deg": 25.0}, "tilt"),
        ({"extra_mm": -1.0}, "extra distance"),
        ({"direction": "up"}, "unknown direction"),
        ({"direction": [0, 0, 0]}, "not all zero"),
    ],
)
def test_impossible_options_are_refused(conductor, scalp, dose_map, options, words):
    with pytest.raises(InputError, match=words):
        search_tms(conductor, LEFT_SPOT, Coil.named("figure8-70mm"), dose_map=dose_map, scalp=scalp, **options)
