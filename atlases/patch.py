"""A patch of cortex as a target: the grey matter between white and pial surface under some vertices of a folded hemisphere."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from atlases.target import Target
from meshes.cortical_surface import CorticalSurface, Folds
from meshes.errors import InputError

LAYERS = 5  # points through the cortex under each vertex: closer than its tetrahedra are large
REACH = 0.75  # of the mean edge: within the ball round a point, so that no tetrahedron falls between


def patch_target(
    central: CorticalSurface, folds: Folds, vertices: NDArray[np.bool_], name: str, side: str, source: str
) -> Target:
    """The target of the cortex under some vertices.

    Parameters
    ----------
    central : CorticalSurface
        A hemisphere.
    folds : Folds
        Its own.
    vertices : (V,) bool
        Which of its vertices.
    name, source : str
        What the target is called, and where it is from.
    side : {"left", "right"}

    Returns
    -------
    Target
        A mask of points through the cortex; its centre is the point of the patch nearest to its middle, and ``wall_inward``
        the mean normal of its surface.

    Raises
    ------
    InputError
        If no vertex is chosen.
    """
    if not vertices.any():
        raise InputError(f"{name} has no cortex in this head")
    share = (np.arange(LAYERS) + 0.5) / LAYERS
    white, pial = folds.white_mm[vertices], folds.pial_mm[vertices]
    points = (white[:, None] + share[:, None] * (pial - white)[:, None]).reshape(-1, 3)
    area = np.linalg.norm(central.area_vectors_mm2[vertices], axis=1)
    on_surface = central.points_mm[vertices]
    middle = area @ on_surface / area.sum()
    center = on_surface[np.linalg.norm(on_surface - middle, axis=1).argmin()]
    inward = -central.area_vectors_mm2[vertices].sum(0)
    length = float(np.linalg.norm(inward))
    if length == 0:
        raise InputError(f"{name}: its cortex has no surface in this head")
    volume_mm3 = float(area @ folds.thickness_mm[vertices])
    edge_mm = float(np.sqrt(area.mean() * 2 / np.sqrt(3)))  # of the even triangles with so much area a vertex
    return Target(
        center_mm=center,
        radius_mm=float((3 * volume_mm3 / (4 * np.pi)) ** (1 / 3)),
        name=name,
        side=side,
        source=source,
        mask_points_mm=points,
        mask_radius_mm=REACH * max(edge_mm, float(np.median(folds.thickness_mm[vertices])) / LAYERS),
        wall_inward=(float(inward[0] / length), float(inward[1] / length), float(inward[2] / length)),
    )
