"""Read mid-cortical surfaces from FreeSurfer's subject folder or from ``surfaces`` in SimNIBS' head folder ``m2m_NAME``.

charm 4 leaves ``surfaces/lh.central.gii`` and ``rh.central.gii``, halfway through the cortex, in the T1's millimetres;
headreco (SimNIBS 3) left CAT12's in ``segment/cat/surf``.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from meshes.cortical_surface import Cortex, CorticalSurface
from meshes.errors import InputError
from meshes.formats.freesurfer import freesurfer_files, read_freesurfer
from meshes.formats.gifti import read_surface

# where charm (SimNIBS 4) and headreco (SimNIBS 3, by CAT12) put them
CENTRAL = ("surfaces/{side}.central.gii", "segment/cat/surf/{side}.central.T1fs_conform.gii")


def charm_files(folder: str | Path) -> dict[str, Path]:
    """The central surfaces that charm left in a head folder, by ``lh`` and ``rh``; empty if there are none."""
    for place in CENTRAL:
        found = {side: Path(folder) / place.format(side=side) for side in ("lh", "rh")}
        if all(path.is_file() for path in found.values()):
            return found
    return {}


def cortex_files(folder: str | Path) -> dict[str, Path]:
    """The files that :func:`read_cortex` reads, by role.

    Raises
    ------
    InputError
        If the folder holds no cortical surfaces of either kind.
    """
    if not Path(folder).is_dir():
        raise InputError(f"there is no folder {folder}; give a FreeSurfer subject's folder, or SimNIBS' m2m_NAME")
    return charm_files(folder) or freesurfer_files(folder)


def read_cortex(folder: str | Path) -> Cortex:
    """Read the mid-cortical surfaces of a FreeSurfer subject or of SimNIBS' head folder.

    Raises
    ------
    InputError
        If there are none, or a file is damaged, or left and right are exchanged.
    """
    files = cortex_files(folder)
    if "lh" in files:
        left, right = (_outward(read_surface(files[side])) for side in ("lh", "rh"))
        cortex = Cortex(left, right, "SimNIBS' central surfaces")
    else:
        cortex = read_freesurfer(folder)
    if not cortex.left.points_mm[:, 0].mean() < cortex.right.points_mm[:, 0].mean():
        raise InputError(f"in {folder} the left hemisphere lies right of the right one; its files are mixed up")
    return cortex


def _outward(surface: CorticalSurface) -> CorticalSurface:
    """A closed surface with its triangles wound so that it encloses a positive volume."""
    corner = surface.points_mm[surface.triangles[:, 0]] - surface.points_mm.mean(0)
    outward = np.einsum("ij,ij->", corner, surface.face_vectors_mm2) > 0
    return surface if outward else CorticalSurface(surface.points_mm, surface.triangles[:, ::-1])
