"""Whether a diffusion image lies where the head is: its tensors cover the white matter, and fit it best where they are.

Two things tell the place.  In an image that was masked, tensors are in the brain and not in skull and scalp; in any image,
water is more directed in white matter than in grey.  Both are looked at where the image lies and with the image moved by
:data:`SHIFTS_MM`; one that fits clearly better elsewhere was not registered.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from meshes.errors import InputError
from meshes.head import HeadMesh
from meshes.shifts import cube_of_shifts
from meshes.tissue_codes import SOFT_CODES, Tissue

if TYPE_CHECKING:
    from targeting.fem.anisotropy import DiffusionImage

FEWEST_POSITIVE = 0.5  # of the voxels with a tensor in white matter; fewer: these are no tensors of this head
FEWEST_COVERED = 0.6  # of the white matter; a scan that misses brainstem and cerebellum still has 0.75
# along each axis, fine near by and coarse beyond; less than half a fine step off is not told from distortions of the scan
SHIFTS_MM = (np.arange(-24.0, 25.0, 8.0), np.arange(-64.0, 65.0, 16.0))
GAIN_COVERED = 0.1  # more of the brain, or less of skull and scalp, with tensors
GAIN_DIRECTED = 0.05  # in the mean of fractional anisotropy in white matter over that in grey: 0.2 to 0.3 where it fits
MASKED = 1.7  # of the brain and the CSF around it: tensors in more than that are of an image without a mask
HARM = 0.2  # of these gains, that the one may lose where the other wins
MOST_POINTS = 5_000  # of each tissue
BONE_AND_SKIN = (Tissue.SKULL, 7, 8, *SOFT_CODES)


def check_place(diffusion: DiffusionImage, head: HeadMesh) -> None:
    """Refuse an image that is not this head's, or not where the head is.

    Raises
    ------
    InputError
        If most tensors in white matter are not positive, much of it has none, or the image fits better elsewhere.
    """
    white = head.tissue == Tissue.WM
    at = diffusion.voxels(head.centroids_mm[white])
    volumes = head.volumes_mm3[white]
    usable, broken = _taken(diffusion.usable, at), _taken(diffusion.broken, at)
    positive, filled = float(volumes[usable].sum()), float(volumes[usable | broken].sum())
    if positive < FEWEST_POSITIVE * filled:
        raise InputError(
            f"{diffusion.name}: only {positive / filled:.0%} of its tensors in this head's white matter are positive in the "
            f"order '{diffusion.order}'; it is not registered to the T1, or its six volumes are in another order"
        )
    if positive < FEWEST_COVERED * volumes.sum():
        raise InputError(
            f"{diffusion.name} has tensors for only {positive / volumes.sum():.0%} of this head's white matter: it must be "
            "registered to the T1 (same world, RAS mm) and show the whole brain"
        )
    off_mm = misplaced_mm(diffusion, head)
    if off_mm is not None:
        words = ", ".join(f"{each:g}" for each in off_mm)
        raise InputError(
            f"{diffusion.name} does not lie where this head is: moved by about ({words}) mm it would fit better; register it "
            "to the T1"
        )


def misplaced_mm(diffusion: DiffusionImage, head: HeadMesh) -> NDArray[np.float64] | None:
    """The shift of :data:`SHIFTS_MM`, (3,), by which the image would fit the head clearly better; None if there is none."""
    groups = [head.tissue == Tissue.WM, head.tissue == Tissue.GM, np.isin(head.tissue, BONE_AND_SKIN)]
    points = []
    for group in groups:
        tets = np.flatnonzero(group)
        points.append(head.centroids_mm[tets[:: max(len(tets) // MOST_POINTS, 1)]])
    if not all(len(each) for each in points):
        return None
    usable, directed = diffusion.usable, diffusion.fractional_anisotropy()
    shifts = np.unique(np.vstack([cube_of_shifts(steps) for steps in SHIFTS_MM]), axis=0)
    scores = np.array([_fit(usable, directed, [diffusion.voxels(each - shift) for each in points]) for shift in shifts])
    here = scores[(shifts == 0).all(axis=1)][0]
    gains = (scores - here) / [GAIN_COVERED, GAIN_DIRECTED]
    brain_mm3 = head.volumes_mm3[np.isin(head.tissue, (Tissue.WM, Tissue.GM, Tissue.CSF))].sum()
    if usable.sum() * abs(np.linalg.det(diffusion.affine_mm[:3, :3])) > MASKED * brain_mm3:
        gains[:, 0] = 0  # nothing was masked: that there is a tensor tells no place
    gains[gains.min(axis=1) < -HARM] = 0  # better in one way and worse in the other is no better
    best = int(gains.sum(axis=1).argmax())
    return shifts[best] if gains[best].max() > 1 else None


def _fit(usable: NDArray[np.bool_], directed: NDArray[np.float32], at: list[NDArray[np.int64]]) -> tuple[float, float]:
    """How well an image fits, by the voxels of white, grey and outer tissue: where it has tensors, and where directed ones."""
    white, grey, outer = (_taken(usable, each) for each in at)
    covered = float((white.mean() + grey.mean()) / 2 - outer.mean())
    if min(white.mean(), grey.mean()) < 0.2:  # too little of either to compare
        return covered, 0.0
    return covered, float(_taken(directed, at[0])[white].mean() - _taken(directed, at[1])[grey].mean())


def _taken(values: NDArray[Any], at: NDArray[np.int64]) -> NDArray[Any]:
    """Values at voxels (n, 3); zero outside the image."""
    inside = ((at >= 0) & (at < values.shape)).all(axis=1)
    found = np.zeros(len(at), values.dtype)
    found[inside] = values[tuple(at[inside].T)]
    return found
