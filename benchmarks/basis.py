"""The whole-cortex field in real time: what a field basis costs to make, how fast it answers, how wrong it is.

    python benchmarks/basis.py SUBJECT_FOLDER [--sources 300] [--poses 20]

The folder is a planned subject's (``target plan``).  The basis is made anew, from the mesh and the cortical surfaces in it,
nothing is written there.  Errors are over random poses of the three built-in coils on the scalp over the cortex, relative L2
of the whole cortical field against the direct solve with the same recovery.  Prints a table and writes
``benchmarks/results/basis.json``.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from history import keep

BUILD_S, BUILD_GB, FILE_MB, POSE_MS, ERROR = 480, 10.0, 500, 20.0, 0.02
SPEED_POSES = 60
BATCH = 500


def peak_gb() -> float:
    """Largest resident memory of this process so far, in GB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1e9 if sys.platform == "darwin" else 1e6)


def measure(folder: Path, sources: int, count: int) -> dict[str, object]:
    """Make a basis and try it."""
    import numba
    from threadpoolctl import threadpool_limits

    from atlases.scalp import Scalp
    from meshes import HeadMesh
    from targeting import Coil
    from targeting.coils import coil_names
    from targeting.fem import HeadConductor
    from targeting.study.cortex_stage import load_cortex
    from targeting.study.field_basis_stage import cortical_rows
    from targeting.tms import FieldBasis
    from targeting.tms.field_basis import random_poses, relative_errors

    head, cortex = HeadMesh.read(folder / "head.msh"), load_cortex(folder)
    start = time.perf_counter()
    _, rows = cortical_rows(cortex, head)
    conductor = HeadConductor(head, right_hand_sides=sources)
    basis = FieldBasis.build(conductor, rows, sources)
    seconds, peak = time.perf_counter() - start, peak_gb()
    with tempfile.TemporaryDirectory() as there:
        basis.save(Path(there) / "basis.npz")
        size_mb = (Path(there) / "basis.npz").stat().st_size / 1e6
    found: dict[str, object] = {
        "tetrahedra": len(head.tets),
        "cortical_points": len(basis.points_mm),
        "sources": sources,
        "modes": basis.modes.shape[1],
        "sensors": len(basis.sensors_mm),
        "build_s": round(seconds, 1),
        "peak_gb": round(peak, 2),
        "file_mb": round(size_mb, 1),
        "coils": {},
    }
    print(f"built in {seconds:.0f} s, {peak:.1f} GB; now direct solves", flush=True)
    scalp, rng = Scalp.of(head), np.random.default_rng(1)
    all_errors = []
    for name in coil_names():
        coil = Coil.named(name)
        poses = random_poses(scalp, coil, rows.points_mm, count, rng)
        errors = relative_errors(basis, conductor, rows, coil, poses)
        all_errors.append(errors)
        basis.e_v_per_m(coil, poses[:1])  # compiles, and merges wires
        numba.set_num_threads(1)
        with threadpool_limits(1):
            ms = 1e3 * np.array([_seconds(basis, coil, poses[i % len(poses)]) for i in range(SPEED_POSES)])
        numba.set_num_threads(numba.config.NUMBA_NUM_THREADS)
        in_one_batch = np.resize(poses, (BATCH, 4, 4))
        basis.e_v_per_m(coil, in_one_batch)
        batch_s = _seconds(basis, coil, in_one_batch)
        found["coils"][name] = {  # type: ignore[index]
            "ms_median": round(float(np.median(ms)), 2),
            "ms_p95": round(float(np.percentile(ms, 95)), 2),
            "batch_poses_per_s": round(BATCH / batch_s),
            "error_median": round(float(np.median(errors)), 5),
            "error_p95": round(float(np.percentile(errors, 95)), 5),
            "error_worst": round(float(errors.max()), 5),
            "poses": len(poses),
        }
    found["error_p95"] = round(float(np.percentile(np.concatenate(all_errors), 95)), 5)
    return found


def _seconds(basis, coil, pose) -> float:  # type: ignore[no-untyped-def]
    start = time.perf_counter()
    basis.e_v_per_m(coil, pose)
    return time.perf_counter() - start


def report(found: dict) -> str:
    """A screenful."""
    lines = [
        f"{found['tetrahedra']} tetrahedra, {found['cortical_points']} cortical points, {found['sources']} solves, "
        f"{found['modes']} modes, {found['sensors']} sensors",
        f"build {found['build_s']} s (allowed {BUILD_S}), peak {found['peak_gb']} GB ({BUILD_GB:g}), "
        f"file {found['file_mb']} MB ({FILE_MB})",
        f"{'coil':20}{'ms, one core':>14}{'p95':>8}{'batch, 1/s':>12}{'error, median':>16}{'p95':>9}{'worst':>9}",
    ]
    for name, row in found["coils"].items():
        lines.append(
            f"{name:20}{row['ms_median']:>14}{row['ms_p95']:>8}{row['batch_poses_per_s']:>12}{row['error_median']:>16.2%}{row['error_p95']:>9.2%}"
            f"{row['error_worst']:>9.2%}"
        )
    lines.append(f"error, 95th percentile of all poses: {found['error_p95']:.2%} (allowed {ERROR:.0%})")
    return "\n".join(lines)


def main() -> int:
    """Measure, print, keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--sources", type=int, default=300)
    parser.add_argument("--poses", type=int, default=20, help="random poses of each coil")
    asked = parser.parse_args()
    found = measure(asked.folder, asked.sources, asked.poses)
    print(report(found))
    keep("basis", found)
    slow = max(row["ms_median"] for row in found["coils"].values())  # type: ignore[attr-defined]
    within = found["build_s"] <= BUILD_S and found["peak_gb"] <= BUILD_GB and found["file_mb"] <= FILE_MB  # type: ignore[operator]
    return int(not (within and slow <= POSE_MS and found["error_p95"] <= ERROR))  # type: ignore[operator]


if __name__ == "__main__":
    sys.exit(main())
