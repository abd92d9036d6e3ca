"""Time and memory of assembling the matrix of a head and of both roads to solve it.

    python benchmarks/solvers.py HEAD.msh

Every road runs in a process of its own, compiled code warm, so that its peak memory is its own.  "three" are the axes of
a target, as a search wants them; "32" are dipoles in the grey matter.  Seconds are by the clock; the processor's seconds
beside them (all cores together) tell whether the machine was busy with something else.  Prints a table and writes
``benchmarks/results/solvers.json``.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
from history import keep

CENTER_MM, RADIUS_MM = (-38.6, -18.7, 64.8), 7.0
GREY_MATTER = 2
REACH_S = {"assembly": 4.0, "factor and first": 20.0, "multigrid first": 6.0, "multigrid three": 10.0}  # 3 M tetrahedra


def timed(work: Callable[[], Any]) -> tuple[Any, dict[str, float]]:
    """What ``work`` gives, and what it took."""
    clock, processor = time.perf_counter(), time.process_time()
    result = work()
    return result, {"s": time.perf_counter() - clock, "cpu_s": time.process_time() - processor}


def memory_gb(largest: bool) -> float:
    """Resident memory of this process, now or at its largest."""
    if largest or not Path("/proc/self/statm").exists():
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e9 if sys.platform == "darwin" else 1e6)
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e9


def grid_matrix(n: int) -> sp.csr_matrix:
    """A small matrix to compile on: the Laplacian of a grid."""
    one = sp.diags([-1.0, 2.0, -1.0], [-1, 0, 1], shape=(n, n))
    return sp.csr_matrix(sp.kronsum(sp.kronsum(one, one), one))


def edge_energies(matrix: sp.csr_matrix, x: np.ndarray) -> list[float]:
    """√|k_ij| (x_i − x_j) on a few hundred edges ij: what of a potential is field, whatever its level."""
    edges = matrix.tocoo()
    some = slice(0, None, edges.nnz // 500)
    i, j = edges.row[some], edges.col[some]
    return [float(v) for v in (np.sqrt(np.abs(edges.data[some]))[:, None] * (x[i] - x[j])).ravel()]


def measure(path: str, road: str) -> dict[str, Any]:
    """One road in this process."""
    from atlases import Target
    from meshes import HeadMesh
    from targeting.fem import HeadConductor
    from targeting.fem.solver import make_solver

    head = HeadMesh.read(path)
    for k in (1, 3):
        make_solver(grid_matrix(24), road).solve(np.ones((24**3, k)))  # type: ignore[arg-type]
    tets, weights = Target.sphere(CENTER_MM, RADIUS_MM).weights(head)
    few = HeadMesh(head.points_mm, head.tets[:100], head.tissue[:100])
    _ = HeadConductor(few).stiffness
    made, assembly = timed(lambda: HeadConductor(head))
    _, built = timed(lambda: made.stiffness)
    assembly = {key: assembly[key] + built[key] for key in assembly}
    free = made.free_nodes
    matrix = made.stiffness[free][:, free].tocsr()

    def load(chosen: np.ndarray, weight: np.ndarray, axis: int) -> np.ndarray:
        moments = np.zeros((len(head.tets), 3))
        moments[chosen, axis] = weight
        return made.divergence(moments)[free]

    three = np.stack([load(tets, weights, axis) for axis in range(3)], axis=1)
    grey = np.flatnonzero(head.tissue == GREY_MATTER)[:: np.count_nonzero(head.tissue == GREY_MATTER) // 32][:32]
    many = np.stack([load(np.array([e]), np.ones(1), i % 3) for i, e in enumerate(grey)], axis=1)

    before = memory_gb(largest=False)
    solver, setup = timed(lambda: make_solver(matrix, road))  # type: ignore[arg-type]
    row: dict[str, Any] = {"road": road, "assembly": assembly, "setup": setup}
    for name, b in (("one", three[:, 0]), ("three", three), ("32", many)):
        x, row[name] = timed(partial(solver.solve, b))
        residual = np.linalg.norm(matrix @ x - b, axis=0) / np.linalg.norm(b, axis=0)
        row[name]["worst_relative_residual"] = float(np.max(residual))
        row[name]["iterations"] = getattr(solver, "iterations", None)
        if name == "32":
            row["probe"] = edge_energies(matrix, x)
    row["memory_gb"] = memory_gb(largest=True) - before
    row["nodes"], row["tetrahedra"] = len(head.points_mm), len(head.tets)
    return row


def main() -> None:
    """Measure each road in a child, print the table, keep the numbers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("head", help="a head mesh, .msh")
    parser.add_argument("--road", choices=["multigrid", "factorisation"], help="only this one, as JSON")
    options = parser.parse_args()
    if options.road:
        print(json.dumps(measure(options.head, options.road)))
        return
    from targeting.fem.solver import is_installed

    roads = ["multigrid", "factorisation"] if is_installed() else ["multigrid"]
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    rows = []
    for road in roads:
        command = [sys.executable, __file__, options.head, "--road", road]
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True)
        rows.append(json.loads(done.stdout))
    print(
        f"{rows[0]['tetrahedra']} tetrahedra, {rows[0]['nodes']} nodes, {os.cpu_count()} cores, load before: {load or 0:.1f}"
    )
    print("seconds by the clock (of all processors)")
    steps = ("assembly", "setup", "one", "three", "32")
    print(f"{'road':<15}" + "".join(f"{step:>15}" for step in steps) + f"{'GB':>7}{'iterations':>12}{'residual':>10}")
    for row in rows:
        times = "".join(f"{row[step]['s']:>7.2f} ({row[step]['cpu_s']:>5.1f})" for step in steps)
        last = f"{row['three']['iterations'] or '-':>12}{row['three']['worst_relative_residual']:>10.0e}"
        print(f"{row['road']:<15}{times}{row['memory_gb']:>7.2f}{last}")
    probes = [np.array(row.pop("probe")) for row in rows]
    apart = float(np.linalg.norm(probes[0] - probes[-1]) / np.linalg.norm(probes[-1]))
    print(
        f"the roads differ by {apart:.1e} (field, relative, 32 right-hand sides)"
        if len(rows) > 1
        else "MKL is not here"
    )
    print("to reach with 3 M tetrahedra on two idle cores: " + ", ".join(f"{k} {v:g} s" for k, v in REACH_S.items()))
    result = {
        "rows": rows,
        "relative_difference_of_field": apart if len(rows) > 1 else None,
        "load_before": None if load is None else round(load, 1),
        "machine": {"cores": os.cpu_count(), "processor": platform.machine(), "python": platform.python_version()},
        "versions": {name: version(name) for name in ("numpy", "scipy", "numba", "pyamg")},
    }
    keep("solvers", result)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))
    main()
