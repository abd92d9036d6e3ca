"""Node clouds: well spaced, on the interface, graded."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import cKDTree

from meshes.mesher.density import DENSITIES
from meshes.mesher.fields import Grid
from meshes.mesher.points import air_nodes, head_nodes, interface_nodes, poisson_disk, voxel_pairs


@settings(max_examples=20, deadline=None)
@given(st.integers(2, 400), st.integers(0, 10**6))
def test_kept_points_keep_their_distance_and_no_gap_is_left(n, seed):
    rng = np.random.default_rng(seed)
    points, radius = rng.random((n, 3)) * 8, rng.uniform(0.9, 1.2, n)
    keep = poisson_disk(points, radius, rng.permutation(n), np.full(3, 8.0), 1.0)
    gap = np.linalg.norm(points[:, None] - points[keep][None], axis=-1)
    least = (radius[:, None] + radius[keep][None]) / 2
    itself = np.flatnonzero(keep)[None] == np.arange(n)[:, None]
    assert np.all((gap >= least)[keep] | itself[keep])
    assert np.all((gap < least).any(axis=1)[~keep])


def test_pairs_lie_between_voxels_that_differ():
    tissue = np.zeros((4, 4, 4), np.int8)
    tissue[2:] = 1
    middles = voxel_pairs(tissue)
    assert len(middles) == 16
    assert np.all(middles[:, 0] == 1.5)


def ball(spacing, radius=9.0, extent=26.0):
    shape = np.ceil(extent / spacing).astype(int)
    grid = np.stack(np.meshgrid(*[np.arange(n) for n in shape], indexing="ij"), -1) * spacing
    way = np.linalg.norm(grid - extent / 2, axis=-1)
    fields = np.zeros((*shape, 7), np.float32)
    fields[..., 5] = 1 / (1 + np.exp((way - radius) / 0.6))
    fields[..., 0] = 1 - fields[..., 5]
    return fields


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (0.7, 1.0, 1.5), (1.5, 1.5, 1.5)])
def test_interface_nodes_lie_on_the_sphere_as_dense_as_asked(spacing):
    spacing = np.array(spacing)
    nodes, size = interface_nodes(
        Grid(ball(spacing), spacing),
        ball(spacing).argmax(-1).astype(np.int8),
        DENSITIES["standard"],
        np.random.default_rng(0),
    )
    radius = np.linalg.norm(nodes - 13.0, axis=1)
    assert radius == pytest.approx(9.0, abs=0.12)
    nearest = cKDTree(nodes).query(nodes, k=2)[0][:, 1]
    wanted = DENSITIES["standard"].surface_mm[0]
    assert nearest.min() >= 0.8 * wanted - 1e-9
    anywhere = np.random.default_rng(1).normal(size=(2000, 3))
    anywhere = 13.0 + 9.0 * anywhere / np.linalg.norm(anywhere, axis=1, keepdims=True)
    assert cKDTree(nodes).query(anywhere)[0].max() < 0.8 * wanted + 0.8  # no hole that another node would fit in
    assert size.max() <= max(DENSITIES["standard"].bulk_mm)


def test_no_node_of_the_head_is_outside_it():
    spacing = np.ones(3)
    points, _ = head_nodes(Grid(ball(spacing), spacing), DENSITIES["standard"], np.random.default_rng(0))
    assert np.linalg.norm(points - 13.0, axis=1).max() < 9.15
    assert np.linalg.norm(points - 13.0, axis=1).min() < 3


def test_the_corners_come_last_and_hold_everything():
    nodes = air_nodes(np.array([10.0, 20.0, 30.0]), 6.0, 5, np.random.default_rng(0))
    corners = nodes[-8:]
    assert np.all(corners.min(0) < nodes[:-8].min(0))
    assert np.all(corners.max(0) > nodes[:-8].max(0))
    assert corners[1, 0] > corners[0, 0]
    assert corners[2, 1] > corners[0, 1]
    assert corners[4, 2] > corners[0, 2]
