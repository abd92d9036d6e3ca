"""Elements round nodes and outer faces, against plain counting."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshes import HeadMesh
from meshes.head import FACES
from meshes.topology import elements_of_nodes, lone_faces


def counted_once(tets):
    """Faces that occur once, in the tetrahedra's order, by sorting all of them."""
    faces = tets[:, FACES].reshape(-1, 3)
    _, which, times = np.unique(np.sort(faces, axis=1), axis=0, return_inverse=True, return_counts=True)
    return faces[times[which.ravel()] == 1]


@pytest.mark.parametrize("tissues", [None, [1], [1, 2], [3, 5], []])
def test_the_boundary_is_the_faces_that_occur_once_in_order(ball_head, tissues):
    tets = ball_head.tets if tissues is None else ball_head.tets[np.isin(ball_head.tissue, tissues)]
    faces = ball_head.boundary(tissues)
    assert faces.dtype == np.int32
    assert np.array_equal(faces, counted_once(tets))


def test_the_boundary_looks_outward():
    corner = HeadMesh(np.vstack([np.zeros(3), np.eye(3)]), np.array([[0, 1, 2, 3]]), np.array([5]))
    a, b, c = (corner.points_mm[corner.boundary()[:, i]] for i in range(3))
    outward = (a + b + c) / 3 - corner.points_mm.mean(axis=0)
    assert (np.einsum("ij,ij->i", np.cross(b - a, c - a), outward) > 0).all()


def test_a_face_that_three_tetrahedra_claim_is_no_boundary():
    tets = np.array([[0, 1, 2, 3], [0, 2, 1, 4], [0, 1, 2, 5]], np.int32)
    faces = lone_faces(tets, 6)
    assert np.array_equal(faces, counted_once(tets))
    assert len(faces) == 9


@settings(max_examples=40, deadline=None)
@given(st.integers(3, 4), st.integers(0, 30), st.integers(0, 2**32 - 1))
def test_the_elements_round_each_node_ascend(corners, count, seed):
    rng = np.random.default_rng(seed)
    elements = np.array([rng.choice(9, corners, replace=False) for _ in range(count)], np.int32).reshape(-1, corners)
    elements[rng.random(count) < 0.2, 0] = -1  # taken out of the mesh
    start, items = elements_of_nodes(elements, 9)
    for node in range(9):
        round_it = np.flatnonzero((elements == node).any(axis=1) & (elements[:, 0] >= 0))
        assert items[start[node] : start[node + 1]].tolist() == round_it.tolist()
