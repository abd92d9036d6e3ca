"""Which pole of a montage acts on a target: whether the field enters the cortex there, as under an anode, or leaves it.

The way into the cortex is the area-weighted mean inward normal of the mid-cortical surface in the target.  Where walls
that face each other cancel (|mean| below ``CLEAR_SHARE`` of the area) or no surface is known, it is the way from the
nearest scalp to the target: what an electrode right over it drives.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from atlases.scalp import Scalp, scalp_feet
from atlases.target import Target
from meshes.cortical_surface import Cortex
from meshes.head import HeadMesh
from targeting.records.pole import OF_CORTEX, OF_SCALP
from targeting.tms.direction import CLEAR_SHARE


@dataclass(frozen=True, eq=False)
class Inward:
    """The way into the cortex at a target: ``unit`` (3,), and what it is ``of``, the "cortex" or the "scalp" over it."""

    unit: NDArray[np.float64]
    of: str


def inward_of(head: HeadMesh, target: Target, cortex: Cortex | None = None) -> Inward:
    """The way into the cortex at a target.

    Parameters
    ----------
    head : HeadMesh
    target : Target
    cortex : Cortex, optional
        The mid-cortical surfaces.
    """
    if cortex is not None:
        area_mm2 = cortex.whole.area_vectors_mm2[target.holds(cortex.whole.points_mm)]
        total = -area_mm2.sum(0)
        length = float(np.linalg.norm(total))
        if length > 0 and length >= CLEAR_SHARE * np.linalg.norm(area_mm2, axis=1).sum():
            return Inward(total / length, OF_CORTEX)
    feet_mm, _ = scalp_feet(Scalp.of(head), np.asarray(target.center_mm, dtype=np.float64)[None])
    way = np.asarray(target.center_mm) - feet_mm[0]
    return Inward(way / np.linalg.norm(way), OF_SCALP)
