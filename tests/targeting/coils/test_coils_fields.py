"""Fields of sources against closed forms: loops by elliptic integrals, dipoles, sampled grids, moved sources."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import ellipe, ellipk

from meshes.errors import InputError
from targeting.coils import (
    CurrentElements,
    MagneticDipoles,
    PotentialGrid,
    magnetic_field,
    transformed,
    vector_potential,
)
from targeting.coils.fields import current_direction_y
from targeting.coils.windings import Winding, winding_dipoles

MU0 = 4e-7 * np.pi
LOPSIDED = np.array([[0.36, 0.48, -0.8, 21.0], [-0.8, 0.6, 0.0, -33.0], [0.48, 0.64, 0.6, 58.0], [0, 0, 0, 1.0]])


def loop_a_phi(radius_m: float, rho_m: NDArray, z_m: NDArray) -> NDArray:
    """Azimuthal A of a circular loop of 1 A (Jackson, Classical Electrodynamics, 5.5)."""
    m = 4 * radius_m * rho_m / ((radius_m + rho_m) ** 2 + z_m**2)
    return MU0 / (np.pi * np.sqrt(m)) * np.sqrt(radius_m / rho_m) * ((1 - m / 2) * ellipk(m) - ellipe(m))


def winding_a(winding: Winding, points_mm: NDArray) -> NDArray:
    """A of a winding: loops over turns, turn width and height, each by the closed form."""
    nodes, weights = np.polynomial.legendre.leggauss(6)
    rho, z = np.hypot(points_mm[:, 0], points_mm[:, 1]), points_mm[:, 2]
    total = np.zeros(len(points_mm))
    for radius in winding.radii_mm:
        for u, wu in zip(nodes, weights, strict=True):
            for v, wv in zip(nodes, weights, strict=True):
                r = (radius + u * winding.turn_width_mm / 2) * 1e-3
                total += wu * wv / 4 * loop_a_phi(r, rho * 1e-3, (z - v * winding.height_mm / 2) * 1e-3)
    return np.c_[-points_mm[:, 1] / rho * total, points_mm[:, 0] / rho * total, 0 * total]


@pytest.mark.parametrize(
    "winding",
    [Winding(9, 52, 88, 1, 7), Winding(7, 96, 125, 1.8, 7), Winding(14, 66, 123, 1.8, 6)],
    ids=["70", "dcc", "90"],
)
def test_winding_dipoles_match_the_closed_form(winding: Winding) -> None:
    """From 5 mm off a casing of 4 mm (5 mm + 4 mm + half the copper) the few dipoles are as good as the loops."""
    assert len(winding_dipoles(winding).points_mm) < 400
    grid = np.arange(-77.0, 78.0, 3.5)
    dipoles = winding_dipoles(winding)
    for off_casing_mm, tolerance in ((5.0, 1e-3), (10.0, 1e-4)):
        z = off_casing_mm + 4.0 + winding.height_mm / 2
        points = np.stack(np.meshgrid(grid, grid + 0.5, [z], indexing="ij"), -1).reshape(-1, 3)
        exact = winding_a(winding, points)
        error = np.linalg.norm(vector_potential(dipoles, points) - exact, axis=1).max()
        assert error < tolerance * np.linalg.norm(exact, axis=1).max()


def test_dipoles_in_a_dish_behind_the_opening_make_the_same_field() -> None:
    """Also 5 mm off a head that bulges 15 mm into the opening, where the flat sheet would lie."""
    winding = Winding(7, 96, 125, 1.8, 7)
    dipoles = winding_dipoles(winding, 5.0, dish_mm=30.0)
    assert dipoles.points_mm[:, 2].min() < -25
    xy = np.stack(np.meshgrid(np.arange(-77.0, 78, 7), np.arange(-76.5, 78, 7)), -1).reshape(-1, 2)
    points = np.c_[xy, 13.5 - 15 * np.clip(1 - (xy**2).sum(1) / 48**2, 0, None)]
    exact = winding_a(winding, points)
    error = np.linalg.norm(vector_potential(dipoles, points) - exact, axis=1).max()
    assert error < 1e-3 * np.linalg.norm(exact, axis=1).max()


def test_twice_as_many_dipoles_change_little() -> None:
    coil, finer = (winding_dipoles(Winding(9, 52, 88, 1, 7), refine=refine) for refine in (1.0, 2.0))
    assert len(finer.points_mm) > 3 * len(coil.points_mm)
    line = np.stack(np.meshgrid(np.arange(-60.0, 61, 3), [0.0, 13.0], [12.5, 25.0]), -1).reshape(-1, 3)
    a = vector_potential(finer, line)
    assert np.abs(vector_potential(coil, line) - a).max() < 1e-3 * np.abs(a).max()


def test_winding_moment_is_that_of_its_turns() -> None:
    winding = Winding(9, 52, 88, 1, 7)
    moment = winding_dipoles(winding).moments_a_m2.sum(axis=0)
    rings = np.pi * (winding.radii_mm**2 + winding.turn_width_mm**2 / 12).sum() * 1e-6
    assert moment == pytest.approx([0, 0, rings], rel=2e-5)
    assert rings == pytest.approx(0.0354896, rel=1e-5)  # the wing of Stenroos & Koponen 2019


def test_b_on_the_axis_of_a_winding() -> None:
    z = np.array([20.0, 40.0, 80.0])
    b = magnetic_field(winding_dipoles(Winding(1, 79.8, 80.2, 0.2, 0.2)), np.c_[0 * z, 0 * z, z])
    exact = MU0 * 0.04**2 / 2 / (0.04**2 + (z * 1e-3) ** 2) ** 1.5
    assert b[:, 2] == pytest.approx(exact, rel=1e-3)
    assert np.abs(b[:, :2]).max() < 1e-9 * exact.max()


def test_wire_loop_matches_the_closed_form() -> None:
    angle = 2 * np.pi * (np.arange(720) + 0.5) / 720
    circle = 35 * np.c_[np.cos(angle), np.sin(angle), 0 * angle]
    step = 2 * 35 * np.sin(np.pi / 720)
    loop = CurrentElements(circle, step * np.c_[-np.sin(angle), np.cos(angle), 0 * angle])
    points = np.array([[10.0, 3, 8], [35, 0, 10], [0, -60, -20], [5, 5, 90]])
    rho, z = np.hypot(points[:, 0], points[:, 1]) * 1e-3, points[:, 2] * 1e-3
    phi = loop_a_phi(0.035, rho, z)
    exact = np.c_[-points[:, 1], points[:, 0]] / np.hypot(points[:, :1], points[:, 1:2]) * phi[:, None]
    assert vector_potential(loop, points)[:, :2] == pytest.approx(exact, rel=1e-4)
    axis = magnetic_field(loop, [[0, 0, 25.0]])[0]
    assert axis == pytest.approx([0, 0, MU0 * 0.035**2 / 2 / (0.035**2 + 0.025**2) ** 1.5], rel=1e-4, abs=1e-12)


def lopsided_sources() -> list:
    rng = np.random.default_rng(3)
    points = rng.uniform([-35, -49, -100], [45, 31, -20], (30, 3))
    grid_points = np.stack(np.meshgrid(*[np.arange(-60.0, 61, 6)] * 2, np.arange(0.0, 91, 6), indexing="ij"), -1)
    dipoles = MagneticDipoles(points, rng.normal(size=(30, 3)))
    affine = np.diag([6.0, 6.0, 6.0, 1.0])
    affine[:3, 3] = [-60, -60, 0]
    a = vector_potential(dipoles, grid_points.reshape(-1, 3)).reshape(grid_points.shape)
    return [dipoles, CurrentElements(points, rng.normal(size=(30, 3))), PotentialGrid(a, affine)]


@pytest.mark.parametrize("kind", [0, 1, 2], ids=["dipoles", "wires", "grid"])
def test_moving_the_coil_is_moving_the_points_the_other_way(kind: int) -> None:
    """An asymmetric coil, an asymmetric pose: A'(p) = R A(R⁻¹(p − t)); a transposed or mirrored matrix would show."""
    source = lopsided_sources()[kind]
    here = np.random.default_rng(4).uniform([-40, -40, 10], [40, 40, 70], (50, 3))
    there = here @ LOPSIDED[:3, :3].T + LOPSIDED[:3, 3]
    moved = transformed(source, LOPSIDED)
    assert vector_potential(moved, there) == pytest.approx(
        vector_potential(source, here) @ LOPSIDED[:3, :3].T, rel=1e-9, abs=1e-18
    )
    assert magnetic_field(moved, there) == pytest.approx(
        magnetic_field(source, here) @ LOPSIDED[:3, :3].T, rel=1e-9, abs=1e-16
    )


@pytest.mark.parametrize("kind", [0, 1], ids=["dipoles", "wires"])
def test_b_is_the_curl_of_a(kind: int) -> None:
    source, h = lopsided_sources()[kind], 0.01
    points = np.array([[3.0, 7, 20], [-20, 11, 5]])
    steps = h * np.eye(3)
    slope = [(vector_potential(source, points + s) - vector_potential(source, points - s)) / (2e-3 * h) for s in steps]
    curl = np.stack([slope[(i + 1) % 3][:, (i + 2) % 3] - slope[(i + 2) % 3][:, (i + 1) % 3] for i in range(3)], 1)
    assert magnetic_field(source, points) == pytest.approx(curl, rel=1e-5, abs=1e-9 * np.abs(curl).max())


def test_grid_agrees_with_the_source_it_was_sampled_from_and_is_zero_outside() -> None:
    dipoles, _, grid = lopsided_sources()
    points = np.random.default_rng(5).uniform([-50, -50, 15], [50, 50, 80], (200, 3))
    exact = vector_potential(dipoles, points)
    assert np.abs(vector_potential(grid, points) - exact).max() < 2e-3 * np.abs(exact).max()
    b = magnetic_field(dipoles, points)
    assert np.abs(magnetic_field(grid, points) - b).max() < 0.05 * np.abs(b).max()
    assert not vector_potential(grid, [[0, 0, -1.0], [0, 61, 30]]).any()


def test_direction_of_the_induced_current() -> None:
    """Two opposite dipoles at ±x: E at the middle along ±y; turned to x or centred on one dipole: neither."""
    pair = MagneticDipoles(np.array([[-30.0, 0, -8], [30, 0, -8]]), np.array([[0, 0, -1.0], [0, 0, 1.0]]))
    assert current_direction_y((pair,)) == 1
    assert current_direction_y((MagneticDipoles(pair.points_mm, -pair.moments_a_m2),)) == -1
    assert current_direction_y((MagneticDipoles(pair.points_mm[:, [1, 0, 2]], pair.moments_a_m2),)) == 0
    assert current_direction_y((MagneticDipoles(np.array([[0.0, 0, -8]]), np.array([[0, 0, 1.0]])),)) == 0


def test_a_mirroring_matrix_or_odd_points_are_refused() -> None:
    dipoles = lopsided_sources()[0]
    with pytest.raises(InputError, match="mirrors"):
        transformed(dipoles, np.diag([-1.0, 1, 1, 1]))
    with pytest.raises(InputError, match=r"\(n, 3\)"):
        vector_potential(dipoles, [1.0, 2.0, 3.0])
