"""Find SimNIBS on this machine: a Python interpreter that imports it.

SimNIBS lives in a Python environment of its own.  It is looked for where this Python can import it, else under the
folder that ``SIMNIBSDIR`` names.  The installers of SimNIBS 4 put that environment into ``simnibs_env`` of the folder
they install to (``~/SimNIBS-4.5``, on macOS ``~/Applications/SimNIBS-4.5``), with a link to its interpreter in ``bin``
(``bin/simnibs_python``) and one to the package (``simnibs``).  Inside SimNIBS, ``SIMNIBSDIR`` is the package's folder,
which is taken too.
"""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from meshes.child_process import last_words
from meshes.errors import InputError

HOW_TO_GET_IT = (
    "install SimNIBS 4 (4.1 or later, https://simnibs.org) and set SIMNIBSDIR to its folder, such as ~/SimNIBS-4.5, "
    "or use `engine=embedded`"
)
# from the installation's folder, and from the environment's own
INTERPRETERS = (
    "simnibs_env/bin/python",
    "simnibs_env/python.exe",
    "bin/simnibs_python",
    "bin/python",
    "python.exe",
    ".venv/bin/python",  # of a source checkout that was installed in place
    "venv/bin/python",
)
OLDEST = (4, 1)  # the first that reads .tcd
SIGNS_OF_LIFE = "import simnibs; from simnibs import run_simnibs, sim_struct; print('version', simnibs.__version__)"
START_LIMIT_S = 300.0  # to import it from a slow disk


@dataclass(frozen=True)
class Installation:
    """An interpreter that imports SimNIBS, and its version; ``foreign`` if it is another Python than this one."""

    python: Path
    version: str
    foreign: bool

    @property
    def environment(self) -> dict[str, str]:
        """What its child processes get."""
        return environment_of(self.foreign)

    def refuses(self, script: str, argument: str) -> str:
        """Why a line of Python fails there, "" if it does not."""
        return _said_by(self.python, self.foreign, script, argument)[1]


def find_installation() -> Installation:
    """The SimNIBS of this machine.

    Raises
    ------
    InputError
        If there is none, or it does not start, or it is older than SimNIBS 4.1: one line that says how to get it.
    """
    reasons = []
    candidates = list(_interpreters())
    for python, foreign in candidates:
        version, why = _version_of(python, foreign)
        if version:
            numbers = re.match(r"(\d+)(?:\.(\d+))?", version)
            if numbers and (int(numbers[1]), int(numbers[2] or 0)) < OLDEST:
                raise InputError(f"SimNIBS {version} is too old for `engine=simnibs`: {HOW_TO_GET_IT}")
            return Installation(python, version, foreign)
        reasons.append(f"{python} cannot import it ({why})")
    named = os.environ.get("SIMNIBSDIR")
    if named and not any(foreign for _, foreign in candidates):
        reasons.append(f"SIMNIBSDIR is {named}, which {_what_is(Path(named).expanduser())}")
    raise InputError(f"SimNIBS is not here{': ' + '; '.join(reasons) if reasons else ''}; {HOW_TO_GET_IT}")


def _what_is(folder: Path) -> str:
    """What a folder is in which there is no interpreter of SimNIBS."""
    roots = (folder, folder.parent)
    if any((root / "simnibs" / "__init__.py").is_file() and (root / "setup.py").is_file() for root in roots):
        return "is SimNIBS' source code: start from the Python that it is installed in, or set SIMNIBSDIR to that one"
    return "has no Python of SimNIBS"


def _interpreters() -> Iterator[tuple[Path, bool]]:
    """Pythons that may have SimNIBS, and whether each is another than this one."""
    if importlib.util.find_spec("simnibs") is not None:
        yield Path(sys.executable), False
    named = os.environ.get("SIMNIBSDIR")
    if not named:
        return
    folder = Path(named).expanduser()
    folders = [folder]
    if (folder / "__init__.py").is_file():  # the package: site-packages and lib are between it and its environment
        folders += list(folder.resolve().parents)[:5]
    for each in folders:
        for interpreter in INTERPRETERS:
            if (each / interpreter).is_file():
                yield each / interpreter, True
                return


def _version_of(python: Path, foreign: bool) -> tuple[str, str]:
    """SimNIBS's version by an interpreter, or "" and why it cannot be had."""
    words, why = _said_by(python, foreign, SIGNS_OF_LIFE)
    said = re.search(r"^version (\S+)", words, re.MULTILINE)
    return (said[1], "") if said and not why else ("", why or "it said nothing")


def _said_by(python: Path, foreign: bool, *command: str) -> tuple[str, str]:
    """What a line of Python prints in an interpreter, and why it fails, "" if it does not."""
    try:
        done = subprocess.run(
            [python, "-c", *command],
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=START_LIMIT_S,
            check=False,
            env=environment_of(foreign),
        )
    except subprocess.TimeoutExpired:
        return "", f"it took longer than {START_LIMIT_S:g} s"
    except OSError as error:
        return "", f"it cannot be started: {error.strerror}"
    why = last_words(done.stderr.decode(errors="replace")) if done.returncode else ""
    return done.stdout.decode(errors="replace"), why


def environment_of(foreign: bool) -> dict[str, str]:
    """The child's environment; another Python is not to find this one's modules."""
    ours = ("PYTHONPATH", "PYTHONHOME", "PYTHONSAFEPATH", "VIRTUAL_ENV", "__PYVENV_LAUNCHER__") if foreign else ()
    return {name: value for name, value in os.environ.items() if name not in ours}
