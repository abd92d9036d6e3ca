"""``target setup``: a first plan finds every loop it runs compiled, and a second set-up has nothing to do."""

import importlib
import pkgutil
import re
import time

import pytest
from numba.core.dispatcher import Dispatcher

import atlases
import meshes
import targeting
from cli.main import run
from targeting.doctor import machine_code

# loops of other commands, and of other coils than the usual one
OTHERS = ("meshes.field_interfaces", "meshes.quality", "meshes.segmentation", "targeting.interference")
OF_OTHER_COILS = {"_dipole_field", "_element_field", "_element_potential", "_halves", "_rest"}


def loops():
    """Module and name of every loop that is compiled by itself, and not into others."""
    for package in (meshes, atlases, targeting):
        for found in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
            if found.name.startswith(("meshes.data", "targeting.viewer", "targeting.app")):
                continue
            for name, each in vars(importlib.import_module(found.name)).items():
                own = isinstance(each, Dispatcher) and each.py_func.__module__ == found.name
                if own and not each.targetoptions.get("inline"):
                    yield found.name, name


@pytest.fixture
def fresh(tmp_path, monkeypatch):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "numba"))
    monkeypatch.setenv("TARGET_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path


@pytest.mark.slow
def test_every_loop_that_a_plan_runs_is_compiled_ahead(fresh):
    assert not machine_code.is_compiled()
    machine_code.compile_ahead()
    kept = {re.sub(r"-\d+\.py\d+.*", "", file.name) for file in (fresh / "numba").rglob("*.nbi")}
    wanted = [
        (module, name) for module, name in loops() if not module.startswith(OTHERS) and name not in OF_OTHER_COILS
    ]
    assert len(wanted) > 80
    assert [each for each in wanted if f"{each[0].rpartition('.')[2]}.{each[1]}" not in kept] == []
    start = time.perf_counter()
    machine_code.compile_ahead()
    assert machine_code.is_compiled() and time.perf_counter() - start < 5


def test_code_that_changed_is_compiled_anew(fresh, monkeypatch):
    ran = []
    monkeypatch.setattr(machine_code, "run_logged", lambda _, command, *__, **___: ran.append(command[-1]))
    machine_code.compile_ahead()
    machine_code.compile_ahead()
    assert sorted(ran) == ["mesh", "plan"]
    monkeypatch.setattr(machine_code, "_code_and_machine", lambda: "another release")
    assert not machine_code.is_compiled()


def test_a_part_that_fails_is_one_line_and_nothing_is_kept(fresh, monkeypatch, capsys):
    from meshes.folds import cat_surf
    from meshes.segmentation import samseg

    for environment in (samseg.ENVIRONMENT, cat_surf.ENVIRONMENT):
        monkeypatch.setattr(type(environment), "ensure", lambda self: self.folder / "bin" / "python")
    monkeypatch.setattr(machine_code, "PARTS", {"nothing of this name": None})
    assert run(["setup"]) != 0
    said = capsys.readouterr().err.strip().splitlines()
    assert said[-1].startswith("target: compiling ahead of time failed") and "machine-code" in said[-1]
    assert not machine_code.is_compiled()
    assert run(["setup", "--no-compile"]) == 0
    assert "machine code" not in capsys.readouterr().out
