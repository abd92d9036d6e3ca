"""An image of the demonstration head for a navigator: its tissues in the greys of a T1, on their own grid.

The head that comes with the program has tissues and no MRI, and no navigator loads those.  Both entries of the image's
header give the world of its plans, with the code "aligned", so Brainsight calls it ``NIfTI:Q:Aligned`` or
``NIfTI:S:Aligned``.
"""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np

from meshes.tissues import Tissues
from meshes.whole_files import written_whole
from targeting.navigation.exported import PlanImage
from targeting.report.slices import LABEL_GREYS
from targeting.subject import sha256

ALIGNED = 2  # NIfTI's code


def write_demonstration_image(path: Path, tissues: Tissues) -> PlanImage:
    """Write the image, and tell what writers of navigators' files need of it.

    Raises
    ------
    WriteError
        If the folder refuses it.
    """
    image = nib.Nifti1Image(np.array(LABEL_GREYS, np.uint8)[tissues.labels], tissues.affine_mm)
    image.set_sform(tissues.affine_mm, code=ALIGNED)
    image.set_qform(tissues.affine_mm, code=ALIGNED)
    image.header.set_xyzt_units("mm")
    with written_whole(path) as temporary:
        nib.save(image, temporary)
    affine = tissues.affine_mm
    return PlanImage("qform", ALIGNED, path.name, sha256(path), affine, tissues.labels.shape, affine, affine)
