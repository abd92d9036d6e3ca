"""Methods text, citations and the command: made from the plan, complete for its variants, and true to the command line."""

import dataclasses
import re
import shlex
from pathlib import Path
from types import SimpleNamespace

import pytest
from markupsafe import escape
from report_ball import NASTY, Reader, make_evidence, with_plan
from typer.testing import CliRunner

from cli.commands import app
from targeting.planning import tms as road
from targeting.plans.tes import TesPlan, TesSearchSummary
from targeting.plans.tms import TmsSearchSummary
from targeting.records.montage import PlanElectrode, PlanOptimum
from targeting.records.places import PlanLandmarks
from targeting.report import methods
from targeting.report.methods import references
from targeting.report.provenance import provenance
from targeting.study.command_line import command_line
from targeting.study.head_source import HeadSource
from targeting.study.tes_request import TesRequest
from targeting.study.tms_request import TmsRequest
from targeting.tes.montage_dose import MontageDose
from targeting.tes.safety import SafetyItem
from targeting.uncertainty.record import PlanUncertainty
from targeting.words.templates import render

SEARCH = TmsSearchSummary("T1", "standard", hair_mm=4.0, poses_tried=475142, tilt_deg=0.0, extra_mm=0.0)
SIGMA = {"wm": 0.126, "gm": 0.275, "csf": 1.654, "skull": 0.01, "scalp": 0.465, "eyes": 0.5}


@pytest.fixture(scope="module")
def evidence():
    made = make_evidence((-0.7, 0.25, 0.66))
    return with_plan(made, search=SEARCH, conductivity_s_per_m=SIGMA, versions={"target": "1.2.3", "numpy": "2.3.5"})


@pytest.fixture(scope="module")
def montage(evidence):
    plan = evidence.plan
    numbers = {f"from_{mark}_mm": 100.0 for mark in ("nasion", "inion", "left_ear", "right_ear")}
    pads = [
        PlanElectrode(name, [x, 0.0, 60.0], ma, "rectangle", [50.0, 70.0], [0.0, 1.0, 0.0], 3500.0, 0.57, **numbers)
        for name, x, ma in (("C3", -60.0, 2.0), ("Fp2", 30.0, -2.0))
    ]
    dose = MontageDose("optimum", 2.0, 0.31, 0.32, 0.4, 0.11, 0.36, [0.0, 0.0, 0.0], 2.8, 4.7)
    item = SafetyItem(
        "charge", "charge", 9.0, 7.2, "C", "current times time", False, True, "Bikson et al. 2016", "re-read"
    )
    marks = PlanLandmarks(*[[0.0, 0.0, 0.0]] * 4, 390.0, 380.0, "registration")
    made = TesPlan(
        subject="ball", kind="tdcs", frame=plan.frame, target=plan.target, montage_name="optimum (pair)", montage=pads,
        total_current_ma=2.0, minutes=20.0, objective=plan.objective, dose=dose, pole=None, standard=None,
        optimum=PlanOptimum("the two electrodes with the largest field", 65, 0.31, 0.31, 0.31, 0.0, ["2 mA in total"]),
        landmarks=marks, safety=[item], session_checks=[], charge_c=2.4, goal=None, brain_e_v_per_m=0.4, eye_e_v_per_m=None,
        search=TesSearchSummary(head="labels"),
        warnings=[], versions=plan.versions, seconds={}, conductivity_s_per_m=plan.conductivity_s_per_m,
    )  # fmt: skip
    return SimpleNamespace(plan=made, head=evidence.head)


def methods_part(evidence):
    return render("report/methods.html.jinja", methods=methods.coil_methods(evidence))


def provenance_part(plan):
    return render("report/provenance.html.jinja", plan=plan, provenance=provenance(plan))


def check_numbering(text: str, works: list[str]) -> None:
    """Marks come in order, the first time each, and every work is cited."""
    marks = [int(number) for group in re.findall(r"\[([\d,]+)\]", text) for number in group.split(",")]
    assert list(dict.fromkeys(marks)) == list(range(1, len(works) + 1))
    assert len(set(works)) == len(works)


def test_the_text_holds_the_plans_numbers_and_cites_in_order(evidence):
    text, works = methods.coil_methods(evidence)
    check_numbering(text, works)
    best = evidence.best
    for words in (
        f"{len(evidence.head.tets):,} tetrahedra".replace(",", "\u202f"),
        "T1-weighted MRI was segmented with SAMSEG [1]",
        "white matter 0.126, grey matter 0.275, cerebrospinal fluid 1.654, skull 0.01 and scalp 0.465",  # it has no eyes
        "white matter, grey matter, cerebrospinal fluid, skull and scalp as in",  # one source: Wagner 2004
        "alike in all directions",
        "target 1.2.3",
        "numpy 2.3.5",
        "475\u202f142 poses",
        "its casing 4 mm or more",
        "left m1-hand",
        f"{best.dose_v_per_m:.2f} V/m",
        "at 30° from the front",
    ):
        assert words in text, words
    assert "another paper" in works  # the coil's own source
    assert any(work.startswith("Gomez LJ") for work in works)


def test_only_what_the_plan_used_is_said(evidence):
    plain, _ = methods.coil_methods(evidence)
    for word in ("SimNIBS", "published ranges", "stimulator", "set for this plan", "Colin27", "diffusion", "tilts"):
        assert word not in plain
    spread = PlanUncertainty(1.0, 1.2, 1.5, 3.0, 4.0, 0.02, {}, {}, "beta(3, 3)", ["Saturnino 2019"], 4096)
    varied = with_plan(
        evidence,
        search=dataclasses.replace(
            SEARCH,
            head="embedded",
            tilt_deg=10.0,
            direct_solves_by="simnibs 4.5.0",
            white_matter="volume-normalised tensors of dti.nii.gz",
        ),
        uncertainty=spread,
        conductivity_s_per_m={**SIGMA, "skull": 0.02},
    )
    text, works = methods.coil_methods(varied)
    check_numbering(text, works)
    for words in (
        "Colin27", "tilts of up to 10°", "SimNIBS 4.5.0", "tensors of dti.nii.gz", "skull was set for this plan",
        "between 1.00 and 1.50 V/m",
    ):  # fmt: skip
        assert words in text, words
    assert "alike in all directions" not in text
    for author in ("Holmes", "Thielscher A, Antunes", "Opitz A, Windhoff", "Saturnino"):
        assert any(work.startswith(author) for work in works), author
    direct, cited = methods.coil_methods(
        with_plan(varied, search=dataclasses.replace(varied.plan.search, white_matter="direct tensors"))
    )
    assert "direct tensors" in direct and any(work.startswith("Tuch") for work in cited)


def test_dosing_and_protocol_are_told(evidence):
    from dosing_blocks import block

    dosing = block(protocol="psi-10hz", muscle="leg")
    text, works = methods.coil_methods(with_plan(evidence, dosing=dosing))
    check_numbering(text, works)
    assert "set to 40 % of its maximum, the protocol’s 80 % of the motor threshold" in text
    assert "a resting motor threshold of 50.0 % (leg)" in text
    assert dosing.protocol.paper in works and "psi-10hz" in text


def test_the_montage_text(montage):
    text, works = methods.montage_methods(montage)
    check_numbering(text, works)
    for words in (
        "C3 +2 mA and Fp2 −2 mA", "for 20 min", "label image", "rectangle 50 × 70 mm", "65 positions", "0.31 V/m at 2 mA",
        "exceeded in: charge",
    ):  # fmt: skip
        assert words.replace("0.31 V/m", "0.310 V/m") in text, words
    assert "Bikson et al. 2016" in works and any(work.startswith("Somersalo") for work in works)
    given = SimpleNamespace(plan=dataclasses.replace(montage.plan, optimum=None), head=montage.head)
    assert "was given" in methods.montage_methods(given)[0]


def test_methods_and_command_are_escaped_and_can_be_copied(evidence):
    nasty = with_plan(
        evidence,
        coil=dataclasses.replace(evidence.plan.coil, name=NASTY, source=NASTY),
        versions={"target": NASTY, NASTY: NASTY},
        search=dataclasses.replace(SEARCH, command=f"target plan {NASTY}"),
    )
    for part in (methods_part(nasty), provenance_part(nasty.plan)):
        read = Reader(part)
        assert escape(NASTY) in part and not any(attributes.get("id") == "nasty" for _, attributes in read.tags)
        (button,) = (attributes for tag, attributes in read.tags if tag == "button")
        assert button["data-of"] in {attributes.get("id") for _, attributes in read.tags} and "hidden" in button


def test_the_reference_list_is_complete():
    for work in references().values():
        assert re.search(r"(19|20)\d\d;", work) and work.split(".")[0].count(" ") >= 1
    assert len(set(references().values())) == len(references())


def test_a_plan_without_a_command_says_so(evidence):
    part = provenance_part(evidence.plan)
    assert "does not say which command" in part and evidence.plan.frame.sha256 in part


GIVEN = {
    "aim": "psi", "pain_side": "left", "hotspot_mm": (-38.5, -20.0, 55.0), "coil": "/coils/H 7.ccd", "compare": ("a", "b"),
    "patient_id": "P-012",
    "direction": (0.0, -1.0, 0.5), "avoid": ("m1-face@left/10", "/rooms/mask.nii.gz"), "hair_mm": 6.0, "uncertainty": True,
    "conductivity_s_per_m": {"skull": 0.008, "csf": 1.7}, "dti": Path("/rooms/dti.nii"), "rmt_percent": 52.0,
    "rmt_at_mm": (38.0, -20.0, 55.0), "threads": 8, "density": "fast", "objective": "focality",
}  # fmt: skip


def test_the_command_gives_the_arguments_back(monkeypatch, tmp_path):
    """Parsed by the command line itself, files by their names, what changes no result left out."""
    seen = {}

    def instead(subject, request):
        seen.update(vars(request), subject=subject.name)
        raise SystemExit

    monkeypatch.setattr(road, "plan_tms", instead)
    source = HeadSource("t1", {"t1": Path("/scans/ada lovelace/T1.nii.gz"), "t2": Path("/scans/T2.nii")}, frame="qform")
    line = command_line(TmsRequest(**GIVEN), "s1", source)
    words = shlex.split(line)
    assert words[:3] == ["target", "plan", "s1"] and "lovelace" not in line
    assert "--pain-side left" in line and "P-012" not in line and "patient" not in line
    monkeypatch.chdir(tmp_path)
    CliRunner().invoke(app, words[1:])
    for name, value in GIVEN.items():
        if name in ("threads", "patient_id"):
            continue
        found = seen[name]
        if name in ("coil", "dti"):
            assert str(found) == Path(value).name
        elif name == "avoid":
            assert list(found) == ["m1-face@left/10", "mask.nii.gz"]
        elif isinstance(value, tuple):
            assert list(found) == list(value), name
        else:
            assert found == value, name
    assert (str(seen["t1"]), str(seen["t2"]), seen["frame"], seen["subject"]) == ("T1.nii.gz", "T2.nii", "qform", "s1")


def test_a_montages_command_has_its_request():
    request = TesRequest(
        aim="psi",
        side="right",
        kind="hd-tdcs",
        max_current_ma=3.0,
        accept_risk=("charge",),
        avoid=("m1-face",),
        cap="10-5",
    )
    line = command_line(request, "colin27", HeadSource("embedded", {"embedded": Path("x")}))
    assert line == (
        "target plan colin27 --aim psi --side right --with hd-tdcs --max-current-ma 3 --accept-risk charge --avoid m1-face "
        "--cap 10-5"
    )
