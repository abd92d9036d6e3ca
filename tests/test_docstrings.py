"""Docstrings: a public function with four parameters or more says of each what it is."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("meshes", "atlases", "targeting", "cli")
MANY = 4
SECTION = re.compile(r"^Parameters\n-+\n(.*?)(?=^\S[^\n]*\n-{3,}$|\Z)", re.MULTILINE | re.DOTALL)


def parameters(function: ast.FunctionDef) -> list[str]:
    """Names of a function's parameters, but for ``self`` and ``cls``."""
    given = function.args
    each = [*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg]
    return [one.arg for one in each if one is not None and one.arg not in ("self", "cls")]


def described(docstring: str) -> set[str]:
    """The names that the Parameters section of a docstring describes."""
    section = SECTION.search(docstring)
    entries = re.findall(r"^(?=\S)([^:\n]+)", section[1], re.MULTILINE) if section else []
    return {name.strip().lstrip("*") for entry in entries for name in entry.split(",")}


def is_command(function: ast.FunctionDef, path: Path) -> bool:
    """Whether a function is a command of ``target``, whose docstring is its help."""
    return path.parts[0] == "cli" and function.name.endswith("_command")


def undescribed(source: str, path: Path) -> list[str]:
    """The public functions that take many parameters and do not describe all of them, with what they leave out."""

    def of(body: list[ast.stmt], owner: str) -> list[str]:
        found = []
        for node in body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                found += of(node.body, f"{owner}{node.name}.")
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_") and not is_command(node, path):
                names = parameters(node)
                missing = sorted(set(names) - described(ast.get_docstring(node) or ""))
                if len(names) >= MANY and missing:
                    found.append(f"{path}: {owner}{node.name}: {', '.join(missing)}")
        return found

    return of(ast.parse(source).body, "")


@pytest.mark.parametrize("package", PACKAGES)
def test_many_parameters_are_described(package):
    files = sorted((ROOT / package).rglob("*.py"))
    assert files
    assert [
        line for path in files for line in undescribed(path.read_text(encoding="utf-8"), path.relative_to(ROOT))
    ] == []


def test_what_is_left_out_is_found():
    source = '''
class Coil:
    def place(self, a, b, c, *, d, **more):
        """Place it.

        Parameters
        ----------
        a, b : float
            One and the other: both.
        **more
            The rest.

        Raises
        ------
        c : no parameter
        """

def _own(a, b, c, d): ...
def few(a, b, c): ...
'''
    assert undescribed(source, Path("targeting/coil.py")) == ["targeting/coil.py: Coil.place: c, d"]
    bare = "def list_command(a, b, c, d):\n    '''List.'''\n"
    assert undescribed(bare, Path("cli/list.py")) == []
    assert undescribed(bare, Path("meshes/list.py")) == ["meshes/list.py: list_command: a, b, c, d"]
