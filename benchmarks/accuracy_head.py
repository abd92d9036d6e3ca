"""The field of a folded cortex, where no closed form exists, against second-order elements on once refined meshes.

    python benchmarks/accuracy_head.py colin27/head.msh X,Y,Z [RADIUS]

A ball of RADIUS mm (40) is cut out of the head under the scalp point X,Y,Z (RAS mm) nearest to which the built-in
figure-of-eight coil stands.  First-order elements, recovered fields and the elements of second order near a target solve that
piece, and are compared in the inner three quarters with scikit-fem's second-order elements on the same piece with every
tetrahedron cut into eight.  With a small radius (20), where there is room, those are compared with what they become when it
is cut once more: how far the truth itself stands.  Corners of the mesh limit all of them: the shape is the mesh's.  Last, in
the whole head, what the reach of the second order costs.  Writes ``benchmarks/results/accuracy_head.json``.
"""

import sys
from pathlib import Path

import numpy as np
from history import keep
from numpy.typing import NDArray

from atlases import Target
from atlases.scalp import Scalp
from meshes import HeadMesh, Tissue
from meshes.topology import face_table, tissue_pieces
from targeting import Coil, Pose, simulate_tms
from targeting.fem import HeadConductor
from targeting.fem.second_order import EDGES, REACH_MM, near_target
from targeting.tms.field import DIDT_A_PER_S, primary_field
from targeting.tms.placement import place

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))
from second_order import SecondOrder

COIL, HAIR_MM = "figure8-70mm", 4.0
DEPTH_MM, RADIUS_MM, INNER = 22.0, 40.0, 0.75
TARGET_MM, FAR_MM = 6.0, 75.0


def piece(head: HeadMesh, center_mm: NDArray, radius_mm: float) -> HeadMesh:
    """The largest connected piece of the head within a radius of a point."""
    near = np.flatnonzero(np.linalg.norm(head.centroids_mm - center_mm, axis=1) < radius_mm)
    pieces = tissue_pieces(np.ones(len(near), int), face_table(head.tets[near], len(head.points_mm)))
    return head.part(near[pieces == np.bincount(pieces).argmax()])


def refined(head: HeadMesh) -> HeadMesh:
    """Every tetrahedron cut into eight of the same volume, one after the other, along its octahedron's shortest diagonal."""
    n_nodes = len(head.points_mm)
    ends = np.sort(head.tets[:, EDGES], axis=2).astype(np.int64)
    key, number = np.unique(ends @ np.array([n_nodes, 1]), return_inverse=True)
    points = np.vstack([head.points_mm, (head.points_mm[key // n_nodes] + head.points_mm[key % n_nodes]) / 2])
    m = number.reshape(-1, 6) + n_nodes
    corners = [[0, 1, 2], [0, 3, 4], [1, 3, 5], [2, 4, 5]]  # the middles of the edges that meet in a corner
    children = np.empty((len(head.tets), 8, 4), np.int64)
    for c, around in enumerate(corners):
        children[:, c] = np.column_stack([head.tets[:, c], m[:, around]])
    diagonals = [(0, 5, (1, 2, 4, 3)), (1, 4, (0, 2, 5, 3)), (2, 3, (0, 1, 5, 4))]
    length = [np.linalg.norm(points[m[:, a]] - points[m[:, b]], axis=1) for a, b, _ in diagonals]
    shortest = np.argmin(length, axis=0)
    for which, (a, b, ring) in enumerate(diagonals):
        here = shortest == which
        for k in range(4):
            children[here, 4 + k] = m[here][:, [a, b, ring[k], ring[(k + 1) % 4]]]
    tets = children.reshape(-1, 4)
    a, b, c, d = (points[tets[:, i]] for i in range(4))
    turned = np.einsum("ij,ij->i", np.cross(b - a, c - a), d - a) < 0
    tets[turned] = tets[turned][:, [1, 0, 2, 3]]
    return HeadMesh(points, tets.astype(np.int32), np.repeat(head.tissue, 8))


def oracle(head: HeadMesh, coil: Coil, pose: Pose) -> NDArray:
    """E of scikit-fem's second-order elements, mean of each tetrahedron."""
    second = SecondOrder(HeadConductor(head))
    points = second.points_mm
    da_dt = primary_field(coil, pose, points.reshape(-1, 3), DIDT_A_PER_S).reshape(points.shape)
    phi = second.potential(da_dt)
    return -second.gradient(phi) - da_dt.mean(axis=1)


def compared(e: NDArray, truth: NDArray, volume: NDArray) -> dict[str, float]:
    """Relative error in L2, its median, and the error of the mean |E|."""
    off, size = np.linalg.norm(e - truth, axis=1), np.linalg.norm(truth, axis=1)
    return {
        "l2": float(np.sqrt((volume * off**2).sum() / (volume * size**2).sum())),
        "median": float(np.median(off / size)),
        "mean": float((volume * np.linalg.norm(e, axis=1)).sum() / (volume * size).sum() - 1),
    }


def main(path: str, point: str, radius: str = str(RADIUS_MM)) -> None:
    """Measure, print and write."""
    head, coil, radius_mm = HeadMesh.read(path), Coil.named(COIL), float(radius)
    scalp = Scalp.of(head)
    at = scalp.points_mm[scalp.nearest(np.array([float(x) for x in point.split(",")]))]
    pose = Pose(place(scalp, coil, at[None], np.array([0.0]), HAIR_MM)[0][0, 0])
    center = at + DEPTH_MM * pose.matrix_mm[:3, 2]
    cut = piece(head, center, radius_mm)
    conductor = HeadConductor(cut)
    found = {
        "first order": simulate_tms(conductor, coil, pose, recovery="none").e_v_per_m,
        "recovered": simulate_tms(conductor, coil, pose).e_v_per_m,
        "second order": simulate_tms(conductor.near(center, 2 * radius_mm), coil, pose).e_v_per_m,
    }
    once = refined(cut)
    fields = [oracle(once, coil, pose)]
    truth = fields[0].reshape(-1, 8, 3).mean(axis=1)
    if radius_mm <= RADIUS_MM / 2:
        found["the same, refined once"] = truth
        fields.append(oracle(refined(once), coil, pose))
        truth = fields[1].reshape(-1, 64, 3).mean(axis=1)
    rows = []
    print(f"{len(cut.tets)} tetrahedra, refined {len(fields)} times for the truth")
    print(f"{'tissue':8}{'method':26}{'l2 %':>8}{'median %':>10}{'mean |E| %':>12}")
    inner = np.linalg.norm(cut.centroids_mm - center, axis=1) < INNER * radius_mm
    for tissue in Tissue:
        here = inner & (cut.tissue == tissue)
        if not here.any():
            continue
        for method, e in found.items():
            row = compared(e[here], truth[here], cut.volumes_mm3[here])
            print(f"{tissue.name:8}{method:26}" + "{:8.2f}{:10.2f}{:12.2f}".format(*(100 * x for x in row.values())))
            rows.append({"tissue": tissue.name, "method": method, **row})
    keep(
        f"accuracy_head_{radius_mm:.0f}mm",
        {"refined": len(fields), "rows": rows, "reach": reach(head, coil, pose, center)},
    )


def reach(head: HeadMesh, coil: Coil, pose: Pose, center: NDArray) -> list[dict[str, float]]:
    """Of the whole head: what the field near the target loses by elements that are of second order only so far."""
    grey = np.flatnonzero(head.tissue == Tissue.GM)
    at = head.centroids_mm[grey[np.linalg.norm(head.centroids_mm[grey] - center, axis=1).argmin()]]
    target, conductor = Target.sphere(at, TARGET_MM), HeadConductor(head)
    near = np.flatnonzero((head.tissue == Tissue.GM) & (np.linalg.norm(head.centroids_mm - at, axis=1) < 30))
    tets, weights = target.weights(head)
    truth = simulate_tms(conductor.near(head.centroids_mm[tets], FAR_MM), coil, pose).e_v_per_m
    dose, volume, rows = np.linalg.norm(weights @ truth[tets]), head.volumes_mm3[near], []
    for mm, solved in ((0.0, conductor), (REACH_MM, near_target(conductor, target))):
        e = simulate_tms(solved, coil, pose).e_v_per_m
        off = compared(e[near], truth[near], volume)["l2"]
        of_dose = float(np.linalg.norm(weights @ e[tets]) / dose - 1)
        print(f"reach {mm:3.0f} mm for {FAR_MM:.0f}: {100 * off:6.2f} % within 30 mm, dose {100 * of_dose:6.2f} %")
        rows.append({"reach_mm": mm, "l2": off, "dose": of_dose})
    return rows


if __name__ == "__main__":
    main(*sys.argv[1:])
