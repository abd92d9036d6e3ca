"""Whether a warp that was brought along takes the template's brain to where this head has its own."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from atlases.registration import template_brain, warp_grid
from atlases.warp import MniWarp
from meshes.errors import InputError
from meshes.head import HeadMesh
from meshes.image_fit import cube_of_shifts
from meshes.rasterise import grid_around, labels_on_grid

BRAIN = (1, 2)
STEP_MM = 4.0  # between points of MNI152; a brain is 30 of them wide
VOXEL_MM = 2.0
# tried first, then round the best, with every how many-th point
SHIFTS_MM = ((np.arange(-75.0, 76.0, 15.0), 61), (np.array([-7.0, 0.0, 7.0]), 17), (np.array([-3.0, 0.0, 3.0]), 7))
SURE_OVERLAP = 0.85  # from here on no better place is looked for: 10 mm off it is below
LEAST_SHIFT_MM, LEAST_GAIN = 8.0, 0.05  # what a better place must be away and gain to be believed
LEAST_OVERLAP = 0.5  # Dice; of a head with its own registration 0.9 and more


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
    points = warp_grid(STEP_MM).reshape(-1, 3)
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
