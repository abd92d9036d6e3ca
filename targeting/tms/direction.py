r"""The direction along which a dose is measured (the cortex's inward normal or a vector), and the fold at the target.

*Across the fold.*  Over the crown of a gyrus the size of the mean field hardly depends on the coil's angle; which neurons
answer does, and for the motor cortex it is the current across the central sulcus, from behind, that works best (Brasil-Neto
1992, J Clin Neurophysiol 9:132; Balslev 2007, J Neurosci Methods 162:309).  The direction comes from the walls of the
folds: with the unit normals u of the mid-cortical surface round the target, laid into the scalp's tangent plane, the axis
across them is the one along which the area-weighted second moment

    T = Σ w u uᵀ / Σ w,        w = area · exp(−d² / 2 s²),  d the distance to the target,

is largest (the crown and the floor, whose normals stand on the plane, count for nothing).  Where T is nearly the same along
both axes of the plane, there is no clear wall, and no direction is given.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from atlases import Target
from meshes import HeadMesh
from meshes.cortical_surface import Cortex
from meshes.errors import InputError
from meshes.tissue_codes import Tissue
from targeting.tms.dose_map import unit_vector

log = logging.getLogger(__name__)

CLEAR_SHARE = 0.3  # |mean normal| below this: walls that face each other cancel
NEAR_MM = 7.0  # s: half the width of the hand knob (Yousry 1997), the radius of the motor targets
REACH_SHARE = 2.5  # of s: beyond it nothing counts
ENTERED = 0.5  # a normal within 60° of the current belongs to the wall it enters
CLEAR = 0.1  # coherence (λ1 − λ2) / (λ1 + λ2) below which no wall is clear


def direction_vector(
    head: HeadMesh, target: Target, direction: ArrayLike | str | None, cortex: Cortex | None = None
) -> NDArray[np.float64] | None:
    """The unit vector a dose is projected on, or None for the magnitude.

    "normal" is the cortex's inward normal.  Where the target says which way the current is wanted, it is that of the wall
    which such a current enters: over the crown of a gyrus the walls' normals cancel, and what is left of them may point out
    of the wall that is to be stimulated.

    Parameters
    ----------
    head : HeadMesh
    target : Target
    direction : "normal", (3,) or None
    cortex : Cortex, optional
        Mid-cortical surfaces.

    Raises
    ------
    InputError
        For an unknown word, or a vector that is not three finite numbers, not all zero.
    """
    if direction is None:
        return None
    if isinstance(direction, str):
        if direction != "normal":
            raise InputError(f"unknown direction '{direction}'; give normal, or x,y,z in RAS")
        wall = entered_wall(target, cortex)
        return inward_normal(head, target, cortex) if wall is None else wall
    return unit_vector(direction)


def entered_wall(target: Target, cortex: Cortex | None) -> NDArray[np.float64] | None:
    """The inward normal of the wall that the wanted current enters in the target, (3,); None if it wants no direction."""
    if cortex is None or target.current_toward is None:
        return None
    toward = np.array(target.current_toward) / np.linalg.norm(target.current_toward)
    inside = target.holds(cortex.whole.points_mm)
    return None if not inside.any() else stimulated_wall(cortex, inside, toward)


def inward_normal(head: HeadMesh, target: Target, cortex: Cortex | None = None) -> NDArray[np.float64]:
    """The mean normal of the cortex in the target, pointing from the pial surface to white matter, (3,).

    It is the area-weighted mean over the vertices of the mid-cortical surface in the target.  Without a surface, or
    where none runs through the target (deep nuclei, cerebellum), that of the mesh's pial surface over the target.

    Raises
    ------
    InputError
        If there is no surface of either kind.
    """
    if cortex is not None:
        area = cortex.whole.area_vectors_mm2[target.holds(cortex.whole.points_mm)]
        total = -area.sum(0)
        if len(area) and np.linalg.norm(total) > 0:
            if np.linalg.norm(total) < CLEAR_SHARE * np.linalg.norm(area, axis=1).sum():
                log.warning(
                    "the cortex folds back on itself in the target: its mean normal says little about its walls"
                )
            return total / np.linalg.norm(total)
        log.warning("no mid-cortical surface in the target: the normal is that of the pial surface over it")
    pial = head.boundary([Tissue.WM, Tissue.GM])
    a, b, c = (head.points_mm[pial[:, i]] for i in range(3))
    near = np.linalg.norm((a + b + c) / 3 - target.center_mm, axis=1) <= target.radius_mm + 2.0
    total = -np.cross(b - a, c - a)[near].sum(0)
    if not near.any() or np.linalg.norm(total) == 0:
        raise InputError("no cortical surface at the target to take a normal from; give `direction=x,y,z` instead")
    return total / np.linalg.norm(total)


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
