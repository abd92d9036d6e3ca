"""The documentation: the command line takes its commands, its examples run, and the site is built without a warning."""

import runpy
import shlex
import shutil
import subprocess
import sys

import pytest
from documented import PAGES, ROOT, blocks, commands_of


def commands():
    for path in PAGES:
        for part in commands_of(path):
            yield pytest.param(part, id=f"{path.stem}: {part[:60]}")


@pytest.mark.parametrize("line", list(commands()))
def test_every_command_of_the_documentation_is_one_that_the_command_line_takes(line):
    import typer

    from cli.commands import app

    command = typer.main.get_command(app)
    words = shlex.split(line, comments=True)[1:]
    words = words[: words.index(">")] if ">" in words else words
    words = [word for word in words if word != "..."]
    context = command.make_context("target", words)
    while hasattr(command, "commands"):  # parsed only, never invoked
        name, command, rest = command.resolve_command(context, [*context._protected_args, *context.args])
        context = command.make_context(name, rest, parent=context)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_example_in_python_is_python(path):
    for text in blocks(path, "python"):
        compile(text, str(path), "exec")


def test_no_page_installs_the_other_project_that_the_registry_calls_target():
    texts = [*PAGES, *sorted((ROOT / "notebooks").glob("*")), *(ROOT / "cli").glob("*.py"), ROOT / "CHANGELOG.md"]
    said = [path.name for path in texts if path.is_file() and "install 'target" in path.read_text(encoding="utf-8")]
    assert said == []


@pytest.mark.slow
def test_the_examples_run_on_the_head_that_ships_with_the_project(tmp_path, monkeypatch, colin27_folder):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(colin27_folder, "colin27")
    monkeypatch.setenv("CI", "true")  # scenes as pictures
    for line in (
        "target plan colin27 --density fast",
        "target plan colin27 --density fast --aim m1-hand --side left --with hd-tdcs",
    ):
        code = "import sys; from cli.main import main; sys.exit(main())"
        subprocess.run([sys.executable, "-c", code, *shlex.split(line)[1:]], check=True, env={**_environment()})
    names = {}
    for page in ("docs/index.md", "docs/how-to/python.md", "docs/how-to/cluster.md"):
        for text in blocks(ROOT / page, "python"):
            exec(compile(text, page, "exec"), names)
    assert names["plan"].placements[0].dose_v_per_m > 0.5
    assert names["doses"] == {"colin27": pytest.approx(names["further"].placements[0].dose_v_per_m)}
    assert names["further"].placements[0].dose_v_per_m < names["plan"].placements[0].dose_v_per_m  # 2 mm farther off


def _environment():
    import os

    return {**os.environ, "PYTHONPATH": str(ROOT)}


@pytest.mark.slow
def test_the_site_is_built_without_a_warning(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "-q", "-d", str(tmp_path / "site")],
        cwd=ROOT,
        env={**_environment(), "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    page = (tmp_path / "site" / "reference" / "commands.html").read_text(encoding="utf-8")
    assert "--hair-mm" in page and "target montages interference" in page


def test_the_picture_of_the_rooms_is_of_this_house():
    drawn = runpy.run_path(str(ROOT / "docs" / "rooms.py"))["rooms_picture"]()
    assert (ROOT / "docs" / "rooms.svg").read_text(encoding="utf-8") == drawn, "python docs/rooms.py draws it again"
