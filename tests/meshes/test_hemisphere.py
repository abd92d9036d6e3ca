"""A hemisphere's tissues as one map, what is filled in them, and the steps' refusals."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from meshes.errors import InputError
from meshes.folds.hemisphere import STEP_MM, GroupSurface, tissue_map, turned, turned_over
from meshes.segmentation.hemisphere_shares import HemisphereShares, filled_shares

AFFINE = np.array(
    [[0.0, -1.1, 0, 40], [0, 0, 0.9, -30], [1.3, 0, 0, 5], [0, 0, 0, 1]]
)  # axes swapped, one turned round


def ball(white_mm=14.0, grey_mm=18.0, center_mm=(10.0, -8.0, 30.0), affine=AFFINE, shape=(46, 50, 60)):
    """Shares of a ball of white matter in a shell of grey."""
    points = np.moveaxis(np.indices(shape), 0, -1) @ affine[:3, :3].T + affine[:3, 3]
    radius = np.linalg.norm(points - center_mm, axis=-1)
    white = np.clip(white_mm - radius + 0.5, 0, 1).astype(np.float32)
    grey = np.clip(grey_mm - radius + 0.5, 0, 1).astype(np.float32) - white
    return HemisphereShares(white, grey, affine)


def test_the_map_is_where_the_tissues_are():
    shares = ball()
    tissue, affine = tissue_map(shares)
    points = np.moveaxis(np.indices(tissue.shape), 0, -1) @ affine[:3, :3].T + affine[:3, 3]
    radius = np.linalg.norm(points - (10.0, -8.0, 30.0), axis=-1)
    assert np.diag(affine)[:3] == pytest.approx(STEP_MM)
    assert (tissue[radius < 12] > 2.9).all() and (tissue[radius > 20] < 1.1).all()
    assert tissue[(radius > 15.5) & (radius < 16.5)] == pytest.approx(2, abs=0.1)
    assert (tissue > 1.5).sum() * STEP_MM**3 == pytest.approx(4 / 3 * np.pi * 18**3, rel=0.02)
    assert (tissue[[0, -1]] == 1).all()  # a margin all round


def test_white_matter_apart_from_the_rest_is_none():
    shares = ball()
    white = shares.white.copy()
    white[2:5, 2:5, 2:5] = 1
    tissue, _ = tissue_map(HemisphereShares(white, shares.grey, AFFINE))
    assert np.isclose(tissue.max(), 3) and (tissue[:20, :, :] <= 3).all()
    alone = HemisphereShares(np.where(shares.white > 0.5, 0, shares.white), shares.grey, AFFINE)
    with pytest.raises(InputError, match="no white matter"):
        tissue_map(alone)


def test_shares_are_kept_in_percent(tmp_path):
    shares = ball()
    shares.save(tmp_path / "lh.shares.npz")
    again = HemisphereShares.load(tmp_path / "lh.shares.npz")
    assert again.white.size < shares.white.size  # cut to the ball
    for one, other in zip(tissue_map(shares), tissue_map(again), strict=True):
        np.testing.assert_allclose(one, other, atol=0.03)
    with pytest.raises(InputError, match="without white and grey matter"):
        HemisphereShares(shares.white * 0, shares.grey * 0, AFFINE).save(tmp_path / "none.npz")


def test_ventricles_and_nuclei_of_one_side_are_filled():
    labels = np.zeros((30, 30, 30), int)
    labels[5:25, 5:25, 5:25] = 2
    labels[12:18, 12:18, 12:18] = 4  # left lateral ventricle
    labels[12:18, 18:20, 12:18] = 10  # left thalamus
    labels[20:22, 12:14, 12:14] = 49  # a right one
    white = (labels == 2).astype(float)
    shares = filled_shares(white, np.zeros_like(white), labels, np.eye(4), "lh")
    assert (shares.white[np.isin(labels, (2, 4, 10))] == 1).all()
    assert (shares.white[labels == 49] == 0).all() and shares.grey.max() == 0


def test_a_sphere_that_is_folded_over_is_told():
    points = np.array([[1.0, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]) / np.sqrt(3)
    triangles = np.array([[0, 1, 2], [0, 3, 1], [0, 2, 3], [1, 3, 2]])
    assert turned_over(points, triangles) == 0
    assert turned_over(points, np.vstack([triangles[:3], triangles[3:, ::-1]])) == 0.25
    assert turned_over(points * [-1, 1, 1], triangles) == 1  # mirrored


def test_a_sphere_is_turned_to_the_group_and_never_mirrored():
    """An uneven body, its sphere turned anyhow: each of its places comes back to the same place of the group's."""
    rng = np.random.default_rng(0)
    group_sphere = rng.normal(size=(3000, 3))
    group_sphere /= np.linalg.norm(group_sphere, axis=1, keepdims=True)
    body = group_sphere * [30.0, 80, 50] + np.outer(group_sphere[:, 1] ** 2, [8.0, 0, 12])
    group = GroupSurface(body, np.zeros((1, 3), np.int32), group_sphere, np.ones(3000, bool))
    turn = Rotation.from_rotvec([0.9, -1.4, 0.5]).as_matrix()
    back = turned(body * 1.1 + [5.0, -7, 3], group_sphere @ turn, group)
    np.testing.assert_allclose(back, group_sphere, atol=1e-6)
    mirrored = turned(body, group_sphere * [-1, 1, 1], group)
    assert np.linalg.norm(mirrored - group_sphere, axis=1).max() > 0.5
