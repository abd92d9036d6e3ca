"""Morphology of masks in millimetres, so that it means the same on any voxel size, isotropic or not.

A mask is grown or shrunk by a ball through the Euclidean distance transform: a voxel is inside the ball of radius r when its
centre is at most r away.  Outside the grid there is nothing (False).
"""

from __future__ import annotations

from collections.abc import Sequence

import edt
import numpy as np
import scipy.ndimage as ndi
from numpy.typing import NDArray

Mask = NDArray[np.bool_]
VoxelMm = Sequence[float] | NDArray[np.float64]  # edge lengths of a voxel, (3,)

FACES_6 = ndi.generate_binary_structure(3, 1)  # neighbours through a face
CLOSE_ENOUGH_MM = 0.01  # a centre exactly r away counts as inside, whatever the rounding


def dilate(mask: Mask, radius_mm: float, voxel_mm: VoxelMm) -> Mask:
    """The mask grown by a ball."""
    out = mask.copy()
    if mask.any():
        near = _box(mask, radius_mm, voxel_mm)
        out[near] = _distance_mm(~mask[near], voxel_mm, beyond_is_outside=False) <= radius_mm + CLOSE_ENOUGH_MM
    return out


def erode(mask: Mask, radius_mm: float, voxel_mm: VoxelMm) -> Mask:
    """The mask shrunk by a ball; what lies beyond the grid counts as outside."""
    return depth_mm(mask, voxel_mm) > radius_mm + CLOSE_ENOUGH_MM


def depth_mm(mask: Mask, voxel_mm: VoxelMm) -> NDArray[np.float32]:
    """Distance of each voxel of the mask to the nearest voxel outside it, which may lie beyond the grid; 0 outside."""
    out = np.zeros(mask.shape, np.float32)
    if mask.any():
        near = _box(mask, 0.0, voxel_mm)
        out[near] = _distance_mm(mask[near], voxel_mm, beyond_is_outside=True)
    return out


def _distance_mm(mask: Mask, voxel_mm: VoxelMm, beyond_is_outside: bool) -> NDArray[np.float32]:
    """Distance of each voxel of the mask to the nearest one outside it; 0 outside."""
    edges_mm = tuple(float(v) for v in voxel_mm)
    return edt.edt(np.ascontiguousarray(mask), anisotropy=edges_mm, black_border=beyond_is_outside, parallel=0)


def _box(mask: Mask, radius_mm: float, voxel_mm: VoxelMm) -> tuple[slice, ...]:
    """The part of the grid within a distance of the mask's bounding box."""
    reach = [int(np.ceil(radius_mm / v)) + 1 for v in voxel_mm]
    box = ndi.find_objects(mask.astype(np.uint8))[0]
    return tuple(slice(max(s.start - r, 0), s.stop + r) for s, r in zip(box, reach, strict=True))


def close_gaps(mask: Mask, radius_mm: float, voxel_mm: VoxelMm) -> Mask:
    """Closing: fills gaps narrower than the ball (beyond the grid there is nothing)."""
    pad = [(int(np.ceil(radius_mm / v)) + 1,) * 2 for v in voxel_mm]
    closed = erode(dilate(np.pad(mask, pad), radius_mm, voxel_mm), radius_mm, voxel_mm)
    return closed[tuple(slice(a, -b) for a, b in pad)] | mask


def drop_thin(mask: Mask, radius_mm: float, voxel_mm: VoxelMm) -> Mask:
    """Opening: drops what is thinner than the ball."""
    return dilate(erode(mask, radius_mm, voxel_mm), radius_mm, voxel_mm) & mask


def fill_holes(mask: Mask) -> Mask:
    """The mask with every enclosed cavity filled."""
    return ndi.binary_fill_holes(mask)


def largest(mask: Mask) -> Mask:
    """The largest face-connected piece."""
    pieces, n = ndi.label(mask, FACES_6)
    return pieces == 1 + np.argmax(np.bincount(pieces.ravel())[1:]) if n > 1 else mask.copy()


def rounded(mask: Mask, sigma_mm: float, voxel_mm: VoxelMm) -> Mask:
    """The mask with its surface smoothed: a Gaussian of the mask, cut at one half."""
    return ndi.gaussian_filter(mask.astype(np.float32), sigma_mm / np.asarray(voxel_mm)) > 0.5


def grown(mask: Mask, axis: int) -> Mask:
    """The mask grown by one voxel either way along an axis."""
    out = mask.copy()
    there, here = np.moveaxis(out, axis, 0), np.moveaxis(mask, axis, 0)
    there[1:] |= here[:-1]
    there[:-1] |= here[1:]
    return out


def through_edges(mask: Mask) -> Mask:
    """The mask grown by one voxel through faces and edges: by a square in each of the three planes."""
    x, y = grown(mask, 0), grown(mask, 1)
    return grown(x, 1) | grown(x, 2) | grown(y, 2)


def without_rim(mask: Mask) -> Mask:
    """The mask without its voxels that have a face to the outside, which is also beyond the grid."""
    out = np.zeros_like(mask)
    outside = ~mask
    near = grown(outside, 0) | grown(outside, 1) | grown(outside, 2)
    out[1:-1, 1:-1, 1:-1] = ~near[1:-1, 1:-1, 1:-1]
    return out


def neighbours(mask: Mask, reach_mm: float, voxel_mm: VoxelMm) -> Mask:
    """The mask grown by one voxel through faces and edges, or by ``reach_mm`` where voxels are smaller than that."""
    near = through_edges(mask)
    return near | dilate(mask, reach_mm, voxel_mm) if min(voxel_mm) <= reach_mm / 2 else near


def without_specks(labels: NDArray[np.uint8], smallest_mm3: dict[int, float], voxel_mm: VoxelMm) -> NDArray[np.uint8]:
    """Pieces of a label smaller than its ``smallest_mm3`` take the label of the nearest voxel that stays."""
    specks = np.zeros(labels.shape, bool)
    for label, volume in smallest_mm3.items():
        pieces, _ = ndi.label(labels == label, FACES_6)
        size = np.bincount(pieces.ravel()) * float(np.prod(voxel_mm))
        size[0] = np.inf
        specks |= size[pieces] < volume
    if not specks.any() or specks.all():
        return labels
    nearest = ndi.distance_transform_edt(specks, sampling=voxel_mm, return_distances=False, return_indices=True)
    return labels[tuple(nearest)]
