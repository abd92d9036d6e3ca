"""Clean the labels of a segmentation so that a head model can be built on them.

A segmentation decides voxel by voxel; a head is made of closed layers.  :func:`clean_labels` rebuilds those layers from the
outside in: the head as one solid, the skull as a closed shell inside it, CSF everywhere between brain and skull.
:func:`close_layers` then holds the three contacts that must never happen (brain to skull or scalp, CSF to scalp or outside),
and is what user-made labels go through too.

Choices: air inside the head (sinuses, nose, throat) takes the tissue of its nearest wall, which around the sinuses is bone,
that conducts hardly more than air: the head is solid and has one outer surface.  Where the image cuts the head (neck, spinal
canal) the layers close over the cut.  Lengths are millimetres; those of 1 mm mean "one voxel at the usual 1 mm".
"""

from __future__ import annotations

import numpy as np
import scipy.ndimage as ndi
from numpy.typing import NDArray

from meshes.segmentation.morphology import (
    Mask,
    VoxelMm,
    close_gaps,
    dilate,
    drop_thin,
    erode,
    fill_holes,
    largest,
    neighbours,
    rounded,
    without_rim,
    without_specks,
)
from meshes.tissue_codes import Tissue, among

Labels = NDArray[np.uint8]

LEAST_LAYER_MM = 1.0  # CSF under the skull, skull under the scalp
SCALP_OVER_SKULL_MM = 2.0
HEAD_OVER_BRAIN_CASE_MM = 5.0  # 2 scalp + 3 skull: the least between the inside of the skull and the outside
SMALLEST_MM3 = {  # smaller pieces are specks
    Tissue.WM: 200.0,
    Tissue.GM: 200.0,
    Tissue.CSF: 30.0,
    Tissue.SKULL: 300.0,
    Tissue.SCALP: 1000.0,
    Tissue.EYES: 500.0,
}
BRAIN = (Tissue.WM, Tissue.GM)
FORBIDDEN = (  # tissues that must not touch
    (BRAIN, (Tissue.OUTSIDE, Tissue.SKULL, Tissue.SCALP, Tissue.EYES)),
    ((Tissue.CSF,), (Tissue.OUTSIDE, Tissue.SCALP, Tissue.EYES)),
)


def clean_labels(labels: Labels, voxel_mm: VoxelMm) -> Labels:
    """Closed layers out of raw labels (0 outside, 1-6 tissues).

    The grid must have an empty margin around the head, and its third axis must run roughly from foot to head.
    """
    head = head_mask(labels, voxel_mm)
    labels = without_air(labels, head, voxel_mm)
    brain = brain_mask(labels, voxel_mm)
    inside = brain_case(labels, brain, head, voxel_mm)
    brain &= erode(inside, LEAST_LAYER_MM, voxel_mm)
    white = white_matter(labels, voxel_mm) & brain
    skull = skull_mask(labels, inside, head, voxel_mm)
    eyes = drop_thin(labels == Tissue.EYES, LEAST_LAYER_MM, voxel_mm) & head & ~skull & ~inside
    out = np.zeros(labels.shape, np.uint8)
    for mask, tissue in (
        (head, Tissue.SCALP),
        (eyes, Tissue.EYES),
        (skull, Tissue.SKULL),
        (inside, Tissue.CSF),
        (brain, Tissue.GM),
        (white, Tissue.WM),
    ):
        out[mask] = tissue
    out = without_specks(out, {int(t): v for t, v in SMALLEST_MM3.items()}, voxel_mm)
    out = close_layers(out, voxel_mm)
    return bone_islands(out)


def tidy_labels(labels: Labels, voxel_mm: VoxelMm) -> Labels:
    """Labels someone made with care, kept but for what a mesh cannot have: enclosed air, specks, open layers."""
    out = without_air(labels, fill_holes(labels > 0), voxel_mm)
    out = without_specks(out, {int(t): v for t, v in SMALLEST_MM3.items()}, voxel_mm)
    return close_layers(out, voxel_mm)


def head_mask(labels: Labels, voxel_mm: VoxelMm) -> Mask:
    """The head as one solid piece: gaps closed, cavities filled, threads cut, surface rounded.

    Cavities are filled level by level too, because throat and sinuses may be open where the image ends.
    """
    solid = close_gaps(labels > 0, 3.0, voxel_mm)
    for level in np.moveaxis(solid, 2, 0):
        level[:] = fill_holes(level)
    solid = fill_holes(solid)
    solid = fill_holes(largest(drop_thin(solid, 2.0, voxel_mm)))
    return largest(rounded(solid, 1.0, voxel_mm))


def without_air(labels: Labels, head: Mask, voxel_mm: VoxelMm) -> Labels:
    """Air inside the head takes the tissue, bone or soft, of the nearest wall."""
    air = head & (labels == Tissue.OUTSIDE)
    walls = among(labels, (Tissue.SKULL, Tissue.SCALP))
    if not air.any() or not walls.any():
        return labels
    nearest = ndi.distance_transform_edt(~walls, sampling=voxel_mm, return_distances=False, return_indices=True)
    out = labels.copy()
    out[air] = labels[tuple(index[air] for index in nearest)]
    return out


def brain_mask(labels: Labels, voxel_mm: VoxelMm) -> Mask:
    """White and grey matter in one piece, threads cut."""
    return largest(drop_thin(among(labels, BRAIN), LEAST_LAYER_MM, voxel_mm))


def white_matter(labels: Labels, voxel_mm: VoxelMm) -> Mask:
    """White matter in one piece; gyral blades one voxel thin are kept next to thicker white matter."""
    white = labels == Tissue.WM
    thick = drop_thin(white, LEAST_LAYER_MM, voxel_mm)
    return largest(thick | white & dilate(thick, LEAST_LAYER_MM, voxel_mm))


def brain_case(labels: Labels, brain: Mask, head: Mask, voxel_mm: VoxelMm) -> Mask:
    """All that lies inside the skull: brain and CSF, one smooth solid, a voxel larger than the brain.

    Parameters
    ----------
    labels : (nx, ny, nz) int
        Tissue codes.
    brain : (nx, ny, nz) bool
        Mask.
    head : (nx, ny, nz) bool
        Mask.
    voxel_mm : (3,) float
        Voxel size.
    """
    inside = close_gaps(among(labels, (*BRAIN, Tissue.CSF)) | brain, 2.0, voxel_mm)
    inside = fill_holes(largest(drop_thin(inside, 2.0, voxel_mm))) | neighbours(brain, LEAST_LAYER_MM, voxel_mm)
    inside = fill_holes(rounded(inside, 1.0, voxel_mm) | dilate(brain, LEAST_LAYER_MM, voxel_mm))
    return inside & erode(head, HEAD_OVER_BRAIN_CASE_MM, voxel_mm)


def skull_mask(labels: Labels, inside: Mask, head: Mask, voxel_mm: VoxelMm) -> Mask:
    """Bone in one piece with the shell that closes around the brain case, at least 2 mm thick, under at least 2 mm of scalp.

    Parameters
    ----------
    labels : (nx, ny, nz) int
        Tissue codes.
    inside : (nx, ny, nz) bool
        The brain case.
    head : (nx, ny, nz) bool
        Mask.
    voxel_mm : (3,) float
        Voxel size.
    """
    bone = close_gaps((labels == Tissue.SKULL) | inside, 4.0, voxel_mm) | dilate(inside, 2.0, voxel_mm)
    solid = largest(drop_thin(bone, LEAST_LAYER_MM, voxel_mm) | inside)
    return solid & ~inside & erode(head, SCALP_OVER_SKULL_MM, voxel_mm)


def bone_islands(labels: Labels) -> Labels:
    """Soft tissue locked inside bone (marrow, mucosa of the sinuses) becomes bone, so that the scalp is one piece."""
    scalp = labels == Tissue.SCALP
    out = labels.copy()
    out[scalp & ~largest(scalp)] = Tissue.SKULL
    return out


def close_layers(labels: Labels, voxel_mm: VoxelMm) -> Labels:
    """At least a voxel of CSF around the brain and of skull around the CSF, counting neighbours through faces and edges.

    The head's outermost voxels are left alone, so that skull never meets the outside.
    """
    out = labels.copy()
    near_brain = neighbours(among(out, BRAIN), LEAST_LAYER_MM, voxel_mm)
    out[near_brain & among(out, FORBIDDEN[0][1])] = Tissue.CSF
    near_csf = neighbours(out == Tissue.CSF, LEAST_LAYER_MM, voxel_mm)
    deep = without_rim(out > 0)
    out[near_csf & deep & among(out, FORBIDDEN[1][1])] = Tissue.SKULL
    return out


def forbidden_contacts(labels: Labels) -> int:
    """How many voxel faces join tissues that must not touch (``FORBIDDEN``)."""
    return sum(
        int((among(a, one) & among(b, other)).sum())
        for axis in range(3)
        for low, high in [(np.moveaxis(labels, axis, 0)[:-1], np.moveaxis(labels, axis, 0)[1:])]
        for a, b in [(low, high), (high, low)]
        for one, other in FORBIDDEN
    )
