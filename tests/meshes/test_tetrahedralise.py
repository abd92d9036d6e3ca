"""Tissues become tetrahedra: measured against spheres whose volumes and areas are known, and on the embedded head."""

import time

import numpy as np
import pytest
from heads import ball_tissues

from meshes.errors import InputError
from meshes.mesher.density import DENSITIES, Density
from meshes.quality import check_mesh
from meshes.tetrahedralise import framed, tetrahedralise
from meshes.tissues import Tissues
from meshes.topology import surface_topology

RADII_MM = {1: 7.0, 2: 11.0, 3: 13.5, 4: 17.0, 5: 21.0}
EDGE_MM = 24.0


def small_ball(voxel_mm=(1.0, 1.0, 1.0), affine=None, centre=(0.0, 0.0, 0.0), radii=None):
    """Concentric tissues round ``centre`` (grid mm from the grid's middle) on a small grid."""
    radii = radii or RADII_MM
    voxel = np.array(voxel_mm)
    shape = np.ceil(2 * EDGE_MM / voxel).astype(int) + 1
    grid = np.stack(np.meshgrid(*[np.arange(n) for n in shape], indexing="ij"), -1) * voxel - EDGE_MM
    way = np.linalg.norm(grid - centre, axis=-1)
    inside = {code: 1 / (1 + np.exp((way - r) / 0.5)) for code, r in radii.items()}
    fields = np.zeros((*shape, 7), np.float32)
    below = np.zeros(way.shape)
    for code, value in inside.items():
        fields[..., code] = value - below
        below = value
    fields[..., 0] = 1 - below
    if affine is None:
        affine = np.diag([*voxel, 1.0])
        affine[:3, 3] = -EDGE_MM
    return Tissues(fields, affine)


def sphere_volume(low, high):
    return 4 / 3 * np.pi * (high**3 - low**3)


@pytest.fixture(scope="module")
def ball():
    return tetrahedralise(small_ball())


def interface(mesh, code):
    return mesh.boundary(range(1, code + 1))


@pytest.mark.slow
def test_volumes_are_those_of_the_shells(ball):
    radii = [0.0, *RADII_MM.values()]
    for code in RADII_MM:
        exact = sphere_volume(radii[code - 1], radii[code])
        assert ball.volumes_mm3[ball.tissue == code].sum() == pytest.approx(exact, rel=0.015)


def test_interfaces_are_the_spheres(ball):
    for code, radius in RADII_MM.items():
        faces = interface(ball, code)
        topology = surface_topology(faces)
        assert (topology.bad_edges, topology.bad_nodes, topology.euler) == (0, 0, 2)
        corners = ball.points_mm[faces]
        area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1) / 2
        assert area.sum() == pytest.approx(4 * np.pi * radius**2, rel=0.02)
        node_radius = np.linalg.norm(ball.points_mm[np.unique(faces)], axis=1)
        assert np.abs(node_radius - radius).max() < 0.5
        assert np.abs(node_radius - radius).mean() < 0.10
        centre_radius = np.linalg.norm(corners.mean(axis=1), axis=1)
        smoothed = radius - 0.25 / radius  # the spline blurs by half a voxel: a sphere shrinks by sigma^2 / R
        assert abs(np.average(centre_radius, weights=area) - smoothed) < 0.03


def test_every_tetrahedron_is_good(ball):
    report = check_mesh(ball)
    assert report.shape.min_deg >= 10
    assert report.inverted_tets == 0
    assert report.unused_nodes == 0
    assert set(np.unique(ball.tissue)) == set(RADII_MM)
    assert all(area == 0 for area in report.forbidden_cm2.values())
    assert ball.points_mm.dtype == np.float64
    assert ball.tets.dtype == np.int32


def test_same_seed_same_bits_other_seed_other_mesh(ball):
    again = tetrahedralise(small_ball())
    assert np.array_equal(ball.points_mm, again.points_mm)
    assert np.array_equal(ball.tets, again.tets)
    assert np.array_equal(ball.tissue, again.tissue)
    other = tetrahedralise(small_ball(), seed=1)
    assert not np.array_equal(ball.points_mm[:50], other.points_mm[:50])
    assert len(other.tets) == pytest.approx(len(ball.tets), rel=0.05)


@pytest.mark.slow
@pytest.mark.parametrize("voxel_mm", [(1.5, 1.5, 1.5), (0.8, 1.0, 1.5)])
def test_coarse_and_anisotropic_voxels_give_the_same_spheres(voxel_mm):
    mesh = tetrahedralise(small_ball(voxel_mm))
    radii = [0.0, *RADII_MM.values()]
    for code in RADII_MM:
        exact = sphere_volume(radii[code - 1], radii[code])
        assert mesh.volumes_mm3[mesh.tissue == code].sum() == pytest.approx(exact, rel=0.04)
        node_radius = np.linalg.norm(mesh.points_mm[np.unique(interface(mesh, code))], axis=1)
        assert np.abs(node_radius - RADII_MM[code]).max() < 0.5
    assert check_mesh(mesh).shape.min_deg >= 10


def test_axis_order_and_handedness_move_the_mesh_as_they_should():
    """An off-centre ball in a left-handed grid whose axes are P, I, L: the world sees it where it is."""
    voxel = np.array([1.0, 0.8, 1.2])
    affine = np.zeros((4, 4))
    affine[1, 0], affine[2, 1], affine[0, 2] = -voxel  # two axes turned, and one: determinant negative
    affine[:3, 3] = [30, -20, 7]
    affine[3, 3] = 1
    assert np.linalg.det(affine[:3, :3]) < 0
    radii = {4: 6.0, 5: 9.0}
    offset = np.array([2.0, -3.0, 5.0])  # along the grid's axes
    mesh = tetrahedralise(small_ball(voxel, affine, offset, radii))
    expected = affine @ [*((EDGE_MM + offset) / voxel), 1]
    centre = (mesh.centroids_mm * mesh.volumes_mm3[:, None]).sum(0) / mesh.volumes_mm3.sum()
    assert centre == pytest.approx(expected[:3], abs=0.05)
    assert mesh.volumes_mm3.min() > 0
    assert mesh.volumes_mm3.sum() == pytest.approx(sphere_volume(0, 9), rel=0.01)


def test_a_mirrored_affine_gives_the_mirrored_mesh():
    tissues = small_ball(centre=(3.0, 1.0, -2.0), radii={4: 6.0, 5: 9.0})
    mirror = np.diag([-1.0, 1, 1, 1])
    mesh, mirrored = tetrahedralise(tissues), tetrahedralise(Tissues(tissues.fields, mirror @ tissues.affine_mm))
    assert np.array_equal(mirrored.points_mm, mesh.points_mm * [-1, 1, 1])
    assert mirrored.volumes_mm3 == pytest.approx(mesh.volumes_mm3)


def test_a_head_at_the_border_of_its_grid_is_closed():
    whole = small_ball()
    neck = int(EDGE_MM - 0.5 * (RADII_MM[3] + RADII_MM[4]))  # through the skull, as an image's border cuts the neck
    affine = whole.affine_mm.copy()
    affine[2, 3] += neck
    mesh = tetrahedralise(Tissues(np.ascontiguousarray(whole.fields[:, :, neck:]), affine))
    assert mesh.points_mm[:, 2].min() == pytest.approx(neck - EDGE_MM - 0.5, abs=0.3)
    topology = surface_topology(mesh.boundary())
    assert (topology.bad_edges, topology.bad_nodes, topology.euler) == (0, 0, 2)
    assert check_mesh(mesh).shape.min_deg >= 10


def test_frame_keeps_five_millimetres_of_air():
    (fields, spacing), first = framed(small_ball((1.0, 1.0, 1.5)))
    head = np.argwhere(fields.argmax(-1) > 0)
    gap_mm = np.minimum(head.min(0), np.array(fields.shape[:3]) - 1 - head.max(0)) * spacing
    assert gap_mm.min() >= 5
    assert np.array_equal(first, [-1, -1, -1])  # a little beyond the grid here


def test_densities():
    small = small_ball(radii={4: 9.0, 5: 14.0})
    fine, coarse = tetrahedralise(small), tetrahedralise(small, "fast")
    assert len(coarse.tets) < 0.6 * len(fine.tets)
    own = tetrahedralise(small, Density((7.0,) * 7, (9.0,) * 7, smallest_mm=4.0))
    assert len(own.tets) < len(coarse.tets)
    assert set(DENSITIES) == {"standard", "fast"}


def test_what_cannot_be_meshed_says_why():
    with pytest.raises(InputError, match="density 'ultra'; choose from standard, fast"):
        tetrahedralise(small_ball(), "ultra")
    empty = np.zeros((9, 9, 9, 7), np.float32)
    empty[..., 0] = 1
    with pytest.raises(InputError, match="hold no head"):
        tetrahedralise(Tissues(empty, np.eye(4)))
    empty[4, 4, 4] = [0, 0, 0, 0, 0, 1, 0]
    with pytest.raises(InputError, match="too small to mesh"):
        tetrahedralise(Tissues(empty, np.eye(4)))


@pytest.mark.slow
def test_a_head_sized_ball():
    mesh = tetrahedralise(ball_tissues(), "fast")
    report = check_mesh(mesh, ball_tissues())
    assert report.shape.min_deg >= 10
    for interface_ in report.interfaces:
        assert (interface_.bad_edges, interface_.bad_nodes, interface_.euler) == (0, 0, 2)
        assert interface_.face_mm is not None
        assert interface_.face_mm < 0.10


@pytest.fixture(scope="module")
def colin27():
    from meshes.formats.tissue_files import embedded_head

    try:
        return embedded_head("colin27")
    except (InputError, FileNotFoundError) as error:
        pytest.skip(f"the embedded head is not there: {error}")


@pytest.mark.slow
@pytest.mark.parametrize("source", ["fields", "labels"])
def test_colin27_standard_reaches_every_limit(colin27, source):
    from meshes.segmentation.tissue_fields import fields_for, one_hot

    labels = colin27.labels
    tissues = colin27
    if source == "labels":
        tissues = Tissues(fields_for(one_hot(labels), labels, colin27.voxel_mm), colin27.affine_mm)
    began = time.process_time()
    mesh = tetrahedralise(tissues)
    assert time.process_time() - began < 300  # CPU seconds with a cold cache; benchmarks/ holds the wall time
    assert 1.5e6 <= len(mesh.tets) <= 3e6
    assert check_mesh(mesh, tissues).failures() == []


@pytest.mark.slow
def test_colin27_fast(colin27):
    mesh = tetrahedralise(colin27, "fast")
    report = check_mesh(mesh, colin27)
    assert 0.5e6 <= len(mesh.tets) <= 0.9e6
    assert report.shape.min_deg >= 10
    assert all(area == 0 for area in report.forbidden_cm2.values())
    assert all(i.bad_edges == 0 and i.bad_nodes == 0 for i in report.interfaces)
