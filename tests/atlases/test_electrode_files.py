"""Electrode positions from files: units, frames and landmarks, on a ball where left is not right."""

import json

import numpy as np
import pytest
from heads import layered_ball

from atlases.electrode_files import files_read, placed, read_electrodes
from atlases.fiducials import Fiducials
from atlases.scalp import Scalp
from atlases.warp import MniWarp
from meshes.errors import InputError

FIDUCIALS = Fiducials([0, 92, 0], [0, -92, 0], [-92, 0, 0], [92, 0, 0])
ELECTRODES = {"C3": [-55.2, 5, 73.4], "Fp2": [30, 80, 34], "Left": [-80, -20, 40]}
LANDMARKS = {"nasion": [0, 92, 0], "lpa": [-92, 0, 0], "rpa": [92, 0, 0]}
TURN = np.array([[0, 1, 0], [-1, 0, 0], [0, 0, 1.0]])  # head frames have x to the nose, y to the left ear
SHIFT = np.array([0, 0, -12.0])


@pytest.fixture(scope="module")
def ball():
    return Scalp.of(layered_ball(9.0))


def in_head_frame(point, unit=1.0):
    return (np.array(point) @ TURN.T + SHIFT) / unit


def assert_placed(cap, names=("C3", "Fp2")):
    for name in names:
        there = 92 * np.array(ELECTRODES[name]) / np.linalg.norm(ELECTRODES[name])
        assert np.linalg.norm(cap.point_mm(name) - there) < 3.0, name


def text(unit, line):
    rows = {**{"nasion": LANDMARKS["nasion"], "left": LANDMARKS["lpa"], "right": LANDMARKS["rpa"]}}
    marks = [line(name, in_head_frame(point, unit)) for name, point in rows.items()]
    named = {k: v for k, v in ELECTRODES.items() if k != "Left"}
    return marks + [line(name, in_head_frame(point, unit)) for name, point in named.items()]


def write_digitised(path, unit):
    def numbers(point):
        return " ".join(f"{x:.5f}" for x in point)

    if path.suffix == ".pos":
        lines = ["5", *text(unit, lambda name, p: f"{name}\t{numbers(p)}")]
    elif path.suffix == ".sfp":
        names = {"nasion": "fidnz", "left": "fidt9", "right": "fidt10"}
        lines = text(unit, lambda name, p: f"{names.get(name, name)} {numbers(p)}")
    elif path.suffix == ".elc":
        names = {"nasion": "Nz", "left": "LPA", "right": "RPA"}
        rows = text(unit, lambda name, p: (names.get(name, name), numbers(p)))
        lines = ["# ASA", "UnitPosition mm", "Positions", *(p for _, p in rows), "Labels", *(n for n, _ in rows)]
    else:
        names = {"nasion": "cardinal 2", "left": "cardinal 1", "right": "cardinal 3"}
        lines = ["# MNE", *text(unit, lambda name, p: f"{names.get(name, 'eeg ' + name)} {numbers(p)}")]
        lines.append("hpi 1 1.0 2.0 3.0")
    path.write_text("\n".join(lines) + "\n")


@pytest.mark.parametrize("suffix", [".pos", ".sfp", ".elc", ".hpts"])
@pytest.mark.parametrize("unit", [1.0, 10.0, 1000.0], ids=["mm", "cm", "m"])
def test_a_digitiser_is_laid_on_the_head_by_its_landmarks(ball, tmp_path, suffix, unit):
    path = tmp_path / f"cap{suffix}"
    write_digitised(path, unit)
    file = read_electrodes(path)
    assert file.needs_registration and file.fiducials is None and set(file.names) == {"C3", "Fp2"}
    assert_placed(placed(file, ball, FIDUCIALS, None))


@pytest.mark.parametrize("count", ["7\n", ""], ids=["count", "no-count"])
def test_polhemus_numbers_stand_before_names_and_alone_for_the_shape_of_the_head(tmp_path, count):
    path = tmp_path / "cap.pos"
    rows = "1 Fp1 9 3 4\n2 17 8 4 5\n3 7 5 5\nHPI-L 1 2 3\nnasion 9.2 0 0\nleft 0 9.2 0\nright 0 -9.2 0\n"
    path.write_text(count + rows)
    file = read_electrodes(path)
    assert file.names == ("Fp1", "17")
    assert file.points_mm.tolist() == [[90, 30, 40], [80, 40, 50]]


@pytest.mark.parametrize("header", ["", "name,x,y,z\n"])
def test_a_table_is_in_the_frame_of_the_t1(ball, tmp_path, header):
    path = tmp_path / "own.csv"
    path.write_text(header + "\n".join(f"{name},{x},{y},{z}" for name, (x, y, z) in ELECTRODES.items()))
    file = read_electrodes(path)
    assert file.fiducials is None
    assert_placed(placed(file, ball, FIDUCIALS, None), ELECTRODES)


def test_a_table_may_bring_the_fiducials(tmp_path):
    path = tmp_path / "own.csv"
    rows = {"C3": ELECTRODES["C3"], "Nz": [0, 90, 1], "Iz": [0, -91, 2], "LPA": [-90, 0, 3], "RPA": [91, 0, 4]}
    path.write_text("\n".join(f"{name},{x},{y},{z}" for name, (x, y, z) in rows.items()))
    file = read_electrodes(path)
    assert file.names == ("C3", "Iz")
    assert file.fiducials.rpa_mm.tolist() == [91, 0, 4] and "own.csv" in file.fiducials.source
    path.write_text("C3,-55,5,73\nNz,0,90,1\nLPA,-90,0,3\n")
    with pytest.raises(InputError, match="lack inion, rpa"):
        _ = read_electrodes(path).fiducials


def test_simnibs_caps_bring_theirs(tmp_path):
    path = tmp_path / "cap.csv"
    rows = ["Electrode,-55.2,5,73.4,C3", "Fiducial,0,90,1,Nz", "Fiducial,0,-91,2,Iz", "Fiducial,-90,0,3,LPA"]
    path.write_text("\n".join([*rows, "Fiducial,91,0,4,RPA"]))
    file = read_electrodes(path)
    assert file.names == ("C3",) and file.fiducials.inion_mm.tolist() == [0, -91, 2]


def bids(folder, unit=1.0, points=None, **system):
    path = folder / "sub-01_electrodes.tsv"
    rows = "".join(f"{n}\t{x}\t{y}\t{z}\n" for n, (x, y, z) in (points or ELECTRODES).items())
    path.write_text("name\tx\ty\tz\n" + rows + "GND\tn/a\tn/a\tn/a\n")
    names = {1.0: "mm", 10.0: "cm", 1000.0: "m"}
    told = {"EEGCoordinateUnits": names[unit], **system}
    (folder / "sub-01_coordsystem.json").write_text(json.dumps(told))
    return path


def test_bids_says_unit_and_frame(ball, tmp_path):
    metres = {name: (np.array(point) / 1000).tolist() for name, point in ELECTRODES.items()}
    path = bids(tmp_path, 1000.0, metres, EEGCoordinateSystem="T1w")
    assert sorted(files_read(path)) == ["coordsystem", "positions"]
    file = read_electrodes(path)
    assert file.names == tuple(ELECTRODES)
    assert_placed(placed(file, ball, FIDUCIALS, None), ELECTRODES)


def test_bids_in_a_frame_of_landmarks(ball, tmp_path):
    points = {name: in_head_frame(point, 10.0).tolist() for name, point in ELECTRODES.items()}
    marks = {
        name: in_head_frame(LANDMARKS[word], 10.0).tolist()
        for name, word in (("NAS", "nasion"), ("LPA", "lpa"), ("RPA", "rpa"))
    }
    told = {"EEGCoordinateSystem": "CTF", "AnatomicalLandmarkCoordinates": marks}
    path = bids(tmp_path, 10.0, points, **told)
    assert_placed(placed(read_electrodes(path), ball, FIDUCIALS, None), ELECTRODES)
    path = bids(tmp_path, 10.0, points, **told, AnatomicalLandmarkCoordinateSystem="CapTrak")
    with pytest.raises(InputError, match="electrodes are in CTF and its landmarks in CapTrak"):
        read_electrodes(path)


def test_bids_in_mni_goes_through_the_registration(ball, tmp_path):
    warp = MniWarp.identity()
    affine = np.diag([0.9, 1.1, 1.0, 1.0])
    warp = MniWarp(affine, warp.displacement_mm, warp.origin_mm, warp.spacing_mm)
    points = {name: (np.array(point) / [0.9, 1.1, 1.0]).tolist() for name, point in ELECTRODES.items()}
    path = bids(tmp_path, 1.0, points, EEGCoordinateSystem="MNI152NLin2009cAsym")
    assert_placed(placed(read_electrodes(path), ball, FIDUCIALS, warp), ELECTRODES)


@pytest.mark.parametrize(
    "name, content, says",
    [
        ("cap.txt", "C3 1 2 3", "positions come as"),
        ("cap.csv", "C3,1,2\n", "not a .csv file"),
        ("cap.csv", "C3,1,2,nan\n", "not a finite number"),
        ("cap.sfp", "C3 1 2 3\n", "holds no nasion, lpa, rpa"),
        ("cap.elc", "Positions\n1 2 3\n", "not a .elc file"),
        ("cap.hpts", "cardinal 1 0 0 0\ncardinal 2 0 1 0\ncardinal 3 0 400 0\neeg 1 1 2 3\n", "no head in m"),
        ("cap_electrodes.tsv", "name\tx\ty\tz\nC3\t1\t2\t3\n", "needs its coordsystem.json"),
    ],
)
def test_unusable_files_say_what_is_wrong(tmp_path, name, content, says):
    (tmp_path / name).write_text(content)
    with pytest.raises(InputError, match=says) as raised:
        read_electrodes(tmp_path / name)
    assert "\n" not in str(raised.value)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match="check the path"):
        read_electrodes(tmp_path / "none.csv")


def test_another_head_is_refused(ball, tmp_path):
    path = tmp_path / "own.csv"
    path.write_text("C3,-20,5,30\nC4,20,5,30\n")
    with pytest.raises(InputError, match="off the scalp"):
        placed(read_electrodes(path), ball, FIDUCIALS, None)
    path = tmp_path / "cap.sfp"
    path.write_text("fidnz 130 0 0\nfidt9 0 75 0\nfidt10 0 -75 0\nC3 10 20 90\n")
    with pytest.raises(InputError, match="miss this head's by"):
        placed(read_electrodes(path), ball, FIDUCIALS, None)
