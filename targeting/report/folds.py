"""The angle at which the field crosses the folds of the cortex at the target.

The normals of a fold's two walls point to and fro along one axis, which is straight across the fold.  It is the
principal axis of the area-weighted second moment of the surface's normals, laid into the picture plane.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from targeting.report.evidence import TmsEvidence
from targeting.scene.raster.camera import View
from targeting.scene.raster.surface import Surface

AROUND_MM = 12.0  # a gyrus and its two sulci
CLEAR_SHARE = 0.65  # of the moment along the axis: 0.5 is no direction, 1 is parallel folds


def across_folds(surface: Surface, near: NDArray[np.bool_], view: View) -> NDArray[np.float64] | None:
    """The unit axis straight across the folds, or None if the folds there have no clear direction.

    Parameters
    ----------
    surface : Surface
    near : (k,) bool
        Triangles to look at.
    view : View
        Seen from here; the axis lies in its picture plane.

    Returns
    -------
    (3,) float64 or None
        World axis; its sign has no meaning.
    """
    a, b, c = (surface.points_mm[surface.triangles[near, i]] for i in range(3))
    normal = np.cross(b - a, c - a)
    area = np.linalg.norm(normal, axis=1)
    if area.sum() == 0:
        return None
    flat = (normal / np.maximum(area, 1e-30)[:, None]) @ np.stack([view.right, view.up], axis=1)
    moment = (flat * area[:, None]).T @ flat / area.sum()
    size, axes = np.linalg.eigh(moment)
    if size[1] < CLEAR_SHARE * size.sum() or size[1] < 0.1:  # no direction, or no walls: a smooth surface
        return None
    return np.asarray(axes[0, 1] * view.right + axes[1, 1] * view.up, dtype=np.float64)


def crossing_deg(evidence: TmsEvidence) -> float | None:
    """The angle at which the mean field crosses the folds round the target, 90° straight across, 0° along them.

    Seen along the coil's axis; None where the folds have no clear direction.
    """
    surface = evidence.cortex
    view = View.looking_from(-evidence.pose.direction_mm, evidence.target_mm, 1.0, 1, 1)
    centers = surface.points_mm[surface.triangles].mean(axis=1)
    near = np.linalg.norm(centers - evidence.target_mm, axis=1) <= max(evidence.plan.target.ring_mm, AROUND_MM)
    axis = across_folds(surface, near, view)
    field = evidence.target_e_v_per_m
    flat = (field @ view.right) * view.right + (field @ view.up) * view.up
    if axis is None or not flat.any():
        return None
    return float(np.degrees(np.arcsin(np.clip(abs(axis @ flat) / np.linalg.norm(flat), 0.0, 1.0))))


def crossing_words(evidence: TmsEvidence) -> str:
    """The crossing as a sentence."""
    angle = crossing_deg(evidence)
    if angle is None:
        return "The folds round the target have no single direction."
    if angle >= 60:
        how = "across"
    elif angle <= 30:
        how = "along"
    else:
        how = "slantwise over"
    return f"It runs {how} the folds round the target: it meets them at {angle:.0f}° (90° is straight across)."
