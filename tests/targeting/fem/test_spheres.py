"""The closed forms hold together: series against closed form, continuity at every shell, Laplace's equation."""

import numpy as np
import pytest

from targeting.closed_forms.spheres import dipole_e_v_per_m, dipole_potential_v, electrode_field, tms_e_v_per_m

RADII_MM = [75.0, 78.0, 80.0, 86.0, 92.0]
SIGMA = [0.126, 0.275, 1.654, 0.010, 0.465]
ANODE, CATHODE = np.array([30.0, 20.0, 80.0]), np.array([-50.0, 10.0, 20.0])


@pytest.fixture(scope="module")
def unit():
    directions = np.random.default_rng(0).normal(size=(100, 3))
    return directions / np.linalg.norm(directions, axis=1)[:, None]


@pytest.mark.parametrize("cap_deg", [0.0, 7.0])
def test_the_series_e_is_the_gradient_of_its_potential(unit, cap_deg):
    points = unit * np.linspace(10, 88, 100)[:, None]
    e = electrode_field(points, ANODE, RADII_MM, SIGMA, cap_deg=cap_deg)[1]
    for axis in range(3):
        step = 1e-3 * np.eye(3)[axis]
        ahead, behind = (electrode_field(points + d, ANODE, RADII_MM, SIGMA, cap_deg=cap_deg)[0] for d in (step, -step))
        assert np.abs(-(ahead - behind) / 2e-6 - e[:, axis]).max() < 1e-8 * np.abs(e).max()


@pytest.mark.parametrize("shell", range(4))
def test_current_and_tangential_field_cross_every_shell(unit, shell):
    inside, outside = (
        electrode_field(unit * (RADII_MM[shell] + d), ANODE, RADII_MM, SIGMA, cap_deg=5.0)[1] for d in (-1e-7, 1e-7)
    )
    normal_in, normal_out = SIGMA[shell] * (inside * unit).sum(1), SIGMA[shell + 1] * (outside * unit).sum(1)
    assert np.abs(normal_in - normal_out).max() < 1e-6 * np.abs(normal_in).max()
    assert np.abs(np.cross(inside - outside, unit)).max() < 1e-6 * np.abs(inside).max()


def test_the_disc_hands_over_its_whole_current(unit):
    """Just under a disc the current density is even, and none enters elsewhere but what leaves evenly."""
    cap = 30.0
    axis = ANODE / np.linalg.norm(ANODE)
    e = electrode_field(unit * 92.0 * (1 - 1e-9), ANODE, [92.0], [0.3], 1e-3, cap, orders=2000)[1]
    inward = -0.3 * (e * unit).sum(1)
    angle = np.rad2deg(np.arccos(unit @ axis))
    area = 2 * np.pi * 0.092**2 * (1 - np.cos(np.deg2rad(cap)))
    leaves = 1e-3 / (4 * np.pi * 0.092**2)
    assert np.median(inward[angle < cap - 5]) == pytest.approx(1e-3 / area - leaves, rel=0.02)
    assert np.median(inward[angle > cap + 5]) == pytest.approx(-leaves, rel=0.05)


@pytest.mark.parametrize("dipole_mm", [[10.0, 20.0, 30.0], [0.0, -60.0, 40.0]])
def test_the_dipole_is_reciprocal_to_the_electrodes(dipole_mm):
    moment = np.array([1.0, 2.0, -0.5])
    point = np.array([dipole_mm])
    e = (
        electrode_field(point, ANODE, RADII_MM, [0.33] * 5)[1]
        - electrode_field(point, CATHODE, RADII_MM, [0.33] * 5)[1]
    )
    scalp = np.stack([92 * p / np.linalg.norm(p) for p in (ANODE, CATHODE)])
    at_anode, at_cathode = dipole_potential_v(scalp, dipole_mm, moment, 92.0, 0.33)
    assert at_anode - at_cathode == pytest.approx(-float(e[0] @ moment), rel=1e-9)


def test_no_current_of_the_dipole_leaves_the_sphere(unit):
    e = dipole_e_v_per_m(unit * 92 * (1 - 2e-5), [10.0, 20.0, 60.0], [1.0, 2.0, -0.5], 92.0, 0.33)
    assert np.abs((e * unit).sum(1)).max() < 5e-4 * np.abs(e).max()


def test_tms_has_no_radial_field_and_its_curl_is_that_of_the_coil(unit):
    """∇×E = −∂B/∂t: the field of the dipole itself, compared along all three axes."""
    dipole, moment = np.array([[20.0, 30.0, 100.0]]), np.array([[1e5, 2e5, -3e5]])
    points = unit * np.linspace(10, 88, 100)[:, None]
    e = tms_e_v_per_m(points, dipole, moment)
    assert np.abs((e * unit).sum(1)).max() < 1e-12 * np.abs(e).max()
    step = 1e-3
    slope = np.stack(
        [
            (tms_e_v_per_m(points + d, dipole, moment) - tms_e_v_per_m(points - d, dipole, moment)) / (2e-3 * step)
            for d in step * np.eye(3)
        ],
        axis=1,
    )  # (n, derivative, component)
    curl = np.stack([slope[:, (i + 1) % 3, (i + 2) % 3] - slope[:, (i + 2) % 3, (i + 1) % 3] for i in range(3)], axis=1)
    away = (points - dipole) * 1e-3
    d = np.linalg.norm(away, axis=1)[:, None]
    b = 1e-7 * (3 * away * (away @ moment[0])[:, None] / d**5 - moment / d**3)
    assert np.abs(curl + b).max() < 1e-6 * np.abs(b).max()
