"""Mean and SD over people of maps whose values are known, and what is left out of them."""

import json

import nibabel as nib
import numpy as np
import pytest
from cohort_group import KIND, VERTICES, coil_plan, made_up, write_field, write_person

from atlases.fslr import grayordinates, group_cortex
from targeting.cohort.group_maps import (
    FSLR,
    MNI,
    PersonMaps,
    average_in_mni,
    average_on_fslr,
    file_of,
    maps_on_fslr,
    on_hemispheres,
    read_map,
    write_maps,
)
from targeting.files.group_spaces import MNI_AFFINE_MM, MNI_SHAPE


def test_mean_and_sd_are_numpys_and_what_one_person_lacks_is_left_out():
    values = np.random.default_rng(4).normal(1.0, 0.3, (5, VERTICES))
    values[0, :10] = np.nan  # of one
    values[:3, 10:20] = np.nan  # of most
    made = average_on_fslr(PersonMaps(tuple("abcde"), values))
    assert made.mean[20:] == pytest.approx(values[:, 20:].mean(0)) and made.sd[20:] == pytest.approx(
        values[:, 20:].std(0, ddof=1)
    )
    assert made.mean[:10] == pytest.approx(values[1:, :10].mean(0)) and (made.n[:10] == 4).all()
    assert np.isnan(made.mean[10:20]).all() and np.isnan(made.sd[10:20]).all() and (made.n[10:20] == 2).all()


def test_one_persons_map_is_no_mean():
    assert average_on_fslr(PersonMaps(("a",), np.ones((1, VERTICES)))) is None
    assert average_on_fslr(PersonMaps((), np.zeros((0, VERTICES)))) is None


@pytest.mark.slow
def test_left_stays_left_from_peoples_files_to_the_groups(tmp_path):
    folders = made_up(tmp_path)
    left = len(grayordinates("lh"))
    spot = int(
        np.linalg.norm(group_cortex("lh").central.points_mm[grayordinates("lh")] - [-38, -20, 60], axis=1).argmin()
    )
    values = np.full(VERTICES, 0.1)
    values[spot] = 2.0
    voxel = tuple(np.rint((np.array([-38.0, -20, 60]) - MNI_AFFINE_MM[:3, 3]) / 2).astype(int))
    image = np.zeros(MNI_SHAPE)
    image[20:80, 20:80, 20:80] = 0.1
    image[voxel] = 2.0
    planned = [write_person(folders, label, coil_plan(label)) for label in ("01", "02", "03")]
    for each, share in zip(planned, (1.0, 2.0, 3.0), strict=True):
        write_field(each, share * values, share * image.ravel())
    group = tmp_path / "group"
    group.mkdir()
    on_fslr, in_mni = average_on_fslr(maps_on_fslr(planned)), average_in_mni(planned)
    written = [*write_maps(group, KIND, on_fslr, ["sub-09"]), *write_maps(group, KIND, in_mni, [])]
    assert len(written) == len(set(written)) == 12

    dense = nib.load(group / f"{FSLR}_stat-mean_desc-m1handleft_efield.dscalar.nii")
    assert dense.shape == (1, VERTICES)
    model = next(
        m for name, _, m in dense.header.get_axis(1).iter_structures() if name == "CIFTI_STRUCTURE_CORTEX_LEFT"
    )
    found = np.asarray(dense.dataobj[0])[:left]
    peak_mm = group_cortex("lh").central.points_mm[model.vertex[found.argmax()]]
    assert peak_mm[0] < -20 and found.max() == pytest.approx(4.0)
    assert on_hemispheres(on_fslr.mean)["rh"][grayordinates("rh")] == pytest.approx(0.2)
    assert np.asarray(nib.load(group / f"{FSLR}_stat-sd_desc-m1handleft_efield.dscalar.nii").dataobj)[
        0, spot
    ] == pytest.approx(2.0)

    volume = nib.load(group / f"{MNI}_stat-mean_desc-m1handleft_efield.nii.gz")
    data = np.asarray(volume.dataobj)
    peak = nib.affines.apply_affine(volume.affine, np.unravel_index(data.argmax(), data.shape))
    assert peak.tolist() == [-38, -20, 60] and data.max() == pytest.approx(4.0)
    assert data[0, 0, 0] == 0.0 and volume.header["sform_code"] == 4
    about = json.loads((group / f"{FSLR}_stat-mean_desc-m1handleft_efield.json").read_text())
    assert about["NumberOfPeople"] == 3 and about["Units"] == "V/m"
    assert about["People"] == ["sub-01", "sub-02", "sub-03"] and about["LeftOut"] == ["sub-09"]


def test_a_map_of_another_grid_or_a_damaged_one_is_none(tmp_path):
    folders = made_up(tmp_path, ("01",))
    planned = write_person(folders, "01")
    assert read_map(file_of(planned, FSLR), FSLR) is None
    assert maps_on_fslr([planned]).people == ()
    file_of(planned, FSLR).write_bytes(b"no image")
    assert read_map(file_of(planned, FSLR), FSLR) is None
    nib.save(nib.Nifti1Image(np.ones((4, 5, 6), np.float32), np.eye(4)), file_of(planned, MNI))
    assert read_map(file_of(planned, MNI), MNI) is None
    nib.save(nib.Nifti1Image(np.ones((3, 7), np.float32), np.eye(4)), tmp_path / "x.nii")
    file_of(planned, FSLR).write_bytes((tmp_path / "x.nii").read_bytes())
    assert read_map(file_of(planned, FSLR), FSLR) is None
