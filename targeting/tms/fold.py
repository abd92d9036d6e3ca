r"""Across the fold: which way a current runs that crosses the sulcus at a target straight.

Over the crown of a gyrus the size of the mean field hardly depends on the coil's angle; which neurons answer does, and for
the motor cortex it is the current across the central sulcus, from behind, that works best (Brasil-Neto 1992, J Clin
Neurophysiol 9:132; Balslev 2007, J Neurosci Methods 162:309).  The direction comes from the walls of the folds: with the unit
normals u of the mid-cortical surface round the target, laid into the scalp's tangent plane, the axis across them is the one
along which the area-weighted second moment

    T = Σ w u uᵀ / Σ w,        w = area · exp(−d² / 2 s²),  d the distance to the target,

is largest (the crown and the floor, whose normals stand on the plane, count for nothing).  Where T is nearly the same along
both axes of the plane, there is no clear wall, and no direction is given.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from meshes.cortical_surface import Cortex

NEAR_MM = 7.0  # s: half the width of the hand knob (Yousry 1997), the radius of the motor targets
REACH_SHARE = 2.5  # of s: beyond it nothing counts
ENTERED = 0.5  # a normal within 60° of the current belongs to the wall it enters
CLEAR = 0.1  # coherence (λ1 − λ2) / (λ1 + λ2) below which no wall is clear


@dataclass(frozen=True, eq=False)
class Fold:
    """The axis across the folds at a target.

    Parameters
    ----------
    across : (3,) float64
        Unit vector in the plane across ``normal``, RAS.
    coherence : float
        0 for walls of all directions, 1 for walls of one.
    """

    across: NDArray[np.float64]
    coherence: float

    @property
    def is_clear(self) -> bool:
        """Whether the walls have a direction in common."""
        return self.coherence >= CLEAR


def fold_at(
    cortex: Cortex, center_mm: NDArray[np.float64], normal: NDArray[np.float64], toward: NDArray[np.float64]
) -> Fold | None:
    """The axis across the folds round a point, its sense the one nearer to ``toward``.

    Parameters
    ----------
    cortex : Cortex
        Mid-cortical surfaces.
    center_mm, normal, toward : (3,) float64
        The target; the scalp's outward normal over it; and which way of the axis is meant, RAS.

    Returns
    -------
    Fold or None
        None where there is no cortex.
    """
    surface = cortex.whole
    away = np.linalg.norm(surface.points_mm - center_mm, axis=1)
    near = away < REACH_SHARE * NEAR_MM
    if near.sum() < 3:
        return None
    area = surface.area_vectors_mm2[near]
    size = np.linalg.norm(area, axis=1)
    unit = area / np.maximum(size, 1e-12)[:, None]
    weight = size * np.exp(-((away[near] / NEAR_MM) ** 2) / 2)
    first = toward - normal * (normal @ toward)
    first /= np.linalg.norm(first)
    plane = np.stack([first, np.cross(normal, first)])
    u = unit @ plane.T
    moment = (weight[:, None, None] * u[:, :, None] * u[:, None, :]).sum(0) / weight.sum()
    values, axes = np.linalg.eigh(moment)
    across = axes[:, 1] @ plane
    across *= 1.0 if across @ first >= 0 else -1.0
    return Fold(across, float((values[1] - values[0]) / max(values.sum(), 1e-12)))


def stimulated_wall(
    cortex: Cortex, inside: NDArray[np.bool_], toward: NDArray[np.float64]
) -> NDArray[np.float64] | None:
    """The mean inward normal of the wall that a current enters, a unit vector (3,); None where no wall faces it.

    Of a gyrus' two walls and its crown that is the wall whose normals, into the cortex, run along the current.

    Parameters
    ----------
    cortex : Cortex
    inside : (V,) bool
        The vertices of ``cortex.whole`` that count.
    toward : (3,) float64
        Unit vector, RAS.
    """
    inward = -cortex.whole.area_vectors_mm2[inside]
    entered = inward @ toward > ENTERED * np.linalg.norm(inward, axis=1)
    total = inward[entered].sum(0)
    length = float(np.linalg.norm(total))
    return total / length if length > 0 else None
