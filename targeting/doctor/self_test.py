"""A test of the physics in half a minute: the fields of a coil and of two electrodes in a ball, against closed forms.

The mesh is regular, so its errors are small (0.6 % and 0.8 %): a wrong sign, unit, conductivity or a broken solver is off by
far more than the limits.  What a head's mesh makes of the same cases is measured by ``benchmarks/accuracy.py``.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import ConvexHull

from meshes.head import HeadMesh
from meshes.tissue_codes import Tissue

RADII_MM = {Tissue.WM: 60.0, Tissue.GM: 74.0, Tissue.CSF: 78.0, Tissue.SKULL: 84.0, Tissue.SCALP: 92.0}
BETWEEN_MM = (15.0, 30.0, 45.0, 53.0, 64.5, 69.0, 76.0, 81.0, 88.0)  # shells of nodes inside the tissues
NODES = 1000  # of each shell
EVERY = 4  # tetrahedron that is compared
NEAR_MM = 70.0  # of the coil; grey matter farther away sees little
DISC_MM, CURRENT_A = 20.0, 1e-3
TMS_LIMIT, TES_LIMIT = 0.02, 0.02


@dataclass(frozen=True)
class SelfTest:
    """Relative L2 errors of E in the grey matter, their limits, and what it took."""

    tms_error: float
    tes_error: float
    seconds: float
    tms_limit: float = TMS_LIMIT
    tes_limit: float = TES_LIMIT

    @property
    def passed(self) -> bool:
        """Both within their limits; false for NaN, too."""
        return bool(self.tms_error <= self.tms_limit and self.tes_error <= self.tes_limit)


def self_test() -> SelfTest:
    """Solve both and compare."""
    from targeting.fem import HeadConductor

    began = time.perf_counter()
    conductor = HeadConductor(ball())
    return SelfTest(_tms_error(conductor), _tes_error(conductor), time.perf_counter() - began)


def ball() -> HeadMesh:
    """The ball, some 80,000 tetrahedra, round the origin: one triangulated sphere at all radii, prisms between them."""
    shells = np.array(sorted([*RADII_MM.values(), *BETWEEN_MM]))
    unit = _spiral(NODES)
    faces = np.sort(ConvexHull(unit).simplices, axis=1)
    points = np.concatenate([np.zeros((1, 3)), (shells[:, None, None] * unit).reshape(-1, 3)])
    tets = [np.column_stack([np.zeros(len(faces), int), faces + 1])]
    layer = [np.zeros(len(faces))]
    for shell in range(len(shells) - 1):  # three tetrahedra a prism, cut by the order of the nodes: neighbours agree
        low, high = faces + 1 + shell * NODES, faces + 1 + (shell + 1) * NODES
        for cut in range(3):
            tets.append(np.column_stack([low[:, : cut + 1], high[:, cut:]]))
            layer.append(np.full(len(faces), shell + 1))
    corners = np.concatenate(tets)
    a, b, c, d = np.moveaxis(points[corners], 1, 0)
    turned = np.einsum("ij,ij->i", np.cross(b - a, c - a), d - a) < 0
    corners[turned] = corners[turned][:, [0, 2, 1, 3]]
    outer = shells[np.concatenate(layer).astype(int)]
    tissue = np.array(list(RADII_MM))[np.searchsorted(np.array(list(RADII_MM.values())), outer)]
    return HeadMesh(points, corners, tissue)


def _spiral(count: int) -> NDArray[np.float64]:
    """Nearly even points on the unit sphere (count, 3), on a spiral that turns by the golden angle."""
    i = np.arange(count) + 0.5
    height, turn = 1 - 2 * i / count, np.pi * (1 + 5**0.5) * i
    ring = np.sqrt(1 - height**2)
    return np.stack([ring * np.cos(turn), ring * np.sin(turn), height], axis=1)


def _tms_error(conductor) -> float:  # type: ignore[no-untyped-def]
    from targeting.closed_forms.spheres import tms_e_v_per_m
    from targeting.coils import Coil
    from targeting.coils.sources import MagneticDipoles
    from targeting.pose import Pose
    from targeting.tms.field import DIDT_A_PER_S, simulate_tms

    away = np.array([-0.6, 0.2, 0.77])
    z = -away / np.linalg.norm(away)
    x = np.cross([0.0, 1.0, 0.0], z)
    x /= np.linalg.norm(x)
    pose = Pose(np.vstack([np.column_stack([x, np.cross(z, x), z, -100.0 * z]), [0, 0, 0, 1]]))
    coil = Coil.named("figure8-70mm")
    head = conductor.head
    near = np.linalg.norm(head.centroids_mm - pose.center_mm, axis=1) < NEAR_MM
    near = np.flatnonzero(near & (head.tissue == Tissue.GM))[::EVERY]
    turn = pose.matrix_mm[:3, :3]
    truth = np.zeros((len(near), 3))
    for source in coil.sources:
        assert isinstance(source, MagneticDipoles)
        places = source.points_mm @ turn.T + pose.center_mm
        truth += tms_e_v_per_m(head.centroids_mm[near], places, DIDT_A_PER_S * source.moments_a_m2 @ turn.T)
    return _error(head, near, simulate_tms(conductor, coil, pose).e_v_per_m, truth)


def _tes_error(conductor) -> float:  # type: ignore[no-untyped-def]
    from targeting.closed_forms.spheres import electrode_field
    from targeting.tes.electrodes import Electrode, Montage
    from targeting.tes.field import simulate_tes

    head, outer = conductor.head, max(RADII_MM.values())
    ways = {"left": np.array([-0.8, 0.1, 0.6]), "right front": np.array([0.5, 0.8, 0.3])}
    places = {name: outer * way / np.linalg.norm(way) for name, way in ways.items()}
    currents = np.array([CURRENT_A, -CURRENT_A])
    montage = Montage(
        "self-test", tuple(Electrode(name, place, size_mm=(DISC_MM,)) for name, place in places.items()), currents
    )
    grey = np.flatnonzero(head.tissue == Tissue.GM)[::EVERY]
    sigma = [conductor.conductivity_s_per_m[name] for name in ("wm", "gm", "csf", "skull", "scalp")]
    cap = float(np.degrees(DISC_MM / 2 / outer))
    truth = sum(
        electrode_field(head.centroids_mm[grey], place, list(RADII_MM.values()), sigma, current, cap, 120)[1]
        for place, current in zip(places.values(), currents, strict=True)
    )
    return _error(head, grey, simulate_tes(conductor, montage).e_v_per_m, np.asarray(truth))


def _error(
    head: HeadMesh, where: NDArray[np.int64], e_v_per_m: NDArray[np.float64], truth: NDArray[np.float64]
) -> float:
    """|E − truth| over |truth|, both root mean squares over the volume."""
    volume = head.volumes_mm3[where]
    off = (volume * ((e_v_per_m[where] - truth) ** 2).sum(1)).sum()
    return float(np.sqrt(off / (volume * (truth**2).sum(1)).sum()))
