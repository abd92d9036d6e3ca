"""Make the smooth fields that the mesher follows, from labels and memberships.

The mesher reads a field between voxels with the quadratic B-spline, which blurs it a little (along each axis a voxel's value
counts 3/4, its neighbours' 1/8 each).  Blurring moves interfaces: convex tissues shrink, thin layers may break.  So the fields
are made backwards from what must come out *after* the blur: the layers stay closed, and every tissue keeps the volume its
labels have.  The first is done by lifting the right tissue where a layer would break, the second by adding one constant per
tissue (the spline reproduces constants, so the constants pass through it unchanged).
"""

from __future__ import annotations

import logging

import numba
import numpy as np
import scipy.ndimage as ndi
from numpy.typing import NDArray

from meshes.segmentation.cleaning import FORBIDDEN, Labels, close_layers
from meshes.segmentation.morphology import VoxelMm, through_edges
from meshes.tissue_codes import Tissue, among

log = logging.getLogger(__name__)

Fields = NDArray[np.float32]  # (nx, ny, nz, 7)

SOFTENING = 0.35  # sigma (voxels) of the blur that takes the stairs off where posteriors were overruled
LABEL_SOFTENING = 0.6  # the same for hard labels, which are all stairs
REACH_VOXELS = 2  # how far from its labels a tissue's membership counts
LEAD = 0.02  # the least by which a label wins its own voxel
LIFT = 0.25  # added to the right tissue where a layer breaks, until it holds
CHANNELS = len(Tissue)  # known to the compiler, which unrolls the loops over them
BLOCKS = 256  # volumes are summed in so many parts, whatever the number of cores: the same sum everywhere
SURE = 0.5  # a voxel whose winner leads by more, and wins all round it as well, has no interface in it


def one_hot(labels: Labels) -> Fields:
    """Memberships of hard labels: 1 in their tissue, 0 elsewhere."""
    return (labels[..., None] == np.arange(len(Tissue), dtype=np.uint8)).astype(np.float32)


def fields_for(
    memberships: Fields,
    labels: Labels,
    voxel_mm: VoxelMm,
    softening_voxels: float = SOFTENING,
    volumes: NDArray[np.float64] | None = None,
) -> Fields:
    """Fields whose winners are ``labels``, as smooth as ``memberships`` where those agree.

    Parameters
    ----------
    memberships : (nx, ny, nz, 7) float32
        Posteriors, or :func:`one_hot` labels.
    labels : (nx, ny, nz) uint8
        The cleaned labels.
    voxel_mm : (3,)
        Voxel edge lengths.
    softening_voxels : float
        Sigma of the blur that takes the stairs off.
    volumes : (7,) float, optional
        What each tissue is to fill, in voxels; default: its labels.
    """
    fields = confined(agreeing(memberships, labels), labels)
    for channel in range(fields.shape[-1]):
        fields[..., channel] = ndi.gaussian_filter(fields[..., channel], softening_voxels)
    fields = holding(fields, labels)
    if volumes is None:
        volumes = np.bincount(labels.ravel(), minlength=len(Tissue)).astype(float)
    for _ in range(2):  # each of the two disturbs the other a little
        fields = keep_layers(fields, voxel_mm)
        fields += volume_offsets(fields, volumes)
    return keep_layers(fields, voxel_mm)


def agreeing(memberships: Fields, labels: Labels) -> Fields:
    """The memberships, replaced by the label alone wherever their winner is another tissue."""
    wrong = memberships.argmax(-1) != labels
    out = memberships.copy()
    out[wrong] = one_hot(labels[wrong])
    return out


def holding(fields: Fields, labels: Labels) -> Fields:
    """The fields, with each voxel's label brought a little above the others where blurring put it below."""
    out = np.array(fields, np.float32, order="C")
    x, y, z = np.nonzero(winners(out) != labels)
    out[x, y, z, labels[x, y, z]] = out[x, y, z].max(-1) + np.float32(LEAD)
    return out


def confined(fields: Fields, labels: Labels) -> Fields:
    """Memberships dropped far from their tissue, and in every voxel of a tissue they must not touch.

    A posterior's faint second opinions (CSF in the nose) would otherwise come up as specks.
    """
    out = fields.copy()
    for tissue in Tissue:
        near = labels == tissue
        for _ in range(REACH_VOXELS):
            near = through_edges(near)
        out[~near, tissue] = 0
    for some, others in FORBIDDEN:
        for one, other in ((some, others), (others, some)):
            here = among(labels, one)
            for tissue in other:
                out[here, tissue] = 0
    return out


def keep_layers(fields: Fields, voxel_mm: VoxelMm) -> Fields:
    """Lift CSF and skull where a layer has a gap, both in the fields and as the mesher sees them."""
    out = np.array(fields, np.float32, order="C")
    for _ in range(12):
        gaps = 0
        for seen in (splined_winners(out)[0], winners(out)):
            closed = close_layers(seen, voxel_mm)
            where = np.nonzero(closed != seen)
            gaps += len(where[0])
            out[(*where, closed[where])] += LIFT
        if not gaps:
            return out
    log.warning("%d voxels of CSF or skull could not be kept closed in the smooth fields", gaps)
    return out


def volume_offsets(fields: Fields, volumes: NDArray[np.float64]) -> NDArray[np.float32]:
    """One constant per tissue such that each tissue's splined field wins over its volume (in voxels), (7,).

    Volumes are counted in octants of voxels, and by parts where an interface passes through one.  Only voxels where the race
    is close are looked at; the rest is settled.  Damped Newton steps, one tissue's volume against its own constant.
    """
    first, lead = splined_winners(fields)
    close = (lead < SURE) | (ndi.maximum_filter(first, 3) != ndi.minimum_filter(first, 3))
    close[[0, -1]], close[:, [0, -1]], close[:, :, [0, -1]] = False, False, False
    settled = np.bincount(first[~close], minlength=len(Tissue)).astype(float)
    points = _spline_in_octants(np.ascontiguousarray(fields, np.float32), np.argwhere(close))
    offsets = np.zeros(len(Tissue))
    for _ in range(40):
        won, slope = _race(points, offsets.astype(np.float32))
        missing = volumes - settled - won
        if np.all(np.abs(missing) <= np.maximum(1e-4 * volumes, 0.1)):
            break
        offsets += np.clip(0.7 * missing / np.maximum(slope, 1), -0.05, 0.05)
        offsets[volumes == 0] = 0
    offsets -= offsets[0]
    offsets[volumes == 0] = 0
    return offsets.astype(np.float32)


@numba.njit(cache=True, parallel=True)
def winners(fields: Fields) -> Labels:
    """The largest field of every voxel (the lowest code of equals)."""
    out = np.zeros(fields.shape[:3], np.uint8)
    for i in numba.prange(fields.shape[0]):
        for j in range(fields.shape[1]):
            for k in range(fields.shape[2]):
                out[i, j, k] = np.argmax(fields[i, j, k])
    return out


@numba.njit(cache=True, parallel=True)
def splined_winners(fields: Fields) -> tuple[Labels, Fields]:
    """The largest field where the mesher looks at voxel centres, and its lead over the second largest."""
    n = fields.shape
    first, lead = np.zeros(n[:3], np.uint8), np.zeros(n[:3], np.float32)
    weight = np.array([0.125, 0.75, 0.125], np.float32)
    for i in numba.prange(n[0]):
        value = np.empty(CHANNELS, np.float32)
        for j in range(n[1]):
            for k in range(n[2]):
                value[:] = 0
                for a in range(3):
                    x = min(max(i + a - 1, 0), n[0] - 1)
                    for b in range(3):
                        y = min(max(j + b - 1, 0), n[1] - 1)
                        for c in range(3):
                            z = min(max(k + c - 1, 0), n[2] - 1)
                            w = weight[a] * weight[b] * weight[c]
                            for channel in range(CHANNELS):
                                value[channel] += w * fields[x, y, z, channel]
                best, second = 0, -1
                for channel in range(1, CHANNELS):
                    if value[channel] > value[best]:
                        best, second = channel, best
                    elif second < 0 or value[channel] > value[second]:
                        second = channel
                first[i, j, k], lead[i, j, k] = best, value[best] - value[second]
    return first, lead


@numba.njit(cache=True, parallel=True)
def _spline_in_octants(fields: Fields, voxels: NDArray[np.int64]) -> Fields:
    """The quadratic B-spline at the centres of a voxel's eight octants, (8 n, 7); voxels must not lie on the grid's edge."""
    weight = np.empty((2, 3), np.float32)
    for side in range(2):
        t = side / 2 - 0.25
        weight[side] = np.array([(0.5 - t) ** 2 / 2, 0.75 - t * t, (0.5 + t) ** 2 / 2])
    out = np.zeros((8 * len(voxels), CHANNELS), np.float32)
    for n in numba.prange(len(voxels)):
        i, j, k = voxels[n]
        for octant in range(8):
            row = out[8 * n + octant]
            for a in range(3):
                for b in range(3):
                    for c in range(3):
                        w = weight[octant // 4, a] * weight[octant // 2 % 2, b] * weight[octant % 2, c]
                        for channel in range(CHANNELS):
                            row[channel] += w * fields[i + a - 1, j + b - 1, k + c - 1, channel]
    return out


@numba.njit(cache=True, parallel=True)
def _race(points: Fields, offsets: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The volume (voxels) each channel wins in the octants of some voxels, and how it grows with the channel's offset.

    An octant's winner shares it with the second where the lead is less than it varies within the octant, half of
    its difference between neighbouring octants: exact for a flat interface along the grid.
    """
    won, slope = np.zeros((BLOCKS, CHANNELS)), np.zeros((BLOCKS, CHANNELS))
    ends = np.linspace(0, len(points), BLOCKS + 1).astype(np.int64)
    for block in numba.prange(BLOCKS):
        for n in range(ends[block], ends[block + 1]):
            best, second, top, next_top = 0, 0, np.float32(-np.inf), np.float32(-np.inf)
            for channel in range(CHANNELS):
                value = points[n, channel] + offsets[channel]
                if value > top:
                    second, next_top, best, top = best, top, channel, value
                elif value > next_top:
                    second, next_top = channel, value
            lead = points[n, best] - points[n, second]
            varies = 0.0
            for axis in (1, 2, 4):
                there = (n & ~7) + ((n & 7) ^ axis)
                varies += (points[there, best] - points[there, second] - lead) ** 2
            reach = 0.5 * np.sqrt(varies)
            lead += offsets[best] - offsets[second]
            if lead >= reach:
                won[block, best] += 0.125
            else:
                part = 0.5 + 0.5 * lead / reach
                won[block, best] += 0.125 * part
                won[block, second] += 0.125 * (1 - part)
                slope[block, best] += 0.0625 / reach
                slope[block, second] += 0.0625 / reach
    return won.sum(0), slope.sum(0)
