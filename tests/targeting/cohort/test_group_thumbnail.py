"""The small picture of a head: left on the left however the image is stored, outlines on the borders of the tissues."""

import json

import nibabel as nib
import numpy as np
import pytest
from heads import RADII_MM, layered_ball
from PIL import Image

from targeting.cohort.thumbnail import PIXELS, ROUND_BRAIN_MM, WHITE, write_thumbnail
from targeting.subject import Subject

GREYS = {1: 900, 2: 600, 3: 150, 4: 60, 5: 300}
SIZE = 60
STEP_MM = 3.4
BRIGHT_MM = np.array([-22.0, 14.0, 8.0])  # left, in front, above the middle


def stored(axes: str, shift_mm=(0.0, 0.0, 0.0)):
    """A T1 of the ball with a bright spot, its voxels along these axes."""
    low = -(SIZE - 1) * STEP_MM / 2
    index = np.stack(np.meshgrid(*[np.arange(SIZE)] * 3, indexing="ij"), -1)
    places = index * STEP_MM + low
    radius = np.linalg.norm(places, axis=-1)
    grey = np.zeros(radius.shape, np.int16)
    for tissue, outer in sorted(RADII_MM.items(), reverse=True):
        grey[radius < outer] = GREYS[tissue]
    grey[np.linalg.norm(places - BRIGHT_MM, axis=-1) < 20] = 2000
    affine = np.diag([STEP_MM] * 3 + [1.0])
    affine[:3, 3] = low + np.array(shift_mm)
    ras = nib.orientations.axcodes2ornt("RAS")
    image = nib.Nifti1Image(grey, affine)
    return image.as_reoriented(nib.orientations.ornt_transform(ras, nib.orientations.axcodes2ornt(axes)))


def planes_of(path):
    """The three planes, (210, 210, 3) each."""
    whole = np.asarray(Image.open(path).convert("RGB")).astype(int)
    assert whole.shape == (PIXELS, 3 * PIXELS, 3)
    return np.split(whole, 3, axis=1)


@pytest.mark.parametrize("axes", ["RAS", "LAS", "PIR", "LPS"])
def test_left_is_on_the_left_however_the_image_is_stored(tmp_path, axes):
    shift = np.array([9.0, -14.0, 4.0])
    image = stored(axes, shift)
    head = layered_ball(14.0)
    type(head)(head.points_mm + shift, head.tets, head.tissue).write(tmp_path / "head.msh")
    nib.save(image, tmp_path / "T1.nii.gz")
    frame = {
        "name": "T1.nii.gz",
        "sha256": "0",
        "affine_mm": image.affine.tolist(),
        "shape": image.shape,
        "copy": "T1.nii.gz",
    }
    (tmp_path / "head.json").write_text(json.dumps({"frame": frame}))
    write_thumbnail(Subject.named("ball", tmp_path), tmp_path / "small.png")
    axial, coronal, sagittal = planes_of(tmp_path / "small.png")
    mm_per_pixel = (2 * RADII_MM[2] + 2 * ROUND_BRAIN_MM) / PIXELS
    for plane, across, along in ((axial, 0, 1), (coronal, 0, 2), (sagittal, 1, 2)):
        bright = np.argwhere(np.abs(plane - WHITE).max(-1) < 8)
        bright = bright[(bright > 30).all(1) & (bright < PIXELS - 30).all(1)]  # the letters stand at the edges
        row, column = bright.mean(0) - PIXELS / 2
        towards = -1 if across == 1 else 1  # the sagittal plane is seen from the left: the front is on the left
        assert column * mm_per_pixel == pytest.approx(towards * BRIGHT_MM[across], abs=5)
        assert -row * mm_per_pixel == pytest.approx(BRIGHT_MM[along], abs=5)
    line = np.argwhere(axial[..., 2] - axial[..., 1] > 20)  # of the four lines only the scalp's is blue
    line = line[np.hypot(*(line - PIXELS / 2).T) * mm_per_pixel > RADII_MM[4]]  # and not the spot's edge
    away = np.hypot(*(line - (PIXELS - 1) / 2).T) * mm_per_pixel
    off = np.abs(away - RADII_MM[5])
    assert (
        len(line) > 150 and np.quantile(off, 0.95) < 2
    )  # it is where the scalp ends, but for letters that stand on it
    assert (tmp_path / "small.png").stat().st_size < 80_000


def test_a_head_without_an_image_shows_its_tissues(tmp_path):
    layered_ball(14.0).write(tmp_path / "head.msh")
    affine = np.diag([4.0, 4, 4, 1])
    affine[:3, 3] = -100
    frame = {"name": "ball.msh", "sha256": "0", "affine_mm": affine.tolist(), "shape": [51, 51, 51]}
    (tmp_path / "head.json").write_text(json.dumps({"frame": frame}))
    write_thumbnail(Subject.named("ball", tmp_path), tmp_path / "small.png")
    once = (tmp_path / "small.png").read_bytes()
    axial, *_ = planes_of(tmp_path / "small.png")
    assert axial[PIXELS // 2, PIXELS // 2].tolist() == pytest.approx([205] * 3, abs=12)  # white matter's grey
    write_thumbnail(Subject.named("ball", tmp_path), tmp_path / "small.png")
    assert (tmp_path / "small.png").read_bytes() == once
