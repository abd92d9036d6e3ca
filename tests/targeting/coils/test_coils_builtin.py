"""Built-in coils: against the measured ones, symmetric where they should be, and in casings that hold them."""

from pathlib import Path

import numpy as np
import pytest
import pyvista as pv

from meshes.errors import InputError
from targeting.coils import Casing, Coil, CurrentElements, MagneticDipoles, coil_names, coil_rows, vector_potential
from targeting.coils.casing import SPACING_MM, casing_around, thinned

PEER = Path(__file__).parents[4] / "shared" / "peer" / "coils"
peer = pytest.mark.skipif(not PEER.is_dir(), reason="measured coil files (../shared/peer/coils) are not here")


def surface(casing: Casing) -> pv.PolyData:
    return pv.PolyData(casing.points_mm, np.c_[np.full(len(casing.triangles), 3), casing.triangles].ravel())


def angled_sources() -> MagneticDipoles:
    """Dipoles in two wings that come down beside the head."""
    u, v, s = np.meshgrid(np.arange(0, 90, 6.0), np.arange(-45, 46, 6.0), [-1.0, 1.0], indexing="ij")
    points = np.c_[(s * u).ravel() * 0.75, v.ravel(), u.ravel() * 0.66 - 8]
    return MagneticDipoles(points, np.tile([0, 0, 1e-5], (len(points), 1)))


@peer
def test_the_70_mm_coil_on_its_axis_agrees_with_the_measured_d70() -> None:
    axis = np.c_[np.zeros((9, 2)), np.arange(10.0, 51, 5)]
    measured = vector_potential(Coil.read(PEER / "MagStim_D70.ccd"), axis)
    ours = vector_potential(Coil.named("figure8-70mm"), axis)
    error = np.linalg.norm(ours - measured, axis=1) / np.linalg.norm(measured, axis=1)
    assert error.max() < 0.10
    assert ours[::4, 1] / measured[::4, 1] == pytest.approx([1.056, 1.027, 1.003], abs=0.002)  # as the note says


@peer
def test_the_double_cone_is_near_the_measured_one() -> None:
    """Not the same coil (flat wings here, dished there): the note in builtin.toml states this difference."""
    axis = np.c_[np.zeros((5, 2)), np.arange(10.0, 51, 10)]
    measured = -vector_potential(Coil.read(PEER / "MagStim_DCC.ccd"), axis)[:, 1]  # the file's current runs along −y
    ratio = vector_potential(Coil.named("double-cone-110mm"), axis)[:, 1] / measured
    assert ratio.min() > 1.03 and ratio.max() < 1.16


def test_the_circular_coil_has_the_field_of_the_measured_mc_125() -> None:
    """Azimuthal A of Drakaki et al. 2022, file MC-125_new, mean over 24 angles round its axis, µT·m per ampere."""
    rho, depth = np.array([20.0, 40, 60, 90]), np.array([10.0, 20, 30, 50])
    measured = [
        [1.5537, 1.0099, 0.6728, 0.3231],
        [2.1842, 1.4641, 1.0107, 0.5199],
        [1.6833, 1.2620, 0.9510, 0.5558],
        [0.7848, 0.7052, 0.6145, 0.4448],
    ]
    points = np.stack([*np.meshgrid(rho, depth, indexing="ij"), np.zeros((4, 4))], -1)[..., [0, 2, 1]]
    ours = vector_potential(Coil.named("circular-mc125"), points.reshape(-1, 3))[:, 1].reshape(4, 4) * 1e6
    assert ours == pytest.approx(np.array(measured), rel=0.004)


def test_every_built_in_coil() -> None:
    assert len(coil_names()) >= 3
    for row in coil_rows():
        coil = Coil.named(row.name)
        dipoles = coil.sources[0]
        assert isinstance(dipoles, MagneticDipoles) and 300 <= len(dipoles.points_mm) <= 720
        assert coil.max_didt_a_per_s == pytest.approx(row.max_didt_a_per_us * 1e6)
        assert coil.rated_on in row.max_didt_source == coil.rating_source and coil.rated_on
        assert row.source and row.max_didt_source and row.casing_mm > 0
        assert coil.current_direction_y == (0 if row.name.startswith("circular") else 1)


@pytest.mark.parametrize("name", ["figure8-70mm", "double-cone-110mm"])
def test_two_wings_mirror_each_other(name: str) -> None:
    coil = Coil.named(name)
    points = np.random.default_rng(2).uniform([-30, -60, 10], [30, 60, 60], (40, 3))
    a, mirrored = vector_potential(coil, points), vector_potential(coil, points * [-1, 1, 1])
    assert mirrored == pytest.approx(a * [-1, 1, 1], rel=1e-9, abs=1e-9 * np.abs(a).max())


def test_the_wings_of_the_double_cone_come_down_beside_the_head() -> None:
    cone = Coil.named("double-cone-110mm")
    x, z = cone.casing.points_mm[:, 0], cone.casing.points_mm[:, 2]
    assert z[np.abs(x) < 3].max() < 4 and z[np.abs(x) > 85].max() > 70
    assert cone.sources[0].points_mm[:, 2].max() > 60
    deep = np.array([[0.0, 0, 60]])
    flat = Coil.named("figure8-70mm")
    at_60_mm = [np.linalg.norm(vector_potential(coil, deep)) for coil in (cone, flat)]
    assert at_60_mm[0] > 1.2 * at_60_mm[1]  # what it is built for


@pytest.mark.parametrize("name", coil_names())
def test_a_built_in_casing_is_closed_dense_and_holds_the_copper(name: str) -> None:
    coil = Coil.named(name)
    hull = surface(coil.casing)
    assert hull.n_open_edges == 0 and hull.is_manifold and hull.volume > 1e5
    a, b, c = (hull.points[hull.regular_faces[:, i]] for i in range(3))
    normals = np.cross(b - a, c - a)
    tilt = np.radians(40.5) if name.startswith("double-cone") else 0.0
    face = (normals @ [0, 0, 1]) / np.linalg.norm(normals, axis=1) > np.cos(tilt) - 0.01  # triangles towards the head
    longest = max(np.linalg.norm((p - q)[face], axis=1).max() for p, q in ((a, b), (b, c), (c, a)))
    assert longest < 2 * SPACING_MM  # so no place of the face is further than 7 mm from a point
    for wing in hull.split_bodies():
        wing = wing.extract_surface(algorithm=None)
        mine = coil.sources[0].points_mm
        mine = mine[mine[:, 0] * wing.center[0] > 0] if "circular" not in name else mine
        height = mine @ [-np.sin(tilt) * np.sign(wing.center[0]), 0, np.cos(tilt)]
        mine = mine[height > height.max() - 0.1]  # the copper's plane, not the dish behind an opening
        distance = pv.PolyData(mine).compute_implicit_distance(wing)["implicit_distance"]
        assert distance.max() < -0.5


def test_a_casing_drawn_round_flat_sources_is_a_plate_under_zero() -> None:
    square = np.stack(np.meshgrid(np.arange(-40, 41, 8.0), np.arange(-20, 21, 8.0), [-12.0, -4.0]), -1).reshape(-1, 3)
    casing, note = casing_around((CurrentElements(square, np.ones_like(square)),))
    hull = surface(casing)
    assert hull.n_open_edges == 0 and hull.volume == pytest.approx(84 * 44 * 14, rel=0.02)
    assert casing.points_mm[:, 2].max() == 0 and casing.points_mm[:, 2].min() == -14
    assert "z = 0" in note


def test_a_casing_drawn_round_angled_sources_leaves_room_for_the_head() -> None:
    casing, note = casing_around((angled_sources(),))
    hull = surface(casing)
    assert hull.n_open_edges == 0 and "height field" in note
    probes = pv.PolyData(np.array([[0.0, 0, 12], [0, 0, 40], [30.0, 0, 55], [0, 0, -8.5], [40, 10, 27]]))
    outside = probes.compute_implicit_distance(hull)["implicit_distance"]
    assert (outside[:3] > 3).all() and (outside[3:] < 0).all()


def test_a_fine_surface_is_thinned_and_stays_where_it_was() -> None:
    ball = pv.Icosphere(radius=50, nsub=5)
    thin = thinned(np.asarray(ball.points, float), ball.regular_faces)
    assert len(thin.points_mm) < 0.3 * ball.n_points
    assert np.linalg.norm(thin.points_mm, axis=1) == pytest.approx(50, abs=0.05)
    assert surface(thin).area == pytest.approx(ball.area, rel=0.03)


def test_an_unknown_name_gets_a_hint() -> None:
    with pytest.raises(InputError, match="did you mean figure8-70mm"):
        Coil.named("figure8-70")
