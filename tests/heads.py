"""Small synthetic heads for tests: concentric tissues, and a lopsided one where left differs from right."""

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import Delaunay

from meshes import HeadMesh, Tissues

RADII_MM = {1: 60.0, 2: 74.0, 3: 78.0, 4: 84.0, 5: 92.0}  # outer radius of each tissue


def fibonacci_sphere(n: int) -> NDArray[np.float64]:
    """n nearly even points on the unit sphere, (n, 3)."""
    i = np.arange(n) + 0.5
    z, phi = 1 - 2 * i / n, np.pi * (1 + 5**0.5) * i
    r = np.sqrt(1 - z**2)
    return np.c_[r * np.cos(phi), r * np.sin(phi), z]


def layered_ball(spacing_mm: float = 8.0, stretch: tuple[float, float, float] = (1.0, 1.0, 1.0)) -> HeadMesh:
    """A ball of five tissues meshed in a second; ``stretch`` scales the axes."""
    shells = [10.0, 25.0, 45.0, *RADII_MM.values()]
    points = np.concatenate(
        [[[0.1, 0.2, 0.3]]] + [r * fibonacci_sphere(max(12, int(4 * np.pi * (r / spacing_mm) ** 2))) for r in shells]
    )
    tets = Delaunay(points).simplices
    a, b, c, d = (points[tets[:, i]] for i in range(4))
    volume = np.einsum("ij,ij->i", np.cross(b - a, c - a), d - a) / 6
    tets[volume < 0] = tets[volume < 0][:, [0, 2, 1, 3]]
    tets = tets[np.abs(volume) > 1e-3]
    radius = np.linalg.norm(points[tets], axis=2).max(1)
    tissue = np.array(list(RADII_MM))[np.searchsorted(np.array(list(RADII_MM.values())) + 1e-6, radius)]
    return HeadMesh(points * stretch, tets, tissue)


def ball_tissues(voxel_mm: tuple[float, float, float] = (2.0, 2.0, 2.0), sigma_mm: float = 1.0) -> Tissues:
    """The same ball as smooth fields on a grid (world origin in its middle)."""
    size = [int(np.ceil(2 * 100 / v)) for v in voxel_mm]
    affine = np.diag([*voxel_mm, 1.0])
    affine[:3, 3] = [-(n - 1) * v / 2 for n, v in zip(size, voxel_mm, strict=True)]
    grid = np.stack(np.meshgrid(*[np.arange(n) for n in size], indexing="ij"), -1) @ affine[:3, :3] + affine[:3, 3]
    radius = np.linalg.norm(grid, axis=-1)
    edges = [0.0, *RADII_MM.values(), np.inf]
    step = [
        1 / (1 + np.exp(-(radius - e) / (sigma_mm * 0.6))) if 0 < e < np.inf else np.full(radius.shape, float(e == 0))
        for e in edges
    ]
    fields = np.zeros((*radius.shape, 7), np.float32)
    for tissue in range(1, 6):
        fields[..., tissue] = step[tissue - 1] - step[tissue]
    fields[..., 0] = step[5]
    return Tissues(fields, affine)
