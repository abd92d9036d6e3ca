"""The container's recipes: linted, read and, where there is a builder, built; and what they promise, tried without a container.

Nothing fetched, nothing written but in the derivatives, the work folder and /tmp: a real plan is made on a system that is
read-only and has no network.
"""

import io
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from quick_people import ASKED, write_people

from targeting.scene.system_libraries import FOR_PICTURES

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "container"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROGRAMS = Path(sys.executable).parent
BUILDERS = {"buildah": ("buildah", "bud"), "podman": ("podman", "build"), "docker": ("docker", "build")}
IMAGE = "target-nibs-test"
AWAY = """set -e
for each in $WRITABLE; do mount --bind "$each" "$each"; done
for each in $READ_ONLY; do mount -o remount,bind,ro "$each"; done
exec "$@"
"""


@pytest.fixture(scope="module")
def recipe():
    parse = pytest.importorskip("dockerfile_parse", reason="dockerfile-parse is not installed")
    content = (FOLDER / "Containerfile").read_bytes()
    return parse.DockerfileParser(fileobj=io.BytesIO(content))


def values(recipe, instruction):
    return [each["value"] for each in recipe.structure if each["instruction"] == instruction]


def sections():
    """The lines of the Apptainer recipe by section; "" is what stands before the first."""
    found, name = {"": []}, ""
    for line in (FOLDER / "apptainer.def").read_text(encoding="utf-8").splitlines():
        if heading := re.fullmatch(r"%(\w+)", line):
            name = heading[1]
            found[name] = []
        elif not line.lstrip().startswith("#"):
            found[name].append(line)
    return {name: "\n".join(lines).strip() for name, lines in found.items()}


def test_the_linter_has_nothing_to_say():
    linter = shutil.which("hadolint", path=f"{PROGRAMS}:{os.environ['PATH']}")
    if linter is None:
        pytest.skip("hadolint is not installed")
    done = subprocess.run([linter, FOLDER / "Containerfile"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_image_is_the_command_for_anybody(recipe):
    assert values(recipe, "ENTRYPOINT") == ['["target", "bids"]']
    assert recipe.structure[-1]["instruction"] == "ENTRYPOINT"
    assert re.fullmatch(r"docker\.io/library/python:\d+\.\d+\.\d+-slim-\w+", recipe.baseimage)
    user = values(recipe, "USER")[-1]
    assert user.isdigit() and int(user) > 0
    installed = re.search(r"--no-install-recommends ([^&\\]+)", values(recipe, "RUN")[0])[1].split()
    assert installed == [*FOR_PICTURES.split(), "libgomp1"]
    labels = recipe.labels
    assert labels["org.opencontainers.image.version"] == PROJECT["project"]["version"]
    assert labels["org.opencontainers.image.licenses"] == PROJECT["project"]["license"]
    assert labels["org.opencontainers.image.base.name"] == recipe.baseimage


def test_all_that_is_installed_is_copied_and_there(recipe):
    sources = [source for each in values(recipe, "COPY") for source in each.split()[:-1]]
    assert all((ROOT / source).exists() for source in sources)
    packages = [each.rstrip("*") for each in PROJECT["tool"]["setuptools"]["packages"]["find"]["include"]]
    project = PROJECT["project"]
    assert sorted(sources) == sorted(["pyproject.toml", project["readme"], *project["license-files"], *packages])
    ignored, *but = (FOLDER / "Containerfile.dockerignore").read_text(encoding="utf-8").split("\n*\n")[1].splitlines()
    assert sorted(each.removeprefix("!") for each in (ignored, *but) if each.startswith("!")) == sorted(sources)
    assert any("cohort" in each for each in values(recipe, "RUN"))
    assert "cohort" in project["optional-dependencies"]


def test_apptainers_recipe_takes_the_image_and_its_settings(recipe, tmp_path):
    parts = sections()
    assert set(parts) == {"", "environment", "runscript", "test", "labels", "help"}
    header = dict(line.split(": ") for line in parts[""].splitlines())
    assert header == {"Bootstrap": "docker-archive", "From": "target-nibs.tar"}
    assert f"org.opencontainers.image.version {PROJECT['project']['version']}" in parts["labels"]
    script = f"{parts['environment']}\nenv\n"
    host = {"PATH": os.environ["PATH"], "TARGET_CACHE_DIR": "/of/the/host", "PYTHONPATH": "/of/the/host"}
    done = subprocess.run(["sh", "-c", script], env=host, capture_output=True, text=True, check=True)
    assert "/of/the/host" not in done.stdout
    told = dict(line.split("=", 1) for line in done.stdout.splitlines())
    for name in ("TARGET_CACHE_DIR", "PYTHONNOUSERSITE"):
        assert told[name] == recipe.envs[name]


@pytest.mark.parametrize("temporary", ["there", "not there"])
def test_a_run_of_apptainer_gives_the_command_a_folder_that_goes_with_it(tmp_path, temporary):
    (tmp_path / "there").mkdir()
    said = '#!/bin/sh\nfor each in "$@"; do echo "$each"; done\ntouch "$HOME/cache"; echo "$HOME" >"$SEEN"\nexit 3\n'
    (tmp_path / "target").write_text(said)
    (tmp_path / "target").chmod(0o755)
    seen = tmp_path / "seen"
    surroundings = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "SEEN": str(seen), "TMPDIR": str(tmp_path / temporary)}
    words = ["a folder", "it's", "$HOME"]
    done = subprocess.run(
        ["sh", "-c", sections()["runscript"], "runscript", *words],
        env={**surroundings, "HOME": "/of/the/host"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout.splitlines()) == (3, ["bids", *words])
    home = Path(seen.read_text().strip())
    assert home != Path("/of/the/host") and not home.exists()


def away(box: Path, command, writable=(), environment=None):
    """Run a command where the disk is read-only but for some folders, and there is no network."""
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("only root on Linux can make a system read-only for one process")
    alone = ["unshare", "--net", "--mount", "sh", "-c", AWAY, "away"]
    disks = [each for each in ("/", "/tmp", "/home", "/root", "/var", "/opt") if os.path.ismount(each)]
    words = {"WRITABLE": " ".join(map(str, writable)), "READ_ONLY": " ".join(disks)}
    plain = {"PATH": f"{PROGRAMS}:{os.environ['PATH']}", **(environment or {}), **words}
    probe = subprocess.run(
        [*alone, "touch", str(box / "probe")], env=plain, capture_output=True, text=True, check=False
    )
    if "read-only" not in probe.stderr.lower() or (box / "probe").exists():
        pytest.skip(f"no part of this system can be made read-only: {probe.stderr.strip()}")
    return subprocess.run([*alone, *map(str, command)], env=plain, cwd=box, capture_output=True, text=True, check=False)


def listing(box: Path, but=()):
    """Every file and folder with when it was last written."""
    return {
        each: each.stat().st_mtime_ns for each in box.rglob("*") if not any(each.is_relative_to(one) for one in but)
    }


@pytest.mark.slow
def test_a_run_fetches_nothing_and_writes_nowhere_else(recipe, tmp_path):
    dataset, table = write_people(tmp_path, ["01"])
    out, temporary = tmp_path / "out", tmp_path / "tmp"
    for each in (out, temporary):
        each.mkdir()
    # as in the image, with a folder in place of /tmp; its TARGET_CACHE_DIR is not here, and this head needs nothing of it
    image = {name: value.replace("/tmp", str(temporary)) for name, value in recipe.envs.items()}
    image |= {"TMPDIR": str(temporary), "TARGET_CACHE_DIR": str(tmp_path / "no cache")}
    assert Path(image["HOME"]) == temporary
    before = listing(tmp_path, but=(out, temporary))
    command = [PROGRAMS / "target", "bids", dataset, out]
    options = ["--table", table, *ASKED, "--workers", "in-turn"]
    done = away(tmp_path, [*command, "participant", *options], (out, temporary), image)
    assert done.returncode == 0, done.stderr
    assert "BIDS validator finds no error" in done.stderr  # not left out, and it fetched no schema
    assert list((out / "sub-01" / "nibs").glob("*_plan.json"))
    group = away(tmp_path, [*command, "group"], (out, temporary), image)
    assert group.returncode == 0, group.stderr
    assert (out / "group" / "group.html").is_file()
    assert listing(tmp_path, but=(out, temporary)) == before
    caches = {Path(image[name]).name for name in ("NUMBA_CACHE_DIR", "MPLCONFIGDIR")}
    assert {each.name for each in temporary.iterdir()} <= caches | {".cache", ".config", ".local"}


@pytest.mark.slow
def test_a_program_that_stands_ready_is_used_where_nothing_can_be_written(tmp_path):
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "cache" / "tool-1"], check=True)
    code = "from meshes.environments import Environment; print(Environment('Tool', 'tool-1', 'import json', None).ensure())"
    done = away(tmp_path, [sys.executable, "-c", code], environment={"TARGET_CACHE_DIR": str(tmp_path / "cache")})
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.strip()).parents[1] == tmp_path / "cache" / "tool-1"


def builder() -> str | None:
    """A program that builds images and works here."""
    for name in BUILDERS:
        if shutil.which(name) and subprocess.run([name, "info"], capture_output=True, check=False).returncode == 0:
            return name
    return None


@pytest.mark.slow
def test_the_image_is_built_and_runs_without_network(recipe):
    name = builder()
    if name is None:
        pytest.skip(f"none of {', '.join(BUILDERS)} works here")
    pulled = subprocess.run([name, "pull", recipe.baseimage], capture_output=True, text=True, check=False, timeout=600)
    if pulled.returncode:
        pytest.skip(f"{name} cannot get {recipe.baseimage}: {pulled.stderr.strip().splitlines()[-1]}")
    build = [*BUILDERS[name], "-f", FOLDER / "Containerfile", "-t", IMAGE, ROOT]
    done = subprocess.run(build, capture_output=True, text=True, check=False, timeout=3000)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    try:
        if name != "buildah":  # which builds only
            run = [name, "run", "--rm", "--network", "none", "--read-only", "--tmpfs", "/tmp", IMAGE, "--version"]
            told = subprocess.run(run, capture_output=True, text=True, check=True, timeout=300).stdout
            assert told.strip() == f"target {PROJECT['project']['version']}"
    finally:
        subprocess.run([name, "rmi", IMAGE], capture_output=True, check=False)
