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
    motor = {f"m1-{part}" for part in ("hand", "leg", "face", "shoulder", "trunk")}
    deep = {"psi", "dpi", "op1", "op2-3", "op4", "s2", "acc"}
    assert set(targets()) == motor | deep | {
        *("s1-hand", "sma", "pmd", "vertex"),
        *("dlpfc", "dlpfc-fox", "dlpfc-fitzgerald"),
    }
    for each in targets().values():
        if each.sides == ("left",):
            assert each.left_mni_mm[0] < 0 and each.right_mni_mm is None and not each.areas
            continue
        left, right = each.mni_mm("left"), each.mni_mm("right")
        assert left[0] < 0 < right[0]
        assert left != (-right[0], right[1], right[2]), f"{each.name}: right is left mirrored"
        assert np.linalg.norm(np.multiply(left, (-1, 1, 1)) - right) < 8, f"{each.name}: the sides are different places"


def test_the_package_exports_the_function_not_the_module():
    assert atlases.targets is targets


def test_every_point_is_at_the_templates_grey_matter():
    image = load_mni152_gm_template(resolution=1)
    grey = np.argwhere(image.get_fdata() > 0.5) + image.affine[:3, 3]
    crowns = {"m1-hand", "m1-shoulder", "m1-trunk", "s1-hand", "sma", "vertex", "dlpfc-fox"}  # the average has none
    for each in targets().values():
        for side in each.sides:
            near = 4.0 if each.name in crowns else 6.0 if each.name == "dlpfc-fitzgerald" else 1.2
            assert np.linalg.norm(grey - each.mni_mm(side), axis=1).min() < near, (each.name, side)


def test_anatomical_order():
    """Facts of anatomy, not our own numbers again."""
    for side in ("left", "right"):
        known = {name: each for name, each in targets().items() if side in each.sides}
        x, y, z = (
            dict(zip(known, column, strict=True))
            for column in zip(*(known[name].mni_mm(side) for name in known), strict=True)
        )
        # the motor strip runs from the midline down and forward: leg, hand, face
        strip = [abs(x[f"m1-{part}"]) for part in ("leg", "trunk", "shoulder", "hand", "face")]
        assert strip == sorted(strip)
        assert z["m1-leg"] > z["m1-hand"] > z["m1-face"]
        assert y["m1-leg"] < y["m1-hand"] < y["m1-face"]
        # OP4 is the lateral part of the parietal operculum, OP2-3 the deep one, OP1 the caudal one; insula is deepest
        assert abs(x["psi"]) < abs(x["op2-3"]) < abs(x["op1"]) < abs(x["op4"])
        assert y["op1"] < y["op4"]
        assert y["dlpfc"] > 20
        # in front of the motor strip lie the premotor cortex and the supplementary motor area, behind it the somatosensory one
        assert y["s1-hand"] < y["m1-hand"] < y["pmd"] and y["m1-leg"] < y["sma"] and abs(x["sma"]) < 10


def test_rows_have_a_cell_under_every_heading():
    rows = target_rows()
    assert {len(row) for row in rows} == {len(HEADINGS)}
    assert [row[0] for row in rows] == list(targets())
    assert rows[0][2:4] == ("HCP-MMP1 area 4, hand", "-38.6, -18.7, 64.8")
    (fox,) = (row for row in rows if row[0] == "dlpfc-fox")
    assert fox[2:5] == ("point", "-38.0, 44.0, 26.0", "not published")


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
        {"left_mni_mm": None, "right_mni_mm": None},
        {"part": "hand"},
        {"midline_mm": (0.0, 12.0)},
        {"areas": ("4",), "up_mm": (40.0, 40.0)},
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
