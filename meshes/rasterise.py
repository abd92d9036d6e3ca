"""Rasterise a mesh: find the tetrahedron that holds the centre of each voxel, exactly.

In voxel coordinates a tetrahedron's four barycentric coordinates are affine functions of the indices (i, j, k); a
centre lies inside where none is negative.  Each tetrahedron looks only at the indices in its bounding box.  A centre on
a shared face belongs to the first of its tetrahedra, so the result does not depend on anything but the mesh.
"""

from __future__ import annotations

import itertools

import numba
import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import gaussian_filter

from meshes.errors import InputError
from meshes.formats.head_folder import to_six_tissues
from meshes.head import HeadMesh
from meshes.tissue_codes import Tissue
from meshes.tissues import Tissues

ON_A_FACE = -1e-9  # a barycentric coordinate may be this negative by rounding, so that no centre falls between two
SOFTENING_VOXELS = 0.5  # Gaussian that turns eighths of a voxel into smooth fields


def tets_on_grid(mesh: HeadMesh, affine_mm: ArrayLike, shape: tuple[int, int, int]) -> NDArray[np.int32]:
    """The tetrahedron that holds each voxel's centre; −1 outside the mesh.

    Parameters
    ----------
    mesh : HeadMesh
    affine_mm : (4, 4) array
        Voxel index → RAS mm; any invertible affine.
    shape : (nx, ny, nz)

    Returns
    -------
    (nx, ny, nz) int32

    Raises
    ------
    InputError
        If the affine is not an invertible (4, 4) matrix or the shape is not three positive numbers.

    Examples
    --------
    >>> import numpy as np
    >>> from meshes import HeadMesh
    >>> from meshes.rasterise import tets_on_grid
    >>> corner = HeadMesh(np.vstack([np.zeros(3), 2 * np.eye(3)]), np.array([[0, 1, 2, 3]]), np.array([5]))
    >>> tets_on_grid(corner, np.eye(4), (3, 3, 1))[..., 0].tolist()
    [[0, 0, 0], [0, 0, -1], [0, -1, -1]]
    """
    affine = np.array(affine_mm, dtype=np.float64)
    if affine.shape != (4, 4) or not np.isfinite(affine).all() or abs(np.linalg.det(affine[:3, :3])) < 1e-12:
        raise InputError("a voxel grid needs an invertible 4 × 4 affine; check the image's header")
    if len(shape) != 3 or min(shape) < 1:
        raise InputError(f"a voxel grid has three positive sizes, not {tuple(shape)}")
    to_voxel = np.linalg.inv(affine)
    points = mesh.points_mm @ to_voxel[:3, :3].T + to_voxel[:3, 3]
    grid = np.full(tuple(int(n) for n in shape), -1, np.int32)
    _fill(points, mesh.tets, grid)
    return grid


def labels_on_grid(mesh: HeadMesh, affine_mm: ArrayLike, shape: tuple[int, int, int]) -> NDArray[np.uint8]:
    """The tissue code at each voxel's centre, 0 outside, (nx, ny, nz) uint8 (codes above 255 become 255)."""
    tets = tets_on_grid(mesh, affine_mm, shape)
    return np.append(np.clip(mesh.tissue, 0, 255), 0).astype(np.uint8)[tets]


def values_on_grid(
    mesh: HeadMesh, values: ArrayLike, affine_mm: ArrayLike, shape: tuple[int, int, int]
) -> NDArray[np.float32]:
    """A field given per tetrahedron, (M,) or (M, c), at each voxel's centre, (nx, ny, nz[, c]), 0 outside.

    Parameters
    ----------
    mesh : HeadMesh
    values : (M,) or (M, c) float
        One for each tetrahedron.
    affine_mm : (4, 4) float
        Voxel to RAS mm.
    shape : (3,) int
        Of the grid.

    Raises
    ------
    InputError
        If there is not one value per tetrahedron.
    """
    values = np.asarray(values, dtype=np.float32)
    if values.shape[:1] != (len(mesh.tets),):
        raise InputError(f"a field on this mesh has {len(mesh.tets)} values, one per tetrahedron, not {values.shape}")
    outside = np.zeros((1, *values.shape[1:]), np.float32)
    return np.concatenate([np.nan_to_num(values), outside])[tets_on_grid(mesh, affine_mm, shape)]


def grid_around(
    mesh: HeadMesh, voxel_mm: float = 1.0, margin_mm: float = 5.0
) -> tuple[NDArray[np.float64], tuple[int, int, int]]:
    """An upright grid that holds the mesh and a margin: its affine and its shape."""
    low = np.floor((mesh.points_mm.min(0) - margin_mm) / voxel_mm) * voxel_mm
    n = np.ceil((mesh.points_mm.max(0) + margin_mm - low) / voxel_mm).astype(int) + 1
    affine = np.diag([voxel_mm, voxel_mm, voxel_mm, 1.0])
    affine[:3, 3] = low
    return affine, (int(n[0]), int(n[1]), int(n[2]))


def tissues_from_mesh(mesh: HeadMesh, affine_mm: ArrayLike, shape: tuple[int, int, int]) -> Tissues:
    """The mesh as smooth tissue fields on a grid, so that a finished mesh can be registered like a segmented MRI.

    Each voxel is sampled at eight points (its octants' centres); the shares are softened by half a voxel.

    Parameters
    ----------
    mesh : HeadMesh
        With SimNIBS' tissues; bone, blood and muscle join the six (:func:`~meshes.formats.head_folder.to_six_tissues`).
    affine_mm, shape
        The grid, for instance the T1's, or :func:`grid_around`.
    """
    six = to_six_tissues(mesh)
    affine = np.array(affine_mm, dtype=np.float64)
    fields = np.zeros((*shape, len(Tissue)), np.float32)
    for octant in itertools.product((-0.25, 0.25), repeat=3):
        shifted = affine.copy()
        shifted[:3, 3] += affine[:3, :3] @ octant
        labels = labels_on_grid(six, shifted, shape)
        _add_shares(labels.ravel(), fields.reshape(-1, len(Tissue)), np.float32(0.125))
    for tissue in Tissue:
        fields[..., tissue] = gaussian_filter(fields[..., tissue], SOFTENING_VOXELS, mode="nearest")
    return Tissues(fields, affine)


@numba.njit(cache=True)
def _add_shares(labels: NDArray[np.uint8], fields: NDArray[np.float32], share: np.float32) -> None:
    for voxel in range(len(labels)):
        fields[voxel, labels[voxel]] += share


@numba.njit(cache=True)
def _fill(points: NDArray[np.float64], tets: NDArray[np.int32], grid: NDArray[np.int32]) -> None:
    """Write each tetrahedron's index into the free voxels whose centres it holds; points in voxel coordinates."""
    low, high = np.zeros(3, np.int64), np.zeros(3, np.int64)
    rows = np.zeros((4, 4))
    for tet in range(len(tets)):
        nodes = tets[tet]
        for axis in range(3):
            a, b = points[nodes[0], axis], points[nodes[0], axis]
            for n in range(1, 4):
                a, b = min(a, points[nodes[n], axis]), max(b, points[nodes[n], axis])
            low[axis] = max(0, int(np.ceil(max(a, -1.0) - 1e-6)))
            high[axis] = min(grid.shape[axis] - 1, int(np.floor(min(b, grid.shape[axis] + 1.0) + 1e-6)))
        if low[0] > high[0] or low[1] > high[1] or low[2] > high[2]:
            continue
        ox, oy, oz = points[nodes[0], 0], points[nodes[0], 1], points[nodes[0], 2]
        ux, uy, uz = points[nodes[1], 0] - ox, points[nodes[1], 1] - oy, points[nodes[1], 2] - oz
        vx, vy, vz = points[nodes[2], 0] - ox, points[nodes[2], 1] - oy, points[nodes[2], 2] - oz
        wx, wy, wz = points[nodes[3], 0] - ox, points[nodes[3], 1] - oy, points[nodes[3], 2] - oz
        # gradients of the barycentric coordinates: the rows of [u v w]⁻¹
        ax, ay, az = vy * wz - vz * wy, vz * wx - vx * wz, vx * wy - vy * wx
        det = ux * ax + uy * ay + uz * az
        if det == 0.0:
            continue
        rows[1, 0], rows[1, 1], rows[1, 2] = ax / det, ay / det, az / det
        rows[2, 0] = (wy * uz - wz * uy) / det
        rows[2, 1] = (wz * ux - wx * uz) / det
        rows[2, 2] = (wx * uy - wy * ux) / det
        rows[3, 0] = (uy * vz - uz * vy) / det
        rows[3, 1] = (uz * vx - ux * vz) / det
        rows[3, 2] = (ux * vy - uy * vx) / det
        for axis in range(3):
            rows[0, axis] = -(rows[1, axis] + rows[2, axis] + rows[3, axis])
        for n in range(4):
            rows[n, 3] = (1.0 if n == 0 else 0.0) - rows[n, 0] * ox - rows[n, 1] * oy - rows[n, 2] * oz
        for i in range(low[0], high[0] + 1):
            for j in range(low[1], high[1] + 1):
                for k in range(low[2], high[2] + 1):
                    if grid[i, j, k] >= 0:
                        continue
                    inside = True
                    for n in range(4):
                        if rows[n, 0] * i + rows[n, 1] * j + rows[n, 2] * k + rows[n, 3] < ON_A_FACE:
                            inside = False
                            break
                    if inside:
                        grid[i, j, k] = tet
