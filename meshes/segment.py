"""Segment an MRI: check it, run SAMSEG, close the layers and make smooth tissue fields; keep what the cortex is made from."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from meshes.tissues import Tissues

if TYPE_CHECKING:
    from meshes.mri import Mri
    from meshes.segmentation.hemisphere_shares import HemisphereShares
    from meshes.world import Frame

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Segmentation:
    """What SAMSEG found in an MRI.

    Parameters
    ----------
    tissues : Tissues
        The six tissues of the head.
    structures : (nx, ny, nz) int16
        The brain's structures in FreeSurfer's codes, on the T1's voxels (axes nearest RAS).
    affine_mm : (4, 4) float64
        Of the structures.
    shares : mapping of str to HemisphereShares
        White and grey matter of the hemispheres, by ``lh`` and ``rh``: what the cortex is made from.
    """

    tissues: Tissues
    structures: NDArray[np.int16]
    affine_mm: NDArray[np.float64]
    shares: Mapping[str, HemisphereShares]


def segment(
    t1: str | Path,
    t2: str | Path | None = None,
    work_dir: str | Path = ".",
    threads: int = 2,
    frame: Frame | None = None,
) -> Tissues:
    """Tissues of a head from its T1.

    Parameters
    ----------
    t1 : path
        T1-weighted MRI of the whole head, NIfTI, voxels up to 1.5 mm.
    t2 : path, optional
        T2-weighted MRI of the same head; it is registered to the T1.
    work_dir : path
        Folder for what lies in between; ``samseg.log`` stays there.
    threads : int
        How many SAMSEG may use.
    frame : {"sform", "qform"}, optional
        Which frame of the images to use where the two disagree.

    Returns
    -------
    Tissues
        In the T1's world frame (RAS mm), on its voxels (axes nearest RAS), cut to the head with a margin.

    Raises
    ------
    InputError
        If an image cannot be used, or SAMSEG cannot be set up or fails.

    Examples
    --------
    >>> from pathlib import Path
    >>> from meshes.segment import segment
    >>> segment("no-such-file.nii.gz", work_dir=Path("."))
    Traceback (most recent call last):
        ...
    meshes.errors.InputError: there is no file no-such-file.nii.gz; check the path
    """
    from meshes.mri import read_mri

    images = [read_mri(path, frame) for path in (t1, t2) if path is not None]
    for image in images:
        for warning in image.warnings:
            log.warning(warning)
    return segment_checked(images[0], images[1] if t2 is not None else None, Path(work_dir), threads).tissues


def segment_checked(t1: Mri, t2: Mri | None, work_dir: Path, threads: int = 2) -> Segmentation:
    """Tissues and structures from MRIs that :func:`~meshes.mri.read_mri` has read.

    Parameters
    ----------
    t1 : Mri
    t2 : Mri, optional
    work_dir : path
        For SAMSEG's files.
    threads : int
    """
    from meshes.mri import save_canonical
    from meshes.segmentation.hemisphere_shares import read_structures, shares_from_samseg
    from meshes.segmentation.posteriors import tissues_from_posteriors
    from meshes.segmentation.samseg import run_samseg

    work_dir.mkdir(parents=True, exist_ok=True)
    run_dir = work_dir / "samseg"
    shutil.rmtree(run_dir, ignore_errors=True)
    run_dir.mkdir()
    try:
        inputs = []
        for name, image in (("t1.nii", t1), ("t2.nii", t2)):
            if image is not None:
                inputs.append(run_dir / name)
                save_canonical(image, inputs[-1])
        posteriors = run_samseg(
            inputs[0], inputs[1] if t2 is not None else None, run_dir / "out", work_dir / "samseg.log", threads
        )
        log.info("closing the layers of the head")
        structures, _ = read_structures(posteriors)
        shares = shares_from_samseg(posteriors, structures, t1.affine_mm)
        return Segmentation(tissues_from_posteriors(posteriors, t1.affine_mm), structures, t1.affine_mm, shares)
    finally:
        shutil.rmtree(run_dir, ignore_errors=True)
