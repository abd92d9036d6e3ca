"""Read mid-cortical surfaces from FreeSurfer's subject folder or from ``surfaces`` in SimNIBS' head folder ``m2m_NAME``.

charm 4 leaves ``surfaces/lh.central.gii`` and ``rh.central.gii``, halfway through the cortex, in the T1's millimetres;
headreco (SimNIBS 3) left CAT12's in ``segment/cat/surf``.  Where white and pial surface and a sphere lie beside them, with the
same vertices, :func:`read_layers` has those.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from meshes.cortical_surface import Cortex, CorticalSurface
from meshes.errors import InputError
from meshes.formats.freesurfer import freesurfer_files, read_freesurfer, read_freesurfer_layers, sphere_files
from meshes.formats.gifti import read_surface

# where charm (SimNIBS 4) and headreco (SimNIBS 3, by CAT12) put them
CENTRAL = ("surfaces/{side}.central.gii", "segment/cat/surf/{side}.central.T1fs_conform.gii")


SPHERES = ("sphere.reg", "sphere")  # the first that is there


@dataclass(frozen=True, eq=False)
class Layers:
    """What came with a central surface, one row for each of its vertices.

    Parameters
    ----------
    white_mm, pial_mm : (V, 3) float64
        RAS mm of the T1.
    sphere : (V, 3) float64
        The surface unfolded, round 0.
    """

    white_mm: NDArray[np.float64]
    pial_mm: NDArray[np.float64]
    sphere: NDArray[np.float64]


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


def layer_files(folder: str | Path) -> dict[str, Path]:
    """The files that :func:`read_layers` reads beside those of the cortex, by role; empty if they are not all there."""
    central = charm_files(folder)
    if not central:
        return sphere_files(folder)
    found: dict[str, Path] = {}
    for side, path in central.items():
        end = path.name.removeprefix(f"{side}.central")
        sphere = next((each for name in SPHERES if (each := path.with_name(f"{side}.{name}{end}")).is_file()), None)
        pial, white = (path.with_name(f"{side}.{layer}{end}") for layer in ("pial", "white"))
        if sphere is None or not pial.is_file():
            return {}
        found |= {f"{side}.sphere": sphere, f"{side}.pial": pial}
        if white.is_file():
            found[f"{side}.white"] = white
    return found


def read_layers(folder: str | Path, cortex: Cortex) -> dict[str, Layers]:
    """White and pial surface and sphere of both hemispheres, by ``lh`` and ``rh``; empty if they are not all there.

    SimNIBS before 4.1 left no white surface: it then lies as far below the central one as the pial lies above.

    Parameters
    ----------
    folder : path
        As for :func:`read_cortex`.
    cortex : Cortex
        What that gave.

    Raises
    ------
    InputError
        If a file is damaged, or they do not have the vertices of the central surface.
    """
    files = layer_files(folder)
    if not files:
        return {}
    if not charm_files(folder):
        layers = {side: Layers(*each) for side, each in read_freesurfer_layers(folder).items()}
    else:
        layers = {}
        for side, central in cortex.hemispheres.items():
            pial, sphere = (read_surface(files[f"{side}.{name}"]).points_mm for name in ("pial", "sphere"))
            of_pial = len(pial) == len(central.points_mm)
            mirrored = 2 * central.points_mm - pial if of_pial else pial
            white = read_surface(files[f"{side}.white"]).points_mm if f"{side}.white" in files else mirrored
            layers[side] = Layers(white, pial, sphere)
    for side, each in layers.items():
        count = len(cortex.hemispheres[side].points_mm)
        others = {name: len(getattr(each, name)) for name in ("white_mm", "pial_mm", "sphere")}
        if any(number != count for number in others.values()):
            numbers = ", ".join(f"{name.removesuffix('_mm')} {number}" for name, number in others.items())
            raise InputError(f"{side} in {folder}: central surface {count} vertices, {numbers}; they are no set")
        if not (np.linalg.norm(each.sphere, axis=1) > 0).all():
            raise InputError(f"the sphere of {side} in {folder} is not round 0; copy or make it again")
    return layers


def _outward(surface: CorticalSurface) -> CorticalSurface:
    """A closed surface with its triangles wound so that it encloses a positive volume."""
    corner = surface.points_mm[surface.triangles[:, 0]] - surface.points_mm.mean(0)
    outward = np.einsum("ij,ij->", corner, surface.face_vectors_mm2) > 0
    return surface if outward else CorticalSurface(surface.points_mm, surface.triangles[:, ::-1])
