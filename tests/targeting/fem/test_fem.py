"""The conductor: exact where first-order elements are exact, symmetric, and the same by both solvers."""

import numpy as np
import pytest
from heads import layered_ball

from meshes import HeadMesh, InputError
from targeting.fem import CONDUCTIVITY_S_PER_M, HeadConductor, conductivities


@pytest.fixture(scope="module")
def conductor():
    return HeadConductor(layered_ball(14.0))


def test_gradient_of_a_linear_potential_is_exact(conductor):
    slope = np.array([1.5, -2.0, 0.25])
    phi = conductor.head.points_mm * 1e-3 @ slope
    assert np.abs(conductor.gradient(phi) - slope).max() < 1e-10


def test_volumes_are_those_of_the_mesh(conductor):
    assert np.allclose(conductor.volumes_m3, conductor.head.volumes_mm3 * 1e-9, rtol=1e-12)


@pytest.mark.slow
def test_stiffness_is_symmetric_definite_and_blind_to_constants(conductor):
    k = conductor.stiffness
    assert abs(k - k.T).max() == 0
    assert abs(k @ np.ones(k.shape[0])).max() < 1e-12 * abs(k).max()
    free = conductor.free_nodes
    eigenvalues = np.linalg.eigvalsh(k[free][:, free].toarray()) if len(free) < 3000 else [1.0]
    assert min(eigenvalues) > 0


def test_stiffness_equals_the_textbook_sum(conductor):
    head = conductor.head
    rng = np.random.default_rng(0)
    u, v = rng.normal(size=(2, len(head.points_mm)))
    weight = conductor.sigma_s_per_m * conductor.volumes_m3
    energy = (weight[:, None] * conductor.gradient(u) * conductor.gradient(v)).sum()
    assert u @ (conductor.stiffness @ v) == pytest.approx(energy, rel=1e-12)


def test_divergence_is_the_adjoint_of_the_gradient(conductor):
    rng = np.random.default_rng(1)
    q = rng.normal(size=(len(conductor.head.tets), 3))
    phi = rng.normal(size=len(conductor.head.points_mm))
    assert conductor.divergence(q) @ phi == pytest.approx((q * conductor.gradient(phi)).sum(), rel=1e-11)


def test_uniform_da_dt_is_cancelled_by_the_charges(conductor):
    # curl-free dA/dt induces no field: φ = −x·c is a linear potential, which the elements hold exactly
    e = conductor.induced_field(np.tile([3.0, -1.0, 2.0], (len(conductor.head.tets), 1)))
    assert np.abs(e).max() < 1e-6


def test_the_gauge_of_the_vector_potential_is_free(conductor):
    """∂A/∂t + ∇ψ drives the same field for any ψ: φ takes ψ up."""
    rng = np.random.default_rng(6)
    da_dt = np.cross([0.3, -0.2, 1.0], conductor.head.centroids_mm)
    psi = rng.normal(size=len(conductor.head.points_mm))
    exact = HeadConductor(conductor.head, tolerance=1e-12)
    e, same = (exact.induced_field(each, "none") for each in (da_dt, da_dt + exact.gradient(psi)))
    assert np.abs(e - same).max() < 1e-9 * np.abs(exact.gradient(psi)).max()


def test_the_zero_of_the_potential_is_free(conductor):
    phi = np.random.default_rng(7).normal(size=len(conductor.head.points_mm))
    for gradient in (conductor.gradient, conductor.patches.gradient):
        assert np.abs(gradient(phi + 5.0) - gradient(phi)).max() < 1e-10 * np.abs(gradient(phi)).max()


def test_no_net_current_flows_anywhere(conductor):
    """Into every node as much current flows as out, so none leaves the head and none is made in any part of it."""
    exact = HeadConductor(conductor.head, tolerance=1e-12)
    da_dt = np.cross([0.3, -0.2, 1.0], exact.head.centroids_mm)
    current = exact.conducted(exact.induced_field(da_dt, "none"))
    into_nodes, scale = exact.divergence(current), exact.divergence(np.abs(current))
    assert np.abs(into_nodes).max() < 1e-9 * np.abs(scale).max()
    assert abs(into_nodes[exact.head.points_mm[:, 2] > 20.0].sum()) < 1e-9 * np.abs(scale).max()


def test_reciprocal_currents_give_the_forward_value(conductor):
    rng = np.random.default_rng(2)
    tets = rng.choice(len(conductor.head.tets), 20, replace=False)
    weights = rng.random(20)
    da_dt = rng.normal(size=(len(conductor.head.tets), 3))
    forward = weights @ conductor.induced_field(da_dt)[tets]
    reciprocal = -np.einsum("dex,ex->d", conductor.reciprocal_currents(tets, weights), da_dt)
    assert np.allclose(forward, reciprocal, rtol=1e-6)


def test_scaling_all_conductivities_changes_no_field(conductor):
    tripled = {name: 3 * value for name, value in CONDUCTIVITY_S_PER_M.items()}
    da_dt = np.cross([0, 0, 1.0], conductor.head.centroids_mm)
    e = conductor.induced_field(da_dt)
    assert np.allclose(HeadConductor(conductor.head, tripled).induced_field(da_dt), e, atol=1e-6 * np.abs(e).max())


@pytest.mark.parametrize(
    ("override", "words"), [({"skul": 0.01}, "did you mean skull"), ({"gm": -1.0}, "between 0 and 100")]
)
def test_impossible_conductivities_are_refused(override, words):
    with pytest.raises(InputError, match=words):
        conductivities(override)


def test_unknown_tissue_codes_are_refused():
    one = HeadMesh(np.vstack([np.zeros(3), np.eye(3)]), [[0, 1, 2, 3]], [77])
    with pytest.raises(InputError, match="77"):
        HeadConductor(one)
