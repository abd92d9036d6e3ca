"""Rules for tissue labels: which tissues may touch, and which unions of tissues nest."""

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from meshes.tissue_codes import Tissue

Array = NDArray[Any]

N_TISSUES = len(Tissue)

# pairs that must not touch, and the layer that belongs between them
BETWEEN = {
    (Tissue.WM, Tissue.SKULL): Tissue.CSF,
    (Tissue.GM, Tissue.SKULL): Tissue.CSF,
    (Tissue.WM, Tissue.SCALP): Tissue.CSF,
    (Tissue.GM, Tissue.SCALP): Tissue.CSF,
    (Tissue.WM, Tissue.OUTSIDE): Tissue.CSF,
    (Tissue.GM, Tissue.OUTSIDE): Tissue.CSF,
    (Tissue.WM, Tissue.EYES): Tissue.CSF,
    (Tissue.GM, Tissue.EYES): Tissue.CSF,
    (Tissue.CSF, Tissue.SCALP): Tissue.SKULL,
    (Tissue.CSF, Tissue.EYES): Tissue.SKULL,
    (Tissue.CSF, Tissue.OUTSIDE): Tissue.SKULL,
}
# unions whose boundary has to be a manifold, from the inside out
UNIONS = (
    (Tissue.WM,),
    (Tissue.WM, Tissue.GM),
    (Tissue.WM, Tissue.GM, Tissue.CSF),
    (Tissue.WM, Tissue.GM, Tissue.CSF, Tissue.SKULL),
    (Tissue.EYES,),
    (Tissue.WM, Tissue.GM, Tissue.CSF, Tissue.SKULL, Tissue.SCALP, Tissue.EYES),
)


class Labels(NamedTuple):
    """Tissues of tetrahedra, and the rules they obey.

    Attributes
    ----------
    tissue : (M,) int8
        Changed in place.
    unions : (U, 7) bool
        The tissues of each union of :data:`UNIONS`.
    between : (7, 7) int8
        The layer that belongs between two tissues, -1 where they may touch.
    """

    tissue: Array
    unions: Array
    between: Array


def labels_of(tissue: Array) -> Labels:
    """Labels (M,) int8 with the rules of a head; they share the array."""
    return Labels(tissue, members(), between_table())


def members() -> Array:
    """(unions, 7) bool: the tissues of each union of :data:`UNIONS`."""
    return np.array([np.isin(np.arange(N_TISSUES), union) for union in UNIONS])


def between_table() -> Array:
    """(7, 7) int8: the layer that belongs between two tissues, -1 where they may touch."""
    table = np.full((N_TISSUES, N_TISSUES), -1, np.int8)
    for (inner, outer), layer in BETWEEN.items():
        table[inner, outer] = layer
        table[outer, inner] = layer
    return table


@njit(cache=True)
def keeps_apart(neighbours: Array, labels: Labels, t: int, code: int) -> bool:
    """Whether tetrahedron t may become ``code`` without a forbidden contact.

    Parameters
    ----------
    neighbours : (M, 4) int
        The tetrahedron behind the face opposite each node, -1: none.
    labels : Labels
        Tissues and the rules they obey.
    t : int
        The tetrahedron.
    code : int
        The tissue it is to get.
    """
    for f in range(4):
        u = neighbours[t, f]
        if u >= 0 and labels.between[code, labels.tissue[u]] >= 0:
            return False
    return True
