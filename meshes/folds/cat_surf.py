"""CAT-Surf in an environment of its own: each step of the road is a child process with a log and a time limit.

CAT-Surf (Gaser et al., the surface tools of CAT12; https://github.com/ChristianGaser/CAT-Surface) is under GPL-2 or later, so
it is never imported here: it is installed as a wheel for Linux and macOS beside SAMSEG, and given NumPy files to work on.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meshes.child_process import run_logged
from meshes.environments import Environment, called, clean_environment, pip_of
from meshes.errors import InputError
from meshes.folds import cat_surf_child

log = logging.getLogger(__name__)

CAT_SURF = "cat-surf==1.1.6"
WHEELS = (CAT_SURF, "numpy>=2,<3")


def fill_environment(folder: Path, log_file: Path) -> None:
    """Install CAT-Surf into a virtual environment."""
    log.info("installing %s", CAT_SURF)
    called([*pip_of(folder), "install", "--only-binary", ":all:", *WHEELS], log_file, f"install {CAT_SURF}")


ENVIRONMENT = Environment("CAT-Surf", CAT_SURF.replace("==", "-"), "import cat_surf", fill_environment)


def run_step(
    step: str, arrays: Mapping[str, Any], settings: Mapping[str, Any], folder: Path, log_file: Path, limit_s: float
) -> dict[str, NDArray]:
    """Run one step of :mod:`meshes.folds.cat_surf_child` and return its arrays.

    Parameters
    ----------
    step : str
        Its name there.
    arrays : mapping of str to array
        What it works on.
    settings : mapping
        Keyword arguments of CAT-Surf's functions, by the names the step gives them.
    folder : Path
        For the files of the two processes; they are deleted.
    log_file : Path
        Gets what the step prints.
    limit_s : float
        It is stopped after so many seconds.

    Raises
    ------
    InputError
        If CAT-Surf cannot be set up, fails, or takes too long.
    """
    python = _python_of(ENVIRONMENT.folder)
    job, result = folder / f"{step}-job.npz", folder / f"{step}-result.npz"
    try:
        np.savez(job, **arrays, settings=np.array(json.dumps(settings)))
        run_logged(
            "CAT-Surf",
            [str(python), "-I", str(Path(cat_surf_child.__file__)), step, str(job), str(result)],
            log_file,
            progress=lambda _: None,
            environment=clean_environment(),
            advice="run 'target setup'",
            limit_s=limit_s,
        )
        if not result.is_file():
            raise InputError(f"CAT-Surf ended without a result (log: {log_file})")
        with np.load(result, allow_pickle=False) as found:
            return {name: found[name] for name in found.files}
    finally:
        job.unlink(missing_ok=True)
        result.unlink(missing_ok=True)


@cache
def _python_of(folder: Path) -> Path:
    """The Python of the environment in a folder; that it works is seen once in a process, not once a step."""
    return ENVIRONMENT.ensure()
