"""A scanner's folder of DICOM becomes the T1: which series, which way round, and nobody's name in it."""

import gzip
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from dicom_series import (
    CONTRAST,
    GRADIENT_ECHO,
    NOBODY,
    NOISE,
    SOMEBODY,
    SPIN_ECHO,
    dicom_series,
    head_at,
    scan_session,
    whispers,
)

from meshes import InputError, dicom
from meshes.dicom import ScanT1, Series, choose_t1, keep, series_in
from meshes.dicom_header import Header, ScannedFiles, headers_in, read_header

FINE = {"shape": (176, 256, 256), "voxel_mm": (1.0, 1.0, 1.0), "t1_weighted": True}
PLAIN = Series(Path("3.nii"), 3, "t1_mprage_sag", **FINE)


def series(number, title="t1_mprage_sag", **other):
    return replace(PLAIN, image=Path(f"{number}.nii"), number=number, title=title, **other)


def converter_needed():
    pytest.importorskip("dcm2niix", reason="needs the extra 'viewer'")


def converted_in(folder):
    converter_needed()
    into = folder.parent / f"{folder.name} converted"
    into.mkdir()
    return series_in(folder, into)


@pytest.fixture(scope="module")
def converted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scans") / "scan"
    dicom_series(folder / "2", "t2_space", 2, measured=SPIN_ECHO)
    dicom_series(folder / "3", "t1_mprage_sag", 3)
    return converted_in(folder)


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    return scan_session(tmp_path_factory.mktemp("session") / "scan")


@pytest.fixture(scope="module")
def taken(session):
    converter_needed()
    return ScanT1.of(session)


# conversion


def test_the_series_that_is_called_t1_comes_first(converted):
    assert [each.title for each in converted] == ["t1_mprage_sag", "t2_space"]
    assert converted[0].words == "t1_mprage_sag: 40 × 32 × 24 voxels of 1 × 1 × 1 mm (no T1 of a whole head)"
    assert [each.t1_weighted for each in converted] == [True, False]


def test_the_patient_s_left_is_left(converted):
    image = nib.load(converted[0].image)
    values, places = np.asarray(image.dataobj), np.indices(image.shape).reshape(3, -1)
    bright = nib.affines.apply_affine(image.affine, places.T)[values.ravel() > 500]
    x, y, z = bright.mean(0) - nib.affines.apply_affine(image.affine, (np.array(image.shape) - 1) / 2)
    assert x < -5 and y > 5 and z > 3  # RAS: left, front, top


def test_what_is_kept_replaces_no_other_image(converted, tmp_path):
    first, second = converted
    file = keep(first, tmp_path / "anna_T1.nii.gz")
    assert gzip.decompress(file.read_bytes()) == first.image.read_bytes() and keep(first, file) == file
    with pytest.raises(InputError, match="another image already"):
        keep(second, file)


def test_without_the_converter_it_is_said_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setattr(dicom, "find_spec", lambda _name: None)
    monkeypatch.setattr(dicom.shutil, "which", lambda _name: None)
    with pytest.raises(InputError, match="pip install dcm2niix, or give the T1 as NIfTI"):
        series_in(tmp_path, tmp_path)


def test_a_folder_without_images_is_refused_in_a_line(tmp_path):
    (tmp_path / "scan").mkdir()
    (tmp_path / "scan" / "IM1").write_bytes(b"\0" * 128 + b"DICM" + b"nothing")
    with pytest.raises(InputError, match="finds no image") as refused:
        converted_in(tmp_path / "scan")
    assert "\n" not in str(refused.value)


def test_scans_of_two_people_are_refused(tmp_path):
    other = (NOBODY[0], (0x0010, 0x0020, b"LO", "another"))
    dicom_series(tmp_path / "scan" / "a", number=2)
    dicom_series(tmp_path / "scan" / "b", number=3, person=other)
    with pytest.raises(InputError, match="holds scans of 2 people"):
        converted_in(tmp_path / "scan")


# a whole session


@pytest.mark.slow
def test_the_t1_is_taken_and_every_other_series_has_a_reason(taken):
    assert taken.told == (
        "a whole head, voxels up to 1.5 mm, 120 mm or more each way: not series 1 (localizer)",
        "measured, not made from other images, and no localizer: not series 5 (t1_mpr_tra)",
        "T1-weighted by its name or its times: not series 4 (t2_space_sag)",
        "normalised by the scanner (NORM): not series 2 (t1_mprage_sag)",
        "taken as the T1: series 3 (t1_mprage_sag), 132 × 150 × 140 voxels of 1.5 × 1.5 × 1.5 mm",
    )
    assert taken.doubts == ()


@pytest.mark.slow
def test_every_voxel_lies_where_the_scanner_measured_it(taken):
    image = nib.load(taken.image)
    places = np.stack(np.meshgrid(*map(np.arange, image.shape), indexing="ij"), -1)
    true = head_at(nib.affines.apply_affine(image.affine, places)) + 1
    apart = np.asarray(image.dataobj).astype(int) - true
    assert apart.min() >= 0 and apart.max() < NOISE
    assert image.header["sform_code"] == image.header["qform_code"] == 1


@pytest.mark.slow
def test_nothing_of_the_person_is_in_what_is_left(taken):
    folder = taken.image.parent
    assert [path.name for path in folder.iterdir()] == ["T1.nii.gz"] and whispers(folder) == []
    header = nib.load(taken.image).header
    assert {header[each].item() for each in ("descrip", "aux_file", "intent_name", "db_name", "data_type")} == {b""}
    assert len(header.extensions) == 0


@pytest.mark.slow
def test_the_same_folder_gives_the_same_bytes_and_the_image_goes_with_its_object(session, taken):
    again = ScanT1.of(next((session / "c").iterdir()).parent.parent)
    image = again.image
    assert image.read_bytes() == taken.image.read_bytes() and image != taken.image
    del again
    assert not image.parent.exists()


@pytest.mark.slow
def test_the_converter_itself_would_leave_a_name_in_the_header(session, tmp_path):
    """What is cleared here was there: else the tests above would prove nothing."""
    converter_needed()
    subprocess.run([dicom.converter(), "-b", "n", "-ba", "y", "-f", "%s", "-o", tmp_path, session / "c"], check=True)
    assert ("3.nii", "secret") in whispers(tmp_path)


# a title that tells who the patient is


@pytest.mark.parametrize(
    "title", ["t1_mprage_SECRET", "T1 per-son", "t1 SP_192304", "t1_05.04.1923", "t1_mprage_230405"]
)
def test_a_title_with_the_patients_name_is_not_shown_but_still_says_what_it_is(tmp_path, title):
    dicom_series(tmp_path / "scan", title, 7, person=SOMEBODY)
    (found,) = converted_in(tmp_path / "scan")
    assert found.title == "" and found.called == "7" and found.words.startswith("series 7: 40 × 32 × 24 voxels")
    assert found.t1_weighted


def test_names_of_any_letters_and_lengths_are_found():
    header = Header(3, names=("Müller^Li",), identifiers=("0042",))
    told = ScannedFiles([header]).told
    assert [told(each, 3) for each in ("t1 Mueller", "t1 MULLER", "t1 M_ller", "t1_li", "t1_0042", "T1 42")] == [""] * 6
    assert told("t1 sliced\nline", 3) == "t1 sliced line"
    assert told("t1_mprage", 5) == ""  # of a series no file of which could be read


@pytest.mark.parametrize("implicit", [False, True])
def test_what_a_file_says_is_read_in_either_way_of_writing_it(tmp_path, implicit):
    file = dicom_series(
        tmp_path / "a", number=4, person=SOMEBODY, measured=GRADIENT_ECHO + CONTRAST, implicit=implicit
    )[5]
    assert read_header(file) == Header(
        series=4,
        series_uid="1.2.826.0.1.3680043.2.1125.2.4",
        patient_id="SP-192304",
        names=("Secret^Person", "Referrer^Ruth"),
        identifiers=("ACC-77001", "SP-192304"),
        dates=("19230405",),
        agent=True,
        axes=(1, 0, 0, 0, 1, 0),
        place_mm=(-20, -16, 5),
    )


def test_a_damaged_file_says_nothing(tmp_path):
    for file in dicom_series(tmp_path / "scan"):
        file.write_bytes(file.read_bytes()[:400])
    assert list(headers_in(tmp_path / "scan")) == []


# rules


@pytest.mark.parametrize(
    ("others", "number", "line"),
    [
        ([series(1, shape=(3, 256, 256))], 3, "a whole head, .*: not series 1"),
        ([series(1, shape=(176, 256, 256, 2))], 3, "a whole head, .*: not series 1"),
        ([series(1, voxel_mm=(1.0, 1.0, 1.6))], 3, "a whole head, .*: not series 1"),
        ([series(1, with_gaps=True)], 3, "complete, no slice missing: not series 1"),
        ([series(1, derived=True)], 3, "measured, not made from other images.*: not series 1"),
        ([series(1, t1_weighted=False)], 3, "T1-weighted .*: not series 1"),
        ([series(1, with_agent=True)], 3, "without contrast agent: not series 1"),
        ([series(4, normalised=True)], 4, r"normalised by the scanner \(NORM\): not series 3"),
        ([series(4, undistorted=True)], 4, r"corrected for distortion .*: not series 3"),
        ([series(4, voxel_mm=(0.8, 0.8, 0.8))], 4, "the finest voxels: not series 3"),
        ([series(4), series(9)], 3, "the first of what is alike: not series 4 .*, 9"),
        # an earlier rule counts for more
        ([series(4, normalised=True, with_agent=True)], 3, "without contrast agent: not series 4"),
        ([series(4, voxel_mm=(0.8, 0.8, 0.8)), series(5, normalised=True)], 5, "normalised .*: not series 3 .*, 4"),
    ],
)
def test_each_rule_leaves_others_out_and_says_which(others, number, line):
    choice = choose_t1([*others, PLAIN])
    assert choice.series.number == number
    assert len(choice.told) == 2 and re.match(line, choice.told[0])
    assert choice.told[-1].startswith(f"taken as the T1: series {number} (t1_mprage_sag), 176 × 256 × 256 voxels")


def test_a_scan_that_was_repeated_is_doubted():
    (doubt,) = choose_t1([series(4), series(9)]).doubts
    assert "alike to series 9" in doubt and "give a folder with the better series alone" in doubt


def test_a_contrast_agent_is_doubted_where_there_is_no_other_t1():
    choice = choose_t1([series(4, with_agent=True), series(5, t1_weighted=False)])
    assert choice.series.number == 4 and "contrast agent" in choice.doubts[0]


def test_a_series_alone_is_somebodys_choice_and_doubted():
    choice = choose_t1([series(4, "mpr", derived=True)])
    assert choice.series.number == 4 and "measured, not made from other images" in choice.doubts[0]
    assert choose_t1([PLAIN]).doubts == ()


@pytest.mark.parametrize(
    "found",
    [
        [
            series(1, "localizer", shape=(3, 512, 512)),
            series(2, "t2", t1_weighted=False),
            series(3, "mpr", derived=True),
        ],
        [series(4, shape=(20, 256, 256))],
        [series(4, with_gaps=True)],
    ],
)
def test_a_folder_without_a_t1_is_refused_with_every_series_and_what_to_do(found):
    with pytest.raises(InputError, match="holds no T1 of a whole head") as refused:
        choose_t1(found)
    text = str(refused.value)
    assert all(each.called in text for each in found) and "\n" not in text
    assert text.endswith("give the T1 as NIfTI, or a folder with its series alone (`t1`)")


def test_two_that_the_rules_do_not_tell_apart_are_refused():
    with pytest.raises(InputError, match=r"do not tell series 3 .* and series 3 .* apart: give the T1 as NIfTI"):
        choose_t1([PLAIN, replace(PLAIN, image=Path("3a.nii"))])


@pytest.mark.parametrize(
    ("title", "is_t1"),
    [
        ("t1_mprage_sag_p2_iso", True),
        ("T1w_MPR", True),
        ("WIP sT1W_3D_TFE", True),
        ("Sag3DT1", True),
        ("Ax FSPGR BRAVO", True),
        ("t1_space_sag", True),
        ("t1_mp2rage_sag_UNI-DEN", True),
        ("t1_mp2rage_sag_UNI_Images", False),
        ("t1_mp2rage_sag_INV2", False),
        ("t1_mp2rage_sag_T1_Images", False),
        ("t2_space_sag", False),
        ("t2_tfe", False),
        ("SPACE sag", False),
        ("t2_space_dark-fluid", False),
        ("ep2d_bold_rest1", False),
        ("AAHead_Scout_t1", False),
        ("head", True),  # by its times
    ],
)
def test_names_of_scanners_are_understood(title, is_t1):
    known = {"ScanningSequence": "GR\\IR", "MRAcquisitionType": "3D", "InversionTime": 0.9}
    assert dicom._t1_weighted(title.casefold(), known) == is_t1


@pytest.mark.parametrize(
    ("known", "is_t1"),
    [
        ({"ScanningSequence": "GR", "MRAcquisitionType": "3D", "EchoTime": 0.003, "RepetitionTime": 0.02}, True),
        ({"ScanningSequence": "GR", "MRAcquisitionType": "3D", "EchoTime": 0.02, "RepetitionTime": 0.03}, False),  # SWI
        ({"ScanningSequence": "GR", "MRAcquisitionType": "2D", "EchoTime": 0.003, "RepetitionTime": 0.02}, False),
        ({"ScanningSequence": "SE_IR", "MRAcquisitionType": "3D", "InversionTime": 1.8}, False),  # FLAIR
        ({}, False),
    ],
)
def test_without_a_name_the_times_of_the_sequence_tell(known, is_t1):
    assert dicom._t1_weighted("brain", known) == is_t1


def test_a_slice_that_is_missing_is_noticed(tmp_path):
    for number in (3, 4):
        dicom_series(tmp_path / "scan" / f"{number}", number=number)
    (tmp_path / "scan" / "4" / "IM0009").unlink()
    found = converted_in(tmp_path / "scan")
    assert {each.number: each.with_gaps for each in found} == {3: False, 4: True} and len(found) == 2


def test_a_contrast_agent_is_known_by_the_file_or_the_name(tmp_path):
    dicom_series(tmp_path / "scan" / "a", "t1_mprage", 3)
    dicom_series(tmp_path / "scan" / "b", "t1_mprage", 4, measured=GRADIENT_ECHO + CONTRAST)
    dicom_series(tmp_path / "scan" / "c", "t1_mprage_Gd", 5)
    assert {each.number: each.with_agent for each in converted_in(tmp_path / "scan")} == {3: False, 4: True, 5: True}


def test_a_conversion_that_fails_leaves_nothing_behind(tmp_path, monkeypatch):
    converter_needed()
    monkeypatch.setattr(dicom.tempfile, "mkdtemp", lambda prefix: str(made_in(tmp_path / "temporary")))
    dicom_series(tmp_path / "scan")
    with pytest.raises(InputError, match="no T1 of a whole head"):
        ScanT1.of(tmp_path / "scan")
    assert not (tmp_path / "temporary").exists()


def made_in(folder):
    folder.mkdir()
    return folder


def test_an_image_that_was_cut_short_is_refused(converted, tmp_path):
    image = Path(shutil.copy(converted[0].image, tmp_path))
    image.write_bytes(image.read_bytes()[:-1])
    with pytest.raises(InputError, match="did not write a whole image"):
        dicom._clear_texts(image)
