"""What notebooks show for objects: the facts are the object's, text cannot become markup, drawings have the right sense."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from types import SimpleNamespace

import numpy as np
import pytest
from heads import layered_ball
from planned_ball import SPOT, _plan

from atlases import Target
from meshes import HeadMesh
from targeting import Coil
from targeting.cards.coil import wings
from targeting.cards.electrodes import cap_drawing
from targeting.cards.plan import dial
from targeting.coils import Casing, CurrentElements, MagneticDipoles, PotentialGrid
from targeting.plans.tes import PlanStandard, TesPlan, TesSearchSummary
from targeting.records.montage import PlanElectrode
from targeting.records.places import PlanLandmarks
from targeting.records.warnings import danger, note, warning
from targeting.scene.notebook import chosen_backend, show
from targeting.tes import Electrode, Leadfield, Montage
from targeting.tes.montage_dose import MontageDose
from targeting.tes.safety import SafetyItem

NASTY = '<script>alert("1")</script>&'
VOID = {"img", "br"}


class Checked(HTMLParser):
    """Every element is closed in its order; the words and the elements are kept."""

    def __init__(self, text):
        super().__init__()
        self.open, self.words, self.elements, self.attributes = [], [], [], []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


def card_of(thing):
    """The card, checked: well-formed, and nothing in it that acts or is fetched."""
    text = thing._repr_html_()
    assert len(text) < 60_000
    checked = Checked(text)
    assert not {"script", "style", "link", "iframe", "object"} & set(checked.elements)
    for name, value in checked.attributes:
        assert not name.startswith("on")
        assert name not in ("src", "href") or value.startswith("data:image/png;base64,")
    return " ".join(checked.words), text


@pytest.fixture(scope="module")
def ball():
    return layered_ball(14.0)


@pytest.fixture(scope="module")
def plan():
    return _plan(layered_ball(14.0, (0.6, 0.6, 0.6)), Coil.named("figure8-70mm"), "0f" * 32)


def test_a_head_tells_its_counts_and_volumes(ball):
    words, text = card_of(ball)
    assert f"{len(ball.tets):,}" in words and f"{len(ball.points_mm):,}" in words
    skull = ball.volumes_mm3[ball.tissue == 4].sum() / 1000
    assert f"skull {skull:,.1f} {int((ball.tissue == 4).sum()):,}" in words
    assert "data:image/png" in text


def test_the_slice_of_a_head_has_its_left_on_the_left():
    import base64
    import io

    from matplotlib.image import imread

    ball = layered_ball(14.0)
    tissue = ball.tissue.copy()
    tissue[(ball.centroids_mm[:, 0] < 0) & (tissue == 5)] = 6  # eyes all over the left
    text = HeadMesh(ball.points_mm, ball.tets, tissue)._repr_html_()
    data = re.search(r"base64,([^\"]+)", text)[1]
    pixels = imread(io.BytesIO(base64.b64decode(data)))
    green = (pixels[..., 1] > pixels[..., 0]) & (pixels[..., 1] > pixels[..., 2]) & (pixels[..., 3] > 0)
    columns = np.flatnonzero(green.any(axis=0))
    assert len(columns) and columns.max() <= pixels.shape[1] / 2 + 6  # an element reaches over
    assert text.index("<b>L</b>") < text.index("<img") < text.index("<b>R</b>")


@pytest.mark.parametrize(
    "head",
    [
        HeadMesh(np.zeros((0, 3)), np.zeros((0, 4)), np.zeros(0)),
        HeadMesh(np.vstack([np.zeros(3), np.eye(3)]), [[0, 1, 2, 3]], [77]),  # a tissue of another program
        HeadMesh(1e5 * np.vstack([np.zeros(3), np.eye(3)]), [[0, 1, 2, 3]], [5]),  # micrometres, say
    ],
    ids=["empty", "other tissue", "huge"],
)
def test_odd_meshes_have_cards_too(head):
    words, _ = card_of(head)
    assert f"tetrahedra {len(head.tets)}" in words


def test_a_plan_says_what_its_report_says_first(plan):
    words, text = card_of(plan)
    best = plan.placements[0]
    assert "left spot left" in words and "TMS plan for ball" in words
    assert "figure8-70mm" in words and "1.00 V/m at 1 A/µs" in words and "40° from anterior" in words
    assert "115 V/m (115 A/µs)" in words
    assert f"{best.scalp_mm[2]:.1f} mm" in words
    assert "<svg" in text


def test_text_never_becomes_markup(plan):
    nasty = replace(
        plan,
        subject=NASTY,
        target=replace(plan.target, name=NASTY),
        coil=replace(plan.coil, name=NASTY),
        warnings=[warning(f"{NASTY} {i}") for i in range(9)],
        placements=[replace(plan.placements[0], angle_from=NASTY)],
    )
    coil = replace(Coil.named("figure8-70mm"), name=NASTY, source=NASTY, casing_note=NASTY)
    pads = [Electrode(NASTY, [-67, -11, 62]), Electrode("Fp2", [30, 85, -7])]
    target = Target.sphere([-37, -21, 58], 5, name=NASTY, source=NASTY)
    e = np.zeros((2, 1, 3))
    leadfield = Leadfield((NASTY, "Cz"), np.zeros((2, 3)), NASTY, e, np.zeros((1, 3)), np.ones(1), np.zeros(1))
    for thing in (nasty, coil, Montage(NASTY, pads, [1e-3, -1e-3]), target, leadfield):
        words, text = card_of(thing)
        assert NASTY in words and "<script" not in text
    assert card_of(nasty)[0].count("⚠") == 5 and "and 4 more" in card_of(nasty)[0]
    six = replace(nasty, warnings=[*[danger(f"d {i}") for i in range(6)], note("n")])
    assert card_of(six)[0].count("DANGER") == 6 and "and 1 more" in card_of(six)[0]


def test_a_plan_without_what_may_be_missing(plan):
    bare = replace(plan, placements=[], coil=replace(plan.coil, max_didt_a_per_s=None), created="")
    assert "dose" not in card_of(bare)[0]
    turned = replace(plan, coil=replace(plan.coil, max_didt_a_per_s=None, current_direction_y=0))
    assert "rated maximum" not in card_of(turned)[0]


def test_every_built_in_coil_and_an_odd_one():
    for name in ("figure8-70mm", "double-cone-110mm", "circular-mc125"):
        coil = Coil.named(name)
        words, text = card_of(coil)
        assert name in words and f"{coil.max_didt_a_per_s / 1e6:.1f} A/µs" in words and "handle" in words
        assert text.count("<polygon") == (1 if name.startswith("circular") else 3)  # arrows of the wings, and induced
    nothing = Coil("none", (), Casing(np.zeros((0, 3)), np.zeros((0, 3), np.int32)), None, 0, "")
    assert "not stated" in card_of(nothing)[0]
    wire = CurrentElements(np.array([[0.0, 0, -5]] * 3000), np.array([[1.0, 0, 0]] * 3000))
    grid = PotentialGrid(np.zeros((2, 3, 4, 3)), np.eye(4))
    mixed = replace(Coil.named("figure8-70mm"), sources=(wire, grid), max_didt_a_per_s=None)
    assert "3,000 current elements, 24 grid points of A" in card_of(mixed)[0]


def turning(arrow):
    """+1 for a clockwise arrow, −1 for the other way round, and its middle in the drawing, whose y runs down."""
    points = np.array([[float(x) for x in each.split()] for each in re.search(r'd="M([^"]+)"', arrow)[1].split("L")])
    (x0, y0), (x1, y1) = points[:-1].T, points[1:].T
    middle = points.mean(0)
    return np.sign(((x0 - middle[0]) * (y1 - middle[1]) - (x1 - middle[0]) * (y0 - middle[1])).sum()), middle


def test_arrows_turn_as_the_current_does():
    """A current that is clockwise for the operator has its moment into the head."""
    angle = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    ring = np.c_[30 * np.cos(angle), 30 * np.sin(angle), np.full(24, -5.0)]
    for sign in (1.0, -1.0):
        loop = MagneticDipoles(ring, np.tile([0, 0, sign], (24, 1)))
        assert turning(wings(loop, 100.0)[0])[0] == sign


def test_the_wings_of_a_figure_of_eight_agree_with_the_induced_current():
    """Its own current runs towards the handle under the centre: the operator's left wing clockwise, the right one not."""
    coil = Coil.named("figure8-70mm")
    assert coil.current_direction_y == 1
    first, _, second, _ = wings(coil.sources[0], 190.0)
    turns = sorted([turning(first), turning(second)], key=lambda each: each[1][0])
    assert [sign for sign, _ in turns] == [1, -1]
    assert turns[0][1][0] < -20 and turns[1][1][0] > 20
    assert (coil.casing.points_mm[:, 0].max() > 90) and coil.sources[0].moments_a_m2[
        coil.sources[0].points_mm[:, 0] > 0, 2
    ].sum() > 0  # the operator's left is the coil's +x


def test_the_dial_turns_counter_clockwise():
    def tip(angle):
        points = re.search(r'<polygon points="([^"]+)"', dial(angle, "anterior", 1))[1]
        return np.mean([[float(x) for x in each.split(",")] for each in points.split()], axis=0)

    assert tip(0)[1] < -25 and abs(tip(0)[0]) < 1  # up
    assert tip(90)[0] < -25 and tip(-90)[0] > 25  # to the left and to the right, seen from outside
    assert ">up</text>" in dial(0, "superior", 0)


def test_a_cap_has_left_on_the_left_and_the_nose_up():
    fiducials = ([0, 100, 0], [0, -100, 0], [-80, 0, 0], [80, 0, 0])
    spots = [("C3", [-60.0, 0, 70], 2.0), ("Fp2", [30.0, 85, 10], -1.0)]
    drawn = cap_drawing(spots, fiducials)
    circles = re.findall(r'<circle cx="([-\d.]+)" cy="([-\d.]+)" r="([\d.]+)" fill="(#\w+)"', drawn)
    (x3, y3, r3, red), (xf, yf, rf, blue) = circles
    assert float(x3) < -10 and abs(float(y3)) < 1e-6
    assert float(xf) > 10 and float(yf) < -30
    assert float(r3) > float(rf) and red != blue
    assert cap_drawing(spots, ([0, 0, 0],) * 4) == ""  # landmarks that are no head: no drawing, no error


def test_a_montage_lists_its_currents_and_densities():
    pads = [Electrode("C3", [-67, -11, 62], "rectangle", (50, 70)), Electrode("Fp2", [30, 85, -7], size_mm=(20,))]
    words, _ = card_of(Montage("M1-SO", pads, [2e-3, -2e-3]))
    assert "C3 +2 mA rectangle 50 × 70 mm 0.057" in words  # 2 mA over 35 cm²
    assert "Fp2 −2 mA disc 20 mm 0.637" in words
    assert "total current 2 mA" in words


def test_a_montages_plan_tells_its_dose_its_currents_and_what_is_beyond_a_limit(plan):
    tape = {f"from_{mark}_mm": 100.0 for mark in ("nasion", "inion", "left_ear", "right_ear")}
    pads = [
        PlanElectrode(name, [x, 0.0, 60.0], ma, "rectangle", [50.0, 70.0], [0.0, 1.0, 0.0], 3500.0, 0.57, **tape)
        for name, x, ma in (("C3", -60.0, 2.0), (NASTY, 30.0, -2.0))
    ]
    dose = MontageDose("optimum", 2.0, 0.314, 0.32, 0.4, 0.11, 0.36, [0.0, 0.0, 0.0], 2.84, 4.7)
    item = SafetyItem("charge", "session charge", 9.0, 7.2, "C", "I t", False, False, "a paper", "re-read")
    marks = PlanLandmarks([0.0, 90, 0], [0.0, -90, 0], [-70.0, 0, 0], [70.0, 0, 0], 390.0, 380.0, "given")
    standard = PlanStandard(replace(dose, montage="m1-so"), {"C3": 2.0, "Fp2": -2.0}, 1.61, 1.2, 1.0)
    made = TesPlan(
        subject="ball", kind="hd-tdcs", frame=plan.frame, target=plan.target, montage_name=NASTY, montage=pads,
        total_current_ma=2.0, minutes=20.0, objective="", dose=dose, pole=None, standard=standard, optimum=None, goal=None,
        landmarks=marks, safety=[item, replace(item, within=True)], session_checks=[], charge_c=2.4, brain_e_v_per_m=0.4,
        eye_e_v_per_m=None, search=TesSearchSummary(), warnings=[danger("session charge", "charge"), warning(NASTY)],
        versions={}, seconds={}, conductivity_s_per_m={},
    )  # fmt: skip
    words, text = card_of(made)
    for each in (
        "HD-tDCS plan for ball", "0.314 V/m", "C3 +2 mA rectangle 50 × 70 mm", f"{NASTY} −2 mA", "1.61 times its dose",
        "1 of 2 items", "✕ DANGER: session charge; lower it",
    ):  # fmt: skip
        assert each in words
    assert "<svg" in text
    card_of(replace(made, standard=None, safety=[]))


def test_a_target_and_a_leadfield():
    assert "-27.0, -12.0, 27.0 mm" in card_of(SPOT)[0]
    mask = replace(SPOT, mask_points_mm=np.zeros((1234, 3)), snapped_mm=3.21)
    assert "1,234 voxels" in card_of(mask)[0] and "3.2 mm" in card_of(mask)[0]
    names = tuple(f"E{i}" for i in range(74))
    many = Leadfield(names, np.zeros((74, 3)), "E0", np.zeros((74, 5, 3)), np.zeros((5, 3)), np.ones(5), np.zeros(5))
    words, _ = card_of(many)
    assert "74: E0, E1" in words and "and 62 more" in words and "5 in" in words


def test_scenes_are_pictures_where_nothing_can_turn_them(monkeypatch):
    import pyvista as pv

    monkeypatch.setattr(pv.global_theme, "jupyter_backend", None, raising=False)
    assert chosen_backend() == "static"  # no kernel
    monkeypatch.setattr("targeting.scene.notebook._has_kernel", lambda: True)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: SimpleNamespace())
    monkeypatch.setenv("CI", "1")
    assert chosen_backend() == "static"
    monkeypatch.delenv("CI")
    assert chosen_backend() == "trame"
    assert chosen_backend("html") == "html"


def test_a_scene_is_shown_as_a_picture_even_if_the_back_end_fails(monkeypatch):
    pytest.importorskip("IPython")
    import pyvista as pv

    from targeting.scene import Layer, Scene

    scalp = Layer("scalp", pv.Sphere(radius=90.0), "#e0cdbb", opacity=0.5)
    scene = Scene("ball", (scalp,), "V/m at 1 A/µs", 1.0, np.array([0.0, 0, 60]), np.array([0.0, 0, 1]))

    def broken(*_):
        raise RuntimeError("no server")

    monkeypatch.setattr("targeting.scene.notebook.chosen_backend", lambda asked: asked or "trame")
    monkeypatch.setattr("targeting.scene.notebook._interactive", broken)
    shown = show(scene, camera="left", size=(240, 160))
    assert shown.data[:4] == b"\x89PNG" and shown.alt == "ball"
    with pytest.raises(RuntimeError, match="no server"):  # what was asked for by name is not replaced by something else
        show(scene, backend="trame")
