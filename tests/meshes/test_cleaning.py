"""Closed layers, step by step, on a small head with the faults that segmentations have."""

import numpy as np
import pytest
import scipy.ndimage as ndi
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from small_heads import small_head

from meshes import Tissue
from meshes.segmentation import cleaning, morphology, tissue_fields
from meshes.segmentation.head_grid import HeadGrid

VOXELS = [(1.0, 1.0, 1.0), (0.8, 1.5, 1.2)]


def pieces(mask):
    return ndi.label(mask)[1]


@pytest.fixture(params=VOXELS, ids=["1 mm", "anisotropic"])
def head(request):
    labels, radius, _ = small_head(request.param)
    return labels, radius, request.param


def volumes_ml(labels, voxel_mm):
    return np.bincount(labels.ravel(), minlength=7) * np.prod(voxel_mm) / 1000


@settings(max_examples=20, deadline=None)
@given(
    voxel=st.tuples(*[st.floats(0.5, 1.5)] * 3),
    radius=st.floats(1.0, 4.0),
)
def test_morphology_is_in_millimetres(voxel, radius):
    size = [int(24 / v) | 1 for v in voxel]
    middle = np.array(size) // 2
    mask = np.zeros(size, bool)
    mask[tuple(middle)] = True
    away = np.linalg.norm((np.indices(size) - middle[:, None, None, None]) * np.reshape(voxel, (3, 1, 1, 1)), axis=0)
    grown = morphology.dilate(mask, radius, voxel)
    np.testing.assert_array_equal(grown, away <= radius + 0.01)
    assert morphology.erode(morphology.dilate(grown, 3.0, voxel), 3.0, voxel)[tuple(middle)]
    assert not morphology.erode(grown, radius + max(voxel), voxel).any()


def test_closing_fills_gaps_and_does_not_stick_to_the_edge_of_the_grid():
    mask = np.zeros((12, 12, 12), bool)
    mask[:5], mask[7:] = True, True  # a gap of 2 mm, and the mask runs into the edge
    assert morphology.close_gaps(mask, 2.0, (1, 1, 1))[:, 2:-2, 2:-2].all()
    mask[:] = False
    mask[0, 6, 6] = True
    np.testing.assert_array_equal(morphology.close_gaps(mask, 3.0, (1, 1, 1)), mask)


def test_opening_drops_threads_and_keeps_bodies():
    mask = np.zeros((30, 30, 30), bool)
    mask[5:15, 5:15, 5:15] = True
    mask[10, 10, 15:25] = True
    opened = morphology.drop_thin(mask, 1.0, (1, 1, 1))
    assert opened[10, 10, 10] and not opened[10, 10, 20]


def test_specks_take_their_surroundings():
    labels, _, _ = small_head()
    labels[60:63, 48, 48] = Tissue.SKULL
    clean = morphology.without_specks(labels, {4: 300.0}, (1, 1, 1))
    assert set(np.unique(clean[60:63, 48, 48])) <= {Tissue.WM}
    assert (clean != labels).sum() == 3


@pytest.mark.slow
def test_a_good_head_is_hardly_changed(head):
    labels, _, voxel = head
    clean = cleaning.clean_labels(labels, voxel)
    before, after = volumes_ml(labels, voxel), volumes_ml(clean, voxel)
    np.testing.assert_allclose(after[1:], before[1:], rtol=0.08)
    assert clean[labels == Tissue.EYES].mean() > 5.5
    assert cleaning.forbidden_contacts(clean) == 0


@pytest.mark.slow
def test_every_fault_is_mended(head):
    labels, radius, voxel = head
    x = np.arange(labels.shape[0])[:, None, None] * voxel[0] - 48
    y = np.arange(labels.shape[1])[None, :, None] * voxel[1] - 48
    labels[(radius > 24) & (radius < 36) & (np.hypot(x, y) < 5)] = Tissue.GM  # brain through CSF and skull
    labels[(radius > 29) & (radius < 36.5) & (np.hypot(x - 20, y) < 6)] = Tissue.SCALP  # a hole in the skull
    labels[(radius > 32) & (radius < 35) & (np.hypot(x, y + 33) < 6)] = Tissue.OUTSIDE  # a sinus
    labels[(radius > 5) & (radius < 7)] = Tissue.CSF
    labels[2:4, 2:4, 2:4] = Tissue.SCALP  # noise in the air
    assert cleaning.forbidden_contacts(labels) > 0
    clean = cleaning.clean_labels(labels, voxel)
    assert cleaning.forbidden_contacts(clean) == 0
    np.testing.assert_array_equal(cleaning.close_layers(clean, voxel), clean)
    assert [pieces(clean == tissue) for tissue in (0, 1, 4, 5)] == [1, 1, 1, 1]
    assert clean[2, 2, 2] == 0
    assert not (clean[(radius < 41)] == 0).any()


@pytest.mark.slow
def test_a_head_cut_by_the_image_is_closed_over_the_cut():
    labels, _, affine = small_head()
    grid = HeadGrid.around((labels > 0)[:, :, 30:], affine)  # cut 18 mm below the middle
    cut = grid.take(labels[:, :, 30:])
    clean = cleaning.clean_labels(cut, (1, 1, 1))
    assert cleaning.forbidden_contacts(clean) == 0
    assert pieces(clean == Tissue.SCALP) == 1
    lowest = {tissue: np.argwhere(clean == tissue)[:, 2].min() for tissue in (2, 3, 4, 5)}
    assert lowest[5] < lowest[4] < lowest[3] < lowest[2]
    assert lowest[5] - 8 <= 1


def test_air_takes_the_tissue_of_its_wall():
    labels, radius, _ = small_head()
    x = np.indices(labels.shape)[0] - 47.5
    in_bone = (radius > 32) & (radius < 35) & (x > 25)
    in_flesh = (radius > 39) & (radius < 42) & (x < -33)
    labels[in_bone | in_flesh] = 0
    filled = cleaning.without_air(labels, cleaning.head_mask(labels, (1, 1, 1)), (1, 1, 1))
    assert (filled[in_bone] == Tissue.SKULL).all()
    assert (filled[in_flesh] == Tissue.SCALP).all()


def test_flesh_locked_in_bone_becomes_bone():
    labels, radius, _ = small_head()
    x = np.indices(labels.shape)[0] - 47.5
    marrow = (radius > 31.5) & (radius < 34) & (x > 28)
    labels[marrow] = Tissue.SCALP
    assert (cleaning.bone_islands(labels)[marrow] == Tissue.SKULL).all()


def test_layers_are_at_least_a_millimetre_where_voxels_are_small():
    labels = np.full((40, 8, 8), Tissue.SKULL, np.uint8)
    labels[:20] = Tissue.GM
    closed = cleaning.close_layers(labels, (0.5, 0.5, 0.5))
    assert (closed[20:22] == Tissue.CSF).all() and (closed[22:] == Tissue.SKULL).all()


def test_tidy_labels_leave_a_good_head_alone(head):
    labels, _, voxel = head
    tidy = cleaning.tidy_labels(labels, voxel)
    assert (tidy != labels).mean() < 1e-3
    assert cleaning.forbidden_contacts(tidy) == 0


def test_the_head_grid_adds_what_the_image_lacks():
    image = np.zeros((10, 12, 14, 2))
    image[0:4, 5:9, 10:14] = [1, 2]
    affine = np.array([[0, -2.0, 0, 5], [1, 0, 0, -7], [0, 0, 1, 3], [0, 0, 0, 1]])
    grid = HeadGrid.around(image[..., 0] > 0, affine, margin_mm=2.0)
    box = grid.take(image, np.array([9.0, 9.0]))
    assert box.shape == (8, 6, 8, 2)  # 2 voxels of margin, but 1 along the axis whose voxels are 2 mm
    assert (box[:2] == 9).all() and (box[:, :, -2:] == 9).all() and (box[2:6, 1:5, 2:6] == [1, 2]).all()
    np.testing.assert_allclose(grid.affine_mm @ [2, 1, 2, 1], affine @ [0, 5, 10, 1])


def blurred(labels, sigma=0.8):
    return np.stack([ndi.gaussian_filter((labels == tissue).astype(np.float32), sigma) for tissue in range(7)], -1)


def test_the_spline_seen_here_is_the_mesher_s():
    fields = np.random.default_rng(0).random((7, 8, 9, 7)).astype(np.float32)
    kernel = np.array([0.125, 0.75, 0.125])
    splined = fields
    for axis in range(3):
        splined = ndi.convolve1d(splined, kernel, axis, mode="nearest")
    winner, lead = tissue_fields.splined_winners(fields)
    np.testing.assert_array_equal(winner, splined.argmax(-1))
    top = np.sort(splined, -1)
    np.testing.assert_allclose(lead, top[..., -1] - top[..., -2], atol=1e-6)


@pytest.mark.slow
def test_a_spline_in_octants_keeps_constants_and_slopes():
    x, y, z = np.indices((5, 5, 5)).astype(np.float32)
    fields = np.stack([x, y, z, np.ones_like(x), x, y, z], -1)
    octants = tissue_fields._spline_in_octants(fields, np.array([[2, 1, 3]]))
    np.testing.assert_allclose(octants[0, :4], [1.75, 0.75, 2.75, 1], atol=1e-6)
    np.testing.assert_allclose(octants[1, :4], [1.75, 0.75, 3.25, 1], atol=1e-6)
    np.testing.assert_allclose(octants[7, :4], [2.25, 1.25, 3.25, 1], atol=1e-6)


def test_posteriors_give_way_to_the_cleaned_labels_only_where_they_disagree():
    labels, _, _ = small_head()
    posteriors = blurred(labels)
    posteriors[40:44, 48, 48] = np.eye(7, dtype=np.float32)[Tissue.CSF]
    out = tissue_fields.agreeing(posteriors, labels)
    changed = (out != posteriors).any(-1)
    np.testing.assert_array_equal(changed, posteriors.argmax(-1) != labels)
    np.testing.assert_array_equal(out.argmax(-1), labels)


def test_faint_second_opinions_are_dropped_far_from_their_tissue():
    labels, radius, _ = small_head()
    fields = blurred(labels) * 0.9 + 0.1
    out = tissue_fields.confined(fields, labels)
    assert out[..., Tissue.WM][radius > 23].max() == 0
    assert out[..., Tissue.CSF][labels == Tissue.SCALP].max() == 0
    assert out[..., Tissue.SKULL][np.isin(labels, cleaning.BRAIN)].max() == 0
    inner = labels == Tissue.WM
    np.testing.assert_array_equal(out[inner][:, Tissue.WM], fields[inner][:, Tissue.WM])


@pytest.mark.slow
def test_fields_keep_layers_volumes_and_labels(head):
    labels, _, voxel = head
    labels = cleaning.tidy_labels(labels, voxel)
    fields = tissue_fields.fields_for(tissue_fields.one_hot(labels), labels, voxel, 0.6)
    seen = tissue_fields.splined_winners(fields)[0]
    assert cleaning.forbidden_contacts(seen) == 0
    assert (tissue_fields.winners(fields) != labels).mean() < 2e-3
    volumes = np.bincount(labels.ravel(), minlength=7).astype(float)
    still_needed = tissue_fields.volume_offsets(fields, volumes)
    assert np.abs(still_needed).max() < 0.01


@pytest.mark.slow
def test_volume_offsets_restore_volumes_that_blurring_took():
    labels, _, _ = small_head()
    fields = blurred(labels, 1.5)  # takes CSF, a shell of 2 mm
    volumes = np.bincount(labels.ravel(), minlength=7).astype(float)

    def error(f):  # counted apart from the code, on a grid four times finer
        finer = np.stack([ndi.zoom(f[24:72, 24:72, 24:72, c], 3, order=1, mode="nearest") for c in range(7)], -1)
        count = np.bincount(finer.argmax(-1).ravel(), minlength=7) / 27 / (48**3)
        part = np.bincount(labels[24:72, 24:72, 24:72].ravel(), minlength=7) / 48**3
        return np.abs(count / np.maximum(part, 1e-9) - 1)[[1, 2, 3]].max()

    mended = fields + tissue_fields.volume_offsets(fields, volumes)
    assert error(fields) > 0.1
    assert error(mended) < 0.3 * error(fields)


@settings(max_examples=30, deadline=None)
@given(arrays(bool, st.tuples(*[st.integers(1, 7)] * 3)))
def test_growing_by_shifts_is_morphology(mask):
    edges = ndi.generate_binary_structure(3, 2)
    assert (morphology.through_edges(mask) == ndi.binary_dilation(mask, edges)).all()
    assert (morphology.without_rim(mask) == ndi.binary_erosion(mask, ndi.generate_binary_structure(3, 1))).all()
