"""The solver against closed forms in a five-shell sphere, meshed by our own mesher at three densities.

    python benchmarks/accuracy.py [coarse] [fast] [standard]

Cases, each in the grey-matter shell (3 mm thick):

- ``tms``: the built-in figure-of-eight coil 4 mm off the scalp; grey matter within 70 mm of the coil.
- ``tes``: 1 mA between two points of the scalp; all grey matter.
- ``dipole``: a current dipole in the grey matter seen as potentials by 300 points of the scalp (the forward problem of EEG).

Columns: relative L2 error of E, mean and 95th percentile of |E − E₀|/|E₀| by volume, MAG = |E|/|E₀| − 1 and
RDM = |E/|E| − E₀/|E₀|| (norms over the whole shell).  ``first order`` are the elements' own gradients, ``recovered`` what
plans use, ``second order`` six times the unknowns (left out on ``standard``: 11 GB).  With SimNIBS installed, its E on the
same mesh stands beside ours.  Writes ``benchmarks/results/accuracy.json``.
"""

import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from history import keep
from numpy.typing import NDArray

from meshes import InputError, Tissue, tetrahedralise
from meshes.mesher.density import DENSITIES, Density
from targeting import Coil, Pose, simulate_tms
from targeting.closed_forms.phantom import sphere_tissues
from targeting.closed_forms.spheres import electrode_field, tms_e_v_per_m
from targeting.coils import MagneticDipoles
from targeting.engines import engine_named
from targeting.fem import CONDUCTIVITY_S_PER_M, HeadConductor
from targeting.tms.field import DIDT_A_PER_S, primary_field

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))
from second_order import SecondOrder

RADII_MM = {Tissue.WM: 75.0, Tissue.GM: 78.0, Tissue.CSF: 80.0, Tissue.SKULL: 86.0, Tissue.SCALP: 92.0}
SIGMA_S_PER_M = [CONDUCTIVITY_S_PER_M[name] for name in ("wm", "gm", "csf", "skull", "scalp")]
COARSE = Density(
    surface_mm=(8.0, 5.5, 5.5, 5.5, 6.5, 8.0, 5.5),
    bulk_mm=(10.0, 10.0, 8.0, 8.0, 8.0, 12.0, 8.0),
    smallest_mm=3.0,
    candidates=0.5,
    settle_rounds=2,
    finishes=1,
    growth=0.45,
    face_off_mm=0.8,
)
DENSITY_OF = {"coarse": COARSE, **DENSITIES}
COIL = "figure8-70mm"
HAIR_MM, REACH_MM = 4.0, 70.0
ANODE, CATHODE = np.array([0.3, 0.2, 0.93]), np.array([-0.7, 0.5, 0.51])
TES_A = 1e-3
DIPOLE_AXIS, DIPOLE_MM, DIPOLE_A_M = np.array([0.5, -0.4, 0.77]), 76.5, np.array([4e-9, -6e-9, 9e-9])


def errors(e: NDArray, truth: NDArray, volume: NDArray) -> dict[str, float]:
    """The columns of the table for fields (m, 3) with weights (m,)."""
    local = np.linalg.norm(e - truth, axis=1) / np.linalg.norm(truth, axis=1)
    order = np.argsort(local)
    share = np.cumsum(volume[order]) / volume.sum()

    def norm(field: NDArray) -> float:
        return float(np.sqrt((volume[:, None] * field**2).sum()))

    return {
        "l2": norm(e - truth) / norm(truth),
        "mean": float(np.average(local, weights=volume)),
        "p95": float(local[order][np.searchsorted(share, 0.95)]),
        "mag": norm(e) / norm(truth) - 1,
        "rdm": norm(e / norm(e) - truth / norm(truth)),
    }


def tms(conductor: HeadConductor, with_second_order: bool) -> Iterator[tuple[str, float, dict[str, float]]]:
    """Method, seconds and errors for the coil."""
    head = conductor.head
    coil = Coil.named(COIL)
    pose = Pose([[-1, 0, 0, 0], [0, 1, 0, 0], [0, 0, -1, RADII_MM[Tissue.SCALP] + HAIR_MM], [0, 0, 0, 1]])
    near = (head.tissue == Tissue.GM) & (np.linalg.norm(head.centroids_mm - pose.center_mm, axis=1) < REACH_MM)
    positions, moments = [], []
    for source in coil.sources:
        if not isinstance(source, MagneticDipoles):
            raise TypeError(f"{COIL} must be made of magnetic dipoles")
        positions.append(source.points_mm @ pose.matrix_mm[:3, :3].T + pose.matrix_mm[:3, 3])
        moments.append(DIDT_A_PER_S * source.moments_a_m2 @ pose.matrix_mm[:3, :3].T)
    truth = tms_e_v_per_m(head.centroids_mm[near], np.concatenate(positions), np.concatenate(moments))
    volume = head.volumes_mm3[near]
    for method, recovery in (("first order", "none"), ("recovered", "patch")):
        start = time.perf_counter()
        e = simulate_tms(conductor, coil, pose, recovery=recovery).e_v_per_m  # type: ignore[arg-type]
        yield method, time.perf_counter() - start, errors(e[near], truth, volume)
    if with_second_order:
        start = time.perf_counter()
        second = SecondOrder(conductor)
        points = second.points_mm
        da_dt = primary_field(coil, pose, points.reshape(-1, 3), DIDT_A_PER_S).reshape(points.shape)
        e = -second.gradient(second.potential(da_dt)) - primary_field(coil, pose, head.centroids_mm, DIDT_A_PER_S)
        yield "second order", time.perf_counter() - start, errors(e[near], truth, volume)
    with tempfile.TemporaryDirectory() as folder:
        try:
            peer = engine_named("simnibs", Path(folder))
        except InputError as absent:
            print(f"(no rows of the peer: {absent})")
            return
        start = time.perf_counter()
        e = peer.fields(conductor, coil, [pose], DIDT_A_PER_S)[0].e_v_per_m
        yield "simnibs", time.perf_counter() - start, errors(e[near], truth, volume)


def tes(conductor: HeadConductor) -> Iterator[tuple[str, float, dict[str, float]]]:
    """Method, seconds and errors for two point electrodes."""
    head = conductor.head
    nodes = [int(np.argmax(head.points_mm @ axis / np.linalg.norm(axis))) for axis in (ANODE, CATHODE)]
    grey = head.tissue == Tissue.GM
    fields = [
        electrode_field(head.centroids_mm[grey], head.points_mm[node], list(RADII_MM.values()), SIGMA_S_PER_M, current)[
            1
        ]
        for node, current in zip(nodes, (TES_A, -TES_A), strict=True)
    ]
    start = time.perf_counter()
    b = np.zeros(len(head.points_mm))
    b[nodes] = TES_A, -TES_A
    phi = conductor.potential(b)
    solved = time.perf_counter() - start
    for method, gradient in (("first order", conductor.gradient), ("recovered", conductor.patches.gradient)):
        yield method, solved, errors(-gradient(phi)[grey], sum(fields), head.volumes_mm3[grey])


def dipole(conductor: HeadConductor) -> tuple[str, float, dict[str, float]]:
    """Errors of the scalp potential of a current dipole."""
    head = conductor.head
    axis = DIPOLE_AXIS / np.linalg.norm(DIPOLE_AXIS)
    grey = np.flatnonzero(head.tissue == Tissue.GM)
    tet = grey[np.argmin(np.linalg.norm(head.centroids_mm[grey] - DIPOLE_MM * axis, axis=1))]
    scalp = np.unique(head.boundary())
    scalp = scalp[np.linspace(0, len(scalp) - 1, 300).astype(int)]
    at = head.centroids_mm[tet][None]
    truth = np.array(
        [
            -electrode_field(at, head.points_mm[node], list(RADII_MM.values()), SIGMA_S_PER_M)[1][0] @ DIPOLE_A_M
            for node in scalp
        ]
    )
    start = time.perf_counter()
    load = conductor.target_load(np.array([tet]), np.ones(1)) @ DIPOLE_A_M
    phi = conductor.potential(load)[scalp]
    seconds = time.perf_counter() - start
    phi, truth = phi - phi.mean(), truth - truth.mean()
    size, true_size = np.linalg.norm(phi), np.linalg.norm(truth)
    found = {
        "l2": np.linalg.norm(phi - truth) / true_size,
        "mag": size / true_size - 1,
        "rdm": np.linalg.norm(phi / size - truth / true_size),
    }
    return "recovered", seconds, {name: float(value) for name, value in found.items()}


def main(names: list[str]) -> None:
    """Measure, print and write."""
    rows: list[dict[str, Any]] = []
    columns = ("l2", "mean", "p95", "mag", "rdm")
    print(f"{'density':10}{'tetrahedra':>11}{'mesh s':>8}  {'case':8}{'method':14}{'solve s':>8}", end="")
    print("".join(f"{name + ' %':>9}" for name in columns))
    for name in names:
        start = time.perf_counter()
        head = tetrahedralise(sphere_tissues(RADII_MM), DENSITY_OF[name])
        meshed = time.perf_counter() - start
        conductor = HeadConductor(head)
        found = [("tms", *row) for row in tms(conductor, name != "standard")]
        found += [("tes", *row) for row in tes(conductor)]
        found.append(("dipole", *dipole(conductor)))
        for case, method, seconds, values in found:
            print(f"{name:10}{len(head.tets):11d}{meshed:8.1f}  {case:8}{method:14}{seconds:8.1f}", end="")
            print("".join(f"{100 * values[key]:9.3f}" if key in values else f"{'-':>9}" for key in columns))
            about = {"density": name, "tetrahedra": len(head.tets), "mesh_seconds": meshed}
            rows.append({**about, "case": case, "method": method, "solve_seconds": seconds, **values})
    keep("accuracy", rows)


if __name__ == "__main__":
    main(sys.argv[1:] or list(DENSITY_OF))
