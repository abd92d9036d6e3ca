"""The named targets: their table, and that each lies in the cortex it is named after."""

import numpy as np
import pytest
from nilearn.datasets import load_mni152_gm_template

import atlases
from atlases.targets import HEADINGS, NamedTarget, target_rows, targets
from meshes.errors import InputError
from meshes.tissue_codes import Tissue

GOOD = {
    "name": "spot",
    "title": "a spot",
    "left_mni_mm": (-30.0, -20.0, 50.0),
    "right_mni_mm": (31.0, -20.0, 50.0),
    "radius_mm": 5.0,
    "tissue": Tissue.GM,
    "source": "nowhere",
    "certainty": "none",
    "field_direction": "any",
    "note": "for tests",
}


def test_the_issues_targets_are_there_on_both_sides():
    assert set(targets()) == {"m1-hand", "m1-leg", "m1-face", "psi", "dpi", "op1", "op2-3", "op4", "dlpfc"}
    for each in targets().values():
        left, right = each.mni_mm("left"), each.mni_mm("right")
        assert left[0] < 0 < right[0]
        assert left != (-right[0], right[1], right[2]), f"{each.name}: right is left mirrored"
        assert np.linalg.norm(np.multiply(left, (-1, 1, 1)) - right) < 8, f"{each.name}: the sides are different places"


def test_the_package_exports_the_function_not_the_module():
    assert atlases.targets is targets


def test_every_point_is_at_the_templates_grey_matter():
    image = load_mni152_gm_template(resolution=1)
    grey = np.argwhere(image.get_fdata() > 0.5) + image.affine[:3, 3]
    for each in targets().values():
        for side in ("left", "right"):
            near = 4.0 if each.name == "m1-hand" else 1.0  # m1-hand is the core of the hand knob
            assert np.linalg.norm(grey - each.mni_mm(side), axis=1).min() < near, (each.name, side)


def test_anatomical_order():
    """Facts of anatomy, not our own numbers again."""
    for side in ("left", "right"):
        x, y, z = (
            dict(zip(targets(), column, strict=True))
            for column in zip(*(t.mni_mm(side) for t in targets().values()), strict=True)
        )
        # the motor strip runs from the midline down and forward: leg, hand, face
        assert abs(x["m1-leg"]) < abs(x["m1-hand"]) < abs(x["m1-face"])
        assert z["m1-leg"] > z["m1-hand"] > z["m1-face"]
        assert y["m1-leg"] < y["m1-hand"] < y["m1-face"]
        # OP4 is the lateral part of the parietal operculum, OP2-3 the deep one, OP1 the caudal one; insula is deepest
        assert abs(x["psi"]) < abs(x["op2-3"]) < abs(x["op1"]) < abs(x["op4"])
        assert y["op1"] < y["op4"]
        assert y["dlpfc"] > 20


def test_rows_have_a_cell_under_every_heading():
    rows = target_rows()
    assert {len(row) for row in rows} == {len(HEADINGS)}
    assert [row[0] for row in rows] == list(targets())
    assert rows[0][2] == "-38.6, -18.7, 64.8"


@pytest.mark.parametrize(
    "wrong",
    [
        {"left_mni_mm": (30.0, -20.0, 50.0)},
        {"right_mni_mm": (-30.0, -20.0, 50.0)},
        {"right_mni_mm": (30.0, -20.0, 500.0)},
        {"right_mni_mm": (float("nan"), -20.0, 50.0)},
        {"left_mni_mm": (-30.0, -20.0)},
        {"radius_mm": 0.0},
        {"radius_mm": float("nan")},
        {"note": ""},
        {"note": "two\nlines"},
    ],
)
def test_a_wrong_entry_is_refused(wrong):
    NamedTarget(**GOOD)
    with pytest.raises(InputError):
        NamedTarget(**{**GOOD, **wrong})


def test_an_unknown_side_is_refused():
    with pytest.raises(InputError, match="valid: left, right"):
        targets()["psi"].mni_mm("lef")
