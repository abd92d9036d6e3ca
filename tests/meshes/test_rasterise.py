"""Meshes on grids: every voxel centre in the tetrahedron that holds it, whatever the affine."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import Delaunay

from meshes import HeadMesh, InputError, Tissue
from meshes.rasterise import grid_around, labels_on_grid, tets_on_grid, tissues_from_mesh, values_on_grid


def random_affine(random):
    rotation, _ = np.linalg.qr(random.normal(size=(3, 3)))  # turned or mirrored
    affine = np.eye(4)
    affine[:3, :3] = rotation * random.uniform(2, 9, 3)
    affine[:3, :3] += random.normal(size=(3, 3)) * 0.3  # and a little sheared
    affine[:3, 3] = -affine[:3, :3] @ [8, 7, 6] + random.normal(size=3)
    return affine


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_against_scipys_point_location(seed):
    random = np.random.default_rng(seed)
    delaunay = Delaunay(random.normal(size=(60, 3)) * 20)
    mesh = HeadMesh(delaunay.points, delaunay.simplices, random.integers(1, 7, len(delaunay.simplices)))
    affine, shape = random_affine(random), (17, 15, 13)
    centres = np.moveaxis(np.indices(shape), 0, -1) @ affine[:3, :3].T + affine[:3, 3]
    expected = delaunay.find_simplex(centres)
    found = tets_on_grid(mesh, affine, shape)
    np.testing.assert_array_equal(found, expected)
    assert (expected >= 0).any()
    labels = labels_on_grid(mesh, affine, shape)
    np.testing.assert_array_equal(labels, np.where(expected >= 0, mesh.tissue[expected], 0))
    values = random.normal(size=(len(mesh.tets), 3)).astype(np.float32)
    on_grid = values_on_grid(mesh, values, affine, shape)
    np.testing.assert_array_equal(on_grid, np.where((expected >= 0)[..., None], values[expected], 0))
    np.testing.assert_array_equal(values_on_grid(mesh, values[:, 1], affine, shape), on_grid[..., 1])


def test_no_centre_falls_between_tetrahedra():
    """Voxel centres on nodes, edges and faces of a regular mesh: the cube is filled without a gap."""
    nodes = np.moveaxis(np.indices((4, 4, 4)), 0, -1).reshape(-1, 3) * 1.0
    corners = np.array([0, 1, 4, 5, 16, 17, 20, 21])
    paths = [(4, 2, 1), (4, 1, 2), (2, 4, 1), (2, 1, 4), (1, 2, 4), (1, 4, 2)]  # Kuhn's six tetrahedra of a cube
    tets = [
        [corners[0] + base, *(corners[np.cumsum(path)] + base)]
        for base in (16 * i + 4 * j + k for i in range(3) for j in range(3) for k in range(3))
        for path in paths
    ]
    mesh = HeadMesh(nodes, np.array(tets), np.ones(len(tets)))
    affine = np.diag([0.25, 0.25, 0.25, 1.0])
    assert (labels_on_grid(mesh, affine, (13, 13, 13)) == 1).all()
    affine[:3, 3] = -0.25
    labels = labels_on_grid(mesh, affine, (15, 15, 15))
    assert (labels[1:-1, 1:-1, 1:-1] == 1).all()
    assert labels.sum() == 13**3


def test_left_stays_left():
    right = np.array([[30.0, 0, 0], [40, 0, 0], [30, 10, 0], [30, 0, 10]])
    mesh = HeadMesh(np.vstack([right, right - [80, 0, 0]]), [[0, 1, 2, 3], [4, 5, 6, 7]], [1, 2])
    flipped = np.diag([-1.0, 1, 1, 1])
    flipped[0, 3] = 60  # voxel (i, 0, 0) is at x = 60 − i: rising index runs to the left
    labels = labels_on_grid(mesh, flipped, (121, 2, 2))
    assert labels[28, 0, 0] == 1  # x = 32
    assert labels[108, 0, 0] == 2  # x = −48
    assert labels[60, 0, 0] == 0


def test_volumes_of_a_ball(ball_head):
    affine, shape = grid_around(ball_head, voxel_mm=1.5)
    counts = np.bincount(labels_on_grid(ball_head, affine, shape).ravel(), minlength=6)
    for code in range(1, 6):
        volume = ball_head.volumes_mm3[ball_head.tissue == code].sum()
        assert counts[code] * 1.5**3 == pytest.approx(volume, rel=0.01)


@pytest.mark.slow
def test_the_ball_as_tissues(ball_head):
    affine, shape = grid_around(ball_head, voxel_mm=2.0)
    tissues = tissues_from_mesh(ball_head, affine, shape)
    np.testing.assert_allclose(tissues.fields.sum(-1), 1, atol=1e-5)
    counts = np.bincount(tissues.labels.ravel(), minlength=7)
    for code in range(1, 6):
        volume = ball_head.volumes_mm3[ball_head.tissue == code].sum()
        assert counts[code] * 8 == pytest.approx(volume, rel=0.03)
    middle = tuple(np.round(-affine[:3, 3] / 2).astype(int))
    assert tissues.labels[middle] == Tissue.WM
    # spongy bone is bone to what knows six tissues
    spongy = HeadMesh(ball_head.points_mm, ball_head.tets, np.where(ball_head.tissue == 4, 8, ball_head.tissue))
    np.testing.assert_array_equal(tissues_from_mesh(spongy, affine, shape).fields, tissues.fields)


def test_impossible_grids_and_fields_are_refused(ball_head):
    with pytest.raises(InputError, match="invertible"):
        labels_on_grid(ball_head, np.diag([1.0, 1, 0, 1]), (4, 4, 4))
    with pytest.raises(InputError, match="three positive sizes"):
        labels_on_grid(ball_head, np.eye(4), (4, 4, 0))
    with pytest.raises(InputError, match="one per tetrahedron"):
        values_on_grid(ball_head, np.zeros(7), np.eye(4), (4, 4, 4))
