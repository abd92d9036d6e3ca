"""Tissues on disk, labels that come in, and the embedded head."""

import hashlib
import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from nibabel.orientations import apply_orientation, axcodes2ornt, inv_ornt_aff, io_orientation, ornt_transform
from small_heads import small_head

from meshes import InputError, Tissue
from meshes.formats.tissue_files import (
    DATA,
    TISSUE_OF_CODE,
    embedded_head,
    embedded_path,
    load_provenance,
    load_tissues,
    rounded_fields,
    save_tissues,
    tissues_from_labels,
)
from meshes.segmentation import cleaning, tissue_fields
from meshes.tissues import Tissues


@pytest.fixture(scope="module")
def tissues():
    labels, _, affine = small_head((1.0, 1.2, 1.1))
    return Tissues(tissue_fields.fields_for(tissue_fields.one_hot(labels), labels, (1.0, 1.2, 1.1)), affine)


@pytest.mark.slow
@pytest.mark.parametrize("levels", [15, 63, 255])
def test_a_file_keeps_labels_layers_and_place(tissues, tmp_path, levels):
    path = tmp_path / "head.npz"
    save_tissues(tissues, path, levels, {"from": "a test"})
    read = load_tissues(path)
    np.testing.assert_array_equal(read.labels, tissues.labels)
    np.testing.assert_array_equal(read.affine_mm, tissues.affine_mm)
    assert load_provenance(path) == {"from": "a test"}
    seen = tissue_fields.splined_winners(read.fields)[0]
    assert cleaning.forbidden_contacts(seen) == 0
    sure = np.sort(tissues.fields, -1)[..., -1] < 1
    assert np.abs(read.fields - tissues.fields)[sure].mean() < 0.75 / levels
    volumes = np.bincount(tissues.labels.ravel(), minlength=7).astype(float)
    assert np.abs(tissue_fields.volume_offsets(read.fields, volumes)).max() < 0.75 / levels + 0.005


@pytest.mark.slow
def test_the_same_tissues_give_the_same_bytes(tissues, tmp_path):
    for name in ("a", "b"):
        save_tissues(tissues, tmp_path / f"{name}.npz", 15)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    assert len(list(tmp_path.iterdir())) == 2


def test_rounding_breaks_ties_for_the_label():
    fields = np.zeros((4, 4, 4, 7), np.float32)
    fields[..., 2] = 0.50
    fields[..., 5] = 0.51
    fields[0, 0, 0, 5] = 0.49
    steps, constants = rounded_fields(Tissues(fields, np.eye(4)), 15)
    again = (steps * 0.1 + constants).argmax(-1)
    assert again[0, 0, 0] == 2 and (again == 5).sum() == 63


def damaged(path, tissues):
    save_tissues(tissues, path, 15)
    path.write_bytes(path.read_bytes()[:2000])


@pytest.mark.slow
@pytest.mark.parametrize(
    "spoil, says",
    [
        (lambda p, t: None, "there is no tissue file"),
        (lambda p, t: p.write_bytes(b""), "damaged or not a tissue file"),
        (lambda p, t: p.write_text("hello"), "damaged or not a tissue file"),
        (lambda p, t: np.savez(p, a=1), "not a tissue file"),
        (damaged, "damaged or not a tissue file"),
    ],
)
def test_a_bad_tissue_file(tissues, tmp_path, spoil, says):
    path = tmp_path / "head.npz"
    spoil(path, tissues)
    with pytest.raises(InputError, match=says):
        load_tissues(path)


def save_labels(path, labels, affine):
    image = nib.Nifti1Image(labels, affine)
    image.set_sform(affine, 1)
    nib.save(image, path)
    return path


@pytest.mark.slow
@pytest.mark.parametrize("voxel_mm", [(1.0, 1.0, 1.0), (1.5, 0.7, 1.1)])
@pytest.mark.parametrize("axes", ["RAS", "PIL"])
def test_labels_come_in_with_their_volumes_and_closed_layers(tmp_path, voxel_mm, axes):
    labels, _, affine = small_head(voxel_mm, half_mm=44.5)  # no margin
    turn = ornt_transform(io_orientation(affine), axcodes2ornt(axes))
    turned = apply_orientation(labels, turn)
    path = save_labels(tmp_path / "labels.nii.gz", turned, affine @ inv_ornt_aff(turn, labels.shape))
    read = tissues_from_labels(path)
    np.testing.assert_allclose(read.voxel_mm, voxel_mm, rtol=1e-6)
    eye = np.argwhere(read.labels == Tissue.EYES).mean(0)
    np.testing.assert_allclose((read.affine_mm @ [*eye, 1])[:3], [-13, 36, 0], atol=1)  # on the left, in front
    seen = tissue_fields.splined_winners(read.fields)[0]
    assert cleaning.forbidden_contacts(seen) == 0
    given = np.bincount(labels.ravel(), minlength=7)[1:]
    np.testing.assert_allclose(np.bincount(read.labels.ravel(), minlength=7)[1:], given, rtol=0.01)
    still = tissue_fields.volume_offsets(read.fields, np.bincount(read.labels.ravel(), minlength=7).astype(float))
    assert np.abs(still).max() < 0.01
    for axis in range(3):  # the outside is all around
        assert not np.take(read.labels, [0, -1], axis).any()


@pytest.mark.slow
def test_simnibs_codes_become_the_six_tissues(tmp_path):
    labels, radius, affine = small_head()
    x = np.indices(labels.shape)[0] - 47.5
    codes = labels.copy()
    codes[(labels == 4) & (x > 0)] = 7
    codes[(labels == 4) & (x < 0) & (radius < 31)] = 8
    codes[(labels == 3) & (x > 20)] = 9
    codes[(labels == 5) & (x < -20)] = 10
    codes[(labels == 5) & (x > 20)] = 11
    codes[(labels == 5) & (x > 30)] = 12
    with_codes = tissues_from_labels(save_labels(tmp_path / "codes.nii.gz", codes, affine))
    plain = tissues_from_labels(save_labels(tmp_path / "plain.nii.gz", labels, affine))
    np.testing.assert_array_equal(with_codes.fields, plain.fields)
    assert set(TISSUE_OF_CODE) == set(range(13))


@pytest.mark.parametrize(
    "change, says",
    [
        (lambda a: np.where(a == 4, 13, a), "unknown tissue codes 13"),
        (lambda a: np.where(a == 4, np.int16(-1), a.astype(np.int16)), "unknown tissue codes -1"),
        (lambda a: a * np.float32(0.5), "not whole numbers"),
        (lambda a: np.where(a == 4, 3, a), "has no skull"),
        (lambda a: np.where(a == 5, 0, a), "has no scalp"),
        (lambda a: np.where(a < 3, 3, a), "has no white matter or grey matter"),
        (lambda a: np.stack([a, a], -1), "4 dimensions"),
    ],
)
def test_bad_labels_get_one_line(tmp_path, change, says):
    labels, _, affine = small_head()
    path = save_labels(tmp_path / "labels.nii.gz", change(labels), affine)
    with pytest.raises(InputError, match=says) as error:
        tissues_from_labels(path)
    assert "labels.nii.gz" in str(error.value) and "\n" not in str(error.value)


def test_thick_labels_are_refused(tmp_path):
    labels, _, _ = small_head()
    with pytest.raises(InputError, match=r"1.00 x 2.00 x 1.00 mm; 1.5 mm is the most"):
        tissues_from_labels(save_labels(tmp_path / "labels.nii.gz", labels[:, ::2], np.diag([1, 2, 1, 1.0])))


@pytest.mark.slow
def test_the_embedded_head_is_a_whole_head(colin27_tissues):
    labels = colin27_tissues.labels
    litres = np.bincount(labels.ravel(), minlength=7) / 1e6
    assert 0.45 < litres[1] < 0.7 and 0.7 < litres[2] < 1.0 and 0.4 < litres[3] < 0.6
    assert 0.5 < litres[4] < 0.8 and 1.1 < litres[5] < 1.6 and 0.01 < litres[6] < 0.016
    assert cleaning.forbidden_contacts(labels) == 0
    assert cleaning.forbidden_contacts(tissue_fields.splined_winners(colin27_tissues.fields)[0]) == 0
    np.testing.assert_array_equal(cleaning.bone_islands(labels), labels)  # the scalp is one piece


@pytest.mark.slow
def test_left_is_left_in_the_embedded_head(colin27_tissues):
    """Colin's left occipital pole reaches further back than his right one (occipital petalia)."""
    labels, affine = colin27_tissues.labels, colin27_tissues.affine_mm
    x, y, _ = affine[:3, :3] @ np.argwhere(np.isin(labels, (1, 2))).T + affine[:3, 3:]
    behind = y < -95
    assert (x[behind] < 0).sum() > 1.3 * (x[behind] > 0).sum() > 0
    assert (affine[:3, :3] @ np.argwhere(labels == 6).T + affine[:3, 3:])[1].min() > 30  # eyes in front


def test_the_embedded_head_lies_on_its_t1(colin27_tissues):
    t1 = Path("/usr/share/mricron/templates/ch2.nii.gz")
    if not t1.exists():
        pytest.skip("Colin27's T1 is not installed (Debian package mricron-data)")
    image = nib.load(t1)
    places = (
        colin27_tissues.affine_mm
        @ np.c_[np.argwhere(colin27_tissues.labels == 1), np.ones((colin27_tissues.labels == 1).sum())].T
    )
    spread = []
    for sign in (1, -1):  # as it is, and with left and right exchanged
        voxels = np.rint(np.linalg.inv(image.affine) @ (places * [[sign], [1], [1], [1]]))[:3].astype(int)
        voxels = np.clip(voxels, 0, np.array(image.shape)[:, None] - 1)
        spread.append(np.asarray(image.dataobj)[tuple(voxels)].std())
    assert spread[0] < 7 and spread[1] > 12  # white matter is of one brightness only where it is white matter


def test_the_embedded_file_is_small_and_says_where_it_comes_from():
    file = embedded_path("colin27")
    about = json.loads((DATA / "colin27.json").read_text())
    assert file.stat().st_size < 4e6
    assert about["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert about["segmentation"] == "samseg==0.4a0" and len(about["t1_sha256"]) == 64
    assert load_provenance(file).items() <= about.items()
    licence = (DATA / about["licence"]).read_text()
    assert "McConnell Brain Imaging Centre" in licence and "BSD" in licence


def test_an_unknown_built_in_head():
    with pytest.raises(InputError, match="no built-in head 'colin28'; there is: colin27"):
        embedded_head("colin28")
