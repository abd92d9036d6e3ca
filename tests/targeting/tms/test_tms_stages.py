"""What the later stages keep is read back as it was."""

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from heads import LEFT_SPOT
from studies import done, study_of

from atlases import Target
from atlases.aim import AimedTarget
from atlases.targets import targets
from meshes import InputError
from targeting import Coil
from targeting.coils.coil import fingerprint
from targeting.engines.protocol import EmbeddedEngine
from targeting.planning.tms_stages import confirm_stage, search_stage
from targeting.study.aim import Aim
from targeting.study.coil_aim import CoilAim
from targeting.study.command_line import command_line
from targeting.study.head_source import HeadSource
from targeting.study.target_stage import load_target, save_target, target_stage
from targeting.study.tms_request import TmsRequest
from targeting.subject import Done, Subject

SPHERE = Target(np.array([-35.0, -20.0, 58.0]), 5.0, "m1-hand", "left", "an atlas", np.float64(1.25))  # type: ignore[arg-type]
MASK = Target(np.array([30.0, 1, 2]), 4.0, mask_points_mm=np.arange(12.0).reshape(4, 3), mask_radius_mm=0.9)


@pytest.mark.parametrize(
    "aimed_target",
    [
        AimedTarget(SPHERE, np.array([-36.0, -20, 58]), np.array([-37.0, -21, 58]), ("moved far",)),
        AimedTarget(MASK, np.array([30.0, 1, 2]), None, ()),
    ],
)
def test_a_target_is_read_back_as_it_was(tmp_path, aimed_target):
    save_target(tmp_path / "target.npz", aimed_target)
    again = load_target(tmp_path / "target.npz")
    for each in fields(Target):
        np.testing.assert_equal(getattr(again.target, each.name), getattr(aimed_target.target, each.name))
    np.testing.assert_equal(again.asked_mm, aimed_target.asked_mm)
    np.testing.assert_equal(again.mni_mm, aimed_target.mni_mm)
    assert again.warnings == aimed_target.warnings


@pytest.mark.parametrize(
    ("aim", "in_mni"),
    [
        (Aim("m1-hand", "left"), True),
        (Aim("mni:-37,-21,58", None), True),
        (Aim("m1-hand", "left", hotspot_mm=(-38, -20, 55)), False),
        (Aim("ras:-38,-20,55", None), False),
        (Aim("mask.nii.gz", None), False),
    ],
)
def test_the_registration_runs_only_for_aims_in_mni_space(aim, in_mni):
    assert aim.in_mni == in_mni


def named_stage(aim):
    return target_stage(aim, Done("mesh", "0", 1.0, lambda: None), None)


def run_as(subject, stage):
    """Run a stage that makes nothing and needs nothing; whether it was reused."""

    def make(folder):
        (folder / f"{stage.name}.txt").write_text("made")

    with subject.locked():
        return subject.run(replace(stage, make=make, load=lambda _: None, needs=None)).reused


def test_a_changed_table_of_targets_redoes_the_target(tmp_path, monkeypatch):
    subject = Subject.named("s1", tmp_path / "s1")
    aim = Aim("m1-hand", "left")
    assert [run_as(subject, named_stage(aim)) for _ in range(2)] == [False, True]
    x, y, z = targets()["m1-hand"].left_mni_mm
    moved = {**targets(), "m1-hand": replace(targets()["m1-hand"], left_mni_mm=(x, y + 1, z))}
    monkeypatch.setattr("targeting.study.aim.targets", lambda: moved)
    assert [run_as(subject, named_stage(aim)) for _ in range(2)] == [False, True]
    assert named_stage(Aim("ras:-38,-20,55", None)).parameters["entry"] is None


@pytest.mark.parametrize("change", ["rating", "source", "casing"])
def test_a_changed_coil_of_the_same_name_redoes_what_depends_on_it(tmp_path, change):
    subject = Subject.named("s1", tmp_path / "s1")

    def reused(coil):
        aim = CoilAim(coil=coil)
        search = search_stage(TmsRequest(), study_of(), aim, done("dosemap", None))
        confirm = confirm_stage(study_of(), aim, done("search", None), EmbeddedEngine())
        return [run_as(subject, stage) for stage in (search, confirm)]

    coil = Coil.named("figure8-70mm")
    assert reused(coil) == [False, False]
    assert reused(replace(coil, source="the same, read again")) == [True, True]
    dipoles = coil.sources[0]
    other = {
        "rating": replace(coil, max_didt_a_per_s=1e8),
        "source": replace(coil, sources=(replace(dipoles, moments_a_m2=dipoles.moments_a_m2 * 1.001),)),
        "casing": replace(coil, casing=replace(coil.casing, points_mm=coil.casing.points_mm * 1.001)),
    }[change]
    assert reused(other) == [False, False]
    assert reused(other) == [True, True]


def test_the_last_bits_do_not_make_another_coil():
    coil = Coil.named("figure8-70mm")
    dipoles = coil.sources[0]
    near = replace(dipoles, moments_a_m2=dipoles.moments_a_m2 * (1 + 4e-16))
    assert fingerprint(replace(coil, sources=(near,))) == fingerprint(coil)


@pytest.mark.slow
def test_as_many_placements_are_listed_as_are_asked_for_and_five_otherwise(tmp_path, conductor, dose_map):
    target = AimedTarget(LEFT_SPOT, LEFT_SPOT.center_mm, None, ())
    aim, standing = CoilAim(coil=Coil.named("figure8-70mm")), done("dosemap", dose_map)

    def ranked(**options):
        subject = Subject.named("s1", tmp_path / str(options))
        study = study_of(conductor.head, target, subject=subject, conductor=conductor)
        with subject.locked():
            return subject.run(search_stage(TmsRequest(**options), study, aim, standing)).value

    five, two = ranked(), ranked(placements=2)
    assert len(five.poses) == 5 and len(two.poses) == 2
    np.testing.assert_array_equal(two.poses, five.poses[:2])
    with pytest.raises(InputError, match="a plan lists 1 to 20 placements, not 21"):
        TmsRequest(placements=21).checked()
    command = command_line(TmsRequest(placements=2), "s1", HeadSource("t1", {"t1": Path("t1.nii.gz")}))
    assert command == "target plan s1 --t1 t1.nii.gz --placements 2"
