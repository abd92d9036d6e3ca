"""The surfaces of a folded hemisphere as GIFTI files beside each other, named as Connectome Workbench and FreeSurfer do.

``lh.central.surf.gii``, ``lh.white.surf.gii`` and ``lh.pial.surf.gii`` are in RAS mm of the T1; ``lh.sphere.surf.gii`` is the
hemisphere unfolded, ``lh.sphere.fs_LR.surf.gii`` the same with its folds on the group's (both of radius 100);
``lh.thickness.shape.gii`` and ``lh.depth.shape.gii`` have a number in mm for each vertex, ``lh.cortex.shape.gii`` 1 where it is
cortex and 0 on the medial wall.  All share their vertices.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from meshes.cortical_surface import CorticalSurface, Folds
from meshes.errors import InputError
from meshes.formats.gifti import read_surface, read_values, write_surface, write_values

LAYERS = ("white", "pial")
SPHERES = {"sphere": "sphere", "fslr": "sphere.fs_LR"}
VALUES = {"thickness_mm": "thickness", "depth_mm": "depth"}
RADIUS = 100.0  # of a sphere in a file, as other programs write it


def write_folds(folder: Path, side: str, central: CorticalSurface, folds: Folds) -> None:
    """Write what is known of a hemisphere beside its central surface.

    Parameters
    ----------
    folder : Path
    side : {"lh", "rh"}
    central : CorticalSurface
        Its triangles are those of every file.
    folds : Folds

    Raises
    ------
    InputError
        If a file cannot be written.
    """
    for layer in LAYERS:
        surface = CorticalSurface(getattr(folds, f"{layer}_mm"), central.triangles)
        write_surface(folder / f"{side}.{layer}.surf.gii", surface, side, layer)
    for name, file in SPHERES.items():
        sphere = CorticalSurface(RADIUS * getattr(folds, name), central.triangles)
        write_surface(folder / f"{side}.{file}.surf.gii", sphere, side, "sphere")
    for name, file in VALUES.items():
        write_values(folder / f"{side}.{file}.shape.gii", getattr(folds, name), f"{file} (mm)", side)
    write_values(
        folder / f"{side}.cortex.shape.gii", folds.cortex.astype(float), "cortex (1) and medial wall (0)", side
    )


def read_folds(folder: Path, side: str) -> Folds:
    """Read what :func:`write_folds` wrote.

    Raises
    ------
    InputError
        If a file is missing or damaged, or they do not fit together.
    """
    layers = {f"{layer}_mm": read_surface(folder / f"{side}.{layer}.surf.gii").points_mm for layer in LAYERS}
    spheres = {name: read_surface(folder / f"{side}.{file}.surf.gii").points_mm for name, file in SPHERES.items()}
    for name, points in spheres.items():
        length = np.linalg.norm(points, axis=1, keepdims=True)
        if not (length > 0).all():
            raise InputError(f"{folder / f'{side}.{SPHERES[name]}.surf.gii'} is no sphere round 0; make it again")
        spheres[name] = points / length
    values = {name: read_values(folder / f"{side}.{file}.shape.gii") for name, file in VALUES.items()}
    cortex = read_values(folder / f"{side}.cortex.shape.gii") > 0
    return Folds(**layers, **values, **spheres, cortex=cortex)
