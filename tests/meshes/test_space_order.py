"""Numbering a mesh along a space-filling curve changes its numbers and nothing else."""

import numpy as np
from heads import layered_ball

from meshes import HeadMesh
from meshes.space_order import morton_codes, space_ordered


def shuffled(head: HeadMesh, seed: int) -> HeadMesh:
    rng = np.random.default_rng(seed)
    nodes, tets = rng.permutation(len(head.points_mm)), rng.permutation(len(head.tets))
    number = np.argsort(nodes)
    return HeadMesh(head.points_mm[nodes], number[head.tets][tets].astype(np.int32), head.tissue[tets])


def spread(head: HeadMesh) -> float:
    """How far apart the numbers of a tetrahedron's nodes are, in the mean, as a share of all."""
    return float(np.ptp(head.tets, axis=1).mean() / len(head.points_mm))


def solids(head: HeadMesh) -> np.ndarray:
    """Every tetrahedron as centroid, volume and tissue, in an order that numbering does not touch."""
    rows = np.column_stack([head.centroids_mm, head.volumes_mm3, head.tissue]).round(6)
    return rows[np.lexsort(rows.T)]


def test_the_mesh_is_the_same_and_neighbours_have_near_numbers():
    head = layered_ball(12.0, (0.9, 1.0, 1.1))
    mixed = shuffled(head, 1)
    ordered = HeadMesh(*space_ordered(mixed.points_mm, mixed.tets, mixed.tissue))
    np.testing.assert_allclose(solids(ordered), solids(head), atol=2e-6)
    assert spread(mixed) > 0.5 > 0.15 > spread(ordered)
    assert (np.diff(morton_codes(ordered.points_mm).astype(np.int64)) >= 0).all()


def test_the_order_does_not_depend_on_the_numbers_before():
    head = layered_ball(12.0)
    a, b = (space_ordered(each.points_mm, each.tets, each.tissue) for each in (shuffled(head, 2), shuffled(head, 3)))
    np.testing.assert_array_equal(a[0], b[0])
    np.testing.assert_array_equal(np.sort(a[1], axis=1), np.sort(b[1], axis=1))
