"""Brainsight's name for the world follows the header of the image that the plan was made on."""

import json
from dataclasses import replace

import nibabel
import numpy as np
import pytest
from heads import layered_ball
from plans import one_plan
from small_heads import small_head

from atlases.scalp import Scalp
from cli.main import run
from meshes import InputError
from meshes.images import open_nifti
from meshes.world import world_of
from targeting import Coil
from targeting.navigation.navigators import writers
from targeting.planning.tms_files import write_navigator
from targeting.plans.tms import write_plan
from targeting.pose_gate import PoseGate
from targeting.study.head_source import HeadSource
from targeting.study.head_stages import HEAD_FILE, FrameImage, run_segment
from targeting.subject import Subject

COIL = "figure8-70mm"


def over_a_ball(z_mm):
    """A plan with the coil flat over the vertex of a ball of 92 mm."""
    plan = one_plan()
    pose = np.diag([1.0, -1, -1, 1])
    pose[2, 3] = z_mm
    placements = [replace(each, pose=pose.tolist()) for each in plan.placements]
    return replace(plan, coil=replace(plan.coil, name=COIL), placements=placements)


CASES = {  # codes of sform and qform, --frame → entry, Brainsight's name
    "sform only": ((2, 0), None, "sform", "NIfTI:S:Aligned"),
    "sform only, scanner": ((1, 0), None, "sform", "NIfTI:S:Scanner"),
    "qform only": ((0, 2), None, "qform", "NIfTI:Q:Aligned"),
    "qform only, scanner": ((0, 1), None, "qform", "NIfTI:Q:Scanner"),
    "both": ((2, 1), None, "sform", "NIfTI:S:Aligned"),
    "both, the qform asked for": ((2, 1), "qform", "qform", "NIfTI:Q:Scanner"),
    "both, the sform in MNI152": ((4, 1), None, "qform", "NIfTI:Q:Scanner"),
    "sform only, in MNI152": ((4, 0), None, "sform", "NIfTI:S:MNI-152"),
}


def turned(affine, degrees=7.0):
    """A grid that is lopsided in every axis."""
    angle = np.radians(degrees)
    turn = np.eye(4)
    turn[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    turn[:3, 3] = [3, -11, 5]
    return turn @ affine


def saved(path, labels, affine, codes):
    """The unused entry holds another world, so that a mistake shows."""
    image = nibabel.Nifti1Image(labels, affine)
    elsewhere = np.diag([-1.5, 1.5, 1.5, 1.0])
    image.set_sform(affine if codes[0] else elsewhere, codes[0])
    image.set_qform(affine if codes[1] else elsewhere, codes[1])
    nibabel.save(image, path)
    return open_nifti(path)


@pytest.mark.parametrize("case", CASES)
def test_the_entry_that_gives_the_world(tmp_path, case):
    codes, frame, form, _ = CASES[case]
    affine = turned(np.diag([1.5, 1.5, 1.5, 1.0]))
    world = world_of(saved(tmp_path / "t1.nii", np.zeros((9, 10, 11), np.uint8), affine, codes), frame)
    assert world.form == form
    np.testing.assert_allclose(world.affine_mm, affine, atol=1e-5)


def test_a_disagreeing_entry_is_not_named(tmp_path):
    image = saved(tmp_path / "t1.nii", np.zeros((9, 10, 11), np.uint8), np.diag([1.5, 1.5, 1.5, 1.0]), (4, 1))
    image.header.set_qform(turned(np.diag([1.5, 1.5, 1.5, 1.0])), 1)
    assert (world_of(image, "sform").form, world_of(image, "sform").code) == ("sform", 4)
    with pytest.raises(InputError, match="disagree"):
        world_of(image)


@pytest.mark.slow
@pytest.mark.parametrize("case", ["sform only", "qform only", "both"])
def test_from_the_image_to_the_exported_file(tmp_path, case, capfd):
    codes, frame, form, name = CASES[case]
    labels, _, affine = small_head((1.5, 1.5, 1.5))
    saved(tmp_path / "labels.nii.gz", labels, turned(affine), codes)
    subject = Subject.named("s1", tmp_path / "s1")
    with subject.locked():
        segmentation = run_segment(
            subject, HeadSource.of(subject, labels=tmp_path / "labels.nii.gz", frame=frame)
        ).value
    assert (segmentation.frame.form, segmentation.frame.code) == (form, max(codes))
    assert FrameImage.kept_in(subject.folder) == segmentation.frame
    write_plan(subject.folder / "plan.json", over_a_ball(97.0))
    capfd.readouterr()
    export = ["export", "s1", "--to", "brainsight", "--quiet", "--out", str(subject.folder)]
    assert run(export) == 2
    assert "there is no files.json" in capfd.readouterr().err  # a plan that no run left
    assert run([*export, "--anyway"]) == 2
    assert "head.msh" in capfd.readouterr().err  # no head to hold the coil against
    layered_ball(14.0).write(subject.folder / "head.msh")
    assert run([*export, "--anyway"]) == 0
    written = (subject.folder / "plan_brainsight.txt").read_text()
    assert written.splitlines()[1] == f"# Coordinate system: {name}"


@pytest.fixture(scope="module")
def gate():
    return PoseGate(Scalp.of(layered_ball(14.0)), Coil.named(COIL))


@pytest.mark.slow
@pytest.mark.parametrize(("frame", "name"), [((None, None), "NIfTI:Q:Aligned"), (("sform", 4), "NIfTI:S:MNI-152")])
def test_without_an_image_and_in_a_templates_space(tmp_path, frame, name, gate):
    image = FrameImage("head.msh", "0" * 64, np.eye(4).tolist(), (9, 9, 9), None, *frame)
    (written,) = write_navigator(over_a_ball(97.0), "brainsight", tmp_path, gate, image.as_written_for(tmp_path))
    assert f"# Coordinate system: {name}\n" in written.read_text()


@pytest.mark.slow
@pytest.mark.parametrize("navigator", writers())
def test_a_coil_in_the_head_is_not_written(tmp_path, navigator, gate):
    with pytest.raises(InputError, match=r"m1-hand-1: the casing is 4\.\d mm inside the head"):
        write_navigator(over_a_ball(87.0), navigator, tmp_path, gate)
    assert not list(tmp_path.iterdir())


def test_a_folder_without_its_frame_is_one_line(tmp_path):
    (tmp_path / HEAD_FILE).write_text(json.dumps({"frame": 1}))
    with pytest.raises(InputError, match="run 'target plan' again"):
        FrameImage.kept_in(tmp_path)
