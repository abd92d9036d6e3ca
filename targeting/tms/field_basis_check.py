"""How far a field basis is from direct solves: over random poses of real coils on a real scalp."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from atlases.scalp import Scalp
from targeting.coils.coil import Coil
from targeting.fem import HeadConductor
from targeting.pose import Pose
from targeting.tms.field import simulate_many
from targeting.tms.field_basis import FieldBasis
from targeting.tms.field_basis_rows import Rows
from targeting.tms.placement import place

NEAR_MM = 35.0  # from the scalp under the coil to the nearest row: over the brain, not on the chin
HAIR_MM = (2.0, 8.0)  # from the casing to the scalp
REACHED_MM = 0.5
TRIES = 20


def random_poses(
    scalp: Scalp, coil: Coil, points_mm: NDArray[np.float64], count: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Poses tangential to the scalp over points (K, 3), at any angle and with any usual hair, (n, 4, 4); n ≤ count."""
    distance = np.where(scalp.on_cut, np.inf, cKDTree(points_mm).query(scalp.points_mm)[0])
    over = np.flatnonzero(distance <= max(NEAR_MM, distance.min()))
    poses: list[NDArray[np.float64]] = []
    for _ in range(TRIES * count):
        where, angle, hair = scalp.points_mm[[rng.choice(over)]], rng.uniform(-180, 180, 1), rng.uniform(*HAIR_MM)
        pose, reached = place(scalp, coil, where, angle, hair)
        if abs(reached[0, 0] - hair) < REACHED_MM:
            poses.append(pose[0, 0])
        if len(poses) == count:
            break
    return np.array(poses).reshape(-1, 4, 4)


def relative_errors(
    basis: FieldBasis, conductor: HeadConductor, rows: Rows, coil: Coil, poses: NDArray[np.float64], block: int = 8
) -> NDArray[np.float64]:
    """|basis − direct| / |direct| of each pose's field at all rows, weighted by their importance, (n,)."""
    found = []
    for first in range(0, len(poses), block):
        some = poses[first : first + block]
        direct = np.stack(
            [rows.mean_e_v_per_m(each.e_v_per_m) for each in simulate_many(conductor, coil, [Pose(p) for p in some])]
        )
        wrong = basis.e_v_per_m(coil, some) - direct
        found.append(np.sqrt((wrong**2).sum(2) @ rows.importance / ((direct**2).sum(2) @ rows.importance)))
    return np.concatenate(found) if found else np.zeros(0)
