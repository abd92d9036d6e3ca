"""Electrodes on the scalp and the fields they make: exact cutting, what is refused, the complete electrode model.

Closed forms in spheres are in test_accuracy.py.
"""

from itertools import permutations

import numpy as np
import pytest
from heads import layered_ball
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix

from atlases.scalp import Scalp
from meshes import HeadMesh
from meshes.errors import InputError
from targeting.fem import HeadConductor
from targeting.tes import Electrode, Montage, make_leadfield, simulate_tes
from targeting.tes.contact import Contact, cut_triangles, lay_all, lay_on, overlap_mm2
from targeting.tes.field import ContactedHead

SHAPES = [
    ("disc", (12.0,)),
    ("disc", (60.0,)),
    ("rectangle", (50.0, 70.0)),
    ("rectangle", (70, 20)),
    ("ring", (60, 40)),
]


@pytest.fixture(scope="module")
def ball():
    return Scalp.of(layered_ball(9.0))


@pytest.fixture(scope="module")
def pads():
    """Two pads and an electrode without current, none of them opposite another."""
    return Montage(
        "three",
        (
            Electrode("anode", [60, 20, 70], "rectangle", (50, 70), angle_deg=20),
            Electrode("cathode", [-60, 50, 20], "rectangle", (50, 70)),
            Electrode("idle", [0, -90, 20], size_mm=(25,)),
        ),
        [2e-3, -2e-3, 0],
    )


@pytest.fixture(scope="module")
def field(conductor, pads):
    return simulate_tes(conductor, pads)


# -- cutting


@given(st.integers(0, 10_000))
@settings(max_examples=60, deadline=None)
def test_what_two_halves_of_a_polygon_cut_is_what_the_whole_cuts(seed):
    rng = np.random.default_rng(seed)
    triangles = rng.normal(size=(8, 3, 2))
    angles = np.sort(rng.uniform(0, 2 * np.pi, 7))
    polygon = 1.2 * np.stack([np.cos(angles), np.sin(angles)], axis=1) + rng.normal(size=2) * 0.3
    whole = cut_triangles(triangles, polygon)
    halves = [cut_triangles(triangles, part) for part in (polygon[:4], polygon[[0, 3, 4, 5, 6]])]
    for all_of_it, one, other in zip(whole, *halves, strict=True):
        assert np.abs(all_of_it - one - other).max() < 1e-12
    assert np.abs(whole[1].sum(1) - whole[0]).max() < 1e-12
    assert np.abs(whole[2].sum(2) - whole[1]).max() < 1e-12


def test_the_integrals_are_those_of_many_small_pieces():
    """Against a fine lattice over one triangle, in both windings."""
    triangle, square = (
        np.array([[0.1, -0.3], [2.0, 0.4], [0.5, 1.7]]),
        np.array([[0, 0], [1, 0.1], [1.2, 1], [0.2, 1.1]]),
    )
    i, j = np.meshgrid(np.arange(600), np.arange(600), indexing="ij")
    u, v = ((i + 1 / 3) / 600)[i + j < 600], ((j + 1 / 3) / 600)[i + j < 600]
    shares = np.stack([1 - u - v, u, v], axis=1)
    for winding in ([0, 1, 2], [0, 2, 1]):
        corners = triangle[winding]
        places = shares @ corners
        inside = np.ones(len(places), bool)
        for a, b in zip(square, np.roll(square, -1, 0), strict=True):
            inside &= np.cross(np.append(b - a, 0), np.c_[places - a, np.zeros(len(places))])[:, 2] > 0
        share, first, second = (each[0] for each in cut_triangles(corners[None], square))
        assert share == pytest.approx(inside.mean(), abs=2e-3)
        assert first == pytest.approx((shares * inside[:, None]).mean(0), abs=2e-3)
        assert second == pytest.approx((shares[inside].T @ shares[inside]) / len(shares), abs=2e-3)


@pytest.mark.parametrize(("shape", "size"), SHAPES)
def test_the_area_in_contact_is_the_electrodes(ball, conductor, shape, size):
    """On a ball by the map itself, on a stretched head by drawing the outline in; facets of 9 mm are cut."""
    for scalp in (ball, Scalp.of(conductor.head)):
        contact = lay_on(scalp, Electrode("a", [40, 35, 60], shape, size, angle_deg=30))
        assert contact.area_mm2 == pytest.approx(contact.electrode.area_mm2, rel=2e-4)
        assert abs(contact.scale - 1) < 0.02
        assert np.abs(np.asarray(contact.mass_m2.sum(1)).ravel() - contact.load_m2).max() < 1e-15


def test_a_pad_lies_as_it_is_turned(ball):
    """Its height points to the given point; seen from outside a positive angle turns it counter-clockwise."""
    above = np.array([0.0, 0, 92])

    def extent(**turn):
        contact = lay_on(ball, Electrode("pad", above, "rectangle", (20, 70), **turn))
        middles = np.stack([contact.facet_load_m2 @ np.ones(3), np.zeros(len(contact.facets))], 1)[:, :1]
        places = (contact.facet_load_m2[:, :, None] * ball.head.points_mm[contact.facet_nodes]).sum(1) / middles
        weight = contact.facet_load_m2.sum(1)
        xy = places[:, :2] - np.average(places[:, :2], axis=0, weights=weight)
        return np.einsum("i,ij,ik->jk", weight / weight.sum(), xy, xy)

    plain, turned = extent(), extent(angle_deg=30)
    assert plain[1, 1] > 8 * plain[0, 0] and abs(plain[0, 1]) < 10
    assert turned[0, 1] < -100  # the long side leans to −x ahead, +x behind: counter-clockwise from above
    assert extent(toward_mm=[92, 0, 0])[0, 0] > 8 * extent(toward_mm=[92, 0, 0])[1, 1]
    axes = Electrode("left", [-92, 0, 0]).axes([-1, 0, 0])
    assert axes.tolist() == [[0, -1, 0], [0, 0, 1], [-1, 0, 0]]  # on the left, x is to the back


# -- what is refused


def test_electrodes_that_overlap_are_refused(ball):
    one, near, far = (
        Electrode(n, p, size_mm=(25,)) for n, p in (("a", [0, 0, 92]), ("b", [20, 0, 90]), ("c", [26, 0, 88]))
    )
    with pytest.raises(InputError, match="electrodes a and b overlap by"):
        lay_all(ball, [one, near])
    assert len(lay_all(ball, [one, far])) == 2
    a, b = lay_on(ball, one), lay_on(ball, near)
    apart = np.linalg.norm(a.center_mm - b.center_mm)
    lens = 2 * 12.5**2 * np.arccos(apart / 25) - apart / 2 * np.sqrt(25**2 - apart**2)
    assert overlap_mm2(ball, a, b) == pytest.approx(lens, rel=0.05)


def test_an_electrode_within_a_ring_does_not_overlap_it(ball):
    ring, disc = Electrode("ring", [0, 0, 92], "ring", (60, 40)), Electrode("disc", [0, 0, 92], size_mm=(38,))
    assert len(lay_all(ball, [ring, disc])) == 2


def test_a_pad_over_an_ear_is_refused():
    """An ear: 14 mm of scalp standing out on the left."""
    head = layered_ball(9.0)
    points = head.points_mm.copy()
    flat = np.linalg.norm(points - [-92, 0, 0], axis=1)
    points[:, 0] -= 14 * np.exp(-((flat / 12) ** 2)) * (np.linalg.norm(points, axis=1) > 90)
    scalp = Scalp.of(HeadMesh(points, head.tets, head.tissue))
    pad = ("rectangle", (50, 50))
    with pytest.raises(InputError, match="does not rest on the scalp"):
        lay_on(scalp, Electrode("T7", [-92, 0, 5], *pad))
    lay_on(scalp, Electrode("T8", [92, 0, 5], *pad))


def test_a_pad_over_the_lower_edge_is_refused():
    head = layered_ball(9.0)
    above = (head.points_mm[head.tets][:, :, 2] > -45).all(1)
    points = head.points_mm.copy()
    low = (points[:, 2] < -30) & (points[:, 2] > -45)
    points[low, 2] = np.where(points[low, 2] < -36, -40, points[low, 2])  # flat, as the edge of an image is
    tets = head.tets[above]
    a, b, c, d = (points[tets[:, i]] for i in range(4))
    sound = np.einsum("ij,ij->i", np.cross(b - a, c - a), d - a) > 1e-3
    scalp = Scalp.of(HeadMesh(points, tets[sound], head.tissue[above][sound]))
    pad = ("rectangle", (50, 50))
    with pytest.raises(InputError, match="hangs over the edge of the head model"):
        lay_on(scalp, Electrode("low", [0, 86, -30], *pad))
    lay_on(scalp, Electrode("high", [0, 86, 20], *pad))


def test_a_centre_off_the_scalp_is_refused(ball):
    with pytest.raises(InputError, match="a is 58 mm off the scalp"):
        lay_on(ball, Electrode("a", [0, 0, 150]))


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"shape": "dics"}, "did you mean 'disc'"),
        ({"size_mm": (50, 70)}, r"\(diameter,\)"),
        ({"shape": "ring", "size_mm": (20, 30)}, "outer diameter"),
        ({"thickness_mm": 0.0}, "layer or a contact impedance"),
        ({"sigma_s_per_m": 0.0}, "conductivity must be positive"),
        ({"center_mm": [0, np.nan, 0]}, "the centre"),
        ({"connector": "top"}, "connector"),
        ({"name": ""}, "needs a name"),
    ],
)
def test_impossible_electrodes_are_refused(options, says):
    with pytest.raises(InputError, match=says):
        Electrode(**{"name": "a", "center_mm": [0, 0, 92]} | options)


@pytest.mark.parametrize(
    ("names", "currents", "says"),
    [("ab", [1e-3, -0.9e-3], "sum to 0.1 mA"), ("aa", [1e-3, -1e-3], "two electrodes are called a"),
     ("a", [0.0], "two electrodes"), ("ab", [0, 0], "no current"), ("ab", [1e-3], "2 finite numbers")],
)  # fmt: skip
def test_impossible_montages_are_refused(names, currents, says):
    with pytest.raises(InputError, match=says):
        Montage("m", [Electrode(name, [0, 0, 92]) for name in names], currents)


# -- the complete electrode model


def bar(size_mm, cubes):
    """A block of scalp in cubes of six tetrahedra each, one for every order of the axes (Kuhn)."""
    steps = [np.linspace(0, size, n + 1) for size, n in zip(size_mm, cubes, strict=True)]
    points = np.stack(np.meshgrid(*steps, indexing="ij"), -1).reshape(-1, 3)
    number = np.arange(len(points)).reshape([n + 1 for n in cubes])
    tets = []
    for corner in np.ndindex(*cubes):
        for axes in permutations(range(3)):
            walk = np.cumsum([np.zeros(3, int), *np.eye(3, dtype=int)[list(axes)]], axis=0) + corner
            tets.append([number[tuple(place)] for place in walk])
    tets = np.array(tets)
    a, b, c, d = (points[tets[:, i]] for i in range(4))
    flipped = np.einsum("ij,ij->i", np.cross(b - a, c - a), d - a) < 0
    tets[flipped] = tets[flipped][:, [0, 2, 1, 3]]
    return HeadMesh(points, tets, np.full(len(tets), 5))


def test_a_bar_between_two_plates_is_three_resistances():
    """100 mm of 0.465 S/m, plates over both ends: contact + bar + contact, and an even field; to solver precision."""
    head = bar([100.0, 40, 30], [8, 4, 3])
    points = head.points_mm
    plates = []
    for place, ohm_m2 in ((0.0, 2e-3), (100.0, 5e-3)):
        faces = head.boundary()
        faces = faces[(points[faces][:, :, 0] == place).all(1)]
        corners = points[faces]
        area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1) / 2e6
        nodes, at = np.unique(faces, return_inverse=True)
        load = np.bincount(at.ravel(), np.repeat(area / 3, 3))
        mass = np.zeros((len(nodes), len(nodes)))
        for three, size in zip(at.reshape(-1, 3), area, strict=True):
            mass[np.ix_(three, three)] += size / 12 * (1 + np.eye(3))
        electrode = Electrode(f"x={place:g}", [place, 20, 15], thickness_mm=0, contact_impedance_ohm_m2=ohm_m2)
        facet = np.arange(len(faces))
        plates.append(
            Contact(electrode, electrode.center_mm, np.eye(3), 1.0, facet, faces, np.repeat(area[:, None] / 3, 3, 1),
                    nodes, load, csr_matrix(mass))
        )  # fmt: skip
    conductor = HeadConductor(head)
    contacted = ContactedHead.of(conductor, plates)
    volts = contacted.potentials_v(np.array([1e-3, -1e-3]))
    area = 40e-3 * 30e-3
    assert volts[0] - volts[1] == pytest.approx(1e-3 * (2e-3 + 0.1 / 0.465 + 5e-3) / area, rel=1e-6)
    e = -conductor.gradient(contacted.potential_v(volts))
    assert np.abs(e - [1e-3 / area / 0.465, 0, 0]).max() < 1e-6 * np.abs(e).max()


def test_currents_are_those_wanted_and_sum_to_zero(field):
    currents = [each.current_a for each in field.electrodes]
    assert currents == pytest.approx([2e-3, -2e-3, 0], abs=1e-9)
    assert abs(sum(currents)) < 1e-8 * 2e-3


def test_what_enters_under_an_electrode_is_its_current(conductor, pads):
    """K φ, node by node, is the current let in: by electrode, and none elsewhere."""
    contacts = lay_all(Scalp.of(conductor.head), pads.electrodes)
    contacted = ContactedHead.of(conductor, contacts)
    phi = contacted.potential_v(contacted.potentials_v(pads.currents_a))
    let_in = conductor.stiffness @ phi
    for contact, current in zip(contacts, pads.currents_a, strict=True):
        assert let_in[contact.nodes].sum() == pytest.approx(current, abs=1e-9)
    elsewhere = np.setdiff1d(np.arange(len(phi)), np.concatenate([contact.nodes for contact in contacts]))
    assert np.abs(let_in[elsewhere]).max() < 1e-8 * 2e-3


def test_an_idle_electrode_shorts_the_scalp_and_others_do_not(field):
    anode, cathode, idle = field.electrodes
    assert idle.shunted_a > 1e-6
    assert anode.shunted_a < 1e-12 and cathode.shunted_a < 1e-12
    assert anode.peak_a_per_m2 > anode.mean_a_per_m2 == pytest.approx(2e-3 / 3500e-6, rel=1e-3)


def test_the_share_that_stays_in_the_scalp_grows_with_the_skulls_resistance(conductor, pads, field):
    tight = simulate_tes(conductor.head, pads, {"skull": 1e-6})
    assert 0.2 < field.scalp_share < 0.7
    assert 0.99 < tight.scalp_share < 1.0


def test_much_impedance_makes_the_current_even(conductor):
    """Then complete electrodes are the leadfield's; and with little the rim carries more than the middle."""
    places = {"a": [50, 30, 60], "b": [-60, 20, 50]}

    def pair(ohm_m2):
        return [
            Electrode(n, p, size_mm=(40,), thickness_mm=0, contact_impedance_ohm_m2=ohm_m2) for n, p in places.items()
        ]

    even = make_leadfield(conductor, pair(1.0), "b")
    wanted = even.field([1e-3, -1e-3])
    fields = {z: simulate_tes(conductor, Montage("m", pair(z), [1e-3, -1e-3])) for z in (100.0, 1e-4)}
    apart = {z: np.linalg.norm(f.e_v_per_m[even.tets] - wanted) / np.linalg.norm(wanted) for z, f in fields.items()}
    assert apart[100.0] < 1e-4 < apart[1e-4]
    evenness = {z: f.electrodes[0].peak_a_per_m2 / f.electrodes[0].mean_a_per_m2 for z, f in fields.items()}
    assert evenness[100.0] == pytest.approx(1, abs=1e-3) and evenness[1e-4] > 2


def test_the_field_scales_and_turns_with_the_currents(conductor, pads, field):
    back = simulate_tes(conductor, Montage("back", pads.electrodes, -0.5 * pads.currents_a))
    assert np.abs(back.e_v_per_m + 0.5 * field.e_v_per_m).max() < 1e-6 * np.abs(field.e_v_per_m).max()


def test_conductivities_beside_a_conductor_are_refused(conductor, pads):
    with pytest.raises(InputError, match="when the HeadConductor is made"):
        simulate_tes(conductor, pads, {"skull": 0.02})
