"""Small synthetic heads for tests: concentric tissues, and a lopsided one where left differs from right."""

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import Delaunay

from atlases import Target
from meshes import HeadMesh, Tissues
from targeting.closed_forms.phantom import sphere_tissues

RADII_MM = {1: 60.0, 2: 74.0, 3: 78.0, 4: 84.0, 5: 92.0}  # outer radius of each tissue
LEFT_SPOT = Target.sphere([-45.0, -20.0, 45.0], 12.0, name="left spot")  # in the grey matter of the balls below


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
    return sphere_tissues(RADII_MM, voxel_mm, 0.6 * sigma_mm)
