"""Recovered gradients: exact for harmonic quadratics, sharp at interfaces, adjoint, and more accurate than P1."""

import numpy as np
import pytest
from heads import layered_ball
from hypothesis import given, settings
from hypothesis import strategies as st

from meshes import HeadMesh, InputError
from targeting.fem import HeadConductor
from targeting.fem.assembly import shape_gradients
from targeting.fem.recovery import PatchRecovery


def recovery_of(head: HeadMesh, anisotropic=()) -> PatchRecovery:
    gradients, _ = shape_gradients(head.points_mm, head.tets)
    return PatchRecovery.of(head.points_mm, head.tets, head.tissue, gradients, anisotropic)


@pytest.fixture(scope="module")
def head():
    return layered_ball(10.0, (0.9, 1.0, 1.1))


@pytest.fixture(scope="module")
def recovery(head):
    return recovery_of(head)


def of_tissue_one(head: HeadMesh) -> np.ndarray:
    return np.flatnonzero(head.tissue == 1)


@pytest.mark.slow
@settings(max_examples=15, deadline=None)
@given(linear=st.tuples(*[st.floats(-2, 2)] * 3), bent=st.tuples(*[st.floats(-2, 2)] * 5))
def test_harmonic_quadratics_are_recovered(head, recovery, linear, bent):
    """Up to the ridge, which costs little: 19 in 20 to a fiftieth of what the gradient changes over a tetrahedron, 10 mm."""
    x, y, z = head.points_mm.T * 1e-3
    a, b, c, d, e = bent
    phi = head.points_mm @ linear * 1e-3 + 10 * (a * x * y + b * y * z + c * z * x + d * (x * x - y * y))
    phi += 10 * e * (2 * z * z - x * x - y * y)
    x, y, z = head.centroids_mm.T * 1e-3
    second = np.stack([a * y + c * z + 2 * d * x, a * x + b * z - 2 * d * y, b * y + c * x], axis=1)
    second += 2 * e * np.stack([-x, -y, 2 * z], axis=1)
    error = np.abs(recovery.gradient(phi) - linear - 10 * second)
    assert np.quantile(error, 0.95) < 1e-9 + 0.02 * (4 * 10 * np.abs(bent).max() * 0.010)


@settings(max_examples=10, deadline=None)
@given(bent=st.tuples(*[st.floats(-2, 2)] * 6))
def test_all_quadratics_are_recovered_where_the_conductivity_is_a_tensor(head, bent):
    anisotropic = recovery_of(head, anisotropic=range(1, 6))
    form = 10 * np.array([[bent[0], bent[3], bent[4]], [bent[3], bent[1], bent[5]], [bent[4], bent[5], bent[2]]])
    x = head.points_mm * 1e-3
    error = np.abs(anisotropic.gradient(((x @ form) * x).sum(1)) - 2e-3 * head.centroids_mm @ form)[of_tissue_one(head)]
    assert np.quantile(error, 0.95) < 1e-9 + 0.02 * 2 * np.abs(form).max() * 0.010


def test_the_adjoint_of_mixed_patches(head):
    mixed = recovery_of(head, anisotropic=[1])
    rng = np.random.default_rng(5)
    phi, q = rng.normal(size=len(head.points_mm)), rng.normal(size=(len(head.tets), 3))
    forward = (q * mixed.gradient(phi)).sum()
    assert mixed.adjoint(np.arange(len(head.tets)), q) @ phi == pytest.approx(forward, rel=1e-9)


def test_many_columns_are_as_one_by_one(head, recovery):
    phi = np.random.default_rng(0).normal(size=(len(head.points_mm), 3))
    together = recovery.gradient(phi)
    assert all((together[k] == recovery.gradient(phi[:, k])).all() for k in range(3))


def test_the_adjoint_is_the_adjoint(head, recovery):
    rng = np.random.default_rng(1)
    phi = rng.normal(size=len(head.points_mm))
    tets = rng.choice(len(head.tets), 50, replace=False)
    q = rng.normal(size=(50, 3))
    load = recovery.adjoint(tets, q)
    assert load @ phi == pytest.approx((q * recovery.gradient(phi)[tets]).sum(), rel=1e-10)
    assert abs(load.sum()) < 1e-9 * np.abs(load).sum()


def test_other_tissues_do_not_count(head, recovery):
    """What φ does beyond the interface of a tissue changes nothing inside it."""
    phi = np.random.default_rng(2).normal(size=len(head.points_mm))
    inside = of_tissue_one(head)
    changed = phi.copy()
    changed[np.setdiff1d(np.arange(len(phi)), head.tets[inside])] += 1e3
    assert (recovery.gradient(changed)[inside] == recovery.gradient(phi)[inside]).all()


def test_a_lone_tetrahedron_keeps_its_own_gradient():
    one = HeadMesh(50 * np.vstack([np.zeros(3), np.eye(3)]), [[0, 1, 2, 3]], [5])
    phi = np.array([0.0, 1.0, -2.0, 0.5])
    recovered = recovery_of(one).gradient(phi)
    assert np.allclose(recovered, [[20.0, -40.0, 10.0]], rtol=2e-3)


@pytest.mark.parametrize("recovery_name", ["patch", "none"])
def test_reciprocity_holds_for_either_field(head, recovery_name):
    conductor = HeadConductor(head)
    rng = np.random.default_rng(3)
    tets = rng.choice(np.flatnonzero(head.tissue == 2), 20, replace=False)
    weights = rng.random(20)
    da_dt = rng.normal(size=(len(head.tets), 3))
    forward = weights @ conductor.induced_field(da_dt, recovery_name)[tets]
    reciprocal = -np.einsum("dex,ex->d", conductor.reciprocal_currents(tets, weights, recovery_name), da_dt)
    assert np.allclose(forward, reciprocal, rtol=1e-6)


def test_an_unknown_recovery_is_refused(head):
    with pytest.raises(InputError, match="recovery"):
        HeadConductor(head).induced_field(np.ones((len(head.tets), 3)), "spr")
