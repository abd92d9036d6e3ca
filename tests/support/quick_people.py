"""People of a BIDS dataset whose plans are real and take half a minute: coarse balls, with a warp to MNI152 of their own.

A ball is no map of MNI152's brain, and to find that out takes longer than all the rest; a head folder as SimNIBS' charm leaves
it brings its warp along.
"""

from collections.abc import Sequence
from pathlib import Path

import nibabel as nib
import numpy as np
from cohort_data import write_dataset
from heads import RADII_MM, layered_ball

ASKED = ("--aim", "ras:-42,-19,42", "--side", "left")
SIZE = 0.93  # of the ball: the volumes of its tissues are a person's, so that the group level counts it
MIDDLE_MM = np.array([0.0, -20.0, 10.0])  # of MNI152's brain, which is nearly an ellipsoid
HALF_MM = np.array([72.0, 90.0, 72.0])  # its half axes
STEP_MM, LOW_MM, SHAPE = 12.0, np.array([-102.0, -138.0, -84.0]), (18, 21, 17)  # MNI152's box and more


def write_people(folder: Path, labels: Sequence[str], damaged: Sequence[str] = ()) -> tuple[Path, Path]:
    """The dataset, and a table for ``--table`` with the head of each; a damaged head's file ends early."""
    dataset = write_dataset(folder / "data", labels)
    for order, label in enumerate(labels):
        mesh = _write_head(folder / "heads" / f"m2m_{label}", 1 - 0.02 * order)
        if label in damaged:
            mesh.write_bytes(mesh.read_bytes()[:3000])
    table = folder / "people.tsv"
    lines = ["participant_id\thead", *(f"sub-{label}\theads/m2m_{label}" for label in labels)]
    table.write_text("\n".join(lines) + "\n")
    return dataset, table


def _write_head(folder: Path, width: float) -> Path:
    """A head folder; its mesh's file."""
    (folder / "toMNI").mkdir(parents=True)
    mesh = folder / f"{folder.name.removeprefix('m2m_')}.msh"
    size = SIZE * np.array([width, 1.0, 1.0])
    layered_ball(14.0, tuple(size)).write(mesh)
    world = np.diag([STEP_MM] * 3 + [1.0])
    world[:3, 3] = LOW_MM
    places = np.stack(np.meshgrid(*map(np.arange, SHAPE), indexing="ij"), -1) * STEP_MM + LOW_MM
    there = (
        (places - MIDDLE_MM) / HALF_MM * RADII_MM[2] * size
    )  # the brain lies on the ball's grey matter and what is within
    nib.save(
        nib.Nifti1Image(there.astype(np.float32)[:, :, :, None], world), folder / "toMNI" / "MNI2Conform_nonl.nii.gz"
    )
    return mesh
