"""How long a cortex by its folds takes, step by step, both sides at once, and the memory of the largest child process.

    python benchmarks/cortex.py                 # colin27, from its tissues (registered to MNI152 first)
    python benchmarks/cortex.py POSTERIORS      # from a SAMSEG run's posteriors, seg.mgz beside the folder

Prints a table and writes ``benchmarks/results/cortex.json``.
"""

import resource
import sys
import tempfile
import time
from pathlib import Path

from history import keep

from atlases.folded_cortex import folded_cortex
from atlases.hemispheres import hemisphere_shares
from atlases.registration import register
from meshes.folds import hemisphere
from meshes.formats.tissue_files import embedded_head
from meshes.segmentation.hemisphere_shares import HemisphereShares, read_structures, shares_from_samseg

seconds: dict[str, list[float]] = {}


def timed(step, *about, run=hemisphere.run_step):
    """A step, and how long it took."""
    start = time.perf_counter()
    try:
        return run(step, *about)
    finally:
        seconds.setdefault(step, []).append(round(time.perf_counter() - start, 1))


def shares_of(words: list[str]) -> dict[str, HemisphereShares]:
    """What the cortex is made from."""
    if not words:
        tissues = embedded_head()
        return hemisphere_shares(tissues, register(tissues))
    posteriors = Path(words[0])
    structures, affine_mm = read_structures(posteriors)
    return shares_from_samseg(posteriors, structures, affine_mm)


def main(words: list[str]) -> None:
    """Measure and print."""
    shares = shares_of(words)
    hemisphere.run_step = timed
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as logs:
        cortex = folded_cortex(shares, Path(logs), "a benchmark")
    total = time.perf_counter() - start
    memory_gb = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e6
    for step, each in seconds.items():
        print(f"{step:10} {'  '.join(f'{one:6.1f} s' for one in each)}")
    print(f"both sides {total:.0f} s, at most {memory_gb:.1f} GB a process")
    rows = {}
    for side, surface in cortex.hemispheres.items():
        folds = cortex.folds[side]
        rows[side] = {
            "vertices": len(surface.points_mm),
            "area_cm2": round(surface.area_mm2 / 100),
            "thickness_mm": round(float(folds.thickness_mm[folds.cortex].mean()), 2),
        }
        print(side, rows[side])
    result = {"seconds": seconds, "total_s": round(total, 1), "memory_gb": round(memory_gb, 2), **rows}
    print(keep("cortex", result))


if __name__ == "__main__":
    main(sys.argv[1:])
