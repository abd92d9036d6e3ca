"""Poses a second on a standing dose map, one core, and their error against direct solves, for every built-in coil.

Many poses in one call; and one pose a call, as a navigator asks (median and 99th percentile, each pose somewhere else).

    python benchmarks/poses.py HEAD.msh

Prints a table and writes ``benchmarks/results/poses.json``.
"""

import sys
import time

import numba
import numpy as np
from history import keep

from atlases import Target
from atlases.scalp import Scalp
from meshes import HeadMesh
from targeting import Coil, DoseMap, Pose
from targeting.coils import coil_names
from targeting.fem import HeadConductor
from targeting.tms import simulate_many
from targeting.tms.placement import place

CENTER_MM, RADIUS_MM = (-38.6, -18.7, 64.8), 7.0
DISTANCES_MM = (2.0, 4.0, 8.0)
POSES, DIRECT_POSES = 4000, 4


def main(path: str) -> None:
    """Measure and print."""
    conductor = HeadConductor(HeadMesh.read(path))
    target = Target.sphere(CENTER_MM, RADIUS_MM)
    tets, weights = target.weights(conductor.head)
    scalp = Scalp.of(conductor.head)
    dose_map = DoseMap.build(conductor, target)
    dose_map.mean_e_v_per_m(Coil.named(coil_names()[0]), np.eye(4))  # makes the map and compiles
    rng = np.random.default_rng(0)
    high = np.flatnonzero((scalp.points_mm[:, 2] > 0) & ~scalp.on_cut)
    rows = []
    print(f"{'coil':20} {'poses/s on one core':>20} {'one pose, ms':>14} {'p99':>6} {'worst error':>12}")
    for name in coil_names():
        coil = Coil.named(name)
        poses = np.concatenate(
            [
                place(scalp, coil, scalp.points_mm[rng.choice(high, DIRECT_POSES)], rng.uniform(-180, 180, 1), d)[0][
                    :, 0
                ]
                for d in DISTANCES_MM
            ]
        )
        direct = np.array(
            [weights @ f.e_v_per_m[tets] for f in simulate_many(conductor, coil, [Pose(p) for p in poses])]
        )
        found = dose_map.mean_e_v_per_m(coil, poses)
        error = float((np.linalg.norm(found - direct, axis=1) / np.linalg.norm(direct, axis=1)).max())
        numba.set_num_threads(1)
        many = poses[rng.integers(0, len(poses), POSES)]
        start = time.perf_counter()
        dose_map.mean_e_v_per_m(coil, many)
        rate = POSES / (time.perf_counter() - start)
        one = np.array([seconds_of(dose_map, coil, pose) for pose in many[: POSES // 4]]) * 1e3
        p50, p99 = (float(each) for each in np.percentile(one, [50, 99]))
        numba.set_num_threads(numba.config.NUMBA_NUM_THREADS)
        rows.append(
            {
                "coil": name,
                "poses_per_s_one_core": round(rate),
                "one_pose_ms": {"p50": round(p50, 3), "p99": round(p99, 3)},
                "worst_relative_error": error,
            }
        )
        print(f"{name:20} {rate:20.0f} {p50:14.2f} {p99:6.2f} {100 * error:10.4f} %")
    keep("poses", rows)


def seconds_of(dose_map: DoseMap, coil: Coil, pose: np.ndarray) -> float:
    """How long one call for one pose takes."""
    start = time.perf_counter()
    dose_map.dose(coil, pose)
    return time.perf_counter() - start


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python benchmarks/poses.py HEAD.msh")
    main(sys.argv[1])
