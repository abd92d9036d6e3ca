"""Pictures of targets on the group's cortex: the left half is drawn on the left, and the target on its own side."""

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from atlases.targets import targets
from meshes import InputError
from targeting.app.pictures import ABOVE, MIDLINE, SIDE, facing, inflated, marks_of, picture
from targeting.scene.colors import TARGET

pytestmark = pytest.mark.slow
SIZE = (360, 150)


def pink(rgb):
    """How many pixels have the target's hue, in the left half of a picture and in the right one."""
    red, green, blue = (rgb[..., k].astype(int) for k in range(3))
    hue = (red - green > 60) & (blue > green)
    assert hue.any() == bool(hue.sum())
    half = rgb.shape[1] // 2
    return int(hue[:, :half].sum()), int(hue[:, half:].sum())


@pytest.mark.parametrize("aim", ["m1-hand", "psi", "m1-leg", "area:OP1+OP4", "vertex"])
def test_the_target_is_drawn_on_its_own_side(aim):
    left, right = (pink(picture(aim, side, SIZE, words=False)) for side in ("left", "right"))
    # the letter of the chosen side has the target's colour, too, and is on that side
    assert left[0] > 20 and left[1] == 0
    assert right[1] > 20 and right[0] == 0
    assert min(pink(picture(aim, None, SIZE, words=False))) > 5


def test_a_target_of_one_side_is_not_drawn_on_the_other():
    assert pink(picture("dlpfc-fox", None, SIZE, words=False))[1] == 0
    letter_only = pink(picture("dlpfc-fox", "right", SIZE, words=False))
    assert letter_only[0] == 0
    assert pink(picture("mni:37,-21,58", None, SIZE, words=False))[0] == 0


def test_the_left_half_is_to_the_left_of_the_right_one():
    for name, each in targets().items():
        for side, mark in marks_of(name).items():
            assert mark.any(), (name, side)
            x = inflated(side).points_mm[mark, 0].mean()
            assert (x < 0) == (side == "left"), (name, side)
        assert set(marks_of(name)) == set(each.sides)


def test_targets_are_seen_from_where_they_face():
    assert facing(marks_of("m1-hand")) == ABOVE
    assert facing(marks_of("psi")) == SIDE
    assert facing(marks_of("m1-leg")) == MIDLINE


def test_what_has_no_picture_says_so():
    for aim in ("mask.nii.gz", "ras:1,2,3", "m1-hnd"):
        with pytest.raises(InputError, match="no picture"):
            picture(aim, None, SIZE)


def test_the_colour_of_the_target_is_the_one_of_all_pictures():
    red, green, blue = to_rgb(TARGET)
    assert red - green > 0.5 and blue > green
    assert picture("m1-hand", "left", SIZE).dtype == np.uint8
