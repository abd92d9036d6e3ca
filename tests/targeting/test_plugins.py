"""Plug-ins: the example of the documentation, as a distribution on disk, used by the public ways; and faulty ones."""

import json
import logging
import re
import shutil
import sys
import tomllib
from dataclasses import asdict
from html import unescape
from pathlib import Path

import numpy as np
import pytest
from heads import layered_ball
from planned_ball import planned_ball
from tes_ball import fiducials_mm, write_ball

from atlases.electrode_files import ELECTRODE_FILES, read_electrodes
from cli.main import run
from meshes import InputError
from targeting import Coil
from targeting.coils.builtin import COILS, coil_names
from targeting.coils.files import ChosenCoil
from targeting.engines import ENGINES, agreement_of, by_engine, engine_named
from targeting.navigation.navigators import NAVIGATORS, pose_in, writers
from targeting.navigation.pose_file import PoseFile
from targeting.plans.tms import read_plan
from targeting.study.head_stages import HEAD_FILE, FrameImage
from targeting.tms.objective_names import NAMED_OBJECTIVES

pytestmark = pytest.mark.slow

PAGE = (Path(__file__).parents[2] / "docs" / "plugins.md").read_text(encoding="utf-8")
BLOCKS = dict(re.findall(r"^```(toml|python)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))


def install(folder, project, **modules):
    """Lay a distribution out as an installer does: its modules, and its metadata beside them."""
    stated = tomllib.loads(project)["project"]
    about = folder / f"{stated['name'].replace('-', '_')}-{stated['version']}.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {stated['name']}\nVersion: {stated['version']}\n", encoding="utf-8"
    )
    lines = []
    for group, points in stated["entry-points"].items():
        lines += [f"[{group}]", *(f"{name} = {value}" for name, value in points.items()), ""]
    (about / "entry_points.txt").write_text("\n".join(lines), encoding="utf-8")
    for name, text in modules.items():
        (folder / f"{name}.py").write_text(text, encoding="utf-8")


@pytest.fixture
def acme(tmp_path, monkeypatch):
    """The documentation's plug-in, installed."""
    folder = tmp_path / "site-packages"
    install(folder, BLOCKS["toml"], target_acme=BLOCKS["python"])
    monkeypatch.syspath_prepend(str(folder))
    yield folder
    sys.modules.pop("target_acme", None)
    from targeting.coils.builtin import coil_named

    coil_named.cache_clear()


def test_without_a_plugin_there_are_our_own(caplog):
    assert coil_names() == list(COILS.own) and "acme" not in ENGINES.names()
    with pytest.raises(InputError, match=r"unknown engine 'acme'.*valid: embedded, simnibs"):
        ENGINES.named("acme")
    from targeting.doctor.facts import _plugins

    assert not caplog.records and not list(_plugins())


def test_every_own_member_is_a_record_of_its_name():
    for registry in (NAVIGATORS, COILS, ENGINES, NAMED_OBJECTIVES, ELECTRODE_FILES):
        for name, member in registry.members().items():
            assert isinstance(member, registry.kind) and member.name == name
            assert registry.origin(name) == ""


def test_the_documented_groups_are_those_of_the_registries(acme):
    from targeting.coils.files import COIL_FILES

    every = (NAVIGATORS, COILS, COIL_FILES, ENGINES, NAMED_OBJECTIVES, ELECTRODE_FILES)
    assert set(tomllib.loads(BLOCKS["toml"])["project"]["entry-points"]) == {each.group for each in every}
    for registry in every:
        kind = f"`{registry.kind.__module__}.{registry.kind.__name__}`"
        assert f"| `{registry.group}` | {kind} |" in PAGE
        assert [registry.origin(name) for name in registry.plugins()] == ["target-acme 1.0"]


def test_a_navigators_file_is_exported_and_read_back(acme, tmp_path, capfd):
    subject = planned_ball(tmp_path / "ball")
    frame = FrameImage("ball.msh", "0" * 64, np.eye(4).tolist(), (9, 9, 9))
    (subject.folder / HEAD_FILE).write_text(json.dumps({"frame": asdict(frame)}), encoding="utf-8")
    assert run(["export", "ball", "--out", str(subject.folder), "--to", "acme", "--anyway", "--quiet"]) == 0, (
        capfd.readouterr()
    )
    (file,) = subject.folder.glob("plan_acme.acme")
    (pose,) = PoseFile(file).read().targets
    planned = np.array(read_plan(subject.folder / "plan.json").placements[0].pose)
    np.testing.assert_allclose(pose.pose.matrix_mm, planned, atol=1e-3)
    assert pose.name == "left spot-1" and "acme" in writers()
    np.testing.assert_allclose(pose_in("acme", planned).matrix_mm, planned, atol=1e-9)
    file.write_text(file.read_text()[:-20])
    with pytest.raises(InputError, match=r"plan_acme\.acme is damaged"):
        PoseFile(file).read()
    assert PoseFile.of(f"{tmp_path}/gone.acme:M1").name == "M1"


def test_a_coil_by_name_and_by_file(acme, tmp_path, capfd):
    assert run(["coils", "list", "--quiet"]) == 0
    assert "Acme twin coil" in capfd.readouterr().out
    twin = Coil.named("acme-twin")
    assert twin.current_direction_y == 1 and twin is ChosenCoil.of("acme-twin").coil
    file = tmp_path / "mine.acmecoil"
    source = twin.sources[0]
    file.write_text(
        f'{{"points_mm": {source.points_mm.tolist()}, "moments_a_m2": {source.moments_a_m2.tolist()}}}',
        encoding="utf-8",
    )
    read = ChosenCoil.of(str(file))
    assert read.file == file and read.coil.max_didt_a_per_s == 90e6
    np.testing.assert_allclose(read.coil.sources[0].points_mm, source.points_mm)
    with pytest.raises(InputError, match=r"names no coil format: end it in .ccd \(dipoles\), .tcd \(any\) or .nii.gz"):
        twin.write(tmp_path / "other.acmecoil")


def test_electrode_positions_are_read(acme, tmp_path):
    rows = [f"{name} {' '.join(f'{x / 1000:.7f}' for x in point)}" for name, point in fiducials_mm().items()]
    (tmp_path / "cap.acmepos").write_text("\n".join([*rows, "C3 -0.04 -0.01 0.05"]), encoding="utf-8")
    found = read_electrodes(tmp_path / "cap.acmepos")
    assert found.names == ("Iz", "C3")
    np.testing.assert_allclose(found.points_mm[1], [-40, -10, 50])
    np.testing.assert_allclose(found.fiducials.lpa_mm, fiducials_mm()["LPA"], atol=1e-3)


def test_a_plan_with_the_plugins_coil_engine_and_objective(acme, tmp_path, capfd, monkeypatch):
    monkeypatch.setattr("targeting.study.study.Study._cortex", (None, []))  # a ball has no folds to register
    layered_ball(14.0).write(tmp_path / "ball.msh")
    words = ["plan", "ball", "--head", str(tmp_path / "ball.msh"), "--aim", "ras:-45,-20,45", "--radius", "12"]
    asked = [
        "--coil",
        "acme-twin",
        "--engine",
        "acme",
        "--objective",
        "acme-median",
        "--as",
        ".",
        "--out",
        str(tmp_path / "ball"),
    ]
    assert run([*words, *asked]) == 0, capfd.readouterr()
    assert "dose from a direct solve by Acme Solve 3.1 " in capfd.readouterr().out
    plan = read_plan(tmp_path / "ball" / "plan.json")
    assert plan.coil.name == "acme-twin" and plan.search.direct_solves_by == "acme 3.1"
    assert (plan.goal.name, plan.goal.words) == ("acme-median", "median of |E| over the target's volume")
    page = (tmp_path / "ball" / "plan.html").read_text(encoding="utf-8")
    shown = unescape(page).replace("’", "'")
    assert "direct solve by Acme Solve 3.1" in shown and "median of |E| over the target's volume" in shown
    monkeypatch.undo()  # where the plug-in is not installed the plan stands, and says which engine it was
    assert by_engine(plan.search.direct_solves_by) == " by acme 3.1" and agreement_of("acme") == agreement_of(
        "embedded"
    )


def test_a_plan_of_pads_at_the_plugins_positions(acme, tmp_path, capfd, monkeypatch):
    head, _ = write_ball(tmp_path)
    rows = [f"{name} {' '.join(f'{x / 1000:.7f}' for x in point)}" for name, point in fiducials_mm().items()]
    (tmp_path / "cap.acmepos").write_text("\n".join(rows), encoding="utf-8")
    words = [
        "plan",
        "ball",
        "--head",
        str(head),
        "--aim",
        "ras:-34,-15,34",
        "--radius",
        "10",
        "--with",
        "tdcs",
        "--quiet",
    ]
    asked = ["--positions", str(tmp_path / "cap.acmepos"), "--as", ".", "--out", str(tmp_path / "ball")]
    assert run([*words, *asked]) == 0, capfd.readouterr()
    assert (tmp_path / "ball" / "tes_plan.json").exists() or list((tmp_path / "ball").glob("*tdcs*"))


FAULTY = """
[project]
name = "target-broken"
version = "0.3"

[project.entry-points."target.navigators"]
brainsight = "broken:NAVIGATOR"
gone = "broken_and_gone:NAVIGATOR"
"../odd" = "target_acme:NAVIGATOR"
other = "broken:NAVIGATOR"
raises = "broken_inside:NAVIGATOR"
text = "broken:TEXT"
"""


def test_a_faulty_plugin_is_told_in_a_line_and_left_out(tmp_path, monkeypatch, caplog, acme):
    module = "from target_acme import NAVIGATOR\nTEXT = 'no record'\n"
    folder = tmp_path / "other"
    install(folder, FAULTY, broken=module, broken_inside="1 / 0\n")
    monkeypatch.syspath_prepend(str(folder))
    with caplog.at_level(logging.WARNING, logger="meshes.plugins"):
        assert NAVIGATORS.names() == (*NAVIGATORS.own, "acme")
        assert NAVIGATORS.named("brainsight").title == "Brainsight"
        NAVIGATORS.names()
    told = [each.getMessage() for each in caplog.records]
    assert told == [
        "the navigator 'brainsight' of target-broken 0.3 is left out: the name is taken by target",
        "the navigator 'gone' of target-broken 0.3 is left out: ModuleNotFoundError: No module named 'broken_and_gone'",
        "the navigator '../odd' of target-broken 0.3 is left out: a name is of lower-case letters, digits and -",
        "the navigator 'other' of target-broken 0.3 is left out: broken:NAVIGATOR calls itself 'acme'",
        "the navigator 'raises' of target-broken 0.3 is left out: ZeroDivisionError: division by zero",
        "the navigator 'text' of target-broken 0.3 is left out: broken:TEXT is not a "
        "targeting.navigation.navigators.Navigator",
    ]
    assert NAVIGATORS.faults() == tuple(told)
    from targeting.doctor.facts import _plugins

    shown = [(each.state, each.words) for each in _plugins()]
    assert shown[0][0] == "ok" and shown[0][1].startswith("target-acme 1.0: navigator acme, coil acme-twin, ")
    assert shown[1:] == [("warning", line) for line in told]
    for name in ("broken", "broken_inside"):
        sys.modules.pop(name, None)


def test_two_plugins_of_one_name_are_no_guess(tmp_path, monkeypatch, caplog, acme):
    second = tmp_path / "second"
    install(second, BLOCKS["toml"].replace("target-acme", "target-zebra"))
    monkeypatch.syspath_prepend(str(second))
    assert ENGINES.origin("acme") == "target-acme 1.0"
    assert "the engine 'acme' of target-zebra 1.0 is left out: the name is taken by target-acme 1.0" in caplog.text


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("0.0015", "15.0", "the coil 'acme-twin' of target-acme 1.0"),
        ("-8.0", "8.0", "the coil 'acme-twin' of target-acme 1.0"),
        ("def twin_coil():", "def twin_coil():\n    1 / 0", "failed: ZeroDivisionError: division by zero"),
        ("max_didt_a_per_s=90e6", "max_didt_a_per_s=None", "no Coil of that name with a rated maximum"),
    ],
)
def test_a_plugins_coil_is_held_to_what_coil_files_are(tmp_path, monkeypatch, old, new, says, caplog):
    folder = tmp_path / "site-packages"
    install(folder, BLOCKS["toml"], target_acme=BLOCKS["python"].replace(old, new))
    monkeypatch.syspath_prepend(str(folder))
    try:
        with pytest.raises(InputError, match=re.escape(says)):
            Coil.named("acme-twin")
        assert run(["coils", "list", "--quiet"]) == 0  # the others are there
    finally:
        sys.modules.pop("target_acme", None)


def test_an_engine_that_starts_something_else_is_refused(tmp_path, monkeypatch):
    folder = tmp_path / "site-packages"
    install(
        folder, BLOCKS["toml"], target_acme=BLOCKS["python"].replace("start=lambda folder: AcmeEngine()", "start=str")
    )
    monkeypatch.syspath_prepend(str(folder))
    try:
        with pytest.raises(
            InputError, match=r"the engine 'acme' of target-acme 1\.0 starts something that is no such engine"
        ):
            engine_named("acme", tmp_path)
    finally:
        sys.modules.pop("target_acme", None)


def test_entry_points_that_cannot_be_read_stop_nothing(acme, tmp_path, monkeypatch):
    damaged = tmp_path / "damaged"
    shutil.copytree(acme, damaged)
    about = damaged / "target_acme-1.0.dist-info"
    about.rename(damaged / "other-2.0.dist-info")
    (damaged / "other-2.0.dist-info" / "entry_points.txt").write_bytes(b"\xff\xfe[target.engines]\x00")
    monkeypatch.syspath_prepend(str(damaged))
    assert ENGINES.origin("acme") == "target-acme 1.0"
