"""Find which vertices of a mid-cortical surface are left cortex, which right, and which neither.

Tissue fields know no left or right and no cerebellum.  fsaverage does: its pial and white surfaces (FreeSurfer's mean
of 40 brains, with 10242 vertices a side as nilearn ships them) are brought to MNI152 and by the warp to the subject,
together with what is not cortex: fsaverage's medial wall (where its cortex has no thickness), the deep nuclei (grey
matter of the MNI template well under the white surface) and the cerebellum with the brain stem (template tissue well
outside the pial surface).  A vertex is what the nearest of all these is; votes among neighbours smooth the borders.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.sparse import coo_matrix
from scipy.spatial import cKDTree

from atlases.registration import template_tissues
from atlases.warp import MniWarp
from meshes.cortical_surface import Cortex, CorticalSurface
from meshes.errors import InputError
from meshes.midcortex import evened

log = logging.getLogger(__name__)

# MNI305, fsaverage's space, to MNI152 (FreeSurfer wiki, CoordinateSystems, use case 8)
MNI305_TO_MNI152 = np.array(
    [
        [0.9975, -0.0073, 0.0176, -0.0429],
        [0.0146, 1.0009, -0.0024, 1.5496],
        [-0.0130, -0.0093, 0.9971, 1.1840],
    ]
)
NO_CORTEX_MM = 0.1  # fsaverage's cortex is thinner than this only on the medial wall, where it is 0
TEMPLATE_STEP = 2  # every second millimetre of the template
UNDER_WHITE_MM = 4.0  # the insula is nearer to the white surface than the putamen is deep
OUTSIDE_PIAL_MM, WELL_OUTSIDE_MM = 6.0, 8.0  # the template's gyri reach out as far; the cerebellum is 50 mm across
SOLID_MM3 = 4000.0  # a deep nucleus complex has 17 ml a side in the template, chance pieces below 0.5 ml
FARTHEST_MM = 12.0  # of cortex from fsaverage's, after the warp
VOTES = 6

LEFT, RIGHT, OTHER = 0, 1, 2


@dataclass(frozen=True, eq=False)
class Landmarks:
    """Points of MNI152, (n, 3) mm, and what they are, (n,): left cortex, right cortex, or other."""

    points_mm: NDArray[np.float64]
    kind: NDArray[np.int8]


def hemispheres(sheet: CorticalSurface, warp: MniWarp, source: str = "made from the tissues") -> Cortex:
    """The two cerebral hemispheres of a whole brain's mid-surface.

    Parameters
    ----------
    sheet : CorticalSurface
        From :func:`meshes.midcortex.mid_surface`.
    warp : MniWarp
        MNI152 ↔ subject.
    source : str
        Kept in the result.

    Returns
    -------
    Cortex
        Each hemisphere in one piece, open at the medial wall, smoothed, with triangles of about 1.3 mm.

    Raises
    ------
    InputError
        If a hemisphere has no surface.
    """
    kind = _vote(sheet, _kinds(sheet.points_mm, warp))
    sides = []
    for side, name in ((LEFT, "left"), (RIGHT, "right")):
        found = sheet.part(kind == side).largest_piece()
        if not len(found.triangles):
            raise InputError(f"no cortex was found in the {name} hemisphere; check the tissues and the registration")
        sides.append(evened(found))
    log.info("cortex: %.0f cm² left, %.0f cm² right", *(side.area_mm2 / 100 for side in sides))
    return Cortex(sides[0], sides[1], source)


def _kinds(points_mm: NDArray[np.float64], warp: MniWarp) -> NDArray[np.int8]:
    """What each point is nearest to, (n,)."""
    marks = landmarks()
    distance, nearest = cKDTree(warp.to_subject(marks.points_mm)).query(points_mm, workers=-1)
    return np.where(distance <= FARTHEST_MM, marks.kind[nearest], OTHER).astype(np.int8)


def _vote(sheet: CorticalSurface, kind: NDArray[np.int8]) -> NDArray[np.int8]:
    """Every vertex takes the kind that most of its neighbours and itself have, some times over."""
    n = len(kind)
    a, b, c = sheet.triangles.T
    ones = np.ones(6 * len(a), np.float32)
    rows, columns = np.concatenate([a, b, c, b, c, a]), np.concatenate([b, c, a, a, b, c])
    around = coo_matrix((ones, (rows, columns)), shape=(n, n)).tocsr()
    for _ in range(VOTES):
        is_kind = (kind[:, None] == np.arange(3)).astype(np.float32)
        kind = (around @ is_kind + is_kind).argmax(1).astype(np.int8)
    return kind


@cache
def landmarks() -> Landmarks:
    """Cortex of fsaverage, left and right, and what is not cortex, in MNI152."""
    places, kinds = [], []
    surfaces: dict[str, list[CorticalSurface]] = {"pial": [], "white": []}
    for side, name in ((LEFT, "left"), (RIGHT, "right")):
        wall = _fsaverage(f"thick_{name}")[0] < NO_CORTEX_MM
        pial, white = (_in_mni152(*_fsaverage(f"{which}_{name}")) for which in ("pial", "white"))
        surfaces["pial"].append(pial)
        surfaces["white"].append(white)
        for points in (pial.points_mm, white.points_mm, (pial.points_mm + white.points_mm) / 2):
            places.append(points)
            kinds.append(np.where(wall, OTHER, side))
    others = _not_cortex(surfaces["pial"], surfaces["white"])
    places.append(others)
    kinds.append(np.full(len(others), OTHER))
    return Landmarks(np.vstack(places), np.concatenate(kinds).astype(np.int8))


def _fsaverage(name: str) -> list[NDArray]:
    """The arrays of one of nilearn's fsaverage5 files: points and triangles, or one value per vertex."""
    import nibabel

    file = files("nilearn.datasets").joinpath("data", "fsaverage5", f"{name}.gii.gz")
    return [each.data for each in nibabel.load(str(file)).darrays]


def _in_mni152(points_mm: NDArray, triangles: NDArray) -> CorticalSurface:
    return CorticalSurface(points_mm @ MNI305_TO_MNI152[:, :3].T + MNI305_TO_MNI152[:, 3], triangles)


def _not_cortex(pial: list[CorticalSurface], white: list[CorticalSurface]) -> NDArray[np.float64]:
    """Points of the template's deep nuclei, cerebellum and brain stem, (n, 3) mm."""
    white_matter, grey_matter, affine = template_tissues()
    thin = (slice(None, None, TEMPLATE_STEP),) * 3
    grey = grey_matter[thin]
    places = np.stack(np.meshgrid(*[np.arange(0, n, TEMPLATE_STEP) for n in grey_matter.shape], indexing="ij"), -1)
    places = places + affine[:3, 3]  # the template's voxels are 1 mm along RAS
    tissue = white_matter[thin] + grey > 0.3
    under_pial, under_white = np.zeros(grey.shape), np.zeros(grey.shape)
    under_pial[tissue] = _depth_mm(pial, places[tissue])
    under_white[tissue] = _depth_mm(white, places[tissue])
    nuclei = _solid((under_white > UNDER_WHITE_MM) & (grey > 0.5))
    core = _solid(under_pial < -WELL_OUTSIDE_MM)
    grown = ndimage.binary_dilation(core, iterations=round((WELL_OUTSIDE_MM - OUTSIDE_PIAL_MM) / TEMPLATE_STEP) + 1)
    cerebellum = grown & (under_pial < -OUTSIDE_PIAL_MM)
    return places[nuclei | cerebellum]


def _depth_mm(surfaces: list[CorticalSurface], points_mm: NDArray[np.float64]) -> NDArray[np.float64]:
    """How far points lie under some closed surfaces, negative outside, (n,): to the nearest vertex."""
    vertices = np.vstack([each.points_mm for each in surfaces])
    normals = np.vstack([each.normals for each in surfaces])
    distance, nearest = cKDTree(vertices).query(points_mm, workers=-1)
    return -np.sign(np.einsum("ij,ij->i", points_mm - vertices[nearest], normals[nearest])) * distance


def _solid(where: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The connected pieces that are no chance ones."""
    pieces, _ = ndimage.label(where)
    large = np.bincount(pieces.ravel()) * float(TEMPLATE_STEP) ** 3 >= SOLID_MM3
    large[0] = False
    return large[pieces]
