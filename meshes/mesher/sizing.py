"""The size field (how far apart nodes should be): by tissue and by the thickness of the layer, never changing fast.

At an interface the spacing is the smaller of the two tissues' own, and on a layer of thickness d at most
``thin_layer``·d, so that a thin layer is resolved.  From the interfaces the size may grow by ``growth`` per
millimetre.
"""

from typing import Any

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from meshes.mesher.fields import Grid, top_two, values_at

Array = NDArray[Any]

MARCH_MM = 0.3  # step of the ray that measures a layer
START_MM = 0.25  # where that ray starts, safely off the interface


@njit(cache=True, parallel=True)
def layer_thickness(grid: Grid, points: Array, normals: Array, longest_mm: Array) -> Array:
    """Thickness (mm) of the thinner of the two layers at interface points, (n,), at most ``longest_mm`` (n,).

    Marches both ways along the normal until the tissue changes again; the outside is no layer.

    Parameters
    ----------
    grid : Grid
        Tissue fields.
    points : (n, 3) float64
        On an interface, grid mm.
    normals : (n, 3) float64
        Of the interface there.
    longest_mm : (n,) float64
        Thicker layers are not measured.
    """
    thickness = longest_mm.copy()
    for p in prange(len(points)):
        scratch = np.empty(grid.fields.shape[3])
        for direction in (-1.0, 1.0):
            nx = direction * normals[p, 0]
            ny = direction * normals[p, 1]
            nz = direction * normals[p, 2]
            way = START_MM
            x = points[p, 0]
            y = points[p, 1]
            z = points[p, 2]
            values_at(grid, x + way * nx, y + way * ny, z + way * nz, scratch)
            layer = top_two(scratch)[0]
            if layer == 0:
                continue
            while way < thickness[p]:
                way += MARCH_MM
                values_at(grid, x + way * nx, y + way * ny, z + way * nz, scratch)
                if top_two(scratch)[0] != layer:
                    break
            thickness[p] = min(thickness[p], way - 0.5 * MARCH_MM)
    return thickness


@njit(cache=True)
def limit_growth(size: Array, spacing: Array, growth: float) -> None:
    """Lower ``size`` (nx, ny, nz) in place until it grows by at most ``growth`` per mm.

    Two sweeps over the 26-neighbourhood (a chamfer distance transform of the sizes).
    """
    nx, ny, nz = size.shape
    for sign in (1, -1):
        for ii in range(nx):
            i = ii if sign > 0 else nx - 1 - ii
            for jj in range(ny):
                j = jj if sign > 0 else ny - 1 - jj
                for kk in range(nz):
                    k = kk if sign > 0 else nz - 1 - kk
                    smallest = size[i, j, k]
                    for a in range(-1, 2):
                        for b in range(-1, 2):
                            for c in range(-1, 2):
                                if a * 9 + b * 3 + c >= 0:
                                    continue  # this half is not visited yet
                                u = i + sign * a
                                v = j + sign * b
                                w = k + sign * c
                                if u < 0 or v < 0 or w < 0 or u >= nx or v >= ny or w >= nz:
                                    continue
                                way = np.sqrt((a * spacing[0]) ** 2 + (b * spacing[1]) ** 2 + (c * spacing[2]) ** 2)
                                smallest = min(smallest, size[u, v, w] + growth * way)
                    size[i, j, k] = smallest


def nearest_value(values: Array, spacing: Array, points: Array) -> Array:
    """Values of a grid at the voxels nearest to points (n, 3), clipped at the border."""
    index = np.clip(np.rint(points / spacing).astype(np.int64), 0, np.array(values.shape[:3]) - 1)
    return values[index[:, 0], index[:, 1], index[:, 2]]
