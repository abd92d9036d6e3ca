"""What is kept of a real plan: BIDS' names that the validator passes, pages that lead to one another, nothing outdated."""

import json
import re
from dataclasses import replace

import nibabel as nib
import numpy as np
import pytest
import quick_people

from meshes.tissues import Tissues
from targeting.cohort.dataset import Dataset
from targeting.cohort.derivatives import _write_tissues, label_of, write_head_derivatives, write_plan_derivatives
from targeting.cohort.participant_level import plan_for_each
from targeting.cohort.person import DONE, Folders, Person
from targeting.cohort.validation import faults_of
from targeting.modality import TMS
from targeting.navigation.nibs_bids import session_from_string
from targeting.plans.tms import read_plan
from targeting.study.request import HeadRequest
from targeting.study.tms_request import TmsRequest

PLAN = "spot"


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """A person with a real plan and its derivatives."""
    folder = tmp_path_factory.mktemp("cohort")
    root, _ = quick_people.write_people(folder, ("01",))
    dataset = Dataset.at(root)
    folders = Folders(root, folder / "out", folder / "out" / "work")
    asked = TmsRequest(aim=quick_people.ASKED[1], side="left", placements=2, name=PLAN)
    person = Person(dataset.participant("01"), HeadRequest(head=folder / "heads" / "m2m_01"), (asked,))
    assert [each.state for each in plan_for_each([person], dataset, folders)] == [DONE] * 3
    return person, folders


@pytest.mark.slow
def test_the_derivatives_are_a_dataset_that_the_validator_passes(kept):
    _, folders = kept
    assert faults_of(folders.derivatives) == []
    about = json.loads((folders.derivatives / "dataset_description.json").read_text())
    assert about["DatasetType"] == "derivative" and about["GeneratedBy"][0]["Name"] == "target"
    assert (folders.derivatives / about["DatasetLinks"]["raw"]).resolve() == folders.dataset.resolve()


@pytest.mark.slow
def test_plan_pages_and_positions_are_there_under_names_of_bids(kept):
    person, folders = kept
    nibs = folders.derivatives / "sub-01" / "nibs"
    plan = read_plan(nibs / "sub-01_desc-spot_plan.json")
    assert plan.subject == "sub-01" and len(plan.placements) == 2
    page = (nibs / "sub-01_desc-spot_report.html").read_text(encoding="utf-8")
    links = re.findall(r'href="([^"#:]+\.(?:html|tsv))[#"]', page)
    assert "sub-01_desc-spot_sheet.html" in links and all((nibs / each).is_file() for each in links)
    markers = nibs / "sub-01_task-spot_stimsys-tms_markers.tsv"
    session = session_from_string(markers.read_text(), str(markers))
    assert np.allclose([each.pose.matrix_mm for each in session.records], plan.poses_mm, atol=1e-6)
    assert (folders.derivatives / "sub-01/figures/sub-01_desc-headcheck_T1w.png").read_bytes().startswith(b"\x89PNG")
    subject = person.subject(folders)
    said = (nibs / "sub-01_head.json").read_text()  # a head that was given as a mesh comes from no raw image
    assert "Sources" not in json.loads(said) and str(subject.folder) not in said


@pytest.mark.slow
def test_what_an_earlier_run_left_of_a_plan_goes_and_nothing_else(kept):
    person, folders = kept
    nibs = folders.derivatives / "sub-01" / "nibs"
    before = {each.name: each.stat().st_mtime_ns for each in nibs.iterdir() if each.suffix == ".html"}
    old = nibs / "sub-01_desc-spot_localite_InstrumentMarker20200101000000000.xml"
    others = [nibs / "sub-01_desc-spotted_brainsight.txt", nibs / "notes.txt"]
    for each in (old, *others):
        each.write_text("of another time")
    write_plan_derivatives(person, person.subject(folders).of(PLAN), TMS, folders)
    assert not old.exists() and all(each.read_text() == "of another time" for each in others)
    assert {each.name: each.stat().st_mtime_ns for each in nibs.iterdir() if each.suffix == ".html"} == before
    for each in others:
        each.unlink()


@pytest.mark.slow
def test_what_is_left_of_another_head_goes_too(kept):
    person, folders = kept
    home = folders.derivatives / "sub-01"
    of_an_mri = [home / "anat/sub-01_desc-tissues_dseg.json", home / "anat/sub-01_hemi-L_pial.surf.gii"]
    mine = home / "anat" / "notes.txt"
    for each in (*of_an_mri, mine):
        each.parent.mkdir(exist_ok=True)
        each.write_text("{}")
    write_head_derivatives(person, person.subject(folders), folders)
    assert not any(each.exists() for each in of_an_mri) and mine.exists()
    assert (home / "nibs" / "sub-01_head.json").is_file()  # the head is a mesh
    mine.unlink()


@pytest.mark.slow
def test_a_field_names_its_unit_and_what_it_came_from(kept, tmp_path):
    person, folders = kept
    of_image = replace(person, head=HeadRequest(t1=folders.dataset / "sub-01/anat/sub-01_T1w.nii.gz"))
    elsewhere = replace(folders, derivatives=tmp_path / "out")
    write_plan_derivatives(of_image, person.subject(folders).of(PLAN), TMS, elsewhere)
    (sidecar,) = (tmp_path / "out/sub-01/nibs").glob("*_space-MNI152NLin2009aSym_desc-spot_efield.json")
    about = json.loads(sidecar.read_text())
    assert about["Units"] == "V/m" and about["Sources"] == ["bids:raw:sub-01/anat/sub-01_T1w.nii.gz"]


def test_tissues_are_kept_where_they_are(tmp_path):
    from meshes.formats.tissue_files import save_tissues

    fields = np.zeros((6, 7, 8, 7), np.float32)
    fields[..., 0] = 0.5
    fields[1:3, 2:3, 4:7, 1] = 1.0  # white matter in an asymmetric block
    affine = np.array([[-1.5, 0, 0, 20], [0, 0.9, 0.1, -30], [0, -0.1, 0.9, 4], [0, 0, 0, 1.0]])
    save_tissues(Tissues(fields, affine), tmp_path / "tissues.npz")
    _write_tissues(tmp_path / "tissues.npz", tmp_path / "dseg.nii.gz")
    image = nib.load(tmp_path / "dseg.nii.gz")
    assert np.allclose(image.affine, affine) and image.header["sform_code"] == 1
    assert (np.asarray(image.dataobj) == (fields[..., 1] > 0.5)).all()


def test_two_plans_have_two_labels():
    assert label_of("m1-hand-left") == "m1handleft" and label_of("ras_-40_20") == "ras4020"
