"""The direction a dose is the component along: the cortex's inward normal at the target, or a vector."""

from __future__ import annotations

import logging

import numpy as np
from numpy.typing import ArrayLike, NDArray

from atlases import Target
from meshes import HeadMesh
from meshes.cortical_surface import Cortex
from meshes.errors import InputError
from meshes.tissue_codes import Tissue
from targeting.tms.dose_map import unit_vector
from targeting.tms.fold import stimulated_wall

log = logging.getLogger(__name__)

CLEAR_SHARE = 0.3  # |mean normal| below this: walls that face each other cancel


def direction_vector(
    head: HeadMesh, target: Target, direction: ArrayLike | str | None, cortex: Cortex | None = None
) -> NDArray[np.float64] | None:
    """The unit vector a dose is projected on, or None for the magnitude.

    "normal" is the cortex's inward normal.  Where the target says which way the current is wanted, it is that of the wall
    which such a current enters: over the crown of a gyrus the walls' normals cancel, and what is left of them may point out
    of the wall that is to be stimulated.

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
        raise InputError("no cortical surface at the target to take a normal from; give --direction x,y,z instead")
    return total / np.linalg.norm(total)
