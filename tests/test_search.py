"""Placement on the scalp and the search over poses."""

import numpy as np
import pytest
from heads import LEFT_SPOT, layered_ball

from atlases.scalp import Scalp
from meshes import InputError
from targeting import Coil, Pose
from targeting.tms import search_tms, simulate_tms
from targeting.tms.placement import (
    ANGLE_FROM,
    ANGLE_FROM_SUPERIOR,
    casing_distance_mm,
    current_angle_deg,
    place,
    rotations,
)


@pytest.fixture(scope="module")
def found(conductor, scalp, dose_map):
    return search_tms(conductor, LEFT_SPOT, Coil.named("figure8-70mm"), dose_map=dose_map, scalp=scalp, radius_mm=60)


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


@pytest.mark.parametrize("name", ["figure8-70mm", "double-cone-110mm", "circular-mc125"])
def test_the_casing_is_put_at_the_distance_asked_for(scalp, name):
    coil = Coil.named(name)
    points = scalp.points_mm[scalp.points_mm[:, 2] > 40][::40]
    poses, distance = place(scalp, coil, points, np.array([-70.0, 20.0]), 4.0)
    for pose, said in zip(poses.reshape(-1, 4, 4), distance.ravel(), strict=True):
        assert said == pytest.approx(4.0, abs=0.03)
        assert casing_distance_mm(scalp, coil, pose) == pytest.approx(said, abs=1e-6)


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


def test_no_pose_of_a_brute_search_is_better(found, conductor, scalp, dose_map):
    coil = Coil.named("figure8-70mm")
    nearest = scalp.points_mm[scalp.nearest(LEFT_SPOT.center_mm)]
    poses, _ = place(scalp, coil, scalp.samples(nearest, 40.0, 3.0), np.arange(0, 360, 7.0), 4.0)
    doses = np.linalg.norm(dose_map.mean_e_v_per_m(coil, poses.reshape(-1, 4, 4)), axis=1)
    assert found.dose_v_per_m[0] >= 0.995 * doses.max()


def test_the_field_at_the_target_points_forward(found):
    assert (found.mean_e_v_per_m[:, 1] >= 0).all()


def test_the_direct_solve_confirms_the_winner(found, conductor):
    field = simulate_tms(conductor, Coil.named("figure8-70mm"), Pose(found.poses[0]))
    tets, weights = LEFT_SPOT.weights(conductor.head)
    assert np.linalg.norm(weights @ field.e_v_per_m[tets]) == pytest.approx(found.dose_v_per_m[0], rel=0.005)


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
        ({"direction": "up"}, "unknown direction"),
        ({"direction": [0, 0, 0]}, "not all zero"),
    ],
)
def test_impossible_options_are_refused(conductor, scalp, dose_map, options, words):
    with pytest.raises(InputError, match=words):
        search_tms(conductor, LEFT_SPOT, Coil.named("figure8-70mm"), dose_map=dose_map, scalp=scalp, **options)
