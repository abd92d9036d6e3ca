"""PoseGate: refuse coil poses in the head, before they leave the program and when they are read from files.

A pose is measured by the coil's casing against the head's scalp.  What the program itself proposes (placements, the
steadiest pose, compared coils, a searched hotspot) and what is written for a navigator may reach into the head by
``TOLERANCE_MM`` at most: the distance grid's own error on rough scalp, such as an ear (2.5 mm nodes, read off trilinearly;
against exact distances on the embedded head 99.8 % of places within 3 mm of the scalp are right to that).  More is refused.

A pose that was measured is off by what its navigator was off, some 5 to 6 mm overall (Richter, Robotized Transcranial
Magnetic Stimulation, Springer 2013, section 1.2): up to ``MEASURED_TOLERANCE_MM`` that is said, more is another frame,
another coil or another head.  It also faces the head and is near the scalp: a coil held over hair, a cap with electrodes and
foam is ``MOST_OFF_MM`` farther off than planned at most.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from atlases.scalp import EXACT_WITHIN_MM, Scalp
from meshes.errors import InputError
from targeting.coils.coil import Coil
from targeting.pose import Pose
from targeting.tms.placement import casing_distance_mm

TOLERANCE_MM = 0.5
MEASURED_TOLERANCE_MM = 5.0
MOST_OFF_MM = 25.0
OFF_HEAD = "from the scalp"  # ends the fault of a coil that is off the head, where it may have been
ON_EDGE = (
    0.2  # cosine of a coil's axis to the scalp's outward normal; above it the coil faces away, about 0 it is on edge
)


@dataclass(frozen=True, eq=False)
class PoseGate:
    """A check of poses of one coil at one head.

    Parameters
    ----------
    scalp : Scalp
    coil : Coil

    Examples
    --------
    >>> import numpy as np
    >>> from atlases.scalp import EXACT_WITHIN_MM, Scalp
    >>> from meshes import HeadMesh
    >>> from targeting import Coil, Pose
    >>> from targeting.pose_gate import PoseGate
    >>> corners = 80 * np.vstack([np.eye(3), -np.eye(3), np.zeros((1, 3))])
    >>> eighths = [[6, i, j, k] if (i + j + k) % 2 else [6, j, i, k] for i in (0, 3) for j in (1, 4) for k in (2, 5)]
    >>> gate = PoseGate(Scalp.of(HeadMesh(corners, eighths, [5] * 8)), Coil.named("figure8-70mm"))
    >>> over = np.diag([1.0, -1, -1, 1])  # the coil's z points down
    >>> over[2, 3] = 50.0
    >>> gate.fault(Pose(over))
    'the casing is 15.7 mm inside the head, where no coil can be'
    >>> over[2, 3] = 85.0
    >>> gate.fault(Pose(over))
    ''
    """

    scalp: Scalp
    coil: Coil

    def fault(self, pose: Pose, tolerance_mm: float = TOLERANCE_MM) -> str:
        """What is wrong with a pose, in words; empty if nothing is."""
        return fault_at(casing_distance_mm(self.scalp, self.coil, pose.matrix_mm), tolerance_mm)

    def distance_mm(self, pose: Pose) -> float:
        """The smallest distance of the casing to the scalp, exact far away too; negative inside the head."""
        near = casing_distance_mm(self.scalp, self.coil, pose.matrix_mm)
        if near < EXACT_WITHIN_MM:
            return near
        casing = self.coil.casing.points_mm @ pose.matrix_mm[:3, :3].T + pose.center_mm
        nearest = self.scalp.points_mm[self.scalp.nearest(casing)]
        return float(np.linalg.norm(casing - nearest, axis=1).min())

    def measured_fault(self, pose: Pose, off_mm: float) -> str:
        """Why a pose from a file cannot be this coil's at this head, in words; empty if it can.

        Parameters
        ----------
        pose : Pose
        off_mm : float
            How far from the scalp the coil is planned to be, mm (hair).
        """
        return self.measured_faults([pose], off_mm)[0][0]

    def measured_faults(self, poses: Sequence[Pose], off_mm: float) -> tuple[list[str], NDArray[np.float64]]:
        """:meth:`measured_fault` of many poses, in a fraction of the time, and the distance of each casing to the scalp, mm.

        Parameters
        ----------
        poses : sequence of Pose
        off_mm : float
            As for one.
        """
        if not poses:
            return [], np.empty(0)
        matrices = np.array([pose.matrix_mm for pose in poses])
        deep_mm = -self.scalp.signed_distance_mm(matrices[:, :3, 3])
        points, of_pose = np.unique(self.scalp.nearest(matrices[:, :3, 3]), return_inverse=True)
        normals = self.scalp.patch_normals(self.scalp.points_mm[points])[of_pose.ravel()]
        on_edge = np.einsum("ij,ij->i", normals, matrices[:, :3, 2])
        distance_mm = np.array([casing_distance_mm(self.scalp, self.coil, matrix) for matrix in matrices])
        for i in np.flatnonzero(distance_mm >= EXACT_WITHIN_MM):
            distance_mm[i] = self.distance_mm(poses[i])
        found = zip(deep_mm, on_edge, distance_mm, strict=True)
        return [_measured_fault(*each, off_mm) for each in found], distance_mm

    def check(self, poses: Iterable[Pose], what: str, tolerance_mm: float = TOLERANCE_MM) -> None:
        """Refuse poses that have the coil in the head.

        Raises
        ------
        InputError
            If one of them is in the head; ``what`` they are begins the line.
        """
        for pose in poses:
            if fault := self.fault(pose, tolerance_mm):
                name = f" {pose.name}" if pose.name else ""
                raise InputError(f"{what}{name}: {fault}")


def _measured_fault(deep_mm: float, on_edge: float, distance_mm: float, off_mm: float) -> str:
    """What is wrong with a measured pose: its face's depth, its axis along the scalp's outward normal, its distance."""
    if deep_mm > MEASURED_TOLERANCE_MM:
        return (
            f"the coil's face lies {deep_mm:.0f} mm inside the head: this is a target in the head, not a coil's place"
        )
    if on_edge > ON_EDGE:
        return "the coil faces away from the head"
    if distance_mm > off_mm + MOST_OFF_MM:
        return f"the coil is {distance_mm:.0f} mm {OFF_HEAD}"
    return fault_at(distance_mm, MEASURED_TOLERANCE_MM)


def fault_at(casing_distance_mm: float, tolerance_mm: float = TOLERANCE_MM) -> str:
    """What is wrong with a pose whose casing is this far from the scalp (negative: inside); empty if nothing is."""
    if casing_distance_mm >= -tolerance_mm:
        return ""
    return f"the casing is {-casing_distance_mm:.1f} mm inside the head, where no coil can be"
