"""Folded hemispheres whose areas are known: the group's own cortex as a person's, and grey matter round it."""

import itertools

import numpy as np

from atlases.fslr import group_cortex
from meshes import HeadMesh, Tissue
from meshes.cortical_surface import Cortex, CorticalSurface, Folds


def group_hemisphere(side, lift_mm=0.0):
    """The group's hemisphere with its folds as a subject's: each vertex is its own place on fs_LR 32k."""
    group = group_cortex(side)
    thickness = np.linalg.norm(group.pial_mm - group.white_mm, axis=1)
    depth = np.linalg.norm(group.central.points_mm - group.central.points_mm.mean(0), axis=1)
    shift = [0.0, 0.0, lift_mm]
    folds = Folds(
        group.white_mm + shift,
        group.pial_mm + shift,
        thickness,
        depth.max() - depth,
        group.sphere,
        group.sphere,
        group.cortex,
    )
    return CorticalSurface(group.central.points_mm + shift, group.central.triangles), folds


def group_as_subject(sides=("lh", "rh")):
    """A cortex of the group's surfaces, with the folds of some sides."""
    both = {side: group_hemisphere(side) for side in ("lh", "rh")}
    folds = {side: both[side][1] for side in sides}
    return Cortex(both["lh"][0], both["rh"][0], "the group's own surfaces", folds)


def warped_group(warp, sides=("lh", "rh")):
    """The group's cortex taken to a head by its registration to MNI152: roughly where that head has its own."""
    found, folds = {}, {}
    for side in ("lh", "rh"):
        group = group_cortex(side)
        layers = (warp.to_subject(each) for each in (group.central.points_mm, group.white_mm, group.pial_mm))
        central, white, pial = layers
        found[side] = CorticalSurface(central, group.central.triangles)
        thickness = np.linalg.norm(pial - white, axis=1)
        folds[side] = Folds(white, pial, thickness, np.zeros(len(white)), group.sphere, group.sphere, group.cortex)
    return Cortex(found["lh"], found["rh"], "the group's surfaces, warped", {side: folds[side] for side in sides})


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
