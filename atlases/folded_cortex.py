"""Both hemispheres folded and brought onto the group's: from the shares of their tissues, or from surfaces with spheres."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import numpy as np

from atlases.fslr import group_cortex
from meshes.cortical_surface import Cortex, Folds
from meshes.folds.cat_surf import CAT_SURF
from meshes.folds.hemisphere import depth_mm, fold, unfold
from meshes.formats.cortex_files import Layers
from meshes.segmentation.hemisphere_shares import HemisphereShares

NAMES = {"lh": "left hemisphere", "rh": "right hemisphere"}
T = TypeVar("T")


def folded_cortex(shares: Mapping[str, HemisphereShares], log_folder: Path, source: str) -> Cortex:
    """The cortex from the white and grey matter of its hemispheres, both at once.

    Parameters
    ----------
    shares : mapping
        By ``lh`` and ``rh``.
    log_folder : Path
        Gets a log for each side, ``cat-surf-lh.log`` and ``cat-surf-rh.log``.
    source : str
        Where the tissues came from, in words.

    Raises
    ------
    InputError
        If CAT-Surf cannot be had, or a hemisphere has no usable surface.
    """

    def one(side: str, folder: Path) -> tuple:
        return fold(shares[side], group_cortex(side).surface, folder, _log(log_folder, side), NAMES[side])

    made = _both(one)
    folds = {side: each[1] for side, each in made.items()}
    return Cortex(made["lh"][0], made["rh"][0], f"by its folds, from {source} ({CAT_SURF.replace('==', ' ')})", folds)


def unfolded_cortex(cortex: Cortex, layers: Mapping[str, Layers], log_folder: Path) -> Cortex:
    """A cortex that came with spheres of its own, brought onto the group's.

    Parameters
    ----------
    cortex : Cortex
        Closed surfaces.
    layers : mapping
        By ``lh`` and ``rh``: white and pial surface, and sphere, vertex for vertex.
    log_folder : Path

    Raises
    ------
    InputError
        If CAT-Surf cannot be had, or a sphere is none.
    """

    def one(side: str, folder: Path) -> Folds:
        surface, given, log_file = cortex.hemispheres[side], layers[side], _log(log_folder, side)
        group = group_cortex(side).surface
        sphere, fslr = unfold(surface.points_mm, surface.triangles, group, folder, log_file, NAMES[side], given.sphere)
        thickness = np.linalg.norm(given.pial_mm - given.white_mm, axis=1)
        depth = depth_mm(surface.points_mm, surface.triangles, folder, log_file)
        return Folds(given.white_mm, given.pial_mm, thickness, depth, sphere, fslr, group.is_cortex(fslr))

    return replace(cortex, folds=_both(one))


def _both(one: Callable[[str, Path], T]) -> dict[str, T]:
    """What a function makes of each side, both at once, each with a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="target-folds-") as work, ThreadPoolExecutor(2) as pool:
        for side in NAMES:
            (Path(work) / side).mkdir()
        jobs = {side: pool.submit(one, side, Path(work) / side) for side in NAMES}
        return {side: job.result() for side, job in jobs.items()}


def _log(folder: Path, side: str) -> Path:
    return folder / f"cat-surf-{side}.log"
