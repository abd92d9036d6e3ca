"""What the library says: options as Python names them where it refuses, and only flags that exist where it advises."""

import ast
import re
from pathlib import Path

import pytest
from typer.main import get_command

from cli.commands import app, every_flag

ROOT = Path(__file__).parents[1]
LIBRARY = sorted(path for floor in ("meshes", "atlases", "targeting") for path in (ROOT / floor).rglob("*.py"))
FLAG = re.compile(r"(?<![\w-])--[a-z][a-z-]+")
COMMAND = re.compile(r"(['`])target [^'`]*\1|(python|pip) [^;,]*")  # a whole command is one in every language
NAMED = re.compile(r"`([A-Za-z_][\w.]*)=[^`]*`")
OTHERS = {
    "--save",
    "--save-posteriors",
    "--save_tensor",
    "--check",
}  # flags of other programs; of a command named before


def texts(node):
    """The strings in a node, those of an f-string joined."""
    if isinstance(node, ast.JoinedStr):
        yield "".join(each.value if isinstance(each, ast.Constant) else "{}" for each in node.values)
        return
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    for each in ast.iter_child_nodes(node):
        yield from texts(each)


def refusals(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Raise) and node.exc is not None:
            yield from ((node.lineno, text) for text in texts(node.exc))


@pytest.mark.slow
def test_refusals_name_options_as_python_does():
    found = {
        f"{path.relative_to(ROOT)}:{line}: {text}"
        for path in LIBRARY
        for line, text in refusals(path)
        if set(FLAG.findall(COMMAND.sub("", text))) - OTHERS
    }
    assert found == set(), "\n".join(sorted(found))


@pytest.mark.slow
def test_every_option_a_refusal_names_with_a_value_exists():
    flags = every_flag(get_command(app))
    named = {name for path in LIBRARY for _, text in refusals(path) for name in NAMED.findall(text)}
    assert named <= set(flags)


@pytest.fixture(scope="module")
def all_flags():
    def of(command):
        below = list(getattr(command, "commands", {}).values())
        return {flag for each in below for flag in of(each)} | {opt for each in command.params for opt in each.opts}

    return of(get_command(app)) | {"--help", "--version"}


@pytest.mark.slow
def test_every_flag_in_what_the_library_says_exists(all_flags):
    unknown = set()
    for path in LIBRARY:
        # these call other programs
        if path.parts[-2] in ("segmentation", "folds") or path.name in (
            "environments.py",
            "make_colin27.py",
            "paper.py",
            "validation.py",
        ):
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        docs = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs:
                text = re.sub(r"(pip|dtifit) [^;,()]*|[{;(][^{}]*var\(--[^{}]*", "", node.value)
                unknown |= {(path.name, flag) for flag in FLAG.findall(text) if flag not in all_flags}
    assert unknown == set()
