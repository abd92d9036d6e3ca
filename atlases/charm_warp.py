"""Read the warp that SimNIBS' ``charm`` leaves in ``m2m_NAME/toMNI``, as an :class:`~atlases.warp.MniWarp`.

``MNI2Conform_nonl.nii.gz`` is an image of MNI152 whose voxels hold where each of them lies in the subject, RAS mm, as
(nx, ny, nz, 3) or (nx, ny, nz, 1, 3); ``Conform2MNI_nonl.nii.gz`` is the same the other way round.  A point is read from
the image of its own space: MNI points from MNI2Conform (SimNIBS documentation, "Coordinates in SimNIBS").

Only MNI2Conform is kept, sampled on a regular grid; the way back is its inverse, so that there and back again is the
same point (charm's two images are inverse to about a millimetre).  Conform2MNI, where it is there, must agree.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from atlases.registration import fitted_warp, template_brain, warp_grid
from atlases.warp import MniWarp
from meshes.errors import InputError
from meshes.images import NiftiImage, open_nifti
from meshes.world import Frame, World, template_world_of, world_of

log = logging.getLogger(__name__)

STEP_MM = 3.0  # of the kept grid, as of a registration; a warp changes over centimetres
FARTHEST_BEND_MM = 40.0  # off the affine; further is no head but the filling outside the image's field
LEAST_VALID = 0.95  # share of the brain that must have coordinates
MOST_APART_MM = 5.0  # median disagreement of the two images; charm's own stay near 1 mm


def read_charm_warp(
    mni_to_subject: str | Path, subject_to_mni: str | Path | None = None, frame: Frame | None = None
) -> MniWarp:
    """Read charm's non-linear warp.

    Parameters
    ----------
    mni_to_subject : path
        ``MNI2Conform_nonl.nii.gz``.
    subject_to_mni : path, optional
        ``Conform2MNI_nonl.nii.gz``, to check the first against.
    frame : {"sform", "qform"}, optional
        Which frame of the second counts, where its two disagree.

    Raises
    ------
    InputError
        If a file is no such image, has no coordinates in the brain, mirrors it, or the two contradict each other.
    """
    path = Path(mni_to_subject)
    grid = warp_grid(STEP_MM)
    points = grid.reshape(-1, 3)
    image = open_nifti(path)
    mapped = _read(image, template_world_of(image), points)
    brain = template_brain(points)
    valid = np.asarray(np.isfinite(mapped).all(axis=1))
    if valid[brain].mean() < LEAST_VALID:
        raise InputError(f"{path.name} has no coordinates in much of the brain; it is damaged or no warp of MNI152")
    mapped[~valid] = 0
    warp = fitted_warp(grid, mapped.reshape(grid.shape), valid.reshape(grid.shape[:3]))
    valid &= np.linalg.norm(warp.displacement_mm.reshape(-1, 3), axis=1) <= FARTHEST_BEND_MM
    if valid[brain].mean() < LEAST_VALID:
        raise InputError(f"{path.name} is no warp of a brain: points of MNI152 fly apart in it; make the folder again")
    if np.linalg.det(warp.affine_mm[:3, :3]) <= 0:
        raise InputError(f"{path.name} mirrors the brain: left would become right; make the folder again")
    # beyond the field the nearest bend goes on, so that the splines inside see no step
    filled = ndimage.distance_transform_edt(~valid.reshape(grid.shape[:3]), return_distances=False, return_indices=True)
    warp = replace(warp, displacement_mm=warp.displacement_mm[tuple(filled)], source=f"charm's own warp ({path.name})")
    if subject_to_mni is not None:
        there = points[brain][::50]
        back = open_nifti(subject_to_mni)
        apart = np.linalg.norm(_read(back, world_of(back, frame), warp.to_subject(there)) - there, axis=1)
        apart_mm = float(np.median(apart[np.isfinite(apart)])) if np.isfinite(apart).any() else float("inf")
        log.info("charm's two warps agree to %.2f mm (median over the brain)", apart_mm)
        if apart_mm > MOST_APART_MM:
            raise InputError(
                f"{path.name} and {Path(subject_to_mni).name} contradict each other by {apart_mm:.0f} mm; "
                "they are not of one subject: make the folder again"
            )
    return warp


def _read(image: NiftiImage, world: World, points_mm: NDArray[np.float64]) -> NDArray[np.float64]:
    """Where an image of coordinates takes points (n, 3), mm: linear between voxels, NaN beyond them."""
    shape = image.shape
    if len(shape) == 5 and shape[3] == 1:
        shape = (*shape[:3], shape[4])
    if len(shape) != 4 or shape[3] != 3 or min(shape[:3]) < 2:
        raise InputError(f"{image.name} has shape {image.shape}: a warp is (nx, ny, nz, 3); give charm's folder whole")
    values = image.values().reshape(shape)
    inverse = np.linalg.inv(world.affine_mm)
    index = (points_mm @ inverse[:3, :3].T + inverse[:3, 3]).T
    beyond = {"order": 1, "mode": "constant", "cval": np.nan, "output": np.float64}
    return np.stack([ndimage.map_coordinates(values[..., i], index, **beyond) for i in range(3)], axis=-1)
