"""The recovered field of a folded cortex, where no closed form exists, against second-order elements on the same mesh.

    python benchmarks/accuracy_head.py colin27/head.msh X,Y,Z

A ball of 44 mm is cut out of the head under the scalp point X,Y,Z (RAS mm) nearest to which the built-in figure-of-eight
coil stands; first-order, recovered and second-order elements solve the same piece, and are compared in its inner 32 mm.
Corners of the mesh limit the reference, too: the numbers rank the methods, they are not the error of a plan.  Writes
``benchmarks/results/accuracy_head.json``.
"""

import sys
from pathlib import Path

import numpy as np
from history import keep

from atlases.scalp import Scalp
from meshes import HeadMesh, Tissue
from meshes.topology import face_table, tissue_pieces
from targeting import Coil, Pose, simulate_tms
from targeting.fem import HeadConductor
from targeting.tms.field import DIDT_A_PER_S, primary_field
from targeting.tms.placement import place

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))
from second_order import SecondOrder

COIL, HAIR_MM = "figure8-70mm", 4.0
DEPTH_MM, RADIUS_MM, INNER_MM = 22.0, 44.0, 32.0


def piece(head: HeadMesh, center_mm: np.ndarray) -> HeadMesh:
    """The largest connected piece of the head within ``RADIUS_MM`` of a point."""
    near = np.flatnonzero(np.linalg.norm(head.centroids_mm - center_mm, axis=1) < RADIUS_MM)
    pieces = tissue_pieces(np.ones(len(near), int), face_table(head.tets[near], len(head.points_mm)))
    near = near[pieces == np.bincount(pieces).argmax()]
    used, local = np.unique(head.tets[near], return_inverse=True)
    return HeadMesh(head.points_mm[used], local.reshape(-1, 4).astype(np.int32), head.tissue[near])


def main(path: str, point: str) -> None:
    """Measure, print and write."""
    head, coil = HeadMesh.read(path), Coil.named(COIL)
    scalp = Scalp.of(head)
    at = scalp.points_mm[scalp.nearest(np.array([float(x) for x in point.split(",")]))]
    pose = Pose(place(scalp, coil, at[None], np.array([0.0]), HAIR_MM)[0][0, 0])
    center = at + DEPTH_MM * pose.matrix_mm[:3, 2]
    cut = piece(head, center)
    conductor = HeadConductor(cut)
    second = SecondOrder(conductor)
    points = second.points_mm
    da_dt = primary_field(coil, pose, points.reshape(-1, 3), DIDT_A_PER_S).reshape(points.shape)
    reference = -second.gradient(second.potential(da_dt)) - primary_field(coil, pose, cut.centroids_mm, DIDT_A_PER_S)
    plain = simulate_tms(conductor, coil, pose, recovery="none").e_v_per_m
    recovered = simulate_tms(conductor, coil, pose).e_v_per_m
    rows = []
    print(f"{len(cut.tets)} tetrahedra\n{'tissue':8}{'method':14}{'l2 %':>8}{'median %':>10}{'mean |E| %':>12}")
    inner = np.linalg.norm(cut.centroids_mm - center, axis=1) < INNER_MM
    for tissue in Tissue:
        here = inner & (cut.tissue == tissue)
        if not here.any():
            continue
        weight, truth = cut.volumes_mm3[here], reference[here]
        size = np.linalg.norm(truth, axis=1)
        for method, e in (("first order", plain[here]), ("recovered", recovered[here])):
            off = np.linalg.norm(e - truth, axis=1)
            row = {
                "l2": float(np.sqrt((weight * off**2).sum() / (weight * size**2).sum())),
                "median": float(np.median(off / size)),
                "mean": float(np.average(np.linalg.norm(e, axis=1), weights=weight) / np.average(size, weights=weight))
                - 1,
            }
            print(
                f"{tissue.name:8}{method:14}{100 * row['l2']:8.2f}{100 * row['median']:10.2f}{100 * row['mean']:12.2f}"
            )
            rows.append({"tissue": tissue.name, "method": method, **row})
    keep("accuracy_head", rows)


if __name__ == "__main__":
    main(*sys.argv[1:])
