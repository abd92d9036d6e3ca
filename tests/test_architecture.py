"""The house rules that a machine can check: which way imports flow, how long a module may be, what never goes in."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FLOORS = ["meshes", "atlases", "targeting", "cli"]  # each may import those before it
ROOMS = ["plans", "requests", "stages", "files"]  # of targeting, likewise; the roads are above them all
ROADS = ["targeting.road", "targeting.tes_road"]
MODULES = sorted(path for floor in FLOORS for path in (ROOT / floor).rglob("*.py"))


def imported_modules(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide the direction"
            names = [node.module or ""]
        yield from names


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_imports_flow_one_way_and_modules_are_small(path):
    above = FLOORS[FLOORS.index(path.relative_to(ROOT).parts[0]) + 1 :]
    assert not {name.split(".")[0] for name in imported_modules(path)} & set(above)
    lines = path.read_text(encoding="utf-8").splitlines()
    assert len(lines) < 400
    assert path.stem not in ("utils", "util", "helpers", "misc", "common")


@pytest.mark.parametrize("room", ROOMS)
def test_a_plan_is_asked_for_made_and_written_in_that_order(room):
    above = [*(f"targeting.{later}" for later in ROOMS[ROOMS.index(room) + 1 :]), *ROADS]
    paths = sorted((ROOT / "targeting" / room).glob("*.py"))
    assert len(paths) > 1
    found = {(path.name, name) for path in paths for name in imported_modules(path) if name.startswith(tuple(above))}
    assert not found


def test_every_module_says_what_it_is_about():
    silent = [
        path.relative_to(ROOT).as_posix()
        for path in MODULES
        if not ast.get_docstring(ast.parse(path.read_text("utf-8")))
    ]
    assert [path for path in silent if not path.endswith("__init__.py")] == []


def test_the_public_names_are_functions_and_classes_whatever_was_imported_before():
    import importlib

    for module in ("meshes.segment", "meshes.tetrahedralise", "atlases.targets", "targeting.road"):
        importlib.import_module(module)
    from atlases import Target, targets, to_subject
    from meshes import HeadMesh, segment, tetrahedralise
    from targeting import Coil, DoseMap, Pose, plan, search_tms, simulate_tms

    public = (HeadMesh, segment, tetrahedralise, Target, targets, to_subject)
    assert all(callable(each) for each in (*public, Coil, Pose, DoseMap, simulate_tms, search_tms, plan))
