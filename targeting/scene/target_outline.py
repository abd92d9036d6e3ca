"""Outlines on the cortex of a target that is no ball: of a mask its edge; of a network map where it has half its largest
size, each sign by itself.

Both stand at tetrahedra of grey matter and are 0 at the others, so that an outline closes round its patch.
"""

from __future__ import annotations

from dataclasses import replace
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
EDGE = 0.5  # between what is in a mask, 1, and what is not, 0
BESIDE_MM = np.array([0.0, -18.0, -10.0])  # a map's words, clear of the target's, which stand above it
SIGNS = ((1, "into the cortex", "map +", TARGET), (-1, "out of the cortex", "map −", CATHODE))


def mask_layers(cortex: pv.PolyData, head: HeadMesh, tets: NDArray[np.integer]) -> tuple[Layer, ...]:
    """The outline of a mask.

    Parameters
    ----------
    cortex : pyvista.PolyData
        As the scene draws it.
    head : HeadMesh
    tets : (k,) int
        The mesh's tetrahedra under the mask.

    Returns
    -------
    tuple of Layer
        "mask outline", and the same once more, "mask outline, faint", which shows through what lies before it; none if
        the mask comes nowhere near the cortex that is drawn.
    """
    inside = np.zeros(len(head.tets))
    inside[tets] = 1
    return _outlined(cortex, at_points(cortex.points, head, inside), EDGE, Layer("mask outline", cortex, TARGET))


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
    wanted = np.zeros(len(head.tets))
    wanted[target.tets] = target.wanted
    values = at_points(cortex.points, head, wanted)
    layers: tuple[Layer, ...] = ()
    for sign, way, words, color in SIGNS:
        strongest_mm = head.centroids_mm[target.tets[np.argmax(sign * target.wanted)]]
        drawn = Layer(f"map {way}", cortex, color, label=words, label_mm=strongest_mm + BESIDE_MM)
        layers += _outlined(cortex, values, sign * CORE, drawn)
    return layers


def at_points(points_mm: NDArray[np.floating], head: HeadMesh, values: NDArray[np.floating]) -> NDArray[np.float32]:
    """Values of tetrahedra (M,) at some points of the cortex, (n,): at the nearest node of grey matter."""
    from scipy.spatial import cKDTree

    at_nodes = grey_at_nodes(head, values)
    grey = np.flatnonzero(np.isfinite(at_nodes))
    _, nearest = cKDTree(head.points_mm[grey]).query(points_mm)
    return at_nodes[grey[nearest]].astype(np.float32)


def _outlined(cortex: pv.PolyData, values: NDArray[np.floating], level: float, drawn: Layer) -> tuple[Layer, ...]:
    """Where values of the cortex' points pass a level, as tubes with a layer's name, colour and words, clear and faint."""
    surface = pv.PolyData(cortex.points, cortex.faces)
    surface.point_data["values"] = values
    outline = surface.contour([level], scalars="values")
    if not outline.n_points:
        return ()
    tube = plain(outline.strip(join=True).tube(radius=LINE_MM, n_sides=8))
    return (
        replace(drawn, surface=tube, ahead_mm=AHEAD_MM),
        Layer(f"{drawn.name}, faint", tube, drawn.color, opacity=PALE, ahead_mm=np.inf),
    )
