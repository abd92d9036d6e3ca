"""Programs in a Python environment of their own, under the user's cache folder, made on first use and run as child processes.

What cannot live beside the rest (other versions of a library, a licence that is not ours) is an :class:`Environment`: its
folder, what proves that it works, and how it is filled.  It is made under a temporary name and renamed, so that a killed set-up
is made again; a lock keeps two processes from making it at once.
"""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from meshes.child_process import last_words
from meshes.errors import InputError

log = logging.getLogger(__name__)

WHY_WAIT = {"for_everyone": True}  # shown without --verbose, too

PYTHON = (3, 11)  # for which every program we use has wheels


@dataclass(frozen=True)
class Environment:
    """A program that runs in an environment of its own.

    Parameters
    ----------
    program : str
        Its name in messages.
    folder_name : str
        Of its environment, with the version: another version is another environment.
    signs_of_life : str
        Python code that works if the program does.
    fill : callable
        ``fill(environment, log_file)`` installs the program into a fresh virtual environment.
    """

    program: str
    folder_name: str
    signs_of_life: str
    fill: Callable[[Path, Path], None]

    @property
    def folder(self) -> Path:
        """Where it is, whether it is there yet or not."""
        return cache_folder() / self.folder_name

    @property
    def log_file(self) -> Path:
        """What the tools said that made it."""
        return cache_folder() / f"{self.program.lower()}-setup.log"

    def works(self) -> bool:
        """Whether the program can be imported there."""
        python = python_in(self.folder)
        if not python.exists():
            return False
        return (
            subprocess.run([python, "-I", "-c", self.signs_of_life], capture_output=True, check=False).returncode == 0
        )

    def ensure(self) -> Path:
        """The environment's Python; the environment is made first if it is not there.

        Raises
        ------
        InputError
            If there is no Python for it to be had, or the packages cannot be installed.
        """
        python, folder = python_in(self.folder), self.folder
        if self.works():
            return python
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(
                f"cannot make the cache folder {folder.parent}: {error.strerror}; set TARGET_CACHE_DIR"
            ) from error
        with only_one(folder.parent / f"{folder.name}.lock", self.program):
            if self.works():  # another process made it while we waited
                return python
            for leftover in (folder, *folder.parent.glob(f".{folder.name}-*")):
                shutil.rmtree(leftover, ignore_errors=True)
            log.info("setting up %s in %s (once; about a minute)", self.program, folder, extra=WHY_WAIT)
            with tempfile.TemporaryDirectory(
                prefix=f".{folder.name}-", dir=folder.parent, ignore_cleanup_errors=True
            ) as new:
                self.log_file.write_text("")
                make_virtual_environment(Path(new) / "env", self.log_file, self.program)
                self.fill(Path(new) / "env", self.log_file)
                (Path(new) / "env").rename(folder)
            if not self.works():
                raise InputError(
                    f"{self.program} was installed in {folder} but does not start; delete that folder and try again"
                )
        log.info("%s is ready", self.program)
        return python


def cache_folder() -> Path:
    """Where environments are kept: ``TARGET_CACHE_DIR``, or the user's cache folder."""
    return Path(os.environ.get("TARGET_CACHE_DIR") or platformdirs.user_cache_dir("target"))


def python_in(environment: Path) -> Path:
    """The interpreter of a virtual environment."""
    return environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def pip_of(environment: Path) -> list[str]:
    """The command that runs pip in a virtual environment."""
    return [str(python_in(environment)), "-m", "pip", "--disable-pip-version-check"]


@contextmanager
def only_one(path: Path, program: str) -> Iterator[None]:
    """Hold a lock file, so that two processes do not set up at once; it is released even if the process is killed."""
    with path.open("a+b") as file:
        if os.name == "nt":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_LOCK, 1)  # type: ignore[attr-defined,unused-ignore]
        else:
            import fcntl

            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                log.info("another process is setting up %s; waiting for it", program, extra=WHY_WAIT)
                fcntl.flock(file, fcntl.LOCK_EX)
        yield


def make_virtual_environment(folder: Path, log_file: Path, program: str) -> None:
    """A virtual environment of Python 3.11 with pip: from a Python 3.11 that is there, else from one that uv brings."""
    python = python_311()
    if (
        python
        and subprocess.run([python, "-I", "-c", "import ensurepip"], capture_output=True, check=False).returncode == 0
    ):
        called([python, "-m", "venv", str(folder)], log_file, "make a virtual environment")
        return
    try:
        import uv

        tool = uv.find_uv_bin()
    except (ImportError, FileNotFoundError) as error:
        raise InputError(
            f"{program} needs Python 3.11; install python3.11 or the package uv, then run 'target setup'"
        ) from error
    log.info("asking uv for Python 3.11")
    called([tool, "venv", "--seed", "--python", python or "3.11", str(folder)], log_file, "get Python 3.11 through uv")


def python_311() -> str | None:
    """A Python 3.11 on this machine: the running one, else one on the path."""
    if sys.version_info[:2] == PYTHON:
        return sys.executable
    found = shutil.which("python3.11")
    check = f"import sys; sys.exit(sys.version_info[:2] != {PYTHON})"
    if found and subprocess.run([found, "-I", "-c", check], capture_output=True, check=False).returncode == 0:
        return found
    return None


def called(command: Sequence[str], log_file: Path, purpose: str) -> str:
    """Run a set-up command and return what it printed; InputError with its last line if it fails."""
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, env=clean_environment()
    )
    text = done.stdout.decode(errors="replace")
    with log_file.open("a", encoding="utf-8") as file:
        file.write(f"$ {' '.join(command)}\n{text}\n")
    if done.returncode:
        raise InputError(
            f"could not {purpose}: {last_words(text)} (log: {log_file}); check the network, then run 'target setup'"
        )
    return text


def clean_environment() -> dict[str, str]:
    """The environment of this process without what would lead another Python, or SAMSEG, astray."""
    return {
        k: v
        for k, v in os.environ.items()
        if k not in ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "__PYVENV_LAUNCHER__", "FREESURFER_HOME")
    }
