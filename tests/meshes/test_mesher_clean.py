"""Labels are cleaned until every union of tissues is a manifold and no forbidden pair touches."""

import numpy as np
import pytest

from meshes.mesher.clean import clean
from meshes.mesher.delaunay import delaunay, insertion_order
from meshes.mesher.layers import BETWEEN, UNIONS
from meshes.mesher.state import compact, interface_faces, pieces
from meshes.topology import elements_of_nodes, surface_topology

BOX = np.array([[x, y, z] for z in (-30, 50) for y in (-30, 50) for x in (-30, 50)], float)


def rough_head(seed, n=25000):
    """A noisy ball of the layers: labels by radius, a tenth of them shuffled to a neighbouring layer."""
    rng = np.random.default_rng(seed)
    points = np.concatenate([rng.random((n, 3)) * 20, BOX])
    order = insertion_order(points[:-8], rng)
    _, tets, neighbours = compact(*delaunay(points, order).parts())
    radius = np.linalg.norm(points[tets].mean(axis=1) - 10, axis=1)
    tissue = np.array([1, 2, 3, 4, 5, 0], np.int8)[np.searchsorted([3, 5, 6.2, 7.6, 9.2], radius)]
    shuffled = rng.random(len(tets)) < 0.1
    tissue[shuffled] = np.clip(tissue[shuffled] + rng.integers(-1, 2, shuffled.sum()), 0, 5)
    tissue[radius > 10] = 0
    return points, tets, neighbours, tissue


def faults(tets, neighbours, tissue):
    """Non-manifold edges and nodes of each union, and forbidden faces, counted another way than the mesher does."""
    faces, first, second = interface_faces(tets, neighbours, tissue)
    one, other = tissue[first], tissue[second]
    bad = []
    for union in UNIONS:
        mine = np.isin(one, union) != np.isin(other, union)
        if mine.any():
            found = surface_topology(faces[mine])
            bad.append((found.bad_edges, found.bad_nodes))
    forbidden = sum(int(((one == a) & (other == b) | (one == b) & (other == a)).sum()) for a, b in BETWEEN)
    return bad, forbidden


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_rough_head_becomes_clean(seed):
    points, tets, neighbours, tissue = rough_head(seed)
    before, contacts = faults(tets, neighbours, tissue)
    assert sum(map(sum, before)) > 100
    assert contacts > 0
    cleaned, left = clean(points, tets, neighbours, tissue)
    after, contacts = faults(tets, neighbours, cleaned)
    assert (left, contacts) == (0, 0)
    assert after == [(0, 0)] * len(after)
    size = np.bincount(pieces(tets, neighbours, cleaned), minlength=len(tets))
    assert size[size > 0].min() >= 150


def test_clean_labels_stay():
    points, tets, neighbours, tissue = rough_head(0)
    cleaned, _ = clean(points, tets, neighbours, tissue)
    again, left = clean(points, tets, neighbours, cleaned)
    assert left == 0
    assert np.mean(again != cleaned) < 1e-3  # protruding tetrahedra may still be smoothed away


def test_elements_of_nodes_and_faces_of_two_tetrahedra():
    tets = np.array([[0, 1, 2, 3], [-1, 0, 0, 0], [1, 2, 3, 4]], np.int32)
    neighbours = np.array([[2, -1, -1, -1], [-1] * 4, [-1, -1, -1, 0]], np.int32)
    start, items = elements_of_nodes(tets, 5)
    assert [items[start[v] : start[v + 1]].tolist() for v in range(5)] == [[0], [0, 2], [0, 2], [0, 2], [2]]
    faces, first, second = interface_faces(tets, neighbours, np.array([3, 0, 4], np.int8))
    assert faces.tolist() == [[1, 2, 3]]
    assert (first.tolist(), second.tolist()) == ([0], [2])
