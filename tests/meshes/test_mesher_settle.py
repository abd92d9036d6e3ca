"""Relaxing, refining and settling: nodes end on their interface, spikes go, nothing else changes."""

import numpy as np
import pytest
from heads import fibonacci_sphere
from scipy.spatial import cKDTree

from meshes.mesher.clean import BOLD, CAREFUL, mend_manifold
from meshes.mesher.delaunay import delaunay, insertion_order
from meshes.mesher.density import DENSITIES
from meshes.mesher.fields import Grid, project, tissue_of_tets
from meshes.mesher.improve import improve
from meshes.mesher.layers import UNIONS, labels_of, members
from meshes.mesher.refine import refine
from meshes.mesher.relax import relax
from meshes.mesher.settle import settle, way_to_union, which_are_off
from meshes.mesher.shape import volumes
from meshes.mesher.split import crossing, split_edge, split_far_edges
from meshes.mesher.state import compact, compact_mesh, growable, interface_faces
from meshes.topology import elements_of_nodes

ONES = np.ones(3)
CENTRE, RADIUS, WIDTH = 13.0, 8.0, 27
BOX = np.array([[x, y, z] for z in (-9, 35) for y in (-9, 35) for x in (-9, 35)], float)


@pytest.fixture(scope="module")
def fields():
    """A ball of white matter in grey matter."""
    grid = np.stack(np.meshgrid(*[np.arange(float(WIDTH))] * 3, indexing="ij"), -1)
    way = np.linalg.norm(grid - CENTRE, axis=-1) - RADIUS
    out = np.zeros((WIDTH, WIDTH, WIDTH, 7), np.float32)
    out[..., 1] = 1 / (1 + np.exp(way / 0.6))
    out[..., 2] = 1 - out[..., 1]
    return out


def ball_mesh(fields, on_sphere=420, seed=0):
    """Nodes on the sphere, a lattice inside and outside; no air."""
    rng = np.random.default_rng(seed)
    sphere = project(Grid(fields, ONES), CENTRE + RADIUS * fibonacci_sphere(on_sphere), 6, 0.3)[0]
    axis = np.arange(1.0, 26.0, 2.2)
    lattice = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), -1).reshape(-1, 3)
    lattice += rng.normal(0, 0.2, lattice.shape)
    lattice = lattice[np.abs(np.linalg.norm(lattice - CENTRE, axis=1) - RADIUS) > 1.2]
    points = np.concatenate([sphere, lattice, BOX])
    triangulation = delaunay(points, insertion_order(points[:-8], rng))
    _, tets, neighbours = compact(*triangulation.parts())
    return triangulation, tets, neighbours, tissue_of_tets(Grid(fields, ONES), points, tets)


def radius_of(points):
    return np.linalg.norm(points - CENTRE, axis=-1)


def test_the_way_to_a_union_is_the_distance_from_the_sphere(fields):
    x, y, z, way = way_to_union(Grid(fields, ONES), CENTRE + 7.2, CENTRE, CENTRE, members()[0], np.empty(7))
    assert way == pytest.approx(RADIUS - 7.2, abs=0.05)
    assert radius_of(np.array([x, y, z])) == pytest.approx(RADIUS, abs=0.06)
    flat = way_to_union(
        Grid(np.zeros_like(fields) + fields[0, 0, 0], ONES), 13.0, 13.0, 13.0, members()[0], np.empty(7)
    )
    assert flat[3] == 9.0  # no interface anywhere: lost


def test_settling_withdraws_a_spike(fields):
    triangulation, tets, neighbours, tissue = ball_mesh(fields)
    points = triangulation.points
    _, clean_tissue, _, left = settle(Grid(fields, ONES), points, tets, neighbours, tissue, 0.4, 0.19)
    assert left == 0
    spiked = clean_tissue.copy()
    # a grey tetrahedron that stands on the white ball with one face, its tip deep in the grey matter
    behind = np.where(neighbours >= 0, clean_tissue[np.maximum(neighbours, 0)], 0)
    tip = np.take_along_axis(tets, (behind == 1).argmax(axis=1)[:, None], axis=1)[:, 0]
    spike = np.flatnonzero(
        (clean_tissue == 2) & ((behind == 1).sum(axis=1) == 1) & (radius_of(points[tip]) > RADIUS + 1)
    )
    spiked[spike[::25]] = 1
    moved, settled, first, left = settle(Grid(fields, ONES), points, tets, neighbours, spiked, 0.4, 0.19)
    assert first > 0
    assert left == 0
    assert np.mean(settled != clean_tissue) < 1e-3
    assert volumes(moved, tets).min() > 0


def test_settling_pulls_a_node_back(fields):
    triangulation, tets, neighbours, tissue = ball_mesh(fields)
    mesh = growable(triangulation.points, tets, neighbours, tissue)
    improve(mesh, Grid(fields, ONES), 6, 0.05, np.array([5], np.uint64))
    points, tets, neighbours, tissue = compact_mesh(mesh)
    points, tissue, _, _ = settle(Grid(fields, ONES), points, tets, neighbours, tissue, 0.4, 0.19)
    faces, _, _ = interface_faces(tets, neighbours, tissue)
    node = np.unique(faces)[::40]
    pushed = points.copy()
    pushed[node] += 0.55 * (points[node] - CENTRE) / radius_of(points[node])[:, None]
    assert volumes(pushed, tets).min() > 0
    stars = elements_of_nodes(tets, len(points))
    everything = np.arange(len(points))
    off = which_are_off(Grid(fields, ONES), pushed, everything, stars, labels_of(tissue), 0.4)
    assert np.array_equal(np.flatnonzero(off), node)
    settled, _, first, left = settle(Grid(fields, ONES), pushed, tets, neighbours, tissue, 0.4, 0.19)
    assert (first, left) == (len(node), 0)
    assert np.abs(radius_of(settled[node]) - RADIUS).max() < 0.45
    assert volumes(settled, tets).min() > 0


def test_refining_puts_nodes_where_faces_are_off(fields):
    triangulation = ball_mesh(fields, on_sphere=60)[0]
    tissue = tissue_of_tets(Grid(fields, ONES), triangulation.points, triangulation.parts()[0])
    before = len(triangulation.points)
    size = np.full((WIDTH,) * 3, 2.0, np.float32)
    triangulation, tissue, inserted = refine(triangulation, tissue, Grid(fields, ONES), size, DENSITIES["standard"])
    assert inserted > 20
    assert len(triangulation.points) == before + inserted
    assert radius_of(triangulation.points[before:]) == pytest.approx(RADIUS, abs=0.1)
    alive = triangulation.alive()
    assert volumes(triangulation.points, triangulation.tets[alive]).min() > 0
    assert np.array_equal(
        tissue[alive], tissue_of_tets(Grid(fields, ONES), triangulation.points, triangulation.tets[alive])
    )


def test_relaxing_evens_out_nodes_and_keeps_them_on_the_sphere(fields):
    rng = np.random.default_rng(1)
    triangulation, tets, neighbours, tissue = ball_mesh(fields)
    points = triangulation.points.copy()
    points[:420] += rng.normal(0, 0.25, (420, 3))
    points[:420] = project(Grid(fields, ONES), points[:420], 6, 0.3)[0]
    _, tets, neighbours = compact(*delaunay(points, insertion_order(points[:-8], rng)).parts())
    tissue = tissue_of_tets(Grid(fields, ONES), points, tets)
    faces, _, _ = interface_faces(tets, neighbours, tissue)
    moved = relax(Grid(fields, ONES), np.full((WIDTH,) * 3, 2.0, np.float32), points, tets, tissue, faces)
    on = np.unique(faces)
    on = on[on < 420]
    assert radius_of(moved[on]) == pytest.approx(RADIUS, abs=0.06)
    gap = [cKDTree(x[on]).query(x[on], k=2)[0][:, 1] for x in (points, moved)]
    assert gap[1].std() < 0.8 * gap[0].std()


@pytest.mark.parametrize("boldness", [CAREFUL, BOLD])
def test_two_pieces_that_touch_in_a_node_are_parted(fields, boldness):
    triangulation, tets, neighbours, _ = ball_mesh(fields)
    points = triangulation.points
    stars = elements_of_nodes(tets, len(points))
    pinched = np.full(len(tets), 2, np.int8)
    deep = np.flatnonzero(radius_of(points) < 4)[0]
    star = stars.items[stars.start[deep] : stars.start[deep + 1]]
    apart = next(t for t in star[1:] if len(set(tets[t]) & set(tets[star[0]])) == 1)
    pinched[[star[0], apart]] = 1
    member = np.isin(np.arange(7), UNIONS[0])
    volume = np.abs(volumes(points, tets))
    look, again = np.ones(len(points), bool), np.zeros(len(points), bool)
    arguments = (volume, stars, member, 2, boldness, look, again)
    assert mend_manifold(neighbours, labels_of(pinched), *arguments) == 1
    assert np.flatnonzero(again).tolist() == [deep]
    assert mend_manifold(neighbours, labels_of(pinched), *arguments) == 0
    assert set(np.unique(pinched)) <= {1, 2}


@pytest.mark.slow
def test_splitting_an_edge_keeps_the_volume_and_puts_the_node_on_the_interface(fields):
    triangulation, tets, neighbours, tissue = ball_mesh(fields)
    points = triangulation.points
    radius = radius_of(points)
    edges = np.concatenate([tets[:, [i, j]] for i in range(4) for j in range(i)])
    across = edges[
        (radius[edges[:, 0]] < RADIUS - 1) & (radius[edges[:, 1]] > RADIUS + 1) & (edges.max(1) < len(points) - 8)
    ]
    p, q = across[0] if len(across) else edges[0]
    place = np.empty(3)
    found = crossing(Grid(fields, ONES), points[p], points[q], members()[0], place)
    assert found == (len(across) > 0)
    if not found:
        place = 0.5 * (points[p] + points[q])
    mesh = growable(np.concatenate([points, place[None]]), tets, neighbours, tissue)
    before = [volumes(points, tets)[tissue == code].sum() for code in (1, 2)]
    ring = int(((tets == p).any(axis=1) & (tets == q).any(axis=1)).sum())
    assert split_edge(mesh, p, q, len(points), np.zeros(0, np.int32))
    new_points, new_tets, new_neighbours, new_tissue = compact_mesh(mesh)
    assert len(new_tets) == len(tets) + ring
    volume = volumes(new_points, new_tets)
    assert volume.min() > 0
    assert [volume[new_tissue == code].sum() for code in (1, 2)] == pytest.approx(before)
    assert not ((new_tets == p).any(axis=1) & (new_tets == q).any(axis=1)).any()
    hull = (new_neighbours < 0).sum()
    assert hull == (neighbours < 0).sum()


@pytest.mark.slow
def test_an_interface_no_node_follows_gets_nodes(fields):
    """Nodes on a lattice only, none on the sphere: settling alone cannot do it, splitting can."""
    rng = np.random.default_rng(2)
    axis = np.arange(1.0, 26.0, 2.5)
    lattice = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), -1).reshape(-1, 3)
    points = np.concatenate([lattice + rng.normal(0, 0.1, lattice.shape), BOX])
    _, tets, neighbours = compact(*delaunay(points, insertion_order(points[:-8], rng)).parts())
    tissue = tissue_of_tets(Grid(fields, ONES), points, tets)
    points, tissue, first, left = settle(Grid(fields, ONES), points, tets, neighbours, tissue, 0.4, 0.19)
    assert 0 < left <= first
    mesh, split = split_far_edges(Grid(fields, ONES), points, tets, neighbours, tissue, 0.4)
    assert split > 0
    inserted = mesh.points[len(points) :]
    assert radius_of(inserted) == pytest.approx(RADIUS, abs=0.1)
    points, tets, neighbours, tissue = compact_mesh(mesh)
    assert volumes(points, tets).min() > 0
    _, _, _, still = settle(Grid(fields, ONES), points, tets, neighbours, tissue, 0.4, 0.19)
    assert still < 0.5 * left
