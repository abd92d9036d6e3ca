"""Make tissue fields of hard labels, on a grid no finer than a mesh can show.

The shortest edges of a mesh are 1.15 mm; fields on voxels of 0.8 mm carry an interface between them to a few hundredths.
Labels of 0.5 mm have four times as many voxels, and their fields took 12.8 GB for nothing.  Along every axis on which voxels
are finer than ``FINE_MM`` the labels are therefore brought to voxels of ``COARSE_MM`` by volume: every coarse voxel holds
which share of it each tissue has.  Volumes stay what they were; a layer thinner than a voxel, which wins nowhere, is closed
again (:func:`~meshes.segmentation.cleaning.close_layers`) and keeps its own volume, not that of the voxels it is drawn on.
"""

from __future__ import annotations

import logging

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from meshes.segmentation.cleaning import Labels, tidy_labels
from meshes.segmentation.morphology import VoxelMm
from meshes.segmentation.tissue_fields import LABEL_SOFTENING, SOFTENING, Fields, fields_for, one_hot
from meshes.tissue_codes import Tissue
from meshes.tissues import Tissues

log = logging.getLogger(__name__)

FINE_MM = 0.69  # voxels of 0.7 mm, as of many 3 T protocols, are left as they are
COARSE_MM = 0.8


def tissues_of_labels(labels: Labels, affine_mm: NDArray[np.float64]) -> Tissues:
    """Tidied labels as smooth fields.

    Parameters
    ----------
    labels : (nx, ny, nz) uint8
        Tissue codes, with an empty margin round the head.
    affine_mm : (4, 4) float64
        Voxel index → RAS mm.
    """
    voxel_mm = np.linalg.norm(affine_mm[:3, :3], axis=0)
    new_mm = coarse_voxel_mm(voxel_mm)
    if (new_mm == voxel_mm).all():
        tidy = tidy_labels(labels, voxel_mm)
        _told(labels, tidy)
        return Tissues(fields_for(one_hot(tidy), tidy, voxel_mm, LABEL_SOFTENING), affine_mm)
    log.info(
        "labels of %s mm are brought to voxels of %s mm, finer than a mesh's edges", _size(voxel_mm), _size(new_mm)
    )
    shares, affine_mm = coarse_shares(labels, affine_mm, new_mm)
    winners = shares.argmax(-1).astype(np.uint8)
    tidy = tidy_labels(winners, new_mm)
    _told(winners, tidy)
    volumes = volumes_of(shares, tidy)
    return Tissues(fields_for(shares, tidy, new_mm, SOFTENING, volumes), affine_mm)


def coarse_voxel_mm(voxel_mm: VoxelMm) -> NDArray[np.float64]:
    """The voxel size at which labels of a given voxel size are processed.

    Examples
    --------
    >>> coarse_voxel_mm(np.array([0.5, 0.7, 1.0])).tolist()
    [0.8, 0.7, 1.0]
    """
    size = np.asarray(voxel_mm, np.float64)
    return np.where(size < FINE_MM, COARSE_MM, size)


def coarse_shares(
    labels: Labels, affine_mm: NDArray[np.float64], new_mm: NDArray[np.float64]
) -> tuple[Fields, NDArray[np.float64]]:
    """Which share of every coarse voxel each tissue has, (mx, my, mz, 7), and the coarse grid's affine.

    The coarse grid lies round the same middle; what it has beyond the labels is outside.
    """
    voxel_mm = np.linalg.norm(affine_mm[:3, :3], axis=0)
    counts = np.ceil(np.array(labels.shape) * voxel_mm / new_mm - 1e-6).astype(int)
    along = [overlaps(n, v, m, w) for n, v, m, w in zip(labels.shape, voxel_mm, counts, new_mm, strict=True)]
    shares = np.zeros((*counts, len(Tissue)), np.float32)
    across, down = along[1].astype(np.float32), along[2].T.astype(np.float32)
    into = along[0].tocsc()
    for plane in range(labels.shape[0]):  # plane by plane: never more than the result in memory
        rows = into.indices[into.indptr[plane] : into.indptr[plane + 1]]
        weights = into.data[into.indptr[plane] : into.indptr[plane + 1]].astype(np.float32)
        here = labels[plane]
        for tissue in np.unique(here[here > 0]):
            part = across @ (here == tissue).astype(np.float32) @ down
            for row, weight in zip(rows, weights, strict=True):
                shares[row, :, :, tissue] += weight * part
    shares[..., 0] = np.maximum(1 - shares[..., 1:].sum(-1), 0)
    moved = affine_mm.copy()
    moved[:3, :3] = affine_mm[:3, :3] * (new_mm / voxel_mm)
    middle = affine_mm[:3, :3] @ ((np.array(labels.shape) - 1) / 2) + affine_mm[:3, 3]
    moved[:3, 3] = middle - moved[:3, :3] @ ((counts - 1) / 2)
    return shares, moved


def overlaps(count: int, voxel_mm: float, new_count: int, new_mm: float) -> sp.csr_matrix:
    """Which share of each of the new voxels along an axis lies in each of the old ones, (new, old); both share their middle.

    Parameters
    ----------
    count : int
        Old voxels along the axis.
    voxel_mm : float
        Their size.
    new_count : int
        New voxels.
    new_mm : float
        Their size.

    Examples
    --------
    >>> overlaps(3, 0.5, 2, 0.8).toarray().round(4).tolist()
    [[0.625, 0.3125, 0.0], [0.0, 0.3125, 0.625]]
    """
    edges = (np.arange(count + 1) - count / 2) * voxel_mm
    new_edges = (np.arange(new_count + 1) - new_count / 2) * new_mm
    within = np.clip(edges[None], new_edges[:-1, None], new_edges[1:, None])
    return sp.csr_matrix(np.diff(within, axis=1) / new_mm)


def volumes_of(shares: Fields, labels: Labels) -> NDArray[np.float64]:
    """The volume of each tissue in voxels, (7,): by its shares, but whole voxels where tidying gave one to a stranger."""
    volumes = shares.sum((0, 1, 2), dtype=np.float64)
    strange = np.take_along_axis(shares, labels[..., None], -1)[..., 0] == 0
    volumes -= shares[strange].sum(0, dtype=np.float64)
    return volumes + np.bincount(labels[strange], minlength=len(Tissue))


def _told(before: Labels, after: Labels) -> None:
    log.info("tidied the labels: %d of %d voxels relabelled", int((after != before).sum()), int((before > 0).sum()))


def _size(voxel_mm: NDArray[np.float64]) -> str:
    return " x ".join(f"{v:.2f}" for v in voxel_mm)
