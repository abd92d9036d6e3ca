"""Flips, node moves and fitting: the volume stays, the neighbours stay right, the worst gets better."""

import numpy as np
import pytest
from heads import fibonacci_sphere

from meshes.mesher.clean import clean
from meshes.mesher.delaunay import delaunay, insertion_order
from meshes.mesher.fields import Grid, project, tissue_of_tets
from meshes.mesher.fit import fit
from meshes.mesher.flips import LONGEST_RING, edge_inside, flip_bad, near_interface
from meshes.mesher.improve import improve, move_bad, snap, uniform
from meshes.mesher.layers import UNIONS
from meshes.mesher.shape import quality_of, smallest_sine, volumes
from meshes.mesher.state import USED, compact, compact_mesh, growable, interface_faces
from meshes.topology import elements_of_nodes, surface_topology

pytestmark = pytest.mark.slow

BOX = np.array([[x, y, z] for z in (-9, 31) for y in (-9, 31) for x in (-9, 31)], float)
ONES = np.ones(3)
CENTRE, RADIUS = 11.0, 6.0


def two_tissues():
    """Fields of a ball of white matter in grey matter, 23 mm wide."""
    grid = np.stack(np.meshgrid(*[np.arange(23.0)] * 3, indexing="ij"), -1)
    way = np.linalg.norm(grid - CENTRE, axis=-1) - RADIUS
    fields = np.zeros((23, 23, 23, 7), np.float32)
    fields[..., 1] = 1 / (1 + np.exp(way))
    fields[..., 2] = 1 - fields[..., 1]
    return fields


def random_mesh(seed=0, n=3000, sphere=400):
    """Random nodes and some on the sphere; far worse than anything the mesher starts from."""
    rng = np.random.default_rng(seed)
    direction = rng.normal(size=(sphere, 3))
    on_sphere = CENTRE + RADIUS * direction / np.linalg.norm(direction, axis=1, keepdims=True)
    points = np.concatenate([rng.random((n, 3)) * 22, on_sphere, BOX])
    _, tets, neighbours = compact(*delaunay(points, insertion_order(points[:-8], rng)).parts())
    fields = two_tissues()
    tissue = tissue_of_tets(Grid(fields, ONES), points, tets)
    tissue[(tets >= len(points) - 8).any(axis=1)] = 0  # the box's corners are air, and stay
    return fields, growable(points, tets, neighbours, tissue)


def check_whole(mesh, total):
    """All positive, nothing lost, neighbours mutual and sharing their face."""
    points, tets, neighbours, _ = compact_mesh(mesh)
    volume = volumes(points, tets)
    assert volume.min() > 0
    assert volume.sum() == pytest.approx(total, rel=1e-9)
    for f in range(4):
        u = neighbours[:, f]
        mine = np.sort(np.delete(tets, f, axis=1), axis=1)[u >= 0]
        theirs = tets[u[u >= 0]]
        assert (theirs[:, :, None] == mine[:, None, :]).any(1).all()
        assert (neighbours[u[u >= 0]] == np.flatnonzero(u >= 0)[:, None]).any(1).all()


def test_smallest_sine_of_known_tetrahedra():
    regular = np.array([[1.0, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]])
    assert smallest_sine(regular, 0, 1, 3, 2) == pytest.approx(np.sin(np.arccos(1 / 3)))
    assert smallest_sine(regular, 0, 1, 2, 3) == pytest.approx(-np.sin(np.arccos(1 / 3)))
    corner = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]])
    assert smallest_sine(corner, 0, 1, 2, 3) == pytest.approx(np.sqrt(2 / 3))  # 54.7 degrees
    flat = np.array([[0.0, 0, 0], [1, 0, 0.01], [1, 1, 0], [0, 1, 0.01]])
    assert 0 < abs(smallest_sine(flat, 0, 1, 2, 3)) < 0.03
    assert quality_of(corner, 0, 1, 2, 3, 0) == 1.0  # air only has to have a volume
    assert quality_of(corner, 0, 2, 1, 3, 0) < 0


def test_flips_keep_volume_and_neighbours_and_raise_the_worst():
    fields, mesh = random_mesh()
    total = volumes(mesh.points, mesh.tets[: mesh.counts[USED]]).sum()
    bad = (mesh.quality < 0.2).sum()
    removed, _ = flip_bad(mesh, Grid(fields, ONES), 0.34, 0.1)
    assert removed > 300
    check_whole(mesh, total)
    assert (mesh.quality < 0.2).sum() < 0.8 * bad
    before = np.sort(mesh.quality)
    flip_bad(mesh, Grid(fields, ONES), 0.34, 0.1)
    assert np.sort(mesh.quality)[0] >= before[0]


def test_flips_within_a_tissue_keep_its_volume_exactly():
    fields, mesh = random_mesh(1)
    first = [volumes(*compact_mesh(mesh)[:2])[compact_mesh(mesh)[3] == k].sum() for k in (1, 2)]
    flip_bad(mesh, Grid(fields, ONES), 0.34, -1.0)  # no interface edge may flip
    points, tets, _, tissue = compact_mesh(mesh)
    assert [volumes(points, tets)[tissue == k].sum() for k in (1, 2)] == pytest.approx(first, rel=1e-9)


def test_flips_of_a_clean_mesh_keep_every_interface_a_manifold():
    fields, mesh = random_mesh(2)
    points, tets, neighbours, tissue = compact_mesh(mesh)
    fields = fields[..., [0, 3, 3, 3, 1, 2, 3]]  # skull in scalp, which may touch the air
    tissue = np.array([0, 4, 5], np.int8)[tissue]
    tissue, left = clean(points, tets, neighbours, tissue)
    assert left == 0
    mesh = growable(points, tets, neighbours, tissue)
    removed = sum(flip_bad(mesh, Grid(fields, ONES), 0.9, 5.0)[0] for _ in range(4))
    assert removed > 500
    _, tets, neighbours, tissue = compact_mesh(mesh)
    faces, first, second = interface_faces(tets, neighbours, tissue)
    one, other = tissue[first], tissue[second]
    for union in UNIONS:
        mine = np.isin(one, union) != np.isin(other, union)
        if mine.any():
            assert surface_topology(faces[mine]).manifold


def test_an_edge_is_inside_a_tissue_if_all_tetrahedra_round_it_are():
    _, mesh = random_mesh()
    _, tets, _, tissue = compact_mesh(mesh)
    inside = {True: 0, False: 0}
    for t in np.flatnonzero(tissue == 1)[:60]:
        for p, q in [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]:
            a, b = tets[t, [p, q]]
            round_it = ((tets == a).any(axis=1)) & ((tets == b).any(axis=1))
            expected = bool((tissue[round_it] == 1).all() and round_it.sum() <= LONGEST_RING)
            assert edge_inside(mesh, t, a, b) == expected
            assert edge_inside(mesh, t, b, a) == expected
            inside[expected] += 1
    assert min(inside.values()) > 20


def test_an_edge_is_near_the_interface_or_not():
    fields, mesh = random_mesh()
    mesh.points[0], mesh.points[1] = [CENTRE + RADIUS, CENTRE, CENTRE], [CENTRE + RADIUS, CENTRE + 0.6, CENTRE]
    mesh.points[2] = [CENTRE - RADIUS, CENTRE, CENTRE]
    scratch = np.empty(7)
    assert near_interface(mesh, Grid(fields, ONES), 0, 1, 1, 2, 0.2, scratch)
    assert not near_interface(mesh, Grid(fields, ONES), 0, 1, 2, 3, 0.2, scratch)
    assert not near_interface(mesh, Grid(fields, ONES), 0, 2, 1, 2, 0.2, scratch)


def test_moves_never_lower_the_worst_and_leave_the_interface_alone():
    fields, mesh = random_mesh()
    total = volumes(mesh.points, mesh.tets[: mesh.counts[USED]]).sum()
    stars = elements_of_nodes(mesh.tets[: mesh.counts[USED]], len(mesh.points))
    worst = mesh.quality.min()
    bad = (mesh.quality < 0.2).sum()
    sphere = np.arange(3000, 3400)
    off = np.abs(np.linalg.norm(mesh.points[sphere] - CENTRE, axis=1) - RADIUS)
    kept = move_bad(mesh, mesh.points.copy(), Grid(fields, ONES), stars, 0.34, 0.1, 12, np.array([7], np.uint64))
    assert kept > 500
    assert mesh.quality.min() >= worst
    assert (mesh.quality < 0.2).sum() < bad
    check_whole(mesh, total)
    faces, _, _ = interface_faces(*compact_mesh(mesh)[1:])
    still = sphere[np.isin(sphere, faces)]
    now = np.abs(np.linalg.norm(mesh.points[still] - CENTRE, axis=1) - RADIUS)
    assert np.all(now < np.maximum(off[still - 3000], 0.1) + 0.1)


def test_snapping_brings_nodes_back():
    fields, mesh = random_mesh(3)
    improve(mesh, Grid(fields, ONES), 4, 10.0, np.array([7], np.uint64))
    stars = elements_of_nodes(mesh.tets[: mesh.counts[USED]], len(mesh.points))
    _, tets, neighbours, tissue = compact_mesh(mesh)
    faces, first, _ = interface_faces(tets, neighbours, tissue)
    node = np.unique(faces[tissue[first] == 1])
    before = np.abs(np.linalg.norm(mesh.points[node] - CENTRE, axis=1) - RADIUS)
    assert snap(mesh, Grid(fields, ONES), stars, 0.05, 0.1) > 0
    after = np.abs(np.linalg.norm(mesh.points[node] - CENTRE, axis=1) - RADIUS)
    assert after.sum() < 0.8 * before.sum()


def test_fitting_cures_the_chord_error_of_a_sphere():
    fields = two_tissues()
    on_sphere = project(Grid(fields, ONES), CENTRE + RADIUS * fibonacci_sphere(260), 6, 0.3)[0]
    exact_radius = np.linalg.norm(on_sphere - CENTRE, axis=1).mean()  # the spline's smoothing shrinks a ball a little
    inner = CENTRE + 2.5 * fibonacci_sphere(40)
    outer = CENTRE + 9.5 * fibonacci_sphere(300)
    points = np.concatenate([on_sphere, inner, outer, BOX])
    order = insertion_order(points[:-8], np.random.default_rng(0))
    _, tets, neighbours = compact(*delaunay(points, order).parts())
    radius = np.linalg.norm(points[tets] - CENTRE, axis=2).max(axis=1)
    tissue = np.where(radius < RADIUS + 0.1, 1, 2).astype(np.int8)
    mesh = growable(points, tets, neighbours, tissue)
    exact = 4 / 3 * np.pi * exact_radius**3

    def body():
        points, tets, _, tissue = compact_mesh(mesh)
        return volumes(points, tets)[tissue == 1].sum() / exact - 1

    before = body()
    assert before < -0.02
    fit(mesh, Grid(fields, ONES), 4, 0.01)
    assert abs(body()) < 0.25 * abs(before)


def test_the_random_numbers_are_uniform_and_repeat():
    state = np.array([12345], np.uint64)
    numbers = np.array([uniform(state) for _ in range(2000)])
    assert abs(numbers.mean()) < 0.05
    assert numbers.std() == pytest.approx(1 / np.sqrt(3), rel=0.05)
    state[0] = 12345
    assert uniform(state) == numbers[0]
