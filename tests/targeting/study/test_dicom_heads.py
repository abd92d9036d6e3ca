"""A scanner's folder is given as the T1: the image is kept, known again, and nobody's name gets into a file or a line."""

import importlib
import logging

import numpy as np
import pytest
from dicom_series import SECRETS, SOMEBODY, dicom_series, scan_session, whispers

from cli.main import run
from meshes import InputError, Tissues
from meshes.images import open_nifti
from meshes.segment import Segmentation
from targeting.study.head_choice import HeadChoice
from targeting.study.head_source import HeadSource
from targeting.study.head_stages import run_segment
from targeting.study.tms_request import TmsRequest
from targeting.subject import Stage, Subject


@pytest.fixture(scope="module")
def scan(tmp_path_factory):
    pytest.importorskip("dcm2niix", reason="needs the extra 'viewer'")
    return scan_session(tmp_path_factory.mktemp("session") / "scan")


@pytest.fixture
def short_segmentation(monkeypatch):
    """SAMSEG takes minutes; what a T1 is kept as does not depend on what it finds."""

    def found(t1, _t2, _work_dir, _threads):
        fields = np.ones((9, 9, 9, 7), np.float32) / 7
        return Segmentation(Tissues(fields, t1.affine_mm), np.zeros((9, 9, 9), np.int16), t1.affine_mm, {})

    monkeypatch.setattr(importlib.import_module("meshes.segment"), "segment_checked", found)


def segmented(subject, **given):
    source = HeadSource.of(subject, **given).checked()
    with subject.locked():
        return run_segment(subject, source)


@pytest.mark.slow
@pytest.mark.usefixtures("short_segmentation")
def test_the_t1_of_a_folder_is_kept_and_known_again(scan, tmp_path):
    subject = Subject.named("s1", tmp_path / "s1")
    kept = subject.folder / "T1.nii.gz"
    first = segmented(subject, t1=scan)
    assert not first.reused and first.value.frame.name == "T1.nii.gz" and kept.is_file()
    assert whispers(subject.folder) == []
    content = kept.read_bytes()
    remembered = HeadSource.of(subject)
    assert remembered.files == {"t1": kept} and remembered.words == "T1"
    assert remembered.own(subject.folder).world.shape == open_nifti(kept).shape
    # the same head, whichever way its T1 is named
    assert all(segmented(subject, **given).reused for given in ({}, {"t1": scan}, {"t1": kept}))
    one_slice = next((scan / "c").iterdir())  # which stands for its folder
    assert segmented(subject, t1=one_slice).reused
    with subject.locked():
        subject.run(Stage("mesh", 1, lambda folder: (folder / "mesh.bin").write_text("x"), lambda _: None))
    assert HeadChoice.of_plan(subject, TmsRequest(t1=scan)).source.words == "T1"
    # another series is another head: refused for a plan, made where a head is asked for
    with pytest.raises(InputError, match=r"was made from another T1 file: .*'target head s1 --t1 \.\.\.'"):
        HeadChoice.of_plan(subject, TmsRequest(t1=scan / "b"))
    assert kept.read_bytes() == content
    assert not segmented(subject, t1=scan / "b").reused and kept.read_bytes() != content
    kept.write_bytes(content)  # somebody's copy over it is not what the head was made from
    assert HeadSource.of(subject).files["t1"] != kept


@pytest.mark.slow
@pytest.mark.usefixtures("short_segmentation")
def test_the_command_tells_which_series_it_took_and_why(scan, tmp_path, capfd):
    assert run(["segment", "s1", "--t1", str(scan), "--out", str(tmp_path / "s1")]) == 0
    said = capfd.readouterr().err
    assert "T1-weighted by its name or its times: not series 4 (t2_space_sag)" in said
    assert "taken as the T1: series 3 (t1_mprage_sag), 132 × 150 × 140 voxels" in said
    assert not [secret for secret in SECRETS if secret in said.lower()]
    assert whispers(tmp_path / "s1") == []


@pytest.mark.slow
def test_a_series_alone_is_taken_with_a_warning(scan, tmp_path, caplog):
    subject = Subject.named("s1", tmp_path / "s1")
    with caplog.at_level(logging.WARNING):
        source = HeadSource.of(subject, t1=scan / "d")
    assert "series 4 (t2_space_sag) is taken as the T1 since it is alone" in caplog.text
    assert source.files["t1"].is_file()


def test_a_title_that_names_the_patient_is_in_no_refusal(tmp_path):
    pytest.importorskip("dcm2niix", reason="needs the extra 'viewer'")
    dicom_series(tmp_path / "scan", "t1 of Secret", 7, person=SOMEBODY)
    with pytest.raises(
        InputError, match=r"no T1 of a whole head \(a whole head, .*: not series 7\): give the T1"
    ) as refused:
        HeadSource.of(Subject.named("s1", tmp_path / "s1"), t1=tmp_path / "scan")
    assert not [secret for secret in SECRETS if secret in str(refused.value).lower()]
    assert not (tmp_path / "s1").exists()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"t1": "empty"}, r"the folder .*empty holds no DICOM; give the T1 itself \(NIfTI\), or the scanner's folder"),
        ({"t1": "T1.nii.gz", "t2": "scan"}, "`t2` takes a NIfTI file, not DICOM: convert scan with dcm2niix"),
        ({"t1": "T1.nii.gz", "t2": "scan/IM0001"}, "`t2` takes a NIfTI file, not DICOM: convert IM0001"),
    ],
)
def test_what_cannot_be_taken_is_refused_in_a_line(tmp_path, given, message):
    (tmp_path / "empty").mkdir()
    dicom_series(tmp_path / "scan")
    with pytest.raises(InputError, match=message) as refused:
        HeadSource.of(Subject.named("s1", tmp_path / "s1"), **{role: tmp_path / name for role, name in given.items()})
    assert "\n" not in str(refused.value)
