"""What tables say of each person: sides as people write them, files beside the table, and nothing that is not known."""

import pytest
from cohort_data import write_dataset

from meshes.errors import InputError
from targeting.cohort.dataset import Dataset
from targeting.cohort.people import words_from_participants, words_from_table

ROWS = [
    ("participant_id", "pain_side", "motor_threshold"),
    ("sub-01", "L", "52"),
    ("sub-02", "Right", "n/a"),
]


def test_columns_of_participants_become_options(tmp_path):
    dataset = Dataset.at(write_dataset(tmp_path, rows=ROWS))
    said = words_from_participants(dataset, {"pain-side": "pain_side", "rmt": "motor_threshold"})
    assert said == {"01": {"pain-side": "left", "rmt": "52"}, "02": {"pain-side": "right"}}
    with pytest.raises(InputError, match=r"unknown column of participants.tsv 'painside', did you mean 'pain_side'"):
        words_from_participants(dataset, {"pain-side": "painside"})


def test_a_side_that_is_neither_is_refused(tmp_path):
    dataset = Dataset.at(write_dataset(tmp_path, rows=[*ROWS[:2], ("sub-02", "both", "40")]))
    with pytest.raises(InputError, match="sub-02: pain-side is 'both'"):
        words_from_participants(dataset, {"pain-side": "pain_side"})


def test_no_table_is_told(tmp_path):
    with pytest.raises(InputError, match=r"has no participants\.tsv"):
        words_from_participants(Dataset.at(write_dataset(tmp_path)), {"side": "side"})


def test_a_table_of_ones_own(tmp_path):
    path = tmp_path / "people.tsv"
    path.write_text("participant_id\tpain_side\thead\taccept\nsub-01\tr\theads/one.msh\tseen\n")
    said = words_from_table(path, ["01", "02"])
    assert said == {"01": {"pain-side": "right", "head": str(tmp_path / "heads/one.msh")}}
    path.write_text("participant_id\trtm\nsub-01\t40\n")
    with pytest.raises(InputError, match=r"unknown column of people\.tsv 'rtm'"):
        words_from_table(path, ["01"])
    path.write_text("participant_id\tside\nsub-09\tleft\n")
    with pytest.raises(InputError, match="names sub-09, who is not in the dataset"):
        words_from_table(path, ["01"])
