"""The field of a finished plan in one call: an image of nibabel's, left on the left; and a plan's poses as one array."""

import nibabel
import numpy as np
import pytest
from seen_ball import seen_ball

from meshes import HeadMesh, InputError
from targeting import field_image
from targeting.files.fields import write_field_files
from targeting.plans.tms import read_plan

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def subject(tmp_path_factory):
    """A planned ball whose field is 1 V/m on its left and 0.25 V/m on its right."""
    made = seen_ball(tmp_path_factory.mktemp("field") / "ball")
    head = HeadMesh.read(made.folder / "head.msh")
    left = head.centroids_mm[:, 0] < 0
    e = np.where(left, 1.0, 0.25)[:, None] * np.array([0.0, 0.6, -0.8])
    grid = np.diag([-2.0, 2.0, 2.0, 1.0])  # voxels that run from right to left
    grid[:3, 3] = [70.0, -70.0, -70.0]
    write_field_files(made.folder, head, e, grid, (70, 70, 70), 1.0)
    return made


def test_it_is_an_image_in_volts_per_metre_with_left_on_the_left(subject):
    image = field_image("ball", out=subject.folder)
    assert isinstance(image, nibabel.Nifti1Image)
    values = image.get_fdata()
    voxel = np.linalg.inv(image.affine)

    def at(*mm):
        return values[tuple(np.round((voxel @ [*mm, 1.0])[:3]).astype(int))]

    assert (at(-30, 0, 10), at(30, 0, 10)) == (pytest.approx(1.0), pytest.approx(0.25))
    assert at(-66, -66, -66) == 0.0
    assert field_image(subject).shape == values.shape


def test_what_is_not_there_or_does_not_stand_is_refused(subject):
    with pytest.raises(InputError, match="unknown kind of plan 'coil'"):
        field_image(subject, kind="coil")
    with pytest.raises(InputError, match=r"unknown space 'mni152', did you mean 'MNI152'\? valid: T1, MNI152"):
        field_image(subject, space="mni152")
    with pytest.raises(
        InputError, match=r"there is no hd-tdcs plan in .*; make it with 'target plan ball --with hd-tdcs'"
    ):
        field_image(subject, kind="hd-tdcs")
    with pytest.raises(InputError, match="magnE_MNI152"):
        field_image(subject, space="MNI152")  # a ball is not registered
    (subject.folder / "dosemap.npz").write_bytes(b"PK")
    with pytest.raises(InputError, match=r"is outdated \(dosemap: its files were changed"):
        field_image(subject)
    assert field_image(subject, anyway=True).shape == (70, 70, 70)


def test_poses_are_one_array(subject):
    plan = read_plan(subject.folder / "plan.json")
    assert plan.poses_mm.shape == (len(plan.placements), 4, 4) and len(plan.placements) == 2
    assert plan.poses_mm[1].tolist() == plan.placements[1].pose
    assert plan.poses_mm.dtype == np.float64
