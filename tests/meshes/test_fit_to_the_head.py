"""A cortex, an image or a warp is taken only if it is this head's, at this head's place."""

from dataclasses import replace

import numpy as np
import pytest
from cortices import sphere
from scipy.spatial import KDTree

from atlases.registration import check_warp_fit, template_brain, warp_grid
from atlases.warp import MniWarp
from meshes import HeadMesh, InputError
from meshes.cortex_fit import check_fit
from meshes.cortical_surface import Cortex, CorticalSurface
from meshes.image_fit import check_image_fit
from targeting.closed_forms.phantom import sphere_tissues

pytestmark = pytest.mark.slow

STEP_MM = 1.5
THICKNESS_MM = 2.8


def folded_radius(direction: np.ndarray, seed: int) -> np.ndarray:
    """Radius of a folded sheet, mm: folds 8 mm deep, about 20 mm apart, other ones for every seed."""
    waves = np.random.default_rng(seed).normal(size=(40, 3))
    waves *= 17 / np.linalg.norm(waves, axis=1, keepdims=True)
    phases = np.random.default_rng(seed + 1).uniform(0, 2 * np.pi, len(waves))
    return 52 + 8 * np.tanh(np.cos(direction @ waves.T + phases).sum(1) / 3)


def hemisphere(center, seed, mirrored=False) -> CorticalSurface:
    ball = sphere(1.0, 20_000)
    direction = ball.points_mm * [-1, 1, 1] if mirrored else ball.points_mm
    return CorticalSurface(folded_radius(direction, seed)[:, None] * ball.points_mm * SHAPE + center, ball.triangles)


SHAPE = np.array([0.55, 1.25, 1.0])
LEFT, RIGHT = np.array([-34.0, 3, 20]), np.array([36.0, 5, 20])


def cortex(left_seed=1, right_seed=7, shift=(0, 0, 0)) -> Cortex:
    return Cortex(hemisphere(LEFT + shift, left_seed), hemisphere(RIGHT + shift, right_seed), "made up")


@pytest.fixture(scope="module")
def head() -> HeadMesh:
    """Grey matter of two folded sheets: the voxels near them, each cut into five tetrahedra."""
    points = np.vstack([s.points_mm for s in (cortex().left, cortex().right)])
    low = points.min(0) - 3
    size = np.ceil((points.max(0) + 3 - low) / STEP_MM).astype(int)
    index = np.stack(np.meshgrid(*map(np.arange, size), indexing="ij"), -1).reshape(-1, 3)
    place = low + (index + 0.5) * STEP_MM
    grey = np.zeros(len(place), bool)
    for center, seed in ((LEFT, 1), (RIGHT, 7)):
        away = (place - center) / SHAPE
        near = np.flatnonzero(np.abs(np.linalg.norm(away, axis=1) - 52) < 12)
        grey[near] |= KDTree(hemisphere(center, seed).points_mm).query(place[near])[0] < THICKNESS_MM / 2
    return blocks(index[grey], STEP_MM, low + STEP_MM / 2)


def blocks(index: np.ndarray, step_mm: float, origin_mm: np.ndarray) -> HeadMesh:
    """Grey matter of the voxels round some grid points, (n, 3), each cut into five tetrahedra."""
    corner = np.array([[i, j, k] for i in (0, 1) for j in (0, 1) for k in (0, 1)]) - 0.5
    five = np.array([[0, 3, 5, 6], [0, 1, 3, 5], [0, 2, 3, 6], [0, 4, 5, 6], [3, 5, 6, 7]])
    unique, where = np.unique((index[:, None] + corner).reshape(-1, 3), axis=0, return_inverse=True)
    tets = where.reshape(-1, 8)[:, five].reshape(-1, 4)
    mesh = HeadMesh(origin_mm + unique * step_mm, tets, np.full(len(tets), 2))
    return replace(mesh, tets=np.where((mesh.volumes_mm3 < 0)[:, None], tets[:, [0, 1, 3, 2]], tets))


def moved(found: Cortex, how) -> Cortex:
    sides = [CorticalSurface(how(side.points_mm), side.triangles) for side in (found.left, found.right)]
    return Cortex(*sides, found.source)


def test_its_own_cortex_is_taken_with_errors_of_a_millimetre(head):
    check_fit(cortex(), head, "folder")
    rng = np.random.default_rng(0)
    check_fit(moved(cortex(), lambda p: p + rng.normal(size=p.shape) * 0.6), head, "folder")
    check_fit(cortex(shift=(0.4, -0.5, 0.4)), head, "folder")


@pytest.mark.parametrize(("shift", "mm"), [((0, 4, 3), 5), ((0, 9.6, 7.2), 12), ((4, 0, 0), 4), ((0, -17, 8), 19)])
def test_a_cortex_that_lies_elsewhere_is_refused_with_how_far(head, shift, mm):
    with pytest.raises(InputError, match=r"lh in folder lies about (\d+) mm from this head's grey matter") as told:
        check_fit(cortex(shift=shift), head, "folder")
    assert abs(int(str(told.value).split("about ")[1].split()[0]) - mm) <= 1


def test_another_persons_cortex_a_mirrored_one_and_another_unit_are_refused(head):
    with pytest.raises(InputError, match="it is not this head's cortex"):
        check_fit(cortex(left_seed=20, right_seed=30), head, "folder")
    flipped = Cortex(hemisphere(LEFT, 7, mirrored=True), hemisphere(RIGHT, 1, mirrored=True), "mirrored")
    with pytest.raises(InputError, match="mirrored: its left and right are exchanged"):
        check_fit(flipped, head, "folder")
    with pytest.raises(InputError, match="give surfaces in millimetres"):
        check_fit(moved(cortex(), lambda p: p / 1000), head, "folder")


# ------------------------------------------------------------------------------------------------------------- images
RADII_MM = {1: 40.0, 2: 50.0, 3: 54.0, 4: 60.0, 5: 68.0}
GREY = np.array([0, 110, 80, 30, 15, 140, 60], np.float32)


@pytest.fixture(scope="module")
def lopsided() -> tuple[HeadMesh, np.ndarray, np.ndarray]:
    """A head whose left differs from its right, as an image's voxels and as tetrahedra: voxels and their tissues."""
    tissues = sphere_tissues(RADII_MM, (3.0, 3.0, 3.0), 1.0)
    labels, affine = tissues.labels.copy(), tissues.affine_mm
    index = np.argwhere(labels > 0)
    place = index @ affine[:3, :3].T + affine[:3, 3]
    lump = np.linalg.norm(place - [-32, 22, 12], axis=1) < 30  # white matter that reaches to the left and forward
    labels[tuple(index[lump].T)] = 1
    corner = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]]) - 0.25
    nodes = (index[:, None] + corner).reshape(-1, 3) @ affine[:3, :3].T + affine[:3, 3]
    mesh = HeadMesh(nodes, np.arange(len(nodes)).reshape(-1, 4), labels[labels > 0])
    return mesh, GREY[labels], affine


def shifted(affine: np.ndarray, by_mm) -> np.ndarray:
    found = affine.copy()
    found[:3, 3] += by_mm
    return found


def test_the_image_of_the_head_is_taken_with_noise_and_without_a_face(lopsided):
    mesh, image, affine = lopsided
    assert check_image_fit(image, affine, mesh, "T1.nii.gz", "head.msh") == ""
    noisy = image + np.random.default_rng(0).normal(0, 15, image.shape)
    assert check_image_fit(noisy, affine, mesh, "T1.nii.gz", "head.msh") == ""
    faceless = image.copy()
    faceless[:, image.shape[1] * 3 // 4 :, : image.shape[2] // 2] = 0
    assert check_image_fit(faceless, affine, mesh, "T1.nii.gz", "head.msh") == ""


@pytest.mark.parametrize(("by_mm", "mm"), [((0, 8, 6), 10), ((25, 0, 0), 25), ((0, 0, -60), 60), ((500, 0, 0), 500)])
def test_an_image_that_lies_elsewhere_is_refused_with_how_far(lopsided, by_mm, mm):
    mesh, image, affine = lopsided
    with pytest.raises(InputError, match=r"T1\.nii\.gz and head\.msh lie (about )?\d+ mm apart") as told:
        check_image_fit(image, shifted(affine, by_mm), mesh, "T1.nii.gz", "head.msh")
    assert int(str(told.value).split(" mm apart")[0].split()[-1]) == pytest.approx(mm, abs=3)


def test_a_mirrored_image_is_refused(lopsided):
    mesh, image, affine = lopsided
    with pytest.raises(InputError, match="with left and right exchanged"):
        check_image_fit(np.flip(image, 0), affine, mesh, "T1.nii.gz", "head.msh")


def test_an_image_of_nothing_is_doubted(lopsided):
    mesh, image, affine = lopsided
    assert "hardly follows" in check_image_fit(np.zeros_like(image), affine, mesh, "T1.nii.gz", "head.msh")


# -------------------------------------------------------------------------------------------------------------- warps
@pytest.fixture(scope="module")
def template_head() -> HeadMesh:
    """The template's own brain as a mesh: one block of tetrahedra for each point of a grid."""
    points = warp_grid(4.0).reshape(-1, 3)
    return blocks(points[template_brain(points)] / 4.0, 4.0, np.zeros(3))


@pytest.mark.parametrize(("by_mm", "mm"), [((0, 0, 0), 0), ((3, 0, -2), 0), ((0, 14, 10), 17), ((0, 0, 60), 60)])
def test_a_warp_to_another_place_is_refused_with_how_far(template_head, by_mm, mm):
    there = np.eye(4)
    there[:3, 3] = by_mm
    warp = replace(MniWarp.identity(), affine_mm=there)
    if mm == 0:
        check_warp_fit(warp, template_head, "warp.nii.gz")
        return
    with pytest.raises(InputError, match=r"warp\.nii\.gz takes MNI152's brain to a place about \d+ mm") as told:
        check_warp_fit(warp, template_head, "warp.nii.gz")
    assert int(str(told.value).split("about ")[1].split()[0]) == pytest.approx(mm, abs=4)


def test_a_warp_that_fits_nowhere_is_refused(template_head):
    tiny = replace(MniWarp.identity(), affine_mm=np.diag([0.3, 0.3, 0.3, 1.0]))
    with pytest.raises(InputError, match="does not take MNI152's brain to this head's"):
        check_warp_fit(tiny, template_head, "warp.nii.gz")
