"""A screen for tests of windows: an X server without a monitor (Xvfb), started for the session and ended with it.

Without the program the tests are skipped, with the reason; where ``CI`` is set they fail, for there it must be.
Windows are tested in a process of their own (:func:`in_window`): Qt and VTK want the main thread and leave a mark, and one
that hangs must not take the tests with it.
"""

import contextlib
import os
import select
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SIZE = "1600x1000x24"
START_S = 20.0
ROOT, SCRIPTS = Path(__file__).parents[2], Path(__file__).parent


def absent(reason: str) -> None:
    """Skip, or fail in CI."""
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


@contextlib.contextmanager
def virtual_screen(size: str = SIZE):
    """A display of its own: yields its name, such as ":97"."""
    server = shutil.which("Xvfb")
    if server is None:
        absent("Xvfb is not there: apt-get install xvfb")
    ours, theirs = os.pipe()
    command = [server, "-displayfd", str(theirs), "-screen", "0", size, "-nolisten", "tcp"]
    process = subprocess.Popen(command, pass_fds=[theirs], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    os.close(theirs)
    try:
        ready, _, _ = select.select([ours], [], [], START_S)
        number = os.read(ours, 20).decode().strip() if ready else ""
        if not number:
            absent(f"Xvfb does not start within {START_S:.0f} s")
        yield f":{number}"
    finally:
        os.close(ours)
        process.terminate()
        process.wait(10)


def in_window(script: str, display: str, *arguments: object, seconds: float = 120.0) -> str:
    """Run a script of tests/support/ in a process with that display; what it printed.

    It fails if the script does, if it lasts too long, or if it ends in any other way than by itself.
    """
    environment = {**os.environ, "DISPLAY": display, "QT_QPA_PLATFORM": "xcb", "QT_API": "pyside6"}
    environment |= {"PYTHONPATH": os.pathsep.join(map(str, (ROOT, SCRIPTS))), "PYTHONFAULTHANDLER": "1"}
    environment.pop("WAYLAND_DISPLAY", None)
    command = [sys.executable, str(SCRIPTS / script), *map(str, arguments)]
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=seconds, cwd=ROOT)
    except subprocess.TimeoutExpired as error:
        told = (error.stdout or b"").decode() + (error.stderr or b"").decode()
        pytest.fail(f"{script} still runs after {seconds:.0f} s:\n{told}")
    assert done.returncode == 0, f"{script} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}"
    return done.stdout
