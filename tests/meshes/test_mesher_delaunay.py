"""The tetrahedralisation is Delaunay, whole, and does not depend on when a point was inserted."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import Delaunay

from meshes.mesher.delaunay import delaunay, in_sphere, insert, insertion_order
from meshes.mesher.shape import orientation, volumes

BOX = np.array([[x, y, z] for z in (-3.0, 13.3) for y in (-3.1, 13.2) for x in (-3.2, 13.1)])


def cloud(n, seed):
    rng = np.random.default_rng(seed)
    return np.concatenate([rng.random((n, 3)) * 10, BOX]), rng


def as_set(tets):
    return set(map(tuple, np.sort(tets, axis=1).tolist()))


def living(triangulation):
    return triangulation.tets[triangulation.alive()]


def test_orientation_and_sphere_have_the_signs_they_promise():
    points = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [0.3, 0.3, 0.3], [3, 3, 3]])
    assert orientation(points, 0, 1, 2, 3) == 1.0
    assert orientation(points, 0, 2, 1, 3) == -1.0
    assert in_sphere(points, 0, 1, 2, 3, 4) > 0 > in_sphere(points, 0, 1, 2, 3, 5)


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 300), st.integers(0, 10**6))
def test_same_tetrahedra_as_qhull(n, seed):
    points, rng = cloud(n, seed)
    triangulation = delaunay(points, insertion_order(points[:-8], rng))
    mine = living(triangulation)
    assert volumes(points, mine).min() > 0
    assert volumes(points, mine).sum() == pytest.approx(np.prod(BOX[-1] - BOX[0]), rel=1e-12)
    inner = {tet for tet in as_set(Delaunay(points).simplices) if max(tet) < n}
    assert {tet for tet in as_set(mine) if max(tet) < n} == inner  # the box's eight corners lie on one sphere


def test_neighbours_share_the_face_they_should():
    points, rng = cloud(500, 1)
    triangulation = delaunay(points, insertion_order(points[:-8], rng))
    for t in triangulation.alive():
        for f, u in enumerate(triangulation.neighbours[t]):
            if u >= 0:
                face = set(np.delete(triangulation.tets[t], f).tolist())
                assert face <= set(triangulation.tets[u].tolist())
                assert t in triangulation.neighbours[u]


def test_points_inserted_later_give_the_same_tetrahedra():
    points, rng = cloud(400, 2)
    order = insertion_order(points[:-8], rng)
    whole = as_set(living(delaunay(points, order)))
    first, rest = order[:300], order[300:]
    part = delaunay(points, first)
    joined = insert(part, rest, np.full(len(rest), -1))
    assert {t for t in as_set(living(joined)) if max(t) < 400} == {t for t in whole if max(t) < 400}


def test_a_regular_lattice_where_all_is_degenerate_still_fills_the_box():
    axis = np.arange(6.0) * 2
    lattice = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), -1).reshape(-1, 3)
    points = np.concatenate([lattice, BOX])
    triangulation = delaunay(points, insertion_order(lattice, np.random.default_rng(0)))
    volume = volumes(points, living(triangulation))
    assert volume.min() > 0
    assert volume.sum() == pytest.approx(np.prod(BOX[-1] - BOX[0]), rel=1e-12)


def test_the_order_is_a_permutation_with_short_rounds_first():
    points, rng = cloud(5000, 4)
    order = insertion_order(points, rng)
    assert np.array_equal(np.sort(order), np.arange(len(points)))
    steps = np.linalg.norm(np.diff(points[order], axis=0), axis=1)
    assert np.median(steps[-2000:]) < 0.3 * np.median(np.linalg.norm(np.diff(points, axis=0), axis=1))
