"""Time and memory of each stage of ``target plan colin27``, from an empty folder.

    python benchmarks/stages.py [--density standard] [--cold]

Each stage's peak is that of the whole process up to its end (the operating system's own count), so it only rises.
Compiled code is warmed by a first run at density "fast" unless ``--cold`` is given.  Writes ``results/stages.json``.
"""

from __future__ import annotations

import argparse
import logging
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from history import keep

LIMIT_S, LIMIT_GB = 300, 6.0


def peak_gb() -> float:
    """Largest resident memory of this process so far, in GB."""
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1e9 if sys.platform == "darwin" else 1e6)


class Peaks(logging.Handler):
    """Notes the peak memory when a stage ends."""

    def __init__(self) -> None:
        super().__init__()
        self.gb: dict[str, float] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the peak at the end of each stage."""
        if getattr(record, "event", "") == "done":
            self.gb[record.stage] = peak_gb()


def measure(density: str) -> dict[str, object]:
    """Run the road once in this process, in a folder of its own."""
    peaks = Peaks()
    logger = logging.getLogger("targeting.subject")
    logger.addHandler(peaks)
    logger.setLevel(logging.INFO)
    start = time.perf_counter()
    from targeting import plan
    from targeting.study.plan_state import STAGES
    from targeting.subject import Subject

    with tempfile.TemporaryDirectory() as folder:
        subject = Subject.named("colin27", Path(folder) / "colin27")
        made = plan(subject, side="left", density=density)
        total = time.perf_counter() - start
        rows = [
            {
                "stage": row.stage,
                "seconds": row.seconds,
                "peak_gb": round(peaks.gb[row.stage], 2),
                "bytes": row.size_bytes,
            }
            for row in subject.status(STAGES)
        ]
    return {
        "density": density,
        "stages": rows,
        "total_seconds": round(total, 1),
        "peak_gb": round(peak_gb(), 2),
        "poses_tried": made.search.poses_tried,
        "machine": {"cores": os.cpu_count(), "processor": platform.machine(), "python": platform.python_version()},
        "versions": made.versions,
    }


def main() -> None:
    """Measure, print the table, keep the numbers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--density", default="standard", choices=["standard", "fast"])
    parser.add_argument("--cold", action="store_true", help="do not warm the compiled code first")
    options = parser.parse_args()
    if not options.cold:
        warm = "from targeting import plan; plan('colin27', side='left', density='fast', out='warm')"
        with tempfile.TemporaryDirectory() as folder:
            root = str(Path(__file__).parents[1])
            environment = {**os.environ, "PYTHONPATH": root}
            subprocess.run([sys.executable, "-c", warm], cwd=folder, env=environment, check=True)
    result = measure(options.density)
    print(f"{'stage':<10}{'seconds':>9}{'peak GB':>9}{'MB kept':>9}")
    for row in result["stages"]:  # type: ignore[attr-defined]
        print(f"{row['stage']:<10}{row['seconds']:>9.1f}{row['peak_gb']:>9.2f}{row['bytes'] / 1e6:>9.1f}")
    print(
        f"{'total':<10}{result['total_seconds']:>9.1f}{result['peak_gb']:>9.2f}   limits: {LIMIT_S} s, {LIMIT_GB:g} GB"
    )
    keep("stages", result)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))
    main()
