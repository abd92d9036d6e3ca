"""MRIs are read whichever way their axes run, and refused in one line when they cannot be used."""

import gzip
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from nibabel.orientations import apply_orientation, axcodes2ornt, inv_ornt_aff, io_orientation, ornt_transform

from meshes import InputError
from meshes.mri import read_mri, read_volume, save_canonical
from meshes.segmentation.whole_head import check_whole_head, coarse, head_mask, skull_dip
from meshes.world import frames_apart_mm

TEMPLATES = Path("/usr/share/mricron/templates")  # Debian package mricron-data
AFFINE = np.array([[1.2, 0, 0, -70.0], [0, 1.3, 0, -90], [0, 0, 1.4, -60], [0, 0, 0, 1]])


def template(name):
    path = TEMPLATES / name
    if not path.exists():
        pytest.skip(f"{name} of Debian's mricron-data is not installed")
    return path


def ball_mri(scalp=True, noise=1.0, size=(170, 190, 190)):
    """A made-up T1: brain, dark skull, bright scalp, and a neck that leaves the volume below."""
    x, y, z = np.ogrid[: size[0], : size[1], : size[2]]
    radius = np.sqrt((x - 82.0) ** 2 + (y - 98.0) ** 2 + (z - 100.0) ** 2)
    image = np.where(radius < 66, 90.0, 0)
    image[radius < 40] = 120
    if scalp:
        image[(radius > 74) & (radius < 80)] = 110
        neck = ((x - 82.0) ** 2 + (y - 90.0) ** 2 < 50**2) & (z < 60) & (radius >= 80)
        image[neck] = 100
    image[40:60, 90:100, 100:110] = 70  # only on the left
    return np.abs(image + np.random.default_rng(0).normal(0, noise, size)).astype(np.float32)


def save(path, data, sform=AFFINE, qform=None, codes=(1, 0)):
    image = nib.Nifti1Image(data, None)
    image.set_sform(sform, codes[0])
    image.set_qform(sform if qform is None else qform, codes[1])
    nib.save(image, path)
    return path


@pytest.mark.parametrize("axes", ["RAS", "LPI", "ASR", "PIL", "SRP", "IAR"])
def test_any_axis_order_gives_the_same_voxels_and_world(tmp_path, axes):
    data = np.random.default_rng(1).random((9, 10, 11)).astype(np.float32)
    turn = ornt_transform(io_orientation(AFFINE), axcodes2ornt(axes))
    turned, affine = apply_orientation(data, turn), AFFINE @ inv_ornt_aff(turn, data.shape)
    assert "".join(nib.aff2axcodes(affine)) == axes
    read = read_volume(save(tmp_path / "t1.nii.gz", turned, affine))
    np.testing.assert_array_equal(read.data, data)
    np.testing.assert_allclose(read.affine_mm, AFFINE, atol=1e-5)
    save_canonical(read, tmp_path / "again.nii")
    again = read_volume(tmp_path / "again.nii")
    np.testing.assert_array_equal(again.data, data)
    np.testing.assert_allclose(again.affine_mm, AFFINE, atol=1e-4)


def test_a_voxel_keeps_its_place_in_the_world_when_the_head_is_tilted(tmp_path):
    angle = np.deg2rad(20)
    tilt = np.array([[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]])
    affine = AFFINE.copy()
    affine[:3, :3] = tilt @ AFFINE[:3, :3][:, [1, 2, 0]] @ np.diag([1, -1, 1])
    data = np.zeros((9, 10, 11), np.float32)
    data[2, 3, 4] = 1
    read = read_volume(save(tmp_path / "t1.nii", data, affine))
    np.testing.assert_allclose(read.affine_mm @ [*np.argwhere(read.data == 1)[0], 1], affine @ [2, 3, 4, 1], atol=1e-4)


def test_a_trailing_single_axis_is_fine(tmp_path):
    assert read_volume(save(tmp_path / "t1.nii", np.ones((9, 10, 11, 1), np.float32))).data.shape == (9, 10, 11)


BAD_FILES = {
    "missing": (lambda p: None, "there is no file"),
    "folder": (lambda p: p.mkdir(), "is not a file"),
    "empty": (lambda p: p.write_bytes(b""), "is empty"),
    "text": (lambda p: p.write_text("hello" * 200), "not a NIfTI file"),
    "gzipped text": (lambda p: p.write_bytes(gzip.compress(b"hello" * 200)), "not a NIfTI file"),
    "4D": (lambda p: save(p, np.ones((9, 9, 9, 3), np.float32)), "4 dimensions"),
    "flat": (lambda p: save(p, np.ones((90, 90, 1), np.float32)), "only 90 x 90 x 1 voxels"),
}


@pytest.mark.parametrize("make, says", BAD_FILES.values(), ids=BAD_FILES)
def test_a_file_that_is_no_volume(tmp_path, make, says):
    path = tmp_path / "t1.nii.gz"
    make(path)
    with pytest.raises(InputError, match=says) as error:
        read_volume(path)
    assert "\n" not in str(error.value) and "t1.nii.gz" in str(error.value)


@pytest.mark.parametrize("name", ["t1.nii", "t1.nii.gz"])
@pytest.mark.parametrize("kept", [10, 200, 340, 2000, 0.5, 0.99])
def test_a_truncated_file(tmp_path, name, kept):
    path = save(tmp_path / name, np.random.default_rng(0).random((20, 20, 20)).astype(np.float32))
    content = path.read_bytes()
    path.write_bytes(content[: int(kept if kept > 1 else kept * len(content))])
    with pytest.raises(InputError, match=r"damaged"):
        read_volume(path)


def test_a_damaged_gz(tmp_path):
    path = save(tmp_path / "t1.nii.gz", np.random.default_rng(0).random((20, 20, 20)).astype(np.float32))
    content = bytearray(path.read_bytes())
    content[2000:2100] = bytes(100)
    path.write_bytes(bytes(content))
    with pytest.raises(InputError, match="damaged"):
        read_volume(path)


@pytest.mark.slow
@pytest.mark.parametrize("bad", [np.nan, -np.inf])
def test_values_that_are_no_numbers(tmp_path, bad):
    data = ball_mri()
    whole = read_mri(save(tmp_path / "t1.nii", data))
    data[:, :, 182:], data[2:5] = bad, bad  # where there is air, and out to the edge
    read = read_mri(save(tmp_path / "t1.nii", data))
    assert np.isfinite(read.data).all() and read.warnings == whole.warnings
    data[82:85, 98, 100] = bad
    with pytest.raises(InputError, match="voxels that are NaN or infinite, in the head, too"):
        read_mri(save(tmp_path / "t1.nii", data))


def test_an_image_of_one_value(tmp_path):
    with pytest.raises(InputError, match="same value everywhere"):
        read_mri(save(tmp_path / "t1.nii", np.full((50, 50, 50), 7, np.float32)))


def test_thick_slices(tmp_path):
    with pytest.raises(InputError, match=r"1.00 x 1.00 x 3.00 mm.*1.5 mm is the most"):
        read_mri(save(tmp_path / "t1.nii", ball_mri()[:, :, ::3], np.diag([1, 1, 3.0, 1])))


def test_sform_and_qform_must_agree_or_the_user_chooses(tmp_path):
    data = np.random.default_rng(1).random((9, 10, 11)).astype(np.float32)
    moved = AFFINE.copy()
    moved[1, 3] += 7
    path = save(tmp_path / "t1.nii", data, AFFINE, moved, (1, 1))
    with pytest.raises(InputError, match=r"disagree by 7.0 mm; say which is right with `frame=sform` or `frame=qform`"):
        read_volume(path)
    np.testing.assert_allclose(read_volume(path, "sform").affine_mm, AFFINE, atol=1e-5)
    np.testing.assert_allclose(read_volume(path, "qform").affine_mm, moved, atol=1e-4)
    only_s = save(tmp_path / "s.nii", data, AFFINE, moved, (1, 0))
    np.testing.assert_allclose(read_volume(only_s).affine_mm, AFFINE, atol=1e-5)
    np.testing.assert_allclose(read_volume(only_s, "qform").affine_mm, AFFINE, atol=1e-5)  # nothing to choose
    only_q = save(tmp_path / "q.nii", data, AFFINE, moved, (0, 1))
    np.testing.assert_allclose(read_volume(only_q).affine_mm, moved, atol=1e-4)
    with pytest.raises(InputError, match="neither sform nor qform"):
        read_volume(save(tmp_path / "n.nii", data, AFFINE, moved, (0, 0)))


def test_a_sheared_affine_is_refused(tmp_path):
    sheared = np.array([[1, 0.1, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    with pytest.raises(InputError, match="sheared"):
        read_volume(save(tmp_path / "t1.nii", np.zeros((9, 9, 9), np.float32), sheared))


def test_frames_apart_is_measured_at_the_far_corner():
    turned = np.eye(4)
    turned[:2, :2] = [[np.cos(0.01), -np.sin(0.01)], [np.sin(0.01), np.cos(0.01)]]
    assert frames_apart_mm(np.eye(4), turned, (101, 101, 11)) == pytest.approx(0.01 * 100 * 2**0.5, rel=1e-3)


@pytest.mark.slow
def test_a_whole_head_passes_and_a_brain_does_not():
    assert check_whole_head(ball_mri(), np.ones(3), "t1") == ()
    with pytest.raises(InputError, match="brain-extracted"):
        check_whole_head(ball_mri(scalp=False), np.ones(3), "t1")
    with pytest.raises(InputError, match="too little for a head"):
        check_whole_head(ball_mri()[:60, :60], np.ones(3), "t1")
    block = np.full((24, 32, 40), 100, np.float32)  # of one shade but for a bright part, which alone is looked at
    block[12:, :16, 20:] = 900
    with pytest.raises(InputError, match="shows 0 ml of tissue"):
        check_whole_head(block, np.ones(3), "t1")


@pytest.mark.slow
@pytest.mark.parametrize("noise", [0.0, 4.0, 8.0])
@pytest.mark.parametrize(
    "cut, side",
    [
        (np.s_[:, :, :165], "top"),
        (np.s_[15:], "left"),
        (np.s_[:-20], "right"),
        (np.s_[:, 33:], "back"),
        (np.s_[:, :-30], "front"),
    ],
)
def test_scalp_cut_off_the_brain_is_refused(cut, side, noise):
    with pytest.raises(InputError, match=f"scalp over the brain is cut at the {side}"):
        check_whole_head(ball_mri(noise=noise)[cut], np.ones(3), "t1")


def test_a_top_cut_before_the_image_was_padded_is_refused():
    image = ball_mri(noise=0.0)
    image[:, :, 160:] = 0
    with pytest.raises(InputError, match="cut at the top"):
        check_whole_head(image, np.ones(3), "t1")


@pytest.mark.slow
def test_the_real_t1_passes_with_warnings_and_keeps_its_frame():
    read = read_mri(template("ch2.nii.gz"))
    assert len(read.warnings) == 3
    assert "names a template's space (NIfTI code 4)" in read.warnings[0]
    assert "clips the head at the left, right, front (ears, nose or neck)" in read.warnings[1]
    assert "neck is missing" in read.warnings[2]
    np.testing.assert_array_equal(read.affine_mm[:3, 3], [-90, -125, -71])
    assert read.data.shape == (181, 217, 181)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["ch2bet.nii.gz", "ch2better.nii.gz"])
def test_real_brain_extracted_images_are_refused(name):
    with pytest.raises(InputError, match="brain-extracted"):
        read_mri(template(name))


@pytest.mark.parametrize("cut", [np.s_[:, :, :-15], np.s_[15:], np.s_[:-15], np.s_[:, 20:], np.s_[:, :-20]])
def test_the_real_t1_with_its_scalp_cut_is_refused(cut):
    with pytest.raises(InputError, match="scalp over the brain is cut"):
        check_whole_head(read_volume(template("ch2.nii.gz")).data[cut], np.ones(3), "t1")


@pytest.mark.slow
def test_the_skull_is_what_tells_a_head_from_a_brain():
    dips = []
    for scalp in (True, False):
        image, size_mm, _ = coarse(ball_mri(scalp), np.ones(3))
        dips.append(skull_dip(image, head_mask(image), size_mm))
    assert dips[0] < 0.4 and dips[1] > 0.95
