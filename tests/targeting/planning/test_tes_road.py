"""The road to a montage on a small ball head: what it writes, left and right, limits, risks, and what a re-run does."""

import csv
import dataclasses
import inspect
import json
from html.parser import HTMLParser

import jsonschema
import nibabel
import numpy as np
import pytest
from matplotlib.image import imread
from report_ball import working_notes
from schemas import resolved
from tes_ball import LEFT_SPOT_MM, write_ball
from tes_commands import command

from atlases.electrode_files import read_electrodes
from cli.main import run
from cli.options import parameter_of
from cli.plan import plan_command
from meshes import HeadMesh, InputError
from targeting.planning import tes as tes_road
from targeting.plans.dangers import side_dangers
from targeting.plans.equal_dose import equal_dose
from targeting.plans.schema import schema
from targeting.plans.shared import SCHEMA_VERSION
from targeting.plans.tes import PlanStandard, TesPlan, from_dict, read_tes_plan, to_dict, write_tes_plan
from targeting.plans.tes_words import dose_beside_standard, is_standard, standard_words
from targeting.plans.tms import read_plan
from targeting.records.montage import PlanElectrode, PlanOptimum
from targeting.records.places import PlanLandmarks
from targeting.records.pole import PlanPole
from targeting.report.tes_sheet import side_of
from targeting.study.options import options_of
from targeting.study.study import Study
from targeting.study.tes_request import TesRequest
from targeting.study.tms_request import TmsRequest
from targeting.tes.montage_dose import MontageDose
from targeting.tes.montages import mirror, read_montage
from targeting.tes.safety import SafetyItem, SessionCheck

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def ball(tmp_path_factory):
    return write_ball(tmp_path_factory.mktemp("ball"), 10.0)


FILES = {
    "plan.json", "plan.html", "placement_sheet.html", "montage.csv", "electrodes.tsv", "coordsystem.json", "cap.png",
    "montage.geo", "E.vtu", "E.msh", "E.msh.opt", "magnE.nii.gz",
}  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def _no_cortex():
    """A ball has no cortex to be found; registering it takes a while to say so."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Study, "_cortex", (None, []))
        yield


@pytest.fixture
def quick(monkeypatch):
    """Plans without pictures."""
    monkeypatch.setattr(tes_road, "write_tes_files", lambda folder, _, plan: write_tes_plan(folder / "plan.json", plan))


@pytest.fixture(scope="module")
def planned(ball, tmp_path_factory):
    """A folder with a plan of pads for a target on the left."""
    folder = tmp_path_factory.mktemp("left")
    assert command(ball, folder, "tdcs") == 0
    return folder


def test_the_plan_fits_the_schema_and_comes_back(planned, tmp_path):
    document = json.loads((planned / "tdcs" / "plan.json").read_text(encoding="utf-8"))
    jsonschema.validate(document, schema())
    assert document["modality"] == "tdcs" and document["schema_version"] == SCHEMA_VERSION
    plan = read_tes_plan(planned / "tdcs" / "plan.json")
    write_tes_plan(tmp_path / "plan.json", plan)
    assert read_tes_plan(tmp_path / "plan.json") == plan
    with pytest.raises(InputError, match="plan of a montage"):
        read_plan(planned / "tdcs" / "plan.json")  # it is no coil's


def test_every_field_is_described_by_the_schema():
    tdcs = resolved(schema())["$defs"]["tdcs"]
    inside = tdcs["properties"]
    records = {
        TesPlan: tdcs,
        PlanElectrode: inside["montage"]["items"],
        MontageDose: inside["dose"],
        PlanStandard: inside["standard"],
        PlanOptimum: inside["optimum"],
        PlanLandmarks: inside["landmarks"],
        SafetyItem: inside["safety"]["items"],
        SessionCheck: inside["session_checks"]["items"],
        PlanPole: inside["pole"],
    }
    for record, description in records.items():
        names = {field.name for field in dataclasses.fields(record)}
        assert set(description["properties"]) == names == set(description["required"])
        assert description["additionalProperties"] is False


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d["montage"][0].update(current_ma=1.0), "not zero"),
        (lambda d: d["montage"].pop(), "montage must be a list of length >= 2"),
        (lambda d: d.pop("safety"), "safety is missing"),
        (lambda d: d.update(modality="tms"), "modality is 'tms'"),
        (lambda d: d["safety"][0].update(within="yes"), "true or false"),
        (lambda d: d.update(kind="tacs"), "kind must be"),
        (lambda d: d["dose"].update(dose_v_per_m=float("nan")), "finite"),
    ],
)
def test_a_plan_that_cannot_be_is_refused_in_one_line(planned, change, message):
    document = json.loads((planned / "tdcs" / "plan.json").read_text(encoding="utf-8"))
    change(document)
    with pytest.raises(InputError, match=message) as caught:
        from_dict(document)
    assert "\n" not in str(caught.value)
    if "kind" not in message and "zero" not in message and "nan" not in str(document):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(document, schema())


def test_all_files_are_there_and_nothing_of_a_coil_is_touched(planned):
    assert {path.name for path in (planned / "tdcs").iterdir()} == FILES
    assert not (planned / "plan.json").exists()
    field = HeadMesh.read(planned / "tdcs" / "E.msh")
    assert len(field.tets) == len(HeadMesh.read(planned / "head.msh").tets)
    image = nibabel.load(planned / "tdcs" / "magnE.nii.gz")
    assert bytes(image.header["descrip"]).rstrip(b"\0") == b"|E| in V/m at 2 mA"
    drawing = (planned / "tdcs" / "montage.geo").read_text(encoding="utf-8")
    plan = read_tes_plan(planned / "tdcs" / "plan.json")
    assert all(each.name in drawing for each in plan.montage)


class Reader(HTMLParser):
    """Text and tags of a page."""

    def __init__(self, page):
        super().__init__()
        self.words, self.tags, self.links = [], [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.links += [value for name, value in attrs if name in ("src", "href") and value]

    def handle_data(self, data):
        if self.tags[-1:] != ["script"]:  # test_pages.py looks at those
            self.words.append(data)


def test_the_pages_stand_alone_and_say_what_the_plan_says(planned):
    plan = read_tes_plan(planned / "tdcs" / "plan.json")
    report, sheet = (
        Reader((planned / "tdcs" / name).read_text(encoding="utf-8")) for name in ("plan.html", "placement_sheet.html")
    )
    for page in (report, sheet):
        assert all(link.startswith(("data:", "#")) or link == "placement_sheet.html" for link in page.links)
        text = " ".join(page.words)
        assert all(each.name in text for each in plan.montage) and "$" not in text
        assert plan.pole.words[1:] in text and "m1-so" in plan.pole.words  # which pole acts, beside the standard one
        assert all(each.what in text for each in plan.session_checks)
        assert working_notes(text) == [] and "Research use only" in text
    words = " ".join(sheet.words)
    for each in plan.montage:
        for mm in (each.from_nasion_mm, each.from_inion_mm, each.from_left_ear_mm, each.from_right_ear_mm):
            assert f"{mm / 10:.1f} cm" in words
    assert "m1-so" in " ".join(report.words) and "Bikson" in " ".join(report.words)


def test_tables_agree_with_the_plan_and_left_is_left(planned):
    plan = read_tes_plan(planned / "tdcs" / "plan.json")
    with (planned / "tdcs" / "electrodes.tsv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    assert [row["name"] for row in rows] == [each.name for each in plan.montage]
    for row, each in zip(rows, plan.montage, strict=True):
        assert [float(row[axis]) for axis in "xyz"] == pytest.approx(each.scalp_mm, abs=1e-3)
        assert row["type"] == ("anode" if float(row["current_ma"]) > 0 else "cathode")
    about = json.loads((planned / "tdcs" / "coordsystem.json").read_text(encoding="utf-8"))
    assert about["AnatomicalLandmarkCoordinates"]["LPA"][0] < 0 < about["AnatomicalLandmarkCoordinates"]["RPA"][0]
    assert about["EEGCoordinateUnits"] == "mm"
    read = read_electrodes(planned / "tdcs" / "electrodes.tsv")
    assert read.points_mm == pytest.approx(np.array([each.scalp_mm for each in plan.montage]), abs=1e-3)
    assert read.landmarks_mm["lpa"] == pytest.approx(plan.landmarks.left_ear_mm)
    back = read_montage(planned / "tdcs" / "montage.csv")
    assert back.currents_a * 1e3 == pytest.approx([each.current_ma for each in plan.montage])
    for each in plan.montage:  # odd numbers are left, z is the middle
        side = "midline" if each.name.endswith("z") else "left" if int(each.name[-1]) % 2 else "right"
        assert side_of(plan, each) == side
        nearer = each.from_left_ear_mm < each.from_right_ear_mm
        assert side == "midline" or nearer == (side == "left")


def test_the_cap_shows_left_electrodes_on_the_left(planned):
    """Seen from above, the first picture: red and blue where the anode and the cathode are."""
    picture = imread(planned / "tdcs" / "cap.png")[:770, :900, :3]
    plan = read_tes_plan(planned / "tdcs" / "plan.json")
    red = (picture[..., 0] > 0.5) & (picture[..., 1:] < 0.35).all(-1)
    blue = (picture[..., 2] > 0.4) & (picture[..., :2] < 0.45).all(-1)
    for each in plan.montage:
        rows, columns = np.nonzero(red if each.current_ma > 0 else blue)
        assert len(rows) > 500
        assert (columns.mean() < 450) == (each.scalp_mm[0] < 0)
        assert (rows.mean() < 385) == (each.scalp_mm[1] > 0)


def test_what_is_unsafe_is_told_in_red(planned):
    plan = read_tes_plan(planned / "tdcs" / "plan.json")
    assert plan.unaccepted == side_dangers(plan.target) == []
    wrong = dataclasses.replace(plan.target, side="right")
    assert "its centre is on the left" in side_dangers(wrong)[0].text


def test_the_optimum_beats_the_standard_and_scales(planned):
    plan = read_tes_plan(planned / "tdcs" / "plan.json")
    assert plan.target.side == "left" and plan.standard.electrodes == {"C3": 2.0, "Fp2": -2.0}
    assert plan.standard.dose_ratio > 1
    again = plan.dose.dose_v_per_m * plan.standard.same_dose_ma / plan.total_current_ma
    assert again == pytest.approx(plan.standard.dose.dose_v_per_m)
    assert plan.dose.focality == pytest.approx(plan.dose.mean_e_v_per_m / plan.dose.grey_mean_e_v_per_m)
    # the leadfield's pads carry their current evenly, real ones crowd it at the rim: the doses are near, not the same
    assert plan.dose.dose_v_per_m == pytest.approx(plan.optimum.dose_v_per_m, rel=0.1)
    assert plan.landmarks.left_ear_mm[0] < 0
    assert plan.unaccepted == [] and plan.charge_c == pytest.approx(2.4)


@pytest.mark.usefixtures("quick")
def test_a_second_run_makes_nothing_and_a_longer_session_only_the_files(planned, ball):
    def stamps():
        return {path.name: path.stat().st_mtime_ns for path in planned.glob("*.json")}

    before = stamps()
    assert command(ball, planned, "tdcs") == 0
    assert stamps() == before
    plan = (planned / "tdcs" / "plan.json").read_bytes()
    assert command(ball, planned, "tdcs", "--minutes", "10") == 0
    changed = {name for name, stamp in stamps().items() if stamp != before[name]}
    assert changed == {"tdcs-files.json"}
    assert (planned / "tdcs" / "plan.json").read_bytes() != plan
    assert read_tes_plan(planned / "tdcs" / "plan.json").charge_c == pytest.approx(1.2)
    assert command(ball, planned, "tdcs") == 0


def test_status_lists_the_stages_of_the_montage(planned, capfd):
    assert run(["status", "ball", "--out", str(planned), "--json"]) == 0
    rows = {row["stage"]: row["state"] for row in json.loads(capfd.readouterr().out)}
    stages = ("positions", "tdcs-leadfield", "tdcs-search", "tdcs-confirm", "tdcs-files")
    assert [rows[stage] for stage in stages] == ["done"] * 5
    assert "dosemap" not in rows  # no coil was planned


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("options", [["--montage", "m1-so"], []])
def test_a_head_in_the_mirror_gets_the_montage_in_the_mirror(ball, tmp_path, options):
    (tmp_path / "mirror").mkdir()
    other = write_ball(tmp_path / "mirror", 10.0, mirror=True)
    half = [*options, "--max-current-ma", "1"]
    assert command(ball, tmp_path / "left", "tdcs", *half) == 0
    assert command(other, tmp_path / "right", "tdcs", *half, x=-LEFT_SPOT_MM[0]) == 0
    left, right = (read_tes_plan(tmp_path / side / "tdcs" / "plan.json") for side in ("left", "right"))
    assert (left.target.side, right.target.side) == ("left", "right")
    ours = {mirror(each.name): each for each in right.montage}
    assert [each.name for each in left.montage] == list(ours)
    for each in left.montage:
        image = ours[each.name]
        assert image.current_ma == pytest.approx(each.current_ma)
        assert image.scalp_mm == pytest.approx(np.array(each.scalp_mm) * [-1, 1, 1], abs=0.05)
        assert image.from_nasion_mm == pytest.approx(each.from_nasion_mm, abs=0.2)
        assert image.from_right_ear_mm == pytest.approx(each.from_left_ear_mm, abs=0.2)
        assert image.area_mm2 == pytest.approx(each.area_mm2, rel=1e-3) == pytest.approx(3500, rel=0.03)
    assert right.dose.dose_v_per_m == pytest.approx(left.dose.dose_v_per_m, rel=2e-3)
    assert right.dose.peak_mm == pytest.approx(np.array(left.dose.peak_mm) * [-1, 1, 1], abs=1e-3)
    assert right.eye_e_v_per_m == pytest.approx(left.eye_e_v_per_m, rel=1e-2)
    assert right.pole.normal_v_per_m == pytest.approx(left.pole.normal_v_per_m, rel=2e-3)
    assert right.pole.inward == pytest.approx(np.array(left.pole.inward) * [-1, 1, 1], abs=1e-6)
    if options:  # the standard montage itself, which is not compared with itself
        assert left.optimum is None and left.standard is None and left.pole.standard_normal_v_per_m is None
        assert standard_words(left) == "This is the standard montage itself (m1-so)." and is_standard(right)
        assert dose_beside_standard(left) == "The standard montage itself."
    else:
        assert left.standard.electrodes == {"C3": 2.0, "Fp2": -2.0}
        assert right.standard.electrodes == {"C4": 2.0, "Fp1": -2.0}


@pytest.mark.usefixtures("quick")
def test_small_electrodes_keep_their_limits_and_risks_are_told_and_accepted(ball, tmp_path, capfd):
    limits = ["--max-current-ma", "6", "--max-per-electrode-ma", "3", "--max-electrodes", "4"]
    limits += ["--pain-side", "right", "--patient-id", "P-012"]
    assert command(ball, tmp_path, "hd-tdcs", *limits) == 3
    out = capfd.readouterr().out
    assert out.startswith("UNSAFE ") and "--accept-risk total-current" in out
    plan = read_tes_plan(tmp_path / "hd-tdcs" / "plan.json")
    assert "patient    P-012" in out and "sides      pain right → electrodes left" in out
    assert (plan.pain_side, plan.patient_id) == ("right", "P-012") and "P-012" not in plan.search.command
    assert len(plan.montage) <= 4 and max(abs(each.current_ma) for each in plan.montage) <= 3 + 1e-9
    assert plan.total_current_ma == pytest.approx(6)
    assert sum(each.current_ma for each in plan.montage) == pytest.approx(0, abs=1e-9)
    broken = {each.item for each in plan.unaccepted}
    assert {"total-current", "electrode-current", "electrode-current-density"} <= broken
    assert broken == {item.name for item in plan.safety if not item.within}
    assert plan.warnings[0].text.startswith("total current 6 mA is above 4 mA")
    assert out.count("DANGER ") == len(broken) and "do not use this plan" in out.splitlines()[0]
    some = [word for item in sorted(broken)[1:] for word in ("--accept-risk", item)]
    assert command(ball, tmp_path, "hd-tdcs", *limits, *some) == 3
    every = [word for item in broken for word in ("--accept-risk", item)]
    assert command(ball, tmp_path, "hd-tdcs", *limits, *every) == 0
    plan = read_tes_plan(tmp_path / "hd-tdcs" / "plan.json")
    assert plan.unaccepted == [] and all(item.within or item.accepted for item in plan.safety)
    assert {each.item for each in plan.warnings if each.accepted} == broken
    # kept beside a plan of pads, and answered together
    capfd.readouterr()
    assert command(ball, tmp_path, "hd-tdcs,tdcs", "--json", "--max-current-ma", "1") == 0
    both = json.loads(capfd.readouterr().out)
    assert set(both) == {"hd-tdcs", "tdcs"} and both["tdcs"]["kind"] == "tdcs"
    assert (tmp_path / "tdcs" / "plan.json").exists() and (tmp_path / "hd-tdcs" / "plan.json").exists()


@pytest.mark.usefixtures("quick")
def test_a_direction_against_the_field_has_no_ratio_and_a_ring_carries_all_in_its_middle(ball, tmp_path):
    # a copy of the standard one is it, too, so a montage that is another
    assert (
        command(ball, tmp_path, "tdcs", "--montage", "dlpfc-so", "--direction", "-1,0,0", "--max-current-ma", "1") == 0
    )
    plan = read_tes_plan(tmp_path / "tdcs" / "plan.json")
    assert plan.dose.dose_v_per_m < 0 and plan.standard.dose_ratio is None and plan.standard.same_dose_ma is None
    with pytest.raises(InputError, match="no dose along its direction"):
        equal_dose([plan])
    # 2 mA through a disc of 12 mm: 17.7 A/m², above half of what lesions a rat's brain
    assert command(ball, tmp_path, "hd-tdcs", "--tes-objective", "ring") == 3
    plan = read_tes_plan(tmp_path / "hd-tdcs" / "plan.json")
    assert [each.item for each in plan.unaccepted] == ["electrode-current-density"]
    assert [each.current_ma for each in plan.montage] == pytest.approx([2, -0.5, -0.5, -0.5, -0.5])
    assert all(each.shape == "disc" and each.size_mm == [12.0] for each in plan.montage)


@pytest.mark.usefixtures("quick")
def test_one_dose_for_a_group(ball, planned, tmp_path, capfd):
    assert command(ball, tmp_path / "other", "tdcs", "--montage", "bifrontal") == 0
    folders = [planned, tmp_path / "other"]
    plans = [read_tes_plan(folder / "tdcs" / "plan.json") for folder in folders]
    found = equal_dose(plans)
    for plan, each in zip(plans, found, strict=True):
        per_ma = plan.dose.dose_v_per_m / plan.total_current_ma
        assert each.given_v_per_m == pytest.approx(per_ma * each.current_ma)
        assert round(10 * each.current_ma) == pytest.approx(10 * each.current_ma, abs=1e-9)  # what a stimulator takes
        assert abs(each.given_v_per_m - each.dose_v_per_m) <= 0.05 * per_ma * (1 + 1e-9)  # half a step at most
    assert found[0].dose_v_per_m == pytest.approx(np.mean([plan.dose.dose_v_per_m for plan in plans]))
    strong = equal_dose(plans, 30 * plans[0].dose.dose_v_per_m)
    assert "total-current" in strong[0].beyond and "duration" not in strong[0].beyond
    capfd.readouterr()
    assert run(["montages", "equal-dose", *map(str, folders), "--dose", "0.2", "--json"]) == 0
    assert [row["dose_v_per_m"] for row in json.loads(capfd.readouterr().out)] == [0.2, 0.2]
    elsewhere = dataclasses.replace(plans[1], target=dataclasses.replace(plans[1].target, name="another"))
    with pytest.raises(InputError, match=r"differ in target\.name"):
        equal_dose([plans[0], elsewhere])


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        ("tdsc", [], "did you mean 'tdcs'"),
        ("tdcs,tdcs", [], "twice"),
        ("tdcs", ["--accept-risk", "everything"], "unknown item of --accept-risk"),
        ("tdcs", ["--montage", "m1so"], "did you mean 'm1-so'"),
        ("tdcs", ["--montage", "none.csv"], "cannot read none.csv"),
        ("tdcs", ["--montage", "m1-so", "--max-electrodes", "3"], "leave out --max-electrodes"),
        ("tdcs", ["--tes-objective", "magnitude"], "take --with hd-tdcs"),
        ("tdcs", ["--max-electrodes", "3"], "take --with hd-tdcs"),
        ("hd-tdcs", ["--tes-objective", "intensity"], "needs --polarity anodal or cathodal, or --direction"),
        ("tdcs", ["--polarity", "anode"], "did you mean 'anodal'"),
        ("tdcs", ["--polarity", "anodal", "--montage", "m1-so"], "leave out --polarity"),
        ("tdcs", ["--polarity", "free", "--direction", "normal"], "--direction has its sign"),
        ("hd-tdcs", ["--polarity", "cathodal", "--tes-objective", "magnitude"], "so it cannot be cathodal"),
        ("tdcs", ["--max-current-ma", "0.05"], "below a stimulator's step of 0.1 mA"),
        ("tms", ["--polarity", "anodal"], "has no use with --with tms"),
        ("hd-tdcs", ["--tes-objective", "focality", "--direction", "0,0,1"], "needs --tes-dose"),
        ("hd-tdcs", ["--max-current-ma", "-1"], "--max-current-ma takes a number above 0"),
        ("hd-tdcs", ["--max-current-ma", "1", "--max-per-electrode-ma", "2"], "above the total"),
        ("tdcs", ["--coil", "figure8-70mm"], "--coil has no use with --with tdcs"),
        ("tms", ["--minutes", "20"], "--minutes has no use with --with tms"),
        ("tdcs", ["--positions", "none.csv"], "there is no file none.csv"),
    ],
)
def test_what_cannot_be_is_said_in_one_line_before_anything_is_made(ball, tmp_path, capfd, kind, options, message):
    folder = tmp_path / "untouched"
    if kind == "tms":
        options = [*options, "--positions", str(ball[1])]
    assert command(ball, folder, kind, *options) == 2
    err = capfd.readouterr().err
    assert message in err and err.count("\n") == 1
    assert not folder.exists()


def test_every_option_of_both_requests_is_an_option_of_the_command():
    known = inspect.signature(plan_command).parameters
    told_apart = {*options_of(TmsRequest).values(), *options_of(TesRequest).values()}
    assert {parameter_of(each) for each in told_apart} <= set(known)


def test_to_dict_refuses_a_plan_that_is_not_one(planned):
    plan = read_tes_plan(planned / "tdcs" / "plan.json")
    with pytest.raises(ValueError, match="cannot be written"):
        to_dict(dataclasses.replace(plan, total_current_ma=7.0))


def test_a_scene_of_the_montage_has_its_electrodes_with_their_currents(planned):
    from targeting.scene.planned import planned_modality, planned_scene
    from targeting.subject import Subject

    subject, plan = Subject.named("ball", planned), read_tes_plan(planned / "tdcs" / "plan.json")
    assert planned_modality(subject, "tdcs") == "tdcs"
    scene = planned_scene(subject, modality="tdcs")
    assert scene.unit == f"V/m at {plan.total_current_ma:g} mA" and scene.coil_pose_mm is None
    assert np.nanmax(scene.layer("cortex").surface["magnE"]) > 0
    for each in plan.montage:
        layer = scene.layer(f"electrode {each.name}")
        assert np.linalg.norm(np.asarray(layer.surface.points).mean(0) - each.scalp_mm) < 12
        assert layer.label.startswith(each.name) and ("+" in layer.label) == (each.current_ma > 0)
    with pytest.raises(InputError, match="a montage has no placement 2"):
        planned_scene(subject, modality="tdcs", placement=2)
