"""MNI152 ↔ subject by a non-linear registration of brain tissue: white and grey matter, not the MRI.

Both sides become the same synthetic contrast (white matter 1, grey matter 0.6, all else 0): the subject from its tissue
fields, MNI from the ICBM152 2009a tissue maps that nilearn ships.  So it is the same whether the tissues came from an
MRI, from labels or from a finished mesh, and no scanner contrast matters.  ANTs' affine registration and symmetric
diffeomorphic normalisation (SyN; Avants 2008, Med Image Anal 12:26) do the work.

ITK is handed the RAS coordinates as they are, on grids along the axes: it knows no left or right of its own, so there
is no LPS on the way and nothing to flip.
"""

from __future__ import annotations

import logging
import os
import tempfile
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from atlases.warp import MniWarp, load_warp, save_warp
from meshes.errors import InputError
from meshes.head import HeadMesh
from meshes.image_fit import cube_of_shifts
from meshes.rasterise import grid_around, labels_on_grid
from meshes.tissue_codes import Tissue
from meshes.tissues import Tissues

log = logging.getLogger(__name__)


__all__ = ["MniWarp", "load_warp", "register", "save_warp"]


GREY_CONTRAST = 0.6
STEP_MM = 2.0  # both images; finer cost eight times more for no better overlap
WARP_STEP_MM = 3.0  # the kept displacement; SyN smooths its updates over more than this
MARGIN_MM = 12.0
BRAIN_LITRES = (0.5, 2.5)  # WM + GM of any head that can be meant; adults have 0.9 to 1.5
LEAST_DICE = 0.65  # Colin27 reaches 0.78 white, 0.76 grey; with swapped axes at most 0.56 and 0.62
MOST_TURNED_DEG = 60.0  # a head further off than this cannot be told from one with swapped axes
SEED = 1
# Measured on a known warp of the template (mean, worst error at the targets) and on Colin27 (Dice of grey matter):
# Mattes (40, 20, 0) 0.85, 2.2 mm, 0.76 in 16 s; mean squares (40, 20, 5) 0.71, 2.0 mm in 59 s; Mattes (40, 20, 8) 0.59,
# 1.6 mm, 0.80 in 58 s; correlation did not end within 90 s.  A motor hotspot is found again within 8 mm: speed decides.
SYN: dict[str, Any] = {"aff_metric": "mattes", "syn_metric": "mattes", "reg_iterations": (40, 20, 0)}
BRAIN = (1, 2)
CHECK_STEP_MM = 4.0  # between points of MNI152; a brain is 30 of them wide
VOXEL_MM = 2.0
# tried first, then round the best, with every how many-th point
SHIFTS_MM = ((np.arange(-75.0, 76.0, 15.0), 61), (np.array([-7.0, 0.0, 7.0]), 17), (np.array([-3.0, 0.0, 3.0]), 7))
SURE_OVERLAP = 0.85  # from here on no better place is looked for: 10 mm off it is below
LEAST_SHIFT_MM, LEAST_GAIN = 8.0, 0.05  # what a better place must be away and gain to be believed
LEAST_OVERLAP = 0.5  # Dice; of a head with its own registration 0.9 and more


class NoMatchError(InputError):
    """A head that is no map of MNI152's brain; ``reason`` says why, the message also what to do for a target in MNI152."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        advice = "check that the image is a whole human head in RAS world coordinates, or give the target as ras:x,y,z"
        super().__init__(f"{reason}; {advice}")


def register(tissues: Tissues) -> MniWarp:
    """Find the map between MNI152 and the subject of some tissues.

    Parameters
    ----------
    tissues : Tissues
        The subject; any axis order, voxel size and world origin.

    Returns
    -------
    MniWarp

    Raises
    ------
    InputError
        If there is no whole brain, or the tissues do not come to lie over the template's.
    """
    template, origin = _template()
    brain, brain_origin = _brain_image(tissues)
    log.info("registering the brain to MNI152: affine, then non-linear")
    grid = warp_grid()
    mapped = _ants(template, origin, brain, brain_origin, grid.reshape(-1, 3))
    warp = fitted_warp(grid, mapped.reshape(grid.shape))
    white, grey = _overlap(tissues, warp)
    warp = replace(warp, dice_white=white, dice_grey=grey)
    log.info("overlap with MNI152 (Dice): white matter %.2f, grey matter %.2f", white, grey)
    _check(warp)
    return warp


@cache
def _template() -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """The template's contrast at STEP_MM and the RAS mm of its first voxel."""
    white, grey, affine = template_tissues()
    low = affine[:3, 3]
    high = low + np.array(white.shape) - 1.0
    return _resampled(white + GREY_CONTRAST * grey, affine, low, high), low


@cache
def template_tissues() -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float64]]:
    """White and grey matter of ICBM152 2009a at 1 mm, and their affine (axes along RAS)."""
    from nilearn.datasets import load_mni152_gm_template, load_mni152_wm_template

    white, grey = load_mni152_wm_template(resolution=1), load_mni152_gm_template(resolution=1)
    affine = np.asarray(white.affine, dtype=np.float64)
    assert np.array_equal(affine[:3, :3], np.eye(3)) and np.array_equal(affine, grey.affine)
    return white.get_fdata(dtype=np.float32), grey.get_fdata(dtype=np.float32), affine


def _brain_image(tissues: Tissues) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """The subject's contrast on a grid along RAS at STEP_MM around the brain, and the RAS mm of its first voxel."""
    affine = tissues.affine_mm
    brain = np.isin(tissues.labels, (Tissue.WM, Tissue.GM))
    litres = brain.sum() * abs(np.linalg.det(affine[:3, :3])) / 1e6
    if not BRAIN_LITRES[0] <= litres <= BRAIN_LITRES[1]:
        raise InputError(
            f"white and grey matter fill {litres:.2f} litres, which is no whole brain; check the segmentation or labels"
        )
    places = np.argwhere(brain) @ affine[:3, :3].T + affine[:3, 3]
    low, high = places.min(axis=0) - MARGIN_MM, places.max(axis=0) + MARGIN_MM
    contrast = tissues.fields[..., Tissue.WM] + GREY_CONTRAST * tissues.fields[..., Tissue.GM]
    return _resampled(contrast, affine, low, high), low


def _resampled(
    image: NDArray[np.float32], affine: NDArray[np.float64], low: NDArray[np.float64], high: NDArray[np.float64]
) -> NDArray[np.float32]:
    """An image on the grid low, low + STEP_MM, ... along RAS; smoothed first where its voxels are finer than that."""
    voxel = np.linalg.norm(affine[:3, :3], axis=0)
    image = ndimage.gaussian_filter(image, 0.5 * np.sqrt(np.maximum((STEP_MM / voxel) ** 2 - 1, 0)), mode="nearest")
    shape = tuple(np.ceil((high - low) / STEP_MM).astype(int) + 1)
    inverse = np.linalg.inv(affine)
    index = inverse[:3, :3] @ low + inverse[:3, 3]
    return ndimage.affine_transform(image, inverse[:3, :3] * STEP_MM, index, output_shape=shape, order=1)


def warp_grid(step_mm: float = WARP_STEP_MM) -> NDArray[np.float64]:
    """Points of MNI152 every ``step_mm`` over the template's box, (nx, ny, nz, 3)."""
    white, _, affine = template_tissues()
    axes = [affine[i, 3] + np.arange(0, white.shape[i] + step_mm - 1, step_mm) for i in range(3)]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)


def template_brain(points_mni_mm: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether points of MNI152 (n, 3) lie in the template's white or grey matter, (n,)."""
    white, grey, affine = template_tissues()
    index = (points_mni_mm - affine[:3, 3]).T
    return ndimage.map_coordinates(white + grey, index, order=1, mode="constant") > 0.5


def _ants(
    template: NDArray[np.float32],
    origin_mm: NDArray[np.float64],
    brain: NDArray[np.float32],
    brain_origin_mm: NDArray[np.float64],
    points_mm: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Register with ANTs and take MNI points (n, 3) to the subject."""
    # both are read by the compiled code, and nothing else makes two runs the same: the affine stage jitters its samples,
    # and sums depend on how threads share them (0.2 mm and 0.4 mm at the targets)
    os.environ["ANTS_RANDOM_SEED"] = str(SEED)
    os.environ["ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS"] = "1"
    import ants
    import pandas

    def image(values: NDArray[np.float32], first_mm: NDArray[np.float64]) -> Any:
        return ants.from_numpy(values, origin=[float(c) for c in first_mm], spacing=[STEP_MM] * 3)

    with tempfile.TemporaryDirectory(prefix="target-mni-") as folder:
        found = ants.registration(
            image(template, origin_mm),
            image(brain, brain_origin_mm),
            "SyN",
            outprefix=str(Path(folder) / "to-mni-"),
            **SYN,
        )
        # points travel against the images: what brings the subject's image to MNI takes MNI's points to the subject
        chain = found["fwdtransforms"]
        mapped = ants.apply_transforms_to_points(3, pandas.DataFrame(points_mm, columns=list("xyz")), chain)
    return mapped[["x", "y", "z"]].to_numpy(dtype=np.float64)


def fitted_warp(
    grid_mm: NDArray[np.float64], mapped_mm: NDArray[np.float64], known: NDArray[np.bool_] | None = None
) -> MniWarp:
    """A warp from where grid points of MNI152 go: the best affine over the brain, and what is left.

    Parameters
    ----------
    grid_mm, mapped_mm : (nx, ny, nz, 3)
        Points of :func:`warp_grid`, and where they lie in the subject.
    known : (nx, ny, nz) bool, optional
        False where ``mapped_mm`` says nothing; the affine does without those.
    """
    grid, mapped = grid_mm.reshape(-1, 3), mapped_mm.reshape(-1, 3)
    used = template_brain(grid)
    if known is not None:
        used &= known.ravel()
    fit = np.linalg.lstsq(np.c_[grid, np.ones(len(grid))][used], mapped[used], rcond=None)[0]
    matrix = np.eye(4)
    matrix[:3] = fit.T
    back = (mapped_mm - matrix[:3, 3]) @ np.linalg.inv(matrix[:3, :3]).T
    step_mm = float(grid_mm[1, 0, 0, 0] - grid_mm[0, 0, 0, 0])
    return MniWarp(matrix, (back - grid_mm).astype(np.float32), grid_mm[0, 0, 0], step_mm)


def _overlap(tissues: Tissues, warp: MniWarp) -> tuple[float, float]:
    """Dice overlap of white and of grey matter with the template's, after the warp, at 2 mm."""
    white, grey, affine = template_tissues()
    coarse = np.stack(np.meshgrid(*[np.arange(0, n, 2) for n in white.shape], indexing="ij"), axis=-1).reshape(-1, 3)
    brain = coarse[ndimage.binary_dilation(white + grey > 0.5, iterations=4)[tuple(coarse.T)]]
    inverse = np.linalg.inv(tissues.affine_mm)
    index = inverse[:3, :3] @ warp.to_subject(brain + affine[:3, 3]).T + inverse[:3, 3:]
    dice = []
    for tissue, expected in ((Tissue.WM, white), (Tissue.GM, grey)):
        ours = ndimage.map_coordinates(tissues.fields[..., tissue], index, order=1) > 0.5
        theirs = expected[tuple(brain.T)] > 0.5
        dice.append(2 * (ours & theirs).sum() / max(1, ours.sum() + theirs.sum()))
    return float(dice[0]), float(dice[1])


def _check(warp: MniWarp) -> None:
    """Refuse a warp that is not a plausible map of a brain."""
    linear = warp.affine_mm[:3, :3]
    if np.linalg.det(linear) <= 0 or warp.smallest_jacobian() <= 0:
        raise NoMatchError("the registration to MNI152 folds or mirrors the brain")
    left, _, right = np.linalg.svd(linear)
    turned_deg = float(np.degrees(np.arccos(np.clip((np.trace(left @ right) - 1) / 2, -1, 1))))
    if turned_deg > MOST_TURNED_DEG:
        raise NoMatchError(f"the registration to MNI152 turns the head by {turned_deg:.0f} degrees")
    if min(warp.dice_white, warp.dice_grey) < LEAST_DICE:
        raise NoMatchError(
            f"the brain does not match MNI152 (overlap {warp.dice_white:.2f} white, {warp.dice_grey:.2f} grey matter, "
            f"at least {LEAST_DICE} needed)"
        )


def check_warp_fit(warp: MniWarp, mesh: HeadMesh, name: str) -> None:
    """Refuse a warp that is not this head's.

    The template's white and grey matter, taken to the subject, is laid over the mesh's: Dice's overlap 2 |A ∩ B| / (|A| + |B|),
    here and after shifts.

    Parameters
    ----------
    warp : MniWarp
    mesh : HeadMesh
    name : str
        What to call the warp in a message.

    Raises
    ------
    InputError
        If the two brains hardly overlap, or would overlap much better somewhere else.
    """
    points = warp_grid(CHECK_STEP_MM).reshape(-1, 3)
    template = template_brain(points)
    there = warp.to_subject(points)
    affine, shape = grid_around(mesh, VOXEL_MM)
    brain = np.isin(labels_on_grid(mesh, affine, shape), BRAIN)

    def overlap(shift_mm: NDArray[np.float64], every: int = 1) -> float:
        index = np.rint((there[::every] + shift_mm - affine[:3, 3]) / VOXEL_MM).astype(np.int64)
        inside = ((index >= 0) & (index < shape)).all(axis=1)
        mine = np.zeros(len(index), bool)
        mine[inside] = brain[tuple(index[inside].T)]
        wanted = template[::every]
        return float(2 * (mine & wanted).sum() / max(1, mine.sum() + wanted.sum()))

    here, best = overlap(np.zeros(3)), np.zeros(3)
    if here >= SURE_OVERLAP:
        return
    for steps, every in SHIFTS_MM:
        tried = best + cube_of_shifts(steps)
        best = tried[np.argmax([overlap(shift, every) for shift in tried])]
    away_mm = float(np.linalg.norm(best))
    if away_mm >= LEAST_SHIFT_MM and overlap(best) > max(here + LEAST_GAIN, LEAST_OVERLAP):
        raise InputError(
            f"{name} takes MNI152's brain to a place about {away_mm:.0f} mm from this head's: it is not this head's warp; make "
            "the folder again, or give the mesh file alone and the head is registered anew"
        )
    if here < LEAST_OVERLAP:
        raise InputError(
            f"{name} does not take MNI152's brain to this head's (their overlap is {here:.0%}): it is not this head's warp; "
            "make the folder again, or give the mesh file alone and the head is registered anew"
        )
