"""A named target by the folds on its way through a plan: asked for, made, kept, recorded and told."""

import json
from dataclasses import fields, replace

import numpy as np
import pytest
from folded_group import group_head, group_subject

from atlases import MniWarp, resolve_target
from meshes.errors import InputError
from targeting.records.json_records import check_record
from targeting.records.places import SPOT_MM, PlanPatch, plan_target
from targeting.study.aim import Aim
from targeting.study.regions import Regions
from targeting.study.target_stage import load_target, save_target, target_stage
from targeting.subject import Done
from targeting.words.target import center_fact, extent_sentence, patch_facts, ring_meaning, target_line


def resolved(name="m1-hand", side="left", **options):
    return resolve_target(name, side, group_head(), MniWarp.identity(), cortex=group_subject(), **options)


def test_a_side_without_a_point_is_refused_before_anything_is_made():
    assert Aim("dlpfc-fox", "left").checked() and Aim("dlpfc", "right").checked()
    with pytest.raises(InputError, match="published for the left side only"):
        Aim("dlpfc-fox", "right").checked()


@pytest.mark.parametrize(
    ("aim", "needs"),
    [
        (Aim("m1-hand", "left"), True),
        (Aim("psi", "right"), True),
        (Aim("m1-hand", "left", (-38.0, -20.0, 60.0)), False),
        (Aim("dpi", "left"), False),
        (Aim("mni:-38,-20,60", None), False),
        (Aim("mask.nii.gz", None), False),
    ],
)
def test_the_cortex_is_needed_where_the_folds_say_where_it_is(aim, needs):
    assert aim.needs_cortex is needs
    cortex, head = Done("cortex", "c", 1.0, group_subject), Done("mesh", "m", 1.0, group_head)
    stage = target_stage(replace(aim, name="ras:-38,-20,60") if aim.mask else aim, head, None, cortex)
    assert (cortex in stage.after) is needs
    assert Regions((aim,), ()).needs_cortex is needs


def test_a_target_is_read_back_as_it_was_kept(tmp_path):
    for name, options in (("m1-hand", {}), ("psi", {"radius_mm": 9.0}), ("dpi", {})):
        kept = resolved(name, **options)
        save_target(tmp_path / "target.npz", kept)
        back = load_target(tmp_path / "target.npz")
        for mine, its in ((kept.target, back.target), (kept.by_warp, back.by_warp)):
            if mine is None:
                assert its is None
                continue
            for each in fields(mine):
                assert np.array_equal(getattr(mine, each.name), getattr(its, each.name)), each.name
        assert (back.warnings, back.notes, back.apart_mm) == (kept.warnings, kept.notes, kept.apart_mm)
        assert back.asked_mm.tolist() == kept.asked_mm.tolist() and back.mni_mm.tolist() == kept.mni_mm.tolist()


def test_a_target_of_before_is_still_read(tmp_path):
    about = {"target": {"radius_mm": 7.0, "name": "m1-hand", "current_toward": [1.0, 1.0, 0.0]}, "warnings": ["far"]}
    np.savez(tmp_path / "target.npz", center_mm=[-38.0, -20, 60], asked_mm=[-38.0, -20, 64], about=json.dumps(about))
    back = load_target(tmp_path / "target.npz")
    assert back.target.center_mm.tolist() == [-38, -20, 60] and back.target.shape == "ball" and back.by_warp is None
    assert (back.target.current_toward, back.warnings, back.notes) == ((1.0, 1.0, 0.0), ("far",), ())


def test_the_record_says_how_the_patch_lies_and_where_the_check_is():
    found = resolved()
    record = plan_target(found, group_head())
    check_record(record, "target")
    assert record.shape == "patch" and record.patch.apart_mm == found.apart_mm
    assert np.linalg.norm(record.patch.wall_inward) == pytest.approx(1)
    assert record.patch.by_warp_mm == found.by_warp.center_mm.tolist()
    assert record.ring_mm == SPOT_MM  # it has an outline
    with pytest.raises(InputError, match="go together"):
        check_record(replace(record.patch, apart_mm=None), "patch")
    assert plan_target(resolved(radius_mm=8.0), group_head()).patch is None


def test_words_of_a_patch():
    record = plan_target(resolved(), group_head())
    faces, check = patch_facts(record)
    assert faces.name == "Cortex of the target faces" and "to its inward normal" in faces.more
    assert "left" in faces.text  # the left hemisphere's crown
    assert check.unit == "mm" and "MNI152 point at" in check.more
    assert "patch of cortex" in target_line(record) and "registration puts it" in target_line(record)
    assert "HCP-MMP1 area 4, hand" in extent_sentence(record)
    assert "by this person’s folds" in center_fact(record).more and ring_meaning(record) == "the patch’s middle"
    free = plan_target(resolved("psi"), group_head())
    assert "no direction of the current is published" in patch_facts(free)[0].more
    right = patch_facts(plan_target(resolved(side="right"), group_head()))[0]
    assert "right" in right.text and "left" not in right.text


def test_without_a_check_only_the_wall_is_told():
    record = plan_target(resolved(), group_head())
    alone = replace(record, patch=PlanPatch(record.patch.wall_inward, None, None, None))
    assert len(patch_facts(alone)) == 1 and "registration" not in target_line(alone)
    assert patch_facts(replace(record, patch=None)) == []
