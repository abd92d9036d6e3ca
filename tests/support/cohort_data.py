"""A small BIDS dataset of people who are made up: what its files are called, and heads that a plan takes seconds for."""

import json
from pathlib import Path

import nibabel as nib
import numpy as np


def write_image(path: Path, voxel_mm: float = 1.0) -> Path:
    """An image of the right name; its voxels are an asymmetric block."""
    path.parent.mkdir(parents=True, exist_ok=True)
    voxels = np.zeros((9, 10, 11), np.int16)
    voxels[2:4, 3:7, 4:9] = 100
    image = nib.Nifti1Image(voxels, np.diag([voxel_mm] * 3 + [1.0]))
    image.header.set_xyzt_units("mm")
    nib.save(image, path)
    return path


def write_dataset(root: Path, people=("01", "02"), rows=None, images=None) -> Path:
    """A dataset; ``rows`` of participants.tsv with its header, ``images`` by their paths, one T1w each by default."""
    root.mkdir(parents=True, exist_ok=True)
    about = {"Name": "made-up people", "BIDSVersion": "1.10.0", "Authors": ["A. Nobody", "B. Nobody"]}
    (root / "dataset_description.json").write_text(json.dumps(about))
    (root / "README").write_text("People who are made up, for tests.\n")
    for each in images or [f"sub-{label}/anat/sub-{label}_T1w.nii.gz" for label in people]:
        write_image(root / each)
    if rows:
        (root / "participants.tsv").write_text("\n".join("\t".join(row) for row in rows) + "\n")
    return root
