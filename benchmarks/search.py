"""The whole search, for every built-in coil: poses, seconds, poses a second, memory, and error against direct solves.

    python benchmarks/search.py HEAD.msh

The head's scalp and its distance grid, and the dose map with the field round the head, are made first and timed on their
own.  The search that looks everywhere is timed beside the one from coarse to fine, and must find the same.  Seconds are also
given as multiples of one direct forward solve on the same mesh in the same run.  The error is that of random poses of the
table (with the coil's parts condensed) whose dose is at least a tenth of the best, relative L2 of the mean field vector.
Prints a table and writes ``benchmarks/results/search.json``.
"""

import resource
import sys
import time

import numpy as np
from history import keep

from atlases import Target
from atlases.scalp import Scalp
from meshes import HeadMesh
from targeting import Coil, DoseMap, Pose, search_tms
from targeting.coils import coil_names
from targeting.coils.condensed import condensed
from targeting.fem import HeadConductor
from targeting.tms import simulate_many
from targeting.tms.placement import place
from targeting.tms.search import ANGLE_STEP_DEG

CENTER_MM, RADIUS_MM = (-38.6, -18.7, 64.8), 7.0
DIRECT_POSES = 12
DIDT_A_PER_S = 1e6


def main(path: str) -> None:
    """Measure and print."""
    conductor = HeadConductor(HeadMesh.read(path))
    target = Target.sphere(CENTER_MM, RADIUS_MM)
    tets, weights = target.weights(conductor.head)
    rows, before = [], {}

    def timed(what, work):
        start = time.perf_counter()
        value = work()
        before[what] = time.perf_counter() - start
        return value

    dose_map = timed("dose map", lambda: DoseMap.build(conductor, target))
    timed("field round the head", lambda: dose_map.magnetic_field_t)
    scalp = timed("scalp", lambda: Scalp.of(conductor.head))
    timed("distance grid", lambda: scalp.distance)
    coils = [Coil.named(name) for name in coil_names()]
    middle = scalp.points_mm[scalp.nearest(CENTER_MM)][None]
    for coil in coils:  # compiles
        dose_map.mean_e_v_per_m(
            coil, np.concatenate([place(scalp, coil, middle, np.array([0.0, 90.0]), 4.0)[0][0]] * 2)
        )
    pose = Pose(place(scalp, coils[0], middle, np.array([0.0]), 4.0)[0][0, 0])
    simulate_many(conductor, coils[0], [pose])
    timed("one direct solve", lambda: simulate_many(conductor, coils[0], [pose]))
    solve = before["one direct solve"]
    for what, seconds in before.items():
        print(f"{what:22} {seconds:8.2f} s")

    angles = np.arange(-180.0, 180.0, ANGLE_STEP_DEG)
    rng = np.random.default_rng(0)
    print(
        f"{'coil':20} {'poses':>9} {'refused':>8} {'s':>7} {'all s':>7} {'same':>5} {'solves':>7} {'worst':>8} {'parts':>9}"
    )
    for coil in coils:
        fewer = condensed(coil)
        start = time.perf_counter()
        found = search_tms(conductor, target, coil, dose_map=dose_map, scalp=scalp, didt_a_per_s=DIDT_A_PER_S)
        seconds = time.perf_counter() - start
        start = time.perf_counter()
        everywhere = search_tms(
            conductor, target, coil, dose_map=dose_map, scalp=scalp, didt_a_per_s=DIDT_A_PER_S, closer_share=0.0
        )
        all_seconds = time.perf_counter() - start
        same = float(np.abs(found.poses[0] - everywhere.poses[0]).max()) < 1e-9
        points = found.scalp_points_mm
        good = np.flatnonzero(found.best_dose_at_point_v_per_m > 0.1 * found.dose_v_per_m[0])
        poses = [
            place(scalp, coil, points[rng.choice(good)][None], rng.choice(angles, 1), 4.0)[0][0, 0]
            for _ in range(DIRECT_POSES)
        ]
        solved = simulate_many(conductor, coil, [Pose(pose) for pose in poses], DIDT_A_PER_S)
        direct = np.array([weights @ field.e_v_per_m[tets] for field in solved])
        mapped = dose_map.mean_e_v_per_m(fewer, np.array(poses), DIDT_A_PER_S)
        error = float((np.linalg.norm(mapped - direct, axis=1) / np.linalg.norm(direct, axis=1)).max())
        parts = [sum(len(source.points_mm) for source in each.sources) for each in (coil, fewer)]
        rows.append(
            {
                "coil": coil.name,
                "poses": found.tried,
                "refused": found.refused,
                "seconds": round(seconds, 2),
                "everywhere_poses": everywhere.tried,
                "everywhere_seconds": round(all_seconds, 2),
                "same_optimum": same,
                "direct_solves": round(seconds / solve, 1),
                "worst_relative_error": error,
                "parts": parts,
            }
        )
        print(
            f"{coil.name:20} {found.tried:9d} {found.refused:8d} {seconds:7.1f} {all_seconds:7.1f} {same!s:>5} "
            f"{seconds / solve:7.1f} {100 * error:7.3f}% {parts[0]:4d}>{parts[1]:4d}"
        )
    peak_gb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"peak memory {peak_gb:.1f} GB, {len(conductor.head.tets)} tetrahedra")
    told = {"before_s": before, "coils": rows, "peak_memory_gb": peak_gb, "tetrahedra": len(conductor.head.tets)}
    keep("search", told)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python benchmarks/search.py HEAD.msh")
    main(sys.argv[1])
