"""``target doctor``: it says what is there, and each thing that is wrong is found, named, and makes it exit with 1."""

import json
import time
from importlib.metadata import PackageNotFoundError

import pytest

from cli.main import run
from meshes import HeadMesh
from targeting.doctor import facts as doctor
from targeting.doctor import self_test
from targeting.doctor.facts import FAILED, NOTE, OK, WARNING
from targeting.fem import HeadConductor
from targeting.tms import field


@pytest.fixture(scope="module")
def conductor():
    return HeadConductor(self_test.ball())


def told(look):
    return {fact.name: fact for fact in look()}


@pytest.mark.slow
def test_the_physics_is_right_here_within_its_limits(conductor):
    tms, tes = self_test._tms_error(conductor), self_test._tes_error(conductor)
    assert 1e-4 < tms < 0.012 and 1e-4 < tes < 0.012  # limits are 0.02
    assert self_test.SelfTest(tms, tes, 1.0).passed
    assert not self_test.SelfTest(tms, float("nan"), 1.0).passed


@pytest.mark.slow
def test_a_wrong_sign_a_wrong_layer_and_a_wrong_unit_do_not_pass(conductor, monkeypatch):
    right = field.primary_field
    monkeypatch.setattr(field, "primary_field", lambda *about, **rate: -right(*about, **rate))
    assert self_test._tms_error(conductor) == pytest.approx(2, abs=0.02)
    monkeypatch.undo()
    head = conductor.head
    tissue = head.tissue.copy()
    tissue[tissue == 3] = 4  # no CSF
    assert self_test._tes_error(HeadConductor(HeadMesh(head.points_mm, head.tets, tissue))) > 0.05
    monkeypatch.setattr(self_test, "CURRENT_A", 1.0)
    assert self_test._tes_error(conductor) < self_test.TES_LIMIT
    monkeypatch.setattr("targeting.closed_forms.spheres.M_PER_MM", 1e-2)
    assert self_test._tes_error(conductor) > 0.5


@pytest.mark.slow
def test_the_command_answers_in_lines_and_in_json(capfd, monkeypatch):
    quick = self_test.SelfTest(0.004, 0.005, 3.0)
    monkeypatch.setattr(self_test, "self_test", lambda: quick)
    assert run(["doctor", "--quiet", "--json"]) == 0
    answer = json.loads(capfd.readouterr().out)
    names = [fact["name"] for fact in answer["facts"]]
    assert answer["passed"] and {"python", "numpy", "memory", "cores", "working folder", "clock"} <= set(names)
    assert names[-3:] == ["coil's field", "electrodes' field", "self-test"]
    monkeypatch.setattr(self_test, "self_test", lambda: self_test.SelfTest(0.3, 0.005, 3.0))
    monkeypatch.setattr(doctor, "LOOKS", ())
    assert run(["doctor", "--quiet"]) == 1
    lines = capfd.readouterr().out.splitlines()
    assert lines[0].split(maxsplit=2)[2].startswith("FAILED") and "30.00%" in lines[0] and "at most 2%" in lines[0]
    assert lines[-1] == "FAILED: coil's field"


def test_packages_that_are_missing_old_or_broken_are_named(monkeypatch):
    known = {"numpy": "1.26.4", "scipy": "1.15.0", "pyamg": "5.3"}

    def version(name):
        if name not in known:
            raise PackageNotFoundError(name)
        return known[name]

    needed = ["numpy>=2", "scipy>=1.13", "pyamg>=5.2", "h5py>=3.11", "pypardiso>=0.4; platform_machine == 'x86_64'"]
    monkeypatch.setattr(doctor, "requires", lambda _: [*needed, "pytest>=8; extra == 'test'"])
    monkeypatch.setattr(doctor, "version", version)
    monkeypatch.setitem(__import__("sys").modules, "pyamg", None)  # cannot be imported
    found = told(doctor._packages)
    assert {name: fact.state for name, fact in found.items()} == {
        "numpy": FAILED,
        "scipy": OK,
        "pyamg": FAILED,
        "h5py": FAILED,
        "pypardiso": NOTE,
    }
    assert found["numpy"].words == "1.26.4 (>=2): pip install 'numpy>=2'"
    assert "cannot be loaded (ModuleNotFoundError" in found["pyamg"].words
    assert found["h5py"].words == "not installed (>=3.11): pip install h5py"


def test_every_package_that_is_needed_is_found_by_the_name_it_is_imported_by():
    """pillow is PIL, antspyx is ants: what is installed says so itself, no list has to be kept."""
    found = told(doctor._packages)
    assert {"pillow", "antspyx", "cvxpy-base", "uv", "lazy_loader"} <= set(found)
    assert [fact for fact in found.values() if fact.state == FAILED] == []
    modules = doctor._modules()
    assert [modules[name] for name in ("pillow", "antspyx", "cvxpy-base", "lazy-loader", "trame-vtk")] == [
        *("PIL", "ants", "cvxpy", "lazy_loader", "trame_vtk")
    ]


def test_too_little_memory_is_said(monkeypatch):
    monkeypatch.setattr(doctor, "total_memory_bytes", lambda: 16e9)
    for free, state in ((8e9, OK), (1e9, WARNING)):
        monkeypatch.setattr(doctor, "free_memory_bytes", lambda free=free: free)
        assert told(doctor._memory)["memory"].state == state
    monkeypatch.setattr(doctor, "total_memory_bytes", lambda: 2e9)
    assert told(doctor._memory)["memory"].state == FAILED


def test_folders_that_are_full_or_cannot_be_written(monkeypatch):
    import shutil
    import tempfile

    usage = shutil.disk_usage("/")
    for free, state in ((10**12, OK), (10**9, WARNING), (10**7, FAILED)):
        monkeypatch.setattr(shutil, "disk_usage", lambda _, free=free: usage._replace(free=free))
        assert told(doctor._folders)["working folder"].state == state

    def refuse(**_):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    monkeypatch.setattr(doctor, "_set_up", lambda: True)  # in a container all is there and may only be read
    cache = told(doctor._folders)["cache folder"]
    assert cache.state == OK and "which only can be read" in cache.words
    monkeypatch.setattr(doctor, "_set_up", lambda: False)
    found = told(doctor._folders)
    assert "cannot be written (Read-only file system): run elsewhere" in found["working folder"].words
    assert {fact.state for fact in found.values()} == {FAILED}


def test_a_clock_before_the_program_was_written_is_wrong(monkeypatch):
    assert told(doctor._clock)["clock"].state == OK
    monkeypatch.setattr(time, "time", lambda: 1e9)  # 2001
    assert told(doctor._clock)["clock"].words.startswith("2001-09-09 01:46 UTC, before this program was installed")


def test_what_fails_in_one_look_hides_no_other(monkeypatch):
    def ill():
        raise ZeroDivisionError("x")
        yield

    monkeypatch.setattr(doctor, "LOOKS", (("one", ill), ("two", doctor._memory)))
    found = list(doctor.facts())
    assert [fact.name for fact in found] == ["one", "memory"] and found[0].state == FAILED
