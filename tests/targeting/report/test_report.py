"""plan.html: it stands alone, says what the plan says, and a browser shows it."""

import base64
import dataclasses
import hashlib
import os
import re
import subprocess
import sys
from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from markupsafe import escape
from report_ball import NASTY, Reader, make_evidence, with_best, with_plan, working_notes

from atlases import targets
from meshes.errors import WriteError
from targeting.dosing import protocols
from targeting.dosing.record import dosing_warnings
from targeting.navigation.navigators import own_writers
from targeting.plans.dangers import coil_dangers
from targeting.plans.tms import TmsSearchSummary
from targeting.records.places import PlanLandmarks, PlanTape
from targeting.records.warnings import danger, in_order, note, warning
from targeting.report import TmsEvidence, head_check, write_report
from targeting.report import figures as figures_room
from targeting.report import tms as tms_page
from targeting.report.treatment import sheet_of
from targeting.scene.web import section
from targeting.study.aim import coil_notes, target_notes
from targeting.words.templates import environment


@pytest.fixture(scope="module")
def left() -> TmsEvidence:
    return make_evidence((-0.7, 0.25, 0.66))


@pytest.fixture(scope="module")
def page(left: TmsEvidence, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "plan.html"
    write_report(path, left)
    return path


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages without their pictures, for tests of words."""
    dot = figures_room.Figure(np.zeros((2, 2, 3), np.uint8), "dot", "a dot", "a dot")
    for name in ("slices", "field_slices", "coil", "cortex", "dose"):
        monkeypatch.setattr(figures_room, name, lambda evidence: [dot])
    monkeypatch.setattr(head_check, "mosaic", lambda evidence: dot)
    monkeypatch.setattr(section, "section_of", lambda scene: "")


@pytest.mark.slow
def test_the_page_stands_alone(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert page.stat().st_size < 8e6
    read = Reader(text)
    kinds = Counter(tag for tag, _ in read.tags)
    assert not {"iframe", "object", "embed", "form", "base"} & set(kinds)
    for _, attributes in read.tags:
        for name in ("src", "href", "srcset", "action", "poster", "data"):
            assert (attributes.get(name) or "data:").startswith(("data:", "#")) or attributes[
                name
            ] == "treatment_sheet.html"
        assert not any(name.startswith("on") for name in attributes)
    without_pictures = re.sub(r"data:image/png;base64,[A-Za-z0-9+/=]+", "", text)
    assert not re.search(r"https?:|url\(|@import", without_pictures)
    policy = next(a["content"] for _, a in read.tags if a.get("http-equiv") == "Content-Security-Policy")
    assert "default-src 'none'" in policy and "unsafe-eval" not in policy
    for attributes, code in re.findall(r"<script([^>]*)>(.*?)</script>", text, re.DOTALL):
        digest = base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()
        assert "type=" in attributes or f"'sha256-{digest}'" in policy  # data, or a script the policy names


@pytest.mark.slow
def test_the_page_is_well_made(page: Path) -> None:
    read = Reader(page.read_text(encoding="utf-8"))
    kinds = Counter(tag for tag, _ in read.tags)
    assert kinds["h1"] == 1 and kinds["main"] == 1 and kinds["title"] == 2  # the page's and the handle's drawing's
    assert kinds["img"] == 17 and kinds["figcaption"] == 18
    assert kinds["header"] == kinds["footer"] == kinds["nav"] == 1
    levels = [int(tag[1]) for tag, _ in read.tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1 and all(b <= a + 1 for a, b in pairwise(levels))
    assert all("scope" in attributes for tag, attributes in read.tags if tag == "th")
    links = {attributes["href"][1:] for tag, attributes in read.tags if tag == "a" and attributes["href"][0] == "#"}
    assert {"head", "methods", "reproduce"} < links
    ids = [attributes["id"] for _, attributes in read.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert links <= set(ids)
    assert {a["aria-labelledby"] for _, a in read.tags if "aria-labelledby" in a} <= set(ids)
    assert read.tags[0] == ("html", {"lang": "en"})
    for tag, attributes in read.tags:
        if tag == "img":
            assert len(attributes["alt"] or "") > 60
            assert attributes["width"] and attributes["height"]


def test_the_page_says_what_the_plan_says(page: Path, left: TmsEvidence) -> None:
    text = Reader(page.read_text(encoding="utf-8")).text
    best = left.best
    for words in (
        "m1-hand",
        "left",
        "figure-of-eight",
        "V/m per A/µs",
        f"{best.dose_v_per_m:.2f}",
        "30°",
        "Measured from the front",
        ", ".join(f"{x:.1f}" for x in best.scalp_mm).replace("-", "−"),
        "✓ No warnings",
        "plan_brainsight.txt",
        "plan_localite.xml",
        "0f" * 32,
        "T1.nii.gz",
        "123\u202f456",
        "0.275 S/m",
        "2 min 10 s",
        "the search differs by −0.10 %",
        "research use",
        "clinician decides",
        "neurological convention",
    ):
        assert words in text, words
    assert text.count("From the best") == 1
    assert "\n96.0\n" in text  # the fifth placement's share of the best dose, %
    assert "\n8.0\n" in text  # its distance from the best, mm


def header_of(page: str) -> str:
    return Reader(page[page.index("<header>") : page.index("</header>") + len("</header>")]).text


def test_the_header_says_it_at_a_glance(left: TmsEvidence, quick: None) -> None:
    from dosing_blocks import block

    text = header_of(tms_page.page_of(left))
    x = f"x\u00a0{left.best.scalp_mm[0]:.1f}".replace("-", "−")
    for words in ("ball", "m1-hand", "left", "figure-of-eight", x, "30°", "not known", "✓ No warnings"):
        assert words in text, words
    dosing = block(protocol="psi-10hz", muscle="leg")
    tape = PlanTape("at C3", 190.0, 185.0, 140.0, 247.0, PlanLandmarks(*[[0.0, 0.0, 0.0]] * 4, 393.0, 387.0, "given"))
    told = [warning("the neck is cut"), warning("b"), note("c")]
    known = with_plan(left, dosing=dosing, warnings=told, tape=tape)
    text = header_of(tms_page.page_of(known))
    for words in ("at C3", x, "40 %", "80.0 % of the leg's motor threshold", "! 2 warnings", "The neck is cut"):
        assert words in text, words
    told = [danger("the coil reaches 2 mm into the head"), *known.plan.warnings]
    stopped = header_of(tms_page.page_of(with_plan(known, warnings=told)))
    assert "✕ Do not use yet" in stopped and "1 reason below" in stopped and "into the head" in stopped
    assert stopped.index("Do not use") < stopped.index("at C3")


def test_whom_and_which_sides_stand_at_the_head_of_the_page(left: TmsEvidence, quick: None) -> None:
    known = with_plan(left, pain_side="right", patient_id="P-012")
    read = Reader(tms_page.page_of(known)).text
    assert "Research use only\n · patient P-012 · ball · m1-hand left · pain right → coil left" in read
    header = header_of(tms_page.page_of(known))
    assert "P-012" in header and "Pain right → coil left" in header
    assert "Side of the pain: not given" in header_of(tms_page.page_of(left)) and "patient" not in header_of(
        tms_page.page_of(left)
    )


@pytest.mark.slow
def test_no_working_note_is_on_a_page_for_the_clinic(left: TmsEvidence, quick: None) -> None:
    from dosing_blocks import block

    assert working_notes("Re-read in the abstract; recalled: 20 s") == ["Re-read", "recalled"]
    notes = [each for name in targets() for each in coil_notes(name)]
    for name, protocol in protocols().items():
        dosing = block(protocol=name, muscle=protocol.muscle)
        told = in_order([*dosing_warnings(dosing), *notes])
        evidence = with_plan(left, dosing=dosing, warnings=told)
        for page in (tms_page.page_of(evidence), sheet_of(evidence)):
            text = Reader(page).text
            assert working_notes(text) == [], name
            assert "unverified" in text.lower() or not protocol.unverified


@pytest.mark.slow
def test_only_the_command_to_make_it_again_has_flags(left: TmsEvidence, quick: None) -> None:
    told = [
        warning("give the points with --positions"),
        note("measure it and give --hotspot"),
        note("a 180°--200° turn"),
    ]
    search = dataclasses.replace(left.plan.search, command="target plan ball --side left")
    read = Reader(tms_page.page_of(with_plan(left, warnings=told, search=search)))
    found = re.findall(r"--[a-z][\w-]*", read.text)
    assert found == ["--side"]
    assert "Measure it and give the option “hotspot”" in read.text and "180°--200°" in read.text
    assert read.text.index("Appendix") < read.text.index("--side")
    assert read.text.count("0f" * 32) == 1  # the image's hash, and all of the provenance, is told once


def test_a_targets_own_remarks_stand_in_its_plan() -> None:
    for name in ("psi", "dpi", "op1", "op2-3", "op4"):
        weighed, told = coil_notes(name)
        assert weighed.kind == "warning" and "seizure" in weighed.text and weighed.text.startswith(f"{name}: ")
        assert told == note(f"{name}: {targets()[name].note}") and "seizure" not in told.text
    (told,) = coil_notes("m1-hand")
    assert told.kind == "note" and "hotspot" in told.text
    assert coil_notes("ras:1,2,3") == coil_notes("mask.nii.gz") == []
    assert target_notes("psi") == coil_notes("psi")[1:]


def test_which_image_a_navigator_needs_and_that_a_demonstration_has_none(left: TmsEvidence, quick: None) -> None:
    def said(image: str) -> str:
        frame = dataclasses.replace(left.plan.frame, image=image)
        return Reader(tms_page.page_of(with_plan(left, frame=frame))).text.replace("\n", " ")

    assert "load  T1.nii.gz  first" in said("T1.nii.gz")
    for navigator in own_writers():
        assert (navigator.with_every_plan or navigator.title in said("T1.nii.gz")) and navigator.how
    assert "colin27_T1.nii.gz" in said("colin27.npz") and "first: the poses" not in said("colin27.npz")
    for mesh in ("head.msh", "head.vtu", "HEAD.MSH"):
        assert f"the T1 that  {mesh}  was made from" in said(mesh)


def test_every_text_from_outside_is_escaped(left: TmsEvidence, quick: None) -> None:
    plan = left.plan
    nasty = dict.fromkeys(("subject", "objective", "created", "patient_id"), NASTY)
    evidence = dataclasses.replace(
        with_best(
            with_plan(
                left,
                **nasty,
                frame=dataclasses.replace(plan.frame, name=NASTY, image=NASTY, sha256=NASTY),
                target=dataclasses.replace(plan.target, name=NASTY, source=NASTY),
                coil=dataclasses.replace(plan.coil, name=NASTY, source=NASTY),
                search=TmsSearchSummary(head=NASTY, mesh=NASTY, command=NASTY),
                warnings=[danger(NASTY, NASTY), warning(NASTY), note(NASTY)],
                versions={NASTY: NASTY},
                seconds={NASTY: 1.0},
                conductivity_s_per_m={NASTY: 1.0},
            ),
            angle_from=NASTY,
        ),
        navigator_files=(NASTY,),
    )
    text = tms_page.page_of(evidence)
    assert "<b id" not in text
    assert text.count(escape(NASTY)) + text.count(escape(NASTY).replace("T", " ")) >= 15
    assert not any("nasty" in str(attributes) for tag, attributes in Reader(text).tags if tag == "b")


def test_figures_escape_what_they_say(left: TmsEvidence) -> None:
    figure = figures_room.Figure(np.zeros((2, 2, 3), np.uint8), NASTY, NASTY, NASTY)
    read = Reader(environment().get_template("report/parts.html.jinja").module.figures([figure]))
    assert [tag for tag, _ in read.tags] == ["figure", "img", "figcaption", "b"]
    assert read.tags[1][1]["alt"] == NASTY


def test_warnings_are_shown_and_none_is_said(left: TmsEvidence, quick: None) -> None:
    calm = tms_page.page_of(left)
    assert 'class="notice amber"' not in calm and "No warnings" in calm and "✓ No warnings" in calm
    text = tms_page.page_of(with_plan(left, warnings=[warning("the neck is cut")]))
    assert 'class="notice amber"' in text and "The neck is cut" in text and "No warnings" not in text
    assert 'class="notice red"' not in text and 'class="notice quiet"' not in text
    text = tms_page.page_of(with_plan(left, warnings=[note("left assumed")]))
    assert 'class="notice quiet"' in text and "Left assumed" in text and text.count("✓ No warnings") == 2
    text = tms_page.page_of(with_plan(left, warnings=[danger("too long", "trains"), note("left assumed")]))
    red = text[text.index('class="notice red"') :]
    assert (
        "Do not use before this is solved" in red
        and "the option “accept-risk” trains" in red
        and "✓ No warnings" not in text
    )


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"distance_mm": -0.5}, "0.5 mm into the head"),
        ({"direct_dose_v_per_m": None}, "not confirmed"),
        ({"direct_dose_v_per_m": 99.0}, "direct solve gives 99 V/m"),
    ],
)
def test_a_pose_that_cannot_be_trusted_is_a_danger(left: TmsEvidence, change: dict, word: str) -> None:
    (found,) = coil_dangers(with_best(left, **change).plan)
    assert word in found.text and (found.kind, found.item) == ("danger", "")


def test_another_engine_may_differ_by_what_plain_elements_do_and_is_named(left: TmsEvidence) -> None:
    plan = with_plan(left, search=dataclasses.replace(left.plan.search, direct_solves_by="simnibs 4.5.0"))
    dose = left.best.dose_v_per_m
    assert coil_dangers(with_best(plan, direct_dose_v_per_m=1.05 * dose).plan) == []
    assert coil_dangers(with_best(left, direct_dose_v_per_m=1.05 * dose).plan) != []
    (found,) = coil_dangers(with_best(plan, direct_dose_v_per_m=1.2 * dose).plan)
    assert "direct solve by SimNIBS 4.5.0 gives" in found.text and "to 10%" in found.text


def test_the_output_stands_above_the_pictures_and_escapes(left: TmsEvidence, quick: None) -> None:
    from dosing_blocks import block

    from targeting.dosing.record import PlanFinding

    told = dataclasses.replace(
        block(protocol="psi-10hz", muscle="leg"), hotspot_source=NASTY, max_didt_source=NASTY, stronger={NASTY: 2}
    )
    told = dataclasses.replace(
        told,
        protocol=dataclasses.replace(
            told.protocol, paper=NASTY, note=NASTY, findings=[PlanFinding("exceeds", "trains", NASTY)]
        ),
    )
    text = tms_page.page_of(with_plan(left, dosing=told))
    assert 0 < text.index("Stimulator output") < text.index("</header>")
    assert text.index("Where the target is") < text.index('id="output">How strongly') < text.index('id="appendix"')
    assert "<b id" not in text and text.count(escape(NASTY)) == 7  # and once in the references
    assert "motor threshold is not known" not in text
    assert "How strongly" not in tms_page.page_of(left)


def test_a_better_pose_that_was_refused_is_told_with_the_reason(left: TmsEvidence, quick: None) -> None:
    dose = left.best.dose_v_per_m
    held = with_best(left, closer_dose_v_per_m=1.25 * dose, closer_depth_mm=10.3, closer_at_mm=[-70.0, 12.0, -3.0])
    text = Reader(tms_page.page_of(held)).text
    assert f"the coil would give {1.25 * dose:.2f} V/m (+25.0 %), but that pose is refused" in text
    assert "10.3 mm too near to the head, or in it, at (−70, 12, −3) mm" in text
    assert "\n10.3 (+25.0 %)\n" in text and text.count("\nnot known\n") == 4 + 1  # and the output
    free = with_best(left, closer_dose_v_per_m=1.001 * dose, closer_depth_mm=0.1, closer_at_mm=[-70.0, 12.0, -3.0])
    assert "nothing holds the coil off" in tms_page.page_of(free)
    assert "not better" not in tms_page.page_of(left)


def test_a_target_on_the_other_side_than_its_name_is_a_danger(left: TmsEvidence) -> None:
    wrong = with_plan(left, target=dataclasses.replace(left.plan.target, side="right"))
    (found,) = coil_dangers(wrong.plan)
    assert "its centre is on the left" in found.text
    assert coil_dangers(left.plan) == []


def test_unknown_numbers_are_left_out(left: TmsEvidence, quick: None) -> None:
    plan = left.plan
    bare = with_plan(
        left,
        coil=dataclasses.replace(plan.coil, max_didt_a_per_s=None),
        target=dataclasses.replace(plan.target, mni_mm=None, side=""),
        seconds={},
        created="",
    )
    text = tms_page.page_of(dataclasses.replace(bare, navigator_files=()))
    assert "maximum dI/dt is not known" in text
    assert not re.search(r"MNI152|\bNone\b|\bnan\b", text)


def test_a_report_that_cannot_be_written_leaves_the_old_one(left: TmsEvidence, quick: None, tmp_path: Path) -> None:
    with pytest.raises(WriteError, match="cannot write"):
        write_report(tmp_path / "nowhere" / "plan.html", left)


@pytest.mark.slow
def test_no_display_is_needed(tmp_path: Path) -> None:
    environment = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY")}
    code = (
        "import sys, numpy as np\n"
        "from targeting.scene.raster.canvas import Canvas\n"
        "import targeting.report\n"
        "print(Canvas(np.zeros((20, 30, 3), np.uint8), 10).rgb().shape, 'matplotlib.pyplot' in sys.modules)\n"
    )
    out = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert out.stdout.split() == ["(30,", "30,", "3)", "False"]
