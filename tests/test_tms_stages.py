"""What the later stages keep is read back as it was."""

from dataclasses import fields

import numpy as np
import pytest

from atlases import Target
from atlases.aim import AimedTarget
from targeting.tms_stages import Aim, _load_target, _save_target

SPHERE = Target(np.array([-35.0, -20.0, 58.0]), 5.0, "m1-hand", "left", "an atlas", np.float64(1.25))  # type: ignore[arg-type]
MASK = Target(np.array([30.0, 1, 2]), 4.0, mask_points_mm=np.arange(12.0).reshape(4, 3), mask_radius_mm=0.9)


@pytest.mark.parametrize(
    "aimed",
    [
        AimedTarget(SPHERE, np.array([-36.0, -20, 58]), np.array([-37.0, -21, 58]), ("moved far",)),
        AimedTarget(MASK, np.array([30.0, 1, 2]), None, ()),
    ],
)
def test_a_target_is_read_back_as_it_was(tmp_path, aimed):
    _save_target(tmp_path / "target.npz", aimed)
    again = _load_target(tmp_path / "target.npz")
    for each in fields(Target):
        np.testing.assert_equal(getattr(again.target, each.name), getattr(aimed.target, each.name))
    np.testing.assert_equal(again.asked_mm, aimed.asked_mm)
    np.testing.assert_equal(again.mni_mm, aimed.mni_mm)
    assert again.warnings == aimed.warnings


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
