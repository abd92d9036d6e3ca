"""Where in its folds TMS acts on an area: the crown and lip, one rule for all targets.

*The rule.*  Of the area in this person: the shallowest third of its surface by sulcal depth, but nothing more than ``LIP_MM``
deeper than its top; of that the largest connected piece; of that what lies within the target's radius of its middle; and there
the cortex from white matter to the pial surface.

TMS acts on crowns and lips more than on the walls below them: the induced field falls off with depth, and the field that
explains the motor evoked potentials of three finger muscles best was found mainly on the crowns and rims of the precentral
gyrus (Numssen 2021, NeuroImage 245:118654, abstract).  Depth counts from the area's own top, so that the rule also holds where
an area reaches no crown: it takes what is nearest to the surface.  (Of cortex that lies deep under other cortex, as the insula,
all counts alike: :mod:`atlases.named_patch`.)  A third keeps to the crown where an area lies
on a crown; the limit in depth keeps to the lip where it runs down a wall, as the hand's part of area 4 does: of that a third
reaches 9 mm down, far into the wall.  5 mm is twice the cortex's thickness, and a third of the central sulcus' depth.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from meshes.cortical_surface import CorticalSurface, edges_of
from meshes.errors import InputError

SHARE = 1 / 3
LIP_MM = 5.0
TOP_SHARE = 0.02  # of the area: its top, less what may be noise


def crown_and_lip(
    central: CorticalSurface, depth_mm: NDArray[np.float64], area: NDArray[np.bool_], radius_mm: float
) -> NDArray[np.bool_]:
    """The vertices of an area's crown and lip round its middle, (V,).

    Parameters
    ----------
    central : CorticalSurface
        The hemisphere.
    depth_mm : (V,)
        Sulcal depth.
    area : (V,) bool
        Its vertices.
    radius_mm : float
        Of the target.

    Raises
    ------
    InputError
        If the area has no surface.

    Examples
    --------
    A strip that runs down into a sulcus: what is left is its upper end.

    >>> import numpy as np
    >>> x, y = (each.ravel() for each in np.meshgrid(np.arange(4.0), np.arange(10.0)))
    >>> i = np.arange(39).reshape(-1)
    >>> i = i[(i % 4 != 3) & (i < 36)]
    >>> triangles = np.vstack([np.column_stack([i, i + 1, i + 4]), np.column_stack([i + 1, i + 5, i + 4])])
    >>> sheet = CorticalSurface(np.column_stack([x, y, 0 * x]), triangles)
    >>> float(y[crown_and_lip(sheet, y, np.ones(40, bool), 9.0)].max())
    3.0
    """
    size = central.vertex_areas_mm2
    order = np.flatnonzero(area)[np.argsort(depth_mm[area], kind="stable")]
    if not len(order) or size[order].sum() == 0:
        raise InputError("an area without surface has no crown")
    sums = np.cumsum(size[order])
    top, third = (depth_mm[order[np.searchsorted(sums[:-1], share * sums[-1])]] for share in (TOP_SHARE, SHARE))
    shallow = area & (depth_mm <= min(third, top + LIP_MM))
    piece = _largest(central, shallow, size)
    points = central.points_mm
    middle = np.average(points[piece], axis=0, weights=np.maximum(size[piece], 1e-9))
    center = np.flatnonzero(piece)[np.linalg.norm(points[piece] - middle, axis=1).argmin()]
    near = piece & (np.linalg.norm(points - points[center], axis=1) <= radius_mm)
    return _with(central, near, int(center))


def _pieces(surface: CorticalSurface, vertices: NDArray[np.bool_]) -> NDArray[np.int32]:
    """The number of the connected piece of each chosen vertex, others alone in one of their own, (V,)."""
    inner = surface.triangles[vertices[surface.triangles].sum(1) >= 2]
    pairs = edges_of(inner)
    pairs = pairs[vertices[pairs].all(1)]
    n = len(surface.points_mm)
    return connected_components(coo_matrix((np.ones(len(pairs), bool), tuple(pairs.T)), shape=(n, n)), directed=False)[
        1
    ]


def _largest(surface: CorticalSurface, vertices: NDArray[np.bool_], size: NDArray[np.float64]) -> NDArray[np.bool_]:
    pieces = _pieces(surface, vertices)
    return vertices & (pieces == np.bincount(pieces[vertices], size[vertices]).argmax())


def _with(surface: CorticalSurface, vertices: NDArray[np.bool_], one: int) -> NDArray[np.bool_]:
    """The connected piece of some vertices that holds one of them."""
    pieces = _pieces(surface, vertices)
    return vertices & (pieces == pieces[one])
