"""The group's cortex as a subject whose folds and areas are known, its mirror image, and a head of tetrahedra round it."""

import itertools
from dataclasses import replace
from functools import cache

import numpy as np
from scipy.spatial import ConvexHull, cKDTree

from atlases.fslr import group_cortex
from meshes.cortical_surface import Cortex, CorticalSurface, Folds
from meshes.head import HeadMesh
from meshes.tissue_codes import Tissue

SIDES = ("lh", "rh")
CORNERS = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)])
FIVE = np.array([[0, 3, 5, 6], [1, 0, 3, 5], [2, 0, 6, 3], [4, 0, 5, 6], [7, 3, 6, 5]])  # tetrahedra of a cube


def depth_below_hull_mm(points_mm):
    """How far below their convex hull points lie."""
    planes = ConvexHull(points_mm).equations
    return np.clip((-(points_mm @ planes[:, :3].T + planes[:, 3])).min(1), 0, None)


@cache
def group_subject() -> Cortex:
    """The group's own hemispheres; sulcal depth is that below the convex hull."""
    groups = {side: group_cortex(side) for side in SIDES}
    return Cortex(
        groups["lh"].central, groups["rh"].central, "fs_LR", {side: _folds(group) for side, group in groups.items()}
    )


def group_as_subject(sides=SIDES) -> Cortex:
    """The same with the folds of some sides only."""
    whole = group_subject()
    return replace(whole, folds={side: whole.folds[side] for side in sides})


def group_hemisphere(side, lift_mm=0.0):
    """One hemisphere of it with its folds, higher up by some millimetres."""
    whole, shift = group_subject(), [0.0, 0.0, lift_mm]
    surface, folds = whole.hemispheres[side], whole.folds[side]
    lifted = replace(folds, white_mm=folds.white_mm + shift, pial_mm=folds.pial_mm + shift)
    return CorticalSurface(surface.points_mm + shift, surface.triangles), lifted


def mirrored(cortex: Cortex) -> Cortex:
    """The mirror image: what was left is right.  (fs_LR's spheres are mirror images of each other, vertex for vertex.)"""
    flip = np.array([-1.0, 1.0, 1.0])
    surfaces, folds = {}, {}
    for side, other in zip(SIDES, SIDES[::-1], strict=True):
        old, known = cortex.hemispheres[other], cortex.folds[other]
        surfaces[side] = CorticalSurface(old.points_mm * flip, old.triangles[:, ::-1])
        turned = {name: getattr(known, name) * flip for name in ("white_mm", "pial_mm", "sphere", "fslr")}
        folds[side] = replace(known, **turned)
    return Cortex(surfaces["lh"], surfaces["rh"], "mirrored", folds)


@cache
def group_head(voxel_mm: float = 4.0) -> HeadMesh:
    """Cubes of five tetrahedra over the group's brain: grey matter near the mid-cortical surface, white matter elsewhere."""
    points = group_subject().whole.points_mm
    low = points.min(0) - 8
    count = np.ceil((points.max(0) + 8 - low) / voxel_mm).astype(int)
    index = np.stack(np.meshgrid(*(np.arange(n) for n in count), indexing="ij"), -1).reshape(-1, 3)
    corners = index[:, None] + np.where((index.sum(1) % 2 == 1)[:, None, None], 1 - CORNERS, CORNERS)
    number = np.ravel_multi_index(tuple(corners.reshape(-1, 3).T), count + 1).reshape(-1, 8)
    tets = number[:, FIVE].reshape(-1, 4)
    places = np.stack(np.unravel_index(np.arange(np.prod(count + 1)), count + 1), -1) * voxel_mm + low
    edges = places[tets[:, 1:]] - places[tets[:, :1]]
    wrong = np.linalg.det(edges) < 0
    tets[wrong] = tets[wrong][:, [1, 0, 2, 3]]
    away = cKDTree(points).query(places[tets].mean(1))[0]
    return HeadMesh(places, tets, np.where(away < 3.0, 2, 1))


def grey_box(step_mm=5.0):
    """A block of grey matter that holds the group's brain."""
    axes = [np.arange(low, high + step_mm, step_mm) for low, high in ((-76, 76), (-112, 80), (-60, 90))]
    shape = tuple(len(each) for each in axes)
    points = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 3)
    corner = np.stack(np.meshgrid(*(np.arange(n - 1) for n in shape), indexing="ij"), -1).reshape(-1, 3)
    tets = []
    for order in itertools.permutations(range(3)):  # Kuhn's six tetrahedra of a cube
        path = [corner]
        for axis in order:
            path.append(path[-1] + np.eye(3, dtype=int)[axis])
        tets.append(np.stack([np.ravel_multi_index(each.T, shape) for each in path], -1))
    tets = np.concatenate(tets)
    a, b, c, d = np.moveaxis(points[tets], 1, 0)
    turned = np.einsum("ij,ij->i", np.cross(b - a, c - a), d - a) < 0
    tets[turned] = tets[turned][:, [0, 2, 1, 3]]
    return HeadMesh(points, tets, np.full(len(tets), Tissue.GM, np.uint8))


def _folds(group) -> Folds:
    thickness = np.linalg.norm(group.pial_mm - group.white_mm, axis=1)
    depth = depth_below_hull_mm(group.central.points_mm)
    return Folds(group.white_mm, group.pial_mm, thickness, depth, group.sphere, group.sphere, group.cortex)
