"""Names and places of electrodes that contradict each other are refused, with the cause; what is usual passes."""

import json
from pathlib import Path

import numpy as np
import pytest
from heads import layered_ball

from atlases.electrode_files import placed, read_electrodes
from atlases.fiducials import Fiducials, check_fiducials
from atlases.named_places import check_places, fit_of_all, own_seat
from atlases.scalp import Scalp
from atlases.scalp_positions import ScalpPositions
from atlases.ten_ten import TEN_TEN, ten_five, ten_ten
from meshes.errors import InputError
from targeting.planning.tes_stages import check_montage
from targeting.study.cap_stages import HeadPositions
from targeting.tes.electrodes import Electrode, Montage

LOW_MM = -31.0  # nasion and ears lie below a head's middle; the ball's left is not its right
FIDUCIALS = Fiducials([3, 86.6, LOW_MM], [2, -86.6, LOW_MM], [-86.6, 4, LOW_MM], [86.6, -2, LOW_MM])
TEN_TWENTY = [
    *("Fp1", "Fp2", "F7", "F3", "Fz", "F4", "F8", "T7", "C3", "Cz"),
    *("C4", "T8", "P7", "P3", "Pz", "P4", "P8", "O1", "O2"),
]
PEERS = Path(__file__).parents[3] / "shared" / "peer" / "navigation-more" / "electrodes"


@pytest.fixture(scope="module")
def ball():
    return Scalp.of(layered_ball(9.0))


@pytest.fixture(scope="module")
def places(ball):
    return ten_five(ball, FIDUCIALS)


def cap_of(places, names=TEN_TWENTY):
    return {name: places.point_mm(name) for name in names}


def table(path, cap, header="name,x,y,z", order=(0, 1, 2)):
    rows = [f"{name},{','.join(f'{np.asarray(point)[i]:.4f}' for i in order)}" for name, point in cap.items()]
    path.write_text("\n".join([header, *rows] if header else rows) + "\n")
    return path


def on(ball, path):
    return placed(read_electrodes(path), ball, FIDUCIALS, None)


def assert_there(cap, places, names, within_mm=1.0):
    for name in names:
        assert np.linalg.norm(cap.point_mm(name) - places.point_mm(name)) < within_mm, name


def moved(cap, turn):
    return {name: turn(np.asarray(point)) for name, point in cap.items()}


@pytest.mark.slow
@pytest.mark.parametrize(
    "turn, says",
    [
        (lambda p: p * [-1, 1, 1], "left and right look exchanged"),
        (lambda p: p * [-1, -1, 1], "opposite sign, as in LPS"),
        (lambda p: p * [1, -1, 1], "front and back look exchanged"),
        (lambda p: p * [1, 1, -1], "up and down look exchanged"),
        (lambda p: np.array([-p[1], p[0], p[2]]), "the axes are turned by 90°"),
        (lambda p: np.array([p[1], 20 - p[0], p[2]]), "the axes are turned by 90°"),
        (lambda p: p[::-1], "in the order z,y,x"),
        (lambda p: p / 1000, "look like m, not mm"),
        (lambda p: p / 10, "look like cm, not mm"),
        (lambda p: np.add(p, (0, 20, 45)), "off, in another frame or on another head"),
    ],
)
def test_a_whole_cap_that_would_fit_otherwise_is_told_how(ball, places, tmp_path, turn, says):
    with pytest.raises(InputError, match=says) as raised:
        on(ball, table(tmp_path / "cap.csv", moved(cap_of(places), turn)))
    assert "cap.csv" in str(raised.value) and "\n" not in str(raised.value)


def test_the_distance_told_is_that_between_the_two_sides(ball, places, tmp_path):
    apart = np.linalg.norm(places.point_mm("C3") - places.point_mm("C3") * [-1, 1, 1])
    with pytest.raises(
        InputError, match=rf"electrode C3 of cap.csv lies {apart:.0f} mm from the 10-10 place of that name"
    ):
        on(ball, table(tmp_path / "cap.csv", moved(cap_of(places), lambda p: p * [-1, 1, 1])))


@pytest.mark.parametrize("first, second", [("C3", "C4"), ("F7", "F8"), ("Fp1", "Fp2"), ("O1", "P3"), ("AFp1", "AFp2")])
def test_exchanged_plugs_are_named(ball, places, tmp_path, first, second):
    cap = cap_of(places, [*TEN_TWENTY, "AFp1", "AFp2"])
    cap[first], cap[second] = cap[second], cap[first]
    with pytest.raises(InputError, match=f"{min(first, second)} and {max(first, second)} look exchanged"):
        on(ball, table(tmp_path / "cap.csv", cap))


@pytest.mark.parametrize("name", ["C3", "EEG C3", "eeg:C3", "EEG C3-REF", "C3-LE", "c3", "EEG-C3"])
def test_one_electrode_on_the_other_side_is_found_however_it_is_called(ball, places, tmp_path, name):
    with pytest.raises(InputError, match=r"electrode C3 of cap.csv lies .* it lies where C4 is"):
        on(ball, table(tmp_path / "cap.csv", {name: places.point_mm("C4"), **cap_of(places, ["F4", "Cz"])}))
    cap = on(ball, table(tmp_path / "cap.csv", {name: places.point_mm("C3"), "Cz": places.point_mm("Cz")}))
    assert cap.names == ("C3", "Cz")


@pytest.mark.parametrize("old, new", [("T3", "T7"), ("T4", "T8"), ("T5", "P7"), ("t6", "P8")])
def test_the_old_names_of_temples_are_the_new(ball, places, tmp_path, old, new):
    assert_there(on(ball, table(tmp_path / "cap.csv", {old: places.point_mm(new)})), places, [new])
    assert places.point_mm(old).tolist() == places.point_mm(new).tolist()
    with pytest.raises(InputError, match=f"electrode {new} of"):
        on(ball, table(tmp_path / "cap.csv", {old: places.point_mm("C3")}))


@pytest.mark.parametrize("names", [TEN_TWENTY, TEN_TEN], ids=["10-20", "10-10"])
@pytest.mark.parametrize("way", [(20, 0, 0), (-20, 0, 0), (0, 20, 0), (0, -20, 0), (0, 0, -20), (0, 14, 14)])
def test_a_cap_that_sits_askew_passes(ball, places, tmp_path, names, way):
    cap = on(ball, table(tmp_path / "cap.csv", moved(cap_of(places, names), lambda p: p + way)))
    assert cap.names == tuple(names)
    assert_there(cap, places, names, 32.0)


def test_one_electrode_astray_in_a_cap_is_refused_and_a_little_askew_is_not(ball, places, tmp_path):
    cap = cap_of(places)
    for far, passes in ((18.0, True), (33.0, False)):
        way = np.cross(places.point_mm("C3"), [0, 0, 1.0])
        cap["C3"] = places.point_mm("C3") + far * way / np.linalg.norm(way)
        path = table(tmp_path / "cap.csv", cap)
        if passes:
            on(ball, path)
        else:
            with pytest.raises(InputError, match=r"electrode C3 of cap.csv lies 3\d mm from"):
                on(ball, path)


@pytest.mark.parametrize(
    "header, order",
    [
        ("name,z,y,x", (2, 1, 0)),
        ("label,Y,X,Z", (1, 0, 2)),
        ("name,x_mm,z_mm,y_mm", (0, 2, 1)),
        ("Site,R,S,A", (0, 2, 1)),
    ],
)
def test_the_header_says_which_column_is_which(ball, places, tmp_path, header, order):
    cap = on(ball, table(tmp_path / "cap.csv", cap_of(places), header, order))
    assert_there(cap, places, TEN_TWENTY)


def test_simnibs_tables_with_a_header_likewise(ball, places, tmp_path):
    rows = [f"Electrode,{z},{y},{x},{name}" for name, (x, y, z) in cap_of(places).items()]
    (tmp_path / "cap.csv").write_text("\n".join(["Type,z,y,x,name", *rows]))
    assert_there(on(ball, tmp_path / "cap.csv"), places, TEN_TWENTY)


def test_a_name_that_stands_twice(ball, places, tmp_path):
    path = table(tmp_path / "cap.csv", cap_of(places))
    apart = np.linalg.norm(places.point_mm("C3") - places.point_mm("P3"))
    for name in ("C3", "EEG C3"):
        table(path, {**cap_of(places), "x": places.point_mm("P3")})
        path.write_text(path.read_text().replace("\nx,", f"\n{name},"))
        with pytest.raises(InputError, match=f"cap.csv: C3 stands twice, {apart:.0f} mm apart"):
            read_electrodes(path)
    path.write_text("C3,-60,1,60\nC4,60,1,60\nC3,-60,3,60\n")
    assert read_electrodes(path).points_mm.tolist() == [[-60, 2, 60], [60, 1, 60]]


def test_names_of_other_caps_are_not_taken_for_these(ball, places, tmp_path):
    bundles = [f"{letter}{i}" for letter in "ABCD" for i in range(1, 33)]
    somewhere = np.random.default_rng(7).normal(size=(128, 3)) * [1, 1, 0.3] + [0, 0, 0.5]
    cap = {n: 92 * p / np.linalg.norm(p) for n, p in zip(bundles, somewhere, strict=True)}
    found = on(ball, table(tmp_path / "cap.csv", cap))
    assert "C3" not in found.names and "BioSemi C3" in found.names and "A1" in found.names
    egi = {f"E{i + 1}": p for i, p in enumerate(cap.values())}
    assert on(ball, table(tmp_path / "cap.csv", egi)).names == tuple(egi)


def digitised(path, cap, marks):
    lines = [f"{n}\t{' '.join(f'{x / 10:.5f}' for x in np.asarray(p))}" for n, p in [*cap.items(), *marks]]
    path.write_text("\n".join([str(len(lines)), *lines]) + "\n")
    return path


MARKS = [("nasion", FIDUCIALS.nasion_mm), ("left", FIDUCIALS.lpa_mm), ("right", FIDUCIALS.rpa_mm)]


@pytest.mark.slow
def test_a_digitisers_file_with_sides_exchanged(ball, places, tmp_path):
    cap, path = cap_of(places), tmp_path / "cap.pos"
    assert_there(on(ball, digitised(path, cap, MARKS)), places, TEN_TWENTY)
    left_handed = [(name, point * [-1, 1, 1]) for name, point in MARKS]
    with pytest.raises(InputError, match="left and right look exchanged in the whole file"):
        on(ball, digitised(path, moved(cap, lambda p: p * [-1, 1, 1]), left_handed))
    ears = [MARKS[0], ("left", MARKS[2][1]), ("right", MARKS[1][1])]
    with pytest.raises(InputError, match="its left and right ears look exchanged"):
        on(ball, digitised(path, cap, ears))
    unnamed = {f"E{i}": point for i, point in enumerate(cap.values())}
    with pytest.raises(InputError, match="lie below nasion and ears"):
        on(ball, digitised(path, unnamed, ears))


def test_landmarks_measured_twice_are_averaged_unless_they_are_two_places(ball, places, tmp_path):
    again = [(name, np.add(point, (0, 4, 0))) for name, point in MARKS]
    back = [(name, point - [0, 4, 0]) for name, point in MARKS]
    path = digitised(tmp_path / "cap.pos", cap_of(places), [*again, *back])
    assert_there(on(ball, path), places, TEN_TWENTY)
    digitised(path, cap_of(places), [*MARKS, ("nasion", np.add(FIDUCIALS.nasion_mm, (0, 0, 30)))])
    with pytest.raises(InputError, match="nasion stands twice, 30 mm apart"):
        on(ball, path)


def test_fiducials_are_held_against_the_head(ball):
    check_fiducials(FIDUCIALS, ball)
    upside_down = Fiducials(*(FIDUCIALS.points_mm * [1, 1, -1]))
    with pytest.raises(InputError, match="up and down look exchanged"):
        check_fiducials(upside_down, ball)
    with pytest.raises(InputError, match="the fiducials are turned"):
        check_fiducials(Fiducials(*(FIDUCIALS.points_mm @ [[0.1, -0.99, 0], [0.99, 0.1, 0], [0, 0, 1]])), ball)


def test_exchanged_plugs_do_not_move_the_cap(places):
    cap = np.stack(list(cap_of(places).values()))
    swapped = cap.copy()
    swapped[[8, 10]] = cap[[10, 8]]
    back, far = own_seat(np.add(swapped, (0, 12, 0)), cap)
    assert far == pytest.approx(12, abs=0.1)
    assert np.linalg.norm(np.delete(back - cap, [8, 10], axis=0), axis=1).max() < 0.1


def test_midline_electrodes_alone_can_tell_no_side(places):
    midline = np.stack([places.point_mm(name) for name in ("Fz", "Cz", "Pz", "Oz")])
    assert fit_of_all(midline * [1, -1, 1], midline) in (
        "front and back look exchanged",
        "x and y have the opposite sign, as in LPS",
    )
    check_places("cap.csv", ["Fz", "Cz", "Pz", "Oz"], midline, midline, places)


def test_a_set_without_these_names_is_not_compared(places):
    check_places("cap.csv", ["pad", "return"], np.zeros((2, 3)), np.zeros((2, 3)), places)
    check_places("cap.csv", [], np.zeros((0, 3)), np.zeros((0, 3)), places)


def test_a_name_of_ones_own_has_the_place_one_gave_it():
    own = ScalpPositions(("pad 1",), ("Electrode",), np.array([[-60.0, 0, 60]]))
    check_places("montage.csv", ["PAD 1"], np.array([[-60.0, 9, 60]]), np.array([[-60.0, 9, 60]]), own)
    with pytest.raises(InputError, match=r"electrode pad 1 of montage.csv lies 120 mm from the place of that name"):
        check_places("montage.csv", ["PAD 1"], np.array([[60.0, 0, 60]]), np.array([[60.0, 0, 60]]), own)


@pytest.mark.skipif(not PEERS.is_dir(), reason="real files of caps are not beside this checkout")
@pytest.mark.parametrize("name, least", [("colin27_1020.elc", 88), ("colin27_primed.elc", 34)])
def test_templates_of_others_pass(name, least):
    file = read_electrodes(PEERS / name)
    assert {"C3", "C4", "T7", "P8"} <= set(file.names) and len(file.names) > least
    assert np.linalg.norm(file.points_mm[file.names.index("C3")] - [-65.4, -11.6, 64.4]) < 1.0


def bids(folder, cap, where=None, columns="name\tx\ty\tz", **system):
    table_file = folder / "sub-01" / "eeg" / "sub-01_task-rest_electrodes.tsv"
    table_file.parent.mkdir(parents=True, exist_ok=True)
    rows = [f"{name}\t" + "\t".join(x if isinstance(x, str) else f"{x:.5f}" for x in p) for name, p in cap.items()]
    table_file.write_text("\n".join([columns, *rows]) + "\n")
    if where is not None:
        marks = {n: list(p) for n, p in (("NAS", MARKS[0][1]), ("LPA", MARKS[1][1]), ("RPA", MARKS[2][1]))}
        told = {
            "AnatomicalLandmarkCoordinateSystem": "CapTrak",
            "EEGCoordinateSystem": "CapTrak",
            "EEGCoordinateUnits": "mm",
            "AnatomicalLandmarkCoordinates": marks,
            **system,
        }
        (folder / where).write_text(json.dumps(told))
    return table_file


@pytest.mark.parametrize(
    "where",
    ["coordsystem.json", "task-rest_coordsystem.json", "sub-01/sub-01_coordsystem.json", "sub-01/eeg/sub-01_coordsystem.json",
     "sub-01/eeg/sub-01_space-CapTrak_coordsystem.json"],
)  # fmt: skip
def test_bids_coordinate_systems_are_inherited(ball, places, tmp_path, where):
    path = bids(tmp_path, cap_of(places), where)
    assert_there(on(ball, path), places, TEN_TWENTY)


def test_the_nearest_coordinate_system_that_applies_counts(ball, places, tmp_path):
    other = {"NAS": [0, 80, 0], "LPA": [-300, 0, 0], "RPA": [300, 0, 0]}
    bids(tmp_path, cap_of(places), "coordsystem.json", AnatomicalLandmarkCoordinates=other)
    bids(tmp_path, cap_of(places), "sub-01/sub-02_coordsystem.json", AnatomicalLandmarkCoordinates=other)
    path = bids(tmp_path, cap_of(places), "sub-01/sub-01_coordsystem.json")
    assert_there(on(ball, path), places, TEN_TWENTY)
    (tmp_path / "sub-01" / "sub-01_coordsystem.json").unlink()
    with pytest.raises(InputError, match="ears lie 600 mm apart"):
        on(ball, path)
    (tmp_path / "coordsystem.json").rename(tmp_path.parent / "coordsystem.json")  # above the data set's root
    with pytest.raises(InputError, match="up to the data set's root"):
        read_electrodes(path)


def test_bids_without_places_and_with_wrong_units(ball, places, tmp_path):
    picture = {name: (f"{x:.1f}", f"{y:.1f}", "n/a") for name, (x, y, _) in cap_of(places).items()}
    with pytest.raises(InputError, match="no electrode has three coordinates"):
        read_electrodes(bids(tmp_path, picture, "coordsystem.json"))
    some = {**cap_of(places), "GND": ("n/a", "n/a", "n/a"), "REF": ("1.0", "2.0", "n/a")}
    assert on(ball, bids(tmp_path, some, "coordsystem.json")).names == tuple(TEN_TWENTY)
    with pytest.raises(InputError, match=r"electrodes_?.*look like m, not mm"):
        on(ball, bids(tmp_path, moved(cap_of(places), lambda p: p / 1000), "coordsystem.json"))
    marks = {n: (p / 1000).tolist() for n, p in (("NAS", MARKS[0][1]), ("LPA", MARKS[1][1]), ("RPA", MARKS[2][1]))}
    with pytest.raises(InputError, match=r"coordsystem.json: its ears lie 0.17\d+ mm apart, which fits m"):
        read_electrodes(bids(tmp_path, cap_of(places), "coordsystem.json", AnatomicalLandmarkCoordinates=marks))
    with pytest.raises(InputError, match="EEGCoordinateUnits must be m, cm or mm"):
        read_electrodes(bids(tmp_path, cap_of(places), "coordsystem.json", EEGCoordinateUnits="pixels"))
    with pytest.raises(InputError, match="has no column z"):
        read_electrodes(bids(tmp_path, cap_of(places), "coordsystem.json", columns="name\tx\ty\theight"))


@pytest.mark.parametrize("name, frame", [("IXI549Space", "MNI"), ("MNI152NLin2009cAsym", "MNI"), ("ScanRAS", "T1")])
def test_bids_spaces(places, tmp_path, name, frame):
    assert read_electrodes(bids(tmp_path, cap_of(places), "coordsystem.json", EEGCoordinateSystem=name)).frame == frame


def test_bids_spaces_of_other_heads_are_refused(places, tmp_path):
    with pytest.raises(InputError, match="space of Talairach"):
        read_electrodes(bids(tmp_path, cap_of(places), "coordsystem.json", EEGCoordinateSystem="Talairach"))


def test_files_of_ant_have_names_before_their_points(ball, places, tmp_path):
    rows = [f"{n} : {' '.join(f'{x:.3f}' for x in p)}" for n, p in [*cap_of(places).items(), *MARKS]]
    shape = ["NumberHeadShapePoints=\t2", "HeadShapePoints", "1.0 2.0 90.0", "5.0 2.0 91.0"]
    (tmp_path / "cap.elc").write_text("\n".join(["UnitPosition\tmm", "Positions", *rows, *shape]) + "\n")
    assert_there(on(ball, tmp_path / "cap.elc"), places, TEN_TWENTY)


def test_feet_are_what_distances_are_measured_from(ball, places):
    """A plug 15 mm off the skin over its own place is no fault of its name."""
    high = places.point_mm("C3") * (1 + 15 / np.linalg.norm(places.point_mm("C3")))
    check_places("cap.csv", ["C3"], high[None], ball.feet(high[None])[0], places)


@pytest.mark.parametrize("name", ["C3", "EEG C3-REF", "c3"])
def test_a_montage_whose_c3_lies_at_c4_is_refused(ball, places, name):
    positions = HeadPositions(ten_ten(ball, FIDUCIALS), FIDUCIALS, places.point_mm("Cz"))

    def montage(place):
        pads = [Electrode(name, places.point_mm(place)), Electrode("FCC2h", places.point_mm("FCC2h"))]
        return Montage("own", tuple(pads), np.array([2e-3, -2e-3]))

    check_montage(montage("C3"), "own.csv", ball, positions)
    apart = np.linalg.norm(places.point_mm("C3") - places.point_mm("C4"))
    with pytest.raises(InputError, match=f"electrode C3 of own.csv lies {apart:.0f} mm from .* it lies where C4 is"):
        check_montage(montage("C4"), "own.csv", ball, positions)


def test_a_montage_in_metres_or_mirrored_is_told_so(ball, places):
    positions = HeadPositions(ten_ten(ball, FIDUCIALS), FIDUCIALS, places.point_mm("Cz"))

    def check(turn):
        pads = [Electrode(name, turn(places.point_mm(name))) for name in ("C3", "Fp2")]
        check_montage(Montage("own", tuple(pads), np.array([2e-3, -2e-3])), "own.csv", ball, positions)

    check(lambda p: np.add(p, (0, 10, 0)))
    with pytest.raises(InputError, match="left and right look exchanged"):
        check(lambda p: p * [-1, 1, 1])
    with pytest.raises(InputError, match="look like m, not mm"):
        check(lambda p: p / 1000)
