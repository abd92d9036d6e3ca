"""The dose map equals the forward solve, for every kind of coil and at any pose."""

import time

import numpy as np
import pytest
from heads import LEFT_SPOT
from loops import wire_loop

from atlases import Target
from meshes import InputError
from targeting import Coil, Pose
from targeting.coils import PotentialGrid, coil_names, vector_potential
from targeting.coils.equivalent import merged_wires
from targeting.tms import DoseMap, simulate_many
from targeting.tms.placement import place


def direct(conductor, coil, poses):
    tets, weights = LEFT_SPOT.weights(conductor.head)
    return np.array([weights @ f.e_v_per_m[tets] for f in simulate_many(conductor, coil, [Pose(p) for p in poses])])


def random_poses(scalp, coil, distance_mm, count=4):
    rng = np.random.default_rng(int(distance_mm * 10))
    points = scalp.points_mm[rng.choice(np.flatnonzero(scalp.points_mm[:, 2] > 0), count)]
    return place(scalp, coil, points, rng.uniform(-180, 180, 1), distance_mm)[0][:, 0]


def worst(found, truth):
    return (np.linalg.norm(found - truth, axis=1) / np.linalg.norm(truth, axis=1)).max()


@pytest.mark.slow
@pytest.mark.parametrize("name", coil_names())
@pytest.mark.parametrize("distance_mm", [2.0, 6.0])
def test_built_in_coils_within_half_a_percent_of_the_direct_solve(conductor, scalp, dose_map, name, distance_mm):
    coil = Coil.named(name)
    poses = random_poses(scalp, coil, distance_mm)
    assert worst(dose_map.mean_e_v_per_m(coil, poses), direct(conductor, coil, poses)) < 0.005


@pytest.mark.slow
def test_a_coil_of_wire(conductor, scalp, dose_map):
    figure8 = Coil.named("figure8-70mm")
    coil = Coil("loop", (wire_loop(),), figure8.casing, None, 0, "test")
    poses = random_poses(scalp, figure8, 4.0)
    assert worst(dose_map.mean_e_v_per_m(coil, poses), direct(conductor, coil, poses)) < 0.005


@pytest.mark.slow
def test_a_coil_sampled_on_a_grid(conductor, scalp, dose_map):
    figure8 = Coil.named("figure8-70mm")
    affine = np.diag([5.0, 5.0, 5.0, 1.0])
    affine[:3, 3] = [-150, -150, 2]
    nodes = (
        np.stack(np.meshgrid(*[np.arange(n) for n in (61, 61, 50)], indexing="ij"), -1) @ affine[:3, :3] + affine[:3, 3]
    )
    a = vector_potential(figure8, nodes.reshape(-1, 3)).reshape(61, 61, 50, 3)
    coil = Coil("grid", (PotentialGrid(a, affine),), figure8.casing, None, 1, "test")
    poses = random_poses(scalp, figure8, 8.0, 2)
    assert worst(dose_map.mean_e_v_per_m(coil, poses), direct(conductor, coil, poses)) < 0.005


def test_a_coil_that_reaches_beyond_the_grid(conductor, dose_map):
    coil = Coil.named("figure8-70mm")
    far = Pose([[-1, 0, 0, 150], [0, 1, 0, 0], [0, 0, -1, 150], [0, 0, 0, 1]]).matrix_mm[None]
    assert worst(dose_map.mean_e_v_per_m(coil, far), direct(conductor, coil, far)) < 0.005


@pytest.mark.slow
@pytest.mark.parametrize("name", ["double-cone-110mm", "a wire"])
def test_parts_beyond_the_grid_count_as_those_within(dose_map, name):
    figure8 = Coil.named("figure8-70mm")
    coil = Coil(name, (wire_loop(),), figure8.casing, None, 0, "test") if name == "a wire" else Coil.named(name)
    (source,) = coil.sources
    away = np.array([-0.6, -0.3, 0.74]) / np.linalg.norm([-0.6, -0.3, 0.74])
    y = np.cross(away, [1.0, 0.0, 0.0]) / np.linalg.norm(np.cross(away, [1.0, 0.0, 0.0]))
    beyond = []
    for reach_mm in (200.0, 230.0, 260.0, 500.0):
        pose = np.eye(4)
        pose[:3] = np.column_stack([np.cross(y, -away), y, -away, reach_mm * away])
        beyond.append(len(dose_map._beyond(source, pose).points_mm) / len(source.points_mm))
        truth = -1e6 * dose_map._node_sum(source, pose, dose_map._nodes)  # every part over every node
        assert worst(dose_map.mean_e_v_per_m(coil, pose), truth[None]) < 1e-3
    assert any(0 < share < 1 for share in beyond) and beyond[-1] == 1


def test_the_dose_is_the_size_of_the_mean_field_or_its_component(dose_map):
    coil = Coil.named("figure8-70mm")
    pose = np.array([[-1, 0, 0, -40], [0, 1, 0, -20], [0, 0, -1, 100], [0, 0, 0, 1.0]])
    (e,) = dose_map.mean_e_v_per_m(coil, pose)
    assert dose_map.dose(coil, pose) == pytest.approx(np.linalg.norm(e), rel=1e-9)
    assert isinstance(dose_map.dose(coil, Pose(pose)), float)
    assert dose_map.dose(coil, pose, direction=[0, -3, 0]) == pytest.approx(-e[1], rel=1e-9)
    turned = pose @ np.diag([-1.0, -1.0, 1.0, 1.0])
    assert dose_map.dose(coil, turned, [1, 2, 0]) == pytest.approx(-dose_map.dose(coil, pose, [1, 2, 0]), rel=1e-3)
    assert dose_map.dose(coil, pose, didt_a_per_s=-5e7) == pytest.approx(50 * np.linalg.norm(e), rel=1e-9)


def test_many_poses_in_one_call_are_those_poses_one_by_one(scalp, dose_map):
    for name in coil_names():
        poses = random_poses(scalp, Coil.named(name), 4.0, 6)
        poses[5, :3, 3] *= 3  # beyond the grid
        many = dose_map.dose(Coil.named(name), poses)
        assert many.shape == (6,)
        np.testing.assert_allclose(many, [dose_map.dose(Coil.named(name), pose) for pose in poses], rtol=1e-6)


@pytest.mark.parametrize("direction", [[0, 0, 0], [1, 0], [float("nan"), 0, 1], [float("inf"), 0, 1]])
def test_a_direction_that_is_none_is_refused(dose_map, direction):
    with pytest.raises(InputError, match="a direction is three finite numbers"):
        dose_map.dose(Coil.named("figure8-70mm"), np.eye(4), direction)


@pytest.mark.parametrize("pose", [np.eye(3), np.full((4, 4), np.nan), np.zeros((2, 3, 4, 4))])
def test_poses_of_another_shape_are_refused(dose_map, pose):
    with pytest.raises(InputError, match="coil poses must be finite"):
        dose_map.dose(Coil.named("figure8-70mm"), pose)


def test_one_pose_takes_less_than_a_millisecond(scalp, dose_map):
    for name in coil_names():
        coil = Coil.named(name)
        poses = random_poses(scalp, coil, 4.0, 60)
        dose_map.dose(coil, poses[0])
        start = time.thread_time()  # of this thread's own: other work on the machine does not count
        for pose in poses:
            dose_map.dose(coil, pose)
        assert (time.thread_time() - start) / len(poses) < 1e-3, name  # 0.2 to 0.4 ms


def test_dose_scales_with_didt(dose_map):
    coil = Coil.named("figure8-70mm")
    pose = Pose([[-1, 0, 0, -40], [0, 1, 0, -20], [0, 0, -1, 100], [0, 0, 0, 1]])
    assert np.allclose(dose_map.mean_e_v_per_m(coil, pose, -2e6), -2 * dose_map.mean_e_v_per_m(coil, pose, 1e6))


@pytest.mark.slow
def test_saved_and_loaded(dose_map, tmp_path):
    dose_map.save(tmp_path / "dose.npz")
    coil = Coil.named("circular-mc125")
    pose = Pose([[-1, 0, 0, -40], [0, 1, 0, -20], [0, 0, -1, 100], [0, 0, 0, 1]])
    again = DoseMap.load(tmp_path / "dose.npz")
    assert np.array_equal(again.mean_e_v_per_m(coil, pose), dose_map.mean_e_v_per_m(coil, pose))
    (tmp_path / "dose.npz").write_bytes(b"PK")
    with pytest.raises(InputError, match="not a dose map"):
        DoseMap.load(tmp_path / "dose.npz")


def test_a_target_outside_the_grey_matter_is_refused(conductor):
    with pytest.raises(InputError, match="no GM within"):
        DoseMap.build(conductor, Target.sphere([300.0, 0.0, 0.0], 5.0))


def test_merged_wire_pieces_make_the_same_field():
    fine = wire_loop(pieces=900)
    merged = merged_wires(fine)
    assert len(merged.points_mm) < 0.6 * len(fine.points_mm)
    rng = np.random.default_rng(0)
    points = fine.points_mm[rng.integers(0, 900, 300)] + 5.0 * np.array([0.3, -0.2, 0.93])
    a, b = vector_potential(fine, points), vector_potential(merged, points)
    assert np.abs(a - b).max() < 1e-3 * np.linalg.norm(a, axis=1).mean()
