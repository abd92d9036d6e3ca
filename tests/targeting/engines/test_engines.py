"""The engines of the forward solve.  SimNIBS itself is tested where it is installed; its plumbing with a stand-in."""

import json
import logging
import os
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import stand_in_simnibs
from heads import layered_ball
from hypothesis import given, settings
from hypothesis import strategies as st

from meshes import HeadMesh, InputError
from meshes.matching import order_of
from targeting import Coil, Pose
from targeting.coils.ccd import write_ccd
from targeting.coils.sources import CurrentElements, MagneticDipoles, PotentialGrid
from targeting.coils.tcd import write_tcd
from targeting.engines import engine_named, solved_by
from targeting.engines.simnibs import (
    LOG_FILE,
    SimnibsEngine,
    along_axes,
    find_simnibs,
    for_simnibs,
    installed_simnibs,
    tissue_conductivities,
    write_coil_for_simnibs,
)
from targeting.fem import HeadConductor
from targeting.subject import MAKING
from targeting.tms.field import simulate_many

pytestmark = pytest.mark.slow

HEAD = layered_ball(14.0, stretch=(1.0, 1.2, 0.9))
SIGMA = {"skull": 0.02, "gm": 0.3}


def tilted(angle_deg: float) -> Pose:
    """A coil over the left of the head, no axis along any of the world's."""
    from scipy.spatial.transform import Rotation

    into_head = np.array([0.8, 0.36, -0.48])
    turn = Rotation.align_vectors([into_head], [[0, 0, 1]])[0] * Rotation.from_euler("z", angle_deg, degrees=True)
    matrix = np.eye(4)
    matrix[:3, :3] = turn.as_matrix()
    matrix[:3, 3] = [-88.0, -44.0, 55.0]
    return Pose(matrix)


POSES = [tilted(20.0), tilted(115.0)]


def lopsided_coil() -> Coil:
    """Seven dipoles, none the image of another; its name is one that SimNIBS would take for a number."""
    rng = np.random.default_rng(3)
    places = np.c_[rng.uniform(-40, 40, (7, 2)), rng.uniform(-12, -5, 7)]
    dipoles = MagneticDipoles(places, rng.normal(size=(7, 3)) * 1e-2)
    return replace(Coil.named("figure8-70mm"), name="D70.2, left=1", sources=(dipoles,))


@pytest.fixture
def nowhere(monkeypatch):
    """No SimNIBS: not here by import, not named."""
    monkeypatch.delenv("SIMNIBSDIR", raising=False)
    monkeypatch.delenv("PYTHONPATH", raising=False)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)


@pytest.fixture
def by_import(tmp_path, monkeypatch):
    """The stand-in where this Python imports it."""
    folder = stand_in_simnibs.install(tmp_path / "packages")
    monkeypatch.delenv("SIMNIBSDIR", raising=False)
    monkeypatch.setenv("PYTHONPATH", str(folder))
    monkeypatch.syspath_prepend(str(folder))
    return folder


@pytest.fixture
def by_folder(tmp_path, monkeypatch, nowhere):
    """The stand-in as SimNIBS's installer leaves it, named by SIMNIBSDIR; ours on PYTHONPATH must not disturb it."""
    folder = stand_in_simnibs.install_as_the_installer_does(tmp_path / "SimNIBS-4.5")
    monkeypatch.setenv("SIMNIBSDIR", str(folder))
    return folder


def check_fields(engine, conductor, coil, coil_file=None):
    found = engine.fields(conductor, coil, POSES, -2.5e6, coil_file)
    expected = simulate_many(conductor, coil, POSES, -2.5e6, recovery="none")
    for one, other in zip(found, expected, strict=True):
        assert one.head is conductor.head and one.didt_a_per_s == -2.5e6
        scale = np.abs(other.e_v_per_m).max()
        assert np.abs(one.e_v_per_m - other.e_v_per_m).max() < 1e-7 * scale
    assert np.abs(found[0].e_v_per_m - found[1].e_v_per_m).max() > 0.1 * scale  # the poses do differ


def test_the_stand_in_found_by_import_gets_pose_coil_and_conductivities(by_import, tmp_path, caplog):
    engine = engine_named("simnibs", tmp_path / "s1")
    assert (engine.name, engine.version) == ("simnibs", stand_in_simnibs.VERSION)
    assert not (tmp_path / "s1").exists()
    with caplog.at_level(logging.INFO):
        check_fields(engine, HeadConductor(HEAD, SIGMA), lopsided_coil())
    assert [r.message for r in caplog.records if "of 2" in r.message] == [
        "SimNIBS: pose 1 of 2",
        "SimNIBS: pose 2 of 2",
    ]
    handed = json.loads((by_import / "handed.json").read_text())
    for (matrix, didt), pose in zip(handed["poses"], POSES, strict=True):
        assert np.array_equal(matrix, pose.matrix_mm) and didt == -2.5e6
    assert handed["sigma"] == [0.126, 0.3, 1.654, 0.02, 0.465, 0.5, 0.008, 0.025, 0.6, 0.16]
    assert [path.name for path in (tmp_path / "s1").iterdir()] == [LOG_FILE]  # its folder is gone
    assert "Head Mesh" in (tmp_path / "s1" / LOG_FILE).read_text()


@pytest.mark.skipif(os.name == "nt", reason="the stand-in's interpreter is a shell script")
def test_the_stand_in_found_by_simnibsdir_may_shuffle_the_mesh_and_reads_the_users_coil(
    by_folder, tmp_path, monkeypatch
):
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "not-for-the-child"))
    monkeypatch.setenv("STAND_IN", "shuffled")
    coil, coil_file = lopsided_coil(), tmp_path / "my coil.ccd"
    write_ccd(coil, coil_file)
    check_fields(find_simnibs(tmp_path / "s1"), HeadConductor(HEAD, SIGMA), coil, coil_file)
    assert Path(json.loads((by_folder / "modules" / "handed.json").read_text())["coil"]).name == "coil.ccd"
    assert "coil: my coil.ccd" in (tmp_path / "s1" / LOG_FILE).read_text()


def spoilt(lines: list[str], how: str) -> list[str]:
    """A .ccd's lines, in a way that is read here and is not by SimNIBS."""
    if how == "a name with a full stop":
        return [lines[0] + "coilname=PMD45.2;", *lines[1:]]
    if how == "a part without =":
        return [lines[0] + "made by hand;", *lines[1:]]
    if how == "blank lines":
        return [lines[0], "", "", *lines[1:]]
    return [lines[1], *lines[3:]]  # without comments: its first dipole would be lost


@pytest.mark.parametrize("how", ["a name with a full stop", "a part without =", "blank lines", "no comments"])
def test_a_users_ccd_is_rewritten_so_that_simnibs_reads_every_dipole(by_import, tmp_path, how):
    from simnibs.simulation.tms_coil.tms_coil import TmsCoil

    write_ccd(replace(lopsided_coil(), name="plain"), tmp_path / "plain.ccd")
    file = tmp_path / "own.ccd"
    file.write_text("\n".join(spoilt((tmp_path / "plain.ccd").read_text().splitlines(), how)) + "\n")
    coil = Coil.read(file)
    try:
        as_it_is = len(TmsCoil.from_file(str(file)))
    except ValueError:
        as_it_is = 0
    assert as_it_is < 7  # the case is one
    engine = find_simnibs(tmp_path / "s1")
    engine.check([(coil, file)], lambda: HEAD)
    assert not (tmp_path / "s1").exists()
    assert len(TmsCoil.from_file(str(write_coil_for_simnibs(coil, tmp_path)))) == 7
    if how == "no comments":
        check_fields(engine, HeadConductor(HEAD, SIGMA), coil, file)


def test_what_is_written_can_be_read_by_simnibs_and_keeps_its_words(by_import, tmp_path):
    from simnibs.simulation.tms_coil.tms_coil import TmsCoil

    for name, stimulator in (("PMD45.2", "MagPro R30"), ("70", "Rapid 2.5"), ("none", "a, b"), ("plain", "")):
        coil = replace(lopsided_coil(), name=name, rated_on=stimulator, max_didt_a_per_s=114.73e6)
        for ending in ("ccd", "tcd"):
            coil.write(tmp_path / f"c.{ending}")
            TmsCoil.from_file(str(tmp_path / f"c.{ending}"))
            again = Coil.read(tmp_path / f"c.{ending}")
            assert again.rated_on == stimulator and again.max_didt_a_per_s == pytest.approx(114.73e6)
            assert again.name == name or name == "none"


def test_a_tcd_without_stimulators_and_a_grid_of_any_axes_are_handed_over(by_import, tmp_path):
    from simnibs.simulation.tms_coil.tms_coil import TmsCoil

    wires = CurrentElements(np.array([[-40.0, 2, -6], [43, 4, -7]]), np.array([[0.0, 90, 0], [0, 90, 5]]))
    write_tcd(replace(lopsided_coil(), sources=(wires,)), tmp_path / "c.tcd")
    content = json.loads((tmp_path / "c.tcd").read_text())
    del content["stimulatorList"]
    (tmp_path / "c.tcd").write_text(json.dumps(content))
    with pytest.raises(IndexError):
        TmsCoil.from_file(str(tmp_path / "c.tcd"))
    TmsCoil.from_file(str(write_coil_for_simnibs(Coil.read(tmp_path / "c.tcd"), tmp_path)))
    values = np.random.default_rng(2).normal(size=(5, 6, 7, 3)) * 1e-6
    affine = np.array([[0, 0, -60.0, 180], [-50, 0, 0, 100], [0, 40, 0, 0], [0, 0, 0, 1]])
    grid = PotentialGrid(values, affine)
    assert np.array_equal(along_axes(grid).affine_mm, [[60, 0, 0, -180], [0, 50, 0, -100], [0, 0, 40, 0], [0, 0, 0, 1]])
    for node in ((0, 0, 0), (4, 1, 2), (3, 5, 6)):
        place = affine @ [*node, 1]
        there = np.linalg.solve(along_axes(grid).affine_mm, place)[:3].round().astype(int)
        assert np.array_equal(along_axes(grid).a_t_m[tuple(there)], values[node])
    handed, laid = TmsCoil.from_file(str(write_coil_for_simnibs(replace(lopsided_coil(), sources=(grid,)), tmp_path)))
    assert np.array_equal(handed, along_axes(grid).a_t_m) and np.array_equal(laid, along_axes(grid).affine_mm)


def test_a_coil_that_simnibs_refuses_is_named_before_the_search(by_import, tmp_path, monkeypatch):
    monkeypatch.setenv("STAND_IN", "no coil")
    with pytest.raises(
        InputError, match=r"SimNIBS cannot read the coil own\.ccd: ValueError: could not convert"
    ) as error:
        find_simnibs(tmp_path).check([(Coil.named("figure8-70mm"), Path("own.ccd"))], lambda: HEAD)
    assert "\n" not in str(error.value) and not list(tmp_path.glob("*.log"))


def test_a_mesh_goes_over_as_simnibs_can_take_it(by_import, tmp_path):
    """With other triangles only and with a node no one uses it is mended; without scalp it is refused."""
    loose = np.vstack([HEAD.points_mm[:5], [[300.0, 0, 0]], HEAD.points_mm[5:]])
    tets = np.where(HEAD.tets >= 5, HEAD.tets + 1, HEAD.tets)
    grey = np.array([tets[HEAD.tissue == 2][0, :3]])
    head = HeadMesh(loose, tets, HEAD.tissue, grey, np.array([1002]))
    mended = for_simnibs(head)
    assert len(mended.points_mm) == len(HEAD.points_mm) and (mended.triangle_tissue == 1005).any()
    assert np.array_equal(mended.points_mm[mended.tets], HEAD.points_mm[HEAD.tets])
    own = HeadMesh(loose, tets, HEAD.tissue, tets[HEAD.tissue == 5][:3, :3], np.full(3, 1005))
    assert np.array_equal(for_simnibs(own).points_mm[for_simnibs(own).triangles], loose[own.triangles])
    check_fields(find_simnibs(tmp_path / "s1"), HeadConductor(head, SIGMA), lopsided_coil())
    bare = HeadMesh(HEAD.points_mm, HEAD.tets[HEAD.tissue != 5], HEAD.tissue[HEAD.tissue != 5])
    with pytest.raises(InputError, match=r"needs a head with scalp .*`engine=embedded`"):
        find_simnibs(tmp_path).check([], lambda: bare)


def test_the_log_of_every_run_is_kept(by_import, tmp_path):
    engine, conductor = find_simnibs(tmp_path), HeadConductor(HEAD, SIGMA)
    for name in ("one.ccd", "two.ccd", "three.ccd"):
        engine.fields(conductor, lopsided_coil(), POSES[:1], 1e6, Path(name))
    logs = {file.name: file.read_text() for file in tmp_path.glob("*.log")}
    assert sorted(logs) == [LOG_FILE, "simnibs_1.log", "simnibs_2.log"]
    for file, name in ((LOG_FILE, "three"), ("simnibs_1.log", "one"), ("simnibs_2.log", "two")):
        assert f"coil: {name}.ccd" in logs[file]


@pytest.mark.skipif(os.name == "nt", reason="the stand-in's interpreter is a shell script")
def test_simnibsdir_may_be_the_package_folder_as_inside_simnibs(by_folder, tmp_path, monkeypatch):
    package = by_folder / "simnibs_env" / "lib" / "python3.11" / "site-packages" / "simnibs"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (by_folder / "simnibs").symlink_to(package)
    for folder in (package, by_folder / "simnibs", by_folder / "simnibs_env"):
        monkeypatch.setenv("SIMNIBSDIR", str(folder))
        assert (
            find_simnibs(tmp_path).installation.python.resolve()
            == (by_folder / "simnibs_env" / "bin" / "python").resolve()
        )


@pytest.mark.parametrize(
    ("mode", "says"),
    [
        ("crash", "SimNIBS failed: OSError: Could not find coil file"),
        ("silent", r"SimNIBS ended with 0 result\(s\) for 2 pose\(s\)"),
        ("fewer", f"on another mesh: {len(HEAD.tets) - 1} tetrahedra where {len(HEAD.tets)} were sent"),
        ("no field", "no field E in every tetrahedron"),
    ],
)
def test_what_goes_wrong_is_one_line_that_names_the_log(by_import, tmp_path, monkeypatch, mode, says):
    monkeypatch.setenv("STAND_IN", mode)
    with pytest.raises(InputError, match=says) as error:
        find_simnibs(tmp_path / "s1").fields(HeadConductor(HEAD), lopsided_coil(), POSES, 1e6)
    assert "\n" not in str(error.value) and str(tmp_path / "s1" / LOG_FILE) in str(error.value)
    assert [path.name for path in (tmp_path / "s1").iterdir()] == [LOG_FILE]


def pid_in(log_file: Path) -> int:
    return int(log_file.read_text().split("pid")[1].split()[0])


def test_a_child_that_hangs_is_ended(by_import, tmp_path, monkeypatch):
    monkeypatch.setenv("STAND_IN", "hang")
    monkeypatch.setattr("targeting.engines.simnibs.START_LIMIT_S", 2.0)
    engine = replace(find_simnibs(tmp_path), pose_limit_s=0.5)
    before = set(threading.enumerate())
    start = time.monotonic()
    with pytest.raises(InputError, match="SimNIBS was stopped: it took longer than 3 s"):
        engine.fields(HeadConductor(HEAD), lopsided_coil(), POSES, 1e6)
    assert time.monotonic() - start < 20
    assert set(threading.enumerate()) <= before
    with pytest.raises(ProcessLookupError):
        os.kill(pid_in(tmp_path / LOG_FILE), 0)


def test_an_interrupt_ends_the_child_and_clears_its_room(by_import, tmp_path, monkeypatch):
    def interrupted(self, line):
        if "dA/dt" in line:
            raise KeyboardInterrupt

    monkeypatch.setenv("STAND_IN", "hang")
    monkeypatch.setattr("targeting.engines.simnibs.Progress.of", interrupted)
    before = set(threading.enumerate())
    with pytest.raises(KeyboardInterrupt):
        find_simnibs(tmp_path).fields(HeadConductor(HEAD), lopsided_coil(), POSES, 1e6)
    with pytest.raises(ProcessLookupError):
        os.kill(pid_in(tmp_path / LOG_FILE), 0)
    assert not list(tmp_path.glob(f"{MAKING}*"))
    assert set(threading.enumerate()) <= before


def test_without_simnibs_the_line_says_how_to_get_it(nowhere, tmp_path, monkeypatch):
    with pytest.raises(InputError, match=r"^SimNIBS is not here; install SimNIBS 4 .* SIMNIBSDIR .* `engine=embedded`"):
        find_simnibs(tmp_path)
    assert installed_simnibs(tmp_path) is None
    monkeypatch.setenv("SIMNIBSDIR", str(tmp_path / "gone"))
    with pytest.raises(InputError, match=r"SIMNIBSDIR is .*gone, which has no Python of SimNIBS; install"):
        find_simnibs(tmp_path)


@pytest.mark.skipif(os.name == "nt", reason="the stand-in's interpreter is a shell script")
def test_a_source_checkout_is_found_by_its_environment_or_named(nowhere, tmp_path, monkeypatch):
    checkout = tmp_path / "simnibs-git"
    (checkout / "simnibs").mkdir(parents=True)
    for file in ("setup.py", "simnibs/__init__.py"):
        (checkout / file).touch()
    for folder in (checkout, checkout / "simnibs"):
        monkeypatch.setenv("SIMNIBSDIR", str(folder))
        with pytest.raises(InputError, match="is SimNIBS' source code: start from the Python that it is installed in"):
            find_simnibs(tmp_path)
    made = stand_in_simnibs.install_as_the_installer_does(tmp_path / "made")
    (checkout / ".venv").symlink_to(made / "simnibs_env")
    for folder in (checkout, checkout / "simnibs"):
        monkeypatch.setenv("SIMNIBSDIR", str(folder))
        assert find_simnibs(tmp_path).installation.python == checkout / ".venv" / "bin" / "python"


def test_a_simnibs_that_does_not_start_or_is_too_old_is_said(by_import, tmp_path):
    module = by_import / "simnibs" / "__init__.py"
    text = module.read_text()
    for old in ("3.2.6", "4.0", "4.0.1"):  # before .tcd
        module.write_text(text.replace(stand_in_simnibs.VERSION, old))
        with pytest.raises(InputError, match=rf"SimNIBS {old} is too old .*4\.1 or later"):
            find_simnibs(tmp_path)
    module.write_text(text.replace(stand_in_simnibs.VERSION, "4.1.0"))
    assert find_simnibs(tmp_path).version == "4.1.0"
    module.write_text("import numpy_that_is_not_here\n")
    with pytest.raises(
        InputError, match=r"cannot import it .*ModuleNotFoundError: .*numpy_that_is_not_here.*; install"
    ):
        find_simnibs(tmp_path)


def test_directions_and_gradients_of_conductivity_are_refused():
    conductor = HeadConductor(HEAD)
    assert tissue_conductivities(conductor) == {1: 0.126, 2: 0.275, 3: 1.654, 4: 0.010, 5: 0.465}
    inside = conductor.sigma_s_per_m.copy()
    inside[0] *= 1.01
    for sigma in (inside, np.einsum("m,ij->mij", conductor.sigma_s_per_m, np.eye(3))):
        conductor.sigma_s_per_m = sigma
        with pytest.raises(InputError, match="one conductivity for each tissue"):
            tissue_conductivities(conductor)


def test_a_coil_of_ours_is_handed_over_whole_without_its_name(tmp_path):
    coil = lopsided_coil()
    dipoles = Coil.read(write_coil_for_simnibs(coil, tmp_path)).sources[0]
    assert np.allclose(dipoles.points_mm, coil.sources[0].points_mm, rtol=1e-12)
    assert np.array_equal(dipoles.moments_a_m2, coil.sources[0].moments_a_m2)
    assert "D70" not in (tmp_path / "coil.ccd").read_text() and "dIdtmax" not in (tmp_path / "coil.ccd").read_text()
    wires = CurrentElements(np.array([[1.0, 2, -6], [3, 4, -7]]), np.array([[1.0, 0, 0], [0, 2, 0]]))
    path = write_coil_for_simnibs(replace(coil, sources=(*coil.sources, wires)), tmp_path)
    assert path.name == "coil.tcd"
    assert np.allclose(Coil.read(path).sources[1].elements_mm, wires.elements_mm)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), many=st.integers(20, 200))
def test_a_mesh_in_another_order_is_matched_and_another_mesh_is_not(seed, many):
    rng = np.random.default_rng(seed)
    head = HeadMesh(HEAD.points_mm, HEAD.tets[:many], HEAD.tissue[:many])
    new, order = rng.permutation(len(head.points_mm)), rng.permutation(many)
    points = np.empty_like(head.points_mm)
    points[new] = head.points_mm
    other = HeadMesh(points, new[head.tets][order][:, rng.permutation(4)], head.tissue[order])
    found = order_of(head, other)
    assert np.allclose(other.centroids_mm[found], head.centroids_mm)
    assert order_of(head, head) == slice(None)
    moved = points.copy()
    moved[other.tets[0, 0], 1] += 0.1
    assert order_of(head, HeadMesh(moved, other.tets, other.tissue)) is None
    retagged = other.tissue.copy()
    retagged[0] += 1
    assert order_of(head, HeadMesh(points, other.tets, retagged)) is None
    assert order_of(head, HeadMesh(points, other.tets[1:], other.tissue[1:])) is None


def test_a_plan_by_another_engine_says_so_and_redoes_only_what_it_solved(by_import, tmp_path, capfd, monkeypatch):
    from cli.main import run
    from targeting.plans.tms import read_plan
    from targeting.subject import Subject

    monkeypatch.setattr("targeting.study.study.Study._cortex", (None, []))  # a ball has no folds to register
    layered_ball(14.0).write(tmp_path / "ball.msh")
    command = [
        "plan",
        "ball",
        "--aim",
        "ras:-45,-20,45",
        "--radius",
        "12",
        "--as",
        ".",
        "--out",
        str(tmp_path / "ball"),
    ]
    assert run([*command, "--head", str(tmp_path / "ball.msh"), "--engine", "simnibs"]) == 0
    assert f"dose from a direct solve by SimNIBS {stand_in_simnibs.VERSION} " in capfd.readouterr().out
    made = read_plan(tmp_path / "ball" / "plan.json")
    assert solved_by(made.search.direct_solves_by) == ("simnibs", stand_in_simnibs.VERSION)
    subject = Subject.named("ball", tmp_path / "ball")
    assert subject.made_from("confirm")["parameters"]["engine"] == {
        "name": "simnibs",
        "version": stand_in_simnibs.VERSION,
    }
    best = made.placements[0]
    # plain elements on a very coarse ball against the map of recovered ones
    assert best.direct_dose_v_per_m == pytest.approx(best.dose_v_per_m, rel=0.2)
    assert best.direct_dose_v_per_m != pytest.approx(best.dose_v_per_m, rel=1e-6)
    assert f"direct solve by SimNIBS {stand_in_simnibs.VERSION}" in (tmp_path / "ball" / "plan.html").read_text()
    before = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "ball").glob("*.json")}
    assert run(command) == 0
    again = {path.name for path in (tmp_path / "ball").glob("*.json") if before[path.name] != path.stat().st_mtime_ns}
    assert again == {"confirm.json", "files.json", "plan.json"}
    best = read_plan(tmp_path / "ball" / "plan.json").placements[0]
    assert best.direct_dose_v_per_m == pytest.approx(best.dose_v_per_m, rel=5e-3)


@pytest.mark.parametrize("engine", ["simnibs", "simnib"])
def test_an_engine_that_cannot_be_had_is_found_out_before_anything_is_made(nowhere, tmp_path, capfd, engine):
    from cli.main import run

    assert run(["plan", "colin27", "--engine", engine, "--out", str(tmp_path / "s1")]) == 2
    line = capfd.readouterr().err.splitlines()[-1]
    assert line.startswith("target: SimNIBS is not here; install" if engine == "simnibs" else "target: unknown engine")
    assert not (tmp_path / "s1").exists()


def real_simnibs() -> SimnibsEngine:
    """The SimNIBS of this machine, or a skip that says why not."""
    try:
        return find_simnibs(Path())
    except InputError as missing:
        pytest.skip(str(missing))


def test_the_real_simnibs_agrees_with_plain_elements(tmp_path):
    engine = replace(real_simnibs(), folder=tmp_path)
    conductor, coil = HeadConductor(layered_ball(8.0, stretch=(1.0, 1.2, 0.9)), SIGMA), Coil.named("figure8-70mm")
    found = engine.fields(conductor, coil, POSES, 1e6)
    expected = simulate_many(conductor, coil, POSES, 1e6, recovery="none")
    for one, other in zip(found, expected, strict=True):
        for tissue in np.unique(conductor.head.tissue):
            inside = conductor.head.tissue == tissue
            difference = np.linalg.norm(one.e_v_per_m[inside] - other.e_v_per_m[inside])
            assert difference < 0.01 * np.linalg.norm(other.e_v_per_m[inside])
