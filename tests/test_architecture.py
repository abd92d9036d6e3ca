"""The house rules that a machine can check: which way imports flow, how long a module may be, what never goes in."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FLOORS = ["meshes", "atlases", "targeting", "cli"]  # each may import those before it
ROOMS = {  # of targeting, the lowest first: each may import those before it, also within functions and for types
    "ground": [
        "modality",
        "records",
        "words",
        "pose",
        "versions",
        "made",
        "threads",
        "folder_lock",
        "memory_need",
        "result_files",
        "progress",
        "subject",
    ],
    "physics": ["fem", "coils", "closed_forms", "stimulators", "tms", "tes"],
    "others": ["engines", "pose_gate", "navigation"],
    "a subject": ["networks", "study"],
    "features": [
        "goals",
        "robustness",
        "aim_certainty",
        "uncertainty",
        "dosing",
        "comparison",
        "interference",
        "field_by_area",
    ],
    "results": ["plans", "scene", "files", "report", "cards"],
    "plans made": ["planning"],
    "plans used": ["live", "mapping", "viewer", "verification", "course", "reviewing"],
    "many people": ["cohort"],
    "of all of it": ["doctor"],
    "in a window": ["app"],
}
ORDER = [room for floor in ROOMS.values() for room in floor]
CARDS = {("coils", "cards"), ("plans", "cards"), ("tes", "cards")}  # what a notebook shows for a value of these rooms
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
    assert len(lines) < 700
    assert path.stem not in ("utils", "util", "helpers", "misc", "common")


@pytest.mark.slow
def test_no_room_imports_one_above_it():
    up = set()
    for path in (ROOT / "targeting").rglob("*.py"):
        own = path.relative_to(ROOT / "targeting").with_suffix("").parts[0]
        for name in imported_modules(path):
            parts = name.split(".")
            if own != "__init__" and parts[0] == "targeting" and len(parts) > 1 and parts[1] in ORDER:
                up |= {(own, parts[1])} if ORDER.index(parts[1]) > ORDER.index(own) else set()
    assert up - CARDS == set()


def test_every_room_has_its_place():
    rooms = [
        path.stem for path in (ROOT / "targeting").iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()
    ]
    assert sorted(ORDER) == sorted(name for name in rooms if name != "__init__")


@pytest.mark.slow
def test_every_module_says_what_it_is_about():
    silent = [
        path.relative_to(ROOT).as_posix()
        for path in MODULES
        if not ast.get_docstring(ast.parse(path.read_text("utf-8")))
    ]
    assert [path for path in silent if not path.endswith("__init__.py")] == []


def test_the_public_names_are_functions_and_classes_whatever_was_imported_before():
    import importlib

    for module in ("meshes.segment", "meshes.tetrahedralise", "atlases.targets", "targeting.planning.tms"):
        importlib.import_module(module)
    from atlases import Target, targets, to_subject
    from meshes import HeadMesh, segment, tetrahedralise
    from targeting import Coil, DoseMap, Pose, plan, search_tms, simulate_tms

    public = (HeadMesh, segment, tetrahedralise, Target, targets, to_subject)
    assert all(callable(each) for each in (*public, Coil, Pose, DoseMap, simulate_tms, search_tms, plan))
