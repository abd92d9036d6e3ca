"""One head however it is stored: axis orders, flips, oblique, cropped, other voxels, one frame or two: the same world.

Exact where only storage changed.  Where voxels are cut anew, mesh and search grid change, too, and an optimum is flat: the pose
found in one head must be as good as the other's own, to 2 % of the dose.
"""

import hashlib

import numpy as np
import phantom
import pytest
from scipy.spatial.transform import Rotation
from tensors import MAIN, six, tensor

from atlases import Target
from atlases.target import read_mask
from meshes import tetrahedralise
from meshes.formats.tissue_files import tissues_from_labels
from meshes.mri import read_volume, save_canonical
from meshes.world import frames_apart_mm
from targeting import Coil, search_tms
from targeting.fem import HeadConductor
from targeting.fem.anisotropy import DiffusionImage
from targeting.tes.optimise.network import sampled
from targeting.tms import DoseMap

LOBE_MM = phantom.MIDDLE_MM + phantom.LOBE_MM
HALF_MM = np.array([14.0, 17, 21])  # a box about the lobe: enough to tell orders apart
BOX = {"low_mm": LOBE_MM - HALF_MM, "high_mm": LOBE_MM + HALF_MM}
VOXEL_MM = (1.25, 1.5, 1.0)  # all different, and exact in single precision
TILT = Rotation.from_euler("xyz", [13, -9, 21], degrees=True).as_matrix()
NEARLY_HALF = Rotation.from_euler("xyz", [3, -2, 44.5], degrees=True).as_matrix()
AS_GOOD = 0.98  # of the best dose


@pytest.fixture(scope="module")
def labels():
    """The part of the phantom's labels that the quick tests store in all orders."""
    shape, affine = phantom.grid(VOXEL_MM, **BOX)
    affine[:3, 3] = np.round(affine[:3, 3] * 8) / 8  # exact in single precision, like the voxels
    return phantom.sampled(phantom.labels_at, shape, affine), affine


@pytest.fixture(scope="module")
def whole():
    """The whole phantom's labels."""
    shape, affine = phantom.grid()
    affine[:3, 3] = np.round(affine[:3, 3] * 8) / 8
    return phantom.sampled(phantom.labels_at, shape, affine), affine


def intensities(labels):
    """A T1 whose every voxel is its own."""
    return (labels * 40 + np.random.default_rng(1).random(labels.shape)).astype(np.float32)


def sha256(*arrays):
    return hashlib.sha256(b"".join(np.ascontiguousarray(each).tobytes() for each in arrays)).hexdigest()


def in_all_orders(values, affine):
    return [phantom.reordered(values, affine, order) for order in phantom.ORDERS]


def test_there_are_48_orders(labels):
    assert len({(values.shape, affine.tobytes()) for values, affine in in_all_orders(*labels)}) == 48


@pytest.mark.parametrize("codes", [(1, 1), (1, 0), (2, 1)], ids=["both", "sform", "aligned"])
def test_an_image_in_any_order_is_the_same_to_the_bit(labels, tmp_path, codes):
    """What everything after sees: voxels and world; so segmentation, mesher and registration are given the same."""
    data, affine = intensities(labels[0]), labels[1]
    found = set()
    for values, turned in in_all_orders(data, affine):
        read = read_volume(phantom.save(tmp_path / "t1.nii", values, turned, codes))
        assert np.array_equal(read.affine_mm, affine)
        found.add(sha256(read.data, read.affine_mm))
    assert found == {sha256(data, affine)}


def test_what_is_kept_of_an_image_in_any_order_is_the_same_file(labels, tmp_path):
    found = set()
    for values, turned in in_all_orders(intensities(labels[0]), labels[1]):
        save_canonical(read_volume(phantom.save(tmp_path / "t1.nii", values, turned)), tmp_path / "kept.nii")
        found.add(hashlib.sha256((tmp_path / "kept.nii").read_bytes()).hexdigest())
    assert len(found) == 1


@pytest.mark.parametrize("turn", [np.eye(3), TILT, NEARLY_HALF], ids=["upright", "tilted", "nearly 45"])
@pytest.mark.parametrize("codes", [(1, 1), (0, 1)], ids=["both", "qform"])
def test_an_image_turned_or_with_a_qform_only_is_the_same_to_what_a_header_can_say(tmp_path, turn, codes):
    shape, affine = phantom.grid(VOXEL_MM, turn=turn, **BOX)
    data = intensities(phantom.sampled(phantom.labels_at, shape, affine))
    for values, turned in in_all_orders(data, affine):
        read = read_volume(phantom.save(tmp_path / "t1.nii", values, turned, codes))
        assert np.array_equal(read.data, data)
        assert frames_apart_mm(read.affine_mm, affine, data.shape) < 2e-3  # a quaternion in single precision


@pytest.fixture(scope="module")
def small(whole, tmp_path_factory):
    """A head of half the size, to be quick: labels, affine and tissues."""
    labels, affine = whole[0][::2, ::2, ::2], np.diag([0.5, 0.5, 0.5, 1]) @ whole[1] @ np.diag([2, 2, 2, 1])
    return labels, affine, tissues_from_labels(phantom.save(tmp_path_factory.mktemp("small") / "l.nii", labels, affine))


def same_tissues(one, other):
    return sha256(one.fields, one.affine_mm) == sha256(other.fields, other.affine_mm)


@pytest.mark.slow
def test_labels_in_another_order_are_the_same_tissues(small, tmp_path):
    values, turned = phantom.reordered(*small[:2], phantom.ORDERS[22])
    assert same_tissues(tissues_from_labels(phantom.save(tmp_path / "turned.nii.gz", values, turned)), small[2])


@pytest.mark.slow
def test_empty_space_cut_off_changes_nothing(small, tmp_path):
    labels, affine, tissues = small
    used = np.argwhere(labels)
    low, high = used.min(0), used.max(0) + 1
    moved = affine.copy()
    moved[:3, 3] += affine[:3, :3] @ low
    cut = labels[low[0] :, low[1] : high[1], low[2] : high[2]]
    assert same_tissues(tissues_from_labels(phantom.save(tmp_path / "cut.nii", cut, moved)), tissues)


def test_a_mirrored_head_is_the_mirrored_tissues(small, tmp_path):
    labels, affine, one = small
    other = tissues_from_labels(phantom.save(tmp_path / "mirrored.nii", labels, np.diag([-1.0, 1, 1, 1]) @ affine))
    assert (other.labels[::-1] == one.labels).mean() > 0.9999
    assert not (other.labels == one.labels).all()
    first = one.affine_mm @ [len(one.labels) - 1, 0, 0, 1]
    np.testing.assert_allclose(other.affine_mm @ [0, 0, 0, 1], np.diag([-1.0, 1, 1, 1]) @ first, atol=1e-4)


def mask_points(path):
    return read_mask(path).points_mm


def test_a_mask_in_any_order_is_the_same_points(labels, tmp_path):
    mask = ((labels[0] == 2) * 3).astype(np.uint8)
    truth = np.argwhere(mask) @ labels[1][:3, :3].T + labels[1][:3, 3]
    truth = truth[np.lexsort(truth.T)]
    for values, affine in in_all_orders(mask, labels[1]):
        points = mask_points(phantom.save(tmp_path / "mask.nii", values, affine))
        np.testing.assert_array_equal(points[np.lexsort(points.T)], truth)


def test_a_map_in_any_order_has_the_same_values(labels, tmp_path):
    data, affine = intensities(labels[0]), labels[1]
    index = np.random.default_rng(2).uniform(1, np.array(data.shape) - 2, (200, 3))
    points = index @ affine[:3, :3].T + affine[:3, 3]
    truth = sampled(phantom.save(tmp_path / "map.nii", data, affine), points)
    assert np.ptp(truth) > 40
    for values, turned in in_all_orders(data, affine):
        found = sampled(phantom.save(tmp_path / "map.nii", values, turned), points)
        np.testing.assert_allclose(found, truth, rtol=1e-9)


@pytest.mark.parametrize("turn", [np.eye(3), TILT], ids=["upright", "tilted"])
@pytest.mark.parametrize("order", ["fsl", "mrtrix"])
def test_tensors_in_any_order_are_the_same_in_the_world(tmp_path, order, turn):
    """FSL's tensors are in the voxels' own axes (x turned where they are right-handed), MRtrix's in the world's."""
    shape, affine = phantom.grid((2.0, 2.25, 2.5), turn=turn, **BOX)
    strength = phantom.sampled(lambda points: 1 + 0.02 * (points - LOBE_MM) @ [1.0, 0.5, -0.25], shape, affine)
    world = strength[..., None, None] * tensor(MAIN)
    points = LOBE_MM + np.random.default_rng(5).uniform(-9, 9, (60, 3))
    factor = 1 + 0.02 * (points - LOBE_MM) @ [1.0, 0.5, -0.25]
    for axes in phantom.ORDERS:
        values, turned = phantom.reordered(world, affine, axes)
        if order == "fsl":
            frame = turned[:3, :3] / np.linalg.norm(turned[:3, :3], axis=0)
            frame = frame @ np.diag([-1 if np.linalg.det(frame) > 0 else 1, 1, 1])
            values = frame.T @ values @ frame
        path = phantom.save(tmp_path / "dti.nii", six(values, order).astype(np.float32), turned)
        found, there = DiffusionImage.read(path, order).at(points)
        assert there.all()
        np.testing.assert_allclose(found, factor[:, None, None] * tensor(MAIN), rtol=1e-3, atol=1e-7)


class Planned:
    """The road from a label image to the best pose, without the pages."""

    def __init__(self, path, target_mm):
        self.coil = Coil.named("figure8-70mm")
        conductor = HeadConductor(tetrahedralise(tissues_from_labels(path), "fast"))
        target = Target.sphere(target_mm, 10.0, side="left" if target_mm[0] < phantom.MIDDLE_MM[0] else "right")
        self.dose_map = DoseMap.build(conductor, target)
        found = search_tms(conductor, target, self.coil, dose_map=self.dose_map, radius_mm=35.0, keep=1)
        self.pose, self.best = found.poses[0], found.dose_v_per_m[0]

    def share(self, pose):
        """The dose of a pose over that of the best."""
        from targeting.coils.equivalent import searchable

        e = self.dose_map.mean_e_v_per_m(searchable(self.coil), pose[None], 1e6)[0]
        return np.linalg.norm(e) / self.best


@pytest.fixture(scope="module")
def plain(whole, tmp_path_factory):
    return Planned(phantom.save(tmp_path_factory.mktemp("plain") / "labels.nii", *whole), phantom.TARGET_MM)


@pytest.mark.slow
@pytest.mark.parametrize("way", ["other order", "cropped, qform only"])
def test_a_plan_of_a_head_stored_otherwise_is_the_same_to_the_bit(plain, whole, tmp_path, way):
    values, affine = whole
    codes = (1, 1)
    if way == "other order":
        values, affine = phantom.reordered(values, affine, phantom.ORDERS[29])
    else:
        low = np.argwhere(values).min(0)
        affine = affine.copy()
        affine[:3, 3] += affine[:3, :3] @ low
        values, codes = values[low[0] :, low[1] :, low[2] :], (0, 1)
    other = Planned(phantom.save(tmp_path / "labels.nii", values, affine, codes), phantom.TARGET_MM)
    assert np.array_equal(other.pose, plain.pose) and other.best == plain.best


@pytest.mark.slow
@pytest.mark.parametrize("way", ["oblique, qform only", "anisotropic"])
def test_a_plan_of_a_head_cut_into_other_voxels_is_as_good(plain, tmp_path, way):
    turn, voxel_mm, codes = (
        (TILT, (1.5, 1.5, 1.5), (0, 1)) if way.startswith("oblique") else (None, (1.0, 1.25, 1.5), (1, 1))
    )
    shape, affine = phantom.grid(voxel_mm, turn)
    labels = phantom.sampled(phantom.labels_at, shape, affine)
    other = Planned(phantom.save(tmp_path / "labels.nii", labels, affine, codes), phantom.TARGET_MM)
    assert other.best == pytest.approx(plain.best, rel=0.03)
    assert other.share(plain.pose) > AS_GOOD and plain.share(other.pose) > AS_GOOD
    assert np.linalg.norm(other.pose[:3, 3] - plain.pose[:3, 3]) < 25  # nowhere else on the head


@pytest.mark.slow
def test_a_mirrored_head_has_the_mirrored_plan(plain, whole, tmp_path):
    mirror = np.diag([-1.0, 1, 1, 1])
    labels, affine = whole
    other = Planned(phantom.save(tmp_path / "labels.nii", labels, mirror @ affine), phantom.TARGET_MM * [-1, 1, 1])
    assert other.best == pytest.approx(plain.best, rel=0.03)
    mirrored = mirror @ plain.pose @ mirror  # a coil symmetric about its handle, seen in the mirror
    assert other.share(mirrored) > AS_GOOD
    assert other.share(plain.pose) < 0.8 and other.pose[0, 3] * plain.pose[0, 3] < 0
