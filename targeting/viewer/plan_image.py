"""The image a plan was made on, to be cut: the T1 or, without one, the tissues; and which tissue is where."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from meshes.tissue_codes import TISSUE_NAMES, Tissue
from targeting.study.head_stages import HEAD_FILE, MESH_FILE, FrameImage, Segmented
from targeting.subject import Subject


@dataclass(frozen=True, eq=False)
class PlanImage:
    """Voxels in the plan's world.

    Parameters
    ----------
    voxels : (nx, ny, nz) float32
    affine_mm : (4, 4) float64
        Voxel index → RAS mm.
    labels : (nx, ny, nz) uint8
        Tissue codes on the same grid.
    words : str
        What the voxels are: "T1", "labels" or "tissues".
    """

    voxels: NDArray[np.float32]
    affine_mm: NDArray[np.float64]
    labels: NDArray[np.uint8]
    words: str

    @classmethod
    def of(cls, subject: Subject) -> PlanImage:
        """Read from a planned subject's folder (a second or two).

        Raises
        ------
        InputError
            If the folder has lost its image's description.
        """
        frame = FrameImage.kept_in(subject.folder)
        about = json.loads((subject.folder / HEAD_FILE).read_text(encoding="utf-8"))
        segmented = Segmented(subject.folder, about["way"], frame, ())
        tissues = segmented.tissues
        labels = _rasterised(subject.folder, segmented) if tissues is None else np.asarray(tissues.labels, np.uint8)
        affine = segmented.affine_mm
        if tissues is not None and not np.allclose(tissues.affine_mm, affine):
            labels = _on_grid(labels, tissues.affine_mm, affine, frame.shape)
        voxels = None if frame.copy is None else segmented.background()
        words = "tissues" if voxels is None or frame.copy is None else frame.copy.split(".")[0]
        return cls(labels.astype(np.float32) if voxels is None else voxels, affine, labels, words)

    @property
    def are_labels(self) -> bool:
        """Whether the voxels are codes, which must not be mixed."""
        return self.words != "T1"

    def tissue_at(self, place_mm: NDArray[np.float64]) -> str:
        """The tissue's name; "outside" beyond the head."""
        inverse = np.linalg.inv(self.affine_mm)
        i, j, k = np.round(inverse[:3, :3] @ place_mm + inverse[:3, 3]).astype(int)
        inside = all(0 <= x < n for x, n in zip((i, j, k), self.labels.shape, strict=True))
        code = int(self.labels[i, j, k]) if inside else 0
        if code == Tissue.OUTSIDE:
            return "outside"
        return TISSUE_NAMES.get(Tissue(code), f"tissue {code}") if code in set(Tissue) else f"tissue {code}"


def _rasterised(folder: Path, segmented: Segmented) -> NDArray[np.uint8]:
    from meshes.head import HeadMesh
    from meshes.rasterise import labels_on_grid

    mesh = HeadMesh.read(folder / MESH_FILE)
    return np.asarray(labels_on_grid(mesh, segmented.affine_mm, segmented.frame.shape), np.uint8)


def _on_grid(
    labels: NDArray[np.uint8], affine: NDArray[np.float64], wanted: NDArray[np.float64], shape: tuple[int, int, int]
) -> NDArray[np.uint8]:
    from scipy.ndimage import affine_transform

    step = np.linalg.inv(affine) @ wanted
    return np.asarray(affine_transform(labels, step[:3, :3], step[:3, 3], output_shape=shape, order=0), np.uint8)
