r"""Read FreeSurfer's ``?h.white`` and ``?h.pial`` as mid-cortical surfaces in the RAS mm of the T1.

The mid-surface is the mean of the two: they have the same vertices.

FreeSurfer's surfaces live in a frame of their own, "tkRAS": origin in the middle of the conformed volume, axes of a
coronal one.  Both frames see the same voxels.  With the columns x, y, z of D the directions (in scanner RAS) of the
volume's axes, c the RAS of its middle ("c_ras") and D₀ the coronal directions (−1, 0, 0), (0, 0, −1), (0, 1, 0),

    scanner RAS = D D₀ᵀ tkRAS + c,

since voxel sizes and the middle are common.  For FreeSurfer's usual, conformed volume D = D₀, and only c is added.
The file's footer has x, y, z and c; where it is missing, ``mri/orig.mgz`` has them.
(FreeSurfer wiki, "CoordinateSystems"; the footer as ``nibabel.freesurfer.read_geometry`` gives it.)
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from nibabel.freesurfer.mghformat import MGHError, MGHHeader
from nibabel.spatialimages import HeaderDataError
from nibabel.wrapstruct import WrapStructError
from numpy.typing import NDArray

from meshes.cortical_surface import Cortex, CorticalSurface
from meshes.errors import InputError
from meshes.images import beginning, unpacked, whole_file

CORONAL = np.array([[-1.0, 0, 0], [0, 0, -1], [0, 1, 0]]).T  # columns: the axes of tkRAS' volume
SIDES = ("lh", "rh")
LAYERS = ("white", "pial")
MGH_HEADER_BYTES, GOOD_RAS_AT = 284, 28
STRAIGHT = 0.01  # a volume of both frames may differ by this much


def freesurfer_files(folder: str | Path) -> dict[str, Path]:
    """The surfaces of a FreeSurfer subject (its folder or the ``surf`` in it), and ``mri/orig.mgz`` if it is there.

    Raises
    ------
    InputError
        If a surface is missing.
    """
    folder = Path(folder)
    surf = folder / "surf" if (folder / "surf").is_dir() else folder
    found = {f"{side}.{layer}": _surface(surf, f"{side}.{layer}") for side in SIDES for layer in LAYERS}
    missing = [name for name, path in found.items() if not path.is_file()]
    if missing:
        raise InputError(f"{folder} has no {', '.join(missing)}; give the folder of a FreeSurfer subject")
    volume = surf.resolve().parent / "mri" / "orig.mgz"
    return {**found, "orig.mgz": volume} if volume.is_file() else found


def _surface(surf: Path, name: str) -> Path:
    """A surface's file; since FreeSurfer 7 ``?h.pial`` is a link to ``?h.pial.T1``, which copies lose."""
    plain, linked = surf / name, surf / f"{name}.T1"
    return linked if linked.is_file() and not plain.is_file() else plain


def read_freesurfer(folder: str | Path) -> Cortex:
    """The mid-cortical surfaces of a FreeSurfer subject.

    Parameters
    ----------
    folder : path
        The subject's folder, or the ``surf`` in it.

    Returns
    -------
    Cortex
        In scanner RAS mm: those of the T1 that FreeSurfer was given.

    Raises
    ------
    InputError
        If files are missing, damaged, do not fit together, or do not say where the brain is.
    """
    files = freesurfer_files(folder)
    sides = []
    for side in SIDES:
        white, pial = (_read(files[f"{side}.{layer}"], files.get("orig.mgz")) for layer in LAYERS)
        if white.triangles.shape != pial.triangles.shape or (white.triangles != pial.triangles).any():
            raise InputError(f"{side}.white and {side}.pial in {folder} have different triangles; they are no pair")
        mid = CorticalSurface((white.points_mm + pial.points_mm) / 2, white.triangles)
        # counted outward by the two surfaces themselves, whatever the frame did to the triangles
        outward = np.einsum("ij,ij->", mid.area_vectors_mm2, pial.points_mm - white.points_mm) > 0
        sides.append(mid if outward else CorticalSurface(mid.points_mm, mid.triangles[:, ::-1]))
    return Cortex(sides[0], sides[1], "mean of FreeSurfer's white and pial surfaces")


def sphere_files(folder: str | Path) -> dict[str, Path]:
    """The spheres of a FreeSurfer subject, ``?h.sphere.reg`` or ``?h.sphere``, by role; empty if a side has none."""
    folder = Path(folder)
    surf = folder / "surf" if (folder / "surf").is_dir() else folder
    found = {}
    for side in SIDES:
        there = [path for name in ("sphere.reg", "sphere") if (path := surf / f"{side}.{name}").is_file()]
        if not there:
            return {}
        found[f"{side}.sphere"] = there[0]
    return found


def read_freesurfer_layers(folder: str | Path) -> dict[str, tuple[NDArray, NDArray, NDArray]]:
    """White and pial surface in scanner RAS mm and the sphere of each hemisphere, by ``lh`` and ``rh``, (V, 3) each.

    Raises
    ------
    InputError
        If a file is missing or damaged.
    """
    files, spheres = freesurfer_files(folder), sphere_files(folder)
    found = {}
    for side in SIDES:
        white, pial = (_read(files[f"{side}.{layer}"], files.get("orig.mgz")).points_mm for layer in LAYERS)
        path = spheres[f"{side}.sphere"]
        whole_file(path)
        try:
            sphere = np.asarray(nib.freesurfer.read_geometry(path)[0], np.float64)
        except (OSError, ValueError, IndexError, EOFError, OverflowError, MemoryError) as error:
            raise InputError(f"{path} is truncated or no FreeSurfer surface; copy or make it again") from error
        found[side] = (white, pial, sphere)
    return found


def scanner_from_tk(geometry: Mapping[str, Any]) -> NDArray[np.float64]:
    """The matrix from tkRAS to scanner RAS, (4, 4), from a surface file's footer.

    Examples
    --------
    >>> conformed = dict(xras=[-1, 0, 0], yras=[0, 0, -1], zras=[0, 1, 0], cras=[1.5, -20, 7])
    >>> scanner_from_tk(conformed)[:3].tolist()
    [[1.0, 0.0, 0.0, 1.5], [0.0, 1.0, 0.0, -20.0], [0.0, 0.0, 1.0, 7.0]]
    """
    matrix = np.eye(4)
    matrix[:3, :3] = np.column_stack([geometry[axis] for axis in ("xras", "yras", "zras")]) @ CORONAL.T
    matrix[:3, 3] = geometry["cras"]
    return matrix


def scanner_from_volume(path: Path) -> NDArray[np.float64]:
    """The matrix from tkRAS to scanner RAS, (4, 4), from ``mri/orig.mgz``.

    Raises
    ------
    InputError
        If it is no such volume, is cut short, or does not know its place in the scanner (goodRASFlag 0).
    """
    block = beginning(path)
    try:
        header = MGHHeader(block[: MGHHeader.template_dtype.itemsize])
        shape = tuple(int(n) for n in header.get_data_shape())
        size = math.prod(shape) * header.get_data_dtype().itemsize
        if min(shape) < 1:
            raise ValueError("a volume without voxels")
    except (WrapStructError, HeaderDataError, MGHError, ValueError, KeyError) as error:
        raise InputError(f"{path} is no FreeSurfer volume; give the subject's own mri/orig.mgz") from error
    unpacked(path, MGH_HEADER_BYTES + size)
    if int.from_bytes(block[GOOD_RAS_AT : GOOD_RAS_AT + 2], "big") != 1:
        raise InputError(f"{path} does not know its place in the scanner; run recon-all from an image that does")
    to_ras, to_tk = header.get_vox2ras(), header.get_vox2ras_tkr()
    if not all(np.isfinite(each).all() and abs(np.linalg.det(each)) > 1e-6 for each in (to_ras, to_tk)):
        raise InputError(f"{path} has a damaged place in its header; copy or make it again")
    matrix: NDArray[np.float64] = to_ras @ np.linalg.inv(to_tk)
    if abs(abs(np.linalg.det(matrix[:3, :3])) - 1) > STRAIGHT:
        raise InputError(f"{path} has a damaged place in its header; copy or make it again")
    return matrix


def _read(path: Path, volume: Path | None) -> CorticalSurface:
    whole_file(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # nibabel warns where there is no footer; that is looked at below
            points, triangles, geometry = nib.freesurfer.read_geometry(path, read_metadata=True)
        if not np.isfinite(points).all():
            raise ValueError("points that are no numbers")
        surface = CorticalSurface(points, triangles)
    except (OSError, ValueError, IndexError, EOFError, OverflowError, MemoryError, InputError) as error:
        raise InputError(f"{path} is truncated or no FreeSurfer surface; copy or make it again") from error
    if str(geometry.get("valid", "")).split()[:1] == ["1"]:
        matrix = _footer_matrix(geometry, path)
    elif volume is not None:
        matrix = scanner_from_volume(volume)
    else:
        raise InputError(f"{path} does not say where the brain is, and there is no mri/orig.mgz; give the whole folder")
    return CorticalSurface(surface.points_mm @ matrix[:3, :3].T + matrix[:3, 3], surface.triangles)


def _footer_matrix(geometry: Mapping[str, Any], path: Path) -> NDArray[np.float64]:
    try:
        matrix = scanner_from_tk(geometry)
    except (KeyError, ValueError, TypeError):
        matrix = np.full((4, 4), np.nan)
    if not np.isfinite(matrix).all() or abs(abs(np.linalg.det(matrix[:3, :3])) - 1) > STRAIGHT:
        raise InputError(f"the end of {path}, which says where the brain is, is damaged; copy or make it again")
    return matrix
