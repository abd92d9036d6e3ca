"""Cortical surfaces in closed form."""

import numpy as np
from heads import fibonacci_sphere
from scipy.spatial import ConvexHull

from meshes.cortical_surface import CorticalSurface


def sphere(radius_mm, count, center=(0.0, 0, 0)):
    """A closed surface with outward normals."""
    points = radius_mm * fibonacci_sphere(count)
    triangles = ConvexHull(points).simplices
    a, b, c = (points[triangles[:, i]] for i in range(3))
    inward = np.einsum("ij,ij->i", np.cross(b - a, c - a), a) < 0
    triangles[inward] = triangles[inward][:, ::-1]
    return CorticalSurface(points + center, triangles)
