"""Which triangle each pixel shows: the classic z-buffer, in a compiled loop.

A report must come out the same on a laptop and on a server without display, driver or GPU, where graphics libraries
may fail or hang.  Two hundred thousand triangles need none: they fill in a tenth of a second.
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray


@numba.njit(cache=True)  # type: ignore[misc,unused-ignore]
def nearest_triangles(
    projected: NDArray[np.float64], triangles: NDArray[np.int32], height: int, width: int
) -> tuple[NDArray[np.int32], NDArray[np.float32], NDArray[np.float32]]:
    """The triangle nearest to the viewer in every pixel.

    Parameters
    ----------
    projected : (n, 3) float64
        Column, row (pixels) and depth (mm toward the viewer) of the points, from :meth:`View.project`.
    triangles : (k, 3) int32
    height, width : int
        Pixels.

    Returns
    -------
    owner : (height, width) int32
        Triangle, or -1 where there is none.
    depth : (height, width) float32
        Its depth, mm toward the viewer; -inf where there is none.
    corners : (height, width, 3) float32
        Barycentric coordinates in it.
    """
    owner = np.full((height, width), -1, np.int32)
    depth = np.full((height, width), -np.inf, np.float32)
    corners = np.zeros((height, width, 3), np.float32)
    for k in range(len(triangles)):
        ax, ay, az = projected[triangles[k, 0]]
        bx, by, bz = projected[triangles[k, 1]]
        cx, cy, cz = projected[triangles[k, 2]]
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if area == 0.0:
            continue
        first_column = max(0, int(np.ceil(min(ax, bx, cx) - 0.5)))
        last_column = min(width - 1, int(np.floor(max(ax, bx, cx) - 0.5)))
        first_row = max(0, int(np.ceil(min(ay, by, cy) - 0.5)))
        last_row = min(height - 1, int(np.floor(max(ay, by, cy) - 0.5)))
        for row in range(first_row, last_row + 1):
            y = row + 0.5
            for column in range(first_column, last_column + 1):
                x = column + 0.5
                u = ((bx - x) * (cy - y) - (by - y) * (cx - x)) / area
                v = ((cx - x) * (ay - y) - (cy - y) * (ax - x)) / area
                w = 1.0 - u - v
                if u < -1e-9 or v < -1e-9 or w < -1e-9:
                    continue
                z = u * az + v * bz + w * cz
                if z > depth[row, column]:
                    depth[row, column] = z
                    owner[row, column] = k
                    corners[row, column, 0] = u
                    corners[row, column, 1] = v
                    corners[row, column, 2] = w
    return owner, depth, corners


@numba.njit(cache=True)  # type: ignore[misc,unused-ignore]
def paint(
    owner: NDArray[np.int32],
    corners: NDArray[np.float32],
    triangles: NDArray[np.int32],
    colors: NDArray[np.float32],
) -> NDArray[np.float32]:
    """Colours of the points (n, 3), mixed over each pixel's triangle, on white, (height, width, 3) float32."""
    height, width = owner.shape
    rgb = np.ones((height, width, 3), np.float32)
    for row in range(height):
        for column in range(width):
            k = owner[row, column]
            if k < 0:
                continue
            for channel in range(3):
                value = np.float32(0.0)
                for corner in range(3):
                    value += corners[row, column, corner] * colors[triangles[k, corner], channel]
                rgb[row, column, channel] = value
    return rgb
