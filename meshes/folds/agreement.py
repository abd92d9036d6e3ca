"""How well the folded surfaces agree with the tissues that conduct: white and pial surface against the head mesh.

The surfaces are what areas and directions come from, the mesh is what the field is solved in.  Both are made from the same
image, but by different ways; where they part, a field is told of a place that is not where it seems.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from meshes.cortical_surface import Cortex
from meshes.head import HeadMesh
from meshes.tissue_codes import Tissue

VERTICES = 5000  # of each hemisphere that are looked at
FAR_MM = 1.5  # about half the cortex
# of the vertices; measured on colin27 at density "fast": 0.03 and 0.26.  The pial surface opens narrow sulci that tissues of
# 1 mm do not hold, so it may part from the mesh there
MOST_FAR: Mapping[str, float] = {"white": 0.1, "pial": 0.4}
OUTSIDE_OF: Mapping[str, tuple[Tissue, ...]] = {"white": (Tissue.WM,), "pial": (Tissue.WM, Tissue.GM)}


@dataclass(frozen=True)
class Agreement:
    """One of the surfaces beside the tissue it should follow.

    Parameters
    ----------
    layer : {"white", "pial"}
    median_mm, most_mm : float
        Distance between the two: its median and its 95th percentile.
    far : float
        Share of the vertices that lie further apart than :data:`FAR_MM`.
    """

    layer: str
    median_mm: float
    most_mm: float
    far: float

    @property
    def differs(self) -> bool:
        """Whether it is worth a look."""
        return self.far > MOST_FAR[self.layer]


def agreement(cortex: Cortex, head: HeadMesh, layer: str) -> Agreement | None:
    """How a cortex' white or pial surface agrees with the head mesh; None where its folds are not known.

    Parameters
    ----------
    cortex : Cortex
    head : HeadMesh
    layer : {"white", "pial"}
    """
    import pyvista as pv

    if not cortex.folds:
        return None
    boundary = pv.PolyData.from_regular_faces(head.points_mm, head.boundary(OUTSIDE_OF[layer])).clean()
    distances = []
    for folds in cortex.folds.values():
        points = getattr(folds, f"{layer}_mm")[folds.cortex]
        some = pv.PolyData(points[:: max(1, len(points) // VERTICES)])
        distances.append(np.abs(some.compute_implicit_distance(boundary)["implicit_distance"]))
    away = np.concatenate(distances)
    return Agreement(layer, float(np.median(away)), float(np.percentile(away, 95)), float((away > FAR_MM).mean()))
