"""A table of responses: units that are said, commas of both kinds, and which row belongs to which pulse."""

import numpy as np
import pytest

from meshes import InputError
from targeting.mapping.emg_table import read_table, rows_of_pulses
from targeting.navigation.records import PULSE, Record


def table(tmp_path, text):
    path = tmp_path / "responses.tsv"
    path.write_text(text, encoding="utf-8")
    return read_table(path)


def pulses(*times_s):
    return [Record(PULSE, i, f"pulse {i}", None, time_s=at) for i, at in enumerate(times_s, start=1)]


@pytest.mark.parametrize(
    "text",
    [
        "mep_uv\n120\n1500.5\n",
        "MEP [µV]\tcomment\n120\tgood\n1500.5\t\n",
        "mep_mv\n0.12\n1.5005\n",
        "mep_mv\tmuscle\n0,12\tFDI\n1,5005\tFDI\n",  # decimal commas
        "pulse;MEP (mV)\n1;0,12\n2;1,5005\n",
        "mep_uv,muscle\n120,FDI\n1500.5,FDI\n",  # commas between the cells
    ],
)
def test_amplitudes_in_microvolts(tmp_path, text):
    assert table(tmp_path, text).mep_uv.tolist() == pytest.approx([120.0, 1500.5])


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("mep\n120\n", "the column 'mep' has no unit"),
        ("amplitude\n120\n", "it has no amplitudes"),
        ("mep_uv\tmep_mv\n120\t0.12\n", "both mep_uv and mep_mv"),
        ("mep_uv\tmep_uv\n120\t130\n", "the column mep_uv twice"),
        ("mep_uv\n-3\n", "negative"),
        ("mep_mv\n120\n", "120 mV, more than any muscle's"),
        ("mep_uv\n1,200\n2,400\n", "could be a thousand or a fraction"),
        ("mep_uv\nhigh\n", "'high' in mep_uv is no number"),
        ("mep_uv\ninf\n", "infinite"),
        ("mep_uv\tpulse\n120\n", "row 2 has 1 cells"),
        ("mep_uv\n", "has no rows"),
    ],
)
def test_what_cannot_be_told_is_refused(tmp_path, text, why):
    with pytest.raises(InputError, match=why):
        table(tmp_path, text)


def test_an_empty_cell_is_no_response(tmp_path):
    assert np.isnan(table(tmp_path, "mep_uv\tpulse\n120\t1\nn/a\t2\n").mep_uv).tolist() == [False, True]


def test_rows_by_order_only_where_the_counts_agree(tmp_path):
    found = table(tmp_path, "mep_uv\n1\n2\n3\n")
    assert rows_of_pulses(found, pulses(np.nan, np.nan, np.nan), "s.xml").tolist() == [0, 1, 2]
    with pytest.raises(InputError, match=r"3 rows and s\.xml 4 pulses"):
        rows_of_pulses(found, pulses(*[np.nan] * 4), "s.xml")


def test_rows_by_the_pulses_number(tmp_path):
    found = table(tmp_path, "pulse\tmep_uv\n3\t30\n1\t10\n")
    assert rows_of_pulses(found, pulses(0, 5, 10), "s.xml").tolist() == [1, -1, 0]
    with pytest.raises(InputError, match="a row for pulse 3"):
        rows_of_pulses(found, pulses(0, 5), "s.xml")
    with pytest.raises(InputError, match="names a pulse twice"):
        rows_of_pulses(table(tmp_path, "pulse\tmep_uv\n1\t30\n1\t10\n"), pulses(0, 5), "s.xml")


def test_rows_by_time_whatever_the_clocks_begin_with(tmp_path):
    at = [0.0, 5.1, 11.3, 15.9, 22.0]
    rows = "".join(f"{each + 100.02}\t{each}\n" for each in (5.1, 11.3, 22.0))
    found = table(tmp_path, "time_s\tmep_uv\n" + rows)
    assert rows_of_pulses(found, pulses(*at), "s.xml").tolist() == [-1, 0, 1, -1, 2]


def test_times_that_fit_in_no_or_in_several_ways_are_refused(tmp_path):
    regular = table(tmp_path, "time_s\tmep_uv\n0\t1\n5\t2\n10\t3\n")
    with pytest.raises(InputError, match="in several ways"):
        rows_of_pulses(regular, pulses(0, 5, 10, 15), "s.xml")
    assert rows_of_pulses(regular, pulses(50, 55, 60), "s.xml").tolist() == [0, 1, 2]
    with pytest.raises(InputError, match="in no way"):
        rows_of_pulses(regular, pulses(0, 7, 13), "s.xml")
