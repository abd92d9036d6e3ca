"""Seconds that each notebook takes from top to bottom, in one new folder, as a student would run them one after another.

    python benchmarks/notebooks.py

Compiled code is warm from the second run on.  Prints a table and writes ``benchmarks/results/notebooks.json``.
"""

from __future__ import annotations

import os
import platform
import tempfile
import time
from pathlib import Path

import nbformat
from history import keep
from nbclient import NotebookClient

ROOT = Path(__file__).parents[1]
REACH_S = 180.0


def main() -> None:
    """Measure and print."""
    os.environ["PYTHONPATH"] = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    os.environ["CI"] = "1"  # pictures instead of scenes that turn
    seconds = {}
    with tempfile.TemporaryDirectory() as folder:
        for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
            notebook = nbformat.read(path, as_version=4)
            begin = time.perf_counter()
            NotebookClient(notebook, timeout=None, resources={"metadata": {"path": folder}}).execute()
            seconds[path.stem] = round(time.perf_counter() - begin, 1)
            print(f"{path.stem:24s} {seconds[path.stem]:7.1f} s (to reach: {REACH_S:g})", flush=True)
    result = {"seconds": seconds, "cores": os.cpu_count(), "machine": f"{platform.system()} {platform.machine()}"}
    keep("notebooks", result)


if __name__ == "__main__":
    main()
