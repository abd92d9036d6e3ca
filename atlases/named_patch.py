"""A named target as a patch of a person's own cortex: its area on the group's cortex, carried over by the folds."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from atlases.areas import area_names
from atlases.crown import crown_and_lip
from atlases.fslr import at_vertices, group_cortex
from atlases.patch import patch_target
from atlases.target import Target
from atlases.targets import HEMISPHERES, NamedTarget
from meshes.cortical_surface import Cortex
from meshes.errors import InputError


def group_part(named: NamedTarget, side: str) -> NDArray[np.bool_]:
    """The vertices of fs_LR that a named target is made of, (32492,).

    Parameters
    ----------
    named : NamedTarget
        With areas.
    side : {"left", "right"}

    Raises
    ------
    InputError
        If nothing of the areas lies in its limits.

    Examples
    --------
    >>> from atlases.targets import targets
    >>> hand, face = (group_part(targets()[name], "left") for name in ("m1-hand", "m1-face"))
    >>> bool((hand & face).any()), int(hand.sum()) > 30
    (False, True)
    """
    hemisphere = HEMISPHERES[side]
    group = group_cortex(hemisphere)
    away, up = np.abs(group.central.points_mm[:, 0]), group.central.points_mm[:, 2]
    part = np.isin(area_names(hemisphere), named.areas)
    for values, limits in ((away, named.midline_mm), (up, named.up_mm)):
        if limits is not None:
            part &= (values >= limits[0]) & (values < limits[1])
    if named.within_mm is not None and part.any():
        points = group.central.points_mm
        there = np.flatnonzero(part)
        nearest = there[np.linalg.norm(points[there] - named.mni_mm(side), axis=1).argmin()]
        part &= np.linalg.norm(points - points[nearest], axis=1) <= named.within_mm
    if not part.any():
        raise InputError(f"target {named.name}: none of {', '.join(named.areas)} lies in its limits; see targets.toml")
    return part


def named_patch(named: NamedTarget, side: str, cortex: Cortex) -> Target:
    """The patch that a named target is in a person whose folds are known (:mod:`atlases.crown` says where in the fold).

    Parameters
    ----------
    named : NamedTarget
        With areas.
    side : {"left", "right"}
    cortex : Cortex
        With the folds of that side.

    Raises
    ------
    InputError
        If the area has no cortex in this head.
    """
    hemisphere = HEMISPHERES[side]
    central, folds = cortex.hemispheres[hemisphere], cortex.folds[hemisphere]
    area = at_vertices(folds, hemisphere, group_part(named, side))
    if not area.any():
        raise InputError(
            f"{named.name} has no cortex in this head: the folds of its {side} side are wrong; look at them"
        )
    # buried cortex has neither crown nor lip: of a deep target all of its area counts alike
    depth_mm = np.zeros_like(folds.depth_mm) if named.deep else folds.depth_mm
    crown = crown_and_lip(central, depth_mm, area, named.radius_mm)
    where = "round its middle" if named.deep else "its crown and lip, or where it lies nearest to them"
    source = f"{named.cortex_words}, by this person's folds: {where}"
    return patch_target(central, folds, crown, named.name, side, source)
