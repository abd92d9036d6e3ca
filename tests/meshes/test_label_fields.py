"""Labels finer than a mesh's edges: the same head on a grid of 0.8 mm, by volume, in a fraction of the memory."""

import tracemalloc

import numpy as np
import pytest

from meshes import Tissue
from meshes.segmentation.cleaning import forbidden_contacts, tidy_labels
from meshes.segmentation.label_fields import coarse_shares, coarse_voxel_mm, overlaps, tissues_of_labels
from meshes.segmentation.tissue_fields import LABEL_SOFTENING, fields_for, one_hot, splined_winners

RADII = {Tissue.WM: 17.0, Tissue.GM: 21.0, Tissue.CSF: 22.5, Tissue.SKULL: 26.0, Tissue.SCALP: 31.0}
MIDDLE_MM = np.array([0.13, 0.21, -0.17])  # on no voxel's edge


def ball(voxel_mm, radii=RADII, turn=None):
    """Nested spheres as labels, and their affine; the grid has odd and even counts and is not round the ball."""
    voxel_mm = np.broadcast_to(voxel_mm, 3)
    counts = np.ceil(2 * (max(radii.values()) + 8) / voxel_mm).astype(int) + np.arange(8, 11)
    affine = np.eye(4)
    affine[:3, :3] = (np.eye(3) if turn is None else turn) @ np.diag(voxel_mm)
    affine[:3, 3] = MIDDLE_MM - affine[:3, :3] @ ((counts - 1) / 2 + [3.3, -4.2, 2.1])
    places = np.moveaxis(np.indices(counts), 0, -1) @ affine[:3, :3].T + affine[:3, 3]
    radius = np.linalg.norm(places - MIDDLE_MM, axis=-1)
    labels = np.zeros(counts, np.uint8)
    for tissue, outer in sorted(radii.items(), reverse=True):
        labels[radius < outer] = tissue
    return labels, affine


def within_mm3(tissues, tissue):
    """The volume inside a tissue's outer surface, as the mesher sees it."""
    seen = splined_winners(tissues.fields)[0]
    return float(((seen > 0) & (seen <= tissue)).sum() * np.prod(tissues.voxel_mm))


@pytest.mark.slow
@pytest.mark.parametrize("voxel_mm", [0.5, (0.5, 0.9, 0.4), 1.0])
def test_nested_spheres_keep_their_volumes(voxel_mm):
    tissues = tissues_of_labels(*ball(voxel_mm))
    assert (tissues.voxel_mm >= 0.79).all()
    for tissue in (Tissue.WM, Tissue.GM, Tissue.SKULL):  # the CSF, 1.5 mm, is closed to a voxel at least
        true = 4 / 3 * np.pi * RADII[tissue] ** 3
        assert within_mm3(tissues, tissue) == pytest.approx(true, rel=0.005), tissue  # 0.03 mm of radius
    thickness = within_mm3(tissues, Tissue.CSF) / (4 / 3 * np.pi * RADII[Tissue.CSF] ** 3)
    assert 0.995 < thickness < 1.03
    assert forbidden_contacts(splined_winners(tissues.fields)[0]) == 0


@pytest.mark.slow
def test_what_lies_off_the_middle_of_the_grid_stays_there():
    turn = np.array([[0.0, -1, 0], [0.96, 0, -0.28], [0.28, 0, 0.96]])  # oblique, other axes first
    labels, affine = ball(0.5, turn=turn)
    tissues = tissues_of_labels(labels, affine)
    seen = splined_winners(tissues.fields)[0]
    for tissue in (Tissue.WM, Tissue.SCALP):
        places = [
            matrix[:3, :3] @ np.argwhere(codes == tissue).mean(0) + matrix[:3, 3]
            for codes, matrix in ((seen, tissues.affine_mm), (labels, affine))
        ]
        assert places[0] == pytest.approx(places[1], abs=0.05)


@pytest.mark.slow
def test_layers_thinner_than_a_voxel_stay_closed():
    thin = {Tissue.WM: 17.0, Tissue.GM: 20.0, Tissue.CSF: 20.5, Tissue.SKULL: 23.0, Tissue.SCALP: 27.0}
    tissues = tissues_of_labels(*ball(0.5, thin))
    seen = splined_winners(tissues.fields)[0]
    assert forbidden_contacts(seen) == 0
    added = within_mm3(tissues, Tissue.CSF) - within_mm3(tissues, Tissue.GM)
    assert added / (4 * np.pi * 20.25**2) < 1.3  # mm thick: what 0.8 mm voxels can hold closed, not two of them
    for tissue in (Tissue.WM, Tissue.SKULL):
        assert within_mm3(tissues, tissue) == pytest.approx(4 / 3 * np.pi * thin[tissue] ** 3, rel=0.006)


@pytest.mark.slow
@pytest.mark.parametrize("voxel_mm", [0.8, (1.0, 0.7, 1.2)])
def test_usual_voxels_are_left_as_they_are(voxel_mm):
    labels, affine = ball(voxel_mm)
    tissues = tissues_of_labels(labels, affine)
    tidy = tidy_labels(labels, np.linalg.norm(affine[:3, :3], axis=0))
    plain = fields_for(one_hot(tidy), tidy, np.linalg.norm(affine[:3, :3], axis=0), LABEL_SOFTENING)
    np.testing.assert_array_equal(tissues.fields, plain)
    np.testing.assert_array_equal(tissues.affine_mm, affine)


@pytest.mark.slow
def test_finer_labels_take_no_more_memory_than_the_coarse_grid():
    labels, affine = ball(0.4)
    tracemalloc.start()
    try:
        tissues = tissues_of_labels(labels, affine)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert labels.size > 7 * tissues.labels.size
    assert (
        peak < 10 * tissues.fields.nbytes
    )  # the fields of the labels' own grid alone would be 8 of these, and 50 in all


def test_shares_are_volumes():
    labels, affine = ball(0.5)
    shares, moved = coarse_shares(labels, affine, coarse_voxel_mm([0.5, 0.5, 0.5]))
    np.testing.assert_allclose(shares.sum(-1), 1, atol=1e-5)
    fine = np.bincount(labels.ravel(), minlength=7)[1:] * 0.5**3
    np.testing.assert_allclose(shares[..., 1:].sum((0, 1, 2), dtype=float) * 0.8**3, fine, rtol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(moved[:3, :3], axis=0), 0.8)
    assert overlaps(10, 0.5, 7, 0.8).sum() == pytest.approx(10 * 0.5 / 0.8)
