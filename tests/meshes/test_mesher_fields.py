"""The B-spline between the voxels: exact where it must be, and its Newton walk ends on the interface."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshes.mesher.fields import Grid, margin_at, pair_gradient, project, tissue_of_tets, tissue_of_voxels, values_at
from meshes.mesher.sizing import layer_thickness, limit_growth, nearest_value

SPACING = np.array([0.8, 1.0, 1.4])
coordinate = st.floats(0.2, 0.8)


def linear_fields(slopes, offsets, shape=(12, 11, 10)):
    """Fields that are linear in grid mm: field m is slopes[m] · x + offsets[m]."""
    grid = np.stack(np.meshgrid(*[np.arange(n) for n in shape], indexing="ij"), -1) * SPACING
    return (grid @ np.array(slopes).T + offsets).astype(np.float32)


@settings(max_examples=30, deadline=None)
@given(coordinate, coordinate, coordinate)
def test_linear_fields_are_reproduced_with_their_gradient(x, y, z):
    slopes = [[0.3, -0.2, 0.1], [-0.1, 0.25, 0.4]]
    fields = linear_fields(slopes, [0.5, -0.3])
    point = np.array([x, y, z]) * (np.array([11, 10, 9]) - 1) * SPACING
    out = np.empty(2)
    values_at(Grid(fields, SPACING), *point, out)
    assert out == pytest.approx(np.array(slopes) @ point + [0.5, -0.3], abs=1e-5)
    assert pair_gradient(Grid(fields, SPACING), *point, 0, 1) == pytest.approx(np.subtract(*slopes), abs=1e-5)


def test_the_gradient_is_the_difference_of_values():
    rng = np.random.default_rng(3)
    fields = rng.random((8, 8, 8, 3)).astype(np.float32)
    point, step, scratch = np.array([2.71, 3.3, 4.44]), 1e-5, np.empty(3)
    first, second, _, *gradient = margin_at(Grid(fields, SPACING), *point, scratch)
    for axis in range(3):
        ends = []
        for sign in (-1, 1):
            moved = point.copy()
            moved[axis] += sign * step
            values_at(Grid(fields, SPACING), *moved, scratch)
            ends.append(scratch[first] - scratch[second])
        assert gradient[axis] == pytest.approx((ends[1] - ends[0]) / (2 * step), abs=1e-6)


def test_projection_ends_on_the_plane_where_two_fields_cross():
    normal = np.array([0.6, 0.0, 0.8])
    fields = linear_fields([normal, -normal, [0, 0, 0]], [-4.0, 4.0, -50.0])
    start = np.array([[3.0, 4.0, 3.2], [4.4, 5.0, 2.0]])
    points, normals, left, pair, _ = project(Grid(fields, SPACING), start, 8, 0.5)
    assert points @ normal == pytest.approx([4.0, 4.0], abs=1e-3)
    assert np.abs(normals @ normal) == pytest.approx([1.0, 1.0], abs=1e-5)
    assert left == pytest.approx([0, 0], abs=1e-3)
    assert pair.tolist() == [[0, 1], [0, 1]]
    assert np.cross(points - start, normal) == pytest.approx(np.zeros((2, 3)), abs=1e-4)  # straight along the normal


def test_tissues_of_voxels_and_tets_follow_the_largest_field():
    fields = linear_fields([[1, 0, 0], [-1, 0, 0]], [-4.1, 4.1])
    assert np.array_equal(tissue_of_voxels(fields)[1:-1, 5, 5], (np.arange(1, 11) * SPACING[0] <= 4.1).astype(int))
    corner = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]])
    points = np.concatenate([corner + 2.0, corner + np.array([5, 2, 2])])
    tets = np.array([[0, 1, 2, 3], [4, 5, 6, 7]], np.int32)
    assert tissue_of_tets(Grid(fields, SPACING), points, tets).tolist() == [1, 0]


def test_thickness_of_a_slab_is_the_slab():
    x = np.arange(30) * SPACING[0]
    fields = np.zeros((30, 6, 6, 4), np.float32)
    for code, (low, high) in {1: (0, 8), 2: (8, 11), 3: (11, 99)}.items():
        fields[..., code] = np.clip(np.minimum(x - low, high - x), -3, 3)[:, None, None]
    points, normals, *_ = project(Grid(fields, SPACING), np.array([[8.2, 3.0, 4.0]]), 6, 0.4)
    assert layer_thickness(Grid(fields, SPACING), points, normals, np.array([6.0]))[0] == pytest.approx(3.0, abs=0.31)


def test_sizes_grow_no_faster_than_asked():
    size = np.full((15, 12, 9), 50.0, np.float32)
    size[7, 6, 4] = 1.0
    limit_growth(size, SPACING, 0.3)
    for axis in range(3):
        assert np.abs(np.diff(size, axis=axis)).max() <= 0.3 * SPACING[axis] + 1e-5
    assert size[0, 6, 4] == pytest.approx(1 + 0.3 * 7 * SPACING[0], abs=1e-4)
    assert nearest_value(size, SPACING, np.array([[7.1, 6.2, 3.8]]) * SPACING).tolist() == [1.0]
