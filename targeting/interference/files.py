"""The files of a search for temporal interference, ``interference/`` in the subject's folder.

``interference.json`` has everything, ``two_pairs.csv`` the montages; ``envelope.nii.gz`` is the envelope's swing in the
head, ``?h.envelope.func.gii``, ``?h.envelopeNormal.func.gii`` and ``cortex.vtp`` on the mid-cortical surfaces.
"""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from meshes.cortical_surface import Cortex
from meshes.head import HeadMesh
from targeting.records.places import PlanTarget
from targeting.subject import Subject

NAME = "interference"
FILE = "interference.json"
HALF = "{0}_anode {0}_cathode {0}_ma"


@dataclass(frozen=True)
class TwoPairs:
    """One montage of two pairs, by the leadfield."""

    pairs: list[list[str]]  # anode and cathode of each (of alternating current: the two poles)
    current_ma: list[float]  # amplitude in each
    swing_v_per_m: float  # mean over the target, peak to peak
    elsewhere_v_per_m: float  # mean over the rest of the grey matter, over all directions
    focality: float


@dataclass(frozen=True)
class DirectSwing:
    """The first montage from a direct solve with complete electrodes; swings of the envelope, peak to peak, V/m."""

    swing_v_per_m: float  # mean over the target, along the direction or over all
    free_swing_v_per_m: float  # mean over the target, over all directions
    elsewhere_v_per_m: float
    focality: float  # of free_swing
    peak_v_per_m: float  # in grey matter, exceeded in 0.1 % of its volume
    peak_mm: list[float]
    stronger_cm3: float  # grey matter outside the target that swings more than the target's mean
    carrier_v_per_m: (
        float  # |E| of the two added in phase, exceeded in 0.1 % of grey matter: what unmodulated current does
    )


@dataclass(frozen=True)
class InterferenceResult:
    """The result of a search for temporal interference, as ``interference.json`` holds it."""

    subject: str
    target: PlanTarget
    direction: str  # "all" or the vector's words
    candidates: int
    tried: int
    computed: int
    total_ma: float
    montages: list[TwoPairs]
    direct: DirectSwing
    notes: list[str]


def load(folder: Path) -> InterferenceResult:
    """What the stage left in a subject's folder."""
    read = json.loads((folder / NAME / FILE).read_text(encoding="utf-8"))
    target, direct = PlanTarget(**read.pop("target")), DirectSwing(**read.pop("direct"))
    montages = [TwoPairs(**each) for each in read.pop("montages")]
    return InterferenceResult(target=target, direct=direct, montages=montages, **read)


def write_table(path: Path, montages: list[TwoPairs]) -> None:
    """Write the montages as CSV, the best first."""
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(
            f"rank {HALF.format('first')} {HALF.format('second')} swing_v_per_m elsewhere_v_per_m focality".split()
        )
        for rank, each in enumerate(montages, start=1):
            numbers = (each.swing_v_per_m, each.elsewhere_v_per_m, each.focality)
            halves = [[*pair, f"{ma:g}"] for pair, ma in zip(each.pairs, each.current_ma, strict=True)]
            rows.writerow([rank, *halves[0], *halves[1], *(f"{number:.6g}" for number in numbers)])


def write_envelope(
    folder: Path,
    subject: Subject,
    head: HeadMesh,
    cortex: Cortex | None,
    e1_v_per_m: NDArray[np.float64],
    e2_v_per_m: NDArray[np.float64],
) -> None:
    """Write the envelope on the T1's grid and, with a cortex, on the mid-cortical surface.

    Parameters
    ----------
    folder : path
        Gets ``envelope.nii.gz`` and what :func:`write_on_cortex` writes.
    subject : Subject
        Whose frame image gives the grid.
    head : HeadMesh
    cortex : Cortex or None
        None without cortical surfaces.
    e1_v_per_m, e2_v_per_m : (m, 3) float64
        Fields of the two pairs in the head's tetrahedra.
    """
    import nibabel as nib

    from meshes.rasterise import values_on_grid
    from targeting.interference.two_pairs import envelope
    from targeting.study.head_stages import FrameImage

    frame = FrameImage.kept_in(subject.folder)
    affine = np.array(frame.affine_mm)
    swing = envelope(e1_v_per_m, e2_v_per_m).astype(np.float32)
    image = nib.Nifti1Image(values_on_grid(head, swing, affine, frame.shape), affine)
    image.set_sform(affine, code=1)
    image.set_qform(affine, code=1)
    image.header.set_xyzt_units("mm")
    image.header["descrip"] = b"envelope swing, peak to peak, V/m"
    nib.save(image, folder / "envelope.nii.gz")
    if cortex is not None:
        write_on_cortex(folder, head, cortex, e1_v_per_m, e2_v_per_m)


def write_on_cortex(
    folder: Path, head: HeadMesh, cortex: Cortex, e1_v_per_m: NDArray[np.float64], e2_v_per_m: NDArray[np.float64]
) -> None:
    """Write the envelope's swing at the mid-cortical vertices: the largest over all directions, and along the normal.

    Parameters
    ----------
    folder : path
        Gets ``?h.envelope.func.gii``, ``?h.envelopeNormal.func.gii`` and ``cortex.vtp``.
    head : HeadMesh
    cortex : Cortex
    e1_v_per_m, e2_v_per_m : (m, 3) float64
        Fields of the two pairs in the head's tetrahedra.
    """
    import pyvista as pv

    from meshes.formats.gifti import write_values
    from targeting.fem.cortical_field import CorticalField
    from targeting.interference.two_pairs import envelope, envelope_along

    whole = cortex.whole
    e1, e2 = (CorticalField.of(cortex, head, e).e_v_per_m for e in (e1_v_per_m, e2_v_per_m))
    values = {"envelope": envelope(e1, e2), "envelopeNormal": envelope_along(e1, e2, whole.normals)}
    count = len(cortex.left.points_mm)
    sheet = pv.PolyData.from_regular_faces(whole.points_mm.astype(np.float32), whole.triangles)
    for name, value in values.items():
        for side, part in (("lh", value[:count]), ("rh", value[count:])):
            write_values(folder / f"{side}.{name}.func.gii", part, f"{name} (V/m, peak to peak)", side)
        sheet.point_data[name] = value.astype(np.float32)
    sheet.save(folder / "cortex.vtp")
