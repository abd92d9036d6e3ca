"""Every image passes one opener and one reader of its world: what is clear is read, what is not is refused in one line."""

import gzip
import struct

import nibabel as nib
import numpy as np
import pytest

from atlases.aim import resolve_target
from atlases.target import read_mask
from atlases.warp import MniWarp
from meshes.errors import InputError
from meshes.formats.freesurfer import scanner_from_volume
from meshes.formats.tissue_files import tissues_from_labels
from meshes.images import files_of, identity, open_nifti
from meshes.mri import read_volume
from meshes.segmentation.whole_head import check_air
from meshes.world import check_own_space, world_of
from targeting.fem.anisotropy import DiffusionImage
from targeting.navigation.visor2 import ImageFingerprint
from targeting.networks.network_map import NetworkMap
from targeting.study.aim import Aim
from targeting.study.head_source import HeadSource, OwnWorld
from targeting.study.head_stages import segment_stage
from targeting.subject import Subject
from targeting.tes.optimise.network import sampled

AFFINE = np.array([[-1.2, 0, 0, 70.0], [0, 1.3, 0, -90], [0, 0, 1.4, -60], [0, 0, 0, 1]])  # x runs from right to left
SHIFTED = AFFINE + np.array([[0, 0, 0, 0], [0, 0, 0, 5.0], [0, 0, 0, 0], [0, 0, 0, 0]])
LFS = f"version https://git-lfs.github.com/spec/v1\noid sha256:{0:064d}\nsize 9123456\n"


def spot(shape=(12, 13, 14)):
    data = np.zeros(shape, np.float32)
    data[2:4, 3, 4] = 1
    return data


def save(path, data=None, sform=AFFINE, qform=AFFINE, codes=(1, 1), unit="mm", kind=nib.Nifti1Image):
    image = kind(spot() if data is None else data, None)
    image.set_sform(sform, codes[0])
    image.set_qform(qform, codes[1])
    image.header.set_xyzt_units(unit)
    nib.save(image, path)
    return path


def patched(path, at, block):
    """The file with bytes of its header replaced."""
    content = bytearray(path.read_bytes())
    content[at : at + len(block)] = block
    path.write_bytes(bytes(content))
    return path


def refusal(read, *arguments):
    with pytest.raises(InputError) as error:
        read(*arguments)
    assert "\n" not in str(error.value)
    return str(error.value)


READERS = {
    "volume": read_volume,
    "mask": read_mask,
    "labels": tissues_from_labels,
    "map": lambda path: NetworkMap.of(str(path)),
    "map in MNI152": lambda path: NetworkMap.of(f"mni:{path}"),
    "sampled map": lambda path: sampled(path, np.zeros((2, 3))),
    "fingerprint": ImageFingerprint.of,
}
OF_A_PLACE = [name for name in READERS if name != "fingerprint"]

NOT_FETCHED = {
    "Git LFS": (LFS.encode(), "is a Git LFS pointer"),
    "git-annex": (b"/annex/objects/SHA256E-s9--0.nii.gz\n", "is a git-annex pointer"),
    "empty": (b"", "is empty"),
    "DICOM": (bytes(128) + b"DICM" + bytes(300), "but a DICOM file"),
    "web page": (b"<!DOCTYPE html><html>" + b" " * 400, "but a web page"),
    "text": (b"not an image " * 60, "is not a NIfTI file"),
    "packed text": (gzip.compress(b"not an image " * 60), "is not a NIfTI file"),
    "packed and cut": (gzip.compress(np.random.default_rng(0).bytes(4000))[:300], "truncated"),
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("what", NOT_FETCHED)
def test_what_is_no_image_is_named_whoever_reads_it(tmp_path, reader, what):
    content, says = NOT_FETCHED[what]
    path = tmp_path / "image.nii.gz"
    path.write_bytes(content)
    said = refusal(READERS[reader], path)
    assert says in said and str(path) in said


@pytest.mark.parametrize("reader", READERS)
def test_freesurfers_volume_under_another_name(tmp_path, reader):
    nib.save(nib.MGHImage(spot(), AFFINE), tmp_path / "T1.mgz")
    path = (tmp_path / "T1.mgz").rename(tmp_path / "T1.nii.gz")
    assert "but FreeSurfer's .mgz" in refusal(READERS[reader], path)


@pytest.mark.parametrize("reader", OF_A_PLACE)
def test_complex_values_and_colours(tmp_path, reader):
    assert "complex values" in refusal(READERS[reader], save(tmp_path / "c.nii", spot().astype(np.complex64)))
    colours = np.zeros((9, 9, 9), np.dtype([("R", "u1"), ("G", "u1"), ("B", "u1")]))
    assert "colour values" in refusal(READERS[reader], save(tmp_path / "rgb.nii", colours))


PLACELESS = {
    "no code": (lambda p: save(p, codes=(0, 0)), "neither sform nor qform"),
    "no voxel size": (lambda p: patched(save(p, codes=(0, 1)), 80, bytes(12)), "gives no voxel size"),
    "one size missing": (lambda p: patched(save(p, codes=(0, 1)), 84, bytes(4)), "gives no voxel size"),
    "a size that is no number": (
        lambda p: patched(save(p, codes=(0, 1)), 80, struct.pack("<f", np.nan)),
        "gives no voxel size",
    ),
    "singular": (lambda p: save(p, sform=AFFINE * [[0, 1, 1, 1]], codes=(1, 0)), "singular sform"),
    "sheared": (lambda p: save(p, sform=AFFINE + np.eye(4, k=1) * 0.3, codes=(2, 0)), "sheared"),
    "no number": (lambda p: patched(save(p, codes=(1, 0)), 280, struct.pack("<f", np.nan)), "damaged sform"),
    "two places": (lambda p: save(p, sform=SHIFTED), "disagree by 5.0 mm"),
    "metres unsaid": (lambda p: save(p, sform=AFFINE * 1e-3 + np.diag([0, 0, 0, 0.999]), codes=(1, 0)), "like metres"),
}


@pytest.mark.parametrize("reader", OF_A_PLACE)
@pytest.mark.parametrize("fault", PLACELESS)
def test_a_place_that_is_not_known_is_not_guessed(tmp_path, reader, fault):
    make, says = PLACELESS[fault]
    assert says in refusal(READERS[reader], make(tmp_path / "image.nii"))


@pytest.mark.parametrize(
    "make",
    [
        lambda p: patched(save(p), 80, bytes(12)),  # a qform without sizes, a whole sform
        lambda p: save(p, sform=np.zeros((4, 4)), codes=(1, 1)),  # an sform of zeros, a whole qform
        lambda p: save(p, sform=AFFINE + np.eye(4, k=1) * 0.3, codes=(2, 1)),  # sheared by a registration
    ],
)
def test_an_entry_that_cannot_be_one_does_not_stop_a_good_one(tmp_path, make):
    np.testing.assert_allclose(world_of(open_nifti(make(tmp_path / "a.nii"))).affine_mm, AFFINE, atol=1e-5)


@pytest.mark.parametrize(
    ("unit", "scale"), [("mm", 1), ("meter", 1e-3), ("micron", 1e3), ("meter", 1), ("micron", 1), ("unknown", 1)]
)
@pytest.mark.parametrize("codes", [(1, 0), (0, 1)])
def test_lengths_are_in_the_headers_unit_or_plainly_in_mm(tmp_path, unit, scale, codes):
    scaled = AFFINE * scale
    scaled[3, 3] = 1
    world = world_of(open_nifti(save(tmp_path / "a.nii", sform=scaled, qform=scaled, codes=codes, unit=unit)))
    np.testing.assert_allclose(world.affine_mm, AFFINE, atol=1e-4)


@pytest.mark.parametrize("frame", [None, "sform", "qform"])
@pytest.mark.parametrize("codes", [(1, 0), (0, 1), (1, 1)])
def test_a_clear_place_needs_no_frame(tmp_path, frame, codes):
    path = save(tmp_path / "a.nii", codes=codes)
    np.testing.assert_allclose(world_of(open_nifti(path), frame).affine_mm, AFFINE, atol=1e-5)


def test_the_frame_is_heeded_by_masks_maps_and_tensors(tmp_path):
    path = save(tmp_path / "a.nii", sform=SHIFTED)
    middle = AFFINE[:3] @ [2.5, 3, 4, 1]
    for frame, place in (("qform", middle), ("sform", middle + np.array([0, 5, 0]))):
        own = OwnWorld(None, frame)
        assert read_mask(path, frame).points_mm.mean(0) == pytest.approx(place)
        assert Aim(str(path), None).checked(own).frame == frame
        assert NetworkMap.of(str(path), frame).read()[1].affine_mm[:3] @ [2.5, 3, 4, 1] == pytest.approx(place)
        six = np.broadcast_to(np.array([1, 0, 0, 1, 0, 1], np.float32) * 1e-3, (12, 13, 14, 6))
        tensors = save(tmp_path / "dti.nii", six, sform=SHIFTED)
        assert DiffusionImage.read(tensors, "fsl", frame).affine_mm[:3] @ [2.5, 3, 4, 1] == pytest.approx(place)
    clear = save(tmp_path / "clear.nii")
    assert Aim(str(clear), None).checked(OwnWorld(None, "qform")).frame is None
    template = save(tmp_path / "two.nii", sform=SHIFTED, codes=(4, 1))  # in MNI152 by the entry that says so
    assert NetworkMap.of(f"mni:{template}", "qform").read()[1].form == "sform"


def test_a_templates_code_is_the_subjects_on_its_own_grid_only(tmp_path):
    t1 = world_of(open_nifti(save(tmp_path / "t1.nii", codes=(1, 1))))
    marked = save(tmp_path / "marked.nii", codes=(4, 0))
    world = world_of(open_nifti(marked))
    check_own_space(marked, world, t1)
    elsewhere = save(tmp_path / "elsewhere.nii", sform=SHIFTED, codes=(4, 0))
    for own in (t1, None):
        assert f"write mni:{elsewhere}" in refusal(Aim(str(elsewhere), None).checked, OwnWorld(own))
        assert f"write mni:{elsewhere}" in refusal(NetworkMap.of, str(elsewhere), None, own)
    aim = Aim(f"mni:{elsewhere}", None).checked(OwnWorld(t1))
    assert aim.in_mni and aim.recorded == "mni:mask"
    assert "NIfTI code 4" in world.template_warning("T1.nii")[0] and t1.template_warning("T1.nii") == ()


def test_a_mask_in_mni152_is_taken_to_the_head(tmp_path):
    from heads import layered_ball

    head = layered_ball(8.0)  # grey matter from 60 to 74 mm
    grid = np.stack(np.meshgrid(*[np.arange(60)] * 3, indexing="ij"), -1) * 3.0 - 90
    there = np.array([-40.0, -20, 50])
    affine = np.diag([3.0, 3, 3, 1])
    affine[:3, 3] = -90
    mask = (np.linalg.norm(grid - there - [12, 0, 0], axis=-1) < 9).astype(np.uint8)
    path = save(tmp_path / "spot.NII.gz", mask, affine, affine, (4, 4))
    moved = np.eye(4)
    moved[0, 3] = -12
    warp = MniWarp(moved, np.zeros((2, 2, 2, 3), np.float32), np.zeros(3), 1.0)
    found = resolve_target(f"mni:{path}", "left", head, warp)
    assert found.asked_mm == pytest.approx(there, abs=0.5) and found.mni_mm == pytest.approx([-28, -20, 50], abs=0.5)
    assert "not registered" in refusal(resolve_target, f"mni:{path}", "left", head)


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz", "A.NII.GZ", "a.Nii", "a.img"])
@pytest.mark.parametrize("is_packed", [False, True])
def test_what_a_file_is_tell_its_bytes_not_its_name(tmp_path, name, is_packed):
    content = save(tmp_path / "plain.nii").read_bytes()
    path = tmp_path / name
    path.write_bytes(gzip.compress(content) if is_packed else content)
    np.testing.assert_array_equal(open_nifti(path).volume(), spot())


@pytest.mark.parametrize("named", ["T1.hdr", "T1.img"])
def test_a_pair_counts_with_both_files(tmp_path, named):
    save(tmp_path / "T1.img", kind=nib.Nifti1Pair)
    image = open_nifti(tmp_path / named)
    np.testing.assert_array_equal(image.volume(), spot())
    assert [each.name for each in image.files] == ["T1.hdr", "T1.img"]
    first = identity(tmp_path / named)
    patched(tmp_path / "T1.img", 40, b"\x01")
    assert identity(tmp_path / named) != first == identity(save(tmp_path / "T1.img", kind=nib.Nifti1Pair))
    (tmp_path / "T1.img").rename(tmp_path / "T1.IMG")
    assert files_of(tmp_path / "T1.hdr")[1].name == "T1.IMG"
    (tmp_path / "T1.IMG").write_text(LFS)
    assert "T1.IMG is a Git LFS pointer" in refusal(open_nifti, tmp_path / "T1.hdr")
    (tmp_path / "T1.IMG").unlink()
    assert "half of a pair" in refusal(open_nifti, tmp_path / "T1.hdr")


@pytest.mark.slow
def test_both_files_of_a_pair_are_kept_and_looked_at_again(tmp_path):
    labels = np.zeros((30, 30, 30), np.uint8)
    for radius, code in ((13, 5), (11, 4), (9, 3), (8, 2), (6, 1)):
        labels[np.linalg.norm(np.stack(np.indices(labels.shape), -1) - 15, axis=-1) < radius] = code
    save(tmp_path / "L.img", labels, kind=nib.Nifti1Pair)
    subject = Subject.named("s", tmp_path / "s")
    source = HeadSource.of(subject, labels=tmp_path / "L.hdr").checked()
    with subject.locked():
        made = subject.run(segment_stage(source, subject.folder))
        assert subject.run(segment_stage(source, subject.folder)).reused
        labels[15, 15, 15] = 2
        save(tmp_path / "L.img", labels, kind=nib.Nifti1Pair)
        again = subject.run(segment_stage(source, subject.folder))
    assert not again.reused and again.digest != made.digest
    assert {"labels.hdr", "labels.img"} <= {path.name for path in again.outputs}
    np.testing.assert_array_equal(again.value.background(), labels)


def test_the_segmentation_is_not_made_again_for_a_frame_it_does_not_need(tmp_path):
    clear, two = save(tmp_path / "clear.nii"), save(tmp_path / "two.nii", sform=SHIFTED)
    subject = Subject.named("s", tmp_path / "s")
    assert HeadSource.of(subject, labels=clear, frame="sform").needed_frame is None
    assert HeadSource.of(subject, labels=two, frame="sform").needed_frame == "sform"
    assert HeadSource.of(subject, labels=two, frame="qform").own(subject.folder).world.form == "qform"


@pytest.mark.parametrize("packing", [bytes, gzip.compress])
def test_a_header_or_a_packing_that_would_fill_the_memory_is_refused(tmp_path, packing):
    content = bytearray(save(tmp_path / "a.nii").read_bytes())
    content[42:48] = struct.pack("<3h", 30000, 30000, 30000)
    (tmp_path / "huge.nii").write_bytes(packing(bytes(content)))
    assert "would take" in refusal(open_nifti, tmp_path / "huge.nii")
    content[42:48] = struct.pack("<3h", 500, 500, 500)
    (tmp_path / "long.nii").write_bytes(packing(bytes(content)))
    assert "truncated" in refusal(open_nifti(tmp_path / "long.nii").volume)
    plain = save(tmp_path / "b.nii").read_bytes()
    (tmp_path / "bomb.nii.gz").write_bytes(gzip.compress(plain + bytes(3 * 2**20)))
    assert "much longer than its header says" in refusal(open_nifti(tmp_path / "bomb.nii.gz").volume)


def test_analyze_has_no_left(tmp_path):
    nib.save(nib.AnalyzeImage(spot(), AFFINE), tmp_path / "old.img")
    assert "ANALYZE" in refusal(open_nifti, tmp_path / "old.img")


def test_nifti_2_and_the_other_byte_order(tmp_path):
    np.testing.assert_array_equal(open_nifti(save(tmp_path / "two.nii", kind=nib.Nifti2Image)).volume(), spot())
    image = nib.Nifti1Image(spot(), AFFINE, nib.Nifti1Header(endianness=">"))
    image.set_sform(AFFINE, 1)
    nib.save(image, tmp_path / "big.nii.gz")
    read = open_nifti(tmp_path / "big.nii.gz")
    np.testing.assert_array_equal(read.volume(), spot())
    np.testing.assert_allclose(world_of(read).affine_mm, AFFINE, atol=1e-5)


def test_a_mask_without_numbers_around_it(tmp_path):
    data = spot()
    data[data == 0] = np.nan
    assert len(read_mask(save(tmp_path / "m.nii", data)).points_mm) == 2


def test_orig_mgz_says_where_it_is_or_is_refused(tmp_path):
    path = tmp_path / "orig.mgz"
    nib.save(nib.MGHImage(np.random.default_rng(0).integers(0, 99, (20, 21, 22)).astype(np.uint8), AFFINE), path)
    assert scanner_from_volume(path).shape == (4, 4)
    content = gzip.decompress(path.read_bytes())
    for name, block, says in (
        ("flag", content[:28] + b"\x00\x00" + content[30:], "does not know its place"),
        ("cut", content[:2000], "truncated"),
        ("header", content[:150], "truncated"),
        ("lfs", LFS.encode(), "Git LFS pointer"),
        ("empty", b"", "is empty"),
    ):
        plain, packed = tmp_path / f"{name}.mgh", tmp_path / f"{name}.mgz"
        plain.write_bytes(block)
        packed.write_bytes(gzip.compress(block) if len(block) > 140 else block)
        assert says in refusal(scanner_from_volume, plain)
        assert says in refusal(scanner_from_volume, packed) or name == "lfs"


def test_noise_as_bright_as_tissue_is_named_and_a_scanners_air_is_not():
    rng = np.random.default_rng(0)
    shape = (80, 90, 85)
    inside = np.linalg.norm((np.stack(np.indices(shape), -1) - [40, 45, 40]) / [30, 36, 36], axis=-1) < 1
    head = np.where(inside, 100.0, 0)
    assert "MP2RAGE" in refusal(check_air, np.where(inside, head, rng.uniform(0, 140, shape)).astype(np.float32), "uni")
    signed = np.where(inside, 0.3, rng.uniform(-0.5, 0.5, shape)).astype(np.float32)
    assert "MP2RAGE" in refusal(check_air, signed, "uni")
    check_air(head.astype(np.float32), "denoised")
    check_air(np.hypot(head + rng.normal(0, 8, shape), rng.normal(0, 8, shape)).astype(np.float32), "magnitude")


DTI_ORDERS = {"afni": [0, 1, 3, 2, 4, 5], "mrtrix": [0, 3, 5, 1, 2, 4]}  # out of xx, xy, xz, yy, yz, zz


@pytest.mark.parametrize("noisy", [False, True])
def test_the_order_of_tensors_is_told_with_and_without_noise_around_them(tmp_path, noisy):
    six = np.zeros((24, 24, 24, 6), np.float32)
    six[8:16, 6:18, 6:18] = np.array([1.2, 0.4, 0.3, 0.9, -0.2, 0.7]) * 1e-3
    if noisy:
        air = (six == 0).all(-1)
        six[air] = np.random.default_rng(0).normal(0, 1e-4, (int(air.sum()), 6))
    right = save(tmp_path / "right.nii", six)
    assert DiffusionImage.read(right).usable[8:16, 6:18, 6:18].all()
    assert "try `tensor_order=fsl`" in refusal(DiffusionImage.read, right, "mrtrix")
    assert "AFNI, DIPY, ANTs" in refusal(DiffusionImage.read, save(tmp_path / "afni.nii", six[..., DTI_ORDERS["afni"]]))
    mrtrix = save(tmp_path / "mrtrix.nii", six[..., DTI_ORDERS["mrtrix"]])
    assert "try `tensor_order=mrtrix`" in refusal(DiffusionImage.read, mrtrix)
    assert "5D symmetric matrix" in refusal(DiffusionImage.read, save(tmp_path / "ants.nii", six[:, :, :, None]))
