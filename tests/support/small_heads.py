"""A small head of labels for tests of cleaning: concentric, but lopsided, on voxels of any shape."""

import numpy as np

RADII_MM = {5: 44.0, 4: 36.0, 3: 30.0, 2: 28.0, 1: 19.0}


def small_head(voxel_mm=(1.0, 1.0, 1.0), half_mm=48.0):
    """Labels (nx, ny, nz) uint8, the distance of each voxel from the middle, and the affine (mm)."""
    size = [int(np.ceil(2 * half_mm / v)) for v in voxel_mm]
    affine = np.diag([*voxel_mm, 1.0])
    affine[:3, 3] = [-(n - 1) * v / 2 for n, v in zip(size, voxel_mm, strict=True)]
    place = np.stack(np.meshgrid(*map(np.arange, size), indexing="ij"), -1) * voxel_mm + affine[:3, 3]
    radius = np.linalg.norm(place, axis=-1)
    labels = np.zeros(size, np.uint8)
    for tissue, outer in RADII_MM.items():
        labels[radius < outer] = tissue
    labels[np.linalg.norm(place - [-13, 36.2, 0], axis=-1) < 5.2] = 6  # an eye, on the left only
    return labels, radius, affine
