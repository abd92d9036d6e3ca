"""The mid-cortical surface of phantoms whose middle is known, and of the embedded head."""

import numpy as np
import pytest
from heads import RADII_MM, ball_tissues

from meshes import InputError, Tissue, Tissues
from meshes.cortical_surface import CorticalSurface
from meshes.midcortex import evened, mid_surface


def tissues_of(depth_in_white_mm, depth_in_brain_mm, voxel_mm, affine):
    """Fields whose interfaces are two zero sets: a voxel wide ramps."""
    white = 1 / (1 + np.exp(-4 * depth_in_white_mm / voxel_mm))
    brain = 1 / (1 + np.exp(-4 * depth_in_brain_mm / voxel_mm))
    fields = np.zeros((*white.shape, 7), np.float32)
    fields[..., Tissue.WM] = white
    fields[..., Tissue.GM] = brain - np.minimum(white, brain)
    fields[..., Tissue.CSF] = 1 - np.maximum(brain, white)
    return Tissues(fields, affine)


def grid(shape, affine):
    index = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), -1)
    return index @ affine[:3, :3].T + affine[:3, 3]


def placed(matrix, shape):
    """The affine with these columns whose grid has its middle at (12, −7, 5) mm."""
    affine = np.eye(4)
    affine[:3, :3] = matrix
    affine[:3, 3] = np.array([12, -7, 5]) - affine[:3, :3] @ (np.array(shape) - 1) / 2
    return affine


@pytest.mark.parametrize(
    "matrix",
    [np.eye(3), np.array([[0, 0, -0.8], [-1.1, 0, 0], [0, 1.0, 0]]), np.diag([-1.0, 1, 1])],
    ids=["upright", "turned, oblong voxels", "mirrored"],
)
def test_the_middle_of_a_shell_is_found_to_a_tenth_of_a_millimetre(matrix):
    shape = (72, 72, 84)
    affine = placed(matrix, shape)
    radius = np.linalg.norm(grid(shape, affine) - [12, -7, 5], axis=-1)
    sheet = evened(mid_surface(tissues_of(24 - radius, 27.4 - radius, 1.0, affine)))
    from_middle = sheet.points_mm - [12, -7, 5]
    found = np.linalg.norm(from_middle, axis=1)
    assert found.mean() == pytest.approx(25.7, abs=0.05)
    assert np.abs(found - 25.7).max() < 0.1
    assert np.einsum("ij,ij->i", sheet.normals, from_middle / found[:, None]).min() > 0.98  # outward, all of them
    assert sheet.area_mm2 == pytest.approx(4 * np.pi * 25.7**2, rel=0.01)
    edges = np.linalg.norm(sheet.points_mm[sheet.triangles] - sheet.points_mm[np.roll(sheet.triangles, 1, 1)], axis=2)
    assert 1.0 < np.median(edges) < 1.5
    assert len(np.unique(sheet.piece_of_vertex())) == 1


def folded(gap_mm):
    """A slab of cortex 3 mm thick with a sulcus along y at x = 0 whose walls leave a gap of CSF; depth 18 mm."""
    shape = (50, 40, 60)
    affine = placed(np.eye(3), shape)
    x = grid(shape, affine) - [12, -7, 5]
    walls, floor, top = np.abs(x[..., 0]) - 3 - gap_mm / 2, -8 - x[..., 2], 10 - x[..., 2]
    block = 18 - np.maximum(np.abs(x[..., 0]), np.abs(x[..., 1]) * 1.2)  # an end of the world on all sides
    white = np.minimum(np.minimum(np.maximum(walls, floor - 3), top - 3), np.minimum(block - 3, x[..., 2] + 25))
    sulcus = np.maximum(np.abs(x[..., 0]) - gap_mm / 2, floor) if gap_mm else np.full(shape, 99.0)
    brain = np.minimum(np.minimum(sulcus, top), np.minimum(block, x[..., 2] + 28))
    return tissues_of(white, brain, 1.0, affine)


@pytest.mark.parametrize("gap_mm", [2.0, 0.0], ids=["open", "buried"])
def test_both_banks_of_a_sulcus_are_there_even_where_they_touch(gap_mm):
    sheet = mid_surface(folded(gap_mm))
    x = sheet.points_mm - [12, -7, 5]
    middle = (np.abs(x[:, 1]) < 8) & (np.abs(x[:, 2]) < 5)
    for sign in (-1, 1):
        bank = middle & (np.abs(x[:, 0] - sign * (1.5 + gap_mm / 2)) < 1.4)
        assert bank.sum() > 100
        assert np.median(x[bank, 0]) == pytest.approx(sign * (1.5 + gap_mm / 2), abs=0.15)
        assert np.percentile(np.abs(x[bank, 0] - sign * (1.5 + gap_mm / 2)), 95) < 0.4
        # out of the cortex means into the sulcus
        assert np.median(sheet.normals[bank, 0]) * sign < -0.95
    floor = (np.abs(x[:, 1]) < 8) & (np.abs(x[:, 0]) < 0.8) & (x[:, 2] > -20)
    assert floor.any() and x[floor, 2].max() < -6  # nothing spans the sulcus above its floor


def test_a_gyrus_that_lost_its_white_matter_has_two_sides():
    shape = (50, 40, 60)
    affine = placed(np.eye(3), shape)
    x = grid(shape, affine) - [12, -7, 5]
    base = -14 - x[..., 2]  # white matter far below, a grey wall 6 mm wide on it
    white = np.minimum(base, 15 - np.hypot(x[..., 0], x[..., 1]))
    ball = 18 - np.hypot(x[..., 0], x[..., 1])
    brain = np.minimum(np.maximum(base + 3, np.minimum(3 - np.abs(x[..., 0]), 12 - x[..., 2])), ball)
    sheet = mid_surface(tissues_of(white, brain, 1.0, affine))
    at = sheet.points_mm - [12, -7, 5]
    for sign in (-1, 1):
        side = (np.abs(at[:, 1]) < 8) & (np.abs(at[:, 2]) < 6) & (at[:, 0] * sign > 0)
        assert np.median(at[side, 0]) == pytest.approx(sign * 1.5, abs=0.2)
        assert np.median(sheet.normals[side, 0]) * sign > 0.95


def test_a_head_without_grey_matter_says_so():
    tissues = ball_tissues()
    fields = tissues.fields.copy()
    fields[..., Tissue.WM] += fields[..., Tissue.GM]
    fields[..., Tissue.GM] = 0
    with pytest.raises(InputError, match="no grey matter round white matter"):
        mid_surface(Tissues(fields, tissues.affine_mm))


@pytest.mark.slow
def test_coarse_voxels_serve_too():
    sheet = evened(mid_surface(ball_tissues(voxel_mm=(1.5, 2.0, 1.5), sigma_mm=1.5)))
    found = np.linalg.norm(sheet.points_mm, axis=1)
    # this cortex is 14 mm thick, which none is: the surface then keeps within 2.5 mm of white matter or of CSF
    assert np.all((found > RADII_MM[1]) & (found < RADII_MM[2]))


def test_a_part_keeps_whole_triangles_and_renumbers_them():
    square = CorticalSurface(np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0], [5, 5, 5]]), [[0, 1, 2], [0, 2, 3]])
    half = square.part(np.array([True, False, True, True, True]))
    assert half.points_mm.tolist() == [[0, 0, 0], [1, 1, 0], [0, 1, 0]] and half.triangles.tolist() == [[0, 1, 2]]
    assert square.area_mm2 == 1.0 and square.largest_piece().triangles.shape == (2, 3)
    with pytest.raises(InputError, match="not there"):
        CorticalSurface(np.zeros((3, 3)), [[0, 1, 3]])
