"""Make the built-in head again: ``python -m meshes.data.make_colin27 T1.nii.gz [--posteriors DIR] [--out FOLDER]``.

The T1 is ``ch2.nii.gz`` of Debian's package ``mricron-data``.  With ``--posteriors`` a finished SAMSEG run is used (its
``posteriors`` folder) instead of a new one.
"""

from __future__ import annotations

import argparse
import datetime
import hashlib
import json
import logging
import tempfile
from pathlib import Path

import numpy as np

from meshes.formats.tissue_files import DATA, save_tissues
from meshes.segment import segment
from meshes.segmentation.posteriors import tissues_from_posteriors
from meshes.segmentation.samseg import SAMSEG
from meshes.tissue_codes import TISSUE_NAMES
from meshes.tissues import Tissues

LEVELS = 95  # steps of 1/63 of a membership; chosen for a file below 3 MB


def main() -> None:
    """Read the command line, make the head, write ``colin27.npz`` and ``colin27.json``."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    parser = argparse.ArgumentParser(description="Make the built-in head colin27 from its T1.")
    parser.add_argument("t1", type=Path)
    parser.add_argument("--posteriors", type=Path, help="posteriors folder of a finished SAMSEG run on that T1")
    parser.add_argument("--out", type=Path, default=DATA)
    choices = parser.parse_args()
    if choices.posteriors:
        tissues = tissues_from_posteriors(choices.posteriors)
    else:
        with tempfile.TemporaryDirectory() as work:
            tissues = segment(choices.t1, work_dir=Path(work))
    write(tissues, choices.t1, choices.out)


def write(tissues: Tissues, t1: Path, folder: Path) -> None:
    """The head's file and its provenance."""
    source = {
        "name": "colin27",
        "t1": t1.name,
        "t1_from": "Debian package mricron-data 1.2.20211006+dfsg-4",
        "t1_sha256": hashlib.sha256(t1.read_bytes()).hexdigest(),
        "segmentation": SAMSEG,
        "cleaning": "meshes.segmentation.posteriors.tissues_from_posteriors",
        "levels": LEVELS,
        "licence": "colin27-licence.txt",
    }
    file = folder / "colin27.npz"
    save_tissues(tissues, file, levels=LEVELS, provenance=source)
    volumes = np.bincount(tissues.labels.ravel(), minlength=7) * float(np.prod(tissues.voxel_mm)) / 1000
    about = source | {
        "made": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
        "shape": list(tissues.labels.shape),
        "affine_mm": tissues.affine_mm.tolist(),
        "volumes_ml": {name: round(float(volumes[tissue]), 1) for tissue, name in TISSUE_NAMES.items()},
    }
    (folder / "colin27.json").write_text(json.dumps(about, indent=2) + "\n")


if __name__ == "__main__":
    main()
