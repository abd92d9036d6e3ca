"""SAMSEG in an environment of its own, run as a child process.

SAMSEG (MIT licence; Puonti et al., NeuroImage 219:117044, 2020) exists as wheels for CPython 3.11 and needs numpy < 2, so it
cannot live beside the rest.  Its environment is made on first use under the user's cache folder.  Everything comes from wheels
but surfa, which has only a source archive: its Python modules are unpacked, and of its two compiled modules one (resampling) is
replaced by :mod:`~meshes.segmentation.surfa_resampling` and one (mesh intersections), never called, left out; so no compiler is
needed.
"""

from __future__ import annotations

import logging
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

import platformdirs

from meshes import child_process
from meshes.child_process import last_words
from meshes.errors import InputError
from meshes.segmentation import surfa_resampling

log = logging.getLogger(__name__)

SAMSEG = "samseg==0.4a0"
SURFA = "surfa==0.6.3"
WHEELS = (  # what SAMSEG and surfa need, the versions they were tried with
    "numpy==1.26.4",
    "scipy>=1.11,<1.18",
    "scikit-learn>=1.4,<1.10",
    "nibabel>=5.2,<6",
    "pillow>=10",
    "xxhash>=3",
)
PYTHON = (3, 11)
NO_INTERSECTIONS = """def triangle_intersections(*args, **kwargs):
    raise NotImplementedError("mesh intersections are not compiled here")
"""
SIGNS_OF_LIFE = "import samseg, surfa; from samseg.cli import run_samseg"


def cache_folder() -> Path:
    """Where environments are kept: ``TARGET_CACHE_DIR``, or the user's cache folder."""
    return Path(os.environ.get("TARGET_CACHE_DIR") or platformdirs.user_cache_dir("target"))


def environment_folder() -> Path:
    """SAMSEG's environment, whether it is there yet or not."""
    return cache_folder() / SAMSEG.replace("==", "-")


def ensure_environment() -> Path:
    """The Python of SAMSEG's environment, which is made first if it is not there.

    Raises
    ------
    InputError
        If there is no Python 3.11 to be had, or the packages cannot be installed.
    """
    folder = environment_folder()
    python = python_in(folder)
    if works(python):
        return python
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"cannot make the cache folder {folder.parent}: {error.strerror}; set TARGET_CACHE_DIR"
        ) from error
    with only_one(folder.parent / f"{folder.name}.lock"):
        if works(python):  # another process made it while we waited
            return python
        for leftover in (folder, *folder.parent.glob(f".{folder.name}-*")):
            shutil.rmtree(leftover, ignore_errors=True)
        log.info("setting up %s in %s (once; about a minute)", SAMSEG, folder)
        with tempfile.TemporaryDirectory(
            prefix=f".{folder.name}-", dir=folder.parent, ignore_cleanup_errors=True
        ) as new:
            make_environment(Path(new) / "env", folder.parent / "samseg-setup.log")
            (Path(new) / "env").rename(folder)
        if not works(python):
            raise InputError(f"SAMSEG was installed in {folder} but does not start; delete that folder and try again")
    log.info("%s is ready", SAMSEG)
    return python


def python_in(environment: Path) -> Path:
    """The interpreter of a virtual environment."""
    return environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def works(python: Path) -> bool:
    """Whether SAMSEG can be imported by this interpreter."""
    if not python.exists():
        return False
    return subprocess.run([python, "-I", "-c", SIGNS_OF_LIFE], capture_output=True, check=False).returncode == 0


@contextmanager
def only_one(path: Path) -> Iterator[None]:
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
                log.info("another process is setting up SAMSEG; waiting for it")
                fcntl.flock(file, fcntl.LOCK_EX)
        yield


def make_environment(folder: Path, log_file: Path) -> None:
    """A virtual environment with SAMSEG in it; everything the tools say goes to the log file."""
    log_file.write_text("")
    make_virtual_environment(folder, log_file)
    python = python_in(folder)
    pip = [str(python), "-m", "pip", "--disable-pip-version-check"]
    log.info("installing numpy, scipy and what else SAMSEG needs")
    called([*pip, "install", "--only-binary", ":all:", *WHEELS], log_file, "install what SAMSEG needs")
    log.info("installing %s", SAMSEG)
    called([*pip, "install", "--only-binary", ":all:", "--no-deps", SAMSEG], log_file, f"install {SAMSEG}")
    log.info("installing %s", SURFA)
    archives = folder / "archives"
    called(
        [*pip, "download", "--no-deps", "--no-binary", "surfa", "-d", str(archives), SURFA],
        log_file,
        f"download {SURFA}",
    )
    packages = called(
        [str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], log_file, "ask Python"
    )
    unpack_surfa(next(archives.glob("surfa-*.tar.gz")), Path(packages.strip().splitlines()[-1]))
    shutil.rmtree(archives)


def unpack_surfa(archive: Path, packages: Path) -> None:
    """Put surfa's Python modules into a packages folder; in the place of the compiled ones, ours."""
    with tarfile.open(archive) as source:
        for member in source.getmembers():
            parts = PurePosixPath(member.name).parts
            if len(parts) < 3 or parts[1] != "surfa" or ".." in parts or not member.name.endswith(".py"):
                continue
            content = source.extractfile(member)
            assert content is not None
            to = packages.joinpath(*parts[1:])
            to.parent.mkdir(parents=True, exist_ok=True)
            to.write_bytes(content.read())
    shutil.copyfile(surfa_resampling.__file__, packages / "surfa" / "image" / "interp.py")
    (packages / "surfa" / "mesh" / "intersection.py").write_text(NO_INTERSECTIONS)


def make_virtual_environment(folder: Path, log_file: Path) -> None:
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
            "SAMSEG needs Python 3.11; install python3.11 or the package uv, then run 'target setup'"
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


def run_samseg(t1: Path, t2: Path | None, folder: Path, log_file: Path, threads: int = 2) -> Path:
    """Segment a T1 (with a T2, which is registered to it), 6 to 10 minutes; returns the folder of posteriors.

    Parameters
    ----------
    t1 : path
    t2 : path, optional
    folder : path
        For the results.
    log_file : path
    threads : int

    Raises
    ------
    InputError
        If SAMSEG fails: its last words and where its log is.
    """
    python = ensure_environment()
    command = [str(python), "-I", "-u", "-m", "samseg.cli.run_samseg", "--input", str(t1)]
    if t2 is not None:
        command += [str(t2), "--coregister", "--pallidum-separate"]
    command += ["--output", str(folder), "--threads", str(threads), "--save-posteriors"]
    folder.mkdir(parents=True, exist_ok=True)
    run_logged(command, log_file)
    posteriors = folder / "posteriors"
    if not (posteriors / "Skull.mgz").exists():
        raise InputError(f"SAMSEG ended without a result (log: {log_file}); is the image a head MRI?")
    return posteriors


def run_logged(command: Sequence[str], log_file: Path) -> None:
    """Run SAMSEG, keep what it prints, report its progress; an interrupt ends it too."""
    child_process.run_logged(
        "SAMSEG",
        command,
        log_file,
        progress=Progress().of,
        environment=clean_environment(),
        advice="run 'target setup'",
    )


class Progress:
    """Turns SAMSEG's chatter into the few lines a person wants to see."""

    def __init__(self) -> None:
        self.level = 0

    def of(self, line: str) -> str | None:
        """What to say about a line, if anything.

        >>> progress = Progress()
        >>> progress.of("iterationNumber: 0"), progress.of("iterationNumber: 1"), progress.of("EM converged!")
        ('SAMSEG: fitting, level 1, round 1', 'SAMSEG: fitting, level 1, round 2', None)
        """
        if line.startswith("Co-registration"):
            return "SAMSEG: registering T2 to T1"
        if line.startswith("performing affine atlas registration"):
            return "SAMSEG: placing its atlas"
        if line.startswith("run_samseg complete"):
            return "SAMSEG: done"
        if found := re.match(r"iterationNumber: (\d+)", line):
            turn = int(found[1])
            self.level += turn == 0
            return f"SAMSEG: fitting, level {self.level}, round {turn + 1}"
        return None
