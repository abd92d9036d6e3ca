"""10-10 and 10-5 positions: the rule itself on a sphere, and Colin27's published positions on the embedded head."""

import numpy as np
import pytest
from heads import layered_ball

from atlases.fiducials import Fiducials, fiducials_from_warp, fiducials_of, given_fiducials
from atlases.scalp import Scalp, nearest_in_triangles
from atlases.scalp_positions import ScalpPositions
from atlases.scalp_tape import scalp_curve
from atlases.ten_ten import TEN_FIVE, TEN_TEN, mirrored, ten_five, ten_ten
from meshes.errors import InputError

# Colin27's own 10-05 positions (RAS mm): R. Oostenveld's, as MNE-Python 1.13.2 ships them in
# mne/channels/data/montages/colin27_1005.elc (before: standard_1005.elc)
COLIN27_MM = {
    "Nz": (0.0083, 86.8110, -39.9830),
    "LPA": (-86.0761, -19.9897, -47.9860),
    "RPA": (85.7939, -20.0093, -48.0310),
    "Fp1": (-29.4367, 83.9171, -6.9900),
    "Fp2": (29.8723, 84.8959, -7.0800),
    "F3": (-50.2438, 53.1112, 42.1920),
    "F8": (73.0431, 44.4217, -12.0000),
    "T7": (-84.1611, -16.0187, -9.3460),
    "C3": (-65.3581, -11.6317, 64.3580),
    "Cz": (0.4009, -9.1670, 100.2440),
    "C4": (67.1179, -10.9003, 63.5800),
    "CP5": (-79.5922, -46.5507, 30.9490),
    "P4": (55.6667, -78.5602, 56.5610),
    "PO8": (55.6666, -97.6251, 2.7300),
    "Oz": (0.1076, -114.8920, 14.6570),
    "Iz": (0.0045, -118.5650, -23.0780),
    "TPP8h": (78.5198, -60.4323, 12.9020),
    "FFC3h": (-44.4098, 40.7622, 61.6900),
}


@pytest.fixture(scope="module")
def ball():
    return Scalp.of(layered_ball(6.0))


@pytest.fixture(scope="module")
def round_cap(ball):
    """Of a ball whose fiducials lie on its equator: every angle is known."""
    return ten_five(ball, Fiducials([0, 92, 0], [0, -92, 0], [-92, 0, 0], [92, 0, 0]))


def degrees_from_vertex(point):
    return np.degrees(np.arccos(point[2] / np.linalg.norm(point)))


@pytest.mark.slow
def test_on_a_ball_the_midline_and_the_coronal_line_are_divided_by_angle(round_cap):
    for name, angle, axis in (
        ("Fpz", 72, 1),
        ("AFz", 54, 1),
        ("Fz", 36, 1),
        ("FCz", 18, 1),
        ("Cz", 0, 2),
        ("C4", 36, 0),
        ("T8", 72, 0),
        ("C2h", 9, 0),
        ("T10", 90, 0),
    ):
        point = round_cap.point_mm(name)
        assert degrees_from_vertex(point) == pytest.approx(angle, abs=0.7), name
        assert angle == 0 or abs(point[axis]) == pytest.approx(92 * np.sin(np.radians(angle)), abs=1.5), name


def test_on_a_ball_the_circumference_is_divided_by_angle(round_cap):
    """Fp2 lies 18° of longitude from the midline, at the height of Fpz; F8 54°."""
    for name, longitude in (("Fp2", 18), ("AF8", 36), ("F8", 54), ("FT8", 72), ("P8", 126), ("O2", 162)):
        x, y, z = round_cap.point_mm(name)
        assert np.degrees(np.arctan2(x, y)) == pytest.approx(longitude, abs=0.7), name
        assert z == pytest.approx(92 * np.cos(np.radians(72)), abs=1.0), name


def test_rows_are_halved_and_quartered(round_cap):
    """F4 lies halfway from Fz to F8 along the row, F6 halfway from F4 on."""
    along = scalp_curve(Scalp.of(layered_ball(6.0)), *(round_cap.point_mm(n) for n in ("F7", "Fz", "F8")))
    half = along.length_mm - along.middle_mm
    for name, share in (("F2", 0.25), ("F4", 0.5), ("F6", 0.75), ("F6h", 0.625), ("F8h", 0.875)):
        expected = along.at(along.middle_mm + share * half)[0]
        assert np.linalg.norm(round_cap.point_mm(name) - expected) < 1.0, name


def test_left_is_left_and_odd(round_cap):
    for name in ("C3", "Fp1", "F7h", "PO9", "AFp1", "TTP7h"):
        left, right = round_cap.point_mm(name), round_cap.point_mm(mirrored(name))
        assert left[0] < 0 < right[0]
        assert np.linalg.norm(left * [-1, 1, 1] - right) < 1.5


def test_the_systems_have_their_names(round_cap):
    assert len(TEN_TEN) == 74 == len(set(TEN_TEN))
    assert set(TEN_TEN) <= set(TEN_FIVE) == set(round_cap.of_kind("Electrode").names)
    assert round_cap.of_kind("Fiducial").names == ("Nz", "LPA", "RPA")


def test_fiducials_turned_and_shifted_turn_and_shift_the_cap(ball, round_cap):
    """A head that looks left: the same cap, a quarter turn on."""
    turned = ten_ten(ball, Fiducials([-92, 0.1, 0], [92, 0.1, 0], [0, -92, 0], [0.2, 92, 0]))
    for name in ("C3", "Fp2", "P8", "Cz"):
        x, y, z = round_cap.point_mm(name)
        assert np.linalg.norm(turned.point_mm(name) - [-y, x, z]) < 1.5, name


@pytest.mark.slow
def test_colin27s_own_positions_are_found_by_registration(colin27_head, colin27_warp):
    """The published C3, Cz and Fp2 within 6 mm, and the others on average within 3."""
    scalp = Scalp.of(colin27_head)
    cap = ten_five(scalp, fiducials_from_warp(scalp, colin27_warp))
    off = {name: np.linalg.norm(cap.point_mm(name) - mm) for name, mm in COLIN27_MM.items()}
    assert max(off[name] for name in ("C3", "Cz", "Fp2")) < 4.0
    assert max(off.values()) < 7.0
    assert np.mean(list(off.values())) < 3.2


@pytest.mark.slow
def test_from_colin27s_own_fiducials_the_rule_gives_its_own_positions(colin27_head):
    mm = COLIN27_MM
    scalp = Scalp.of(colin27_head)
    cap = ten_five(scalp, Fiducials(mm["Nz"], mm["Iz"], mm["LPA"], mm["RPA"]))
    off = {name: np.linalg.norm(cap.point_mm(name) - point) for name, point in mm.items()}
    assert max(off[name] for name in ("C3", "Cz", "Fp2")) < 2.0
    assert max(off.values()) < 4.5
    assert np.mean(list(off.values())) < 2.0


def test_a_tape_spans_a_hollow(ball):
    """Two great arcs that meet in the middle are as long as the half circle, whatever the facets do."""
    tape = scalp_curve(ball, [-92, 0, 0], [0, 0, 92], [92, 0, 0])
    assert tape.length_mm == pytest.approx(np.pi * 92, rel=3e-3)
    assert tape.middle_mm == pytest.approx(tape.length_mm / 2, rel=3e-3)
    assert tape.at(0.0)[0, 0] < -91 and tape.at(tape.length_mm)[0, 0] > 91


def test_the_nearest_point_of_a_triangle_is_the_nearest_of_many():
    rng = np.random.default_rng(1)
    for corners in rng.normal(size=(20, 3, 3)):
        point = 2 * rng.normal(size=3)
        shares = rng.dirichlet([0.4, 0.4, 0.4], 20_000)
        sampled = np.linalg.norm(shares @ corners - point, axis=1).min()
        found = np.linalg.norm(nearest_in_triangles(point, corners[None])[0] - point)
        assert found <= sampled + 1e-12
        assert found > sampled - 0.05


def test_feet_lie_on_the_scalp(ball):
    points = np.array([[10.0, 20, 120], [-60, 30, 40]])
    feet, triangles = ball.feet(points)
    assert np.linalg.norm(feet, axis=1) == pytest.approx([92, 92], abs=0.7)
    assert np.abs(np.cross(feet, points)).max() < 300  # nearly radial
    corners = ball.points_mm[ball.triangles[triangles]]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    assert np.abs(((feet - corners[:, 0]) * normals).sum(1)).max() < 1e-9


@pytest.mark.parametrize(
    "points, says",
    [
        ({"lpa": [92, 0, 0], "rpa": [-92, 0, 0]}, "left has the smaller x"),
        ({"nasion": [0, 0.092, 0], "inion": [0, -0.092, 0]}, "fit no head"),
        ({"nasion": [0, np.nan, 0]}, "finite"),
    ],
)
def test_impossible_fiducials_are_refused(points, says):
    sound = {"nasion": [0, 92, 0], "inion": [0, -92, 0], "lpa": [-92, 0, 0], "rpa": [92, 0, 0]}
    with pytest.raises(InputError, match=says):
        given_fiducials(sound | points)


def test_missing_and_far_fiducials_are_refused(ball):
    with pytest.raises(InputError, match="lack inion, rpa"):
        given_fiducials({"nasion": [0, 92, 0], "lpa": [-92, 0, 0]})
    with pytest.raises(InputError, match="nasion is 38 mm off"):
        Fiducials([0, 130, 0], [0, -92, 0], [-92, 0, 0], [92, 0, 0]).onto(ball)


def test_a_caps_own_fiducials_are_found_by_kind_and_name():
    cap = ScalpPositions(
        ("Iz", "Iz", "LPA", "T9", "nasion"),
        ("Electrode", "Fiducial", "Fiducial", "Electrode", "Generic"),
        np.arange(15.0).reshape(5, 3),
    )
    found = {name: point.tolist() for name, point in fiducials_of(cap).items()}
    assert found == {"inion": [3, 4, 5], "lpa": [6, 7, 8], "nasion": [12, 13, 14]}
