"""The steps of one person's work: in order, what goes wrong stays with that person and is one line."""

from pathlib import Path

import pytest
from cohort_data import write_dataset

from meshes.errors import InputError, WriteError
from targeting.cohort import person as steps
from targeting.cohort.dataset import Dataset
from targeting.cohort.in_turn import work_in_turn
from targeting.cohort.participant_level import plan_for_each
from targeting.cohort.person import DANGER, DONE, FAILED, REFUSED, Folders, Outcome, Person, do, plain
from targeting.cohort.workers import Capacity
from targeting.study.request import HeadRequest
from targeting.study.tms_request import TmsRequest


@pytest.fixture
def folders(tmp_path):
    dataset = write_dataset(tmp_path / "data", ("01", "02", "03"))
    return Folders(dataset, tmp_path / "out", tmp_path / "work")


def people(folders):
    dataset = Dataset.at(folders.dataset)
    found = [dataset.participant(label) for label in dataset.labels]
    return [Person(each, HeadRequest(t1=each.t1), (TmsRequest(side="left"),)) for each in found]


def standing_in(monkeypatch, **functions):
    """Steps that do nothing but what is given, by the name of the step: a function of the person."""

    def step(name):
        def work(person, folders, before):
            result = functions[name](person) if name in functions else None
            return result if isinstance(result, Outcome) else before

        return work

    monkeypatch.setattr(steps, "STEPS", {name: step(name) for name in steps.STEPS})


def raising(label, error):
    def work(person):
        if person.name == f"sub-{label}":
            raise error

    return work


def test_what_one_person_fails_at_stops_nobody_else(monkeypatch, folders):
    faults = {
        "head": raising("01", InputError("the image is a phantom's")),
        "plan": raising("02", ZeroDivisionError("a fault\nof ours")),
    }
    standing_in(monkeypatch, **faults)
    outcomes = list(work_in_turn(people(folders), folders, Capacity()))
    last = {each.name: each for each in outcomes}
    assert [(each.step, each.state, each.exit_code) for each in last.values()] == [
        ("head", REFUSED, 2),
        ("plan", FAILED, 1),
        ("derivatives", DONE, 0),
    ]
    assert last["sub-01"].words == "the image is a phantom's"
    assert last["sub-02"].words.startswith("ZeroDivisionError: a fault (log: ")
    assert "of ours" in Path(last["sub-02"].words.split("log: ")[1].rstrip(")")).read_text()
    kept = {each.stem: Outcome.load(each) for each in (folders.work / "outcomes").iterdir()}
    assert kept == last
    assert plain(last["sub-01"])["exit_code"] == 2


def test_a_full_disk_is_one_line(monkeypatch, folders):
    standing_in(monkeypatch, head=raising("01", WriteError("cannot write in x: no space left")))
    outcome = do("head", people(folders)[0], folders)
    assert (outcome.state, outcome.words) == (FAILED, "cannot write in x: no space left")


def test_a_danger_is_told_and_kept(monkeypatch, folders):
    standing_in(
        monkeypatch, plan=lambda person: Outcome(person.name, "plan", DANGER, "DANGER too much", ("m1-hand-left",))
    )
    *_, last = work_in_turn(people(folders)[:1], folders, Capacity())
    assert (last.state, last.exit_code, last.plans, last.step) == (DANGER, 3, ("m1-hand-left",), "derivatives")


def test_who_has_no_image_is_refused_and_the_others_go_on(monkeypatch, folders):
    (folders.dataset / "sub-02/anat/sub-02_T1w.nii.gz").unlink()
    not_fetched = folders.dataset / "sub-03/anat/sub-03_T1w.nii.gz"
    not_fetched.unlink()
    not_fetched.symlink_to("../../.git/annex/objects/of-another-disk")
    standing_in(monkeypatch)
    last = {each.name: each for each in plan_for_each(people(folders), Dataset.at(folders.dataset), folders)}
    assert [last[f"sub-{label}"].state for label in ("01", "02", "03")] == [DONE, REFUSED, REFUSED]
    assert "no T1w image" in last["sub-02"].words and "datalad get" in last["sub-03"].words


def test_folders_that_would_spoil_the_dataset_are_refused(folders, tmp_path):
    dataset = Dataset.at(folders.dataset)
    wrong = (
        (Folders(folders.dataset, folders.dataset, tmp_path / "work"), "holds the dataset itself"),
        (Folders(folders.dataset, tmp_path, tmp_path / "work"), "holds the dataset itself"),
        (Folders(folders.dataset, tmp_path / "out", folders.dataset), "holds the dataset itself"),
        (Folders(folders.dataset, tmp_path / "out", tmp_path / "out"), "cannot be the derivatives' own"),
    )
    for each, why in wrong:
        with pytest.raises(InputError, match=why):
            list(plan_for_each([], dataset, each))


def test_the_derivatives_of_another_program_stay_its_own(folders, tmp_path):
    out = tmp_path / "fmriprep"
    out.mkdir()
    about = '{"Name": "fMRIPrep", "DatasetType": "derivative", "GeneratedBy": [{"Name": "fMRIPrep"}]}'
    (out / "dataset_description.json").write_text(about)
    with pytest.raises(InputError, match="is a dataset of something else"):
        list(plan_for_each([], Dataset.at(folders.dataset), Folders(folders.dataset, out, tmp_path / "work")))
    assert (out / "dataset_description.json").read_text() == about


def test_unknown_workers_are_refused(folders):
    with pytest.raises(InputError, match="unknown kind of workers 'dusk', did you mean 'dask'"):
        list(plan_for_each([], Dataset.at(folders.dataset), folders, "dusk"))
