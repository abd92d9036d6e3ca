"""Outlines on the cortex of a target that is no ball: of a mask its edge; of a network map where it has half its largest
size, each sign by itself.

Both stand at tetrahedra of grey matter and are 0 at the others, so that an outline closes round its patch.  A plan keeps
its outline as lines (:data:`OUTLINE`), so that a window need not read the mesh for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyvista as pv
from numpy.typing import NDArray

from targeting.fem.cortical_field import grey_at_nodes
from targeting.networks.network_map import CORE, MapTarget
from targeting.scene.behind import PALE
from targeting.scene.colors import CATHODE, TARGET
from targeting.scene.layer import Layer
from targeting.scene.parts import plain

if TYPE_CHECKING:
    from atlases.target import Target
    from meshes.head import HeadMesh

OUTLINE = "target_outline.vtp"
LEVEL = "level"  # the lines' point array: the value they stand for, EDGE or plus or minus CORE
EDGE = 0.5  # between what is in a mask, 1, and what is not, 0
LINE_MM = 0.8  # radius of an outline
AHEAD_MM = 10.0  # it shows through folds of this depth, and not through the brain
BESIDE_MM = np.array([0.0, -18.0, -10.0])  # a map's words, clear of the target's, which stand above it
SIGNS = ((1, "into the cortex", "map +", TARGET), (-1, "out of the cortex", "map −", CATHODE))


def target_outline(
    points_mm: NDArray[np.floating], triangles: NDArray[np.integer], head: HeadMesh, target: Target
) -> pv.PolyData | None:
    """The outline of a target as lines on the cortex.

    Parameters
    ----------
    points_mm, triangles : (n, 3) float, (t, 3) int
        The cortex.
    head : HeadMesh
        The mesh whose tetrahedra the target is made of.
    target : Target

    Returns
    -------
    pyvista.PolyData or None
        Lines in RAS mm with :data:`LEVEL`; None for a ball, and where no line crosses this cortex.
    """
    if target.shape == "ball":
        return None
    values = np.zeros(len(head.tets))
    if isinstance(target, MapTarget):
        values[target.tets], levels = target.wanted, [CORE, -CORE]
    else:
        values[target.weights(head)[0]], levels = 1.0, [EDGE]
    surface = pv.PolyData.from_regular_faces(np.asarray(points_mm, np.float32), triangles)
    surface.point_data[LEVEL] = at_points(points_mm, head, values)
    lines = surface.contour(levels, scalars=LEVEL)
    return lines if lines.n_points else None


def at_points(points_mm: NDArray[np.floating], head: HeadMesh, values: NDArray[np.floating]) -> NDArray[np.float32]:
    """Values of tetrahedra (M,) at some points of the cortex, (n,): at the nearest node of grey matter."""
    from scipy.spatial import cKDTree

    at_nodes = grey_at_nodes(head, values)
    grey = np.flatnonzero(np.isfinite(at_nodes))
    _, nearest = cKDTree(head.points_mm[grey]).query(points_mm)
    return at_nodes[grey[nearest]].astype(np.float32)


def outline_layers(lines: pv.PolyData, shape: str) -> tuple[Layer, ...]:
    """An outline as the scene draws it.

    Parameters
    ----------
    lines : pyvista.PolyData
        Of :func:`target_outline`.
    shape : {"mask", "map"}

    Returns
    -------
    tuple of Layer
        "mask outline", or "map into the cortex" and "map out of the cortex", those there are; and each once more, "mask
        outline, faint", which shows through what lies before it.
    """
    if shape == "mask":
        return _drawn(lines, "mask outline", TARGET)
    layers: tuple[Layer, ...] = ()
    for sign, way, words, color in SIGNS:
        of_sign = np.sign(np.asarray(lines.point_data[LEVEL])) == sign
        if of_sign.any():
            layers += _drawn(
                lines.extract_points(of_sign).extract_surface(algorithm="dataset_surface"), f"map {way}", color, words
            )
    return layers


def _drawn(lines: pv.PolyData, name: str, color: str, words: str = "") -> tuple[Layer, Layer]:
    """Lines as tubes, clear and faint, with words beside the longest piece."""
    tube = plain(lines.strip(join=True).tube(radius=LINE_MM, n_sides=8))
    beside_mm = np.array(lines.connectivity("largest").center) + BESIDE_MM if words else None
    return (
        Layer(name, tube, color, label=words, label_mm=beside_mm, ahead_mm=AHEAD_MM),
        Layer(f"{name}, faint", tube, color, opacity=PALE, ahead_mm=np.inf),
    )
