"""Concentric spheres as smooth tissue fields: the phantom whose fields are known in closed form."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from meshes.errors import InputError
from meshes.tissues import Tissues

SOFTNESS_MM = 0.6  # a tissue gives way to the next within about this, as segmented tissues do
AIR_MM = 8.0


def sphere_tissues(
    outer_radius_mm: Mapping[int, float],
    voxel_mm: tuple[float, float, float] = (1.0, 1.0, 1.0),
    softness_mm: float = SOFTNESS_MM,
) -> Tissues:
    """Shells round the world's origin, ready for :func:`~meshes.tetrahedralise`.

    Parameters
    ----------
    outer_radius_mm : mapping
        Outer radius of each tissue code (1 to 6), from the inside.
    voxel_mm : (3,) float
    softness_mm : float
        Width of the logistic steps between the fields; their zero sets stay at the radii.

    Raises
    ------
    InputError
        If the radii do not grow, or a code is no tissue.

    Examples
    --------
    >>> from meshes import Tissue
    >>> tissues = sphere_tissues({Tissue.GM: 10.0, Tissue.SCALP: 14.0}, voxel_mm=(2.0, 2.0, 2.0))
    >>> tissues.labels[:, 11, 11].tolist()
    [0, 0, 0, 0, 5, 5, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 5, 5, 0, 0, 0, 0]
    """
    radii = np.array(list(outer_radius_mm.values()), float)
    if len(radii) == 0 or radii[0] <= 0 or (np.diff(radii) <= 0).any():
        raise InputError(f"the radii of the shells must grow from the inside, not {radii.tolist()}")
    if not set(outer_radius_mm) <= set(range(1, 7)):
        raise InputError(f"the shells' tissue codes must be 1 to 6, not {sorted(outer_radius_mm)}")
    size = [int(np.ceil(2 * (radii[-1] + AIR_MM) / v)) for v in voxel_mm]
    affine = np.diag([*voxel_mm, 1.0])
    affine[:3, 3] = [-(n - 1) * v / 2 for n, v in zip(size, voxel_mm, strict=True)]
    axes = [np.arange(n) * v + o for n, v, o in zip(size, voxel_mm, affine[:3, 3], strict=True)]
    radius = np.sqrt(sum(axis**2 for axis in np.meshgrid(*axes, indexing="ij", sparse=True)))
    fields = np.zeros((*size, 7), np.float32)
    within = np.zeros(size)
    for tissue, outer in outer_radius_mm.items():
        up_to = 1 / (1 + np.exp((radius - outer) / softness_mm))
        fields[..., tissue] = up_to - within
        within = up_to
    fields[..., 0] = 1 - within
    return Tissues(fields, affine)
