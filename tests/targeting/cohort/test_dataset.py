"""A BIDS dataset as plans need it: who is in it, which image counts, and what is refused in a line."""

import json

import pytest
from cohort_data import write_dataset, write_image

from meshes.errors import InputError
from targeting.cohort.dataset import Dataset, read_table


def participant(root, names, label="01", **choices):
    write_dataset(root, images=[f"sub-01/{name}" for name in names])
    return Dataset.at(root).participant(label, **choices)


def test_people_are_found_with_or_without_sub(tmp_path):
    dataset = Dataset.at(write_dataset(tmp_path, ("02", "01", "A7")))
    assert dataset.labels == ("01", "02", "A7") and dataset.name == "made-up people"
    assert dataset.asked(["sub-A7", "01", "01"]) == ("A7", "01") and dataset.asked() == dataset.labels
    with pytest.raises(InputError, match=r"has no sub-03; it has 01, 02, A7"):
        dataset.asked(["03"])


@pytest.mark.parametrize(
    ("names", "taken", "why"),
    [
        (["anat/sub-01_T1w.nii.gz"], "sub-01_T1w.nii.gz", "sub-01_T1w.nii.gz"),
        (["anat/sub-01_run-02_T1w.nii.gz", "anat/sub-01_run-10_T1w.nii"], "sub-01_run-02_T1w.nii.gz", "of the first run"),
        (["anat/sub-01_ce-gd_T1w.nii.gz", "anat/sub-01_acq-x_T1w.nii.gz"], "sub-01_acq-x_T1w.nii.gz", "without a contrast"),
        (["anat/sub-01_acq-x_T1w.nii.gz", "anat/sub-01_T1w.nii.gz"], "sub-01_T1w.nii.gz", "no special acquisition"),
        (["anat/sub-01_rec-norm_T1w.nii.gz", "anat/sub-01_T1w.nii.gz"], "sub-01_T1w.nii.gz", "not reconstructed"),
        (["anat/sub-01_part-phase_T1w.nii.gz", "anat/sub-01_acq-x_T1w.nii.gz"], "sub-01_acq-x_T1w.nii.gz", "magnitude"),
        (
            ["ses-b/anat/sub-01_ses-b_T1w.nii.gz", "ses-a/anat/sub-01_ses-a_run-2_T1w.nii.gz"],
            "sub-01_ses-a_run-2_T1w.nii.gz",
            "of the first session",
        ),
        (
            ["ses-10/anat/sub-01_ses-10_T1w.nii.gz", "ses-2/anat/sub-01_ses-2_T1w.nii.gz"],
            "sub-01_ses-2_T1w.nii.gz",
            "of the first session",
        ),
    ],
)  # fmt: skip
def test_the_image_is_chosen_by_rules_that_are_told(tmp_path, names, taken, why):
    found = participant(tmp_path, names)
    assert found.t1.name == taken and why in found.chosen


def test_two_that_the_rules_do_not_tell_apart_are_none(tmp_path):
    found = participant(tmp_path, ["anat/sub-01_acq-a_T1w.nii.gz", "anat/sub-01_acq-b_T1w.nii.gz"])
    assert found.t1 is None and "acq-a" in found.chosen and "acq-b" in found.chosen and "table" in found.chosen


def test_a_session_is_asked_for_and_stands_in_names(tmp_path):
    names = ["ses-a/anat/sub-01_ses-a_T1w.nii.gz", "ses-b/anat/sub-01_ses-b_T1w.nii.gz"]
    found = participant(tmp_path, names, session="ses-b")
    assert (found.name, found.place.as_posix(), found.session) == ("sub-01_ses-b", "sub-01/ses-b", "b")
    assert Dataset.at(tmp_path).participant("01", session="c").t1 is None


def test_a_t2_counts_if_it_is_fine_and_of_the_same_session(tmp_path):
    names = ["ses-a/anat/sub-01_ses-a_T1w.nii.gz", "ses-b/anat/sub-01_ses-b_T2w.nii.gz"]
    assert participant(tmp_path, names).t2 is None
    fine = write_image(tmp_path / "sub-01/ses-a/anat/sub-01_ses-a_acq-fine_T2w.nii.gz")
    write_image(tmp_path / "sub-01/ses-a/anat/sub-01_ses-a_T2w.nii.gz", voxel_mm=4.0)
    dataset = Dataset.at(tmp_path)
    assert dataset.participant("01").t2 == fine
    assert dataset.participant("01", with_t2=False).t2 is None


def test_tables_leave_out_what_is_not_known(tmp_path):
    path = tmp_path / "participants.tsv"
    path.write_text("participant_id\tage\tpain_side\nsub-01\tn/a\tleft\n02\t\tR\n")
    columns, rows = read_table(path)
    assert columns == ("participant_id", "age", "pain_side")
    assert rows == {"01": {"pain_side": "left"}, "02": {"pain_side": "R"}}


@pytest.mark.parametrize(
    ("text", "why"),
    [("id\tage\n1\t2\n", "no column participant_id"), ("participant_id\nsub-01\n01\n", "names sub-01 twice")],
)
def test_a_table_that_cannot_be_used_is_refused(tmp_path, text, why):
    path = tmp_path / "people.tsv"
    path.write_text(text)
    with pytest.raises(InputError, match=why):
        read_table(path)


def test_what_is_no_dataset_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"is no BIDS dataset: there is no .*dataset_description\.json"):
        Dataset.at(tmp_path / "nothing")
    root = write_dataset(tmp_path / "derived")
    (root / "dataset_description.json").write_text(json.dumps({"Name": "x", "DatasetType": "derivative"}))
    with pytest.raises(InputError, match="holds derivatives, not raw data"):
        Dataset.at(root)
    (root / "dataset_description.json").write_text("[1")
    with pytest.raises(InputError, match="is damaged"):
        Dataset.at(root)
    empty = tmp_path / "empty"
    empty.mkdir()
    (empty / "dataset_description.json").write_text('{"Name": "x"}')
    with pytest.raises(InputError, match="nobody is in it"):
        Dataset.at(empty)
