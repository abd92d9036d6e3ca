"""What memory the stages take, from the size of what they are given.

Each number is the largest resident memory of a process that did the stage alone, on Linux; between and beyond them it is
taken as growing in proportion.  They are estimates: a need is said before the work, and what is refused is only what the
machine could not hold at all.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from meshes.segmentation.label_fields import coarse_voxel_mm
from targeting.memory_need import BYTES_PER_GB, MemoryNeed

PROGRAM_GB = 0.3  # Python, numpy, scipy and compiled code, before anything is loaded

# `target segment --labels`: 2.42 GB for 394 x 454 x 380 voxels of 0.5 mm, whose fields have 16.7 M voxels of 0.8 mm;
# 0.92 GB for 6.2 M voxels that are not resampled.  The image itself is read as 4 bytes and turned into other 4.
BYTES_PER_FIELD_VOXEL, BYTES_PER_IMAGE_VOXEL = 110, 8
# SAMSEG: 6 GB for a T1 of 1 mm (its own meshes), and its posteriors as fields
SAMSEG_GB, SAMSEG_VOXELS = 6.0, 256.0**3

FINER = "give an image of 0.8 to 1 mm"


def segment_need(way: str, files: dict[str, Path]) -> MemoryNeed | None:
    """Of stage "segment": from the image's header; None where there is no image or it cannot be read (which is said later)."""
    import nibabel

    if way not in ("t1", "labels"):
        return None
    try:
        image = nibabel.load(files[way])
        shape, size_mm = np.array(image.shape[:3]), np.array(image.header.get_zooms()[:3], float)
    except Exception:
        return None
    voxels = float(np.prod(shape))
    words = f"{' x '.join(map(str, shape))} voxels of {' x '.join(f'{mm:.2g}' for mm in size_mm)} mm"
    if way == "labels":
        on = float(np.prod(np.ceil(shape * size_mm / coarse_voxel_mm(size_mm))))
        need = BYTES_PER_FIELD_VOXEL * on + BYTES_PER_IMAGE_VOXEL * voxels
        return MemoryNeed(PROGRAM_GB + need / BYTES_PER_GB, words, FINER)
    fields = PROGRAM_GB + BYTES_PER_FIELD_VOXEL * voxels / BYTES_PER_GB
    return MemoryNeed(max(SAMSEG_GB * max(1.0, voxels / SAMSEG_VOXELS), fields), words, FINER)
