"""The tissues of a head and the numbers files know them by (the SimNIBS convention, so that meshes travel).

Six tissues are told apart here; heads of SimNIBS have six more, which keep their own conductivities and stand for one of
the six where six are all that is known.
"""

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
FURTHER_NAMES = {
    7: "compact bone",
    8: "spongy bone",
    9: "blood",
    10: "muscle",
    11: "cartilage",
    12: "fat",
}
# the one of the six that takes a further tissue's place: bone is bone; the blood charm finds runs in the sinuses, between
# brain and skull, where the other labels have CSF; muscle, cartilage and fat lie in what the others call scalp
SIX_TISSUES = {
    7: Tissue.SKULL,
    8: Tissue.SKULL,
    9: Tissue.CSF,
    10: Tissue.SCALP,
    11: Tissue.SCALP,
    12: Tissue.SCALP,
}
SOFT_CODES = (int(Tissue.SCALP), 10, 11, 12)  # what lies under the skin, outside the skull
FIRST_ELECTRODE = 100  # codes from here on are rubber, gel and saline of a simulation, not head


def tissue_name(code: int) -> str:
    """The name of a tissue code, of SimNIBS' further codes too.

    Examples
    --------
    >>> tissue_name(1), tissue_name(8), tissue_name(501)
    ('white matter', 'spongy bone', 'code 501')
    """
    if code == 0:
        return "outside"
    return TISSUE_NAMES[Tissue(code)] if code in set(Tissue) else FURTHER_NAMES.get(code, f"code {code}")


def known_codes() -> str:
    """Every code and its tissue, for a message: "1 white matter, 2 grey matter, ..."."""
    return ", ".join(f"{code} {tissue_name(code)}" for code in (*TISSUE_NAMES, *FURTHER_NAMES))


def among(labels: NDArray[np.uint8], tissues: Iterable[int]) -> NDArray[np.bool_]:
    """Where labels are one of some tissues: ``np.isin`` by a table, four times as quick on a whole grid.

    >>> among(np.array([0, 1, 2, 1], np.uint8), (Tissue.WM, Tissue.EYES)).tolist()
    [False, True, False, True]
    """
    table = np.zeros(256, bool)
    table[list(tissues)] = True
    return table[labels]
