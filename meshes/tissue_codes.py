"""The six tissues of a head and the numbers files know them by (the SimNIBS convention, so that meshes travel)."""

from enum import IntEnum


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
