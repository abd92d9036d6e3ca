"""Where a network map is strong, as outlines on the cortex: where it has half its largest size, each sign by itself.

The map stands at tetrahedra of grey matter and is 0 at the others, so that an outline closes round its patch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyvista as pv
from numpy.typing import NDArray

from targeting.cortical_field import grey_at_nodes
from targeting.scene.behind import PALE
from targeting.scene.colors import CATHODE, TARGET
from targeting.scene.layer import Layer
from targeting.scene.parts import plain
from targeting.tes.network_map import CORE, MapTarget

if TYPE_CHECKING:
    from meshes.head import HeadMesh

LINE_MM = 0.8  # radius of an outline
AHEAD_MM = 10.0  # it shows through folds of this depth, and not through the brain
BESIDE_MM = np.array([0.0, -18.0, -10.0])  # its words, clear of the target's, which stand above it
SIGNS = ((1, "into the cortex", "map +", TARGET), (-1, "out of the cortex", "map −", CATHODE))


def map_layers(cortex: pv.PolyData, head: HeadMesh, target: MapTarget) -> tuple[Layer, ...]:
    """The outlines of a map.

    Parameters
    ----------
    cortex : pyvista.PolyData
        As the scene draws it.
    head : HeadMesh
        The mesh whose tetrahedra the map is given at.
    target : MapTarget

    Returns
    -------
    tuple of Layer
        "map into the cortex" and "map out of the cortex", each if the map is strong there with that sign; and the same
        once more, "map into the cortex, faint", which shows through what lies before it.
    """
    surface = pv.PolyData(cortex.points, cortex.faces)
    surface.point_data["map"] = at_points(surface.points, head, target)
    layers = []
    for sign, way, words, color in SIGNS:
        outline = surface.contour([sign * CORE], scalars="map")
        if not outline.n_points:
            continue
        strongest_mm = head.centroids_mm[target.tets[np.argmax(sign * target.wanted)]]
        tube = plain(outline.strip(join=True).tube(radius=LINE_MM, n_sides=8))
        seen = Layer(f"map {way}", tube, color, label=words, label_mm=strongest_mm + BESIDE_MM, ahead_mm=AHEAD_MM)
        layers += [seen, Layer(f"map {way}, faint", tube, color, opacity=PALE, ahead_mm=np.inf)]
    return tuple(layers)


def at_points(points_mm: NDArray[np.floating], head: HeadMesh, target: MapTarget) -> NDArray[np.float32]:
    """The map at some points of the cortex, (n,): at the nearest node of grey matter."""
    from scipy.spatial import cKDTree

    wanted = np.zeros(len(head.tets))
    wanted[target.tets] = target.wanted
    at_nodes = grey_at_nodes(head, wanted)
    grey = np.flatnonzero(np.isfinite(at_nodes))
    _, nearest = cKDTree(head.points_mm[grey]).query(points_mm)
    return at_nodes[grey[nearest]].astype(np.float32)
