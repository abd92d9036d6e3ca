"""Machine code ahead of time: what a first mesh and a first plan would compile is compiled by a small mesh and a small plan.

Loops are compiled by numba when they first run, once for each installation, processor and release of numba, and kept in its
cache.  On two cores that takes a minute or two, which the first person to plan would wait for.  Two child processes do it side
by side: one meshes a phantom, one plans a coil on the self-test's ball, and tests itself.
"""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import atlases
import meshes
import targeting
from meshes.child_process import run_logged
from meshes.environments import cache_folder
from meshes.whole_files import written_whole

RADII_MM = {1: 20.0, 2: 24.0, 3: 27.0, 4: 31.0, 5: 36.0}  # of the phantom's tissues
VOXEL_MM = (1.5, 1.5, 1.5)
KEPT = "machine-code.txt"  # in the cache folder: what was compiled
POINT = "ras:-40,10,50"  # in the ball's grey matter


def is_compiled() -> bool:
    """Whether :func:`compile_ahead` has run with this code, on this processor."""
    kept = cache_folder() / KEPT
    return kept.is_file() and kept.read_text(encoding="utf-8") == _code_and_machine()


def compile_ahead() -> None:
    """Compile everything, if that was not done.

    Raises
    ------
    InputError
        If a child process fails: its last words, and where its log is.
    """
    if is_compiled():
        return
    cache_folder().mkdir(parents=True, exist_ok=True)

    def one(part: str) -> None:
        run_logged(
            "compiling ahead of time",
            [sys.executable, "-m", __name__, part],
            cache_folder() / f"machine-code-{part}.log",
            progress=lambda _: None,
            environment=os.environ,
            advice="run 'target doctor'",
        )

    with ThreadPoolExecutor(len(PARTS)) as pool:
        for done in [pool.submit(one, part) for part in PARTS]:
            done.result()
    with written_whole(cache_folder() / KEPT) as temporary:
        temporary.write_text(_code_and_machine(), encoding="utf-8")


def _code_and_machine() -> str:
    """A digest of all that numba compiles anew for: the files and their times, itself, Python and the processor."""
    from numba import __version__, config
    from numba.core.registry import cpu_target

    processor = cpu_target.target_context.codegen().magic_tuple()
    said = hashlib.sha256(f"{__version__} {sys.version} {processor} {config.CACHE_DIR}".encode())
    for package in (meshes, atlases, targeting):
        for file in sorted(Path(str(package.__file__)).parent.rglob("*.py")):
            there = file.stat()
            said.update(f"{file} {there.st_size} {there.st_mtime_ns}".encode())
    return said.hexdigest()


def _mesh() -> None:
    from meshes import tetrahedralise
    from targeting.closed_forms.phantom import sphere_tissues

    tetrahedralise(sphere_tissues(RADII_MM, VOXEL_MM), "fast")


def _plan() -> None:
    from targeting.doctor.self_test import ball, self_test
    from targeting.planning.tms import plan_tms

    with tempfile.TemporaryDirectory() as folder:
        head = Path(folder) / "ball.msh"
        ball().write(head)
        plan_tms("ball", out=Path(folder) / "ball", head=head, aim=POINT)
    self_test()  # electrodes


PARTS: dict[str, Callable[[], None]] = {"mesh": _mesh, "plan": _plan}

if __name__ == "__main__":
    PARTS[sys.argv[1]]()
