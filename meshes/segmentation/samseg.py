"""SAMSEG in an environment of its own, run as a child process.

SAMSEG (MIT licence; Puonti et al., NeuroImage 219:117044, 2020) exists as wheels for CPython 3.11 and needs numpy < 2, so it
cannot live beside the rest.  Its environment is made on first use under the user's cache folder.  Everything comes from wheels
but surfa, which has only a source archive: its Python modules are unpacked, and of its two compiled modules one (resampling) is
replaced by :mod:`~meshes.segmentation.surfa_resampling` and one (mesh intersections), never called, left out; so no compiler is
needed.
"""

from __future__ import annotations

import json
import logging
import re
import shutil
import tarfile
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from meshes import child_process
from meshes.environments import Environment, called, clean_environment, pip_of, python_in
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
# A level of the fit ends when a round lowers the cost of a voxel by less.  SAMSEG's own 1e-4 takes two rounds more (339 against
# 268 s on colin27); tissues are the same to Dice 0.992 (skull) and 0.999 (brain), the dose at m1-hand to 0.1 %, and on a second
# head to 0.996, 0.999 and 0.7 %.
STOP_BELOW = 5e-4
NO_INTERSECTIONS = """def triangle_intersections(*args, **kwargs):
    raise NotImplementedError("mesh intersections are not compiled here")
"""


def fill_environment(folder: Path, log_file: Path) -> None:
    """Install SAMSEG into a virtual environment; everything the tools say goes to the log file."""
    pip = pip_of(folder)
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
        [str(python_in(folder)), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], log_file, "ask Python"
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


SIGNS_OF_LIFE = "import samseg, surfa; from samseg.cli import run_samseg"
ENVIRONMENT = Environment("SAMSEG", SAMSEG.replace("==", "-"), SIGNS_OF_LIFE, fill_environment)


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
    python = ENVIRONMENT.ensure()
    command = [str(python), "-I", "-u", "-m", "samseg.cli.run_samseg", "--input", str(t1)]
    if t2 is not None:
        command += [str(t2), "--coregister", "--pallidum-separate"]
    folder.mkdir(parents=True, exist_ok=True)
    options = folder / "options.json"
    options.write_text(json.dumps({"optimizationOptions": {"absoluteCostPerVoxelDecreaseStopCriterion": STOP_BELOW}}))
    command += ["--options", str(options)]
    command += ["--output", str(folder), "--threads", str(threads), "--save-posteriors"]
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
