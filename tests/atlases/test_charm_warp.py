"""charm's own warps: known maps written as charm writes them are read again, left stays left, and the road uses them."""

import logging
import shutil
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from atlases import MniWarp, load_warp, save_warp
from atlases.charm_warp import read_charm_warp
from atlases.registration import template_brain, warp_grid
from meshes import InputError
from targeting.study.aim import Aim
from targeting.study.head_source import HeadSource
from targeting.study.head_stages import mesh_stage, register_stage, run_segment
from targeting.study.target_stage import target_stage
from targeting.subject import Subject

TURN = Rotation.from_euler("xyz", [12, -9, 25], degrees=True).as_matrix() @ np.diag([0.93, 1.04, 0.98])
MIDDLE_MM = np.array([0.0, -18, 8])  # of MNI152's brain, which comes to lie about the subject's origin
SHIFT_MM = np.array([2.0, -1, 0.5])
MNI = [[-38.6, -18.7, 64.8], [38.6, -18.7, 64.8], [-35, -15, 15], [0, 45, -10], [-5, -30, 70]]


def bend(points: np.ndarray) -> np.ndarray:
    x, y, z = np.asarray(points).T * 2 * np.pi / 120
    return 4 * np.stack([np.sin(y + 0.3) * np.cos(z), np.sin(z + 1) * np.cos(x + 0.5), np.sin(x - 0.4)], axis=-1)


def to_subject(points: np.ndarray) -> np.ndarray:
    points = np.asarray(points, dtype=float)
    return (points + bend(points) - MIDDLE_MM) @ TURN.T + SHIFT_MM


def to_mni(points: np.ndarray) -> np.ndarray:
    goal = (points - SHIFT_MM) @ np.linalg.inv(TURN).T + MIDDLE_MM
    found = goal
    for _ in range(15):
        found = goal - bend(found)
    return found


def image_of(
    dose_map, low, shape, voxel_mm=3.0, axes=(0, 1, 2), flip=(False, False, False), five=True
) -> nib.Nifti1Image:
    """The map's values on a grid whose voxel axes are permuted and flipped against the world's."""
    affine = np.zeros((4, 4))
    affine[3, 3] = 1
    for voxel_axis, world_axis in enumerate(axes):
        step = -voxel_mm if flip[voxel_axis] else voxel_mm
        affine[world_axis, voxel_axis] = step
        affine[world_axis, 3] = low[world_axis] + (voxel_mm * (shape[world_axis] - 1) if flip[voxel_axis] else 0)
    size = [shape[axis] for axis in axes]
    index = np.stack(np.meshgrid(*map(np.arange, size), indexing="ij"), axis=-1)
    values = dose_map(index.reshape(-1, 3) @ affine[:3, :3].T + affine[:3, 3]).reshape(*size, 3).astype(np.float32)
    return nib.Nifti1Image(values[:, :, :, None] if five else values, affine)


def write_warps(folder: Path, there=to_subject, back=to_mni) -> tuple[Path, Path]:
    """As charm does: MNI2Conform on MNI's grid (x flipped, five axes), Conform2MNI on the subject's (axes permuted)."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = folder / "MNI2Conform_nonl.nii.gz", folder / "Conform2MNI_nonl.nii.gz"
    nib.save(image_of(there, (-90, -126, -72), (61, 73, 61), flip=(True, False, False)), paths[0])
    if back is None:
        return paths
    back_image = image_of(back, (-100, -100, -100), (70, 72, 68), axes=(2, 0, 1), flip=(False, True, False), five=False)
    nib.save(back_image, paths[1])
    return paths


@pytest.fixture(scope="module")
def warps(tmp_path_factory) -> tuple[Path, Path]:
    return write_warps(tmp_path_factory.mktemp("toMNI"))


@pytest.fixture(scope="module")
def warp(warps) -> MniWarp:
    return read_charm_warp(*warps)


def brain_points() -> np.ndarray:
    points = warp_grid(6.0).reshape(-1, 3)
    return points[template_brain(points)]


@pytest.mark.slow
def test_a_known_map_is_read_both_ways(warp):
    points = brain_points()
    assert len(points) > 5000
    assert np.abs(warp.to_subject(points) - to_subject(points)).max() < 0.1
    assert np.abs(warp.to_mni(to_subject(points)) - points).max() < 0.15
    assert np.abs(warp.to_mni(warp.to_subject(points)) - points).max() < 0.01
    # neither the identity nor the affine part alone would pass
    assert np.linalg.norm(bend(points), axis=1).mean() > 3
    assert "MNI2Conform_nonl.nii.gz" in warp.source


def test_left_stays_left(warp):
    left, right = warp.to_subject(MNI[:2])
    axis = TURN[:, 0]  # where MNI's right lies in this turned head
    assert left @ axis < -20 < 20 < right @ axis
    assert warp.smallest_jacobian() > 0.5


@pytest.mark.slow
def test_filling_outside_the_brain_does_no_harm(warps, warp, tmp_path):
    """Images that hold zero or NaN where the warp ends give the same brain."""
    image = nib.load(warps[0])
    values = image.get_fdata()
    index = np.stack(np.meshgrid(*map(np.arange, values.shape[:3]), indexing="ij"), axis=-1)
    world = index @ image.affine[:3, :3].T + image.affine[:3, 3]
    outside = np.linalg.norm((world - MIDDLE_MM) / [1, 1.15, 1], axis=-1) > 98
    assert 0.2 < outside.mean() < 0.6
    points = brain_points()
    for filling in (0.0, np.nan):
        values[outside] = filling
        nib.save(nib.Nifti1Image(values.astype(np.float32), image.affine), tmp_path / "filled.nii.gz")
        filled = read_charm_warp(tmp_path / "filled.nii.gz")
        assert np.abs(filled.to_subject(points) - warp.to_subject(points)).max() < 0.05


def test_saved_and_loaded(warp, tmp_path):
    save_warp(warp, tmp_path / "warp.npz")
    again = load_warp(tmp_path / "warp.npz")
    assert again.source == warp.source and again.spacing_mm == warp.spacing_mm
    np.testing.assert_array_equal(again.to_subject(MNI), warp.to_subject(MNI))


@pytest.mark.slow
def test_bad_warps_are_one_line(warps, tmp_path):
    def refused(there: Path, back: Path | None, says: str) -> None:
        with pytest.raises(InputError, match=says) as error:
            read_charm_warp(there, back)
        assert "\n" not in str(error.value)

    bad = tmp_path / "bad.nii.gz"
    refused(bad, None, "there is no file")
    bad.write_bytes(warps[0].read_bytes()[:5000])
    refused(bad, None, "truncated or damaged")
    nib.save(nib.Nifti1Image(np.zeros((4, 4, 4), np.float32), np.eye(4)), bad)
    refused(bad, None, "shape")
    nib.save(nib.Nifti1Image(np.full((4, 4, 4, 3), np.nan, np.float32), np.eye(4)), bad)
    refused(bad, None, "no coordinates")
    mirrored = write_warps(tmp_path / "mirrored", lambda p: to_subject(p) * [-1, 1, 1], None)[0]
    refused(mirrored, None, "left would become right")
    other = write_warps(tmp_path / "other", lambda p: p, lambda p: to_mni(p) + np.array([0, 9, 0]))[1]
    refused(warps[0], other, "contradict each other by 9 mm")
    rng = np.random.default_rng(1)
    torn = write_warps(tmp_path / "torn", lambda p: rng.uniform(-90, 90, p.shape), None)[0]
    refused(torn, None, "fly apart|left would")


@pytest.fixture
def charm_folder(tmp_path, ball_head, warps) -> Path:
    folder = tmp_path / "m2m_ball"
    shutil.copytree(warps[0].parent, folder / "toMNI")
    ball_head.write(folder / "ball.msh")
    t1 = nib.Nifti1Image(np.ones((20, 22, 21), np.float32), np.diag([10.0, 10, 10, 1]))
    t1.affine[:3, 3] = -105
    nib.save(t1, folder / "T1.nii.gz")
    return folder


def aimed(subject: Subject, head: Path | None):
    """The stages up to the target; the target, and which of the stages ran."""
    source = HeadSource.of(subject, head=head).checked()
    with subject.locked():
        segmentation = run_segment(subject, source)
        mesh = subject.run(mesh_stage(segmentation, source, "standard"))
        registration = subject.run(register_stage(segmentation, mesh))
        target = subject.run(target_stage(Aim("m1-hand", "left"), mesh, registration))
    return target.value, [each.stage for each in (segmentation, mesh, registration, target) if not each.reused]


@pytest.mark.slow
def test_the_road_takes_the_folders_own_warp(charm_folder, tmp_path, caplog, monkeypatch):
    monkeypatch.setattr("atlases.registration.register", lambda tissues: pytest.fail("registered all the same"))
    subject = Subject.named("ball", tmp_path / "ball")
    with caplog.at_level(logging.INFO):
        found, ran = aimed(subject, charm_folder)
    assert ran == ["segment", "mesh", "register", "target"]
    assert "charm's own warp (MNI2Conform_nonl.nii.gz), so nothing is registered" in caplog.text
    assert "taken to the head by charm's own warp" in found.target.source
    assert found.asked_mm == pytest.approx(to_subject(found.mni_mm), abs=0.1)
    assert found.mni_mm[0] < 0 and found.target.side == "left"

    assert aimed(subject, charm_folder)[1] == []
    write_warps(charm_folder / "toMNI", lambda p: to_subject(p) + np.array([0, 3, 0]), lambda p: to_mni(p - [0, 3, 0]))
    moved, ran = aimed(subject, None)  # the folder is remembered, and its warp is one of the files that count
    assert {"segment", "register", "target"} <= set(ran)
    assert moved.asked_mm - found.asked_mm == pytest.approx([0, 3, 0], abs=0.05)
    shutil.rmtree(charm_folder)
    assert aimed(subject, None)[1] == []


def test_a_damaged_warp_stops_the_road_before_anything_is_made(charm_folder, tmp_path):
    (charm_folder / "toMNI" / "MNI2Conform_nonl.nii.gz").write_bytes(b"no image")
    with pytest.raises(InputError, match=r"MNI2Conform_nonl\.nii\.gz is not a NIfTI file"):
        aimed(Subject.named("ball", tmp_path / "ball"), charm_folder)
