"""Orders of convergence: φ in L2 with rate 2 for our elements and 3 for scikit-fem's second-order ones, on halved meshes.

∂A/∂t = −∇ψ is cancelled by φ = ψ whatever the conductivities, so any smooth ψ is a manufactured solution; it is one even
where σ jumps.
"""

import numpy as np
import pytest
from second_order import SecondOrder

from meshes import HeadMesh
from targeting.fem import HeadConductor

K_PER_MM = np.array([0.05, -0.035, 0.04])
SIDE_MM = 40.0


def box(cells: int) -> HeadMesh:
    """A cube of 40 mm, each cell cut into six tetrahedra (Kuhn); scalp below, grey matter above."""
    corner = np.stack(np.meshgrid(*[np.arange(cells)] * 3, indexing="ij"), -1).reshape(-1, 3)
    orders = np.array([[0, 1, 2], [1, 2, 0], [2, 0, 1], [1, 0, 2], [0, 2, 1], [2, 1, 0]])
    ways = np.concatenate([np.zeros((6, 1, 3), int), np.cumsum(np.eye(3, dtype=int)[orders], axis=1)], axis=1)
    nodes = corner[:, None, None] + ways
    tets = np.ravel_multi_index(np.moveaxis(nodes, -1, 0), [cells + 1] * 3).reshape(-1, 4)
    tets[np.tile([False] * 3 + [True] * 3, len(corner))] = tets[np.tile([False] * 3 + [True] * 3, len(corner))][
        :, [0, 2, 1, 3]
    ]
    grid = np.stack(np.meshgrid(*[np.arange(cells + 1)] * 3, indexing="ij"), -1).reshape(-1, 3)
    points = grid * (SIDE_MM / cells)
    tissue = np.where(points[tets].mean(1)[:, 2] < SIDE_MM / 2, 5, 2)
    return HeadMesh(points, tets, tissue)


def psi(points_mm: np.ndarray) -> np.ndarray:
    return np.sin(points_mm @ K_PER_MM)


def da_dt(points_mm: np.ndarray) -> np.ndarray:
    return -np.cos(points_mm @ K_PER_MM)[..., None] * K_PER_MM * 1e3


def l2(head: HeadMesh, error_at_points: np.ndarray) -> float:
    """Norm of an error (M, q) at the quadrature points, its mean (the free constant) taken off."""
    weight = np.repeat(head.volumes_mm3[:, None], error_at_points.shape[1], axis=1)
    error = error_at_points - np.average(error_at_points, weights=weight)
    return float(np.sqrt((weight * error**2).sum()))


def first_order_error(head: HeadMesh) -> float:
    conductor = HeadConductor(head, tolerance=1e-11)
    phi = conductor.potential(-conductor.divergence(conductor.conducted(da_dt(head.centroids_mm))))
    second = SecondOrder(conductor)
    barycentric = np.concatenate([1 - second.basis.X.sum(0, keepdims=True), second.basis.X])  # (4, q)
    return l2(head, phi[head.tets] @ barycentric - psi(second.points_mm))


def second_order_error(head: HeadMesh) -> float:
    second = SecondOrder(HeadConductor(head))
    return l2(head, second.values(second.potential(da_dt(second.points_mm))) - psi(second.points_mm))


@pytest.mark.parametrize(("error", "rate"), [(first_order_error, 2.0), (second_order_error, 3.0)])
def test_the_potential_converges_at_the_rate_of_its_order(error, rate):
    errors = [error(box(cells)) for cells in (4, 8, 16)]
    rates = -np.diff(np.log2(errors))
    assert rates[-1] == pytest.approx(rate, abs=0.15)
    assert rates[0] == pytest.approx(rate, abs=0.4)


def test_second_order_elements_hold_quadratics_exactly():
    head = box(3)
    second = SecondOrder(HeadConductor(head, tolerance=1e-12))
    x, y, z = second.unknowns_mm.T * 1e-3
    phi = x * x - 3 * x * y + 2 * z * z - y
    x, y, z = head.centroids_mm.T * 1e-3
    assert np.allclose(second.gradient(phi), np.stack([2 * x - 3 * y, -3 * x - 1, 4 * z], axis=1), atol=1e-12)
    k = second.stiffness
    assert abs(k - k.T).max() < 1e-15
    assert abs(k @ np.ones(k.shape[0])).max() < 1e-14


def test_the_recovered_gradient_converges_faster_than_the_elements():
    """Harmonic ψ, as a coil's is: the recovered ∇φ at the centroids converges with rate near 2, P1's with rate near 1."""
    errors = []
    for cells in (6, 12, 24):
        head = box(cells)
        conductor = HeadConductor(head, tolerance=1e-11)
        x, _, z = head.centroids_mm.T * 0.05
        truth = 50 * np.exp(z)[:, None] * np.stack([np.cos(x), np.zeros(len(x)), np.sin(x)], axis=1)
        phi = conductor.potential(-conductor.divergence(conductor.conducted(-truth)))
        weight = head.volumes_mm3[:, None]
        errors.append(
            [
                np.sqrt((weight * (g - truth) ** 2).sum() / (weight * truth**2).sum())
                for g in (conductor.gradient(phi), conductor.patches.gradient(phi))
            ]
        )
    plain, recovered = -np.diff(np.log2(errors), axis=0)[-1]
    print(errors)
    assert recovered > 1.7
    assert plain < 1.5
    assert errors[-1][1] < 0.3 * errors[-1][0]
