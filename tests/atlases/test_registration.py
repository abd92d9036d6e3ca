"""MNI152 ↔ subject: the map's arithmetic, and the registration against warps that are known."""

import numpy as np
import pytest
from heads import ball_tissues
from scipy import ndimage
from scipy.spatial.transform import Rotation

from atlases import MniWarp, load_warp, register, save_warp, targets, to_subject
from atlases.registration import fitted_warp, template_tissues, warp_grid
from meshes import Tissues
from meshes.errors import InputError

NAMES = [(name, side) for name, each in targets().items() for side in each.sides]
TARGETS_MNI_MM = np.array([targets()[name].mni_mm(side) for name, side in NAMES])
LEFT = TARGETS_MNI_MM[:, 0] < 0


pytestmark = pytest.mark.usefixtures("registered_anew")


class Known:
    """A known smooth map MNI → subject: bent, scaled, turned (nodding 18°, yawing 11°), moved; symmetric in no axis."""

    linear = Rotation.from_euler("xyz", [18, -8, 11], degrees=True).as_matrix() @ np.diag([0.94, 1.05, 0.97])
    shift_mm = np.array([35.0, -60.0, 20.0])

    @staticmethod
    def bend(points):
        x, y, z = np.asarray(points).T * 2 * np.pi / 110
        return 5 * np.stack(
            [np.sin(y + 0.3) * np.cos(z), np.sin(z + 1) * np.cos(x + 0.5), np.sin(x - 0.4) * np.cos(y)], axis=-1
        )

    @classmethod
    def to_subject(cls, points):
        return (points + cls.bend(points)) @ cls.linear.T + cls.shift_mm

    @classmethod
    def to_mni(cls, points):
        goal = (points - cls.shift_mm) @ np.linalg.inv(cls.linear).T
        found = goal
        for _ in range(30):
            found = goal - cls.bend(found)
        return found


def bent_template(voxel_mm=1.5) -> Tissues:
    """The template's tissues bent by Known, stored with axes permuted and one flipped (PSR-like, not RAS)."""
    white, grey, affine = template_tissues()
    shape = np.array([150, 180, 150])
    low = Known.shift_mm - [112, 145, 100]
    index = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1).reshape(-1, 3)
    at = (Known.to_mni(index * voxel_mm + low) - affine[:3, 3]).T
    fields = np.zeros((*shape, 7), np.float32)
    for channel, tissue in ((1, white), (2, grey)):
        fields[..., channel] = ndimage.map_coordinates(tissue, at, order=1).reshape(shape)
    fields[..., 0] = 1 - fields.sum(axis=-1)
    # new index (a, b, c) is old index (n - 1 - b, c, a)
    fields = np.ascontiguousarray(fields[::-1].transpose(2, 0, 1, 3))
    to_old = np.array([[0, -1, 0, shape[0] - 1], [0, 0, 1, 0], [1, 0, 0, 0], [0, 0, 0, 1.0]])
    old = np.diag([voxel_mm] * 3 + [1.0])
    old[:3, 3] = low
    return Tissues(fields, old @ to_old)


@pytest.fixture(scope="module")
def known_warp() -> MniWarp:
    """Known, sampled as a registration's result is."""
    grid = warp_grid()
    return fitted_warp(grid, Known.to_subject(grid.reshape(-1, 3)).reshape(grid.shape))


def brain_points() -> np.ndarray:
    white, grey, affine = template_tissues()
    return np.argwhere(white + grey > 0.5)[::997] + affine[:3, 3]


def test_the_kept_grid_reproduces_the_map(known_warp):
    points = brain_points()
    assert len(points) > 1000
    assert np.abs(known_warp.to_subject(points) - Known.to_subject(points)).max() < 0.05
    assert to_subject(points[:3], lambda: known_warp) == pytest.approx(known_warp.to_subject(points[:3]))


def test_there_and_back(known_warp):
    points = brain_points()
    subject = known_warp.to_subject(points)
    assert np.abs(known_warp.to_mni(subject) - points).max() < 0.01
    assert np.abs(known_warp.to_mni(subject) - Known.to_mni(subject)).max() < 0.05
    far = np.array([[300.0, 10, 0], [0, -400, 50]])
    assert np.abs(known_warp.to_mni(known_warp.to_subject(far)) - far).max() < 0.01


def test_left_is_left(known_warp):
    """The map's own check: a mirrored map has a negative Jacobian."""
    assert known_warp.smallest_jacobian() > 0.3
    grid = warp_grid()
    mirrored = fitted_warp(grid, grid * [-1, 1, 1])
    assert mirrored.smallest_jacobian() < 0


def test_saved_and_loaded(known_warp, tmp_path):
    path = tmp_path / "mni.npz"
    save_warp(known_warp, path)
    assert path.stat().st_size < 10e6
    points = brain_points()[:50]
    assert np.array_equal(load_warp(path).to_subject(points), known_warp.to_subject(points))
    path.write_bytes(path.read_bytes()[:1000])
    for bad in (path, tmp_path / "none.npz"):
        with pytest.raises(InputError, match="missing or damaged"):
            load_warp(bad)


@pytest.mark.parametrize("points", [[1, 2, 3], [[1, 2]], [[np.nan, 0, 0]]])
def test_points_are_checked(points):
    with pytest.raises(InputError, match=r"\(n, 3\)"):
        MniWarp.identity().to_subject(points)


def test_no_brain_is_refused():
    with pytest.raises(InputError, match="whole brain"):
        register(Tissues(np.eye(7, dtype=np.float32)[np.zeros((20, 20, 20), int)], np.eye(4)))


@pytest.mark.slow
def test_a_known_warp_is_recovered_at_the_targets():
    subject = bent_template()
    warp = register(subject)
    truth = Known.to_subject(TARGETS_MNI_MM)
    error = np.linalg.norm(warp.to_subject(TARGETS_MNI_MM) - truth, axis=1)
    assert error.mean() < 1.5 and error.max() < 3.0, dict(zip(NAMES, error.round(1), strict=True))
    # the way back, and sides: the left targets come back left
    back = warp.to_mni(truth)
    assert np.linalg.norm(back - TARGETS_MNI_MM, axis=1).mean() < 1.5
    assert np.array_equal(back[:, 0] < 0, LEFT)
    points = brain_points()
    assert np.abs(warp.to_mni(warp.to_subject(points)) - points).max() < 0.5
    assert warp.smallest_jacobian() > 0
    assert min(warp.dice_white, warp.dice_grey) > 0.9


@pytest.mark.slow
def test_colin27_lies_nearly_where_mni_has_it_and_twice_is_the_same(colin27_tissues, colin27_warp):
    """Colin27 is in MNI space up to a linear fit, so the identity must nearly hold."""
    warp = colin27_warp
    moved = np.linalg.norm(warp.to_subject(TARGETS_MNI_MM) - TARGETS_MNI_MM, axis=1)
    assert moved.mean() < 4 and moved.max() < 8, dict(zip(NAMES, moved.round(1), strict=True))
    assert np.array_equal(warp.to_subject(TARGETS_MNI_MM)[:, 0] < 0, LEFT)
    assert warp.smallest_jacobian() > 0
    assert min(warp.dice_white, warp.dice_grey) > 0.72  # 0.68 and 0.66 before
    again = register(colin27_tissues)
    assert np.array_equal(again.to_subject(TARGETS_MNI_MM), warp.to_subject(TARGETS_MNI_MM))


@pytest.mark.slow
def test_what_is_no_brain_is_refused():
    with pytest.raises(InputError, match="MNI152") as error:
        register(ball_tissues())
    assert "\n" not in str(error.value)
