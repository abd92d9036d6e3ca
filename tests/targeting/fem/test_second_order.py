"""Second-order elements near a place: scikit-fem's where they are everywhere, exact for quadratics, truer on a sphere."""

import logging

import numpy as np
import pytest
from heads import LEFT_SPOT, layered_ball
from scipy.spatial.transform import Rotation
from second_order import SecondOrder as Oracle

from atlases import Target
from meshes import HeadMesh, InputError, Tissue, tetrahedralise
from targeting import Coil, DoseMap, Pose, simulate_tms
from targeting.closed_forms.phantom import sphere_tissues
from targeting.closed_forms.spheres import tms_e_v_per_m
from targeting.fem import ElementTensors, HeadConductor, second_order
from targeting.fem.second_order import near_target

HEAD = layered_ball(14.0, (0.85, 1.05, 0.95))
EVERYWHERE_MM = 500.0
WHITE = np.flatnonzero(HEAD.tissue == 1)
TURN = Rotation.from_euler("xyz", [25, -40, 70], degrees=True).as_matrix()


def turning(points_mm):
    """∂A/∂t of a uniform ∂B/∂t with a constant beside it: linear, so that it is the same between the nodes."""
    return np.cross([0.3, -0.7, 0.2], points_mm * 1e-3) + np.array([0.1, 0.2, -0.3])


def random_tensors():
    root = np.random.default_rng(3).normal(size=(len(WHITE), 3, 3)) * 0.2 + 0.3 * np.eye(3)
    return ElementTensors(WHITE, root @ root.transpose(0, 2, 1) + 0.05 * np.eye(3))


def scaled(error, truth):
    return np.linalg.norm(error) / np.linalg.norm(truth)


def test_everywhere_they_are_scikit_fems():
    conductor = HeadConductor(HEAD, tolerance=1e-11)
    oracle = Oracle(conductor)
    truth = -oracle.gradient(oracle.potential(turning(oracle.points_mm))) - turning(HEAD.centroids_mm)
    (e,) = conductor.near([0, 0, 0], EVERYWHERE_MM).coil_fields([turning])
    assert scaled(e - truth, truth) < 1e-6
    (first_order,) = conductor.coil_fields([turning])
    assert scaled(first_order - truth, truth) > 0.01


def test_a_quadratic_potential_is_exact_whatever_the_tensors():
    """∂A/∂t = −∇ψ of a quadratic ψ is cancelled by φ = ψ, in first order only nearly so."""
    q = TURN @ np.diag([1.0, -3.0, 2.0]) @ TURN.T

    def uphill(points_mm):
        return -points_mm @ q

    conductor = HeadConductor(HEAD, tensors=random_tensors(), tolerance=1e-11).near([0, 0, 0], EVERYWHERE_MM)
    (e,) = conductor.coil_fields([uphill])
    assert np.abs(e).max() < 1e-6 * np.abs(uphill(HEAD.points_mm)).max()


@pytest.mark.parametrize("reach_mm", [0.0, 30.0, 60.0, EVERYWHERE_MM])
@pytest.mark.parametrize("solver", ["multigrid", "factorisation"])
def test_forward_and_reciprocal_agree_to_a_millionth(reach_mm, solver):
    rng = np.random.default_rng(4)
    target = np.concatenate([np.flatnonzero(HEAD.tissue == 2)[5:12], WHITE[:4]])
    weights = rng.uniform(0.1, 1, len(target))
    conductor = HeadConductor(HEAD, tensors=random_tensors(), solver=solver, tolerance=1e-11)
    finer = conductor.near(HEAD.centroids_mm[target[:3]], reach_mm)
    field = rng.normal(size=HEAD.points_mm.shape)
    forward = weights @ finer.coil_fields([lambda _: field])[0][target]
    places_mm, moments = finer.reciprocal_moments(target, weights)
    assert (places_mm == HEAD.points_mm).all()
    reciprocal = -np.einsum("dnx,nx->d", moments, field)
    assert np.allclose(forward, reciprocal, rtol=0, atol=1e-6 * np.linalg.norm(forward))


def test_a_dose_map_sees_the_field_of_the_same_elements():
    target = Target.sphere(LEFT_SPOT.center_mm, 12.0)
    conductor = near_target(HeadConductor(HEAD), target)
    coil, tets_weights = Coil.named("figure8-70mm"), target.weights(HEAD)
    pose = Pose([[-1, 0, 0, -30], [0, 1, 0, 12], [0, 0, -1, 105], [0, 0, 0, 1]])
    mean = tets_weights[1] @ simulate_tms(conductor, coil, pose).e_v_per_m[tets_weights[0]]
    first = tets_weights[1] @ simulate_tms(conductor, coil, pose, recovery="none").e_v_per_m[tets_weights[0]]
    found = DoseMap.build(conductor, target).mean_e_v_per_m(coil, pose)[0]
    assert scaled(found - mean, mean) < 0.004
    assert scaled(first - mean, mean) > 0.01


def test_some_tetrahedra_are_those_of_all():
    finer = HeadConductor(HEAD).near(LEFT_SPOT.center_mm, 40.0)
    sources = [turning, lambda points: -2 * turning(points)]
    everywhere, some = finer.coil_fields(sources), np.array([3, 700, 11, 2900])
    assert (finer.coil_fields(sources, some) == everywhere[:, some]).all()
    assert np.allclose(everywhere[1], -2 * everywhere[0], atol=1e-6 * np.abs(everywhere).max())


def test_out_of_reach_the_field_is_recovered_from_first_order():
    """Elements of second order far away hardly matter, and a reach of nothing not at all."""
    conductor = HeadConductor(HEAD, tolerance=1e-11)
    (first,), (none,) = conductor.coil_fields([turning]), conductor.near([0, 0, 80], 0.0).coil_fields([turning])
    assert scaled(none - first, first) < 1e-7  # the same linear ∂A/∂t
    (near,) = conductor.near([0, 0, 80], 40.0).coil_fields([turning])
    far = HEAD.centroids_mm[:, 2] < -30
    assert 0 < scaled((near - first)[far], first[far]) < 0.01


def test_at_most_so_many_nodes_are_near(monkeypatch, caplog):
    monkeypatch.setattr(second_order, "MOST_NODES", 100)
    with caplog.at_level(logging.INFO, "targeting.fem.second_order"):
        finer = HeadConductor(HEAD).near([0, 0, 80], EVERYWHERE_MM).second_order
    assert "only for the nearest 100 nodes" in caplog.text
    corners = HEAD.points_mm[np.unique(HEAD.tets[finer.tets])]
    assert np.linalg.norm(corners - [0, 0, 80], axis=1).max() < 75


def test_the_conductor_it_was_made_from_is_as_it_was():
    conductor = HeadConductor(HEAD)
    finer = conductor.near(LEFT_SPOT.center_mm)
    assert conductor.second_order is None and finer.second_order is not None
    assert finer.head is conductor.head
    assert near_target(finer, LEFT_SPOT) is finer


def test_a_target_without_a_tetrahedron_is_refused():
    with pytest.raises(InputError):
        near_target(HeadConductor(HEAD), Target.sphere([400.0, 0, 0], 1.0))


def test_a_lone_tetrahedron_takes_part():
    lump = HeadMesh(50 * np.vstack([np.zeros(3), np.eye(3)]), [[0, 1, 2, 3]], [5])
    (e,) = (
        HeadConductor(lump).near([10, 10, 10]).coil_fields([lambda points: np.tile([1.0, -2.0, 0.5], (len(points), 1))])
    )
    assert np.abs(e).max() < 1e-9


RADII_MM = {Tissue.WM: 75.0, Tissue.GM: 78.0, Tissue.CSF: 80.0, Tissue.SKULL: 86.0, Tissue.SCALP: 92.0}


@pytest.mark.slow
def test_on_a_sphere_the_dose_is_right_to_a_thousandth():
    conductor = HeadConductor(tetrahedralise(sphere_tissues(RADII_MM), "fast"))
    head, coil = conductor.head, Coil.named("figure8-70mm")
    z = -np.array([-0.5, 0.3, 0.81])
    z /= np.linalg.norm(z)
    y = np.cross(z, [0.2, 0.9, 0.1])
    y /= np.linalg.norm(y)
    pose = Pose(np.vstack([np.column_stack([np.cross(y, z), y, z, -96.0 * z]), [0, 0, 0, 1]]))
    target = Target.sphere(-76.5 * z, 8.0)
    near = np.flatnonzero((head.tissue == Tissue.GM) & (np.linalg.norm(head.centroids_mm + 76.5 * z, axis=1) < 30))
    m = pose.matrix_mm

    def truth(at):
        return sum(
            tms_e_v_per_m(
                head.centroids_mm[at], s.points_mm @ m[:3, :3].T + m[:3, 3], 1e6 * s.moments_a_m2 @ m[:3, :3].T
            )
            for s in coil.sources
        )

    tets, weights = target.weights(head)
    dose = np.linalg.norm(weights @ truth(tets))
    exact, volume = truth(near), head.volumes_mm3[near, None]
    error, of_dose = {}, {}
    for name, solved in (("recovered", conductor), ("second order", near_target(conductor, target))):
        e = simulate_tms(solved, coil, pose).e_v_per_m
        error[name] = float(np.sqrt((volume * (e[near] - exact) ** 2).sum() / (volume * exact**2).sum()))
        of_dose[name] = abs(np.linalg.norm(weights @ e[tets]) / dose - 1)
    assert error["second order"] < 0.007  # the flat faces of the fast mesh: recovered fields stand at the same
    assert of_dose["second order"] < 0.001
