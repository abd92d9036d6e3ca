"""Conductivity tensors: their identities in the solver, and reading them from a DTI image without turning anything round."""

from dataclasses import replace
from types import SimpleNamespace

import nibabel as nib
import numpy as np
import pytest
from heads import layered_ball
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation
from studies import study_of
from tensors import MAIN, six, tensor

from atlases import Target
from meshes import HeadMesh
from meshes.errors import InputError
from targeting import plan
from targeting.fem import HeadConductor
from targeting.fem.anisotropy import DiffusionImage, ElementTensors, tensor_conductivity
from targeting.planning.tms_stages import dose_map_stage
from targeting.study.conduction import Anisotropy, Conduction
from targeting.subject import Done, Subject

HEAD = layered_ball(12.0, (0.85, 1.1, 0.95))
WHITE = np.flatnonzero(HEAD.tissue == 1)
TABLE = HeadConductor(HEAD).conductivity_s_per_m
OBLIQUE = Rotation.from_euler("xyz", [20, -35, 50], degrees=True).as_matrix()


def random_tensors(seed=0):
    rng = np.random.default_rng(seed)
    turns = Rotation.random(len(WHITE), random_state=seed).as_matrix()
    values = rng.uniform(0.05, 0.5, (len(WHITE), 3))
    sigma = np.einsum("nij,nj,nkj->nik", turns, values, turns)
    return ElementTensors(WHITE, (sigma + sigma.transpose(0, 2, 1)) / 2)


def write(path, components, affine):
    image = nib.Nifti1Image(components.astype(np.float32), affine)
    image.set_sform(affine, 1)
    image.set_qform(affine, 1)
    nib.save(image, path)
    return path


def affine_of(turn, voxel, handed):
    """An affine round the origin; ``handed`` −1 stores x from right to left."""
    linear = turn @ np.diag([handed * voxel[0], voxel[1], voxel[2]])
    affine = np.eye(4)
    affine[:3, :3] = linear
    affine[:3, 3] = -linear @ [12, 11, 10]
    return affine


def grid_of(world_tensor, affine, order, shape=(25, 23, 21)):
    """A constant field, as the program of that order would write it."""
    if order == "fsl":
        axes = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
        frame = axes @ np.diag([-1 if np.linalg.det(axes) > 0 else 1, 1, 1])
        world_tensor = frame.T @ world_tensor @ frame
    return np.broadcast_to(six(world_tensor, order), (*shape, 6)).copy()


def test_a_tensor_of_equal_eigenvalues_is_the_scalar():
    scalar, sigma = HeadConductor(HEAD), TABLE["wm"]
    same = HeadConductor(HEAD, tensors=ElementTensors(WHITE, np.tile(sigma * np.eye(3), (len(WHITE), 1, 1))))
    scale = abs(scalar.stiffness).max()
    assert abs(scalar.stiffness - same.stiffness).max() < 1e-12 * scale
    vectors = np.random.default_rng(1).normal(size=(len(HEAD.tets), 3))
    assert np.allclose(scalar.conducted(vectors), same.conducted(vectors), rtol=1e-12, atol=0)


def test_stiffness_is_symmetric_and_positive():
    matrix = HeadConductor(HEAD, tensors=random_tensors()).stiffness
    assert abs(matrix - matrix.T).max() == 0
    assert abs(matrix @ np.ones(matrix.shape[0])).max() < 1e-10 * abs(matrix).max()
    x = np.random.default_rng(2).normal(size=(matrix.shape[0], 20))
    assert (np.einsum("nk,nk->k", x, matrix @ x) > 0).all()


@pytest.mark.parametrize("recovery", ["patch", "none"])
def test_forward_and_reciprocal_agree(recovery):
    conductor = HeadConductor(HEAD, tensors=random_tensors(3), tolerance=1e-11)
    target = np.concatenate([np.flatnonzero(HEAD.tissue == 2)[5:12], WHITE[:4]])
    weights = np.random.default_rng(4).uniform(0.1, 1, len(target))
    da_dt = np.cross([0.3, -0.7, 0.2], HEAD.centroids_mm * 1e-3) + np.array([0.1, 0.2, -0.3])
    forward = weights @ conductor.induced_field(da_dt, recovery)[target]
    reciprocal = -np.einsum("dex,ex->d", conductor.reciprocal_currents(target, weights, recovery), da_dt)
    assert np.allclose(forward, reciprocal, rtol=0, atol=1e-6 * np.linalg.norm(forward))


def test_turning_head_tensors_and_source_together_changes_nothing():
    tensors = random_tensors(5)
    da_dt = np.cross([0.3, -0.7, 0.2], HEAD.centroids_mm * 1e-3)
    e = HeadConductor(HEAD, tensors=tensors, tolerance=1e-13).induced_field(da_dt, "none")
    turned_head = HeadMesh(HEAD.points_mm @ OBLIQUE.T, HEAD.tets, HEAD.tissue)
    turned = ElementTensors(WHITE, OBLIQUE @ tensors.sigma_s_per_m @ OBLIQUE.T)
    there = HeadConductor(turned_head, tensors=turned, tolerance=1e-13).induced_field(da_dt @ OBLIQUE.T, "none")
    assert np.abs(there - e @ OBLIQUE.T).max() < 1e-10 * np.abs(e).max()


def test_an_anisotropic_ellipsoid_in_a_turning_field_has_the_closed_form():
    """σ = diag(σx, σy, σz) fills x²/a² + y²/b² + z²/c² ≤ 1 and ∂B/∂t = B along z.

    J = k (−y/b², x/a², 0) has no divergence and runs along the surface; curl σ⁻¹J = −B fixes k.
    """
    coarse, fine = (_ellipsoid_error(layered_ball(spacing, (0.85, 1.1, 0.95))) for spacing in (14.0, 7.0))
    assert fine < 0.04
    assert fine < 0.75 * coarse
    assert _ellipsoid_error(layered_ball(14.0, (0.85, 1.1, 0.95)), turned=True) > 0.3


def _ellipsoid_error(ball, turned=False):
    head = HeadMesh(ball.points_mm, ball.tets, np.ones(len(ball.tets), np.int32))
    a, b, (sx, sy, sz) = 92e-3 * 0.85, 92e-3 * 1.1, (0.1, 0.6, 0.3)
    sigma = np.diag([sy, sx, sz] if turned else [sx, sy, sz])
    everywhere = np.arange(len(head.tets))
    conductor = HeadConductor(head, tensors=ElementTensors(everywhere, np.tile(sigma, (len(everywhere), 1, 1))))
    at = head.centroids_mm * 1e-3
    e = conductor.induced_field(np.cross([0, 0, 0.5], at), "none")
    k = -1 / (1 / (sy * a * a) + 1 / (sx * b * b))
    exact = np.c_[-k * at[:, 1] / b**2 / sx, k * at[:, 0] / a**2 / sy, 0 * at[:, 2]]
    return np.linalg.norm(e - exact) / np.linalg.norm(exact)


@pytest.mark.parametrize("order", ["fsl", "mrtrix"])
@pytest.mark.parametrize("handed", [1, -1])
def test_tensors_keep_their_direction_in_the_world(tmp_path, order, handed):
    affine = affine_of(OBLIQUE, (5.0, 6.0, 7.0), handed)
    path = write(tmp_path / "dti.nii.gz", grid_of(tensor(), affine, order), affine)
    image = DiffusionImage.read(path, order)
    found, inside = image.at(np.array([[0.0, 0, 0], [9, -4, 6], [500, 0, 0]]))
    assert inside.tolist() == [True, True, False]
    assert np.allclose(found[:2], tensor(), rtol=1e-5, atol=1e-9)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([1, -1]))
def test_any_turn_of_the_grid_gives_the_same_world_tensor(tmp_path_factory, seed, handed):
    turn = Rotation.random(random_state=seed).as_matrix()
    affine = affine_of(turn, (4.0, 5.0, 3.0), handed)
    path = write(tmp_path_factory.mktemp("dti") / "dti.nii", grid_of(tensor(), affine, "fsl", (8, 8, 8)), affine)
    middle = affine[:3, :3] @ [3.5, 3.5, 3.5] + affine[:3, 3]
    assert np.allclose(DiffusionImage.read(path).at(middle[None])[0][0], tensor(), rtol=1e-4, atol=1e-8)


def test_a_field_that_differs_from_left_to_right_is_read_the_right_way_round(tmp_path):
    """Fibres run along ``MAIN`` on the left and along its mirror image on the right."""
    affine = affine_of(np.eye(3), (8.0, 9.0, 10.0), -1)
    mirrored = tensor(MAIN * [-1, 1, 1])
    components = grid_of(tensor(), affine, "fsl")
    components[:12] = grid_of(mirrored, affine, "fsl")[:12]  # x from right to left: the first voxels are on the right
    image = DiffusionImage.read(write(tmp_path / "dti.nii", components, affine))
    found, _ = image.at(np.array([[-30.0, 0, 0], [30, 0, 0]]))
    assert np.allclose(found[0], tensor(), rtol=1e-5, atol=1e-9)
    assert np.allclose(found[1], mirrored, rtol=1e-5, atol=1e-9)


@pytest.fixture
def image(tmp_path):
    affine = affine_of(np.eye(3), (9.0, 11.0, 11.0), 1)
    return DiffusionImage.read(write(tmp_path / "dti.nii", grid_of(tensor(), affine, "fsl"), affine))


@pytest.mark.slow
def test_volume_normalised_keeps_the_tissues_volume(image):
    made = tensor_conductivity(HEAD, image, TABLE, "vn")
    values, axes = np.linalg.eigh(made.sigma_s_per_m)
    assert np.array_equal(made.tets, WHITE) and made.fallback_share == 0
    assert np.allclose(values.prod(1) ** (1 / 3), TABLE["wm"], rtol=1e-6)
    assert np.allclose(np.abs(axes[:, :, 2] @ MAIN), 1, atol=1e-6)
    assert np.allclose(values / values[:, -1:], np.array([0.3, 0.5, 1.6]) / 1.6, rtol=1e-4)


@pytest.mark.slow
def test_direct_mapping_scales_all_by_one_factor(image):
    made = tensor_conductivity(HEAD, image, TABLE, "dir", ("wm", "gm"))
    d = (1.6e-3 * 0.5e-3 * 0.3e-3) ** (1 / 3)
    factor = (TABLE["wm"] * d + TABLE["gm"] * d) / (2 * d * d)
    assert np.allclose(made.sigma_s_per_m, factor * tensor(), rtol=1e-4, atol=1e-7)


@pytest.mark.slow
def test_eigenvalues_are_capped(tmp_path):
    affine = affine_of(np.eye(3), (9.0, 11.0, 11.0), 1)
    needle = tensor(values=(5.0e-3, 1e-5, 1e-5))
    image = DiffusionImage.read(write(tmp_path / "dti.nii", grid_of(needle, affine, "fsl"), affine))
    values = np.linalg.eigvalsh(tensor_conductivity(HEAD, image, TABLE, "vn").sigma_s_per_m)
    assert np.allclose(values[:, 2] / values[:, 0], 10, rtol=1e-5)
    high = tensor_conductivity(HEAD, image, {**TABLE, "wm": 1.9}, "vn")
    assert np.linalg.eigvalsh(high.sigma_s_per_m).max() <= 2 * (1 + 1e-9)


@pytest.mark.slow
def test_tetrahedra_without_a_tensor_stay_isotropic_and_are_counted(tmp_path):
    affine = affine_of(np.eye(3), (9.0, 11.0, 11.0), 1)
    components = grid_of(tensor(), affine, "fsl")
    components[17:] = 0  # nothing beyond x = +40 mm
    components[:4] = -components[:4]  # not positive
    made = tensor_conductivity(HEAD, DiffusionImage.read(write(tmp_path / "dti.nii", components, affine)), TABLE)
    assert HEAD.centroids_mm[made.tets, 0].max() < 47
    assert 0.02 < made.fallback_share < 0.4
    assert made.fallback_share == pytest.approx(1 - len(made.tets) / len(WHITE))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda c, a: (c[..., :5], a), "six volumes"),
        (lambda c, a: (c[..., 0], a), "six volumes"),
        (lambda c, a: (0 * c, a), "holds no tensors"),
        (lambda c, a: (c[..., [0, 3, 5, 1, 2, 4]], a), "`tensor_order=mrtrix`"),
    ],
)
def test_files_that_are_not_tensors_are_refused(tmp_path, change, words):
    affine = affine_of(np.eye(3), (9.0, 11.0, 11.0), 1)
    path = write(tmp_path / "dti.nii", *change(grid_of(tensor(MAIN, (1.6e-3, 0.2e-3, 0.2e-3)), affine, "fsl"), affine))
    with pytest.raises(InputError, match=words):
        DiffusionImage.read(path)


def masked_ball(tmp_path, noise=0.0):
    """Tensors in the head's brain only, as a fit in a mask leaves them; or with a fit's noise around it."""
    affine = np.diag([5.0, 5, 5, 1])
    affine[:3, 3] = -115
    components = grid_of(tensor(), affine, "fsl", (47, 47, 47))
    place = np.stack(np.indices((47, 47, 47)), -1) * 5.0 - 115
    outside = np.linalg.norm(place / [0.85, 1.1, 0.95], axis=-1) > 76
    components[outside] = np.random.default_rng(0).normal(0, 1e-4, (int(outside.sum()), 6)) * (noise > 0)
    return DiffusionImage.read(write(tmp_path / "dti.nii", components, affine))


@pytest.mark.slow
@pytest.mark.parametrize("noise", [0.0, 1.0])
@pytest.mark.parametrize(
    ("off_mm", "says"),
    [
        ((0, 0, 0), ""),
        ((3, -2, 0), ""),
        ((0, 16, 0), "moved by about"),
        ((-20, 0, 0), "moved by about"),
        ((0, 0, 40), "moved by about"),
    ],
)
def test_tensors_off_the_brain_are_refused_and_noise_around_it_is_not(tmp_path, noise, off_mm, says):
    image = masked_ball(tmp_path, noise)
    moved = image.affine_mm.copy()
    moved[:3, 3] += off_mm
    image = replace(image, affine_mm=moved)
    if not says:
        assert tensor_conductivity(HEAD, image, TABLE).fallback_share < 0.1
        return
    with pytest.raises(InputError, match=says):
        tensor_conductivity(HEAD, image, TABLE)


def test_most_of_the_white_matter_needs_a_tensor(tmp_path):
    image = masked_ball(tmp_path)
    moved = image.affine_mm.copy()
    moved[2, 3] += 90
    with pytest.raises(InputError, match="of this head's white matter: it must be registered"):
        tensor_conductivity(HEAD, replace(image, affine_mm=moved), TABLE)
    inside_out = replace(image, components=np.zeros_like(image.components), broken=image.usable)
    with pytest.raises(InputError, match="only 0% of its tensors in this head's white matter are positive"):
        tensor_conductivity(HEAD, inside_out, TABLE)


def test_an_image_elsewhere_or_unknown_words_are_refused(image, tmp_path):
    moved = image.affine_mm.copy()
    moved[0, 3] += 900
    away = replace(image, affine_mm=moved)
    with pytest.raises(InputError, match="registered"):
        tensor_conductivity(HEAD, away, TABLE)
    with pytest.raises(InputError, match="anisotropy"):
        tensor_conductivity(HEAD, image, TABLE, "vm")
    with pytest.raises(InputError, match="there is no file"):
        DiffusionImage.read(tmp_path / "nowhere.nii.gz")
    (tmp_path / "text.nii").write_text("no image")
    with pytest.raises(InputError, match="not a NIfTI"):
        DiffusionImage.read(tmp_path / "text.nii")


def test_tensors_that_are_none_are_refused():
    with pytest.raises(InputError, match="symmetric"):
        ElementTensors(np.array([0]), np.array([[[1, 0.2, 0], [0, 1, 0], [0, 0, 1.0]]]))
    with pytest.raises(InputError, match="positive definite"):
        ElementTensors(np.array([0]), np.diag([1, -1, 1.0])[None])
    with pytest.raises(InputError, match="3 x 3"):
        ElementTensors(np.array([0, 1]), np.eye(3)[None])


@pytest.fixture
def dti_file(tmp_path):
    affine = affine_of(np.eye(3), (9.0, 11.0, 11.0), 1)
    return write(tmp_path / "dti.nii", grid_of(tensor(), affine, "fsl"), affine)


def test_what_is_asked_of_a_tensor_image_is_checked_first(dti_file, tmp_path):
    assert Anisotropy.of(None) is None
    assert Anisotropy.of(dti_file, "dir") == Anisotropy(dti_file, "dir", "fsl")
    for bad, words in (
        ((None, "dir"), "`dti=FILE`"),
        ((dti_file, "direct"), "anisotropy"),
        ((dti_file, "vn", "afni"), "tensor order"),
        ((tmp_path / "no.nii",), "there is no file"),
    ):
        with pytest.raises(InputError, match=words):
            Anisotropy.of(*bad)
    with pytest.raises(InputError, match="there is no file"):
        plan("colin27", dti=tmp_path / "no.nii", out=tmp_path / "out")
    with pytest.raises(InputError, match="give it with `dti=FILE`"):
        plan("colin27", dti_mapping="dir", out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_frame_of_a_tensor_image_is_asked_for_heeded_and_remembered(dti_file):
    assert "frame" not in Conduction.of(None, dti_file, frame="qform").parameters["anisotropy"]  # nothing to choose
    image = nib.load(dti_file)
    shifted = image.affine.copy()
    shifted[1, 3] += 4
    image.set_sform(shifted, 2)
    dti_file = dti_file.with_name("two.nii")
    nib.save(image, dti_file)
    with pytest.raises(InputError, match="say which is right with `frame="):
        Conduction.of(None, dti_file)
    asked = Conduction.of(None, dti_file, frame="sform")
    assert asked.parameters["anisotropy"]["frame"] == "sform"
    again = Conduction.recorded({"parameters": asked.parameters, "paths": {"dti": str(dti_file)}})
    assert again.anisotropy == asked.anisotropy
    assert DiffusionImage.read(dti_file, "fsl", "sform").affine_mm == pytest.approx(shifted)


@pytest.mark.slow
def test_the_dose_map_is_made_again_when_the_tensors_change(dti_file, tmp_path):
    subject = Subject("ball", tmp_path / "ball")
    head: Done = Done("mesh", "m", 0.0, lambda: HEAD)
    aimed: Done = Done("target", "t", 0.0, lambda: SimpleNamespace(target=Target.sphere([0, 0, 68], 15)))

    def run(anisotropy):
        conduction = Conduction(TABLE, anisotropy)
        return subject.run(
            dose_map_stage(study_of(head, aimed, conductor=conduction.conductor(HEAD), conduction=conduction))
        )

    with subject.locked():
        plain, fibres = run(None), run(Anisotropy(dti_file))
        assert fibres.digest != plain.digest
        assert run(Anisotropy(dti_file)).reused
        assert not run(Anisotropy(dti_file, "dir")).reused
        turned = nib.load(dti_file).get_fdata()[..., [3, 1, 4, 0, 2, 5]]  # x and y change places
        write(dti_file, turned, nib.load(dti_file).affine)
        assert not run(Anisotropy(dti_file, "dir")).reused
        assert not run(None).reused
        assert run(None).reused
    assert Anisotropy(dti_file).words(Anisotropy(dti_file).tensors(HEAD, TABLE)).startswith("volume-normalised")


def test_simnibs_is_not_given_a_head_with_tensors():
    from targeting.engines.simnibs import tissue_conductivities

    assert tissue_conductivities(HeadConductor(HEAD))[1] == TABLE["wm"]
    with pytest.raises(InputError, match="embedded"):
        tissue_conductivities(HeadConductor(HEAD, tensors=random_tensors()))
