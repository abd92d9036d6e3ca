"""The treatment sheet: all that is needed at the chair, blanks with their reason, red above all, one sheet of A4."""

import re
import subprocess
from dataclasses import replace

import numpy as np
import pytest
from browser import browser, missing, visit  # noqa: F401  (browser is a fixture)
from dosing_blocks import block
from markupsafe import escape
from report_ball import NASTY, Reader, make_evidence, with_best, with_plan

from atlases.scalp_positions import ScalpPositions
from targeting.dosing import protocols
from targeting.plans.handling import PlanAngle, PlanPulse
from targeting.records.places import PlanLandmarks, PlanTape
from targeting.records.warnings import danger, note, warning
from targeting.report import place
from targeting.report.handle import drawn_deg, handle_drawing
from targeting.report.treatment import QUESTIONS, sheet_of, write_treatment_sheet

pytestmark = pytest.mark.slow

NAMED = [[0.0, 105.0, 0.0], [0.0, -105.0, 0.0], [-92.0, 0.0, 0.0], [92.0, 0.0, 0.0]]
MARKS = PlanLandmarks(*NAMED, 364.2, 371.9, "registration to MNI152")
TAPE = PlanTape("12 mm from C1, towards C3", 191.4, 187.6, 141.2, 246.8, MARKS)
RUNS = ("from front to back", "from back to front")
PULSE = PlanPulse("biphasic", "reverse", True, "second", -1, "magstim-rapid", True, True, *RUNS)


def angle(deg, words):
    return PlanAngle("fold", "across the fold", deg, words, "7:30", None, [], 0.9, True)


@pytest.fixture(scope="module")
def left():
    return with_plan(make_evidence((-0.5, 0.25, 0.8)), pain_side="right", patient_id="P-012")


@pytest.fixture(scope="module")
def full(left):
    """With all that a plan may know."""
    facts = {"dosing": block(protocol="m1-pain-10hz"), "pulse": PULSE, "tape": TAPE}
    return with_plan(left, **facts, angle=angle(45.0, "45° to the midline, handle back and to the left"))


def words(evidence):
    return " ".join(Reader(sheet_of(evidence)).text.split())


def test_the_sheet_says_what_the_plan_says(full):
    text = words(full)
    dosing = full.plan.dosing
    for each in (
        "P-012", "m1-hand left", "Pain right → coil left", "Research use only", "2026-01-02", "figure-of-eight",
        "magstim-rapid", "biphasic", "REVERSE", "from back to front (second phase)", f"{dosing.given_percent} % MSO", "3000",
        "30 of 10 s, 10 Hz", "14.7 min", "RMT, hand", "0.80 × RMT", "12 mm from C1, towards C3", "19.1 cm", "18.8 cm",
        "14.1 cm", "24.7 cm", "36.4 cm",
        "37.2 cm", "to about a centimetre", "45° to the midline, handle back and to the left", "7:30", "Hearing protection on",
        "Rossi 2021", "physician in charge",
    ):  # fmt: skip
        assert each in text, each
    assert all(each in text for each in QUESTIONS) and text.count(" no ") >= len(QUESTIONS)
    for each in (
        "metal",
        "cochlear",
        "pacemaker",
        "stimulator implanted",
        "pump",
        "seizure",
        "faint",
        "pregnant",
        "hearing loss",
    ):
        assert each in text.lower(), each
    assert re.search(r"\b\d+\.\d+ % MSO", text) is None  # an output is a whole number
    assert "DO NOT USE" not in text and "warning" not in text


def test_what_is_not_known_is_a_blank_with_its_reason(left):
    text = words(replace(left, plan=replace(left.plan, patient_id="", pain_side="")))
    for each in ("knows no motor threshold", "names no protocol", "not registered", "with the navigator", "not given"):
        assert each in text, each
    assert "cm off" not in text and "19.1" not in text and sheet_of(left).count('class="blank"') > 15
    found = words(with_plan(left, dosing=block()))
    assert "neither a protocol nor a field" in found and "50.0 % MSO" in found and "____ %" in found


def test_a_danger_is_in_red_above_all_and_warnings_are_counted(left):
    page = sheet_of(
        with_plan(left, warnings=[danger("the coil is in the head"), warning("cut"), warning("b"), note("c")])
    )
    assert page.index("DO NOT USE") < page.index("Whom and when") and "The coil is in the head" in page
    assert "2 warnings stand in" in page and 'href="plan.html#warnings"' in page
    assert "1 warning stands in" in sheet_of(with_plan(left, warnings=[warning("cut")]))


def test_texts_from_outside_are_escaped(full):
    plan = full.plan
    nasty = with_plan(
        full,
        subject=NASTY,
        patient_id=NASTY,
        target=replace(plan.target, name=NASTY),
        coil=replace(plan.coil, name=NASTY),
        warnings=[danger(NASTY)],
        pulse=replace(PULSE, stimulator=NASTY, effective_runs=NASTY),
        angle=angle(45.0, NASTY),
        tape=replace(TAPE, near=NASTY, landmarks=replace(MARKS, source=NASTY)),
        dosing=replace(plan.dosing, protocol=replace(plan.dosing.protocol, name=NASTY, spacing=NASTY)),
    )
    page = sheet_of(nasty)
    assert "<b id" not in page and page.count(escape(NASTY)) >= 12
    Reader(page)


def ends(evidence):
    """Where the handle's bar ends in the drawing, from its centre: x to the right, y to the front."""
    x, y = re.search(r'<path d="M0 0L(\S+) (\S+)" stroke="#0b6e8a"', handle_drawing(evidence.plan)).groups()
    return float(x), -float(y)


def test_left_is_left_in_the_drawing_of_the_handle(left):
    right = make_evidence((0.5, 0.25, 0.8))
    for evidence, sign in ((left, -1), (right, 1)):
        turned = with_plan(evidence, angle=angle(45.0, "45° to the midline"))
        x, y = ends(turned)
        assert np.sign(x) == sign and y < 0 and abs(x) == pytest.approx(abs(y), rel=1e-2)  # back and outwards
        inward = ends(with_plan(evidence, angle=angle(-20.0, "")))
        assert np.sign(inward[0]) == -sign and inward[1] < 0
        assert ends(with_plan(evidence, angle=angle(150.0, "")))[1] > 0
    assert "45°" in handle_drawing(with_plan(left, angle=angle(45.0, "")).plan)


def test_without_an_angle_in_the_plan_the_pose_is_drawn(left):
    def turned(handle, out):
        z = -np.array(out, float) / np.linalg.norm(out)
        y = -np.array(handle, float) / np.linalg.norm(handle)
        pose = np.eye(4)
        pose[:3, :3] = np.c_[np.cross(y, z), y, z]
        return with_best(left, pose=pose.tolist()).plan

    assert drawn_deg(turned([-1, -1, 0], [0, 0, 1])) == pytest.approx(45)  # on the left, outwards is to the left
    assert drawn_deg(turned([1, -1, 0], [0, 0, 1])) == pytest.approx(-45)
    assert drawn_deg(turned([0, -1, 0], [-1, 0, 1])) == pytest.approx(0, abs=1e-9)
    forehead = turned([0, 0, -1], [0, 1, 0])
    assert drawn_deg(forehead) is None and handle_drawing(forehead) == ""


def test_the_point_is_where_it_should_be_in_the_picture(left):
    assert place.seen_from(left)[0] == "above"
    side = make_evidence((-0.95, 0.2, 0.1))
    assert place.seen_from(side)[0] == "the left" and place.seen_from(make_evidence((0.95, 0.2, 0.1)))[0] == "the right"
    spots = np.array([[0.0, 0.0, 92.0], [92.0 * 0.6, 0.0, 92.0 * 0.8]])
    names = [*place.TEN_TWENTY]
    positions = ScalpPositions(tuple(names), ("Electrode",) * len(names), np.resize(spots, (len(names), 3)))
    for evidence in (left, make_evidence((0.5, 0.25, 0.8))):
        picture = place.place_picture(replace(evidence, positions=positions)).astype(int)
        ink = (abs(picture - [0x0B, 0x6E, 0x8A]).max(-1) < 12).nonzero()
        assert len(ink[0]) > 80
        assert (ink[1].mean() < place.WIDTH / 2) == (evidence.best.scalp_mm[0] < 0)  # left is left
        assert ink[0].min() < place.HEIGHT / 2  # the point lies before the middle; the handle runs back


@pytest.mark.parametrize("known", ["all", "wordy", "nothing", "dangers"])
def test_the_sheet_is_one_sheet_of_a4(full, left, browser, tmp_path, known):  # noqa: F811
    long = "the search found 1.22 V/m but the direct solve gives 1.62 V/m: the two must agree to 1%, and this is a long line"
    dangers = [danger(long), danger(f"{long}, too"), danger("the coil's casing reaches 3.2 mm into the head")]
    dangers += [danger(f"{each}, and {long}") for each in range(4)]
    told = [*dangers, warning("a"), note("b")]
    wordy = max(protocols().values(), key=lambda each: len(f"{each.spacing} {each.unverified} {each.rhythm_words}"))
    dosing = block(protocol=wordy.name, muscle=wordy.muscle)
    evidence = {
        "all": with_plan(full, warnings=[warning("a")]),
        "wordy": with_plan(full, dosing=dosing, subject="a-subject-with-a-long-name", patient_id="P" * 60),
        "nothing": left,
        "dangers": with_plan(
            full, warnings=told, coil=replace(full.plan.coil, name="a coil with quite a long name, 110 mm")
        ),
    }[known]
    path = tmp_path / "treatment_sheet.html"
    write_treatment_sheet(path, evidence)
    with visit(browser, path) as seen:
        (tmp_path / "sheet.pdf").write_bytes(seen.page.pdf(prefer_css_page_size=True, print_background=True))
        assert seen.complaints == [] and seen.requests == []
    try:
        told = subprocess.run(
            ["pdfinfo", str(tmp_path / "sheet.pdf")], capture_output=True, text=True, check=True
        ).stdout
    except FileNotFoundError:
        missing("there is no pdfinfo")
    assert re.search(r"Pages:\s+1\n", told) and "A4" in told
