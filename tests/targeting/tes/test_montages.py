"""Named montages: their shares, their mirror images, and how they lie on a head."""

import csv
import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlases.scalp_positions import ScalpPositions
from atlases.ten_ten import TEN_TEN
from cli.main import run
from meshes import InputError
from targeting.records.montage import PlanElectrode
from targeting.tes.montage_files import write_montage_table
from targeting.tes.montages import STANDARD, NamedMontage, mirror, montage_named, montages, placed, read_montage


def test_every_montage_is_of_10_10_positions_says_its_paper_and_sums_to_zero():
    for named in montages().values():
        assert set(named.shares) <= set(TEN_TEN)
        assert sum(named.currents_ma.values()) == pytest.approx(0, abs=1e-12)
        assert sum(ma for ma in named.currents_ma.values() if ma > 0) == pytest.approx(named.current_ma)
        assert named.paper and named.checked and named.note and named.title
        assert set(named.angles_deg) <= set(named.shares)


def test_the_standard_is_c3_to_the_other_brow_and_mirrors():
    left, right = montage_named(STANDARD), montage_named(STANDARD, "right")
    assert left.currents_ma == {"C3": 2.0, "Fp2": -2.0}
    assert right.currents_ma == {"C4": 2.0, "Fp1": -2.0}
    assert left.angles_deg == {"Fp2": 90.0} and right.angles_deg == {"Fp1": -90.0}
    assert left.size_mm == (50.0, 70.0)
    assert right.on("right") is right


def test_each_dlpfc_montage_is_named_after_its_own_source_and_what_is_proposed_here_says_so():
    assert montage_named("dlpfc-so").currents_ma == {"F3": 2.0, "Fp2": -2.0}
    assert "Valle et al. 2009" in montage_named("dlpfc-so").paper and "Valle" not in montage_named("bifrontal").paper
    assert montage_named("bifrontal").currents_ma == {"F3": 2.0, "F4": -2.0}  # the old name still works
    proposed = {name for name, each in montages().items() if not each.published}
    assert (
        proposed
        == {"hd-opi-4x1", "hd-opi-ap"}
        == {n for n, each in montages().items() if each.paper.startswith("none")}
    )


def test_a_list_marks_what_is_unpublished(capfd):
    assert run(["montages", "list"]) == 0
    out = capfd.readouterr().out
    assert out.count("UNPUBLISHED") == 2 and out.index("hd-opi-4x1") < out.index("UNPUBLISHED")


@given(st.sampled_from(TEN_TEN))
def test_mirroring_twice_changes_nothing_and_once_the_side(name):
    assert mirror(mirror(name)) == name
    assert (mirror(name) == name) == (not name[-1].isdigit())
    assert mirror(name) in TEN_TEN


def test_a_montage_whose_currents_do_not_close_is_refused():
    named = montages()["m1-so"]
    with pytest.raises(InputError, match="not 1, -1"):
        dataclasses.replace(named, shares={"C3": 1.0, "Fp2": -0.9})
    with pytest.raises(InputError, match="did you mean 'm1-so'"):
        montage_named("m1so")


def test_placed_puts_c3_on_the_left():
    points = np.array([[-68.0, -11, 61], [68, -11, 62], [30, 82, -8], [-29, 82, -9]])
    cap = ScalpPositions(("C3", "C4", "Fp2", "Fp1"), ("Electrode",) * 4, points)
    left = placed(montage_named(STANDARD), cap)
    assert left.names == ("C3", "Fp2") and left.currents_a.tolist() == [0.002, -0.002]
    assert left.electrodes[0].center_mm[0] < 0 < left.electrodes[1].center_mm[0]
    assert left.electrodes[1].angle_deg == 90
    right = placed(montage_named(STANDARD, "right"), cap)
    assert right.electrodes[0].center_mm[0] > 0 > right.electrodes[1].center_mm[0]
    with pytest.raises(InputError, match="unknown scalp position 'Cz'"):
        placed(montage_named("hd-4x1"), cap)


def laid(name, x, current_ma, shape="rectangle", size=(50.0, 70.0)):
    axis = np.array([0.3, 0.2, 0.5]) / np.linalg.norm([0.3, 0.2, 0.5])
    far = (101.0, 152.0, 83.4, 190.1)
    return PlanElectrode(name, [x, -11.25, 61.5], current_ma, shape, list(size), axis.tolist(), 3500.0, 0.57, *far)


def test_the_table_comes_back_as_the_same_montage(tmp_path):
    rows = [laid("C3", -68.125, 1.5), laid("C4", 67.5, 0.5, "disc", (12.0,)), laid("Fp2", 30.0, -2.0)]
    write_montage_table(tmp_path / "own.csv", rows)
    back = read_montage(tmp_path / "own.csv")
    assert back.name == "own" and back.names == ("C3", "C4", "Fp2")
    assert back.currents_a * 1e3 == pytest.approx([1.5, 0.5, -2.0])
    for row, electrode in zip(rows, back.electrodes, strict=True):
        assert electrode.center_mm == pytest.approx(row.scalp_mm, abs=1e-3)
        assert (electrode.shape, list(electrode.size_mm)) == (row.shape, row.size_mm)
        away = electrode.toward_mm - electrode.center_mm
        assert away / np.linalg.norm(away) == pytest.approx(row.y_axis, abs=1e-5)
    with (tmp_path / "own.csv").open() as file:
        first = next(csv.DictReader(file))
    assert float(first["x_mm"]) < 0 and first["from_nasion_mm"] == "101.0"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name,x_mm\nC3,1\n", "lacks y_mm"),
        ("name,x_mm,y_mm,z_mm,current_ma,shape,size_mm\nC3,one,2,3,2,disc,12\n", "line 2"),
        ("name,x_mm,y_mm,z_mm,current_ma,shape,size_mm\nC3,1,2,3,2,disc,12\nC4,4,2,3,-1,disc,12\n", "sum to zero"),
        (
            "name,x_mm,y_mm,z_mm,current_ma,shape,size_mm\nC3,1,2,3,0,disc,12\nC4,4,2,3,0,disc,12\n",
            "current_ma is 0 everywhere",
        ),
        ("name,x_mm,y_mm,z_mm,current_ma,shape,size_mm\nC3,1,2,3,2,dsic,12\nC4,4,2,3,-2,disc,12\n", "did you mean"),
    ],
)
def test_a_table_that_is_no_montage_is_one_line(tmp_path, text, message):
    (tmp_path / "bad.csv").write_text(text)
    with pytest.raises(InputError, match=message):
        read_montage(tmp_path / "bad.csv")


def test_named_montages_are_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        montages()["m1-so"].current_ma = 4.0
    assert isinstance(montages()["m1-so"], NamedMontage)
