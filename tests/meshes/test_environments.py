"""Environments of their own: made once, whole, and by one process at a time."""

import sys
import threading
import time

import pytest

from meshes import environments
from meshes.environments import Environment, called, python_in
from meshes.errors import InputError


def child(code):
    return [sys.executable, "-u", "-c", code]


class Quick(Environment):
    """An environment that works if its interpreter says so."""

    def works(self):
        python = python_in(self.folder)
        return python.exists() and python.read_text() == "ready"


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache folder, and an environment that is made without the network."""
    monkeypatch.setenv("TARGET_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(
        environments, "make_virtual_environment", lambda folder, *_: python_in(folder).parent.mkdir(parents=True)
    )
    made = []

    def fill(folder, log_file):
        made.append(folder)
        time.sleep(0.2)
        python_in(folder).write_text("ready")

    return tmp_path / "cache", Quick("Program", "program-1.0", "", fill), made


def test_the_environment_is_made_once(cache):
    folder, environment, made = cache
    assert environment.ensure() == environment.ensure()
    assert environment.folder == folder / "program-1.0"
    assert len(made) == 1 and made[0].parent.parent == folder  # made under a temporary name, then moved


def test_a_set_up_killed_midway_is_redone(cache):
    folder, environment, made = cache

    def killed(target, log_file):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Quick("Program", "program-1.0", "", killed).ensure()
    left = folder / ".program-1.0-killed"  # what a kill -9 leaves
    left.mkdir()
    broken = python_in(folder / "program-1.0")
    broken.parent.mkdir(parents=True)
    broken.write_text("half")
    assert environment.ensure().read_text() == "ready"
    assert len(made) == 1 and not left.exists()


def test_two_processes_do_not_set_up_at_once(cache):
    _, environment, made = cache
    both = [threading.Thread(target=environment.ensure) for _ in range(2)]
    for each in both:
        each.start()
    for each in both:
        each.join()
    assert len(made) == 1


@pytest.mark.usefixtures("cache")
def test_what_does_not_start_is_said():
    with pytest.raises(InputError, match=r"Program was installed in .*program-1.0 but does not start; delete"):
        Quick("Program", "program-1.0", "", lambda *_: None).ensure()


def test_a_failed_installation_is_one_line(tmp_path):
    log = tmp_path / "setup.log"
    with pytest.raises(InputError, match=r"could not install numpy: ERROR: no network \(log: .*setup.log\)") as error:
        called(child("print('ERROR: no network'); exit(1)"), log, "install numpy")
    assert "\n" not in str(error.value) and "no network" in log.read_text()
