"""A scanner's folder of DICOM becomes the T1: which series, and which way round."""

import nibabel as nib
import numpy as np
import pytest
from dicom_series import dicom_series

from meshes import InputError
from targeting.app import dicom
from targeting.app.dicom import keep, series_in


@pytest.fixture(scope="module")
def converted(tmp_path_factory):
    pytest.importorskip("dcm2niix", reason="needs the extra 'viewer'")
    folder, into = tmp_path_factory.mktemp("scan"), tmp_path_factory.mktemp("nifti")
    dicom_series(folder / "2", "t2_space", 2)
    dicom_series(folder / "3", "t1_mprage_sag", 3)
    return series_in(folder, into)


def test_the_series_that_is_called_t1_comes_first(converted):
    assert [each.title for each in converted] == ["t1_mprage_sag", "t2_space"]
    assert converted[0].may_be_t1 and converted[0].words.startswith(
        "t1_mprage_sag: 40 × 32 × 24 voxels of 1 × 1 × 1 mm"
    )


def test_the_patient_s_left_is_left(converted):
    image = nib.load(converted[0].image)
    values, places = np.asarray(image.dataobj), np.indices(image.shape).reshape(3, -1)
    bright = nib.affines.apply_affine(image.affine, places.T)[values.ravel() > 500]
    x, y, z = bright.mean(0) - nib.affines.apply_affine(image.affine, (np.array(image.shape) - 1) / 2)
    assert x < -5 and y > 5 and z > 3  # RAS: left, front, top


def test_what_is_kept_replaces_no_other_image(converted, tmp_path):
    first, second = converted
    file = keep(first, tmp_path / "anna_T1.nii.gz")
    assert file.read_bytes() == first.image.read_bytes() and keep(first, file) == file
    with pytest.raises(InputError, match="another image already"):
        keep(second, file)


def test_without_the_converter_it_is_said_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setattr(dicom, "find_spec", lambda _name: None)
    monkeypatch.setattr(dicom.shutil, "which", lambda _name: None)
    with pytest.raises(InputError, match="pip install dcm2niix, or drop the T1 as NIfTI"):
        series_in(tmp_path, tmp_path)


def test_a_folder_without_images_is_refused_in_a_line(tmp_path):
    pytest.importorskip("dcm2niix", reason="needs the extra 'viewer'")
    (tmp_path / "scan").mkdir()
    (tmp_path / "scan" / "IM1").write_bytes(b"\0" * 128 + b"DICM" + b"nothing")
    (tmp_path / "into").mkdir()
    with pytest.raises(InputError, match="finds no image") as refused:
        series_in(tmp_path / "scan", tmp_path / "into")
    assert "\n" not in str(refused.value)
