"""What is at a picked place: its coordinates, its tissue, and the field that is shown there."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from targeting.viewer.plan_image import PlanImage
from targeting.viewer.scene_view import SceneView

NEAR_MM = 2.5  # the shown cortex speaks for places so near to it


def told_at(place_mm: NDArray[np.float64], view: SceneView, image: PlanImage | None) -> str:
    """One line: "RAS −38.2, −21.4, 57.0 mm · grey matter · |E| 1.12 V/m at 1 A/µs".

    Parameters
    ----------
    place_mm : (3,) float64
        RAS mm.
    view : SceneView
    image : PlanImage or None
        None: not read yet.
    """
    x, y, z = (f"{value:.1f}".replace("-", "−") for value in place_mm)
    words = [f"RAS {x}, {y}, {z} mm"]
    if image is not None:
        words.append(image.tissue_at(place_mm))
    strength = magnitude_at(place_mm, view)
    if strength is not None:
        words.append(f"|E| {strength:.3g} {view.scene.unit}")
    elif view.field:
        words.append("|E| is known on the cortex only")
    else:
        words.append("|E| not known at this pose")
    return "   ·   ".join(words)


def magnitude_at(place_mm: NDArray[np.float64], view: SceneView) -> float | None:
    """|E| of the cortex nearest to a place, V/m; None where there is none near, or its field is not known."""
    if "magnE" not in view.field:
        return None
    points = np.asarray(view.scene.layer("cortex").surface.points)
    distance = np.linalg.norm(points - place_mm, axis=1)
    nearest = int(distance.argmin())
    value = float(view.field["magnE"][nearest])
    return value if distance[nearest] <= NEAR_MM and np.isfinite(value) else None
