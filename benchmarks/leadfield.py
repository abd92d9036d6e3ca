"""Time, memory and file size of the leadfield of a whole cap.

    python benchmarks/leadfield.py FOLDER [--cap 10-10|10-5] [--most N]

FOLDER is a planned subject's (``head.msh`` and ``mni_warp.npz``).  Every electrode of the cap that rests on the scalp is
solved against Cz: one factorisation, then blocks of right-hand sides, and the field recovered in all of the grey matter.
``--most`` takes N of the cap, evenly chosen, for grids between the two.  Compiled code is warm, as it is after the first run.
Prints a table and writes ``benchmarks/results/leadfield_*.json``.
"""

from __future__ import annotations

import argparse
import platform
import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from history import keep

from atlases import load_warp
from atlases.fiducials import fiducials_from_warp
from atlases.scalp import Scalp
from atlases.ten_ten import TEN_FIVE, TEN_TEN, ten_five
from meshes import HeadMesh
from targeting.fem import HeadConductor
from targeting.tes import Electrode, Leadfield, Montage, make_leadfield, simulate_tes
from targeting.tes.contact import resting_electrodes

CAPS = {"10-10": TEN_TEN, "10-5": TEN_FIVE}
REACH_S, REACH_GB = 90.0, 8.0
NAMED = ("Cz", "C3", "Fp2")  # the return, and the montage looked at


def warm() -> None:
    """Compile everything on a small head."""
    from scipy.spatial import Delaunay

    rng = np.random.default_rng(0)
    points = rng.normal(size=(400, 3))
    points *= (80 / np.linalg.norm(points, axis=1))[:, None]
    points = np.concatenate([points, 0.5 * points[:100], [[0.1, 0.2, 0.3]]])
    tets = Delaunay(points).simplices
    a, b, c, d = (points[tets[:, i]] for i in range(4))
    volume = np.einsum("ij,ij->i", np.cross(b - a, c - a), d - a)
    tets[volume < 0] = tets[volume < 0][:, [0, 2, 1, 3]]
    tets = tets[np.abs(volume) > 1]
    head = HeadMesh(points, tets, np.where(np.arange(len(tets)) % 2, 2, 5))
    places = {"A": (0, 0, 80), "B": (80, 0, 0), "C": (0, 80, 0)}
    electrodes = [Electrode(name, place, size_mm=(30,)) for name, place in places.items()]
    make_leadfield(HeadConductor(head, solver="factorisation"), electrodes, "A")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--cap", choices=tuple(CAPS), default="10-10")
    parser.add_argument("--most", type=int, metavar="N")
    asked = parser.parse_args()
    head, warp = HeadMesh.read(asked.folder / "head.msh"), load_warp(asked.folder / "mni_warp.npz")
    warm()

    seconds: dict[str, float] = {}

    processor: dict[str, float] = {}
    used = time.process_time()

    def lap(name: str, since: float) -> float:
        nonlocal used
        now, cpu = time.perf_counter(), time.process_time()
        seconds[name], processor[name], used = now - since, cpu - used, cpu
        return now

    begin = at = time.perf_counter()
    scalp = Scalp.of(head)
    positions = ten_five(scalp, fiducials_from_warp(scalp, warp))
    electrodes, refused = resting_electrodes(scalp, positions, CAPS[asked.cap])
    if asked.most is not None:
        chosen = set(np.linspace(0, len(electrodes) - 1, asked.most).astype(int))
        electrodes = [each for i, each in enumerate(electrodes) if i in chosen or each.name in NAMED]
    at = lap("positions and contacts", at)
    conductor = HeadConductor(head, right_hand_sides=len(electrodes))
    leadfield = make_leadfield(conductor, electrodes, "Cz")
    at = lap("matrix, factors, solves, recovery", at)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "leadfield.h5"
        leadfield.save(path)
        at = lap("save", at)
        size_gb = path.stat().st_size / 1e9
        total = at - begin
        peak_gb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e9 if sys.platform == "darwin" else 1e6)
        Leadfield.load(path)
        at = lap("load", at)
    currents = leadfield.currents({"C3": 2e-3, "Fp2": -2e-3})
    at = time.perf_counter()
    e = leadfield.field(currents)
    at = lap("one montage", at)
    pair = [electrode for electrode in electrodes if electrode.name in ("C3", "Fp2")]
    sign = [2e-3 if electrode.name == "C3" else -2e-3 for electrode in pair]
    complete = simulate_tes(conductor, Montage("C3-Fp2", tuple(pair), np.array(sign))).e_v_per_m[leadfield.tets]
    lap("the same with complete electrodes", at)
    weight = leadfield.volume_mm3[:, None]
    apart = float(np.sqrt((weight * (e - complete) ** 2).sum() / (weight * complete**2).sum()))

    for name, value in seconds.items():
        print(f"{name:36s} {value:9.3f} s ({processor[name]:.1f} s of all processors)")
    print(f"{'leadfield in all':36s} {total:9.1f} s (to reach: {REACH_S:g})")
    print(f"{'peak memory':36s} {peak_gb:9.2f} GB (to reach: {REACH_GB:g})")
    print(f"{'file':36s} {size_gb:9.2f} GB")
    print(f"{len(electrodes)} electrodes, {len(leadfield.tets)} points, {len(head.tets)} tetrahedra")
    print(f"left out: {', '.join(refused) or 'none'}")
    print(f"even current against complete electrodes, C3-Fp2 in grey matter: {100 * apart:.2f} % relative L2")
    result = {
        "cap": asked.cap,
        "electrodes": len(electrodes),
        "left_out": refused,
        "points": len(leadfield.tets),
        "tetrahedra": len(head.tets),
        "seconds": {name: round(value, 4) for name, value in seconds.items()},
        "processor_seconds": {name: round(value, 2) for name, value in processor.items()},
        "total_s": round(total, 2),
        "peak_memory_gb": round(peak_gb, 3),
        "file_gb": round(size_gb, 3),
        "even_against_complete": round(apart, 5),
        "machine": f"{platform.system()} {platform.machine()}",
    }
    keep(f"leadfield_{asked.cap}{f'_{len(electrodes)}' if asked.most else ''}", result)


if __name__ == "__main__":
    main()
