"""The fields of ranked poses by direct solves, and the doses and strongest fields in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from atlases.target import Target
from meshes.head import HeadMesh
from meshes.tissue_codes import Tissue


@dataclass(frozen=True)
class Confirmation:
    """The direct solves of the search's k poses at 1 A/µs in the effective phase; ``e_v_per_m`` (M, 3) is the first's."""

    e_v_per_m: NDArray[np.float32]
    direct_dose_v_per_m: NDArray[np.float64]  # (k,)
    direct_mean_e_v_per_m: NDArray[np.float64]  # (k,) volume-weighted mean of |E| over the target
    max_e_v_per_m: NDArray[np.float64]  # (k,) in the target
    peak_e_v_per_m: NDArray[np.float64]  # (k,) in grey matter anywhere
    peak_mm: NDArray[np.float64]  # (k, 3)


def confirm(
    head: HeadMesh,
    target: Target,
    fields_v_per_m: Sequence[NDArray[np.floating]],
    unit: NDArray[np.float64] | None = None,
) -> Confirmation:
    """Doses of fields, as the search counts them.

    Parameters
    ----------
    head : HeadMesh
    target : Target
    fields_v_per_m : sequence of (M, 3) float
        The field in every tetrahedron, at 1 A/µs in the effective phase, of each pose.
    unit : (3,) float, optional
        The dose is the component along it; None: the size of the mean field.
    """
    tets, weight = target.weights(head)
    grey = np.flatnonzero(head.tissue == Tissue.GM)
    rows = []
    first = np.zeros((0, 3), np.float32)
    for rank, e in enumerate(fields_v_per_m):
        size = np.linalg.norm(e, axis=1)
        peak = grey[np.argmax(size[grey])]
        mean = weight @ e[tets]
        dose = np.linalg.norm(mean) if unit is None else mean @ unit
        rows.append((dose, weight @ size[tets], size[tets].max(), size[peak], head.centroids_mm[peak]))
        if rank == 0:
            first = e.astype(np.float32)
    return Confirmation(first, *(np.array(column) for column in zip(*rows, strict=True)))
