"""Find what of a brain is left cortex, what right, and what neither: of a mid-cortical surface, or of tissues.

Tissue fields know no left or right and no cerebellum.  fsaverage does: its pial and white surfaces (FreeSurfer's mean
of 40 brains, with 10242 vertices a side as nilearn ships them) are brought to MNI152 and by the warp to the subject,
together with what is not cortex: fsaverage's medial wall (where its cortex has no thickness), the deep nuclei (grey
matter of the MNI template well under the white surface) and the cerebellum with the brain stem (template tissue well
outside the pial surface).  A vertex is what the nearest of all these is; votes among neighbours smooth the borders.

For tissues without labels of the brain's structures (:func:`hemisphere_shares`) the template's ventricles are landmarks, too.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import product

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
from meshes.segmentation.hemisphere_shares import HemisphereShares
from meshes.tissue_codes import Tissue
from meshes.tissues import Tissues

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
# what else a voxel may be, for shares of the hemispheres
WALL, NUCLEUS, VENTRICLE, HINDBRAIN = 3, 4, 5, 6
FLUID = 0.3  # of the template's white and grey matter: below it is CSF
WELL_INSIDE_STEPS = 8  # of the template's grid: closes its ventricles
UNDER_WALL_MM = 2.0  # the ventricles lie under the group's white surface


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


def hemisphere_shares(tissues: Tissues, warp: MniWarp) -> dict[str, HemisphereShares]:
    """White and grey matter of each hemisphere, by ``lh`` and ``rh``, of tissues that do not say which is which.

    Ventricles and deep nuclei are found by the template's, and filled; cerebellum and brain stem are left out.  So it is not
    as exact as the labels of a segmentation, above all at the medial wall.

    Parameters
    ----------
    tissues : Tissues
    warp : MniWarp
        MNI152 ↔ subject.

    Raises
    ------
    InputError
        If a hemisphere has no white or grey matter.
    """
    labels = tissues.labels
    brain = np.isin(labels, (Tissue.WM, Tissue.GM))
    box = ndimage.find_objects(brain.astype(np.int8))
    if not box:
        raise InputError("the tissues have no white and grey matter, so no cortex; check the segmentation")
    labels = labels[box[0]]
    affine = tissues.affine_mm.copy()
    affine[:3, 3] += affine[:3, :3] @ [each.start for each in box[0]]
    asked = np.isin(labels, (Tissue.WM, Tissue.GM, Tissue.CSF))
    points_mm = np.argwhere(asked) @ affine[:3, :3].T + affine[:3, 3]
    marks = structure_landmarks()
    kind = np.zeros(labels.shape, np.int8)
    kind[asked] = marks.kind[cKDTree(warp.to_subject(marks.points_mm)).query(points_mm, workers=-1)[1]]
    right = np.zeros(labels.shape, bool)
    right[asked] = warp.to_mni(points_mm)[:, 0] > 0
    right = np.where(kind == LEFT, False, np.where(kind == RIGHT, True, right))
    filled = (labels == Tissue.GM) & (kind == NUCLEUS) | (labels == Tissue.CSF) & np.isin(kind, (VENTRICLE, NUCLEUS))
    filled = ndimage.binary_closing(filled, iterations=2) & (labels != Tissue.GM) | filled
    filled |= ndimage.binary_dilation(filled) & (labels == Tissue.WM)  # their borders are shared with nothing
    white, grey = tissue_shares(tissues.fields[box[0]], (Tissue.WM, Tissue.GM))
    white = np.where(filled, 1, white)
    grey = np.minimum(grey, 1 - white)
    found = {}
    for side, own in (("lh", asked & ~right), ("rh", asked & right)):
        own = own & (kind != HINDBRAIN)
        found[side] = HemisphereShares(white * own, grey * own, affine)
        if not (found[side].white > 0).any():
            raise InputError(
                f"the {'left' if side == 'lh' else 'right'} hemisphere has no white matter; check the tissues"
            )
    return found


def tissue_shares(fields: NDArray[np.float32], asked: tuple[Tissue, ...]) -> list[NDArray[np.float32]]:
    """How much of each voxel some tissues fill, 0 to 1, each (nx, ny, nz).

    A field says by how far a tissue is ahead of the others, not how much of a voxel is its: a place belongs to the greatest,
    as in the mesh.  So the share is that of eight places in the voxel, the fields being linear in between.

    Parameters
    ----------
    fields : (nx, ny, nz, tissues)
    asked : tuple of Tissue
    """
    of_voxel = [np.zeros(fields.shape[:-1], np.float32) for _ in asked]
    for offset in product((-0.25, 0.25), repeat=3):
        here = [ndimage.shift(fields[..., each], offset, order=1, mode="nearest") for each in range(fields.shape[-1])]
        greatest = np.argmax(here, axis=0)
        for share, tissue in zip(of_voxel, asked, strict=True):
            share += np.float32(0.125) * (greatest == tissue)
    return of_voxel


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
    surfaces = _group_surfaces()
    for side, name in ((LEFT, "left"), (RIGHT, "right")):
        pial, white = (each[side].points_mm for each in surfaces)
        for points in (pial, white, (pial + white) / 2):
            places.append(points)
            kinds.append(np.where(_wall(name), OTHER, side))
    nuclei, _, hindbrain = _structures()
    others = np.vstack([nuclei, hindbrain])
    places.append(others)
    kinds.append(np.full(len(others), OTHER))
    return Landmarks(np.vstack(places), np.concatenate(kinds).astype(np.int8))


@cache
def structure_landmarks() -> Landmarks:
    """Like :func:`landmarks`, with the medial wall, deep nuclei, ventricles and what lies below the cerebrum told apart."""
    cortex = landmarks()
    _, white = _group_surfaces()
    nuclei, ventricles, hindbrain = _structures()
    wall = np.vstack([each.points_mm[_wall(name)] for each, name in zip(white, ("left", "right"), strict=True)])
    of_cortex = cortex.kind != OTHER
    places = [cortex.points_mm[of_cortex], wall, nuclei, ventricles, hindbrain]
    kinds = [
        np.full(len(each), kind) for each, kind in zip(places[1:], (WALL, NUCLEUS, VENTRICLE, HINDBRAIN), strict=True)
    ]
    return Landmarks(np.vstack(places), np.concatenate([cortex.kind[of_cortex], *kinds]).astype(np.int8))


def _wall(name: str) -> NDArray[np.bool_]:
    """The vertices of fsaverage's ``left`` or ``right`` that are its medial wall."""
    return _fsaverage(f"thick_{name}")[0] < NO_CORTEX_MM


@cache
def _group_surfaces() -> tuple[list[CorticalSurface], list[CorticalSurface]]:
    """Pial and white surfaces of fsaverage, left and right, in MNI152."""
    pial, white = (
        [_in_mni152(*_fsaverage(f"{which}_{name}")) for name in ("left", "right")] for which in ("pial", "white")
    )
    return pial, white


def _fsaverage(name: str) -> list[NDArray]:
    """The arrays of one of nilearn's fsaverage5 files: points and triangles, or one value per vertex."""
    import nibabel

    file = files("nilearn.datasets").joinpath("data", "fsaverage5", f"{name}.gii.gz")
    return [each.data for each in nibabel.load(str(file)).darrays]


def _in_mni152(points_mm: NDArray, triangles: NDArray) -> CorticalSurface:
    return CorticalSurface(points_mm @ MNI305_TO_MNI152[:, :3].T + MNI305_TO_MNI152[:, 3], triangles)


@cache
def _structures() -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Points of the template's deep nuclei, of its ventricles, and of its cerebellum and brain stem, (n, 3) mm each."""
    pial, white = _group_surfaces()
    white_matter, grey_matter, affine = template_tissues()
    thin = (slice(None, None, TEMPLATE_STEP),) * 3
    grey = grey_matter[thin]
    places = np.stack(np.meshgrid(*[np.arange(0, n, TEMPLATE_STEP) for n in grey_matter.shape], indexing="ij"), -1)
    places = places + affine[:3, 3]  # the template's voxels are 1 mm along RAS
    tissue = white_matter[thin] + grey > FLUID
    hull = ndimage.binary_closing(tissue, iterations=WELL_INSIDE_STEPS)
    near = tissue | hull
    under_pial, under_white = np.zeros(grey.shape), np.zeros(grey.shape)
    under_pial[near] = _depth_mm(pial, places[near])
    under_white[near] = _depth_mm(white, places[near])
    nuclei = tissue & _solid((under_white > UNDER_WHITE_MM) & (grey > 0.5))
    core = _solid(tissue & (under_pial < -WELL_OUTSIDE_MM))
    grown = ndimage.binary_dilation(core, iterations=round((WELL_OUTSIDE_MM - OUTSIDE_PIAL_MM) / TEMPLATE_STEP) + 1)
    hindbrain = tissue & grown & (under_pial < -OUTSIDE_PIAL_MM)
    ventricles = hull & ~tissue & (under_white > UNDER_WALL_MM)
    return places[nuclei], places[ventricles], places[hindbrain]


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
