"""How much of each voxel is white or grey matter of one hemisphere, from SAMSEG's posteriors and labels.

What lies under the cortex and is no cortex (ventricles, deep nuclei) counts as white matter, so that the hemisphere has no hole
and its surface closes over the medial wall.  Hippocampus, amygdala and the temporal horn are filled where they are enclosed.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from meshes.errors import InputError
from meshes.segmentation.mgz import read_mgz
from meshes.whole_files import written_whole

SIDES = {"lh": "Left", "rh": "Right"}
# FreeSurfer's codes (FreeSurferColorLUT), of the left and of the right hemisphere
WHITE_AND_GREY = {"lh": (2, 3), "rh": (41, 42)}
FILLED = {  # lateral ventricle, thalamus, caudate, putamen, pallidum, accumbens, ventral diencephalon, vessel, choroid plexus
    "lh": (4, 10, 11, 12, 13, 26, 28, 30, 31),
    "rh": (43, 49, 50, 51, 52, 58, 60, 62, 63),
}
ENCLOSED = {"lh": (5, 17, 18), "rh": (44, 53, 54)}  # temporal horn, hippocampus, amygdala
CLOSING_VOXELS = 2


@dataclass(frozen=True, eq=False)
class HemisphereShares:
    """White and grey matter of one hemisphere on a grid.

    Parameters
    ----------
    white, grey : (nx, ny, nz) float32
        Shares, 0 to 1, of each voxel; what is filled counts as white.
    affine_mm : (4, 4) float64
        Voxel index → RAS mm.
    """

    white: NDArray[np.float32]
    grey: NDArray[np.float32]
    affine_mm: NDArray[np.float64]

    def save(self, path: Path) -> None:
        """Write them in whole percent, cut to where there is anything."""
        box = ndimage.find_objects(((self.white > 0) | (self.grey > 0)).astype(np.int8))
        if not box:
            raise InputError("a hemisphere without white and grey matter; check the segmentation")
        around = tuple(
            slice(max(each.start - 1, 0), each.stop + 1) for each in box[0]
        )  # borders are read between voxels
        affine = self.affine_mm.copy()
        affine[:3, 3] += affine[:3, :3] @ [each.start for each in around]
        percent = {name: np.rint(100 * getattr(self, name)[around]).astype(np.uint8) for name in ("white", "grey")}
        with written_whole(path) as temporary, temporary.open("wb") as file:
            np.savez_compressed(file, **percent, affine_mm=affine)

    @classmethod
    def load(cls, path: Path) -> HemisphereShares:
        """Read what :meth:`save` wrote."""
        with np.load(path, allow_pickle=False) as found:
            white, grey = (found[name].astype(np.float32) / 100 for name in ("white", "grey"))
            return cls(white, grey, found["affine_mm"])


def read_structures(posteriors: Path) -> tuple[NDArray[np.int16], NDArray[np.float64]]:
    """SAMSEG's labels, ``seg.mgz`` beside its folder of posteriors, in FreeSurfer's codes, (nx, ny, nz), and their affine (mm).

    Raises
    ------
    InputError
        If they are not there.
    """
    labels, affine_mm = read_mgz(posteriors.parent / "seg.mgz")
    return labels.astype(np.int16), affine_mm


def shares_from_samseg(
    posteriors: Path, labels: NDArray[np.integer], affine_mm: NDArray[np.float64]
) -> dict[str, HemisphereShares]:
    """The shares of both hemispheres by ``lh`` and ``rh``.

    Parameters
    ----------
    posteriors : Path
        SAMSEG's folder of that name.
    labels : (nx, ny, nz) int
        Its segmentation, in FreeSurfer's codes.
    affine_mm : (4, 4)
        Of both.

    Raises
    ------
    InputError
        If the posteriors do not have both hemispheres.
    """
    return {side: _shares(posteriors, labels, affine_mm, side) for side in SIDES}


def _shares(posteriors: Path, labels: NDArray, affine_mm: NDArray[np.float64], side: str) -> HemisphereShares:
    white, grey = (
        read_mgz(posteriors / f"{SIDES[side]}-Cerebral-{name}.mgz")[0] for name in ("White-Matter", "Cortex")
    )
    return filled_shares(white, grey, labels, affine_mm, side)


def filled_shares(
    white: NDArray[np.floating],
    grey: NDArray[np.floating],
    labels: NDArray[np.integer],
    affine_mm: NDArray[np.float64],
    side: str,
) -> HemisphereShares:
    """Shares whose ventricles and deep nuclei are filled.

    Parameters
    ----------
    white, grey : (nx, ny, nz) float
        Cerebral white matter and cortex of one hemisphere, 0 to 1.
    labels : (nx, ny, nz) int
        FreeSurfer's codes.
    affine_mm : (4, 4)
        Of all.
    side : {"lh", "rh"}
    """
    inside = np.isin(labels, (*FILLED[side], *ENCLOSED[side]))
    inside = ndimage.binary_closing(inside, iterations=CLOSING_VOXELS) & (labels != WHITE_AND_GREY[side][1])
    white = np.maximum(white, inside).astype(np.float32)
    return HemisphereShares(white, np.minimum(grey, 1 - white).astype(np.float32), np.asarray(affine_mm, np.float64))
