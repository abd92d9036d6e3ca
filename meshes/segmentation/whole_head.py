"""Check that a volume shows a whole head.

The head is told from the air by a threshold on a 2 mm copy.  Two things follow from its shape and shading:

*Scalp.*  Going inwards from the surface of a head's upper part, a T1 or T2 is bright (scalp), dark (skull, and on a T1 CSF),
bright again (brain); a brain-extracted image only gets brighter, and is as small as a brain.

*Cut.*  Where the head runs into the edge of the volume it is cut.  At the top, and on the sides, front and back above the
lowest part of the brain, that takes scalp off the brain: an error.  Lower down it takes ears, nose or neck: a warning.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.ndimage as ndi
from numpy.typing import NDArray

from meshes.errors import InputError
from meshes.segmentation.morphology import depth_mm

GRID_MM = 2.0
AIR = 0.15  # of the bright tissue's intensity; the noise of air is below, skin above
LEAST_HEAD_ML = 1200.0  # smaller than any head with its scalp
STRIPPED_BELOW_ML = 2500.0  # brains are up to 1.9 l (some more for MNI scaling), heads of adults 3 to 5 l
SKULL_DIP = 0.8  # skull is darker than this times the scalp over it (Colin27: 0.28; brain-extracted: 1)
TOP_MM = 70.0  # the upper part of the head, where skull lies flat under scalp
LEAST_HEIGHT_MM = 125.0  # vertex to the lowest brain, at least
FULL_HEIGHT_MM = 180.0  # vertex to the neck
BRAIN_LEVEL_MM = {
    "left": 90.0,
    "right": 90.0,
    "front": 85.0,
    "back": 110.0,
    "top": np.inf,
}  # below the vertex: over brain
CUT_CM2 = 10.0  # a ball of a head's size cut 2 mm deep
TRIMMED_CUT_CM2 = 20.0  # the same where the edge was found from empty planes, which touch any head
SPECK_ML = 2.0  # smaller bright pieces are noise
TOUCH_CM2 = 1.0
MASKED_MM = 8.0  # what masking leaves without numbers may reach this far into the head as a solid: ears, chin
EDGE_SHARE = 12  # an upright edge of the volume is this part of its width and depth
NOISY_AIR = 0.3  # of the bright tissue's intensity: above a scanner's air by far; the mean of even noise is 0.5
ROUGH = 0.25  # mean step between neighbours over the mean: even noise has 0.67, tissue 0.05 to 0.15


@dataclass(frozen=True)
class Cut:
    """The head's contact with one face of the volume."""

    side: str
    over_brain_cm2: float
    lower_cm2: float
    trimmed: bool


def check_whole_head(data: NDArray[np.float32], voxel_mm: NDArray[np.float64], name: str) -> tuple[str, ...]:
    """Warnings about ears, nose and neck; InputError if the image is not a whole head.

    Parameters
    ----------
    data : (nx, ny, nz) float32
        Intensities, axes nearest to right, front, up.
    voxel_mm : (3,)
        Voxel edge lengths.
    name : str
        How messages call the image.
    """
    image, size_mm, trimmed = coarse(data, voxel_mm)
    head = head_mask(image)
    volume_ml = head.sum() * float(np.prod(size_mm)) / 1000
    if volume_ml < LEAST_HEAD_ML:
        raise InputError(
            f"{name} shows {volume_ml:.0f} ml of tissue, too little for a head; give an MRI of the whole head"
        )
    if volume_ml < STRIPPED_BELOW_ML and skull_dip(image, head, size_mm) > SKULL_DIP:
        raise InputError(
            f"{name} is brain-extracted (no skull or scalp around the brain); give the MRI of the whole head"
        )
    top = np.argwhere(head)[:, 2].max()
    height = (top + 1 - np.argwhere(head)[:, 2].min()) * size_mm[2]
    if height < LEAST_HEIGHT_MM:
        raise InputError(f"{name} shows only the upper {height:.0f} mm of the head; give an MRI of the whole head")
    clipped = []
    for cut in cuts(head, size_mm, trimmed):
        if cut.over_brain_cm2 > (TRIMMED_CUT_CM2 if cut.trimmed else CUT_CM2):
            raise InputError(
                f"{name}: the scalp over the brain is cut at the {cut.side} by the edge of the image "
                f"({cut.over_brain_cm2:.0f} cm2); give an MRI of the whole head"
            )
        if not cut.trimmed and cut.lower_cm2 + cut.over_brain_cm2 > TOUCH_CM2:
            clipped.append(cut.side)
    warnings = []
    if clipped:
        warnings.append(
            f"{name}: the edge of the image clips the head at the {', '.join(clipped)} (ears, nose or neck)"
        )
    if height < FULL_HEIGHT_MM:
        warnings.append(f"{name}: the image ends {height:.0f} mm below the top of the head, so the neck is missing")
    return tuple(warnings)


def without_gaps(data: NDArray[np.float32], voxel_mm: NDArray[np.float64], name: str) -> NDArray[np.float32]:
    """The volume with air where it has no number (NaN, infinite), as masking leaves it around a head.

    Raises
    ------
    InputError
        If numbers are missing within the head.
    """
    gaps = ~np.isfinite(data)
    if not gaps.any():
        return data
    bad = int(gaps.sum())
    filled = np.where(gaps, np.min(data, where=~gaps, initial=np.inf), data)
    pieces, count = ndi.label(gaps)
    rim = [np.take(pieces, side, axis).ravel() for axis in range(3) for side in (0, -1)]
    outer = np.zeros(count + 1, bool)
    outer[np.unique(np.concatenate(rim))] = True
    if outer[1:].all() and filled.min() < filled.max():
        image, size_mm, _ = coarse(filled, voxel_mm)
        lattice, _ = _lattice(filled, voxel_mm)
        inside = depth_mm(head_mask(image), size_mm) > MASKED_MM
    if not outer[1:].all() or not filled.min() < filled.max() or (gaps[lattice] & inside).any():
        raise InputError(
            f"{name} has {bad} voxels that are NaN or infinite, in the head, too; export it again from the scanner's images"
        )
    return filled.astype(np.float32)


def check_air(data: NDArray[np.float32], name: str) -> None:
    """Refuse a volume whose air is as bright as tissue: a ratio of two images, such as MP2RAGE's, is noise where both are dark.

    Looked at are the four upright edges of the volume, which a head does not reach: bright on the whole and rough from
    voxel to voxel.

    Raises
    ------
    InputError
        If two of them or more are such noise.
    """
    level = data - np.percentile(data, 1)
    bright = float(np.percentile(level[level > level.mean()], 90))
    nx, ny, nz = data.shape
    wide, deep = max(nx // EDGE_SHARE, 2), max(ny // EDGE_SHARE, 2)
    noisy = 0
    for x in (slice(None, wide), slice(-wide, None)):
        for y in (slice(None, deep), slice(-deep, None)):
            edge = level[x, y, nz // 2 :]
            rough = float(np.abs(np.diff(edge, axis=2)).mean())
            noisy += edge.mean() > NOISY_AIR * bright and rough > ROUGH * edge.mean()
    if noisy > 1:
        raise InputError(
            f"{name}: the air around the head is noise as bright as tissue, as in MP2RAGE's UNI image: give the denoised "
            "one (background removed), or a plain T1-weighted scan"
        )


def coarse(
    data: NDArray[np.float32], voxel_mm: NDArray[np.float64]
) -> tuple[NDArray[np.float32], NDArray[np.float64], NDArray[np.bool_]]:
    """A copy at about 2 mm without the empty planes around it, its voxel size, and which faces lost planes, (3, 2)."""
    box = _box(data)
    trimmed = np.array([[s.start > 0, s.stop < n] for s, n in zip(box, data.shape, strict=True)])
    lattice, step = _lattice(data, voxel_mm)
    blurred = ndi.gaussian_filter(data[box], GRID_MM / 2 / voxel_mm, mode="nearest")
    within = tuple(slice(s.start - b.start, None, s.step) for s, b in zip(lattice, box, strict=True))
    return blurred[within], voxel_mm * step, trimmed


def _box(data: NDArray[np.float32]) -> tuple[slice, ...]:
    """The volume without its empty planes."""
    found: tuple[slice, ...] = ndi.find_objects((data != data.min()).astype(np.uint8))[0]
    return found


def _lattice(data: NDArray[np.float32], voxel_mm: NDArray[np.float64]) -> tuple[tuple[slice, ...], NDArray[np.int64]]:
    """The voxels that the coarse copy keeps, and their step, (3,)."""
    step = np.maximum(np.rint(GRID_MM / voxel_mm).astype(int), 1)
    box = _box(data)
    starts = [s.start + (s.stop - s.start - 1) % n // 2 for s, n in zip(box, step, strict=True)]
    # what does not divide is left out on both sides alike
    return tuple(slice(a, s.stop, n) for a, s, n in zip(starts, box, step, strict=True)), step


def head_mask(image: NDArray[np.float32]) -> NDArray[np.bool_]:
    """The head as one solid."""
    image = image - np.percentile(image, 1)
    if not image.any():  # of one shade
        return np.zeros(image.shape, dtype=bool)
    bright = float(np.percentile(image[image > image.mean()], 90))
    tissue = ndi.binary_opening(np.pad(image > AIR * bright, 2, mode="edge"))[2:-2, 2:-2, 2:-2]
    pieces, _ = ndi.label(tissue)  # scalp and brain may be apart, where the skull between them is black
    large = np.bincount(pieces.ravel()) > SPECK_ML * 1000 / GRID_MM**3
    large[0] = False
    pad = 5
    solid = ndi.binary_closing(np.pad(large[pieces], pad), iterations=pad - 1)
    for k in range(solid.shape[2]):  # slice by slice, for throat and nose are open below
        solid[:, :, k] = ndi.binary_fill_holes(solid[:, :, k])
    solid = ndi.binary_fill_holes(solid)[pad:-pad, pad:-pad, pad:-pad]
    pieces, n = ndi.label(solid)
    return pieces == 1 + np.argmax(np.bincount(pieces.ravel())[1:]) if n else solid


def skull_dip(image: NDArray[np.float32], head: NDArray[np.bool_], size_mm: NDArray[np.float64]) -> float:
    """How dark it gets on the way in from the surface: the least ratio of a later to an earlier shell's mean, up to 24 mm."""
    depth = depth_mm(head, size_mm)
    depth[:, :, : max(np.argwhere(head)[:, 2].max() - int(TOP_MM / size_mm[2]), 0)] = 0
    level = image - np.percentile(image, 1)
    shells = [level[(depth > a) & (depth <= a + GRID_MM)] for a in np.arange(0.5, 24.0, GRID_MM)]
    profile = np.array([s.mean() for s in shells if len(s)])
    return float((profile / np.maximum.accumulate(profile)).min()) if len(profile) else 1.0


def cuts(head: NDArray[np.bool_], size_mm: NDArray[np.float64], trimmed: NDArray[np.bool_]) -> list[Cut]:
    """Where the head meets the volume's faces, but for the one below."""
    top = np.argwhere(head)[:, 2].max()
    found = []
    for axis, side, name in ((0, 0, "left"), (0, -1, "right"), (1, 0, "back"), (1, -1, "front"), (2, -1, "top")):
        plane = np.take(head, side, axis)
        area_cm2 = float(np.prod(np.delete(size_mm, axis))) / 100
        level = top - np.nonzero(plane)[1] if axis < 2 else np.zeros(int(plane.sum()))
        high = int((level * size_mm[2] < BRAIN_LEVEL_MM[name]).sum())
        found.append(Cut(name, high * area_cm2, (len(level) - high) * area_cm2, bool(trimmed[axis, side])))
    return found
