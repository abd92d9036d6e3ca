"""A small head of labels in which nothing is symmetric, on any grid: the truth is a function of the world, not of voxels.

Nested ellipsoids about no round number, a lobe and an eye on the left only, turned against the axes.
"""

import itertools

import nibabel as nib
import numpy as np
from nibabel.orientations import apply_orientation, inv_ornt_aff

MIDDLE_MM = np.array([3.0, -7.5, 11.0])
SHELLS_MM = {
    5: (48.0, 58.0, 52.0),
    4: (42.0, 52.0, 46.0),
    3: (36.0, 46.0, 40.0),
    2: (33.0, 43.0, 37.0),
    1: (25.0, 34.0, 29.0),
}
LOBE_MM, LOBE_RADIUS_MM = np.array([-24.0, 4.0, 22.0]), 15.0  # more grey matter there, skull and scalp bulge with it
EYE_MM, EYE_RADIUS_MM = np.array([-14.0, 47.0, -12.0]), 6.0
TARGET_MM = MIDDLE_MM + np.array([-22.0, 2.0, 23.0])
HALF_MM = np.array([62.0, 72.0, 66.0])
LOW_MM, HIGH_MM = MIDDLE_MM - HALF_MM, MIDDLE_MM + HALF_MM
ORDERS = [  # of voxel axes: all 6 permutations with all 8 flips, as nibabel's orientations (axis, sign)
    np.array(list(zip(axes, signs, strict=True)))
    for axes in itertools.permutations(range(3))
    for signs in itertools.product((1, -1), repeat=3)
]


def labels_at(points_mm):
    """Tissue codes (SimNIBS') at points in RAS mm, (..., 3)."""
    place = np.asarray(points_mm) - MIDDLE_MM
    found = np.zeros(place.shape[:-1], np.uint8)
    inner = SHELLS_MM[2]
    for tissue, half in SHELLS_MM.items():
        thicker = LOBE_RADIUS_MM + np.mean(np.subtract(half, inner))
        inside = ((place / half) ** 2).sum(-1) < 1
        if tissue != 1:
            inside |= np.linalg.norm(place - LOBE_MM, axis=-1) < thicker
        found[inside] = tissue
    found[(np.linalg.norm(place - EYE_MM, axis=-1) < EYE_RADIUS_MM) & (found != 0)] = 6
    return found


def grid(voxel_mm=(1.5, 1.5, 1.5), turn=None, low_mm=LOW_MM, high_mm=HIGH_MM):
    """Shape and affine of a grid that holds the box, its axes turned by ``turn`` (3, 3)."""
    turn = np.eye(3) if turn is None else turn
    middle, half = (low_mm + high_mm) / 2, (high_mm - low_mm) / 2
    reach = half if np.array_equal(turn, np.eye(3)) else np.full(3, np.linalg.norm(half) * 0.75)
    shape = np.ceil(2 * reach / voxel_mm).astype(int)
    affine = np.eye(4)
    affine[:3, :3] = turn * voxel_mm
    affine[:3, 3] = np.round(middle - affine[:3, :3] @ ((shape - 1) / 2), 3)
    return tuple(int(n) for n in shape), affine


def sampled(values_at, shape, affine):
    """A function of the world on a grid's voxels."""
    index = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), -1)
    return values_at(index @ affine[:3, :3].T + affine[:3, 3])


def reordered(values, affine, order):
    """The same image with its voxel axes in another order: (values, affine)."""
    return apply_orientation(values, order), affine @ inv_ornt_aff(order, values.shape[:3])


def save(path, values, affine, codes=(1, 1)):
    """A NIfTI file with these codes of sform and qform."""
    made = nib.Nifti1Image(values, None)
    made.set_sform(affine, codes[0])
    made.set_qform(affine, codes[1])
    nib.save(made, path)
    return path
