"""Electrode caps: SimNIBS' rows are read, what is written is read again, bad rows are one line."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atlases.scalp_positions import KINDS, ScalpPositions, read_scalp_positions, write_scalp_positions
from meshes import InputError

CAP = """Electrode,-67.72212712722029,-11.278378194600045,61.153962198662661,C3
Electrode,68.446064746371547,-11.246361918736421,61.955792935988683,C4
ReferenceElectrode,0.036464278783968559,-8.2215173688495238,97.345154973377007,Cz
Electrode,-48.5800,-13.0100,80.8400,-42.6000,-1.7700,81.4900,left M1
Electrode,1.686586934503453,-13.729445960992331,98.26390690517681,1
Electrode,0.0,-116.2,-30.5,Iz
Fiducial,0.0,-116.3,-30.5,Iz,a comment,3
Fiducial,-79.6,-20.6,-48.6,LPA

CoilPos,-49.1867,-12.2630,80.1565,0.5980,-0.2258,-0.7691,0.5289,0.8321,0.1670,4,left M1
Generic,1,2,3
"""


def test_simnibs_rows(tmp_path, caplog):
    path = tmp_path / "cap.csv"
    for text in (CAP, "Type,X,Y,Z,Name\n" + CAP, "\ufeff" + CAP.replace("\n", "\r\n"), CAP.replace(",", " , ")):
        path.write_text(text, encoding="utf-8", newline="")
        with caplog.at_level("INFO"):
            cap = read_scalp_positions(path)
        assert cap.names == ("C3", "C4", "Cz", "left M1", "1", "Iz", "Iz", "LPA", "")
        assert [KINDS.index(kind) for kind in cap.kinds] == [0, 0, 1, 0, 0, 0, 2, 2, 3]
        assert cap.point_mm("C3")[0] < -60 < 60 < cap.point_mm("c4")[0]  # left is left
        assert cap.point_mm("iz")[1] == -116.2  # the electrode, not the fiducial
        assert cap.of_kind("Fiducial").point_mm("Iz")[1] == -116.3
        assert cap.toward_mm[3].tolist() == [-42.6, -1.77, 81.49]
        assert np.isnan(np.delete(cap.toward_mm, 3, axis=0)).all()
        assert "left out 1 coil position" in caplog.text


coordinates = st.floats(-1000, 1000, allow_subnormal=False)
points = st.tuples(coordinates, coordinates, coordinates)
names = st.text(st.characters(exclude_categories=("C", "Z")), max_size=8) | st.integers(0, 99).map(str)


@settings(max_examples=60, deadline=None)
@given(rows=st.lists(st.tuples(st.sampled_from(KINDS), points, st.none() | points, names), min_size=1, max_size=8))
def test_round_trip(tmp_path_factory, rows):
    kinds, where, toward, called = zip(*rows, strict=True)
    nowhere = (np.nan,) * 3
    second = [t if t and k.endswith("Electrode") else nowhere for k, t in zip(kinds, toward, strict=True)]
    cap = ScalpPositions(called, kinds, np.array(where), np.array(second))
    path = tmp_path_factory.mktemp("cap") / "cap.csv"
    write_scalp_positions(cap, path)
    again = read_scalp_positions(path)
    assert (again.names, again.kinds) == (called, kinds)
    np.testing.assert_array_equal(again.points_mm, cap.points_mm)
    np.testing.assert_array_equal(again.toward_mm, cap.toward_mm)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "holds no scalp positions"),
        ("Type,x,y,z,name\n", "holds no scalp positions"),
        ("CoilPos,0,0,0,1,0,0,0,1,0,4,M1\n", "holds no scalp positions"),
        ("Electrode,1,2,3,A\nElectrode,1,two,3,B\n", "line 2"),
        ("Electrode,1,2,3,A\nPad,1,2,3,B\n", "line 2"),
        ("Electrode,1,2\n", "line 1"),
        ("Electrode,1,2,nan,A\n", "line 1"),
        ("Electrode,67000,2,3,A\n", "line 1"),
    ],
)
def test_bad_files_are_one_line(tmp_path, text, says):
    path = tmp_path / "cap.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=says) as error:
        read_scalp_positions(path)
    assert "cap.csv" in str(error.value) and "\n" not in str(error.value)


def test_no_file_no_text_no_name(tmp_path):
    with pytest.raises(InputError, match="No such file"):
        read_scalp_positions(tmp_path / "none.csv")
    (tmp_path / "image.csv").write_bytes(bytes(range(256)))
    with pytest.raises(InputError, match="no text"):
        read_scalp_positions(tmp_path / "image.csv")
    cap = ScalpPositions(("C3", "C4"), ("Electrode",) * 2, np.zeros((2, 3)))
    with pytest.raises(InputError, match="valid: C3, C4"):
        cap.point_mm("C5")
    with pytest.raises(InputError, match="one of each"):
        ScalpPositions(("C3",), ("Electrode",), np.zeros((2, 3)))
    with pytest.raises(InputError, match="only electrodes"):
        ScalpPositions(("Nz",), ("Fiducial",), np.zeros((1, 3)), np.ones((1, 3)))


def test_a_point_may_stand_for_a_name():
    cap = ScalpPositions(("C3",), ("Electrode",), np.array([[-68.0, -11, 61]]))
    assert cap.point_mm("mm:-60,10.5,55").tolist() == [-60, 10.5, 55]
    for wrong in ("mm:1,2", "mm:a,b,c", "mm:1,2,nan", "mm:60000,0,0"):
        with pytest.raises(InputError, match="mm:x,y,z"):
            cap.point_mm(wrong)
