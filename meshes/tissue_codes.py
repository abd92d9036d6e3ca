"""The six tissues of a head and the numbers files know them by (the SimNIBS convention, so that meshes travel)."""

from collections.abc import Iterable
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray


class Tissue(IntEnum):
    """Tissue codes of label images, tetrahedra (``HeadMesh.tissue``) and field channels (``Tissues.fields``)."""

    OUTSIDE = 0
    WM = 1
    GM = 2
    CSF = 3
    SKULL = 4
    SCALP = 5
    EYES = 6


TISSUE_NAMES = {
    Tissue.WM: "white matter",
    Tissue.GM: "grey matter",
    Tissue.CSF: "CSF",
    Tissue.SKULL: "skull",
    Tissue.SCALP: "scalp",
    Tissue.EYES: "eyes",
}


def among(labels: NDArray[np.uint8], tissues: Iterable[int]) -> NDArray[np.bool_]:
    """Where labels are one of some tissues: ``np.isin`` by a table, four times as quick on a whole grid.

    >>> among(np.array([0, 1, 2, 1], np.uint8), (Tissue.WM, Tissue.EYES)).tolist()
    [False, True, False, True]
    """
    table = np.zeros(256, bool)
    table[list(tissues)] = True
    return table[labels]
