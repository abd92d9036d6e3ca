"""What the surfaces of any folded hemisphere must be, and where its central sulcus lies."""

import numpy as np
from scipy.spatial import cKDTree

from atlases.areas import areas
from meshes.folds.hemisphere import turned_over


def check_surfaces(central, folds, area_cm2):
    triangles = central.triangles
    edges = np.sort(np.vstack([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]]), axis=1)
    unique, counts = np.unique(edges, axis=0, return_counts=True)
    assert (counts == 2).all()  # closed
    assert len(central.points_mm) - len(unique) + len(triangles) == 2  # no handles
    assert turned_over(folds.sphere, triangles) == 0 and turned_over(folds.fslr, triangles) < 1e-3
    outward = np.einsum("ij,ij->i", central.normals, folds.pial_mm - folds.white_mm)
    assert (outward > 0).mean() > 0.98
    assert area_cm2[0] < central.area_mm2 / 100 < area_cm2[1]
    assert 2.2 < folds.thickness_mm.mean() < 3.0
    middle = (folds.white_mm + folds.pial_mm) / 2
    # the central surface is halfway by position in the cortex, which in folds is not halfway between the two others
    assert np.median(np.linalg.norm(middle - central.points_mm, axis=1)) < 0.8


def central_sulcus(central, folds, found):
    """The border between areas 4 and 3a, and the fundus of the central sulcus by depth, (n, 3) mm each."""
    number = {name: areas()[name].number for name in ("4", "3a", "3b")}
    a, b, c = central.triangles.T
    pairs = np.vstack([np.column_stack(each) for each in ((a, b), (b, c), (c, a))])
    kinds = found[pairs]
    on_border = (kinds == number["4"]).any(1) & (kinds == number["3a"]).any(1)
    border = central.points_mm[pairs[on_border]].mean(1)
    banks = np.flatnonzero(np.isin(found, list(number.values())))
    points, depth = central.points_mm[banks], folds.depth_mm[banks]
    deepest = np.array([depth[near].max() for near in cKDTree(points).query_ball_point(points, 5.0)])
    return border, points[(depth > 0.9 * deepest) & (depth > 5.0)]
